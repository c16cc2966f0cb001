"""Rewrite the committed chapters and ``reference/``; with nothing changed the diff is empty."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ikm_pmi.data.atomic import clear_leftovers
from ikm_pmi.engine import headlines, notebooks
from ikm_pmi.engine.build import Build, Tell, build
from ikm_pmi.engine.folders import lock_folder, staging
from ikm_pmi.engine.manifest import to_json, write_whole
from ikm_pmi.parameters.base import RARELY
from ikm_pmi.study import CHAPTERS, PICTURES

_DIGITS = 10


def rounded(value: Any) -> Any:
    """Plain values with every float at ten significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list) else value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value of a result with its path; named entries of a list go by their name."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            name = entry.get("name", place) if isinstance(entry, dict) else place
            yield from leaves(entry, f"{path}[{name}]")
    else:
        yield path, value


def moved(reference: Any, fresh: Any, relative: float) -> list[tuple[str, Any, Any]]:
    """What differs between two results: path, old, new; close floats agree."""
    before, after = dict(leaves(reference)), dict(leaves(fresh))
    found = []
    for path in [*before, *(path for path in after if path not in before)]:
        old, new = before.get(path, "absent"), after.get(path, "absent")
        if isinstance(old, float) and isinstance(new, int | float):
            same = abs(new - old) <= relative * max(abs(old), abs(new))
        else:
            same = old == new
        if not same:
            found.append((path, old, new))
    return found


def refresh(
    root: Path,
    *,
    chapters: Iterable[str] = tuple(CHAPTERS),
    jobs: int = 2,
    tell: Tell | None = None,
) -> Build:
    """Execute the chapters with their defaults and rewrite notebooks and reference numbers.

    The parameters cells are made again from the models first. A chapter that fails keeps its
    committed outputs.

    Parameters
    ----------
    root : Path
        The project's checkout.
    chapters, jobs, tell
        As in :func:`ikm_pmi.engine.build.build`.

    Raises
    ------
    ChapterError
        When a notebook is missing or has no clear parameters cell, or another process is at work
        on the project's results.
    """
    chapters = tuple(chapters)
    written = [root / name for name in ("notebooks", "reference", "docs", ".")]
    results = root / "results"
    with lock_folder(results, "refresh"), staging(results, "refresh") as results_dir:
        clear_leftovers(*written)
        for chapter in chapters:
            _renew_parameters(root / "notebooks" / f"{chapter}.ipynb", chapter)
        done = build(root, results_dir=results_dir, chapters=chapters, jobs=jobs, tell=tell)
        for chapter in (name for name in done.ran if name in chapters):
            executed = notebooks.read(results_dir / chapter / "notebook.ipynb")
            notebooks.write(executed, root / "notebooks" / f"{chapter}.ipynb")
            result = json.loads((results_dir / chapter / "result.json").read_text(encoding="utf-8"))
            del result["versions"]  # another machine's versions are not another result
            write_whole(root / "reference" / f"{chapter}.json", to_json(rounded(result)))
        for chapter, figure in PICTURES:
            if chapter in done.ran:
                drawn = results_dir / chapter / "figures" / f"{figure}.png"
                write_whole(root / "docs" / drawn.name, drawn.read_bytes())
        if set(chapters) == set(CHAPTERS) and not done.failed:
            headlines.write_documents(root)
    return done


def _renew_parameters(path: Path, chapter: str) -> None:
    notebook = notebooks.read(path)
    model, cell = CHAPTERS[chapter], notebooks.parameters_cell(notebook, path.name)
    new = [(cell, model.cell())]
    new += [
        (one, model.cell(rarely=True)) for one in notebook.cells if one.source.startswith(RARELY)
    ]
    if any(one.source != source for one, source in new):
        for one, source in new:
            one.source = source
        notebooks.write(notebook, path)
