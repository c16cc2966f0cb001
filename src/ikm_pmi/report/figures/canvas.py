"""The common look: seaborn's grid and sizes, one palette, a title, the source under the picture.

The words of a picture are wrapped to its width, and put into the reader's language at the end.
"""

from __future__ import annotations

import functools
import io
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

import pandas as pd

from ikm_pmi.language import language, remember, say, tr, using
from ikm_pmi.report.words import worded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text

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


# What differs from seaborn's "whitegrid" for a page of paper.
_THEME = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib: the same picture everywhere
    "font.size": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E6E6E6",
    "axes.edgecolor": "#7A7A7A",
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "date.autoformatter.month": "%b %Y",
    "date.autoformatter.day": "%d %b %Y",
    # Without this an svg carries random ids.
    "svg.hashsalt": "ikm_pmi",
    "svg.fonttype": "path",
}


@contextmanager
def theme() -> Iterator[None]:
    """Matplotlib's defaults, seaborn's theme and ours, whatever the reader's settings are."""
    import matplotlib as mpl
    import seaborn as sns

    with mpl.rc_context():
        mpl.rcdefaults()
        cycle = [COLOURS[name] for name in ("main", "second", "third", "fourth")]
        sns.set_theme("paper", "whitegrid", palette=cycle, color_codes=False, rc=_THEME)
        yield


@functools.cache
def _kind() -> type[Figure]:
    """The class of our pictures: a notebook shows them alike, with or without pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Plain

    class Picture(Plain):
        def _repr_png_(self) -> bytes:
            drawn = io.BytesIO()
            self.set_dpi(110)
            with theme():
                FigureCanvasAgg(self).print_png(drawn)  # type: ignore[no-untyped-call]
            return drawn.getvalue()

    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:  # where pyplot, once used, would show every figure its own way
        shell.display_formatter.formatters["image/png"].for_type(Picture, Picture._repr_png_)
    return Picture


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under the common theme, whatever the reader's own matplotlib settings are.

    A picture is drawn in English; when it is finished its texts get the reader's language.
    """

    @functools.wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with theme():
            with using("en"):
                drawn = draw(*args, **kwargs)
                _words_for_names(drawn)
            if language() != "en":
                translate(drawn)
            return drawn

    return inside


def canvas(
    title: str, source: str, *,
    panels: tuple[int, int] = (1, 1), size: tuple[float, float] = (7.6, 4.2), share_x: bool =
    False,
) -> Canvas:  # fmt: skip
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
    figure = _titled(title, source, size)
    grid = figure.subplots(*panels, sharex=share_x, squeeze=False)
    return Canvas(figure, tuple(ax for row in grid for ax in row))


def facets(
    title: str, source: str, data: pd.DataFrame, mark: Any = None, *,
    size: tuple[float, float], share_y: bool = True, **variables: str,
) -> Canvas:  # fmt: skip
    """The same drawing once for every value of a column ``panel``, side by side, by seaborn.

    Parameters
    ----------
    title, source : str
        As in :func:`canvas`.
    data : DataFrame
        One row a mark; the values of ``panel``, in their order, head the panels.
    mark : seaborn.objects.Mark, optional
        What is drawn in every panel, as ``seaborn.objects.Dot()``; None leaves the panels empty.
    size : (float, float)
        Width and height in inches.
    share_y : bool
        Whether the panels have a common vertical axis.
    **variables : str
        Columns by what they are drawn as (``x``, ``y``).
    """
    import matplotlib as mpl
    import seaborn.objects as so

    figure = _titled(title, source, size)
    look = {name: mpl.rcParams[name] for name in so.Plot.config.theme}
    plot = so.Plot(data, **variables).facet(col="panel").share(x=False, y=share_y)
    plot = plot.label(x="", y="").theme(look).on(figure)
    (plot if mark is None else plot.add(mark)).plot()
    return Canvas(figure, tuple(figure.axes))


