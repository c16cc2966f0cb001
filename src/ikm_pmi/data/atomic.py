"""Files that appear whole or not at all, and what a killed process left of them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def digest(content: bytes) -> str:
    """SHA-256 as written in ``datapackage.json``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@functools.cache
def _machine() -> str:
    """Where this process's number means something: the host and, on Linux, the container."""
    space = ""
    with contextlib.suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (no path: pid:[4026531836])
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _mark() -> str:
    """Machine and process, for the name of what is removed when the process has ended."""
    return f"{_machine()}-{os.getpid()}"


def _ended(mark: str) -> bool:
    """Whether a mark is of a process of this machine that does not run any more."""
    machine, _, number = mark.partition("-")
    if machine != _machine() or not re.fullmatch("[0-9]{1,9}", number):
        return False
    try:
        import psutil  # type: ignore[import-untyped]
    except ModuleNotFoundError:  # of the extra `study`; what is left is then for a later run
        return False
    return not psutil.pid_exists(int(number))


def clear_leftovers(*folders: Path) -> None:
    """Remove what killed processes of this machine were writing beside its place."""
    for folder in folders:
        for left in folder.glob(".*.tmp"):
            if _ended(left.name.split(".")[-2]):
                left.unlink(missing_ok=True)


def scratch_folder(kind: str) -> Path:
    """A temporary folder closed to other users; those of processes that ended are removed."""
    begin = f"ikm_pmi-{kind}-"
    for left in Path(tempfile.gettempdir()).glob(f"{begin}*-*-*"):
        if _ended(left.name.removeprefix(begin).rpartition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)  # another user's cannot be removed
    return Path(tempfile.mkdtemp(prefix=f"{begin}{_mark()}-"))


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
    beside = {path: path.with_name(f".{path.name}.{_mark()}.tmp") for path in files}
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
