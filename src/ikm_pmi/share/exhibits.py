"""Every figure and table of the study, and the pages of the chapters that show them.

Files and hashes come from ``results/manifest.json``. The cell is read from the executed notebook:
the call of ``publish`` names the variable behind each exhibit, and the cell is the one that shows
it or, for a table, the one that computes it.
"""

from __future__ import annotations

import ast
import csv
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ikm_pmi.engine import chapters, manifest
from ikm_pmi.language import tr
from ikm_pmi.results import JsonSafe
from ikm_pmi.study import CHAPTERS


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit(JsonSafe):
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
        if not isinstance(call, ast.Call) or "publish" not in (
            getattr(call.func, "id", ""),
            getattr(call.func, "attr", ""),
        ):
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
        where = places(chapters.read_notebook(results_dir / chapter / "notebook.ipynb"))
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


def figure(exhibit: Exhibit, up: str) -> str:
    """One picture as HTML: the svg, its alternative text, and where its files and numbers are.

    Parameters
    ----------
    exhibit : Exhibit
        A figure.
    up : str
        Relative path from the page to the site's first page (``"../"``).
    """
    svg = next(path for path in exhibit.files if path.endswith(".svg"))
    alt = f"{exhibit.title}. {exhibit.text}." if exhibit.text else f"{exhibit.title}."
    name = f"{tr('Figure')} {exhibit.chapter[:2]} {exhibit.name.replace('_', ' ')}"
    links = [
        f'<a href="{up}files/{html.escape(path)}" download>{path.rsplit(".", 1)[-1]}</a>'
        for path in exhibit.files
    ]
    return (
        f'<figure class="exhibit" id="figure-{exhibit.name}">'
        f'<img class="dark-light" src="{up}files/{html.escape(svg)}" alt="{html.escape(alt)}" '
        'loading="lazy">'
        f'<figcaption><span class="name">{name}</span> · '
        f'{" · ".join(links)} · <a href="{up}exhibits.html#exhibits-{exhibit.chapter[:2]}">'
        f"{tr('hash and inputs')}</a></figcaption></figure>"
    )


def stage(source: Path, target: Path, found: Sequence[Exhibit]) -> None:
    """Write the page of one executed chapter.

    Parameters
    ----------
    source : Path
        The executed notebook in ``results/``.
    target : Path
        Where the page's notebook goes.
    found : sequence of Exhibit
        The exhibits of this chapter.
    """
    notebook = chapters.read_notebook(source)
    by_name = {one.name: one for one in found if one.kind == "figure"}
    shown = places(notebook).shown
    cells: list[Any] = []
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cells += _code(cell, [by_name[name] for name in shown.get(place, ())], place)
        else:
            cells.append(cell)
    chapter = source.parent.name
    first = cells[0].source
    cells[0].source = f"# {chapter[:2]} · {first.removeprefix('# ')}"
    cells.append(_markdown(_files(chapter)))
    notebook.cells = cells
    chapters.write_notebook(notebook, target)


def _markdown(text: str) -> Any:
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(text)


def _code(cell: Any, pictures: Sequence[Exhibit], place: int) -> list[Any]:
    """A code cell with its source folded, its pictures as published."""
    mark = _markdown(f'<span id="cell-{place:02d}"></span>')
    images = [one for one in cell.outputs if "image/png" in one.get("data", {})]
    if len(images) == len(pictures):
        for shown, one in zip(images, pictures, strict=True):
            shown.data = {"text/html": figure(one, "../")}
    else:  # shown, but not published under a name
        cell.metadata["mystnb"] = {"image": {"alt": "Picture that this cell draws"}}
    publishes = "publish(" in cell.source.replace("import publish", "")
    cell.metadata["tags"] = ["hide-cell" if publishes else "hide-input"]
    return [mark, cell]


def _files(chapter: str) -> str:
    files, anchor = f"../files/{chapter}", chapter.replace("_", "-")
    return "\n".join(
        [
            "## Files and how to run it again",
            "",
            f'<a href="{files}/notebook.ipynb" download>Executed notebook</a> · '
            f'<a href="{files}/result.json" download>all numbers (json)</a> · '
            f'<a href="../exhibits.html#exhibits-{chapter[:2]}">figures and tables with their '
            "hashes</a>. Other parameters:",
            "",
            "```console",
            f"$ ikm-pmi run {chapter[:2]} -p name=value",
            "```",
            "",
            f'Names, defaults and meanings: <a href="../parameters.html#{anchor}">'
            "parameters of this chapter</a>.",
        ]
    )