def _titled(title: str, source: str, size: tuple[float, float]) -> Figure:
    figure = _kind()(figsize=size, layout="constrained")
    head: dict[str, Any] = {"fontsize": 11.5, "fontweight": "bold", "color": COLOURS["ink"]}
    figure.suptitle(_wrapped(worded(title), size[0], _TITLE), x=0.01, ha="left", **head)
    foot = _wrapped(say("Source: {}", source), size[0], _FOOT) if source else ""
    figure.supxlabel(foot, x=0.01, ha="left", fontsize=7.2, color="#555555")
    return figure


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


_TITLE, _FOOT = 9.8, 17  # letters an inch of the bold title and of the small line at the foot


def _wrapped(text: str, inches: float, letters: float) -> str:
    """The text in lines, remembered as it is without them."""
    return remember("\n".join(textwrap.wrap(text, int(inches * letters))), "{}", [text])


def _words_for_names(figure: Figure) -> None:
    """Months, countries and names of the code as words, in all texts but the title."""
    from matplotlib.ticker import FixedLocator

    for text in _texts(figure):
        text.set_text(worded(text.get_text()))
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if isinstance(axis.get_major_locator(), FixedLocator):
            places = list(axis.get_majorticklocs())
            before = axis.get_major_formatter().format_ticks(places)
            if before != (after := list(map(worded, before))):
                axis.set_ticks(places, after)


def translate(figure: Figure) -> None:
    """Put every text of a finished picture into the reader's language."""
    width = figure.get_figwidth()
    letters = {figure.get_suptitle(): _TITLE, figure.get_supxlabel(): _FOOT}
    for text in figure.texts:
        text.set_text(_wrapped(tr(text.get_text()), width, letters[text.get_text()]))
    heads: set[Text] = set()
    if len(figure.axes) > 1:
        for ax in figure.axes:
            heads |= {ax.title, ax._left_title, ax.xaxis.label}  # type: ignore[attr-defined]
    for text in _texts(figure):
        said = tr(text.get_text())
        text.set_text(_as_wide(said, text.get_text()) if text in heads else said)
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            _translate_ticks(axis)


def _as_wide(text: str, english: str) -> str:
    """A text over or under one of several panels in lines no longer than the English ones."""
    width = max(16, *map(len, english.split("\n")))
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


@contextmanager
def figure_translated(figure: Figure) -> Iterator[None]:
    """A picture drawn in English with the reader's texts inside the with-block."""
    before = [(text, text.get_text()) for text in (*figure.texts, *_texts(figure))]
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    formatters = [(axis, axis.get_major_formatter()) for axis in axes]
    translate(figure)
    try:
        yield
    finally:
        for text, english in before:
            text.set_text(english)
        for axis, formatter in formatters:
            axis.set_major_formatter(formatter)


def _texts(figure: Figure) -> Iterator[Text]:
    for ax in figure.axes:
        yield from ax.texts
        yield from (ax.xaxis.label, ax.yaxis.label)
        yield from (ax.title, ax._left_title, ax._right_title)  # type: ignore[attr-defined]
        legend = ax.get_legend()
        if legend is not None:
            yield from legend.get_texts()


def _translate_ticks(axis: Axis) -> None:
    """Labels and numbers on an axis, whatever formats them."""
    from matplotlib.ticker import Formatter

    class Translated(Formatter):
        def __init__(self, inner: Formatter) -> None:
            self.inner = inner

        def __call__(self, x: float, pos: int | None = None) -> str:
            return tr(self.inner(x, pos))

        def format_ticks(self, values: Any) -> list[str]:
            return [tr(text) for text in self.inner.format_ticks(values)]

        def set_locs(self, locs: Any) -> None:
            self.inner.set_locs(locs)

        def get_offset(self) -> str:
            return tr(self.inner.get_offset())

    locator = axis.get_major_locator()  # a formatter of other labels would bring its own
    axis.set_major_formatter(Translated(axis.get_major_formatter()))
    axis.set_major_locator(locator)
