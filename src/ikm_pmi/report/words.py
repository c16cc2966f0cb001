"""Words for names: what a reader sees of a code, a month in digits, or an estimate's name.

Results, csv and json keep the names of the code. Tables, sentences and pictures for reading pass
through :func:`worded`; ``words.csv`` has what follows from no rule.
"""

from __future__ import annotations

import calendar
import csv
import functools
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence

from ikm_pmi.language import changed, joined, months_said, say
from ikm_pmi.results import in_words

_NAME = re.compile(r"(?<![\w./])(?:[a-z][a-z0-9]*(?:[._](?:\d{4}-\d\d|[a-z0-9_]+))+|oxcgrt)(?!\w)")
_EPISODE = re.compile(r"\b([a-z]\w*):(\d{4}-\d\d):(\d{4}-\d\d)\b")
_DAY = re.compile(r"(?<![\d-])(\d{4})-(0[1-9]|1[0-2])(?:-(\d\d))?(?![\d-])")
_SPAN = re.compile(r"(\d{4}-\d\d)\.\.(\d{4}-\d\d)")
_QUARTER = re.compile(r"\b(\d{4})Q([1-4])\b")
_CODE = re.compile(r"\b[A-Z]{3}\b")
#: Parts of the names of estimates that the caption of a table says, or that say nothing.
_SILENT = {
    *("pmi", "counterfactual", "elasticity", "chain", "bumn", "survey", "industries", "wave"),
    *("panel", "claim", "multiverse", "dose", "residuals", "mean"),
}
_RANKED = {"conformal", "placebo_time", "end_of_sample"}


@functools.cache
def _known() -> Mapping[str, str]:
    lines = (pkgutil.get_data("ikm_pmi", "report/words.csv") or b"").decode().splitlines()
    return {row["name"]: row["words"] for row in csv.DictReader(lines)}


def country_name(code: str) -> str:
    """The English name of a country by its three letters; anything else stays as it is."""
    from babel import Locale
    from babel.core import get_global

    known = get_global("territory_aliases").get(code, [""]) if len(code) == 3 else [""]
    return str(Locale("en").territories.get(known[0], code))


def episodes_said(episodes: Sequence[str]) -> dict[str, str]:
    """Names of episodes with their months: ``ppkm_2021`` as PPKM, July-August 2021."""
    parts = [episode.split(":") for episode in episodes]
    return {
        name: joined(
            ", ", (re.sub(" [0-9]{4}$", "", episode_name(name)), months_said(first, last, "-"))
        )
        for name, first, last in parts
    }


def episode_name(name: str) -> str:
    """An episode's name as it is shown: ``ppkm_2021`` is PPKM 2021, ``flood`` stays flood."""
    return _known().get(name) or in_words(name)


def worded(text: str, own: Mapping[str, str] | None = None) -> str:
    """A text with words for the names, months, quarters and countries of the code.

    Parameters
    ----------
    text : str
        English; a whole cell, a sentence or a title.
    own : mapping of str to str, optional
        Further names, such as episodes with their months; they come first.

    Examples
    --------
    >>> worded("IDN: 170 months from 2012-03")
    'Indonesia: 170 months from Mar 2012'
    >>> worded("pmi.ppkm_2021.after.2021-09")
    'PPKM 2021, month after, Sep 2021'
    """
    known = {**_known(), **own} if own else _known()
    if text in known:
        return known[text]
    steps: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (_EPISODE, lambda m: say("{}, {} to {}", _part(m[1], known), m[2], m[3])),
        (_NAME, lambda m: _estimate(m[0], known)),
        (_SPAN, lambda m: say("{} to {}", m[1], m[2])),
        (_DAY, _day),
        (_QUARTER, lambda m: f"Q{m[2]} {m[1]}"),
        (_CODE, lambda m: known.get(m[0]) or country_name(m[0])),
    )
    for pattern, words in steps:
        text = changed(text, functools.partial(pattern.sub, words))
    return text


def _part(name: str, known: Mapping[str, str]) -> str:
    return known.get(name, name.replace("_", " "))


def _estimate(name: str, known: Mapping[str, str]) -> str:
    """A name in a text: known as a whole, or an estimate's by its parts; others stay."""
    parts = name.split(".")
    if name in known or len(parts) == 1 or parts[0] not in _SILENT | _RANKED:
        return known.get(name, name)
    return joined(", ", (_part(part, known) for part in parts if part not in _SILENT)) or name


def _day(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    return f"{f'{int(day)} ' if day else ''}{calendar.month_abbr[int(month)]} {year}"
