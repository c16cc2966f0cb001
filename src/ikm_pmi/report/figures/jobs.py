"""Pictures of the chapters on jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ikm_pmi.report.figures.canvas import COLOURS, canvas, intervals, styled, zero_line
from ikm_pmi.results import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ikm_pmi.results import Estimate

__all__ = ["contrasts", "elasticity_forest", "influence", "within_scatter"]

_LABELS = {
    "pooled": "pooled",
    "between": "between",
    "fe": "unit effects",
    "twfe": "unit and year effects",
    "first_difference": "first difference",
    "long_difference": "long difference",
    "mundlak": "Mundlak",
}


@styled
def elasticity_forest(
    estimates: Mapping[str, Sequence[Estimate]], title: str, source: str
) -> Figure:
    """Elasticities by estimator, one colour a scale of industry.

    Parameters
    ----------
    estimates : mapping of str to sequence of Estimate
        Scale (``total``, ``micro``, ``small``) to estimates named
        ``elasticity.<estimator>[.<scale>]``, the same estimators for each.
    title, source : str
    """
    rows = max(len(group) for group in estimates.values())
    picture = canvas(title, source, size=(7.6, 1.6 + 0.62 * rows))
    ax = picture.ax
    for at in (0.0, 1.0):
        zero_line(ax, at, vertical=True)
    spread = 0.26
    colours = (COLOURS["main"], COLOURS["second"], COLOURS["third"])
    for place, (scale, group) in enumerate(estimates.items()):
        intervals(
            ax,
            [
                (_LABELS.get(e.name.split(".")[1], e.name), e.value, e.ci_low, e.ci_high)
                for e in group
            ],
            colour=colours[place % 3],
            offset=spread * (len(estimates) - 1) / 2 - spread * place,
            label=scale,
        )
    ax.set_xlabel("percent more workers for one percent more output")
    ax.legend(loc="upper center", ncols=3, fontsize=8.5, bbox_to_anchor=(0.5, 1.1))
    return picture.figure


@styled
def contrasts(estimates: Mapping[str, Estimate], benchmarks: pd.DataFrame, source: str) -> Figure:
    """Elasticities of other panels, the national series, and numbers printed elsewhere.

    Parameters
    ----------
    estimates : mapping of str to Estimate
        Label to estimate; one without an interval is an open dot.
    benchmarks : DataFrame
        Columns author, coverage, estimate: published numbers, without standard errors.
    source : str
    """
    rows = [(label, e.value, e.ci_low, e.ci_high) for label, e in estimates.items()]
    printed = benchmarks.dropna(subset=["estimate"])
    names = printed["author"].str.split(" (", regex=False).str[0] + ", " + printed["coverage"]
    numbers = printed["estimate"].astype(float)
    rows += [(str(name), value, None, None) for name, value in zip(names, numbers, strict=True)]
    values = [value for _, value, *_ in rows]
    picture = canvas(
        f"{len(rows)} answers from {number(min(values))} to {number(max(values))}: panels, "
        "the national series, and numbers printed by others (open dots)",
        source,
        size=(7.6, 1.6 + 0.36 * len(rows)),
    )
    for at in (0.0, 1.0):
        zero_line(picture.ax, at, vertical=True)
    intervals(picture.ax, rows)
    picture.ax.set_xlabel("percent more workers for one percent more output")
    return picture.figure


@styled
def within_scatter(frame: pd.DataFrame, slope: float, source: str, *, labels: int = 5) -> Figure:
    """Workers against output after unit and year effects are taken out.

    Parameters
    ----------
    frame : DataFrame
        Columns unit, year, log_output, log_workers: residuals from unit and year effects.
    slope : float
        The two-way elasticity.
    source : str
    labels : int
        How many of the points with the largest pull on the slope are named.
    """
    picture = canvas(
        f"Within provinces and years, one percent more output goes with {slope:.2f} percent "
        "more workers",
        source,
        size=(7.6, 4.6),
    )
    ax = picture.ax
    ax.scatter(frame["log_output"], frame["log_workers"], s=14, alpha=0.6, color=COLOURS["main"],
               edgecolor="none")  # fmt: skip
    ends = [frame["log_output"].min(), frame["log_output"].max()]
    ax.plot(ends, [slope * x for x in ends], color=COLOURS["second"], linewidth=1.6)
    pull = (frame["log_output"] * (frame["log_workers"] - slope * frame["log_output"])).abs()
    for row in frame.loc[pull.nlargest(labels).index].itertuples():
        ax.annotate(
            f"{row.unit} {row.year}", (row.log_output, row.log_workers), xytext=(5, 3),
            textcoords="offset points", fontsize=7.5,
        )  # fmt: skip
    ax.set_xlabel("log output, deviation from unit and year means")
    ax.set_ylabel("log workers, deviation")
    return picture.figure


@styled
def influence(frame: pd.DataFrame, full: float, source: str) -> Figure:
    """The estimate with each unit left out, sorted, beside the estimate with all.

    Parameters
    ----------
    frame : DataFrame
        Columns unit and without: the elasticity without that unit.
    full : float
        The elasticity with all units.
    source : str
    """
    order = frame.sort_values("without", ignore_index=True)
    far = order.iloc[int((order["without"] - full).abs().to_numpy().argmax())]
    picture = canvas(
        f"Leaving out {far['unit']} moves the elasticity most, from {full:.2f} to "
        f"{far['without']:.2f}",
        source,
        size=(7.6, 5.2),
    )
    ax = picture.ax
    ax.plot(order["without"], range(len(order)), "o", color=COLOURS["main"], markersize=4.5)
    zero_line(ax, full, vertical=True)
    ax.set_yticks(range(len(order)), list(order["unit"]), fontsize=7)
    ax.set_xlabel("elasticity without the province named")
    return picture.figure
