"""The reader's language: English inside, Indonesian where a text is shown.

Results, parameters and ``result.json`` keep their English texts. Sentences, tables and figures are
composed in English and translated once, when they are finished, by the catalogue
``locale/<language>.po``. A msgid is the English text, with ``{n1}`` where a number and ``{s1}``
where any other text stands; numbers get the language's separators, other texts are translated in
turn. What the catalogue lacks stays English. Separators, months and countries are Babel's (CLDR).
"""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, ParamSpec, get_args

from ikm_pmi.errors import ParameterError

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

P = ParamSpec("P")

_NUMBER = r"[+\-−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][+\-]?\d+)?%?|[−-]?∞"
_LOOSE = re.compile(rf"(?<![\w.,:-])(?:{_NUMBER})(?!\w|[.,:-]\d)")
_NUMERAL = re.compile(r"((?:[<>=] ?)?)(" + _NUMBER + r")")
_SLOT = re.compile(r"\{([ns])(\d+)\}")
_SENTENCE_END = re.compile(r"(?<=[.”]) (?=\S)")
# A name in the code, a month or quarter, a code in capitals: the same in every language.
_FIXED = re.compile(r"[^A-Za-z]*|(?!\d+(?:st|nd|rd|th)\b)\w*[\d_.][\w.:\-]*|[A-Z0-9]{2,}|\w")
_WORDY = 10  # letters a template must have outside its slots to count without all slots resolved

_chosen: list[Language] = ["en"]  # of the process; a with-block is of its thread or task
_within: ContextVar[Language | None] = ContextVar("language", default=None)


class _Said(str):
    """A text already in the reader's language."""

    __slots__ = ()


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


def tr(text: str) -> str:
    """A finished English text in the reader's language; English where the catalogue lacks it."""
    code = language()
    if code == "en" or isinstance(text, _Said):
        return text
    return _Said(Catalogue.of(code).say(str(text))[0])


def months_said(first: str, last: str, between: str = "") -> str:
    """``2021-07`` to ``2021-08`` as it is said: July and August 2021; ``between`` joins them."""
    start, end = (calendar.month_name[int(month[5:7])] for month in (first, last))
    if first[:4] != last[:4]:
        return f"{start} {first[:4]}{between or ' to '}{end} {last[:4]}"
    if start == end:
        return f"{end} {last[:4]}"
    next_to = int(last[5:7]) - int(first[5:7]) == 1
    return f"{start}{between or (' and ' if next_to else ' to ')}{end} {last[:4]}"


def translated(compose: Callable[P, str]) -> Callable[P, str]:
    """Compose a text in English and give it in the reader's language."""

    @functools.wraps(compose)
    def inside(*args: P.args, **kwargs: P.kwargs) -> str:
        with using("en"):
            text = compose(*args, **kwargs)
        return tr(text)

    return inside


@functools.cache
def _separators(code: Language) -> dict[int, str]:
    if code == "en":
        return {}
    from babel import Locale

    symbols = Locale.parse(code).number_symbols["latn"]
    return str.maketrans({",": symbols["group"], ".": symbols["decimal"]})


