"""Results folders that appear whole or not at all, and what keeps two runs apart.

Locks belong to the operating system: whoever holds one and dies, however it dies, has let it go.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ikm_pmi.data.atomic import clear_leftovers, write_files
from ikm_pmi.errors import ChapterError

_OURS = ("result.json", "notebook.ipynb")
_ALIVE = ".alive"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def _base(results_dir: Path) -> Path:
    base = results_dir / ".staging"
    base.mkdir(parents=True, exist_ok=True)
    return base


@contextmanager
def brief_lock(results_dir: Path) -> Iterator[None]:
    """Wait for a folder's other writers; held only for as long as a few renames take."""
    from filelock import FileLock

    with FileLock(_base(results_dir) / ".swap.lock"):
        yield


@contextmanager
def lock_folder(results_dir: Path, work: str) -> Iterator[None]:
    """Do some work in a folder alone; what killed runs left in its staging is removed first.

    Parameters
    ----------
    results_dir : Path
        The folder; made when it is not there.
    work : str
        What another process is told that wants to do the same.

    Raises
    ------
    ChapterError
        When another process is at work there, naming it.
    """
    from filelock import FileLock, Timeout

    base = _base(results_dir)
    holder, lock = base / ".work.txt", FileLock(base / ".work.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        found = "its name is not written yet"
        with suppress(OSError):
            found = holder.read_text(encoding="utf-8").strip() or found
        raise ChapterError(
            "another process is at work in this folder",
            expected="one process at a time",
            found=found,
            where=str(results_dir),
            todo="wait until it has ended, or end it; then run the same command again",
        ) from None
    try:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        who = f"{work}: process {os.getpid()} on {platform.node()}, since {now}\n"
        write_files({holder: who.encode()})
        with brief_lock(results_dir):
            _remove_ownerless(base)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def staging(results_dir: Path, name: str) -> Iterator[Path]:
    """A folder beside the results to work in, removed at the end.

    What a killed run left behind is put right first: an unfinished swap by :func:`recover`, and
    every staging folder whose owner has died is removed.
    """
    from filelock import FileLock

    base = _base(results_dir)
    with brief_lock(results_dir):
        recover(results_dir, name)
        clear_leftovers(results_dir)
        _remove_ownerless(base)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
        # Held as long as this process lives; let go by any thread, also at the interpreter's end.
        alive = FileLock(folder / _ALIVE, thread_local=False)
        alive.acquire()
    try:
        yield folder
    finally:
        alive.release()
        shutil.rmtree(folder, ignore_errors=True)


def _remove_ownerless(base: Path) -> None:
    from filelock import FileLock, Timeout

    for left in base.iterdir():
        if left.is_dir() and left.suffix != ".old":
            alive = FileLock(left / _ALIVE)
            with suppress(Timeout, OSError):
                alive.acquire(timeout=0)
                alive.release()
                shutil.rmtree(left, ignore_errors=True)


def _aside(results_dir: Path, name: str) -> Path:
    return results_dir / ".staging" / f"{name}.old"


def recover(results_dir: Path, name: str) -> None:
    """Finish or undo a swap that was killed between its two renames."""
    target, aside = results_dir / name, _aside(results_dir, name)
    if aside.is_dir():
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)


def check_replaceable(target: Path, marks: Sequence[str] = _OURS) -> None:
    """Refuse to replace what is not ours.

    Raises
    ------
    ChapterError
        When there is a file, or a folder with files but none of the marks.
    """
    if target.is_file() or (
        target.is_dir()
        and any(target.iterdir())
        and not any((target / mark).exists() for mark in marks)
    ):
        raise ChapterError(
            f"{target.name} is taken by something that this command did not write",
            expected=f"no folder of this name, or one with {marks[0]}",
            found="other files",
            where=str(target),
            todo="move it away, or choose another --out folder",
        )


def swap(new: Path, results_dir: Path, name: str, *, marks: Sequence[str] = _OURS) -> Path:
    """Put a finished folder in the place of the previous one.

    On Linux the two change places in one step, so that no moment is without results.

    Parameters
    ----------
    new : Path
        The finished folder.
    results_dir, name : Path, str
        The place.
    marks : sequence of str
        Files that show that a folder in the place is ours to replace.

    Raises
    ------
    ChapterError
        As :func:`check_replaceable`.
    """
    target, aside = results_dir / name, _aside(results_dir, name)
    with brief_lock(results_dir):
        if not target.exists():
            new.rename(target)
            return target
        check_replaceable(target, marks)
        if not _exchanged(new, target):
            target.rename(aside)
            new.rename(target)
    shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(new, ignore_errors=True)
    return target


def _exchanged(one: Path, other: Path) -> bool:
    """Whether two folders have changed places; not every system and file system can."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    names = (os.fsencode(one), os.fsencode(other))
    return bool(rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)
