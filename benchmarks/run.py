"""Everything side by side in one go; writes RESULTS.md beside this file. Run with: make bench.

`python benchmarks/run.py PART ...` prints the parts named instead: bootstrap, fit, conformal,
synthetic, multiverse, demeaning, microdata, chapters, pipeline.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import intervals
import many
import panels
from timing import Row, table

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGES = (
    "ikm-pmi", "numpy", "pandas", "scipy", "statsmodels", "linearmodels", "pyfixest",
    "pysyncon", "wildboottest", "specification-curve", "numba", "papermill", "distributed",
)  # fmt: skip
INTRO = """# Benchmarks

Written by `make bench`. Median (lowest–highest) of the repeats; the packages compared take turns in
one process, so that a slower minute of the machine meets all of them, and the ratio's range is that
of the turns. What is compiled or imported once is not counted. BLAS has one thread; pyfixest and
numba choose their own. A target is judged by medians, a limit in seconds by the slowest repeat
unless the note says otherwise.
"""


def chapters():
    """Chapters 03, 04 and 05 with default parameters, two at a time, kernel start included."""
    command = str(Path(sys.executable).with_name("ikm-pmi"))
    taken = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as out, ThreadPoolExecutor(2) as pool:
            start = time.perf_counter()
            words = [[command, "run", chapter, "--out", out] for chapter in ("04", "03", "05")]
            for done in [pool.submit(quietly, one) for one in words]:
                done.result()
            taken.append(time.perf_counter() - start)
    yield intervals.limited(Row(what="all three together on two cores", ours=taken), 40)


def quietly(words):
    return subprocess.run(  # noqa: S603 (our own interpreter, our own arguments)
        words, check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout


def pipeline():
    """Running chapters: reproduce and a loop of papermill, sweeps, Dask, the start of commands."""
    if not (HERE / "pipeline.py").exists():
        return "benchmarks/pipeline.py is not there, so running chapters was not timed."
    try:
        return quietly([sys.executable, str(HERE / "pipeline.py")]).strip()
    except subprocess.CalledProcessError as error:
        return f"{error.stdout}\nIt stopped: {error.stderr.strip().splitlines()[-1]}".strip()


PARTS = {
    "bootstrap": intervals.bootstrap,
    "fit": intervals.of_a_fit,
    "conformal": intervals.conformal_set,
    "synthetic": intervals.synthetic_control,
    "multiverse": many.multiverse,
    "demeaning": panels.two_way,
    "microdata": panels.microdata,
    "chapters": chapters,
    "pipeline": pipeline,
}


def section(name):
    """Text of a part, and its rows."""
    found = PARTS[name]()
    rows = [] if isinstance(found, str) else list(found)
    title = PARTS[name].__doc__.splitlines()[0].rstrip(".")
    text = found if isinstance(found, str) else table(rows)
    return f"## {title}\n\nRepeat: `python benchmarks/run.py {name}`\n\n{text}\n", rows


def machine():
    """What was measured on, without names or paths."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Machine: {processor()}, {os.cpu_count()} cores, {gigabytes:.0f} GB of memory, "
        f"{platform.system()} {platform.machine()}; load over one minute at the start "
        f"{os.getloadavg()[0]:.1f}.\n"
        f"Python {platform.python_version()}; {', '.join(map(release, PACKAGES))}.\n"
    )


def processor():
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown processor"


def release(name):
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} absent"


def main(names):
    start, head, sections, rows = time.perf_counter(), machine(), [], []
    for name in names or PARTS:
        text, found = section(name)
        print(text, flush=True)
        sections.append(text)
        rows += found
    if names:
        return
    judged = [row for row in rows if row.reached is not None]
    missed = [row.what for row in judged if not row.reached]
    reached = f"Targets reached: {len(judged) - len(missed)} of {len(judged)}"
    reached += f"; not reached: {'; '.join(missed)}.\n" if missed else ".\n"
    reached += f"The whole took {(time.perf_counter() - start) / 60:.0f} minutes.\n"
    aside = HERE / ".RESULTS.md"
    aside.write_text("\n".join([INTRO, head, reached, *sections]), encoding="utf-8")
    aside.replace(HERE / "RESULTS.md")


if __name__ == "__main__":
    main(sys.argv[1:])
