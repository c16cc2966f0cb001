"""Execute the committed chapters again and say what moved."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ikm_pmi.parameters import CHAPTERS
from ikm_pmi.pipeline.kernel import kernel_settings
from ikm_pmi.pipeline.refresh import moved, rounded

__all__ = ["TOLERANCE", "Verification", "verify"]

TOLERANCE = 1e-6  # relative; another machine's linear algebra differs by far less


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Outcome of :func:`verify`: outputs that nbval compared, and numbers that moved."""

    outputs_agree: bool
    report: str
    moved: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing moved."""
        return self.outputs_agree and not self.moved


def verify(
    root: Path,
    *,
    chapters: Iterable[str] = tuple(CHAPTERS),
    jobs: int = 2,
    tell: Callable[[str], None] | None = None,
) -> Verification:
    """Run nbval over the notebooks and compare their fresh results with ``reference/``.

    Parameters
    ----------
    root : Path
        The project's checkout.
    chapters : iterable of str
        Names of chapters; all by default.
    jobs : int
        Processes; more than one where pytest-xdist is installed.
    tell : callable, optional
        Called with each line of nbval's report as it comes.
    """
    chapters = tuple(chapters)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
        if jobs > 1 and importlib.util.find_spec("xdist"):
            command += ["-n", str(jobs), "--dist", "loadscope"]
        command += [f"notebooks/{chapter}.ipynb" for chapter in chapters]
        lines, status = _lines(command, root, kernel_settings(Path(folder), root), tell)
        found = [line for chapter in chapters for line in _compare(root, Path(folder), chapter)]
    return Verification(outputs_agree=status == 0, report="".join(lines), moved=tuple(found))


def _lines(
    command: list[str], root: Path, settings: dict[str, str], tell: Callable[[str], None] | None
) -> tuple[list[str], int]:
    lines = []
    with subprocess.Popen(  # noqa: S603 (our own interpreter, our own arguments)
        command,
        cwd=root,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if tell:
                tell(line.rstrip("\n"))
    return lines, process.returncode


def _compare(root: Path, results_dir: Path, chapter: str) -> list[str]:
    known, new = root / "reference" / f"{chapter}.json", results_dir / chapter / "result.json"
    if not known.is_file() or not new.is_file():
        missing = f"reference/{chapter}.json" if not known.is_file() else "a fresh result.json"
        return [f"{chapter}: {missing} is missing"]
    fresh = rounded(json.loads(new.read_text(encoding="utf-8")))
    fresh.pop("versions")
    reference = json.loads(known.read_text(encoding="utf-8"))
    return [f"{chapter}: {line}" for line in moved(reference, fresh, TOLERANCE)]
