"""What pictures are made of: lines, dots and bars by seaborn, intervals from given numbers.

Seaborn never computes an interval here: it would resample, without our seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.language import say
from ikm_pmi.report.figures.canvas import COLOURS
from ikm_pmi.results import Estimate, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def line(ax: Axes, x: Iterable[Any], y: Iterable[float], label: str = "", **look: Any) -> None:
    """A line that stops where a value is missing; a value between two missing ones is a dot."""
    import seaborn as sns

    places, heights = np.asarray(list(x)), np.asarray(list(y), float)
    there, before = ~np.isnan(heights), len(ax.lines)
    sns.lineplot(
        x=places[there], y=heights[there], units=np.cumsum(~there)[there], estimator=None,
        errorbar=None, sort=False, ax=ax, **look,
    )  # fmt: skip
    for place, drawn in enumerate(ax.lines[before:]):
        drawn.set_label("_" if place or not label else label)
        if len(drawn.get_xdata()) == 1:  # type: ignore[arg-type]  # an array
            drawn.set_marker("o")


def middle(months: Iterable[Any]) -> pd.DatetimeIndex:
    """Where a month stands on an axis of dates: at its middle."""
    return pd.PeriodIndex(list(months), freq="M").to_timestamp() + pd.Timedelta(days=14)


def series(ax: Axes, monthly: pd.Series, label: str = "", **look: Any) -> None:
    """A monthly series by date; a month without a row is missing too."""
    have = pd.PeriodIndex(monthly.index)
    whole = monthly.reindex(pd.period_range(have.min(), have.max(), freq="M"))
    line(ax, middle(whole.index), whole, label, **look)


def dots(ax: Axes, x: Any, y: Any, colour: str = "main", size: float = 25, **look: Any) -> None:
    """Dots of one colour of ours, in front of lines; open ones have a white ``facecolor``."""
    import seaborn as sns

    ink = COLOURS[colour]
    paint = {"facecolor": ink, "edgecolor": ink, "linewidth": 0.8}
    look = {"color": ink, "zorder": 3} | ({} if look.get("marker") == "|" else paint) | look
    sns.scatterplot(x=np.atleast_1d(x), y=np.atleast_1d(y), s=size, legend=False, ax=ax, **look)


def bars(ax: Axes, names: Iterable[str], values: Any, colours: Iterable[str]) -> None:
    """A bar a row, first row on top, names on the vertical axis."""
    import seaborn as sns

    places = list(range(len(values)))
    sns.barplot(
        x=np.asarray(values, float), y=places, hue=places, palette=[COLOURS[c] for c in colours],
        width=0.7, errorbar=None, saturation=1, orient="h", legend=False, ax=ax,
    )  # fmt: skip
    ax.set_yticks(places, list(names))
    ax.grid(visible=False, axis="y")


def columns(
    ax: Axes, x: Sequence[float], estimates: Sequence[Estimate], colour: str = "main", *,
    named: bool = True, joined: bool = False,
) -> None:  # fmt: skip
    """Estimates side by side: dots, intervals in dark, simultaneous bands in light.

    ``joined`` draws the dots and the band as lines; ``named`` gives them names for a legend.
    """
    ink, level = COLOURS[colour], estimates[0].ci_level
    names = [
        "_" if not named else name if level is None else say("{} {}", percent(level), name)
        for name in ("band, all months together", "interval")
    ]
    ends = ((e.detail.get("band_low"), e.detail.get("band_high"), e.ci_low, e.ci_high)
            for e in estimates)  # fmt: skip
    low, high, *interval = np.array(list(ends), float).T
    if joined:
        ax.fill_between(x, low, high, color=ink, alpha=0.18, linewidth=0, label=names[0])
        line(ax, x, [e.value for e in estimates], color=ink)
    elif not np.isnan(low).all():
        ax.vlines(x, low, high, color=ink, alpha=0.3, linewidth=6, label=names[0])
    ax.vlines(x, *interval, color=ink, linewidth=1.6, label=names[1])
    dots(ax, x, [e.value for e in estimates], colour)


def intervals(
    ax: Axes, rows: Sequence[tuple[str, float, float | None, float | None]], *,
    colour: str = "main", label: str | None = None, digits: int | None = 2,
) -> None:  # fmt: skip
    """Draw a dot and whisker a row, labels on the vertical axis, first row on top.

    ``rows`` holds ``(label, value, low, high)``; a row without an interval is an open dot. Values
    stand above their dots; without ``digits`` they have two significant ones.
    """
    places = [len(rows) - 1 - place for place in range(len(rows))]
    bare = [low is None or high is None for _, _, low, high in rows]
    for place, (_, value, low, high) in zip(places, rows, strict=True):
        y = place
        if low is not None and high is not None:
            ax.plot([low, high], [y, y], color=COLOURS[colour], linewidth=1.6,
                    solid_capstyle="butt")  # fmt: skip
        said = f"{value:.2g}".replace("-", "−") if digits is None else number(value, digits)
        _above(ax, said, (value, y), colour)
    faces = ["white" if open_ else COLOURS[colour] for open_ in bare]
    dots(ax, [row[1] for row in rows], places, colour,
         facecolor=faces, label=label)  # fmt: skip
    ax.set_yticks(places, [row[0] for row in rows])
    ax.set_ylim(-0.6, len(rows) - 0.3)
    ax.grid(visible=False, axis="y")


def labelled(
    ax: Axes, text: str, at: tuple[Any, Any], colour: str = "ink", *, left: bool = False,
    size: float = 7.5,
) -> None:  # fmt: skip
    """A small text beside a point."""
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.3}
    ax.annotate(
        text, at, xytext=(-5 if left else 5, 0), textcoords="offset points", va="center",
        ha="right" if left else "left", fontsize=size, color=COLOURS[colour], bbox=behind,
    )  # fmt: skip


def _above(ax: Axes, text: str, at: tuple[Any, Any], colour: str) -> None:
    """A value above its dot."""
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 0.1}
    ax.annotate(
        text, at, xytext=(0, 4), textcoords="offset points", va="bottom", ha="center", fontsize=7.5,
        color=COLOURS[colour], bbox=behind,
    )  # fmt: skip


def left_out(ax: Axes, names: Sequence[str], values: Any, full: float, name: str) -> None:
    """An estimate a row with one unit left out, and an upright line where it stands with all."""
    rows = list(range(len(names)))
    dots(ax, values, rows)
    ax.axvline(full, color=COLOURS["second"], linewidth=1.2, zorder=1)
    name_upright(ax, name, full, "second")
    ax.set_yticks(rows, names, fontsize=8 if len(names) < 25 else 7)


def name_upright(ax: Axes, name: str, at: float, colour: str = "ink") -> None:
    """The name of an upright line, above the axes."""
    ax.annotate(name, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2), ha="center",
                textcoords="offset points", fontsize=8, color=COLOURS[colour])  # fmt: skip


def month_ticks(ax: Axes, places: Sequence[float], months: Iterable[Any], every: int = 1) -> None:
    """Months under an axis, the year with the first of them and whenever it changes."""
    shown = pd.PeriodIndex(list(months), freq="M")[::every]
    years = [0, *shown.year]
    pairs = zip(shown, years, strict=False)
    texts = [say("{:%b}\n{:%Y}", m, m) if m.year != y else f"{m:%b}" for m, y in pairs]
    ax.set_xticks(places[::every], texts)


def shade(ax: Axes, spells: Sequence[tuple[str, Any, Any]], *, upright: bool = False) -> None:
    """Shade dated spells ``(label, first day, last day)`` and name them at the top.

    ``upright`` writes the names along the spells, for spells too narrow for their names.
    """
    for label, first, last in spells:
        start, stop = pd.Timestamp(first), pd.Timestamp(last)
        days: Any = (start, stop)  # matplotlib converts dates itself
        ax.axvspan(*days, color=COLOURS["shade"], alpha=0.22, linewidth=0, zorder=0)
        ax.annotate(
            label, (start + (stop - start) / 2, 1.0), xycoords=("data", "axes fraction"),
            xytext=(0, -3), textcoords="offset points", ha="center", va="top", color="#7A4B00",
            rotation=90 if upright else 0, fontsize=7 if upright else 7.5,
        )  # fmt: skip


def reference_line(ax: Axes, at: float | None = 0.0, *, vertical: bool = False) -> None:
    """A quiet line, at no effect or at 50 points; none where ``at`` is None."""
    if at is not None:
        draw = ax.axvline if vertical else ax.axhline
        draw(at, color=COLOURS["ink"], linewidth=0.9, zorder=1)
