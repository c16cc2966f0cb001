"""A new figure, given by hand or by BPS: in its table and in all built from it, or not at all.

The change is made in a copy of ``data/`` first: there it is checked and sealed, and the processed
tables are built again. The copy then takes its place, in one step.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikm_pmi.data import checks, official, package
from ikm_pmi.data.atomic import write_files
from ikm_pmi.data.package import DESCRIPTOR, RAW, read_descriptor
from ikm_pmi.data.series import Addition, Entry, add_row, csv_line, find_series
from ikm_pmi.engine import processed
from ikm_pmi.engine.folders import lock_folder, recover, staging, swap
from ikm_pmi.engine.manifest import file_hashes, read_object
from ikm_pmi.errors import DataError, IkmPmiError, ParameterError, SourceError
from ikm_pmi.study import CHAPTERS, WINDOW_ENDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Whether a chapter's default window takes in a period, and what moves it.

    Parameters
    ----------
    ends : str
        Last month or year of the default window; empty where the chapter has none.
    setting : str
        The parameter with which the period is taken in; empty where the default does.
    """

    chapter: str
    ends: str
    setting: str

    def sentence(self) -> str:
        """What a reader has to know, in a line."""
        if not self.ends:
            return f"{self.chapter}: no window of its own"
        if not self.setting:
            return f"{self.chapter}: window to {self.ends}, takes it in"
        command = f"ikm-pmi run {self.chapter[:2]} -p {self.setting}"
        return f"{self.chapter}: window to {self.ends}, ends before it; {command}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A change that has been checked and can take its place.

    Parameters
    ----------
    folder : Path
        The whole of ``data/`` with the change.
    files : mapping
        Path below ``data/`` → its content as it is (None: no such file) and as it will be.
    """

    folder: Path
    files: Mapping[str, tuple[bytes | None, bytes]]

    @property
    def tables(self) -> dict[str, tuple[int, int]]:
        """Rows that are new, and rows that change, by table below ``data/``."""
        return {
            path: _rows(old, new)
            for path, (old, new) in self.files.items()
            if path.endswith(".csv")
        }

    def commit(self, root: Path) -> None:
        """Put the change in place: all of it, or nothing, and not under a run's feet.

        Raises
        ------
        ChapterError
            When another process is at work on the project's results.
        DataError
            When a file is no longer what was read.
        """
        with lock_folder(root / "results", "a change of the data"):
            now = _contents(root / "data")
            edited = [path for path, (old, _) in self.files.items() if now.get(path) != old]
            if edited:
                raise DataError(
                    "the data changed while the command was at work",
                    expected="the files as they were read",
                    found=", ".join(edited) + " changed since",
                    where=str(root / "data"),
                    todo="nothing was written; give the command again",
                )
            swap(self.folder, root, "data", marks=("raw",))


def _contents(data: Path) -> dict[str, bytes]:
    files = [data / name for name in file_hashes(data, ("*/*.*",))]
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in files}


def _rows(old: bytes | None, new: bytes) -> tuple[int, int]:
    before, after = Counter((old or b"").split(b"\n")), Counter(new.split(b"\n"))
    gone, come = (before - after).total(), (after - before).total()
    return come - min(gone, come), min(gone, come)


def change_tables(
    root: Path,
    files: Mapping[str, bytes],
    describe: Callable[[dict[str, Any]], None],
    *,
    write: bool = True,
    unsealed: Sequence[str] = (),
) -> Draft:
    """Change raw tables in a copy of the project's data; check, seal and build it there.

    Parameters
    ----------
    root : Path
        The project folder.
    files : mapping of str to bytes
        Path below ``data/raw`` → the table as it will be.
    describe : callable
        Called with the entry of each of them in ``datapackage.json``; hashes are the work of
        ``seal``.
    write : bool
        Whether the change takes its place, or is only shown.
    unsealed : sequence of str
        Raw tables that need not be as sealed to begin with: the change replaces them.

    Raises
    ------
    DataError
        When the tables are not as sealed to begin with, or the edited ones have errors; nothing is
        written then.
    """
    names = [entry["name"] for entry in read_descriptor(root / RAW)["resources"]]
    package.hashes([name for name in names if name not in unsealed], root)
    recover(root, "data")
    with staging(root / "results", "data") as copy:
        folder = Path(shutil.copytree(root / "data", copy / "data"))
        before, described = _contents(folder), read_descriptor(copy / RAW)
        for entry in described["resources"]:
            if entry["path"] in files:
                describe(entry)
        whole = {**files, DESCRIPTOR: package.descriptor(described)}
        write_files({copy / RAW / path: content for path, content in whole.items()})
        checks.seal(copy)
        processed.build(copy)
        after = _contents(folder).items()
        changed = {path: (before.get(path), new) for path, new in after if before.get(path) != new}
        change = Draft(folder=folder, files=changed)
        if write:
            change.commit(root)
    return change


def _accessed(entry: dict[str, Any], day: datetime.date) -> None:
    entry["accessed"] = max(str(entry.get("accessed", "")), day.isoformat())


def add(root: Path, name: str, entry: Entry, *, write: bool) -> tuple[Addition, Draft]:
    """Add one figure to a series, with everything that follows from it.

    Parameters
    ----------
    root : Path
        The project folder.
    name : str
        Name of the series in ``datapackage.json``.
    entry : Entry
        The figure with its source.
    write : bool
        Whether the change takes its place, or is only shown.

    Raises
    ------
    DataError
        When the figure is refused; nothing is written then.
    """
    series = find_series(read_descriptor(root / RAW), name, entry.settings)
    package.hashes([series.table["name"]], root)
    path = series.table["path"]
    added = add_row(series, entry, (root / RAW / path).read_bytes())
    files = {path: added.content}
    return added, change_tables(root, files, lambda one: _accessed(one, entry.read_on), write=write)


def reach(root: Path, change: Draft, period: Any) -> tuple[Reach, ...]:
    """The chapters that read what changes, and whether their windows take the period in.

    What a chapter reads is known from its committed numbers in ``reference/``.

    Parameters
    ----------
    root : Path
        The project folder.
    change : Draft
        What changes.
    period : Period
        The month, quarter or year that is new.
    """
    changed = {Path(path).name for path in change.tables}
    found = []
    for chapter, model in CHAPTERS.items():
        known = read_object(root / "reference" / f"{chapter}.json")
        if not changed & set(known.get("data", ())):
            continue
        end = next((name for name in WINDOW_ENDS if name in model.model_fields), None)
        last = str(model.model_fields[end].default) if end else ""
        needed = str(period.asfreq(WINDOW_ENDS[end], how="end")) if end else ""
        setting = f"{end}={needed}" if last < needed else ""
        found.append(Reach(chapter=chapter, ends=last, setting=setting))
    return tuple(found)


KEY = "BPS_API_KEY"
_SOURCES = "sources.csv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refreshed:
    """What BPS says, by table, and the change that follows; None where nothing does."""

    tables: Mapping[str, official.Merged]
    change: Draft | None


def update(
    root: Path,
    *,
    accept: bool = False,
    write: bool = True,
    tell: Callable[[str, str], None] = lambda *_: None,
) -> Refreshed:
    """Hold the tables that BPS keeps up against its WebAPI, and take what is new.

    All is fetched and held against the record before anything is written.

    Parameters
    ----------
    root : Path
        The project folder.
    accept : bool
        Whether revised figures take the place of those on record.
    write : bool
        Whether the change takes its place, or is only shown.
    tell : callable, optional
        Called with ``"start"`` or ``"success"`` and what is fetched.

    Raises
    ------
    ParameterError
        When the environment has no key.
    SourceError
        When BPS does not answer as documented; nothing is written then.
    DataError
        When the tables are not as sealed, or would not be valid with the new figures.
    """
    key = _key()
    tables = [table for table in read_descriptor(root / RAW)["resources"] if table.get("update")]
    package.hashes([table["name"] for table in tables], root)
    merged, changed, today = {}, {}, datetime.date.today()
    for table in tables:
        figures = {
            entry["value"]: (_figures(root, table, entry, key, tell), entry["decimals"])
            for entry in table["update"]
        }
        content = (root / RAW / table["path"]).read_bytes()
        origin = table["update"][0]["origin"]
        found = official.merge(table, content, figures, origin, accept=accept)
        merged[table["name"]] = found
        if found.content != content:
            changed[table["path"]] = found.content
    if not changed:
        return Refreshed(tables=merged, change=None)
    cited = {_SOURCES: _cited(root, [one for one in tables if one["path"] in changed], today)}

    def accessed(entry: dict[str, Any]) -> None:
        if entry["path"] != _SOURCES:
            _accessed(entry, today)

    change = change_tables(root, changed | cited, accessed, write=write)
    return Refreshed(tables=merged, change=change)


def _cited(root: Path, tables: Iterable[Mapping[str, Any]], today: datetime.date) -> bytes:
    """``sources.csv`` with the sources whose first figures are taken."""
    content = (root / RAW / _SOURCES).read_text(encoding="utf-8")
    for entry in (table["update"][0] for table in tables):
        key, cite = entry["origin"]["source"], entry.get("cite")
        if cite and f"\n{key}," not in content:
            read = [f"read {today}", cite["licence"], str(today)]
            content += csv_line([key, cite["citation"], cite["url"], *read])
    return content.encode()


def _figures(
    root: Path,
    table: Mapping[str, Any],
    entry: Mapping[str, Any],
    key: str,
    tell: Callable[[str, str], None],
) -> official.Cells:
    """What BPS says of one column."""
    cells: official.Cells = {}
    name, names = f"BPS WebAPI, variable {entry['variable']}", _names(root, entry)
    tell("start", name)
    try:
        for years in official.year_groups(entry["first"], datetime.date.today().year):
            answer = official.fetch(
                official.bps_url(entry, years, key), source=f"{name}, {years[0]}-{years[-1]}"
            )
            cells |= official.bps_cells(answer, entry, table["schema"]["primaryKey"], names)
    except IkmPmiError as error:
        raise _without(error, key) from None
    if not cells:
        raise SourceError(
            f"{name}: no figures",
            expected=f"figures from {entry['first']} on",
            found="empty pages only",
            where=name,
            todo="see whether BPS has moved the variable; nothing was changed",
        )
    tell("success", name)
    return cells


def _without(error: IkmPmiError, key: str) -> IkmPmiError:
    """The error, should the source have sent the key back in its answer."""
    for part in ("summary", "expected", "found", "where", "todo"):
        setattr(error, part, getattr(error, part).replace(key, "***"))
    error.args = (error.summary,)
    return error


def _names(root: Path, entry: Mapping[str, Any]) -> dict[str, str]:
    """Names of the provinces by every way they are written."""
    if not entry["vervar"].get("names"):
        return {}
    found = {}
    for row in package.load(entry["vervar"]["names"], root).fillna("").itertuples(index=False):
        for label in (row.province, *str(row.other_names).split(";")):
            found[official.plain(str(label))] = str(row.province)
    return found


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if re.fullmatch(r"[A-Za-z0-9]{8,128}", key, re.ASCII):
        return key
    raise ParameterError(
        "the BPS WebAPI needs a key",
        expected=f"letters and digits in the environment variable {KEY}",
        found="something else" if key else "no such variable",
        where=KEY,
        todo="a key is free at https://webapi.bps.go.id/developer",
    )
