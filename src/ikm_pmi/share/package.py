"""What goes into the replication package, and the checks before it does.

The archive holds the project as it is in version control (without it: its files, hidden ones and
caches aside), the results of the default parameters, a README in the template of the Social Science
Data Editors, RO-Crate metadata, the paper, and the SHA-256 of every file. The same project and
results give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from ikm_pmi.data.atomic import write_files
from ikm_pmi.data.package import read_descriptor
from ikm_pmi.engine import manifest, notebooks
from ikm_pmi.errors import ChapterError
from ikm_pmi.share.exhibits import Exhibit, exhibits
from ikm_pmi.share.exports import leave_out, statement
from ikm_pmi.share.formats import zipped
from ikm_pmi.share.package_about import CRATE, README, crate, readme
from ikm_pmi.share.paper import paper
from ikm_pmi.study import CHAPTERS

SUMS, PAPER = "SHA256SUMS", "paper.pdf"
_HIDDEN = {".ci", ".github", ".gitignore", ".gitattributes", ".pre-commit-config.yaml"}
_MADE = {"results", "site", "dist", "build", "__pycache__"}


def files(root: Path) -> dict[str, bytes]:
    """The project's own files, by their paths below its folder."""
    names = _tracked(root) or list(_walked(root))
    made = {README, CRATE, SUMS, PAPER}  # of a package that was unpacked here
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
    code = manifest.file_hashes(root / "src/ikm_pmi", manifest.CODE)
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
    without: Sequence[str] = (),
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
    without : sequence of str
        Values to leave out, of ``study.WITHHELD``.
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
    manifest.check_current(root, results_dir)
    found = files(root) | _results(results_dir)
    _refuse_gaps(found, root)
    _refuse_paths(found, root)
    found = leave_out(found, without)
    if not without and find_spec("typst"):  # its words quote what is left out
        found[PAPER] = paper(root, results_dir)
    tell("success", "checks")
    tell("start", "archive")
    study = PackageFacts.read(root, results_dir, {name: len(text) for name, text in found.items()})
    found[README] = "\n".join(filter(None, [readme(study), statement(without)])).encode()
    found[CRATE] = manifest.to_json(crate(study, found)).encode()
    found[SUMS] = _sums(found)
    programs = frozenset(name for name, text in found.items() if text.startswith(b"#!"))
    less = "".join(f"-without-{name}" for name in without)
    out = out or root / "dist" / f"ikm-pmi-{study.version}-replication{less}.zip"
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


def citation(root: Path) -> dict[str, Any]:
    """The content of ``CITATION.cff``."""
    import yaml  # type: ignore[import-untyped]

    content: dict[str, Any] = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    return content


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PackageFacts:
    """The project and its results as they describe themselves.

    ``sizes`` has the bytes of each file of the package, ``locked`` the version of each package in
    ``requirements.lock``, ``questions`` the heading of each chapter.
    """

    version: str
    description: str
    dependencies: tuple[str, ...]
    python: str
    locked: Mapping[str, str]
    cite: Mapping[str, Any]
    raw: Mapping[str, Any]
    processed: Mapping[str, Any]
    sources: tuple[Mapping[str, str], ...]
    questions: Mapping[str, str]
    results: Mapping[str, Any]
    entries: Mapping[str, Any]
    costs: Mapping[str, Any]
    exhibits: tuple[Exhibit, ...]
    sizes: Mapping[str, int]

    @classmethod
    def read(cls, root: Path, results_dir: Path, sizes: Mapping[str, int]) -> PackageFacts:
        """Read all of it; the results are whole when this is called."""
        with (root / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file)["project"]
        lock = (root / "requirements.lock").read_text(encoding="utf-8")
        with (root / "data/raw/sources.csv").open(encoding="utf-8", newline="") as file:
            sources = tuple(csv.DictReader(file))
        first = {
            name: notebooks.read(root / "notebooks" / f"{name}.ipynb").cells[0].source
            for name in CHAPTERS
        }
        return cls(
            version=project["version"],
            description=project["description"],
            dependencies=tuple(project["dependencies"]),
            python=project["requires-python"],
            locked=dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", lock, flags=re.MULTILINE)),
            cite=citation(root),
            raw=read_descriptor(root / "data" / "raw"),
            processed=read_descriptor(root / "data" / "processed"),
            sources=sources,
            questions={
                name: text.splitlines()[0].removeprefix("# ") for name, text in first.items()
            },
            results={
                name: json.loads((results_dir / name / "result.json").read_text(encoding="utf-8"))
                for name in CHAPTERS
            },
            entries=manifest.read(results_dir)["results"],
            costs=manifest.costs(results_dir),
            exhibits=tuple(exhibits(results_dir)),
            sizes=sizes,
        )
