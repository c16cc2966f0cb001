"""What a chapter shows: sentences made from results, and tables for reading.

Words stand for names; a table has a caption, six columns and twelve rows, the rest is folded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from ikm_pmi.language import english, joined, say, tr
from ikm_pmi.report.tables import estimates, reading, tests
from ikm_pmi.report.words import episodes_said, worded
from ikm_pmi.results import Estimate, TestResult

__all__ = ["answer", "episodes_said", "joined", "notes", "of_result", "said", "say", "table"]

#: A table for reading has so many rows and columns; the rest is folded.
ROWS, COLUMNS = 12, 6
_PHONE = 46  # letters that fit beside each other on a phone, a space a column among them
_NUMERAL = r"(?:[<>=] ?)?[+\-−]?[\d.,]+(?:e[+\-]\d+)?%?|[−-]?∞|"
_INTERVAL = r"\([−\-\d.,∞]+ \w+ [−\-\d.,∞]+\)"
_WITH_INTERVAL = re.compile(rf"({_NUMERAL}) ({_INTERVAL})")
_NUMERIC = re.compile(rf"(?:{_NUMERAL})(?: {_INTERVAL})?")
_DATE = re.compile(r"(?:\d{1,2} )?(?:[A-Z][a-z]{2}|Q\d) \d{4}")
#: Names of values and of the ends of their intervals.
_VALUES = ("value", "estimate", "slope", "workers", "predicted", "IKM workers")
_ENDS = (("ci_low", "ci_high"), ("low", "high"))


class Prose(str):
    """Sentences made from results, a line each, which a notebook shows as paragraphs."""

    __slots__ = ("tag",)
    tag: str

    def __repr__(self) -> str:
        """The lines as they are."""
        return str(self)

    def _repr_html_(self) -> str:
        lines = [escape(line) for line in self.splitlines() if line]
        if self.tag == "li":
            head = tr(say("{} notes", len(lines)) if len(lines) > 1 else "1 note")
            items = "".join(f"<li>{line}</li>" for line in lines)
            return f"<details><summary>{head}</summary><ul>{items}</ul></details>"
        return "".join(f"<p><{self.tag}>{line}</{self.tag}></p>" for line in lines)


def said(*texts: str, tag: str = "span") -> Prose:
    """Texts with words for names, in the reader's language, a line each."""
    whole = Prose(
        "\n".join(tr(worded(line)) for text in texts for line in english(text).split("\n"))
    )
    whole.tag = tag
    return whole


def answer(*texts: str) -> Prose:
    """What a chapter answers, in bold."""
    return said(*texts, tag="strong")


def notes(*texts: str) -> Prose:
    """Remarks on a result, folded away."""
    return said(*texts, tag="li")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A table for reading as texts in the reader's language, its labels the first columns."""

    caption: str
    frame: pd.DataFrame
    labels: int

    def __repr__(self) -> str:
        """Caption and columns, as a terminal shows them."""
        return f"{self.caption}\n{self.frame.to_string(index=False)}"

    def _repr_html_(self) -> str:
        """The first rows and columns, and the rest folded below them."""
        rows, columns = len(self.frame), self.frame.shape[1]
        parts = [self._table(slice(0, ROWS), range(min(columns, COLUMNS)), caption=True)]
        if (more := rows - ROWS) > 0:
            rest = self._table(slice(ROWS, rows), range(min(columns, COLUMNS)))
            parts.append(_folded(tr(say("{} more rows", more) if more > 1 else "1 more row"), rest))
        if columns > COLUMNS:
            rest = self._table(slice(0, rows), [*range(self.labels), *range(COLUMNS, columns)])
            parts.append(_folded(tr("More columns"), rest))
        return f'<div class="ikm-table">{"".join(parts)}</div>'

    def _table(self, rows: slice, columns: Sequence[int], *, caption: bool = False) -> str:
        """Part of the table: numbers on the right and never split, on a phone rows as blocks."""
        heads = [str(self.frame.columns[place]) for place in columns]
        cells = [list(self.frame.iloc[rows, place]) for place in columns]
        longest = [
            max(map(_unbroken, [head, *column])) for head, column in zip(heads, cells, strict=True)
        ]
        numeric = [all(map(_NUMERIC.fullmatch, column)) for column in cells]
        numeric[: self.labels] = [False] * self.labels
        sides = ["right" if number else "left" for number in numeric]
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{escape(text)}</th>'
            for text, side in zip(heads, sides, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(map(_cell, row, heads, sides, map(self.labels.__gt__, columns)))
            + "</tr>"
            for row in zip(*cells, strict=True)
        )
        look = "caption-side:top;text-align:left"
        title = (
            f'<caption style="{look}">{escape(self.caption)}</caption>'
            if caption and self.caption
            else ""
        )
        kind = ' class="wide"' if sum(longest) + len(longest) > _PHONE else ""
        return f"<table{kind}>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str, head: str, side: str, label: bool) -> str:
    inner, look = escape(text), f"text-align:{side}"
    if (found := _WITH_INTERVAL.fullmatch(text)) is not None:
        value, interval = map(escape, found.groups())
        inner = f'{value} <span class="interval" style="white-space:nowrap">{interval}</span>'
    elif _NUMERIC.fullmatch(text) or _DATE.fullmatch(text):
        look += ";white-space:nowrap"
    if label:
        return f'<th scope="row" style="{look}">{inner}</th>'
    return f'<td data-head="{escape(head)}" style="{look}">{inner}</td>'


