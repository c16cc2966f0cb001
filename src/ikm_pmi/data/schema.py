"""Faults of a table's bytes, schema and keys, each with place and remedy.

Schema, constraints and keys are frictionless' work; here its errors become problems a reader can
act on. Bytes come first: a file with a byte-order mark or CRLF would fail everywhere at once.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ikm_pmi.data.report import Problem
from ikm_pmi.data.store import DESCRIPTOR

__all__ = ["broken_bytes", "cell_problems", "schema_problems"]

_BOMS = {b"\xef\xbb\xbf": "a byte-order mark", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_WHOLE_ROW = ("blank-row", "extra-cell", "missing-cell")
# Frictionless and pandas both read more than these, and not the same; an empty cell is theirs.
_NUMBER = r"(?:-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2})?)?"
_FORMS = {
    "integer": (r"(?:-?[0-9]{1,18})?", "a whole number of at most 18 digits"),
    "number": (_NUMBER, "digits, with a decimal point where needed"),
    "year": (r"(?:[0-9]{4})?", "a year of four digits"),
    "yearmonth": (r"(?:[0-9]{4}-[0-9]{2})?", "a month written YYYY-MM"),
    "date": (r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?", "a date written YYYY-MM-DD"),
    "boolean": (r"(?:true|false)?", "true or false"),
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_DIALECT = {"delimiter": ",", "lineTerminator": "\n", "quoteChar": '"', "skipInitialSpace": False}
_SAVE = "save as comma-separated UTF-8 without byte-order mark, lines ending with LF"


def broken_bytes(file: str, content: bytes | None) -> Problem | None:
    """What keeps a file from being read as a table at all: the first such thing, or None."""

    def problem(expected: str, found: str, todo: str, row: int | None = None) -> Problem:
        return Problem(file=file, expected=expected, found=found, todo=todo, row=row)

    if content is None:
        todo = f"restore the file (git restore), or remove its entry from {DESCRIPTOR}"
        return problem("a file", "no such file", todo)
    if not content.strip():
        return problem("a header and rows", "an empty file", "restore the file (git restore)")
    for mark, name in _BOMS.items():
        if content.startswith(mark):
            return problem("UTF-8 without a byte-order mark", name, _SAVE)
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        return problem("UTF-8", f"the byte {content[error.start]:#04x}", _SAVE, row)
    for row, line in enumerate(lines, start=1):
        if "\r" in line:
            return problem("lines ending with LF", "a carriage return (CRLF)", _SAVE, row)
        if odd := _CONTROL.search(line):
            found = f"the control character {ord(odd[0]):#04x}"
            return problem("text and line ends only", found, "remove it from the cell", row)
        if line.count('"') % 2:
            todo = "close the quotation; a quotation mark inside a cell is doubled"
            return problem("quotation marks in pairs", _short(line), todo, row)
    if len(lines) < 3 and not "".join(lines[1:]):
        return problem("a header and rows", "a header only", "restore the file (git restore)")
    if re.search(r"[;\t|]", lines[0]) and "," not in lines[0]:
        return problem("cells separated by commas", _short(lines[0]), _SAVE, 1)
    if lines[-1]:
        todo = "restore the file if it was cut; if not, end its last line"
        return problem("a line end after the last row", _short(lines[-1]), todo, len(lines))
    return None


def schema_problems(
    folder: Path, package: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    """Types, constraints, keys and foreign keys of the tables that can be read."""
    from frictionless import FrictionlessException, Package

    names = {entry["name"] for entry in entries} | {""}
    resources = []
    for entry in entries:
        keys = entry["schema"].get("foreignKeys", [])
        kept = [key for key in keys if key["reference"]["resource"] in names]
        plain = {key: value for key, value in entry.items() if key not in ("hash", "bytes")}
        # Without a dialect frictionless guesses one, and may then read another table than pandas.
        plain["dialect"] = {"csv": _DIALECT}
        resources.append({**plain, "schema": {**entry["schema"], "foreignKeys": kept}})
    try:
        described = {**package, "resources": resources}
        report = Package.from_descriptor(described, basepath=str(folder)).validate()
    except FrictionlessException as refusal:
        for reason in (refusal.reasons or [refusal.error])[:5]:
            yield _described_wrongly(reason.note)
        return
    for error in report.errors:
        yield _described_wrongly(error.message)
    for task, entry in zip(report.tasks, entries, strict=True):
        # A row of the wrong length spoils its cells: one problem for it, and none for what follows.
        spoilt = {e.row_number: e for e in reversed(task.errors) if e.type in _WHOLE_ROW}
        for error in task.errors:
            if spoilt.get(getattr(error, "row_number", None), error) is error:
                yield _translated(entry, error)


def cell_problems(entry: Mapping[str, Any], content: bytes) -> Iterator[Problem]:
    """Cells that parsers read though no reader would: ``nan``, ``1_000``, ``2021-7``, ``TRUE``."""
    cells = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    for item in entry["schema"]["fields"]:
        form, expected = _FORMS.get(item["type"], ("", ""))
        column = cells[item["name"]]
        odd = ~column.str.fullmatch(form) if form else column != column
        if item["type"] == "number" and not odd.any():
            odd = pd.to_numeric(column).abs() > 1e300
            expected = "a number below 1e300"
        for position in column.index[odd]:
            yield Problem(
                file=entry["path"],
                row=int(position) + 2,
                column=item["name"],
                expected=expected,
                found=_short(repr(column[position])),
                todo="correct the cell; leave it empty if there is no figure",
            )


def _described_wrongly(note: str) -> Problem:
    expected = "a valid Frictionless data package"
    todo = f"correct {DESCRIPTOR}"
    return Problem(file=DESCRIPTOR, expected=expected, found=_short(note), todo=todo)


_COLUMNS = "restore the header, or describe the new one in datapackage.json"
_LIMITS = {
    "required": "a value",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "enum": "one of {}",
    "pattern": "the form {}",
}
_PLAIN = {
    "extra-cell": (
        "as many cells as columns",
        "write a number with a decimal point (53.5); quote a text that holds a comma",
    ),
    "missing-cell": ("as many cells as columns", "add the missing cells"),
    "blank-row": ("a row with cells", "remove the empty line"),
    "foreign-key": ("a value of the table it refers to", "correct the value, or add it there"),
    "unique-error": ("each value once", "remove or correct one of the rows"),
    "primary-key": ("each key once", "remove or correct one of the two rows"),
}


def _translated(entry: Mapping[str, Any], error: Any) -> Problem:
    """One frictionless error as expected, found, where and what to do."""
    kind, schema = error.type, entry["schema"]
    row, column = getattr(error, "row_number", None), getattr(error, "field_name", "")
    meanings = {item["name"]: f"{item['type']}: {item['description']}" for item in schema["fields"]}
    cell = str(getattr(error, "cell", ""))
    found = repr(_short(cell)) if cell not in ("None", "") else "an empty cell"
    expected, todo = _PLAIN.get(kind, (error.title, "correct the file"))
    if kind in _WHOLE_ROW:
        column, found = "", f"{len(error.cells)} cells" if error.cells else "an empty line"
    elif kind == "type-error":
        expected = meanings[column]
        comma = re.fullmatch(r"-?\d+,\d+", cell)
        todo = f"write {cell.replace(',', '.')}" if comma else "correct the cell"
    elif kind == "constraint-error":
        rule = re.fullmatch(r'constraint "(\w+)" is "(.*)"', error.note)
        name, limit = rule.groups() if rule else ("", error.note)
        expected = _LIMITS.get(name, name + " {}").format(limit.strip("[]").replace("'", ""))
        todo = f"correct the cell ({meanings[column]})"
    elif kind == "primary-key":
        column, found = ", ".join(schema["primaryKey"]), "a key that is not new"
        if earlier := re.search(r"at position (\d+)", error.note):
            found = f"the key of row {earlier[1]}"
    elif kind == "foreign-key":
        column, found = (
            ", ".join(error.field_names),
            _short(", ".join(map(repr, error.field_cells))),
        )
        expected = f"a value of {error.reference_name or entry['name']}.csv"
    elif "label" in kind or "header" in kind:
        row, found, todo = 1, _short(", ".join(error.labels), 400), _COLUMNS
        expected = "the columns " + ", ".join(meanings)
    elif kind not in _PLAIN:
        found = _short(error.message)
    return Problem(
        file=entry["path"], row=row, column=column, expected=expected, found=found, todo=todo
    )


def _short(text: object, size: int = 70) -> str:
    line = str(text).split("\n", 1)[0]
    return line if len(line) <= size else line[: size - 1] + "…"
