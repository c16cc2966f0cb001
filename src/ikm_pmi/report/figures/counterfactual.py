"""Pictures of the counterfactual and of the country panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ikm_pmi.report.figures.canvas import (
    COLOURS,
    canvas,
    intervals,
    styled,
    zero_line,
)
from ikm_pmi.results import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ikm_pmi.parameters import Episode
    from ikm_pmi.results import Estimate

__all__ = [
    "left_out",
    "local_projections",
    "observed_and_counterfactual",
    "placebo_space",
    "side_by_side",
]


@styled
def observed_and_counterfactual(
    pmi: pd.Series, paths: pd.DataFrame, episodes: Sequence[Episode], source: str
) -> Figure:
    """The PMI as it was and as it was expected, with the simultaneous band, for a newspaper.

    Parameters
    ----------
    pmi : Series
        Index points on a PeriodIndex.
    paths : DataFrame
        One model: episode, month, observed, counterfactual, simultaneous_low,
        simultaneous_high (index points).
    episodes : sequence of Episode
        In the order of time; the last gives the title.
    source : str
    """
    import pandas as pd

    last = paths[paths["episode"] == episodes[-1].name]
    gap = float((last["observed"] - last["counterfactual"]).mean())
    picture = canvas(
        f"In {episodes[-1].first} to {episodes[-1].last} the PMI stood {number(-gap, 1)} points "
        "below its expected path",
        source,
    )
    ax = picture.ax
    ax.plot(pmi.index.astype(str), pmi, color=COLOURS["ink"], linewidth=1.6, label="observed")
    positions = {month: place for place, month in enumerate(pd.PeriodIndex(pmi.index))}
    for number_, episode in enumerate(episodes):
        path = paths[paths["episode"] == episode.name]
        months = pd.PeriodIndex(path["month"], freq="M")
        x = [positions[month] for month in months]
        start = float(pmi.iloc[x[0] - 1])
        line = [start, *path["counterfactual"].astype(float)]
        low = [start, *path["simultaneous_low"].astype(float)]
        high = [start, *path["simultaneous_high"].astype(float)]
        at = [x[0] - 1, *x]
        once = number_ == 0
        ax.fill_between(at, low, high, color=COLOURS["main"], alpha=0.25, linewidth=0,
                        label="95% band, all months together" if once else None)  # fmt: skip
        ax.plot(at, line, "o--", color=COLOURS["main"], markersize=3.5, linewidth=1.3,
                label="expected path" if once else None)  # fmt: skip
        ax.axvspan(x[0] - 0.5, x[-1] + 0.5, color=COLOURS["shade"], alpha=0.22, linewidth=0)
        ax.annotate(
            episode.name.replace("_", " ").upper(), ((x[0] + x[-1]) / 2, 1.0), ha="center",
            xycoords=("data", "axes fraction"), va="top", fontsize=7.5, color="#7A4B00",
            xytext=(0, -3), textcoords="offset points",
        )  # fmt: skip
    zero_line(ax, 50.0)
    ticks = list(range(0, len(pmi), 6))
    ax.set_xticks(ticks, [str(pmi.index[place]) for place in ticks])
    ax.set_ylabel("PMI, index points")
    ax.set_ylim(top=ax.get_ylim()[1] + 3)
    ax.legend(loc="lower right")
    return picture.figure


@styled
def side_by_side(table: pd.DataFrame, episode: str, source: str) -> Figure:
    """Every estimator's mean effect with its interval.

    Parameters
    ----------
    table : DataFrame
        From ``models.synthesis.synthesis``.
    episode, source : str
    """
    low, high = table["estimate"].min(), table["estimate"].max()
    picture = canvas(
        f"{episode.replace('_', ' ').upper()}: between {number(high, 1)} and {number(low, 1)} "
        f"points a month, by {len(table)} estimators",
        source,
        size=(7.6, 1.6 + 0.4 * len(table)),
    )
    zero_line(picture.ax, vertical=True)
    numbers = table[["estimate", "ci_low", "ci_high"]].astype(float).to_numpy().tolist()
    rows = [(str(name), *row) for name, row in zip(table["estimator"], numbers, strict=True)]
    intervals(picture.ax, rows, digits=1)
    picture.ax.set_xlabel("mean effect on the PMI, index points")
    return picture.figure


@styled
def placebo_space(placebos: pd.DataFrame, treated: str, source: str) -> Figure:
    """Ratio of the error after to the error before, Indonesia beside every donor.

    Parameters
    ----------
    placebos : DataFrame
        Index unit; column rmspe_ratio.
    treated, source : str
    """
    order = placebos.sort_values("rmspe_ratio")
    rank = int((order["rmspe_ratio"] >= order["rmspe_ratio"][treated]).sum())
    picture = canvas(
        f"The miss of {treated}'s twin in the episode, set against its miss before, ranks "
        f"{rank} of {len(order)}",
        source,
        size=(7.6, 3.2),
    )
    ax = picture.ax
    colours = [COLOURS["second"] if unit == treated else COLOURS["soft"] for unit in order.index]
    ax.barh(list(order.index), order["rmspe_ratio"], color=colours)
    ax.set_xlabel("root mean squared error in the episode over the same before")
    ax.grid(visible=False, axis="y")
    return picture.figure


@styled
def local_projections(estimates: Sequence[Estimate], title: str, source: str) -> Figure:
    """Response by months since the tightening: intervals in dark, simultaneous band in light.

    Parameters
    ----------
    estimates : sequence of Estimate
        ``panel.lp.<horizon>``; ``band_low`` and ``band_high`` in the detail.
    title, source : str
    """
    picture = canvas(title, source, size=(7.6, 3.8))
    ax = picture.ax
    x = list(range(len(estimates)))
    zero_line(ax)
    ax.fill_between(
        x, [e.detail["band_low"] for e in estimates], [e.detail["band_high"] for e in estimates],
        color=COLOURS["main"], alpha=0.18, linewidth=0, label="95% band, all months together",
    )  # fmt: skip
    for place, e in zip(x, estimates, strict=True):
        ax.plot([place] * 2, [e.ci_low or 0.0, e.ci_high or 0.0], color=COLOURS["main"])
    ax.plot(x, [e.value for e in estimates], "o-", color=COLOURS["main"], markersize=4.5)
    ax.set_xlabel("months since restrictions tightened")
    ax.set_ylabel("PMI points for\n+10 points of stringency")
    ax.legend(loc="lower right")
    return picture.figure


@styled
def left_out(influence: pd.DataFrame, full: float, source: str) -> Figure:
    """The coefficient of the change with each country left out.

    Parameters
    ----------
    influence : DataFrame
        Columns left_out and change.
    full : float
        With all countries.
    source : str
    """
    order = influence.sort_values("change", ignore_index=True)
    picture = canvas(
        f"Without one country the coefficient lies between {number(order['change'].min())} and "
        f"{number(order['change'].max())} (all: {number(full)})",
        source,
        size=(7.6, 4.2),
    )
    ax = picture.ax
    ax.plot(order["change"], range(len(order)), "o", color=COLOURS["main"], markersize=4.5)
    zero_line(ax, full, vertical=True)
    zero_line(ax, 0.0, vertical=True)
    ax.set_yticks(range(len(order)), list(order["left_out"]), fontsize=8)
    ax.set_xlabel("PMI points for +10 points of stringency, without the country named")
    return picture.figure
