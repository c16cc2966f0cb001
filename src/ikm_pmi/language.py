"""The reader's language: English inside, Indonesian where a text is shown.

Results, parameters and ``result.json`` keep their English texts. :func:`say` composes a text in
English and remembers the template and the parts it was made of; :func:`tr` looks both up when the
text is shown. The catalogue ``locale/<language>.po`` has every whole text and template as the code
writes it (``"{} of {} methods are off"``); what it lacks stays English. Separators, months and
countries are Babel's (CLDR).
"""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, ParamSpec, get_args

from ikm_pmi.errors import ParameterError

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

P = ParamSpec("P")

_NUMBER = r"[+\-−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][+\-]?\d+)?%?|[−-]?∞"
_NUMERAL = re.compile(rf"(?:[<>=] ?)?(?:{_NUMBER})")
_DATE = re.compile(r"(\d{1,2} )?([A-Z][a-z]+)( \d{4})?")
_SLOT = re.compile(r"\{:?([^{}]*)\}")

_chosen: list[Language] = ["en"]  # of the process; a with-block is of its thread or task
_within: ContextVar[Language | None] = ContextVar("language", default=None)
_composed: dict[str, tuple[str, tuple[str, ...]]] = {}  # English text -> template and parts


class _Said(str):
    """A text already in the reader's language, and the English that it says."""

    __slots__ = ("english",)
    english: str


def language() -> Language:
    """The language texts are shown in now."""
    return _within.get() or _chosen[0]


def choose(code: Language) -> None:
    """Show texts in this language from now on, in the whole process.

    Raises
    ------
    ParameterError
        When there is no such language.
    """
    _chosen[0] = _known(code)


@contextmanager
def using(code: Language) -> Iterator[None]:
    """Show texts in this language inside the with-block.

    Raises
    ------
    ParameterError
        When there is no such language.
    """
    token = _within.set(_known(code))
    try:
        yield
    finally:
        _within.reset(token)


def _known(code: Language) -> Language:
    if code not in LANGUAGES:
        raise ParameterError(
            f"unknown language {code!r}",
            expected="one of " + ", ".join(LANGUAGES),
            found=repr(code),
            where="language",
            todo="choose en (English) or id (Indonesian)",
        )
    return code


def say(template: str, *parts: Any) -> str:
    """An English text made of a template and parts, each of which is translated for itself.

    Parameters
    ----------
    template : str
        With a slot for each part, in their order: ``{}``, or with a format as ``{:.0%}``.
    *parts
        Texts, numbers, dates.

    Returns
    -------
    str
        A plain one: it can be compared, sorted and written as any other.

    Examples
    --------
    >>> text = say("{} of {:,} published numbers are within tolerance", 3, 1234)
    >>> text
    '3 of 1,234 published numbers are within tolerance'
    >>> with using("id"):
    ...     tr(text)
    '3 dari 1.234 angka terbitan berada dalam toleransi'
    """
    formats = _SLOT.findall(template)
    texts = tuple(format(part, how) for part, how in zip(parts, formats, strict=True))
    return remember(template.format(*parts), _SLOT.sub("{}", template), texts)


def joined(mark: str, texts: Iterable[Any]) -> str:
    """Texts with a mark between them, each translated for itself."""
    parts = tuple(map(str, texts))
    if mark.strip().isalpha() and len(parts) > 2:  # the catalogue has the word between two
        parts = joined(mark, parts[:-1]), parts[-1]
    return remember(mark.join(parts), mark.join(["{}"] * len(parts)), parts)


def remember(text: str, template: str, parts: Sequence[str]) -> str:
    """A text whose translation is that of a template, filled with those of its parts."""
    if text not in parts:  # else it would be looked up for ever
        _composed[text] = template, tuple(parts)
    return text


def changed(text: str, change: Callable[[str], str]) -> str:
    """A text with other words, such as words for names, in it and in what it was made of."""
    new = change(text)
    if new != text and text in _composed:
        template, parts = _composed[text]
        remember(new, change(template), [changed(part, change) for part in parts])
    return new


def wording(texts: Iterable[str]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Template and parts of texts, and of their parts: what another process takes by ``learn``."""
    known: dict[str, tuple[str, tuple[str, ...]]] = {}
    for text in texts:
        if text in _composed and text not in known:
            known |= {text: _composed[text], **wording(_composed[text][1])}
    return known


def learn(known: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    """Remember what :func:`wording` gave."""
    for text, (template, parts) in known.items():
        remember(text, template, parts)


def tr(text: str) -> str:
    """An English text in the reader's language; English where the catalogue lacks it."""
    code = language()
    if code == "en" or isinstance(text, _Said):
        return text
    said = _Said(_translated(str(text), code))
    said.english = text
    return said


def english(text: str) -> str:
    """The English of what :func:`tr` gave; any other text as it is."""
    return getattr(text, "english", text)


def _translated(text: str, code: Language) -> str:
    exact, months, separators = _catalogue(code)
    if text in exact:
        return exact[text]
    if text in _composed:
        template, parts = _composed[text]
        return exact.get(template, template).format(*(_translated(part, code) for part in parts))
    if _NUMERAL.fullmatch(text):
        return text.translate(separators)
    if (date := _DATE.fullmatch(text)) and date[2] in months:
        return (date[1] or "") + months[date[2]] + (date[3] or "")
    return text


@functools.cache
def _catalogue(code: Language) -> tuple[dict[str, str], dict[str, str], dict[int, str]]:
    """Texts and templates, months, and separators of one language."""
    import io
    import pkgutil

    from babel import Locale
    from babel.messages.pofile import read_po

    english, own = Locale.parse("en"), Locale.parse(code)
    exact = {
        str(name): str(own.territories[key])
        for key, name in english.territories.items()
        if key in own.territories and len(key) == 2
    }
    content = pkgutil.get_data("ikm_pmi", f"locale/{code}.po") or b""
    exact |= {str(m.id): str(m.string) for m in read_po(io.BytesIO(content)) if m.id and m.string}
    months: dict[str, str] = {}
    for width in ("abbreviated", "wide"):  # May is both: the whole word wins
        names = own.months["format"][width]
        months |= {en: names[k] for k, en in english.months["format"][width].items()}
    symbols = own.number_symbols["latn"]
    return exact, months, str.maketrans({",": symbols["group"], ".": symbols["decimal"]})


def months_said(first: str, last: str, between: str = "") -> str:
    """``2021-07`` to ``2021-08`` as it is said: July and August 2021; ``between`` joins them."""
    start, end = (calendar.month_name[int(month[5:7])] for month in (first, last))
    if first[:4] != last[:4]:
        return joined(between or " to ", (f"{start} {first[:4]}", f"{end} {last[:4]}"))
    if start == end:
        return f"{end} {last[:4]}"
    next_to = int(last[5:7]) - int(first[5:7]) == 1
    return joined(between or (" and " if next_to else " to "), (start, f"{end} {last[:4]}"))


def translated(compose: Callable[P, str]) -> Callable[P, str]:
    """Compose a text in English and give it in the reader's language."""

    @functools.wraps(compose)
    def inside(*args: P.args, **kwargs: P.kwargs) -> str:
        with using("en"):
            text = compose(*args, **kwargs)
        return tr(text)

    return inside
