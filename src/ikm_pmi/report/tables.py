"""Tables for reading, and for other programs and papers.

For reading they are rounded as printed, so that another machine's last digits do not show. A
:class:`Table` holds both: ``data`` keeps numbers as numbers under names that are the same in every
language (csv, xlsx, dta); ``printed`` is text, rounded and in the reader's language (tex, docx).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ikm_pmi.language import tr, using
from ikm_pmi.results import (
    ChapterResult,
    Estimate,
    TestResult,
    number,
    percent,
    probability,
    records_table,
    span,
)


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with its heads, its labels and the words and printed numbers of its cells translated.

    Cells that are still numbers stay so.
    """

    def word(cell: object) -> object:
        return tr(str(cell)) if isinstance(cell, str | bool) else cell

    def label(index: pd.Index) -> pd.Index:
        return index.map(
            lambda one: tuple(map(word, one)) if isinstance(one, tuple) else word(one)
        ).set_names([word(name) for name in index.names])

    cells = [[word(cell) for cell in column] for _, column in frame.items()]
    out = pd.DataFrame(dict(enumerate(cells)), index=label(frame.index))
    return out.set_axis(label(frame.columns), axis="columns")


def _p(value: float | None) -> str:
    return "" if value is None else probability(value).replace(" ", "")


def _interval(record: Estimate, digits: int) -> str:
    if record.ci_low is None and record.ci_high is None:
        return str(record.detail.get("set", ""))  # a set that is no interval is spelt out
    return span(record.ci_low, record.ci_high, digits)


def estimates(records: Sequence[Estimate], digits: int = 2) -> pd.DataFrame:
    """Estimates for a reader: value, standard error, interval, p, n, unit, method.

    An interval end that is open is printed as infinite; what does not apply is blank. Numbers from
    a thousand on are whole.
    """
    places = [0 if abs(r.value) >= 1000 else digits for r in records]
    pairs = list(zip(records, places, strict=True))
    return pd.DataFrame(
        {
            "value": [number(r.value, d) for r, d in pairs],
            "s.e.": [number(r.std_error, d) if r.std_error is not None else "" for r, d in pairs],
            "interval": [_interval(r, d) for r, d in pairs],
            "p": [_p(r.p_value) for r in records],
            "n": ["" if r.n is None else f"{r.n:,}" for r in records],
            "unit": [r.unit for r in records],
            "method": [r.method for r in records],
        },
        index=pd.Index([r.name for r in records], name="estimate"),
    )


def tests(records: Sequence[TestResult]) -> pd.DataFrame:
    """Tests for a reader: the null in words, statistic, p, smallest attainable p, reference."""
    holm = [r.detail.get("holm_p", r.detail.get("p_holm")) for r in records]
    adjusted = {"Holm p": [_p(p) for p in holm]} if any(p is not None for p in holm) else {}
    return pd.DataFrame(
        {
            "null hypothesis": [r.null for r in records],
            "statistic": [number(r.statistic, 2) for r in records],
            "p": [_p(r.p_value) for r in records],
            **adjusted,
            "smallest p": [_p(r.minimum_p) for r in records],
            "compared with": [r.distribution for r in records],
        },
        index=pd.Index([r.name for r in records], name="test"),
    )


