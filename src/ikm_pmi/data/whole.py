"""Files that appear whole or not at all, and what a killed process left of them.

A change of several files that belong together (a table, its hash, what is built from it) is
prepared in a folder of its own. One rename of that folder decides; :func:`settle` finishes what was
decided.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ikm_pmi.errors import DataError

__all__ = [
    "clear_leftovers",
    "digest",
    "scratch",
    "scratch_folder",
    "settle",
    "write_files",
    "write_together",
]

_PENDING = ".pending"


def digest(content: bytes) -> str:
    """SHA-256 as written in ``datapackage.json``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _owner() -> str:
    return f"{platform.node()}.{os.getpid()}"


def _ended(number: str) -> bool:
    import psutil  # type: ignore[import-untyped]

    return number.isdigit() and not psutil.pid_exists(int(number))


def clear_leftovers(*folders: Path) -> None:
    """Remove what killed processes of this machine were writing beside its place."""
    form = re.compile(rf"\..+\.{re.escape(platform.node())}\.(\d+)\.tmp")
    for folder in folders:
        for left in folder.glob(".*.tmp"):
            if (found := form.fullmatch(left.name)) and _ended(found[1]):
                shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def scratch_folder(kind: str) -> Path:
    """A temporary folder closed to other users; those of processes that ended are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"ikm_pmi-{kind}-*-*"):
        if _ended(left.name.split("-")[2]):
            shutil.rmtree(left, ignore_errors=True)  # another user's cannot be removed
    return Path(tempfile.mkdtemp(prefix=f"ikm_pmi-{kind}-{os.getpid()}-"))


@contextmanager
def scratch(*, default: bool = False) -> Iterator[Path]:
    """A temporary folder for as long as it is used; by default, that of other libraries too."""
    folder, before = scratch_folder("work"), tempfile.tempdir
    tempfile.tempdir = str(folder) if default else before
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def write_files(files: Mapping[Path, bytes]) -> tuple[Path, ...]:
    """Write files whole: all beside their places first, then renamed, in the order given.

    What a killed process left beside them is removed.
    """
    clear_leftovers(*{path.parent for path in files})
    beside = {path: path.with_name(f".{path.name}.{_owner()}.tmp") for path in files}
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside[path].write_bytes(content)
        for path, temporary in beside.items():
            temporary.replace(path)
    finally:
        for temporary in beside.values():
            temporary.unlink(missing_ok=True)
    return tuple(files)


def write_together(folder: Path, changes: Mapping[str, tuple[bytes | None, bytes]]) -> None:
    """Replace files that belong together: all of them, or none, whenever the process is killed.

    Parameters
    ----------
    folder : Path
        Usually ``data``.
    changes : mapping
        Path below ``folder`` → what was read there (None: no such file) and what takes its place.

    Raises
    ------
    DataError
        When another command is writing, or a file is no longer what was read; nothing is written.
    """
    settle(folder)
    clear_leftovers(folder)  # of a command killed before it decided
    work = folder / f"{_PENDING}.{_owner()}.tmp"
    work.mkdir()
    try:
        entries = []
        for place, (path, (old, new)) in enumerate(changes.items()):
            (work / str(place)).write_bytes(new)
            before = None if old is None else digest(old)
            entries.append({"path": path, "before": before, "after": digest(new)})
        (work / "index.json").write_text(json.dumps(entries), encoding="utf-8")
        try:
            work.rename(folder / _PENDING)
        except OSError:
            if not (folder / _PENDING).exists():
                raise
            raise DataError(
                "another command is changing the data",
                expected="one change at a time",
                found="a change that is being written",
                where=str(folder / _PENDING),
                todo="wait for it to end, then give the command again",
            ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if edited := _finish(folder):
        raise DataError(
            "the data changed while the command was at work",
            expected="the files as they were read",
            found=", ".join(edited) + " changed since",
            where=str(folder),
            todo="nothing was written; give the command again",
        )


def settle(folder: Path) -> None:
    """Finish a change of :func:`write_together` that was decided but not wholly written.

    Raises
    ------
    DataError
        When one of its files was edited in between; the rest of the change is dropped.
    """
    if edited := _finish(folder):
        raise DataError(
            "a change of the data that was cut short cannot be finished",
            expected="the files as they were when it was prepared",
            found=", ".join(edited) + " edited since",
            where=str(folder),
            todo="see: git diff data; then give the command again, or ikm-pmi data seal and build",
        )


def _finish(folder: Path) -> list[str]:
    """Put what is prepared into its place; the files edited since, which stop it."""
    pending = folder / _PENDING
    entries = []
    with suppress(FileNotFoundError):  # without an index nothing is left to do
        entries = json.loads((pending / "index.json").read_bytes())
    edited = [entry["path"] for entry in entries if _state(folder, entry) not in _known(entry)]
    for place, entry in enumerate(entries if not edited else ()):
        with suppress(FileNotFoundError):  # in its place already
            (folder / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
            (pending / str(place)).replace(folder / entry["path"])
    shutil.rmtree(pending, ignore_errors=True)
    return edited


def _state(folder: Path, entry: Mapping[str, Any]) -> str | None:
    try:
        return digest((folder / entry["path"]).read_bytes())
    except FileNotFoundError:
        return None


def _known(entry: Mapping[str, Any]) -> tuple[str | None, str]:
    return entry["before"], entry["after"]
