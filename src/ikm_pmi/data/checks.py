"""What a valid data package is: bytes, hashes, schema, keys, and what no schema knows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ikm_pmi.data import package, plausible
from ikm_pmi.data.atomic import digest, write_files
from ikm_pmi.data.package import DESCRIPTOR, PROCESSED, RAW
from ikm_pmi.data.plausible import Rule
from ikm_pmi.errors import DataError, Problem, not_installed

_REMEDY = {
    RAW: "if the edit is meant: ikm-pmi data seal; if not: restore the file (git restore)",
    PROCESSED: "run: ikm-pmi data build",
}


_SHOWN = 12  # problems of one file printed; a wrong column would otherwise fill the screen


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check; ``ok`` when nothing is wrong (warnings and gaps are not errors).

    Parameters
    ----------
    rows : tuple
        Of each table that could be read, what :meth:`table` shows.
    gaps : mapping
        By table and series the months missing between its first and its last.
    """

    rows: tuple[tuple[str, int, str, str, int, bool], ...]
    gaps: Mapping[str, Mapping[str, tuple[pd.Period, ...]]]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any(problem.severity == "error" for problem in self.problems)

    def table(self) -> pd.DataFrame:
        """One row a table: name, rows, first, last, missing_months, hash_ok."""
        columns = ["name", "rows", "first", "last", "missing_months", "hash_ok"]
        return pd.DataFrame(self.rows, columns=columns)

    def text(self) -> str:
        """The whole report for a reader at a terminal."""
        lines = [f"{'table':<26}{'rows':>6}  {'span':<24}{'missing months':>14}  hash"]
        for name, rows, first, last, missing, hash_ok in self.rows:
            span, seal = f"{first} to {last}" if first else "", "ok" if hash_ok else "differs"
            lines.append(f"{name:<26}{rows:>6,}  {span:<24}{missing or '':>14}  {seal}")
        for name, gaps in self.gaps.items():
            lines += ["", f"Months missing within a series of {name} (no error):"]
            lines += [f"  {series}: {month_ranges(months)}" for series, months in gaps.items()]
        for file in dict.fromkeys(problem.file for problem in self.problems):
            own = [problem for problem in self.problems if problem.file == file]
            lines += ["", *(problem.text() for problem in own[:_SHOWN])]
            if len(own) > _SHOWN:
                lines.append(f"… and {len(own) - _SHOWN} more in {file}")
        errors = sum(problem.severity == "error" for problem in self.problems)
        warnings = len(self.problems) - errors
        verdict = "The data package is valid" if self.ok else f"{errors} error(s)"
        lines += ["", f"{verdict}; {len(self.rows)} tables, {warnings} warning(s)."]
        return "\n".join(lines)

    __str__ = text


def month_ranges(months: tuple[pd.Period, ...]) -> str:
    """Months as runs: ``2012-07, 2017-09 to 2017-11``."""
    runs: list[list[pd.Period]] = []
    for month in months:
        if runs and month.ordinal == runs[-1][-1].ordinal + 1:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in runs)


def check(
    root: Path | None = None,
    parts: Sequence[Path] = (RAW, PROCESSED),
    *,
    hashes: bool = True,
    rules: Sequence[Rule] = (),
) -> Report:
    """Check every table of a project. Problems are listed in the report, not raised.

    Parameters
    ----------
    root : Path, optional
        The project folder; found from the working directory when not given.
    parts : sequence of Path
        Folders to check, relative to ``root``: the processed tables where they are built.
    hashes : bool
        Whether a table that differs from its hash is an error.
    rules : sequence of callable
        Further rules: from the raw tables that are sound, by name, to problems.
    """
    root = root or package.find_root()
    found = Report((), {}, ())
    problems: list[Problem] = []
    raw_now = ""
    for part in parts:
        if part == PROCESSED and not (root / part / DESCRIPTOR).is_file():
            continue
        try:
            described = package.read_descriptor(root / part)
        except DataError as error:
            problems.append(Problem.of(error, f"{part.name}/{DESCRIPTOR}"))
            continue
        raw_now = package.fingerprint(described) if part == RAW else raw_now
        if part == PROCESSED and raw_now and described.get("builtFrom") != raw_now:
            expected = "tables built from the raw tables as they are sealed now"
            other, todo = "tables built from others", _REMEDY[part]
            problems.append(Problem(f"{part.name}/{DESCRIPTOR}", expected, other, todo))
        own = (*plausible.RULES, *rules) if part == RAW else ()
        report = _check_folder(root / part, described, own, _REMEDY[part] if hashes else "")
        problems += report.problems
        found = Report(found.rows + report.rows, {**found.gaps, **report.gaps}, ())
    return replace(found, problems=tuple(problems))


