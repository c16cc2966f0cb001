"""Execute a notebook with this interpreter, whatever kernels the user has installed."""

from __future__ import annotations

import json
import os
import sys
import uuid
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.parameters import ChapterParameters
from ikm_pmi.pipeline import notebooks, warm
from ikm_pmi.pipeline.manifest import write_whole

__all__ = ["TIMEOUT", "cell_timeout", "execute", "kernel_settings"]

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
    return warm.SETTINGS | {
        "JUPYTER_PATH": str(work / "jupyter"),
        "IKM_PMI_RESULTS": str(work),
        "IKM_PMI_ROOT": str(root),
    }


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
    notebooks.parameters_cell(notebooks.read(source), source.name)
    default = type(parameters).parse({}).model_dump(mode="json")
    given = parameters.model_dump(mode="json")
    changed = {key: value for key, value in given.items() if value != default[key]}
    manager = _manager(work, source.parent, kernel_settings(work, root))
    seconds, now = cell_timeout(), [""]

    def limit(cell: Any) -> int:
        now[0] = next(iter(cell.source.splitlines()), "")
        return seconds

    for last in (False, True):
        server = os.environ.get(warm.ADDRESS)
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
            if warm.gone(server) and not last:
                continue  # it died with the server it was forked from: not the chapter's doing
            raise ChapterError(
                f"the kernel of chapter {parameters.chapter} died",
                expected="a Python kernel that lives until the last cell",
                found=str(error).splitlines()[0],
                where=source.name,
            ) from error
        else:
            return
