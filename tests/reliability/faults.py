"""A study of cheap chapters, commands that can be killed in it, and what must hold afterwards."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ikm_pmi.engine import manifest
from ikm_pmi.engine.chapters import check_result
from ikm_pmi.engine.kernel_server import ADDRESS
from ikm_pmi.study import CHAPTERS, HEADLINES, HYPOTHESES, LANDING, PICTURES

ROOT = Path(__file__).parents[2]
#: Each file of a chapter carries the round it was made in: a mixture of two would show.
SET_UP = """import numpy as np, os, pandas as pd, time
from ikm_pmi.study import CHAPTERS
from ikm_pmi.engine.publish import publish
from ikm_pmi.results import Estimate, TestResult
p = CHAPTERS[{chapter!r}].from_notebook(globals())
"""
WORK = """_round = {round}
_draws = np.random.default_rng(p.seed).normal(_round, 1, 3000)
print("round", _round)
"""
PUBLISH = """_table = pd.DataFrame({{"round": _round, "x": _draws}})
tables = {{f"t{{place}}": _table for place in range(3)}}
_one = {{"value": 100.0 + _round, "unit": "1", "method": "count", "ci_low": 0.0, "ci_high": 999.0}}
found = [Estimate(name=name, n=3000, ci_level=0.95, **_one) for name in {names!r}]
_test = {{"null": "none", "statistic": 0.0, "p_value": 0.5, "distribution": "none"}}
tested = [TestResult(name=name, **_test) for name in {tests!r}]
print(publish(p, estimates=found, tests=tested, tables=tables, figures={figures}))
"""
FIGURE = '{{"{}": __import__("matplotlib.figure").figure.Figure(figsize=(1, 1))}}'
FILES = {
    "notebook.ipynb",
    "result.json",
    "wording.json",
    "tables/t0.csv",
    "tables/t1.csv",
    "tables/t2.csv",
}


def write_notebook(root, chapter, number, extra=""):
    """The chapter of a round, with a cell of one's own before its results are written."""
    asked = [(name.replace("*", "any"), field) for one in LANDING for own, name, field in one.slots
             if own == chapter]  # fmt: skip
    answers = [one.name for one in HEADLINES if one.chapter == chapter]
    answers += [name for name, field in asked if field != "p"]
    names = ["round", *dict.fromkeys(answers)]
    tests = [name for own, name in HYPOTHESES if own == chapter]
    tests += [name for name, field in asked if field == "p"]
    drawn = [FIGURE.format(name) for own, name in PICTURES if own == chapter]
    shown = {
        "names": names,
        "tests": tests,
        "figures": drawn[0] if drawn else "{}",
    }
    texts = [
        text.format(chapter=chapter, round=number, **shown) for text in (SET_UP, WORK, PUBLISH)
    ]
    cells = [new_code_cell(text) for text in texts]
    if extra:
        cells.insert(2, new_code_cell(extra))
    head = new_markdown_cell(f"# What is round {number}?")
    given = new_code_cell(CHAPTERS[chapter].cell(), metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[head, given, *cells])
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place}"
    nbformat.write(notebook, root / "notebooks" / f"{chapter}.ipynb")


def write_round(root, number, chapters=tuple(CHAPTERS)):
    """Have these chapters made again, in another round."""
    for chapter in chapters:
        write_notebook(root, chapter, number)


def make_study(root):
    """A project with the real data and cheap chapters."""
    made = {"results", "site", "dist", "tests", "notebooks"}
    cached = shutil.ignore_patterns(".*", "__pycache__")

    def left_out(folder, names):
        return cached(folder, names) | (made if Path(folder) == ROOT else set())

    shutil.copytree(ROOT, root, ignore=left_out)
    (root / "notebooks").mkdir()
    write_round(root, 0)
    return root


