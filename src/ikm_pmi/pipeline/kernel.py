"""Execute a notebook with this interpreter, whatever kernels the user has installed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ikm_pmi.errors import ChapterError
from ikm_pmi.parameters import ChapterParameters
from ikm_pmi.pipeline import notebooks
from ikm_pmi.pipeline.manifest import write_whole

__all__ = ["execute", "kernel_environment"]

# One thread each: sums are then added in the same order on every machine and with any --jobs.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@contextmanager
def kernel_environment(work: Path, root: Path) -> Iterator[None]:
    """Make ``python3`` mean this very interpreter, for kernels started inside the block.

    A kernelspec first on Jupyter's path wins over whatever the user has installed under that name.
    """
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": [*launch, "--log-level=CRITICAL"],  # else each start warns about its local socket
        "display_name": "Python 3",
        "language": "python",
    }
    write_whole(work / "jupyter" / "kernels" / "python3" / "kernel.json", json.dumps(spec))
    settings = {
        "JUPYTER_PATH": str(work / "jupyter"),
        "IKM_PMI_RESULTS": str(work),
        "IKM_PMI_ROOT": str(root),
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    } | dict.fromkeys(_THREADS, "1")
    before = {key: os.environ.get(key) for key in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key, None) if value is None else os.environ.update({key: value})


def execute(root: Path, parameters: ChapterParameters, output: Path, work: Path) -> None:
    """Execute a chapter's notebook in ``notebooks/``, results and kernelspec going below ``work``.

    Raises
    ------
    ChapterError
        When the notebook cannot be read, a cell fails or the kernel dies; ``output`` then holds
        what was executed.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    source = root / "notebooks" / f"{parameters.chapter}.ipynb"
    notebooks.parameters_cell(notebooks.read(source), source.name)
    default = type(parameters).parse({}).model_dump(mode="json")
    given = parameters.model_dump(mode="json")
    changed = {key: value for key, value in given.items() if value != default[key]}
    with kernel_environment(work, root):
        try:
            papermill.execute_notebook(
                source,
                output,
                changed,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=source.parent,
            )
        except PapermillExecutionError as error:
            raise ChapterError(
                f"chapter {parameters.chapter} failed in cell In [{error.exec_count}]",
                expected="every cell to run to its end",
                found=f"{error.ename}: {error.evalue}".replace("\n", "\n  "),
                where=f"{source.name}, In [{error.exec_count}]",
            ) from None
        except RuntimeError as error:  # the kernel died or did not start
            raise ChapterError(
                f"the kernel of chapter {parameters.chapter} died",
                expected="a Python kernel that lives until the last cell",
                found=str(error).splitlines()[0],
                where=source.name,
            ) from error
