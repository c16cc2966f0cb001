"""Running chapters: against a loop of papermill, and many runs with one worker, two, and on Dask.

Prints a table; works on copies of the project in a temporary folder. Times are seconds of wall
clock, once each where they are long: run it on a machine that does nothing else.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ikm_pmi.parameters import DataParameters

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
RUNS = 40
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TRIVIAL = """from ikm_pmi.parameters import DataParameters
from ikm_pmi.engine.publish import publish
from ikm_pmi.results import Estimate
import pandas as pd
import statsmodels.api as sm
p = DataParameters.from_notebook(globals())
found = [Estimate(name="a.b", value=1.5, unit="x", method="m", n=3)]
print(publish(p, estimates=found, tables={"t": pd.DataFrame({"x": [1.0]})}))
"""


def timed(words, folder, **environment):
    start = time.perf_counter()
    own = os.environ | dict.fromkeys(THREADS, "1") | environment
    words = list(map(str, words))
    subprocess.run(words, check=True, capture_output=True, cwd=folder, env=own)  # noqa: S603 (our own commands)
    return time.perf_counter() - start


@contextmanager
def largest_child():
    """The resident memory of this process's largest descendant so far, in MB, as a list of one."""
    peak, ended = [0.0], threading.Event()

    def watch():
        while not ended.wait(0.05):
            for process in psutil.Process().children(recursive=True):
                try:
                    peak[0] = max(peak[0], process.memory_info().rss / 1e6)
                except psutil.NoSuchProcess:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def project(folder):
    """A copy of what a run of the study reads."""
    for part in ("data", "notebooks", "params", "reference"):
        shutil.copytree(ROOT / part, folder / part)
    return folder


def reproduce(folder):
    root = project(folder / "study")
    (folder / "out").mkdir()
    plain = {"IKM_PMI_RESULTS": str(folder / "results"), "IKM_PMI_ROOT": str(root)}
    loop = sum(
        timed(
            [BIN / "papermill", path.name, folder / "out" / path.name, "-k", "python3"],
            path.parent,
            **plain,
        )
        for path in sorted((root / "notebooks").glob("*.ipynb"))
    )
    whole = timed([BIN / "ikm-pmi", "reproduce", "-j", 2], root)
    again = statistics.median(timed([BIN / "ikm-pmi", "reproduce"], root) for _ in range(5))
    yield "papermill over the chapters, one after the other", loop, ""
    yield "reproduce from scratch, two jobs", whole, f"{whole / loop:.2f} of it; target 0.4"
    yield "reproduce with nothing changed", again, "target 2 s"


def trivial(folder):
    root = project(folder / "trivial")
    cells = [
        new_markdown_cell("# Does it run?"),
        new_code_cell(DataParameters.cell(), metadata={"tags": ["parameters"]}),
        new_code_cell(TRIVIAL),
    ]
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "01_data.ipynb")
    return root


@contextmanager
def cluster(folder):
    """A scheduler and two workers of one thread each."""
    file, host = folder / "scheduler.json", ["--host", "127.0.0.1"]
    commands = [["scheduler", *host, "--port", "0", "--dashboard-address", "127.0.0.1:0"]]
    commands += [["worker", *host, "--nthreads", "1", "--no-dashboard"]] * 2
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    started = []
    try:
        for words in commands:
            words = [str(BIN / "dask"), *words, "--scheduler-file", str(file)]
            started.append(subprocess.Popen(words, **quiet))  # noqa: S603 (our own command)
            while not file.exists():
                time.sleep(0.1)
        yield file
    finally:
        for process in started:
            process.terminate()
            process.wait()


def sweeps(folder):
    root = trivial(folder)

    def sweep(count, *options):
        grid = folder / "grid.yaml"
        grid.write_text(f'chapter: "01"\nparameters: {{seed: {list(range(count))}}}\n')
        out = Path(tempfile.mkdtemp(dir=folder))
        return timed([BIN / "ikm-pmi", "sweep", grid, "--out", out, *options], root)

    first, one = sweep(1, "-j", 1), sweep(RUNS, "-j", 1)
    with largest_child() as memory:
        two = sweep(RUNS, "-j", 2)
    slow = sweep(RUNS, "-j", 2, "--no-fast-start")
    marginal = (one - first) / (RUNS - 1)
    yield f"{RUNS} runs of a trivial chapter, one worker", one, ""
    yield "one more run", marginal, "target 1.2 s"
    held = f"largest process {memory[0]:.0f} MB, pages shared with others counted; target 500"
    yield f"{RUNS} runs, two workers", two, f"{one / two:.2f} times as fast; target 1.7; {held}"
    yield "the same with ordinary kernels", slow, f"{slow / two:.2f} times as long"
    with cluster(folder) as file:
        address = json.loads(file.read_text())["address"]
        sweep(2, "--scheduler", address)  # each worker's first run imports
        dask = sweep(RUNS, "--scheduler", address)
    yield f"{RUNS} runs, Dask, two workers", dask, f"{one / dask:.2f} times as fast as one"


def commands(folder):
    def median(*words):
        return statistics.median(timed(words, folder) for _ in range(7))

    bare = median(sys.executable, "-c", "pass")
    yield "import ikm_pmi", median(sys.executable, "-c", "import ikm_pmi") - bare, "target 0.3 s"
    yield "ikm-pmi --help", median(BIN / "ikm-pmi", "--help"), "target 0.6 s"


def main():
    print("| what | seconds | note |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for part in (commands, sweeps, reproduce):
            for what, seconds, note in part(Path(folder)):
                print(f"| {what} | {seconds:.2f} | {note} |", flush=True)


if __name__ == "__main__":
    main()