def _folded(head: str, inner: str) -> str:
    return f"<details><summary>{head}</summary>{inner}</details>"


def _unbroken(text: str) -> int:
    """Letters of the longest part of a cell that does not break."""
    if _NUMERIC.fullmatch(text):
        return max(len(part) for part in text.partition(" (")[::2])
    if _DATE.fullmatch(text):
        return len(text)
    return max(map(len, re.split(r"[ -]", text)))


def table(
    what: pd.DataFrame | Sequence[Estimate] | Sequence[TestResult], caption: str, digits: int = 2,
    *, columns: Sequence[str] = (), by_column: Mapping[str, int] | None = None,
    names: Mapping[str, str] | None = None,
) -> Shown:  # fmt: skip
    """A table for reading: words for names, an interval behind its value, a caption.

    Parameters
    ----------
    what : DataFrame, or sequence of Estimate or TestResult
        Row labels become columns.
    caption : str
        What is shown and in which unit.
    digits, by_column
        As in :func:`ikm_pmi.report.tables.reading`.
    columns : sequence of str, optional
        The only ones shown.
    names : mapping of str to str, optional
        Words for further names, such as episodes with their months.
    """
    unit = ""
    if not isinstance(what, pd.DataFrame):
        what, unit = _records(what, digits)
    read = reading(what, digits, by_column=by_column)
    read = _joined(read[list(columns)] if columns else read)
    labels = read.index.nlevels
    flat = read.rename(
        columns={"value": joined(", ", ("value", unit))} if unit else {}
    ).reset_index()

    def word(cell: object) -> str:
        return str(tr(worded(str(cell), names)))

    cells = [list(map(word, column)) for _, column in flat.items()]
    for whole in cells[: labels - 1]:  # a label of many rows is said once
        whole[:] = [
            "" if row and text == whole[row - 1] else text for row, text in enumerate(whole)
        ]
    heads = ["" if str(name) == "index" else word(name) for name in flat]
    return Shown(tr(caption), pd.DataFrame(list(zip(*cells, strict=True)), columns=heads), labels)


def of_result(sentence: str, reading: pd.DataFrame) -> str:
    """What a notebook shows of a result: its sentence in bold and its small table, as HTML."""
    return answer(sentence)._repr_html_() + table(reading, "")._repr_html_()


def _records(
    records: Sequence[Estimate] | Sequence[TestResult], digits: int
) -> tuple[pd.DataFrame, str]:
    """Estimates or tests as texts, and the unit where all have the same."""
    if isinstance(records[0], TestResult):
        found = tests([one for one in records if isinstance(one, TestResult)])
        return found.set_index("null hypothesis"), ""
    found = estimates([one for one in records if isinstance(one, Estimate)], digits)
    units = set(found["unit"])
    plain = ["value", "interval", "p", "n", *(["unit"] if len(units) > 1 else [])]
    return found[plain], units.pop() if len(units) == 1 else ""


def _joined(frame: pd.DataFrame) -> pd.DataFrame:
    """Intervals behind their values, in brackets."""
    value = next((name for name in _VALUES if name in frame), None)
    if value is None:
        return frame
    for low, high in _ENDS:
        if {low, high} <= set(frame):
            pairs = frame[[low, high]].to_numpy()
            ends = [say("{} to {}", a, b) if a or b else "" for a, b in pairs]
            frame = frame.drop(columns=[low, high]).assign(interval=ends)
    for name in ("interval", "set"):
        if name in frame:
            both = zip(frame[value], frame[name], strict=True)
            cells = [say("{} ({})", v, e) if e else v for v, e in both]
            frame = frame.drop(columns=name).assign(**{value: cells})
    return frame