def _check_folder(
    folder: Path, described: Mapping[str, Any], rules: Sequence[Rule], remedy: str
) -> Report:
    raw = folder.name == RAW.name
    problems: list[Problem] = []
    contents: dict[str, bytes] = {}
    entries = described["resources"]
    for entry in entries:
        path = folder / entry["path"]
        content = path.read_bytes() if path.is_file() else None
        if broken := next(_broken(entry, content), None):
            problems.append(broken)
        elif content is not None:
            contents[entry["name"]] = content
    readable = [entry for entry in entries if entry["name"] in contents]
    problems += _schema_problems(folder, described, readable)
    frames: dict[str, pd.DataFrame] = {}
    rows, gaps = [], dict[str, dict[str, tuple[pd.Period, ...]]]()
    for entry in readable:
        name, content = entry["name"], contents[entry["name"]]
        if {entry["path"], DESCRIPTOR} & {problem.file for problem in problems}:
            continue
        if odd := list(_cell_problems(entry, content)):
            problems += odd
            continue
        try:
            frames[name] = package.typed(content, entry)
        except DataError as error:
            problems.append(Problem.of(error, entry["path"]))
            continue
        now = digest(content)
        if entry.get("hash") != now and remedy:
            sealed = f"{entry.get('hash')!s:.200}"
            problems.append(Problem(file=entry["path"], expected=sealed, found=now, todo=remedy))
        first, last, missing = _summary(entry, frames[name], raw=raw)
        gaps |= {name: missing} if missing else {}
        count = sum(map(len, missing.values()))
        rows.append((name, len(frames[name]), first, last, count, entry.get("hash") == now))
    problems += _undescribed(folder, described)
    for rule in rules:
        try:
            problems += rule(frames)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            expected, todo = "columns and types that the rules know", "restore the description"
            problems.append(Problem(DESCRIPTOR, expected, f"{error!r:.80}", todo))
    return Report(tuple(rows), gaps, tuple(problems))


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
_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufeff]")
_SAVE = "save as comma-separated UTF-8 without byte-order mark, lines ending with LF"


def _broken(entry: Mapping[str, Any], content: bytes | None) -> Iterator[Problem]:
    """What keeps a file from being read as the table that is described, the first of it first."""

    def problem(expected: str, found: str, todo: str = _SAVE, row: int | None = None) -> Problem:
        return Problem(entry["path"], expected, _short(found), todo, row)

    columns = [item["name"] for item in entry["schema"]["fields"]]
    if content is None:
        todo = f"restore the file (git restore), or remove its entry from {DESCRIPTOR}"
        yield problem("a file", "no such file", todo)
        return
    try:
        *lines, end = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        yield problem("UTF-8", f"the byte {content[error.start]:#04x}", row=row)
        return
    if end or len(lines) < 2:
        found = end or f"{len(lines)} lines"
        yield problem("a header and rows, each with its line end", found, "git restore the file")
    for row, line in enumerate(lines, start=1):
        if odd := _ODD.search(line):
            yield problem("text and line ends (LF)", f"the sign {ord(odd[0]):#04x}", row=row)
        try:
            cells = next(csv.reader([line], strict=True), [])
        except csv.Error:
            yield problem("quotation marks in pairs", line, "double those inside a cell", row)
            continue
        if row == 1 and cells != columns:
            todo = f"restore the header, or describe the new one in {DESCRIPTOR}"
            todo = "remove this line, which a spreadsheet wrote" if line[:4] == "sep=" else todo
            yield problem("the columns " + ", ".join(columns), line, todo, row)
        elif len(cells) != len(columns):
            todo = "write a number with a decimal point (53.5); quote a text that holds a comma"
            yield problem(f"{len(columns)} cells", f"{len(cells)} cells", todo, row)


