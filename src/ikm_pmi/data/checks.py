"""What a valid data package is: bytes, hashes, schema, keys, and what no schema knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ikm_pmi.data.package import PROCESSED, RAW, typed
from ikm_pmi.data.plausible import RULES, Rule
from ikm_pmi.data.report import Problem, Report, TableSummary
from ikm_pmi.data.schema import broken_bytes, cell_problems, schema_problems
from ikm_pmi.data.store import DESCRIPTOR, fingerprint, read_descriptor
from ikm_pmi.data.whole import digest
from ikm_pmi.errors import DataError

__all__ = ["Rule", "check_package"]

_REMEDY = {
    RAW: "if the edit is meant: ikm-pmi data seal; if not: restore the file (git restore)",
    PROCESSED: "run: ikm-pmi data build",
}


def check_package(
    root: Path,
    parts: Sequence[Path] = (RAW, PROCESSED),
    *,
    hashes: bool = True,
    rules: Sequence[Rule] = (),
) -> Report:
    """Check the raw and, where they are built, the processed tables of a project.

    Parameters
    ----------
    root : Path
        The project folder.
    parts : sequence of Path
        Folders to check, relative to ``root``.
    hashes : bool
        Whether a table that differs from its hash is an error.
    rules : sequence of callable
        Further rules: from the raw tables that are sound, by name, to problems.
    """
    tables: list[TableSummary] = []
    problems: list[Problem] = []
    raw_now = ""
    for part in parts:
        if part == PROCESSED and not (root / part / DESCRIPTOR).is_file():
            continue
        try:
            package = read_descriptor(root / part)
        except DataError as error:
            problems.append(_from_error(f"{part.name}/{DESCRIPTOR}", error))
            continue
        raw_now = fingerprint(package) if part == RAW else raw_now
        if part == PROCESSED and raw_now and package.get("builtFrom") != raw_now:
            problems.append(
                Problem(
                    file=f"{part.name}/{DESCRIPTOR}",
                    expected="tables built from the raw tables as they are sealed now",
                    found="tables built from others",
                    todo=_REMEDY[part],
                )
            )
        own = (*RULES, *rules) if part == RAW else ()
        report = _check_folder(root / part, package, own, _REMEDY[part] if hashes else "")
        tables += report.tables
        problems += report.problems
    return Report(tables=tuple(tables), problems=tuple(problems))


def _from_error(file: str, error: DataError) -> Problem:
    expected, found = error.expected, error.found
    return Problem(file=file, expected=expected, found=found, todo=error.todo)


def _check_folder(
    folder: Path, package: Mapping[str, Any], rules: Sequence[Rule], remedy: str
) -> Report:
    raw = folder.name == RAW.name
    problems: list[Problem] = []
    contents: dict[str, bytes] = {}
    entries = package["resources"]
    for entry in entries:
        path = folder / entry["path"]
        content = path.read_bytes() if path.is_file() else None
        broken = broken_bytes(path.name, content)
        if content is None or broken:
            problems += [broken] if broken else []
        else:
            contents[entry["name"]] = content
    readable = [entry for entry in entries if entry["name"] in contents]
    problems += schema_problems(folder, package, readable)
    frames: dict[str, pd.DataFrame] = {}
    tables = []
    for entry in readable:
        name, content = entry["name"], contents[entry["name"]]
        if {entry["path"], DESCRIPTOR} & {problem.file for problem in problems}:
            continue
        if odd := list(cell_problems(entry, content)):
            problems += odd
            continue
        try:
            frames[name] = typed(content, entry)
        except DataError as error:
            problems.append(_from_error(entry["path"], error))
            continue
        now = digest(content)
        if entry.get("hash") != now and remedy:
            sealed = str(entry.get("hash"))
            problems.append(Problem(file=entry["path"], expected=sealed, found=now, todo=remedy))
        tables.append(_summary(entry, frames[name], hash_ok=entry.get("hash") == now, raw=raw))
    problems += _undescribed(folder, package)
    for rule in rules:
        try:
            problems += rule(frames)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            expected, todo = "columns and types that the rules know", "restore the description"
            problems.append(
                Problem(file=DESCRIPTOR, expected=expected, found=f"{error!r:.80}", todo=todo)
            )
    return Report(tables=tuple(tables), problems=tuple(problems))


def _undescribed(folder: Path, package: Mapping[str, Any]) -> Iterator[Problem]:
    """Tables without an entry, and raw entries whose rows need not name a source."""
    described = {entry["path"] for entry in package["resources"]}
    for name in sorted({path.name for path in folder.glob("*.csv")} - described):
        expected, found = f"an entry in {DESCRIPTOR}", "none"
        todo = f"describe the table in {DESCRIPTOR}, or remove it"
        yield Problem(file=name, expected=expected, found=found, todo=todo, severity="warning")
    for entry in package["resources"] if folder.name == RAW.name else ():
        fields = {item["name"]: item for item in entry["schema"]["fields"]}
        source = fields.get("citation" if entry["name"] == "sources" else "source", {})
        if not source.get("constraints", {}).get("required"):
            expected, found = "a required column source", "none"
            todo = f"name the source of every row, and require it in {DESCRIPTOR}"
            yield Problem(file=entry["path"], expected=expected, found=found, todo=todo)


def _summary(
    entry: Mapping[str, Any], frame: pd.DataFrame, *, hash_ok: bool, raw: bool
) -> TableSummary:
    """Rows, span and, of raw tables, the months missing within each series."""
    fields = entry["schema"]["fields"]
    kinds = {item["name"]: "Q" if "period" in item else item["type"] for item in fields}
    times = [name for name, kind in kinds.items() if kind in ("yearmonth", "Q", "date", "year")]
    span = [name for name in times if kinds[name] == kinds[times[0]]]
    first = f"{frame[span[0]].min()!s:.10}" if span else ""
    last = f"{max(frame[name].max() for name in span)!s:.10}" if span else ""
    gaps = []
    if raw and span and kinds[span[0]] == "yearmonth":
        keys = [name for name in entry["schema"]["primaryKey"] if name != span[0]]
        for series, rows in frame.groupby(keys) if keys else [((entry["name"],), frame)]:
            months = pd.PeriodIndex(rows[span[0]])
            whole = pd.period_range(months.min(), months.max(), freq="M")
            if missing := tuple(whole.difference(months)):
                gaps.append((", ".join(map(str, series)), missing))
    return TableSummary(
        name=entry["name"],
        rows=len(frame),
        first=first,
        last=last,
        gaps=tuple(gaps),
        hash_ok=hash_ok,
    )