class Catalogue:
    """Texts and templates of one language."""

    def __init__(self, code: Language) -> None:
        import io
        import pkgutil

        from babel import Locale
        from babel.messages.pofile import read_po

        english, own = Locale.parse("en"), Locale.parse(code)
        self.exact: dict[str, str] = {
            str(name): str(own.territories[key])
            for key, name in english.territories.items()
            if key in own.territories and len(key) == 2
        }
        self.months: dict[str, str] = {}
        for width in ("abbreviated", "wide"):  # May is both: the whole word wins
            names = own.months["format"][width]
            self.months |= {en: names[k] for k, en in english.months["format"][width].items()}
        self.separators = _separators(code)
        self.said: dict[str, tuple[str, bool]] = {}
        self.templates: list[tuple[str, re.Pattern[str], str, bool]] = []
        content = pkgutil.get_data("ikm_pmi", f"locale/{code}.po") or b""
        messages = [(str(m.id), str(m.string)) for m in read_po(io.BytesIO(content)) if m.string]
        for msgid, msgstr in sorted(messages, key=lambda pair: -len(_SLOT.sub("", pair[0]))):
            if not msgid:  # the header
                continue
            if not _SLOT.search(msgid):
                self.exact[msgid] = msgstr
                continue
            pattern = "".join(map(_pattern, re.split(r"(\{[ns]\d+\})", msgid)))
            longest = max(re.split(r"\{[ns]\d+\}", msgid), key=len)
            wordy = len(re.findall("[a-z]", _SLOT.sub("", msgid))) >= _WORDY
            self.templates.append((longest, re.compile(pattern, re.DOTALL), msgstr, wordy))

    @staticmethod
    @functools.cache
    def of(code: Language) -> Catalogue:
        """The catalogue of a language, read once."""
        return Catalogue(code)

    def say(self, text: str) -> tuple[str, bool]:
        """The text translated, and whether every part of it was."""
        if text not in self.said:
            self.said[text] = self._say(text)
        return self.said[text]

    def _say(self, text: str) -> tuple[str, bool]:
        if text != (bare := text.strip()):
            inner, known = self.say(bare)
            return (text.replace(bare, inner) if bare else text), known
        ways = (self._atom, self._template, self._stop, self._sentences, self._pieces, self._names)
        found = [one for way in ways if (one := way(text)) is not None]
        return next((one for one in found if one[1]), found[0] if found else (text, not text))

    def _atom(self, text: str) -> tuple[str, bool] | None:
        if text in self.exact:
            return self.exact[text], True
        if _NUMERAL.fullmatch(text):
            return text.translate(self.separators), True
        date = re.fullmatch(r"(\d{1,2} )?([A-Z][a-z]+)([ \n]\d{4})?", text)
        if date and date[2] in self.months:
            return (date[1] or "") + self.months[date[2]] + (date[3] or ""), True
        return None

    def _template(self, text: str) -> tuple[str, bool] | None:
        """The longest template all parts of which are known, else the longest with many words."""
        partly = None
        for longest, pattern, msgstr, wordy in self.templates:
            match = pattern.fullmatch(text) if longest in text else None
            if match is None:
                continue
            parts = {slot: self.say(part) for slot, part in match.groupdict().items()}
            said = msgstr.format(**{slot: part for slot, (part, _) in parts.items()})
            if all(known for _, known in parts.values()):
                return said, True
            partly = partly or ((said, False) if wordy else None)
        return partly

    def _stop(self, text: str) -> tuple[str, bool] | None:
        """A text that is known without its full stop."""
        found = (self._atom(text[:-1]) or self._template(text[:-1])) if text[-1:] == "." else None
        return found and (found[0] + ".", found[1])

    def _sentences(self, text: str) -> tuple[str, bool] | None:
        """Sentences, each for itself; those said together are known as a whole."""
        parts = _SENTENCE_END.split(text)
        if len(parts) == 1:
            return None
        said = [self.say(part) for part in parts]
        return " ".join(part for part, _ in said), all(known for _, known in said)

    def _pieces(self, text: str) -> tuple[str, bool] | None:
        """A list, or a text of several lines: every piece for itself, if all are known."""
        for mark in ("\n", "; ", ": ", ", ", " and "):
            parts = re.split(re.escape(mark) + r"(?![^(]*\))", text)  # not inside brackets
            said = [self.say(part) for part in parts] if len(parts) > 1 else [("", False)]
            if all(known for _, known in said):
                between = f" {self.exact.get('and', 'and')} " if mark == " and " else mark
                return between.join(part for part, _ in said), True
        return None

    def _names(self, text: str) -> tuple[str, bool] | None:
        """Names and numbers beside each other."""
        words = re.split(r"([ \n])", text)
        if all(_FIXED.fullmatch(word) for word in words):
            return "".join(map(self._numbers, words)), True
        return None

    def _numbers(self, word: str) -> str:
        """A word; if it has no letters, its numbers with the language's separators."""
        if re.search("[A-Za-z]", word):
            return word
        return _LOOSE.sub(lambda number: number[0].translate(self.separators), word)


def _pattern(part: str) -> str:
    slot = _SLOT.fullmatch(part)
    if slot is None:
        return re.escape(part)
    inner = rf"(?:[<>=] ?)?(?:{_NUMBER})|n/a" if slot[1] == "n" else r"(?:(?!\. ).)+?"
    return f"(?P<{slot[1]}{slot[2]}>{inner})"
