"""Executed chapters as pages: pictures with their alternative text, code folded away."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ikm_pmi.language import tr
from ikm_pmi.pipeline import notebooks
from ikm_pmi.pipeline.site.exhibits import Exhibit, places

__all__ = ["figure", "stage"]


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
    name = f"{tr('Figure')} {exhibit.chapter[:2]} {exhibit.name}"
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
    notebook = notebooks.read(source)
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
    notebooks.write(notebook, target)


def _markdown(text: str) -> Any:
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(text)


def _code(cell: Any, pictures: Sequence[Exhibit], place: int) -> list[Any]:
    """A code cell with its source folded, and its pictures after it."""
    mark = _markdown(f'<span id="cell-{place:02d}"></span>')
    images = [one for one in cell.outputs if "image/png" in one.get("data", {})]
    if len(images) == len(pictures):
        cell.outputs = [one for one in cell.outputs if one not in images]
        after = [_markdown(figure(one, "../")) for one in pictures]
    else:  # shown, but not published under a name
        cell.metadata["mystnb"] = {"image": {"alt": "Picture that this cell draws"}}
        after = []
    publishes = "publish(" in cell.source.replace("import publish", "")
    cell.metadata["tags"] = ["hide-cell" if publishes else "hide-input"]
    return [mark, cell, *after]


def _files(chapter: str) -> str:
    files = f"../files/{chapter}"
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
            f'Names, defaults and meanings: <a href="../parameters.html#{_anchor(chapter)}">'
            "parameters of this chapter</a>.",
        ]
    )


def _anchor(chapter: str) -> str:
    return chapter.replace("_", "-")
