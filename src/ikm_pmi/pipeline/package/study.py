"""What the README and the metadata of the replication package are filled from."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikm_pmi.data.store import read_descriptor
from ikm_pmi.parameters import CHAPTERS
from ikm_pmi.pipeline import manifest, notebooks
from ikm_pmi.pipeline.site.exhibits import Exhibit, exhibits

__all__ = ["Study", "citation"]


def citation(root: Path) -> dict[str, Any]:
    """The content of ``CITATION.cff``."""
    import yaml  # type: ignore[import-untyped]

    content: dict[str, Any] = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    return content


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Study:
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
    def read(cls, root: Path, results_dir: Path, sizes: Mapping[str, int]) -> Study:
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
