"""One chapter: its notebook in, its results folder out.

:func:`run` executes a notebook with checked parameters and puts its results in place only when they
are whole. It is executed with this interpreter, whatever kernels the user has installed. Notebooks
are kept as stable text: what does not belong to the study is stripped.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ikm_pmi.engine import kernel_server, manifest
from ikm_pmi.engine.folders import staging, swap
from ikm_pmi.engine.manifest import write_whole
from ikm_pmi.engine.publish import peak_memory, results_name
from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.parameters import ChapterParameters
from ikm_pmi.results import SCHEMA
from ikm_pmi.study import differing, parameters_for


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
        executed = stable(read_notebook(notebook))
        write_notebook(executed, folder / "notebook.ipynb")
        target = swap(folder, results_dir, name)
        manifest.record_costs(results_dir, name, time.monotonic() - begun, peak_memory(work))
    (results_dir / "failed" / f"{name}.ipynb").unlink(missing_ok=True)
    return target


def run_isolated(root: Path, scratch: Path, parameters: ChapterParameters) -> dict[str, Any]:
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
    except (ValueError, RecursionError) as error:
        raise refused(f"no JSON: {error}", "write it with publish(...)") from None
    if not isinstance(content, dict) or not isinstance(content.get("parameters"), dict):
        raise refused("JSON of another form", "write it with publish(...)")
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


#: Seconds that one cell may take, an hour if not set; 0 for no limit.
TIMEOUT = "IKM_PMI_CELL_TIMEOUT"
_HOUR = 3600
_OUTPUT_SECONDS = 60  # for a cell's last output to arrive, on however busy a machine

_PROVISIONER = "ikm-pmi-forked"


def cell_timeout() -> int:
    """How many seconds one cell may take; 0 is no limit.

    Raises
    ------
    ParameterError
        When the environment holds something else than a number of seconds.
    """
    text = os.environ.get(TIMEOUT, str(_HOUR))
    if not (text.isascii() and text.isdigit()):
        raise ParameterError(
            "the time a cell may take is not clear",
            expected="whole seconds, 0 for no limit",
            found=text,
            where=f"the environment variable {TIMEOUT}",
            todo=f"unset {TIMEOUT}, or use --cell-timeout",
        )
    return int(text)


def kernel_settings(work: Path, root: Path) -> dict[str, str]:
    """Write a kernelspec below ``work`` that makes ``python3`` mean this very interpreter.

    First on Jupyter's path it wins over whatever the user has installed under that name.

    Returns
    -------
    dict
        What the environment of a process that starts kernels must hold, and the kernels' own.
    """
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec: dict[str, Any] = {
        "argv": [*launch, "--log-level=ERROR"],  # else each start warns about its local socket
        "display_name": "Python 3",
        "language": "python",
    }
    if entry_points(group="jupyter_client.kernel_provisioners", name=_PROVISIONER):
        spec["metadata"] = {"kernel_provisioner": {"provisioner_name": _PROVISIONER}}
    write_whole(work / "jupyter" / "kernels" / "python3" / "kernel.json", json.dumps(spec))
    return (
        kernel_server.SETTINGS
        | kernel_server.shielded(work, root)
        | {
            "JUPYTER_PATH": str(work / "jupyter"),
            "IKM_PMI_RESULTS": str(work),
            "IKM_PMI_ROOT": str(root),
        }
    )


def _manager(work: Path, folder: Path, settings: dict[str, str]) -> type[Any]:
    """A kernel manager with settings of its own: several threads may run a chapter each."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class Manager(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            # Below the folder of this run, so that it goes with it even when this run is killed.
            place = work / "jupyter" / f"{uuid.uuid4().hex}.json"
            super().__init__(connection_file=str(place), **options)

        def _kernel_spec_manager_default(self) -> KernelSpecManager:
            return KernelSpecManager(kernel_dirs=[str(work / "jupyter" / "kernels")])

        async def _async_pre_start_kernel(self, **options: Any) -> Any:
            options |= {"env": os.environ | settings, "cwd": str(folder)}
            return await super()._async_pre_start_kernel(**options)

    return Manager


def _plain(path: Path) -> str:
    """A path for papermill, which takes braces in it for the names of parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _too_long(chapter: str, seconds: int, line: str) -> ChapterError:
    return ChapterError(
        f"a cell of chapter {chapter} took too long",
        expected=f"every cell to end within {seconds} s",
        found="a cell that still ran, or whose output did not arrive; it was ended",
        where=f"{chapter}.ipynb, the cell that begins: {line}",
        todo="allow more seconds, or 0 for no limit: --cell-timeout",
    )


def execute(root: Path, parameters: ChapterParameters, output: Path, work: Path) -> None:
    """Execute a chapter's notebook in ``notebooks/``, results and kernelspec going below ``work``.

    Raises
    ------
    ChapterError
        When the notebook cannot be read, a cell fails or takes longer than :func:`cell_timeout`, or
        the kernel dies; ``output`` then holds what was executed.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    source = root / "notebooks" / f"{parameters.chapter}.ipynb"
    parameters_cell(read_notebook(source), source.name)
    changed = differing(parameters.chapter, parameters.model_dump(mode="json"))
    manager = _manager(work, source.parent, kernel_settings(work, root))
    seconds, now = cell_timeout(), [""]

    def limit(cell: Any) -> int:
        now[0] = next(iter(cell.source.splitlines()), "")
        return seconds

    for last in (False, True):
        server = os.environ.get(kernel_server.ADDRESS)
        try:
            papermill.execute_notebook(
                _plain(source),
                _plain(output),
                changed,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                kernel_manager_class=manager,
                timeout_func=limit,
                iopub_timeout=_OUTPUT_SECONDS,
                coalesce_streams=True,  # else a busy machine cuts one print in two outputs
            )
        except PapermillExecutionError as error:
            raise ChapterError(
                f"chapter {parameters.chapter} failed in cell In [{error.exec_count}]",
                expected="every cell to run to its end",
                found=f"{error.ename}: {error.evalue}".replace("\n", "\n  "),
                where=f"{source.name}, In [{error.exec_count}]",
            ) from None
        except CellTimeoutError:
            raise _too_long(parameters.chapter, seconds, now[0]) from None
        except RuntimeError as error:  # the kernel died or did not start
            if kernel_server.server_unreachable(server) and not last:
                continue  # it died with the server it was forked from: not the chapter's doing
            raise ChapterError(
                f"the kernel of chapter {parameters.chapter} died",
                expected="a Python kernel that lives until the last cell",
                found=str(error).splitlines()[0],
                where=source.name,
            ) from error
        else:
            return


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


def read_notebook(path: Path) -> Any:
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


def write_notebook(notebook: Any, path: Path) -> None:
    """Write a notebook beside, then rename."""
    import nbformat

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
