"""Every figure and table of the study: chapter, cell, file, SHA-256 and inputs.

Files and hashes come from ``results/manifest.json``. The cell is read from the executed notebook:
the call of ``publish`` names the variable behind each exhibit, and the cell is the one that shows
it or, for a table, the one that computes it.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ikm_pmi.parameters import CHAPTERS
from ikm_pmi.pipeline import manifest, notebooks

__all__ = ["Exhibit", "Places", "alternative", "exhibits", "in_indonesian", "places"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """One figure or table.

    ``files`` maps its paths below ``results/`` to their SHA-256, as the manifest has them;
    ``converted`` does so for what the site makes of a table beside them.
    """

    kind: str
    chapter: str
    name: str
    title: str
    text: str
    cell: str
    files: Mapping[str, str]
    inputs: Mapping[str, str]
    converted: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The exhibit as JSON-safe plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where a notebook makes what it publishes.

    ``cells`` maps ``("figures", name)`` or ``("tables", name)`` to a cell's position; ``shown``
    maps a cell's position to the figures it shows, in order.
    """

    cells: Mapping[tuple[str, str], int]
    shown: Mapping[int, tuple[str, ...]]


def places(notebook: Any) -> Places:
    """Find the cells behind a notebook's exhibits."""
    trees = {
        place: ast.parse(cell.source)
        for place, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
    }
    made: dict[str, int] = {}
    published: dict[tuple[str, str], str] = {}
    for place, tree in trees.items():
        made |= dict.fromkeys(_assigned(tree), place)
        published |= dict(_published(tree))
    last = max(trees, default=0)
    cells = {key: made.get(variable, last) for key, variable in published.items()}
    figures = {variable: key for key, variable in published.items() if key[0] == "figures"}
    shown = {}
    for place, tree in trees.items():
        keys = [figures[name] for name in _displayed(tree) if name in figures]
        cells |= dict.fromkeys(keys, place)
        if keys:
            shown[place] = tuple(name for _, name in keys)
    return Places(cells=cells, shown=shown)


def _assigned(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _published(tree: ast.Module) -> Iterator[tuple[tuple[str, str], str]]:
    """Kind and name of each exhibit, with the first variable of its expression."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and getattr(call.func, "id", "") == "publish"):
            continue
        for given in call.keywords:
            if given.arg in {"figures", "tables"} and isinstance(given.value, ast.Dict):
                for key, value in zip(given.value.keys, given.value.values, strict=True):
                    names = [node.id for node in ast.walk(value) if isinstance(node, ast.Name)]
                    if isinstance(key, ast.Constant) and names:
                        yield (given.arg, str(key.value)), names[0]


def _displayed(tree: ast.Module) -> Iterator[str]:
    """Variables that a cell shows: its last expression, or what it hands to ``display``."""
    for statement in tree.body:
        if not isinstance(statement, ast.Expr):
            continue
        value = statement.value
        handed = value.args if isinstance(value, ast.Call) else [value]
        if not isinstance(value, ast.Call) or getattr(value.func, "id", "") == "display":
            yield from (one.id for one in handed if isinstance(one, ast.Name))


def alternative(picture: Path) -> tuple[str, str]:
    """Title and description that a published png carries; empty where it has none."""
    from PIL import Image

    with Image.open(picture) as image:
        return str(image.info.get("Title", "")), str(image.info.get("Description", ""))


def _columns(table: Path) -> str:
    """The head of a published table."""
    with table.open(encoding="utf-8", newline="") as file:
        return ", ".join(name for name in next(csv.reader(file), []) if name)


def exhibits(results_dir: Path) -> list[Exhibit]:
    """The exhibits of the default chapters, in the order of the study.

    Parameters
    ----------
    results_dir : Path
        Whole results with their ``manifest.json``.

    Raises
    ------
    ChapterError
        When an executed notebook cannot be read.
    """
    entries = manifest.read(results_dir)["results"]
    found = []
    for chapter in CHAPTERS:
        entry = entries[chapter]
        where = places(notebooks.read(results_dir / chapter / "notebook.ipynb"))
        own: dict[tuple[str, str], dict[str, str]] = {}
        for path, sha in entry["files"].items():
            folder, _, file = path.rpartition("/")
            if folder in {"figures", "tables"}:
                own.setdefault((folder, file.rsplit(".", 1)[0]), {})[f"{chapter}/{path}"] = sha
        for (folder, name), files in own.items():
            title, text = name.replace("_", " "), ""
            if folder == "figures":
                stated, text = alternative(results_dir / chapter / folder / f"{name}.png")
                title = stated or title
            else:
                text = _columns(results_dir / chapter / folder / f"{name}.csv")
            exhibit = Exhibit(
                kind=folder.removesuffix("s"),
                chapter=chapter,
                name=name,
                title=title,
                text=text,
                cell=f"cell-{where.cells.get((folder, name), 0):02d}",
                files=files,
                inputs=entry["inputs"]["data"],
            )
            found.append(exhibit)
    return found


def in_indonesian(picture: Exhibit, results_dir: Path) -> Exhibit:
    """A figure with its Indonesian files, title and description; itself where it has none."""
    files = manifest.read(results_dir)["results"][picture.chapter]["files"]
    beside = f"figures/id/{picture.name}."
    own = {
        f"{picture.chapter}/{path}": sha for path, sha in files.items() if path.startswith(beside)
    }
    if not own:
        return picture
    title, text = alternative(results_dir / picture.chapter / f"{beside}png")
    return replace(picture, title=title, text=text, files=own)
