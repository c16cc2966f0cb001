"""Results folders that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ikm_pmi.errors import ChapterError

__all__ = ["recover", "staging", "swap"]

_OURS = ("result.json", "notebook.ipynb")
_DAY = 24 * 3600


def _aside(results_dir: Path, name: str) -> Path:
    return results_dir / ".staging" / f"{name}.old"


@contextmanager
def staging(results_dir: Path, name: str) -> Iterator[Path]:
    """A folder beside the results to work in, removed at the end.

    What a killed run left behind is put right first: see :func:`recover`.
    """
    base = results_dir / ".staging"
    base.mkdir(parents=True, exist_ok=True)
    recover(results_dir, name)
    for left in base.glob(f"{name}-*"):
        if time.time() - left.stat().st_mtime > _DAY:  # a younger one may be another run's
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def recover(results_dir: Path, name: str) -> None:
    """Finish or undo a swap that was killed between its two renames."""
    target, aside = results_dir / name, _aside(results_dir, name)
    if aside.is_dir():
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)


def swap(new: Path, results_dir: Path, name: str) -> Path:
    """Put a finished folder in the place of the previous one.

    Raises
    ------
    ChapterError
        When the place is taken by something that is not a chapter's results.
    """
    target, aside = results_dir / name, _aside(results_dir, name)
    if target.exists():
        strange = target.is_file() or (
            any(target.iterdir()) and not any((target / mark).exists() for mark in _OURS)
        )
        if strange:
            raise ChapterError(
                f"{name} is taken by something that is not a chapter's results",
                expected="no folder of this name, or one with a result.json",
                found="other files",
                where=str(target),
                todo="move it away, or choose another --out folder",
            )
        aside.parent.mkdir(parents=True, exist_ok=True)
        target.rename(aside)
    new.rename(target)
    shutil.rmtree(aside, ignore_errors=True)
    return target
