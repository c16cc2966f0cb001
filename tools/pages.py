"""Write the executed chapters of results/ as web pages to site/: `make pages`."""

from __future__ import annotations

import html
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

ROOT = Path(__file__).resolve().parents[1]


def title(notebook: nbformat.NotebookNode) -> str:
    """The question a chapter asks: its first heading."""
    return str(notebook.cells[0].source).splitlines()[0].lstrip("# ")


def main() -> None:
    """Write one page a chapter, and a list of them."""
    site, links = ROOT / "site", []
    site.mkdir(exist_ok=True)
    for path in sorted(ROOT.glob("results/[0-9][0-9]_*/notebook.ipynb")):
        chapter = path.parent.name
        if "-" in chapter:  # a run with other parameters
            continue
        notebook = nbformat.read(path, as_version=4)
        body, _ = HTMLExporter().from_notebook_node(notebook, {"metadata": {"name": chapter}})
        (site / f"{chapter}.html").write_text(body, encoding="utf-8")
        links.append(f'<li><a href="{chapter}.html">{html.escape(title(notebook))}</a></li>')
    page = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>ikm_pmi</title>',
        "<h1>PPKM, the manufacturing PMI and IKM jobs: the chapters</h1>",
        f"<ol>{''.join(links)}</ol></html>",
    ]
    (site / "index.html").write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
