"""What goes into the replication package, and the checks before it does.

The archive holds the project as it is in version control (without it: its files, hidden ones and
caches aside), the results of the default parameters, a README in the template of the Social Science
Data Editors, RO-Crate metadata, and the SHA-256 of every file. The same project and results give
the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from ikm_pmi.data.whole import write_files
from ikm_pmi.errors import ChapterError
from ikm_pmi.parameters import CHAPTERS
from ikm_pmi.pipeline import manifest
from ikm_pmi.pipeline.archive import zipped
from ikm_pmi.pipeline.package.crate import CRATE, crate
from ikm_pmi.pipeline.package.readme import README, readme
from ikm_pmi.pipeline.package.study import Study

__all__ = ["SUMS", "files", "package"]

SUMS = "SHA256SUMS"
_HIDDEN = {".ci", ".github", ".gitignore", ".gitattributes", ".pre-commit-config.yaml"}
_MADE = {"results", "site", "dist", "build", "__pycache__"}


def files(root: Path) -> dict[str, bytes]:
    """The project's own files, by their paths below its folder."""
    names = _tracked(root) or list(_walked(root))
    made = {README, CRATE, SUMS}  # of a package that was unpacked here
    return {
        name: (root / name).read_bytes()
        for name in sorted(set(names) - made)
        if (root / name).is_file() and not (root / name).is_symlink()
    }


def _tracked(root: Path) -> list[str]:
    """Files under version control; none where there is no git or this is no checkout."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return []
    command = [git, "-C", str(root), "ls-files", "-z"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 (no input in it)
    return [name for name in done.stdout.decode().split("\0") if name]


def _walked(root: Path) -> Iterator[str]:
    for path in root.rglob("*"):
        name = path.relative_to(root)
        hidden = any(part.startswith(".") and part not in _HIDDEN for part in name.parts)
        made = name.parts[0] in _MADE or "__pycache__" in name.parts
        if path.is_file() and not hidden and not made and ".egg-info" not in name.as_posix():
            yield name.as_posix()


def _results(results_dir: Path) -> dict[str, bytes]:
    """The results of the default parameters with their manifest."""
    entries = manifest.read(results_dir)["results"]
    found = {
        f"results/{chapter}/{name}": (results_dir / chapter / name).read_bytes()
        for chapter in CHAPTERS
        for name in entries[chapter]["files"]
    }
    kept = {"schema": 1, "results": {chapter: entries[chapter] for chapter in CHAPTERS}}
    costs = {name: one for name, one in manifest.costs(results_dir).items() if name in CHAPTERS}
    found["results/manifest.json"] = manifest.to_json(kept).encode()
    found["results/costs.json"] = manifest.to_json(costs).encode()
    report = results_dir / "data_check.txt"
    if report.is_file():
        found["results/data_check.txt"] = report.read_bytes()
    return found


def _refuse_gaps(found: dict[str, bytes], root: Path) -> None:
    """All that the results were made from is in the package, under version control or not."""
    code = manifest.file_hashes(root / "src/ikm_pmi", ("**/*.py",))
    data = manifest.file_hashes(root / "data", ("raw/*.csv", "processed/*.csv"))
    needed = [f"src/ikm_pmi/{name}" for name in code] + [f"data/{name}" for name in data]
    needed += [f"notebooks/{chapter}.ipynb" for chapter in CHAPTERS]
    gaps = [name for name in needed if name not in found]
    if gaps:
        raise ChapterError(
            "the results were made with files that are not under version control",
            expected="every file of src/, data/ and notebooks/ among those that git lists",
            found=", ".join(gaps[:3]),
            where=str(root),
            todo="git add them, or move them away; then run: ikm-pmi package",
        )


def _refuse_paths(found: dict[str, bytes], root: Path) -> None:
    """No file says where on this machine it was made."""
    places = {str(root), root.as_posix(), json.dumps(str(root))[1:-1]}
    if len(root.parts) < 3:  # a folder such as /work is also a word
        return
    for name, content in found.items():
        if any(place.encode() in content for place in places):
            raise ChapterError(
                f"{name} names a folder of this machine",
                expected="files that say nothing about where they were made",
                found=str(root),
                where=name,
                todo="remove the path, then run: ikm-pmi reproduce",
            )


def package(
    root: Path,
    out: Path | None = None,
    *,
    results_dir: Path | None = None,
    tell: Callable[[str, str], None] = lambda *_: None,
) -> Path:
    """Write the replication package.

    Parameters
    ----------
    root : Path
        The project.
    out : Path, optional
        The zip to write; ``dist/ikm-pmi-<version>-replication.zip`` of the project by default.
    results_dir : Path, optional
        Results of the whole study; ``results/`` of the project by default.
    tell : callable
        Called with ``"start"`` or ``"success"`` and what is done.

    Raises
    ------
    ChapterError
        When results are missing, were edited, or were made from other code, data or parameters
        than are here now, or with files that git does not list; or when a file names a folder of
        this machine.
    """
    results_dir = results_dir or root / "results"
    tell("start", "checks")
    wrong = manifest.differences(root, results_dir)
    if wrong:
        raise ChapterError(
            "the results are not those of this code and these data",
            expected="whole results of every chapter, as results/manifest.json lists them",
            found="; ".join(wrong[:3]) + ("; …" if len(wrong) > 3 else ""),
            where="results",
            todo="run: ikm-pmi reproduce",
        )
    found = files(root) | _results(results_dir)
    _refuse_gaps(found, root)
    _refuse_paths(found, root)
    tell("success", "checks")
    tell("start", "archive")
    study = Study.read(root, results_dir, {name: len(text) for name, text in found.items()})
    found[README] = readme(study).encode()
    found[CRATE] = manifest.to_json(crate(study, found)).encode()
    found[SUMS] = _sums(found)
    programs = frozenset(name for name, text in found.items() if text.startswith(b"#!"))
    out = out or root / "dist" / f"ikm-pmi-{study.version}-replication.zip"
    write_files({out: zipped(found, programs)})
    tell("success", "archive")
    return out


def _sums(found: dict[str, bytes]) -> bytes:
    """The list that ``sha256sum --check`` reads."""
    lines = [
        f"{hashlib.sha256(found[name]).hexdigest()}  {PurePosixPath(name)}\n"
        for name in sorted(found)
    ]
    return "".join(lines).encode()
