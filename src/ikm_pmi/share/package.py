"""What goes into the replication package, and the checks before it does.

The archive holds the project as it is in version control (without it: the files that lie where its
own do, and no others may be there), the results of the default parameters, a README in the template
of the Social Science Data Editors, RO-Crate metadata, the paper, and the SHA-256 of every file. The
same project and results give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ikm_pmi.data.atomic import write_files
from ikm_pmi.data.package import read_descriptor
from ikm_pmi.engine import manifest
from ikm_pmi.errors import ChapterError
from ikm_pmi.share.exhibits import Exhibit, exhibits
from ikm_pmi.share.exports import leave_out, question, statement
from ikm_pmi.share.formats import zipped
from ikm_pmi.share.package_about import CRATE, README, crate, readme
from ikm_pmi.share.paper import NAME as PAPER
from ikm_pmi.share.paper import paper
from ikm_pmi.study import CHAPTERS

SUMS = "SHA256SUMS"
_MADE = ("results/", "site/", "dist/", "build/", "dask-scratch-space/")
#: Hidden files of the project; what else is hidden is of an editor, of git or of an environment.
_SHOWN = re.compile(r"\.(ci|github)/|\.gitignore$|\.gitattributes$|\.pre-commit-config\.yaml$")
#: Where files of the project lie, for a folder that no git can list.
_OWN = re.compile(
    r"\.(ci/run|github/workflows/\w+\.yml|gitignore|gitattributes|pre-commit-config\.yaml)"
    r"|(AGENTS|ARCHITECTURE|CHANGELOG|CONTRIBUTING|README)\.md|LICENSE|NOTICE|Makefile|CITATION\.cff|conftest\.py"
    r"|environment\.yml|pyproject\.toml|requirements[a-z-]*\.(lock|json)"
    r"|(src/ikm_pmi|tests|tools|benchmarks|replication)/[\w/.-]+"
    r"\.(py|R|mjs|csv|json|md|txt|typ|po|css|html|js|typed)"
    r"|data/(raw|processed)/(\w+\.csv|datapackage\.json)"
    r"|docs/[\w/.-]+\.(md|png|svg|css|js|py|bib)"
    r"|notebooks/[0-9]{2}_\w+\.ipynb|params/\w+\.(yaml|toml)|reference/\w+\.(json|csv)"
)


def files(root: Path) -> dict[str, bytes]:
    """The project's own files, by their paths below its folder.

    Raises
    ------
    ChapterError
        When no git lists them and there are files that the project does not know.
    """
    names = _tracked(root) or _walked(root)
    made = {README, CRATE, SUMS, PAPER}  # of a package that was unpacked here
    return {
        name: (root / name).read_bytes()
        for name in sorted(set(names) - made)
        if (root / name).is_file() and not (root / name).is_symlink()
    }


def _tracked(root: Path) -> list[str]:
    """Files under version control; none where there is no git, or git refuses this checkout."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return []
    # Of another repository these variables may speak, which git sets where a hook of it runs.
    plain = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    command = [git, "-C", str(root), "ls-files", "-z"]  # no input in it
    done = subprocess.run(command, capture_output=True, check=False, env=plain)  # noqa: S603 (see above)
    return [] if done.returncode else [name for name in done.stdout.decode().split("\0") if name]


def _walked(root: Path) -> list[str]:
    """Files that lie where the project's own do; others are refused, they may be private."""
    names = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    names = {
        name
        for name in names - {README, CRATE, SUMS, PAPER}
        if not name.startswith(_MADE)
        and ".egg-info/" not in name
        and (_SHOWN.match(name) or not manifest.BESIDE.search(name))
    }
    strangers = sorted(name for name in names if not _OWN.fullmatch(name))
    if strangers:
        more = f"; {len(strangers) - 5} more" if len(strangers) > 5 else ""
        raise ChapterError(
            "there are files that are not the project's own, and no git lists those that are",
            expected="the files of the project alone, or a checkout that git can read",
            found=", ".join(strangers[:5]) + more,
            where=str(root),
            todo="move them away; in a checkout, git status says why git does not read it",
        )
    return sorted(names)


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
    lines = (f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found))
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
            questions={name: question(root, name) for name in CHAPTERS},
            results={
                name: manifest.read_object(results_dir / name / "result.json") for name in CHAPTERS
            },
            entries=manifest.read(results_dir)["results"],
            costs=manifest.costs(results_dir),
            exhibits=tuple(exhibits(results_dir)),
            sizes=sizes,
        )
