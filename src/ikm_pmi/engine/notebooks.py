"""Notebooks as stable text: what does not belong to the study is stripped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ikm_pmi.errors import ChapterError

_CELL_KEYS = {"tags", "mystnb", "editable", "slideshow", "jupyter"}
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}


def read(path: Path) -> Any:
    """Read a notebook.

    Raises
    ------
    ChapterError
        When the file is missing or is no notebook of format 4.
    """
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise ChapterError(
            f"{path.name} cannot be read as a notebook",
            expected="a Jupyter notebook of format 4",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            where=str(path),
            todo=f"restore it: git checkout -- notebooks/{path.name}",
        ) from error
    return notebook


def write(notebook: Any, path: Path) -> None:
    """Write a notebook beside, then rename."""
    import nbformat

    from ikm_pmi.engine.manifest import write_whole

    write_whole(path, nbformat.writes(notebook) + "\n")


def parameters_cell(notebook: Any, where: str) -> Any:
    """The one cell tagged ``parameters``.

    Raises
    ------
    ChapterError
        When there is none, or more than one.
    """
    hits = [
        cell for cell in notebook.cells if "parameters" in cell.get("metadata", {}).get("tags", ())
    ]
    if len(hits) != 1:
        raise ChapterError(
            f"{where}: the parameters cell is not clear",
            expected="exactly one code cell with the tag 'parameters'",
            found=f"{len(hits)} such cells",
            where=where,
            todo="tag the cell in JupyterLab: Property Inspector, Common Tools, Cell Tags",
        )
    return hits[0]


def stable(notebook: Any) -> Any:
    """A copy without run times, tool versions, random cell ids and papermill's notes.

    Executing an unchanged chapter twice gives the same text.
    """
    import nbformat

    clean = nbformat.from_dict(notebook)
    clean.metadata = nbformat.from_dict(_METADATA)
    clean.nbformat_minor = max(clean.nbformat_minor, 5)
    for place, cell in enumerate(clean.cells):
        cell.id = f"cell-{place:02d}"
        kept = {key: value for key, value in cell.metadata.items() if key in _CELL_KEYS and value}
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).pop("execution", None)
    return clean
