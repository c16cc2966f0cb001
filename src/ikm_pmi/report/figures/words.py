"""The words of a picture: wrapped to its width, and put into the reader's language at the end."""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ikm_pmi.language import tr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["source", "title", "translate", "translated"]


def title(text: str, width: float) -> str:
    """A bold title, wrapped to a picture ``width`` inches wide."""
    return "\n".join(textwrap.wrap(text, int(width * 9.8)))


def source(text: str, width: float) -> str:
    """The small line at the foot, wrapped to a picture ``width`` inches wide."""
    return "\n".join(textwrap.wrap(text, int(width * 17)))


def translate(figure: Figure) -> None:
    """Put every text of a finished picture into the reader's language."""
    width = figure.get_figwidth()
    wraps = {figure.get_suptitle(): title, figure.get_supxlabel(): source}
    for text in figure.texts:
        wrap = wraps[text.get_text()]
        text.set_text(wrap(tr(text.get_text().replace("\n", " ")), width))
    for text in _texts(figure):
        text.set_text(tr(text.get_text()))
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            _translate_ticks(axis)


@contextmanager
def translated(figure: Figure) -> Iterator[None]:
    """A picture drawn in English with the reader's texts inside the with-block."""
    before = [(text, text.get_text()) for text in (*figure.texts, *_texts(figure))]
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    formatters = [(axis, axis.get_major_formatter()) for axis in axes]
    translate(figure)
    try:
        yield
    finally:
        for text, words in before:
            text.set_text(words)
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