def reading(
    frame: pd.DataFrame, digits: int = 2, *, by_column: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Any frame with its numbers printed to a fixed number of digits; missing cells are blank.

    A plain row count is not shown: the first column takes its place.

    Parameters
    ----------
    frame : DataFrame
    digits : int
        Digits after the point for floating-point columns; whole numbers get separators only.
    by_column : mapping, optional
        Other digits for columns by name.
    """
    if isinstance(frame.index, pd.RangeIndex) and frame.shape[1] > 1:
        frame = frame.set_index(frame.columns[0])
    places = dict(by_column or {})
    out: dict[object, object] = {}
    for name, column in frame.items():
        if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
            out[name] = column.astype("string").fillna("")
            continue
        if str(name) == "p" or str(name).endswith(("_p", "p_value", "_p_har")):
            out[name] = ["" if pd.isna(value) else _p(float(value)) for value in column]
            continue
        whole = pd.api.types.is_integer_dtype(column)
        places_here = places.get(str(name), 0 if whole else digits)
        out[name] = [
            "" if pd.isna(value) else number(float(value), places_here) for value in column
        ]
    return pd.DataFrame(out, index=frame.index)


#: A mark stands for a p below this; marks are printed only when asked for.
STARS = (("***", 0.01), ("**", 0.05), ("*", 0.10))
_DIGITS = 3
_ESTIMATE = {
    "name": "name of the estimate",
    "value": "point estimate, in unit",
    "std_error": "standard error",
    "ci_low": "lower end of the interval",
    "ci_high": "upper end of the interval",
    "ci_level": "coverage the interval claims",
    "p_value": "p-value",
    "n": "observations",
    "unit": "unit of value",
    "method": "estimator and inference",
}
_TEST = {
    "name": "name of the test",
    "null": "null hypothesis",
    "statistic": "test statistic",
    "p_value": "p-value",
    "minimum_p": "smallest p the procedure can attain",
    "n": "observations",
    "distribution": "what the statistic is compared with",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """One table with its notes.

    Parameters
    ----------
    name : str
        Stem of its files: lower-case letters, digits and ``_``.
    title : str
        One line, in the reader's language.
    data : DataFrame
        Numbers as numbers; the row labels are columns.
    printed : DataFrame or None
        Texts, as set in a paper; None where there are too many rows or columns to print.
    notes : tuple of str
        A line each, in the reader's language.
    labels : mapping of str to str
        What a column of ``data`` is.
    """

    name: str
    title: str
    data: pd.DataFrame
    printed: pd.DataFrame | None
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def _mark(p: float | None) -> str:
    return "" if p is None else next((mark for mark, most in STARS if p < most), "")


def _stars_note(stars: bool) -> str:
    if not stars:
        return tr("No stars: p-values are printed.")
    said = ", ".join(f"{mark} p < {most:.2f}" for mark, most in STARS)
    return tr("Stars") + f": {said}."


def _methods(records: Sequence[Estimate]) -> tuple[list[str], list[str]]:
    """A letter for each record's method, and the line that explains each letter."""
    different = list(dict.fromkeys(record.method for record in records))
    letters = {method: _letter(place) for place, method in enumerate(different)}
    said = [f"({letter}) {tr(method)}" for method, letter in letters.items()]
    return [f"({letters[record.method]})" for record in records], said


def _letter(place: int) -> str:
    head, last = divmod(place, 26)
    return (_letter(head - 1) if head else "") + chr(ord("a") + last)


def estimates_table(
    records: Sequence[Estimate],
    *,
    name: str,
    title: str,
    notes: Sequence[str] = (),
    stars: bool = False,
) -> Table:
    """Estimates: value, standard error in parentheses, interval in brackets, p, n, unit, method.

    Parameters
    ----------
    records : sequence of Estimate
    name, title : str
        See :class:`Table`.
    notes : sequence of str
        Further notes, printed after those on errors, stars and methods.
    stars : bool
        Mark p-values by :data:`STARS`; the notes state the convention either way.
    """
    data = records_table(records)[list(_ESTIMATE)]
    printed = _shown(lambda: estimates(records, digits=_DIGITS).reset_index())
    _, value, error, interval, *_, method = printed.columns
    printed[error] = [f"({text})" if text else "" for text in printed[error]]
    closed = [r.ci_low is not None or r.ci_high is not None for r in records]
    bounds = zip(printed[interval], closed, strict=True)
    printed[interval] = [f"[{text}]" if known else text for text, known in bounds]
    printed[method], methods = _methods(records)
    labels = {column: tr(said) for column, said in _ESTIMATE.items()}
    if stars:
        marks = [_mark(record.p_value) for record in records]
        data.insert(2, "stars", marks)
        labels["stars"] = _stars_note(True)
        printed[value] = [f"{v}{m}" for v, m in zip(printed[value], marks, strict=True)]
    levels = sorted({r.ci_level for r in records if r.ci_level is not None})
    said = " / ".join(map(percent, levels))
    about = [tr("Standard errors in parentheses.")]
    if levels:
        about.append(tr("Intervals in brackets") + f": {said}.")
    about.append(_stars_note(stars))
    methods_said = tr("Methods") + ": " + "; ".join(methods) + "."
    return Table(
        name=name,
        title=title,
        data=data,
        printed=printed,
        notes=(" ".join(about), methods_said, *notes),
        labels=labels,
    )


def hypotheses_table(
    records: Sequence[TestResult], *, name: str, title: str, notes: Sequence[str] = ()
) -> Table:
    """Tests: the null in words, statistic, p, smallest attainable p, reference distribution."""
    holm = {"holm_p": [r.detail.get("holm_p", r.detail.get("p_holm")) for r in records]}
    data = records_table(records).reindex(columns=list(_TEST))
    labels = {column: tr(said) for column, said in _TEST.items()}
    if any(p is not None for p in holm["holm_p"]):
        data.insert(4, "holm_p", holm["holm_p"])
        labels["holm_p"] = tr("p-value adjusted for several tests (Holm)")
    return Table(
        name=name,
        title=title,
        data=data,
        printed=_shown(lambda: tests(records).reset_index()),
        notes=tuple(notes),
        labels=labels,
    )


def _shown(compose: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """A table composed in English, in the reader's language."""
    with using("en"):
        english = compose()
    return shown(english)


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    years = [name for name in frame if str(name).split("_")[-1] == "year"]  # no thousands there
    read = reading(frame.astype(dict.fromkeys(years, "string")), digits=_DIGITS)
    counted = read.index.names == [None]
    return read.reset_index(drop=counted).astype("string").fillna("")


#: Beyond these a table is for a program to read, not for a page.
ROWS, COLUMNS = 200, 12


def plain_table(
    frame: pd.DataFrame,
    *,
    name: str,
    title: str,
    notes: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Table:
    """Any other table, its row labels among the columns."""
    printed = None
    if len(frame) <= ROWS and frame.shape[1] <= COLUMNS:
        printed = _shown(lambda: _read(frame))
    return Table(
        name=name, title=title, data=frame, printed=printed, notes=tuple(notes), labels=labels or {}
    )


def of_chapter(
    result: ChapterResult,
    frames: Mapping[str, pd.DataFrame],
    *,
    question: str,
    stars: bool = False,
) -> list[Table]:
    """All tables of a chapter: its estimates, its tests, and the tables it published.

    Parameters
    ----------
    result : ChapterResult
    frames : mapping of str to DataFrame
        The published tables, by name.
    question : str
        The chapter's heading, for the titles.
    stars : bool
        See :func:`estimates_table`.
    """
    head = f"{tr(question)} ({result.chapter})"
    data = ", ".join(sorted(result.data))
    version = result.versions.get("ikm-pmi", "")
    origin = tr("Data") + f": {data or '–'}. " + tr("Seed") + f": {result.seed}. ikm_pmi {version}."
    found = [
        estimates_table(
            result.estimates,
            name="all_estimates",
            title=f"{head}: {tr('estimates')}",
            notes=(origin, *map(tr, result.notes)),
            stars=stars,
        )
    ]
    if result.tests:
        title = f"{head}: {tr('tests')}"
        found.append(
            hypotheses_table(result.tests, name="all_tests", title=title, notes=(origin,)),
        )
    for name, frame in frames.items():
        title = f"{head}: {tr(name.replace('_', ' '))}"
        records = _as_estimates(frame)
        if records:
            found.append(
                estimates_table(records, name=name, title=title, notes=(origin,), stars=stars)
            )
        else:
            found.append(plain_table(frame, name=name, title=title, notes=(origin,)))
    return found


def _as_estimates(frame: pd.DataFrame) -> list[Estimate]:
    """The rows as estimates, where they are estimates."""
    if not set(_ESTIMATE) <= set(frame.columns):
        return []
    rows = frame[list(_ESTIMATE)].astype(object).where(frame[list(_ESTIMATE)].notna(), None)
    found: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in rows.to_dict("records")
    ]
    return [Estimate(**one | {"n": one["n"] and int(one["n"])}) for one in found]