def _schema_problems(
    folder: Path, described: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    """Types, constraints, keys and foreign keys of the tables that can be read: frictionless."""
    try:
        from frictionless import FrictionlessException, Package
    except ModuleNotFoundError as missing:
        raise not_installed(missing, "study", what="the check of a table's schema") from None
    names = {entry["name"] for entry in entries} | {""}
    # Without a dialect frictionless guesses one, and may then read another table than pandas.
    csv_dialect = {
        "delimiter": ",",
        "lineTerminator": "\n",
        "quoteChar": '"',
        "skipInitialSpace": False,
    }
    resources = []
    for entry in entries:
        keys = entry["schema"].get("foreignKeys", [])
        kept = [key for key in keys if key["reference"]["resource"] in names]
        plain = {key: value for key, value in entry.items() if key not in ("hash", "bytes")}
        plain |= {
            "dialect": {"csv": csv_dialect},
            "schema": {**entry["schema"], "foreignKeys": kept},
        }
        resources.append(plain)
    notes, tasks = [], []
    try:
        whole = {**described, "resources": resources}
        report = Package.from_descriptor(whole, basepath=str(folder)).validate()
        notes, tasks = [error.message for error in report.errors], report.tasks
    except FrictionlessException as refusal:
        notes = [reason.note for reason in (refusal.reasons or [refusal.error])[:5]]
    for note in notes:
        expected = "a valid Frictionless data package"
        yield Problem(DESCRIPTOR, expected, _short(note), f"correct {DESCRIPTOR}")
    for task, entry in zip(tasks, entries, strict=False):
        yield from (_of_frictionless(entry, error) for error in task.errors)


def _of_frictionless(entry: Mapping[str, Any], error: Any) -> Problem:
    """One of its errors as expected, found, where and what to do."""
    known = {
        item["name"]: f"{item['type']}: {item['description']}" for item in entry["schema"]["fields"]
    }
    own = getattr(error, "field_name", "")
    names = getattr(error, "field_names", None) or ([own] if own else entry["schema"]["primaryKey"])
    cells = getattr(error, "field_cells", None) or [getattr(error, "cell", "a key again")]
    found = ", ".join("an empty cell" if cell in (None, "") else repr(cell) for cell in cells)
    comma = re.fullmatch(r"'-?\d+,\d+'", found)
    todo = f"write {found.strip(chr(39)).replace(',', '.')}" if comma else "correct the cell"
    meant = f"{_short(error.note, 200)} ({'; '.join(known.get(name, name) for name in names)})"
    row = getattr(error, "row_number", None)
    return Problem(entry["path"], meant, _short(found), todo, row, ", ".join(names))


def _cell_problems(entry: Mapping[str, Any], content: bytes) -> Iterator[Problem]:
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
            found = _short(repr(column[position]))
            todo = "correct the cell; leave it empty if there is no figure"
            yield Problem(entry["path"], expected, found, todo, int(position) + 2, item["name"])


def _short(text: object, size: int = 70) -> str:
    line = str(text).split("\n", 1)[0]
    return line if len(line) <= size else line[: size - 1] + "…"


def _undescribed(folder: Path, described: Mapping[str, Any]) -> Iterator[Problem]:
    """Tables without an entry."""
    known = {entry["path"] for entry in described["resources"]}
    for name in sorted({path.name for path in folder.glob("*.csv")} - known):
        expected, found = f"an entry in {DESCRIPTOR}", "none"
        todo = f"describe the table in {DESCRIPTOR}, or remove it"
        yield Problem(file=name, expected=expected, found=found, todo=todo, severity="warning")


def _summary(
    entry: Mapping[str, Any], frame: pd.DataFrame, *, raw: bool
) -> tuple[str, str, dict[str, tuple[pd.Period, ...]]]:
    """First, last and, of raw tables, the months missing within each series."""
    fields, gaps = entry["schema"]["fields"], dict[str, tuple[pd.Period, ...]]()
    kinds = {item["name"]: "Q" if "period" in item else item["type"] for item in fields}
    times = [name for name, kind in kinds.items() if kind in ("yearmonth", "Q", "date", "year")]
    span = [name for name in times if kinds[name] == kinds[times[0]]]
    if not span:
        return "", "", gaps
    if raw and kinds[span[0]] == "yearmonth":
        keys = [name for name in entry["schema"]["primaryKey"] if name != span[0]]
        for series, rows in frame.groupby(keys) if keys else [((entry["name"],), frame)]:
            months = pd.PeriodIndex(rows[span[0]])
            whole = pd.period_range(months.min(), months.max(), freq="M")
            if missing := tuple(whole.difference(months)):
                gaps[", ".join(map(str, series))] = missing
    last = max(frame[name].max() for name in span)
    return f"{frame[span[0]].min()!s:.10}", f"{last!s:.10}", gaps


def seal(
    root: Path | None = None,
    rules: Sequence[Rule] = (),
    tell: Callable[[str], object] = lambda _: None,
) -> tuple[str, ...]:
    """Accept intended edits of raw tables: check them, then rewrite their hashes.

    Parameters
    ----------
    root, rules : optional
        As for :func:`check`.
    tell : callable, optional
        Called with the text of each warning: what is odd is accepted, but not unseen.

    Returns
    -------
    tuple of str
        Names of the tables whose hash changed.

    Raises
    ------
    DataError
        When a table has errors other than its hash; nothing is written then.
    """
    root = root or package.find_root()
    report = check(root, parts=(RAW,), hashes=False, rules=rules)
    errors = [problem for problem in report.problems if problem.severity == "error"]
    if errors:
        raise DataError(
            f"not sealed: {len(errors)} error(s) in the tables",
            expected=errors[0].expected,
            found=errors[0].found,
            where=errors[0].where,
            todo=errors[0].todo + "; for all errors: ikm-pmi data check",
        )
    for problem in report.problems:
        tell(problem.text())
    described = package.read_descriptor(root / RAW)
    entries = described["resources"]
    contents = {e["name"]: (root / RAW / e["path"]).read_bytes() for e in entries}
    changed = tuple(e["name"] for e in entries if e.get("hash") != digest(contents[e["name"]]))
    if changed:
        write_files({root / RAW / DESCRIPTOR: package.sealed(described, contents)})
    return changed
