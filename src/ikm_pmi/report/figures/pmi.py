"""Pictures of the chapters on the PMI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ikm_pmi.report.figures.canvas import COLOURS, canvas, intervals, shade, styled, zero_line
from ikm_pmi.results import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ikm_pmi.parameters import Episode
    from ikm_pmi.results import Estimate

__all__ = ["dose_table", "episode_effects", "episode_spells", "implied_level", "pmi_with_spells"]


def episode_spells(episodes: Sequence[Episode]) -> list[tuple[str, Any, Any]]:
    """Episodes as dated spells to shade, from the first to the last day of their months."""
    import pandas as pd

    return [
        (
            e.name.replace("_", " ").upper(),
            pd.Period(e.first, "M").start_time,
            pd.Period(e.last, "M").end_time,
        )
        for e in episodes
    ]


@styled
def pmi_with_spells(pmi: pd.Series, episodes: Sequence[Episode], source: str) -> Figure:
    """The PMI with restriction spells shaded and the extreme of each spell named.

    Parameters
    ----------
    pmi : Series
        Index points, on a PeriodIndex of months; a missing month breaks the line.
    episodes : sequence of Episode
    source : str
    """
    import pandas as pd

    last = episodes[-1]
    inside = pmi[last.first : last.last]
    before = pmi.shift(1)[inside.index[0]]
    picture = canvas(
        f"Indonesia's manufacturing PMI fell from {before:.1f} to {inside.iloc[0]:.1f} in "
        f"{inside.index[0]:%B %Y}",
        source,
    )
    ax = picture.ax
    ax.plot(
        pd.PeriodIndex(pmi.index).to_timestamp() + pd.Timedelta(days=14),
        pmi,
        color=COLOURS["main"],
        linewidth=1.5,
    )
    zero_line(ax, 50.0)
    ax.annotate(
        "50 = no change on the month", (0.005, 46.5), xycoords=("axes fraction", "data"),
        fontsize=7.5, color=COLOURS["ink"],
    )  # fmt: skip
    shade(ax, episode_spells(episodes), upright=True)
    lowest = sorted(episodes, key=lambda e: float(pmi[e.first : e.last].min()))
    for episode in lowest[:2]:  # names of shallow spells would only hide the line
        spell = pmi[episode.first : episode.last].dropna()
        least = int(spell.to_numpy().argmin())
        low, value = pd.PeriodIndex(spell.index)[least], float(spell.iloc[least])
        ax.annotate(
            f"{value:.1f}\n{low:%b %Y}", (low.start_time + pd.Timedelta(days=14), value),
            xytext=(7, -2), textcoords="offset points", fontsize=8, va="center",
        )  # fmt: skip
    ax.set_ylabel("PMI, index points")
    ax.set_ylim(top=ax.get_ylim()[1] + 9)
    return picture.figure


@styled
def episode_effects(estimates: Sequence[Estimate], title: str, source: str) -> Figure:
    """Effects by month, episode after episode: intervals in dark, simultaneous bands in light.

    Parameters
    ----------
    estimates : sequence of Estimate
        Named ``pmi.<episode>.<YYYY-MM>``, with ``band_low`` and ``band_high`` in the detail.
    title, source : str
    """
    picture = canvas(title, source, size=(7.6, 4.4))
    ax, place, ticks = picture.ax, 0.0, []
    zero_line(ax)
    colours = [COLOURS[name] for name in ("main", "second", "third", "fourth", "ink")]
    episodes = list(dict.fromkeys(e.name.split(".")[1] for e in estimates))
    for colour, episode in zip(colours * len(episodes), episodes, strict=False):
        months = [e for e in estimates if e.name.split(".")[1] == episode]
        first = place
        for e in months:
            low, high = e.detail.get("band_low"), e.detail.get("band_high")
            if low is not None and high is not None:
                ax.plot([place] * 2, [low, high], color=colour, alpha=0.3, linewidth=6,
                        solid_capstyle="butt")  # fmt: skip
            if e.ci_low is not None and e.ci_high is not None:
                ax.plot([place] * 2, [e.ci_low, e.ci_high], color=colour, linewidth=1.6)
            ax.plot(place, e.value, "o", color=colour, markersize=5)
            ax.annotate(number(e.value, 1), (place, e.value), xytext=(6, 0), fontsize=7.5,
                        textcoords="offset points", va="center", color=colour)  # fmt: skip
            ticks.append((place, e.name.rsplit(".", 1)[1]))
            place += 1
        ax.annotate(
            episode.replace("_", " ").upper().replace(" ", "\n", 1), ((first + place - 1) / 2, 1.0),
            xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=7.5,
            color=colour,
        )  # fmt: skip
        place += 0.8
    ax.set_xticks([at for at, _ in ticks], [label for _, label in ticks], rotation=60)
    ax.set_ylabel("effect on the PMI, index points")
    return picture.figure


@styled
def implied_level(level: pd.Series, reference: str, source: str) -> Figure:
    """The level of output that the PMI implies, cumulated from the reference month.

    Parameters
    ----------
    level : Series
        Point-months on a PeriodIndex: PMI minus 50, summed since the reference.
    reference : str
        ``YYYY-MM``.
    source : str
    """
    import pandas as pd

    months = pd.PeriodIndex(level.index)
    back = months[(level >= 0).to_numpy()]
    last = str(back[0]) if len(back) else "not before the data end"
    picture = canvas(
        f"Measured from {reference}, the level implied by the PMI is made up in: {last}", source,
        size=(7.6, 3.2),
    )  # fmt: skip
    ax = picture.ax
    shown = level.iloc[:18]
    colours = [COLOURS["second"] if value < 0 else COLOURS["main"] for value in shown]
    ax.bar([str(month) for month in months[:18]], shown, color=colours)
    zero_line(ax)
    ax.tick_params(axis="x", rotation=60)
    ax.set_ylabel("cumulated PMI − 50,\npoint-months")
    ax.grid(visible=False, axis="x")
    return picture.figure


@styled
def dose_table(har: pd.DataFrame, source: str) -> Figure:
    """The same coefficients under several kinds of inference, a panel a coefficient.

    Parameters
    ----------
    har : DataFrame
        Columns name, inference, value, ci_low, ci_high (index points for a move from 0 to 1).
    source : str
    """
    names = list(dict.fromkeys(har["name"]))
    span = har[har["name"] == names[0]]
    picture = canvas(
        f"A full tightening at once goes with {number(float(span['value'].max()), 0)} to "
        f"{number(float(span['value'].min()), 0)} PMI points, by error model; "
        "what a lasting restriction does hangs on it far more",
        source,
        panels=(1, len(names)),
        size=(7.6, 3.6),
    )
    for column, (ax, name) in enumerate(zip(picture.axes, names, strict=True)):
        zero_line(ax, vertical=True)
        rows = har[har["name"] == name]
        labels = rows["inference"].astype(str).str.replace("_", " ")
        numbers = rows[["value", "ci_low", "ci_high"]].astype(float).to_numpy().tolist()
        intervals(ax, [(label, *row) for label, row in zip(labels, numbers, strict=True)], digits=1)
        ax.set_title(name.removeprefix("pmi.dose."))
        ax.set_xlabel("PMI points for a move from 0 to 1")
        if column:
            ax.set_yticklabels([])
    return picture.figure