@dataclass
class Commands:
    """Commands in processes that may be killed."""

    root: Path
    scratch: Path
    inside: tuple[str, ...] = ()  # what the commands are started by, such as unshare
    kills: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(20210703))  # noqa: S311 (when to kill)

    def __post_init__(self):
        (self.scratch / "tmp").mkdir(parents=True)
        keep = ("PATH", "PYTHONPATH", "HOME", "LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        self.environment = {name: os.environ[name] for name in keep if name in os.environ}
        self.environment |= {"TMPDIR": str(self.scratch / "tmp"), "COLUMNS": "200"}
        self.zygote = subprocess.Popen(
            [*self.inside, sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.environment[ADDRESS], self.server = json.loads(self.zygote.stdout.readline())
        # What they see there, through the kernel's eyes: they may have mounts of their own.
        self.seen = Path(f"/proc/{self.zygote.pid}/root{self.root}") if self.inside else self.root

    def _ask(self, **request):
        self.zygote.stdin.write(json.dumps(request) + "\n")
        return int(self.zygote.stdout.readline())

    def start(self, *arguments, **environment):
        """The number of a process that runs ``ikm-pmi`` with these arguments."""
        return self._ask(
            arguments=list(arguments),
            folder=str(self.root),
            environment=self.environment | environment,
            output=str(self.scratch / "output.txt"),
        )

    def ended(self, pid):
        """Exit status; minus the signal that ended it."""
        return self._ask(ended=pid)

    def said(self):
        return (self.scratch / "output.txt").read_text()

    def run(self, *arguments, status=0, **environment):
        """Run a command to its end; its output and how long it took."""
        begun = time.monotonic()
        found = self.ended(self.start(*arguments, **environment))
        assert found == status, self.said()
        return self.said(), time.monotonic() - begun

    def kill(self, seconds, *arguments, group=False, insist=True):
        """Kill a command after a random part of these seconds; whether it still ran.

        One that had ended is killed again, sooner, unless doing it again is doing nothing.
        """
        while True:
            pid = self.start(*arguments)
            time.sleep(self.rng.uniform(0, seconds))
            try:
                (os.killpg if group else os.kill)(pid, signal.SIGKILL)
            except ProcessLookupError:  # it has no session of its own yet
                os.kill(pid, signal.SIGKILL)
            status = self.ended(pid)
            assert status in {0, -signal.SIGKILL}, self.said()
            self.kills += status != 0
            if status or not insist:
                return status != 0
            seconds *= 0.7

    def nothing_left(self):
        """No kernel outlives its owner, no half file the next run."""
        assert comes_true(lambda: not children(self.server) + at_work_in(self.root))
        left = [*leftovers(self.seen), *(self.scratch / "tmp").iterdir()]
        assert left == [], left

    def close(self):
        self.zygote.stdin.close()
        self.zygote.wait(30)


def rounds(folder):
    """The rounds that a results folder's files speak of; refused when a file is missing or cut."""
    files = {name for name in manifest.file_hashes(folder) if not name.startswith("figures/")}
    assert files == FILES, f"{folder}: {files}"
    result = json.loads((folder / "result.json").read_text())
    check_result(folder / "result.json", CHAPTERS[result["chapter"]].parse(result["parameters"]))
    found = {int(result["estimates"][0]["value"]) - 100}
    assert f"round {max(found)}\\n" in (folder / "notebook.ipynb").read_text()
    for name in ("t0", "t1", "t2"):
        lines = (folder / "tables" / f"{name}.csv").read_text().splitlines()
        assert len(lines) == 3001
        found |= {int(line.split(",")[0]) for line in lines[1:]}
    return found


def whole(results):
    """The round of each results folder there, every one of them whole and of one round."""
    found = {}
    for folder in results.iterdir() if results.is_dir() else ():
        if folder.is_dir() and folder.name[0].isdigit():
            seen = rounds(folder)
            assert len(seen) == 1, f"{folder} mixes rounds {seen}"
            found[folder.name] = seen.pop()
    if (results / "manifest.json").exists():
        assert json.loads((results / "manifest.json").read_text())["schema"] == 1
    return found


def true_to_manifest(results):
    """Assert that the manifest has each folder's files as they are."""
    entries = manifest.read(results)["results"]
    assert set(entries) == set(whole(results))
    for name, entry in entries.items():
        assert entry["files"] == manifest.file_hashes(results / name)


def leftovers(*folders):
    """What no finished run leaves: staging folders, half files, temporary files."""
    found = []
    for folder in folders:
        found += folder.rglob(".*.tmp")
        found += [one for one in folder.rglob(".staging/*") if one.is_dir()]
    return found


def children(pid):
    """Live children of a process, such as the kernels of the one that forks them."""
    try:
        return [one for one in psutil.Process(pid).children() if alive(one.pid)]
    except psutil.NoSuchProcess:
        return []


def at_work_in(folder):
    """Processes whose working directory lies there, or whose command names it."""
    found = []
    for one in psutil.process_iter(["cwd", "cmdline", "status"]):
        words = [one.info["cwd"] or "", *(one.info["cmdline"] or [])]
        if one.info["status"] != psutil.STATUS_ZOMBIE and any(str(folder) in w for w in words):
            found.append(one)
    return [one for one in found if "zygote.py" not in " ".join(one.info["cmdline"])]


def alive(pid):
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def servers_of(owner):
    """Processes that fork kernels for a process."""
    lines = ((one.pid, one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))
    return [
        pid
        for pid, line in lines
        if line[-1:] == [str(owner)] and "ikm_pmi.engine.kernel_fork" in line
    ]


def comes_true(condition, seconds=20):
    """Wait until a condition holds; whether it did."""
    until = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return bool(found)
