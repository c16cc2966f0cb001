"""Pictures of the chapters on the PMI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ikm_pmi.report.figures.canvas import COLOURS, canvas, intervals, shade, styled, zero_line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ikm_pmi.parameters import Episode
    from ikm_pmi.results import Estimate

__all__ = ["dose_table", "episode_effects", "episode_spells", "pmi_with_spells"]


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
        pd.PeriodIndex(pmi.index).to_timestamp(how="end"), pmi, color=COLOURS["main"], linewidth=1.5
    )
    zero_line(ax, 50.0)
    ax.annotate(
        "50 = no change on the month", (0.005, 50.3), xycoords=("axes fraction", "data"),
        fontsize=7.5, color=COLOURS["ink"],
    )  # fmt: skip
    shade(ax, episode_spells(episodes))
    for episode in episodes:
        spell = pmi[episode.first : episode.last].dropna()
        least = int(spell.to_numpy().argmin())
        low, value = pd.PeriodIndex(spell.index)[least], float(spell.iloc[least])
        ax.annotate(
            f"{value:.1f}\n{low:%b %Y}", (low.end_time, value), xytext=(7, -2),
            textcoords="offset points", fontsize=8, va="center",
        )  # fmt: skip
    ax.set_ylabel("PMI, index points")
    ax.set_ylim(top=ax.get_ylim()[1] + 4)
    return picture.figure


@styled
def episode_effects(effects: Mapping[str, Sequence[Estimate]], title: str, source: str) -> Figure:
    """Effects by month of each episode, a panel an episode, with intervals.

    Parameters
    ----------
    effects : mapping of str to sequence of Estimate
        Episode name to the rows of its panel, top to bottom; the last part of an estimate's
        name is the row's label.
    title, source : str
    """
    rows = max(len(estimates) for estimates in effects.values())
    picture = canvas(
        title, source, panels=(1, len(effects)), size=(7.6, 1.9 + 0.42 * rows), share_x=True
    )
    for ax, (name, estimates) in zip(picture.axes, effects.items(), strict=True):
        zero_line(ax, vertical=True)
        intervals(
            ax,
            [(e.name.rsplit(".", 1)[1], e.value, e.ci_low, e.ci_high) for e in estimates],
            digits=1,
        )
        ax.set_title(name.replace("_", " ").upper())
        ax.set_xlabel("effect on the PMI, index points")
    return picture.figure


@styled
def dose_table(estimates: Mapping[str, Sequence[Estimate]], title: str, source: str) -> Figure:
    """The same coefficients under several standard errors, a panel a coefficient.

    Parameters
    ----------
    estimates : mapping of str to sequence of Estimate
        Coefficient to one estimate a method; ``method`` is the row's label.
    title, source : str
    """
    rows = max(len(group) for group in estimates.values())
    picture = canvas(
        title, source, panels=(1, len(estimates)), size=(7.6, 1.9 + 0.42 * rows), share_x=False
    )
    for column, (ax, (name, group)) in enumerate(zip(picture.axes, estimates.items(), strict=True)):
        zero_line(ax, vertical=True)
        intervals(ax, [(e.method, e.value, e.ci_low, e.ci_high) for e in group], digits=1)
        ax.set_title(name)
        ax.set_xlabel("PMI points for a move from 0 to 1")
        if column:
            ax.set_yticklabels([])
    return picture.figure
