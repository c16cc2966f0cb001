"""The common look: one canvas, one palette, restriction spells shaded, source under the picture."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

from ikm_pmi.language import language, tr, using
from ikm_pmi.report.figures import words
from ikm_pmi.results import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "Canvas", "canvas", "described", "intervals", "shade", "styled", "zero_line"]

P = ParamSpec("P")

# Okabe and Ito (2008): told apart with any common colour blindness, and by lightness in grey print.
COLOURS = {
    "ink": "#222222",
    "main": "#0072B2",
    "second": "#D55E00",
    "third": "#009E73",
    "fourth": "#CC79A7",
    "soft": "#8C8C8C",
    "shade": "#E69F00",
}


@dataclass(frozen=True, slots=True)
class Canvas:
    """A figure with its axes; ``axes`` has one entry a panel, from top left."""

    figure: Figure
    axes: tuple[Axes, ...]

    @property
    def ax(self) -> Axes:
        """The first panel."""
        return self.axes[0]


def _theme() -> AbstractContextManager[Any]:
    import matplotlib as mpl

    return mpl.rc_context(
        {
            "font.family": "DejaVu Sans",  # shipped with matplotlib: the same picture everywhere
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E6E6E6",
            "grid.linewidth": 0.7,
            "axes.edgecolor": "#7A7A7A",
            "axes.titlesize": 9.5,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "legend.frameon": False,
            "legend.fontsize": 8,
            "svg.hashsalt": "ikm_pmi",
            "svg.fonttype": "path",
        }
    )


def _picture(size: tuple[float, float]) -> Figure:
    """A figure that a notebook shows, with or without pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Plain

    class Picture(Plain):
        def _repr_png_(self) -> bytes:
            drawn = io.BytesIO()
            self.set_dpi(110)
            FigureCanvasAgg(self).print_png(drawn)  # type: ignore[no-untyped-call]
            return drawn.getvalue()

    return Picture(figsize=size, layout="constrained")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under the common theme, whatever the reader's own matplotlib settings are.

    A picture is drawn in English; when it is finished its texts get the reader's language.
    """

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _theme():
            with using("en"):
                drawn = draw(*args, **kwargs)
            if language() != "en":
                words.translate(drawn)
            return drawn

    return inside


def canvas(
    title: str,
    source: str,
    *,
    panels: tuple[int, int] = (1, 1),
    size: tuple[float, float] = (7.6, 4.2),
    share_x: bool = False,
) -> Canvas:
    """An empty picture: a title that says the finding, panels, and the source at the foot.

    Parameters
    ----------
    title : str
        The message in words, wrapped to the width.
    source : str
        Where the figures come from; printed after "Source:".
    panels : (int, int)
        Rows and columns of panels.
    size : (float, float)
        Width and height in inches.
    share_x : bool
        Whether the panels have a common horizontal axis.
    """
    figure = _picture(size)
    grid = figure.subplots(*panels, sharex=share_x, squeeze=False)
    figure.suptitle(
        words.title(title, size[0]),
        x=0.01,
        ha="left",
        fontsize=11.5,
        fontweight="bold",
        color=COLOURS["ink"],
    )
    figure.supxlabel(
        words.source(f"Source: {source}", size[0]),
        x=0.01,
        ha="left",
        fontsize=7.2,
        color="#555555",
    )
    return Canvas(figure, tuple(ax for row in grid for ax in row))


def described(figure: Figure) -> dict[str, str]:
    """Title and description for who cannot see the picture: what it says, and what is on its axes.

    Returns
    -------
    dict
        ``Title`` and ``Description``, the names that png and svg have for them; a part that the
        picture does not have is left out.
    """
    parts = []
    for ax in figure.axes:
        key = ax.get_legend()
        series = [text.get_text() for text in key.get_texts()] if key else []
        labels = {
            "Panel": ax.get_title(loc="left") or ax.get_title(),
            "Across": ax.get_xlabel(),
            "Upward": ax.get_ylabel(),
            "Series": "; ".join(series),
        }
        parts += [
            f"{tr(what)}: {' '.join(label.split())}" for what, label in labels.items() if label
        ]
    foot = figure.get_supxlabel()
    texts = {
        "Title": figure.get_suptitle(),
        "Description": ". ".join([*parts, foot]),
    }
    return {name: " ".join(text.split()).strip(". ") for name, text in texts.items() if text}


def shade(ax: Axes, spells: Sequence[tuple[str, Any, Any]], *, upright: bool = False) -> None:
    """Shade dated spells ``(label, first day, last day)`` and name them at the top.

    ``upright`` writes the names along the spells, for spells too narrow for their names.
    """
    import pandas as pd

    for label, first, last in spells:
        start, stop = pd.Timestamp(first), pd.Timestamp(last)
        ax.axvspan(
            start,  # type: ignore[arg-type]  # matplotlib converts dates itself
            stop,  # type: ignore[arg-type]
            color=COLOURS["shade"],
            alpha=0.22,
            linewidth=0,
            zorder=0,
        )
        ax.annotate(
            label,
            (start + (stop - start) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            rotation=90 if upright else 0,
            fontsize=7 if upright else 7.5,
            color="#7A4B00",
        )


def zero_line(ax: Axes, at: float = 0.0, *, vertical: bool = False) -> None:
    """A quiet reference line, at no effect or at 50 points."""
    draw = ax.axvline if vertical else ax.axhline
    draw(at, color=COLOURS["ink"], linewidth=0.9, zorder=1)


def intervals(
    ax: Axes,
    rows: Sequence[tuple[str, float, float | None, float | None]],
    *,
    colour: str = COLOURS["main"],
    offset: float = 0.0,
    label: str | None = None,
    digits: int = 2,
) -> None:
    """Draw a dot and whisker a row, labels on the vertical axis, first row on top.

    ``rows`` holds ``(label, value, low, high)``; a row without an interval is an open dot.
    """
    for place, (_, value, low, high) in enumerate(rows):
        y = len(rows) - 1 - place + offset
        bare = low is None or high is None
        if low is not None and high is not None:
            ax.plot([low, high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
        face = "white" if bare else colour
        first = label if place == 0 else None
        ax.plot(value, y, "o", color=colour, markerfacecolor=face, markersize=5, label=first)
        ax.annotate(
            number(value, digits),
            (value if high is None else max(value, high), y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=colour,
        )
    ax.set_yticks([len(rows) - 1 - place for place in range(len(rows))], [row[0] for row in rows])
    ax.set_ylim(-0.6, len(rows) - 0.3)
    ax.grid(visible=False, axis="y")
