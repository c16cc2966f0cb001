"""One chapter: its notebook in, its results folder out.

:func:`run` executes a notebook with checked parameters and puts its results in place only when they
are whole. :func:`publish` is what a chapter calls in its last code cell.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ikm_pmi.errors import ChapterError
from ikm_pmi.parameters import ChapterParameters, parameters_for
from ikm_pmi.pipeline import manifest, notebooks
from ikm_pmi.pipeline.folders import staging, swap
from ikm_pmi.pipeline.kernel import execute
from ikm_pmi.pipeline.manifest import digest
from ikm_pmi.pipeline.publish import peak_memory, publish
from ikm_pmi.results import SCHEMA

__all__ = ["check_result", "publish", "results_name", "run", "run_apart"]


def results_name(parameters: ChapterParameters) -> str:
    """Folder name: the chapter, with a short digest when a parameter differs from its default."""
    if parameters == type(parameters).parse({}):
        return parameters.chapter
    short = digest(parameters.model_dump(mode="json")).removeprefix("sha256:")[:8]
    return f"{parameters.chapter}-{short}"


def run(
    chapter: str,
    parameters: ChapterParameters | Mapping[str, Any] | None = None,
    *,
    root: Path | None = None,
    results_dir: Path | None = None,
) -> Path:
    """Execute one chapter and put its results in place.

    Parameters
    ----------
    chapter : str
        Name or unique beginning (``03``).
    parameters : ChapterParameters or mapping, optional
        Values that differ from the defaults; checked before a kernel starts.
    root : Path, optional
        The project's checkout; found from the working directory when not given.
    results_dir : Path, optional
        Where the chapter's folder goes; ``results/`` of the project by default.

    Returns
    -------
    Path
        The results folder: ``notebook.ipynb``, ``result.json``, ``tables/``, ``figures/``.

    Raises
    ------
    ParameterError
        When the chapter or a parameter is unknown or refused.
    ChapterError
        When a cell fails or the results are not whole. The previous results stay, and the partly
        executed notebook is kept in ``failed/``.
    """
    from ikm_pmi.data.package import find_root

    model = parameters_for(chapter)
    if not isinstance(parameters, ChapterParameters):
        parameters = model.parse(parameters or {})
    root = find_root(root)
    results_dir = (results_dir or root / "results").resolve()
    name, begun = results_name(parameters), time.monotonic()
    with staging(results_dir, name) as work:
        notebook = work / "notebook.ipynb"
        try:
            execute(root, parameters, notebook, work)
            folder = work / parameters.chapter
            check_result(folder / "result.json", parameters)
        except ChapterError as error:
            _keep(error, notebook, results_dir / "failed" / f"{name}.ipynb")
            raise
        executed = notebooks.stable(notebooks.read(notebook))
        notebooks.write(executed, folder / "notebook.ipynb")
        target = swap(folder, results_dir, name)
        manifest.spent(results_dir, name, time.monotonic() - begun, peak_memory(work))
    (results_dir / "failed" / f"{name}.ipynb").unlink(missing_ok=True)
    return target


def run_apart(root: Path, scratch: Path, parameters: ChapterParameters) -> dict[str, Any]:
    """Run a chapter in a folder of its own below ``scratch``, and give its result alone."""
    with staging(scratch, "run") as work:
        target = run(parameters.chapter, parameters, root=root, results_dir=work)
        return check_result(target / "result.json", parameters)


def _keep(error: ChapterError, notebook: Path, place: Path) -> None:
    """Move the partly executed notebook to where the error tells the reader to look."""
    if notebook.exists():
        with suppress(OSError):  # a full disk: the error itself is what matters
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(notebook, place)
            kept = f"read {place}; the previous results are untouched"
            error.todo = f"{error.todo}; {kept}" if error.todo else kept


def check_result(path: Path, parameters: ChapterParameters) -> dict[str, Any]:
    """Read a ``result.json`` and refuse one that is missing, not finite or of other parameters.

    Raises
    ------
    ChapterError
        Naming the first thing that is wrong.
    """

    def refused(found: str, todo: str) -> ChapterError:
        return ChapterError(
            f"chapter {parameters.chapter} left no whole result",
            expected=f"result.json of schema {SCHEMA} with finite numbers and the parameters asked",
            found=found,
            where=f"result.json of {parameters.chapter}",
            todo=todo,
        )

    def not_finite(text: str) -> float:
        raise refused(text, "raise an EstimationError where it is computed")

    if not path.is_file():
        raise refused("no such file", "call publish(...) in the chapter's last code cell")
    try:
        content: dict[str, Any] = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=not_finite
        )
    except ValueError as error:
        raise refused(f"no JSON: {error}", "write it with publish(...)") from None
    if content.get("schema") != SCHEMA or content.get("chapter") != parameters.chapter:
        raise refused(
            f"schema {content.get('schema')}, chapter {content.get('chapter')}",
            "write it with publish(...)",
        )
    asked = parameters.model_dump(mode="json")
    moved = [key for key in asked if content["parameters"].get(key) != asked[key]]
    if moved:
        raise refused(
            f"{moved[0]} = {content['parameters'].get(moved[0])!r}, asked {asked[moved[0]]!r}",
            f"let the chapter read {moved[0]} from its parameters cell; "
            "ikm-pmi refresh restores the cell's defaults",
        )
    return content
