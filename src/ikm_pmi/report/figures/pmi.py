"""Pictures of the chapters on the PMI, the counterfactual and the country panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ikm_pmi.language import months_said, say
from ikm_pmi.parameters import Episode
from ikm_pmi.pmi.spells import parse_episodes
from ikm_pmi.report.figures import marks
from ikm_pmi.report.figures.canvas import (
    COLOURS,
    canvas,
    styled,
)
from ikm_pmi.report.words import episode_name
from ikm_pmi.results import Estimate, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def episode_spells(episodes: Sequence[Episode]) -> list[tuple[str, Any, Any]]:
    """Episodes as dated spells to shade, from the first to the last day of their months."""
    ends = [(pd.Period(e.first, "M").start_time, pd.Period(e.last, "M").end_time) for e in episodes]
    return [(episode_name(e.name), *span) for e, span in zip(episodes, ends, strict=True)]


@styled
def pmi_with_spells(
    pmi: pd.Series, episodes: Sequence[str | Episode], source: str, *,
    title: str | None = None, label: str | None = None, reference: float | None = 50.0,
) -> Figure:  # fmt: skip
    """The PMI, or another series, with spells shaded and the lowest values of two spells named.

    Parameters
    ----------
    pmi : Series
        Index points, on a PeriodIndex of months; a missing month breaks the line.
    episodes : sequence of Episode
    source : str
    title, label : str, optional
        Of another series: the message, and what its axis is in.
    reference : float, optional
        Where a quiet line stands; None draws none.
    """
    spells = parse_episodes(episodes)
    picture = canvas(title or _fall(pmi, spells[-1]), source)
    ax = picture.ax
    marks.series(ax, pmi, color=COLOURS["main"], linewidth=1.5)
    marks.reference_line(ax, reference)
    if label is None and reference == 50.0:
        ax.annotate("50 = no change on the month", (0.005, 46.5), fontsize=7.5,
                    xycoords=("axes fraction", "data"), color=COLOURS["ink"])  # fmt: skip
    marks.shade(ax, episode_spells(spells), upright=True)
    values = [pmi[e.first : e.last].dropna() for e in spells]
    lowest = sorted((spell for spell in values if len(spell)), key=lambda spell: float(spell.min()))
    for spell in lowest[:2]:  # names of shallow spells would only hide the line
        _name_lowest(ax, pmi, spell)
    ax.set_ylabel(label or "PMI, index points")
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.05 * (high - low), high + 0.25 * (high - low))
    return picture.figure


def _fall(pmi: pd.Series, episode: Episode) -> str:
    inside = pmi[episode.first : episode.last]
    before = pmi.shift(1)[inside.index[0]]
    return say("Indonesia's manufacturing PMI fell from {:.1f} to {:.1f} in {:%B %Y}",
               before, inside.iloc[0], inside.index[0])  # fmt: skip


def _name_lowest(ax: Axes, pmi: pd.Series, spell: pd.Series) -> None:
    """The lowest value of a spell and its month, on the side where the line is steeper."""
    month = spell.index[int(spell.to_numpy().argmin())]
    value = float(spell.min())
    left = pmi.get(month - 1, value) > pmi.get(month + 1, value)
    at = (marks.middle([month])[0], value)
    marks.labelled(ax, say("{:.1f}\n{:%b %Y}", value, month), at, left=left, size=8)


@styled
def episode_effects(
    estimates: Sequence[Estimate], title: str, source: str, *,
    label: str | None = None, reference: float | None = 0.0,
) -> Figure:  # fmt: skip
    """Effects by month, episode after episode, the last in its own colour; intervals and bands.

    Parameters
    ----------
    estimates : sequence of Estimate
        Named ``pmi.<episode>.<YYYY-MM>``, with ``band_low`` and ``band_high`` in the detail.
    title, source : str
    label : str, optional
        What the effects are in.
    reference : float, optional
        Where a quiet line stands; None draws none.
    """
    picture = canvas(title, source, size=(7.6, 4.4))
    ax, places = picture.ax, list[float]()
    marks.reference_line(ax, reference)
    episodes = list(dict.fromkeys(e.name.split(".")[1] for e in estimates))
    for episode in episodes:
        months = [e for e in estimates if e.name.split(".")[1] == episode]
        first = places[-1] + 1.8 if places else 0.0
        at = [first + step for step in range(len(months))]
        colour = "second" if episode == episodes[-1] else "main"
        marks.columns(ax, at, months, colour, named=not places)
        for x, e in zip(at, months, strict=True):
            marks.labelled(ax, number(e.value, 1), (x, e.value), colour)
        ax.annotate(
            episode_name(episode).replace(" ", "\n", 1), (sum(at) / len(at), 1.0), ha="center",
            xycoords=("data", "axes fraction"), va="bottom", fontsize=7.5, color=COLOURS[colour],
        )  # fmt: skip
        places += at
    marks.month_ticks(ax, places, [e.name.rsplit(".", 1)[1] for e in estimates])
    ax.set_ylabel(label or "distance from the expected PMI,\nindex points")
    ax.margins(x=0.06)
    ax.legend(loc="lower right")
    return picture.figure


@styled
def observed_and_counterfactual(
    pmi: pd.Series, paths: pd.DataFrame, episodes: Sequence[Episode], source: str, *,
    title: str | None = None, label: str | None = None, reference: float | None = 50.0,
) -> Figure:  # fmt: skip
    """The PMI as it was and as it was expected, with band and gap, for a newspaper.

    Parameters
    ----------
    pmi : Series
        Index points on a PeriodIndex; a missing month breaks the line.
    paths : DataFrame
        One model: episode, month, observed, counterfactual, simultaneous_low,
        simultaneous_high (index points).
    episodes : sequence of Episode
        In the order of time; the last gives the title, and its mean gap is drawn.
    source : str
    title, label : str, optional
        Another message, and what the axis is in.
    reference : float, optional
        Where a quiet line stands; None draws none.
    """
    last = paths[paths["episode"] == episodes[-1].name]
    gap = float((last["observed"] - last["counterfactual"]).mean())
    title = title or say("In {} the PMI stood {} points below its expected path",
                         months_said(episodes[-1].first, episodes[-1].last),
                         number(-gap, 1))  # fmt: skip
    picture = canvas(title, source)
    ax = picture.ax
    marks.series(ax, pmi, "observed", color=COLOURS["ink"], linewidth=1.6)
    for place, episode in enumerate(episodes):
        _expected(ax, pmi, paths[paths["episode"] == episode.name], named=place == 0)
    marks.shade(ax, episode_spells(episodes))
    _gap(ax, marks.middle(last["month"]), last)
    marks.reference_line(ax, reference)
    ax.set_ylabel(label or "PMI, index points")
    ax.set_ylim(top=ax.get_ylim()[1] + 3)
    ax.legend(loc="lower right" if reference == 50.0 else "best")
    return picture.figure


def _gap(ax: Axes, months: pd.DatetimeIndex, path: pd.DataFrame) -> None:
    """The mean distance of the observed months from the expected path, as an arrow."""
    expected, observed = (float(path[name].mean()) for name in ("counterfactual", "observed"))
    arrow = {"arrowstyle": "->", "color": COLOURS["second"], "linewidth": 1.5, "shrinkB": 0}
    ax.annotate("", (months.mean(), observed), (months.mean(), expected), arrowprops=arrow)
    at = (months[-1] + (months[-1] - months[0]) / 2, (expected + observed) / 2)
    marks.labelled(ax, say("{}\non average", number(observed - expected, 1)), at, "second", size=9)


def _expected(ax: Axes, pmi: pd.Series, path: pd.DataFrame, *, named: bool) -> None:
    """The expected path of one episode with its band, from the month before."""
    months = pd.PeriodIndex(path["month"], freq="M")
    at = marks.middle(months.insert(0, months[0] - 1))
    start = float(pmi.get(months[0] - 1, float("nan")))
    expected, low, high = (
        [start, *path[name].astype(float)]
        for name in ("counterfactual", "simultaneous_low", "simultaneous_high")
    )
    ax.fill_between(at, low, high, color=COLOURS["main"], alpha=0.25, linewidth=0,
                    label="95% band, all months together" if named else None)  # fmt: skip
    marks.line(ax, at, expected, "expected path" if named else "", color=COLOURS["main"],
         marker="o", linestyle="--", markersize=4.5)  # fmt: skip


@styled
def side_by_side(
    table: pd.DataFrame, episode: str, source: str, *,
    title: str | None = None, label: str | None = None, reference: float | None = 0.0,
) -> Figure:  # fmt: skip
    """Every estimator's mean effect with its interval.

    Parameters
    ----------
    table : DataFrame
        From ``pmi.synthesis.synthesis``.
    episode, source : str
    title, label : str, optional
        Another message, and what the axis is in.
    reference : float, optional
        Where a quiet line stands; None draws none.
    """
    low, high = table["estimate"].min(), table["estimate"].max()
    title = title or say("{}: the PMI stood {} to {} points below what was to be expected, by {} "
                         "methods", episode_name(episode), number(-high, 1), number(-low, 1),
                         len(table))  # fmt: skip
    numbers = table[["estimate", "ci_low", "ci_high"]].astype(float).to_numpy().tolist()
    rows = [(str(name), *row) for name, row in zip(table["estimator"], numbers, strict=True)]
    label = label or "mean distance from the expected path, index points"
    return _forest(rows, title, source, label=label, reference=reference, digits=1)


@styled
def forest(
    rows: Sequence[tuple[str, float, float | None, float | None]], title: str, source: str, *,
    label: str = "", reference: float | None = 0.0, digits: int = 2, named: str = "",
) -> Figure:  # fmt: skip
    """Any estimates with their intervals, one a row.

    Parameters
    ----------
    rows : sequence of (str, float, float or None, float or None)
        Name, value, low and high; without an end an open dot.
    title, source : str
    label : str
        What the axis is in.
    reference : float, optional
        Where a quiet line stands; None draws none.
    digits : int
        Digits after the point of the numbers printed.
    named : str
        What the quiet line is.
    """
    figure = _forest(rows, title, source, label=label, reference=reference, digits=digits)
    if named and reference is not None:
        marks.name_upright(figure.axes[0], named, reference)
    return figure


def _forest(
    rows: Sequence[tuple[str, float, float | None, float | None]], title: str, source: str,
    *, label: str, reference: float | None, digits: int | None = 2,
) -> Figure:  # fmt: skip
    picture = canvas(title, source, size=(7.6, 1.6 + 0.4 * len(rows)))
    marks.reference_line(picture.ax, reference, vertical=True)
    marks.intervals(picture.ax, rows, digits=digits)
    picture.ax.set_xlabel(label)
    return picture.figure


@styled
def local_projections(
    estimates: Sequence[Estimate], title: str, source: str, *,
    label: str | None = None, reference: float | None = 0.0,
) -> Figure:  # fmt: skip
    """Response by months since the tightening: intervals in dark, simultaneous band in light.

    Parameters
    ----------
    estimates : sequence of Estimate
        ``panel.lp.<horizon>``; ``band_low`` and ``band_high`` in the detail.
    title, source : str
    label : str, optional
        What the response is in.
    reference : float, optional
        Where a quiet line stands; None draws none.
    """
    picture = canvas(title, source, size=(7.6, 3.8))
    ax = picture.ax
    marks.reference_line(ax, reference)
    marks.columns(ax, list(range(len(estimates))), estimates, joined=True)
    ax.set_xlabel("months since restrictions tightened")
    ax.set_ylabel(label or "PMI points for\n+10 points of stringency")
    ax.legend(loc="lower right")
    return picture.figure


@styled
def wave_and_rest(
    forks: pd.DataFrame, gap: Estimate, title: str, source: str, *, label: str | None = None,
) -> Figure:  # fmt: skip
    """Wave and rest under every form of the epidemic, with the envelope of all sets shaded.

    Parameters
    ----------
    forks : DataFrame
        Of :class:`ikm_pmi.pmi.wave.WaveResult`.
    gap : Estimate
        Drawn as an upright line where the rest would be without a wave.
    title, source : str
    label : str, optional
        What the axes are in.
    """
    picture = canvas(title, source, panels=(1, 2), size=(7.6, 1.9 + 0.28 * len(forks)))
    panels = (
        ("wave, in other countries", "main", ("value", "ci_low", "ci_high")),
        ("rest, gap minus wave", "second", ("rest", "rest_low", "rest_high")),
    )
    for ax, (head, colour, columns) in zip(picture.axes, panels, strict=True):
        numbers = forks[list(columns)].astype(object).where(forks[list(columns)].notna(), None)
        rows = [(name, *row) for name, row in zip(forks["words"], numbers.to_numpy(), strict=True)]
        ends = forks[columns[1]].min(), forks[columns[2]].max()
        ax.axvspan(*ends, color=COLOURS["shade"], alpha=0.15, linewidth=0, zorder=0)
        marks.reference_line(ax, vertical=True)
        marks.intervals(ax, rows, colour=colour, digits=1)
        ax.set_title(head)
        ax.set_xlabel(
            label or "PMI points, mean of the months\n(shaded: all 95% intervals together)"
        )
    right = picture.axes[1]
    right.set_yticklabels([])
    right.axvline(gap.value, color=COLOURS["ink"], linewidth=1.2, linestyle="--", zorder=1)
    right.set_ylim(top=len(forks) + 0.6)
    picture.axes[0].set_ylim(top=len(forks) + 0.6)
    marks.labelled(right, say("the whole gap, {}", number(gap.value, 1)), (gap.value, len(forks)))
    return picture.figure
