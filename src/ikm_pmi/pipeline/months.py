"""A new month, quarter or year: added to its table and to all built from it, or not at all.

The change is made in a copy of ``data/`` first: there it is checked and sealed, and the processed
tables are built again. Only what differs then takes its place, in one step (see
:func:`ikm_pmi.data.whole.write_together`).
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikm_pmi.data import package
from ikm_pmi.data.additions import Addition, add_row
from ikm_pmi.data.package import PROCESSED, RAW
from ikm_pmi.data.series import Entry, find_series
from ikm_pmi.data.store import DESCRIPTOR, read_descriptor
from ikm_pmi.data.whole import scratch, write_together
from ikm_pmi.parameters import CHAPTERS
from ikm_pmi.pipeline import processed
from ikm_pmi.pipeline.folders import sole
from ikm_pmi.pipeline.manifest import write_whole

__all__ = ["Draft", "Reach", "add", "draft", "edit_descriptor", "reach"]

#: Parameters that end a chapter's window, and the frequency of what they name.
_ENDS = {"end_month": "M", "last_year": "Y"}


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
    files : mapping
        Path below ``data/`` → its content as it is (None: no such file) and as it will be.
    """

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
        with sole(root / "results", "a change of the data"):
            write_together(root / "data", self.files)


def _rows(old: bytes | None, new: bytes) -> tuple[int, int]:
    before, after = Counter((old or b"").splitlines()), Counter(new.splitlines())
    gone, come = (before - after).total(), (after - before).total()
    return come - min(gone, come), min(gone, come)


@contextmanager
def draft(root: Path, edit: Callable[[Path], None]) -> Iterator[Draft]:
    """Make a change in a copy of the project's data; check, seal and build it there.

    Parameters
    ----------
    root : Path
        The project folder; nothing in it changes.
    edit : callable
        Called with the copy's project folder; edits ``data/raw`` there.

    Raises
    ------
    DataError
        When the tables are not as sealed to begin with, or the edited ones have errors.
    """
    package.hashes([entry["name"] for entry in read_descriptor(root / RAW)["resources"]], root)
    with scratch() as copy:
        for part in (RAW, PROCESSED):
            if (root / part).is_dir():
                shutil.copytree(root / part, copy / part)
        before = {path: path.read_bytes() for path in sorted((copy / "data").rglob("*.*"))}
        edit(copy)
        package.seal(copy)
        processed.build(copy)
        after = {path: path.read_bytes() for path in sorted((copy / "data").rglob("*.*"))}
        yield Draft(
            files={
                path.relative_to(copy / "data").as_posix(): (before.get(path), content)
                for path, content in after.items()
                if before.get(path) != content
            }
        )


def edit_descriptor(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change ``data/raw/datapackage.json`` in place; hashes are the work of ``seal``."""
    content = read_descriptor(root / RAW)
    change(content)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(root / RAW / DESCRIPTOR, text)


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
    table = series.table["name"]
    package.hashes([table], root)
    added = add_row(series, entry, (root / RAW / series.table["path"]).read_bytes())

    def accessed(content: dict[str, Any]) -> None:
        one = next(item for item in content["resources"] if item["name"] == table)
        one["accessed"] = max(str(one.get("accessed", "")), entry.read_on.isoformat())

    def edit(copy: Path) -> None:
        write_whole(copy / RAW / series.table["path"], added.content)
        edit_descriptor(copy, accessed)

    with draft(root, edit) as change:
        if write:
            change.commit(root)
    return added, change


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
        known = root / "reference" / f"{chapter}.json"
        if not known.is_file():
            continue
        reads = set(json.loads(known.read_text(encoding="utf-8"))["data"])
        if not reads & changed:
            continue
        end = next((name for name in _ENDS if name in model.model_fields), None)
        last = str(model.model_fields[end].default) if end else ""
        needed = str(period.asfreq(_ENDS[end], how="end")) if end else ""
        setting = f"{end}={needed}" if last < needed else ""
        found.append(Reach(chapter=chapter, ends=last, setting=setting))
    return tuple(found)
