"""Full disks, dead kernels, endless cells, two at once, wrong clocks, results edited by hand."""

import os
import re
import shutil
import signal
import sys
import time
from itertools import product

import faults
import pytest

from ikm_pmi.engine import manifest
from ikm_pmi.parameters import DataParameters
from sample import sampled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are made as on Linux")
RUN = ("run", "01", "-p", "seed=3")
NAME = "01_data-" + manifest.digest(DataParameters(seed=3).model_dump(mode="json"))[7:15]
PARTS = ("error:", "expected", "found", "where", "what to do")


@pytest.fixture
def commands(study):
    """The study as it was made, whatever a test did to its notebooks."""
    yield study
    faults.write_round(study.root, 0)


def refused(commands, *arguments, **environment):
    """Run a command that must fail with an error in its four parts; what it said."""
    said, _ = commands.run(*arguments, status=1, **environment)
    assert "Traceback" not in said, said
    assert all(part in said for part in PARTS), said
    return said


def tell(record_property, what, times, outcome):
    entry = {"part": "faults", "what": what, "times": times, "outcome": outcome}
    record_property("reliability", entry)


# A chapter that cannot end ---------------------------------------------------------------------

DEATHS = {
    "os._exit": "os._exit(3)",
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "SIGSEGV": "import ctypes\nctypes.string_at(0)",
}


KERNELS = {"ordinary": "0", "forked": "1"}


@pytest.mark.parametrize(("kernel", "death"), sampled([*product(KERNELS, DEATHS)], 4))
def test_a_kernel_that_dies(commands, kernel, death, record_property):
    known = manifest.file_hashes(commands.root / "results/01_data")
    faults.write_notebook(commands.root, "01_data", 7, DEATHS[death])
    said = refused(commands, "run", "01", IKM_PMI_FAST_START=KERNELS[kernel])
    assert "the kernel of chapter 01_data died" in said
    assert manifest.file_hashes(commands.root / "results/01_data") == known
    commands.nothing_left()
    tell(record_property, f"a kernel that dies by {death}", 1, "an error; previous results stay")


def test_a_kernel_that_dies_stops_no_other_chapter(commands):
    results = commands.root / "results"
    for chapter, extra in (("01_data", DEATHS["SIGKILL"]), ("02_restrictions", "")):
        faults.write_notebook(commands.root, chapter, 8, extra)
    said = refused(commands, "reproduce")
    assert "FAILED  01_data" in said
    assert (results / "failed/01_data.ipynb").is_file()
    found = faults.whole(results)
    assert (found["01_data"], found["02_restrictions"]) == (0, 8)
    faults.write_round(commands.root, 0)
    commands.run("reproduce")
    assert not list((results / "failed").iterdir())
    faults.true_to_manifest(results)


def test_a_kernel_that_runs_out_of_memory(commands, record_property):
    extra = (
        "import resource\nused = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))\n"
        "blocks = [bytearray(2**24) for _ in range(10**6)]"
    )
    faults.write_notebook(commands.root, "01_data", 7, extra)
    assert "MemoryError" in refused(commands, "run", "01")
    assert faults.whole(commands.root / "results")["01_data"] == 0
    commands.nothing_left()
    tell(record_property, "a kernel out of memory", 1, "an error; previous results stay")


@pytest.mark.parametrize(
    "cell", sampled(["time.sleep(600)", "while True: pass"], 2), ids=["waits", "computes"]
)
def test_a_cell_that_does_not_end(commands, cell, record_property):
    faults.write_notebook(commands.root, "01_data", 7, cell)
    said = refused(commands, "run", "01", "--cell-timeout", "2")
    assert "every cell to end within 2 s" in said
    assert f"the cell that begins: {cell}" in said
    assert faults.whole(commands.root / "results")["01_data"] == 0
    commands.nothing_left()
    tell(record_property, "a cell that does not end", 1, "ended after the seconds allowed")


def test_the_limit_is_a_number_of_seconds(commands):
    said, _ = commands.run("run", "01", status=2, IKM_PMI_CELL_TIMEOUT="soon")
    assert "whole seconds" in said
    assert "soon" in said


# Two at once -----------------------------------------------------------------------------------


def sleeping(commands, *arguments, chapter="01_data", **environment):
    """Begin a command whose chapter waits until the file ``go`` is there."""
    mark, go = commands.scratch / "begun", commands.scratch / "go"
    for file in (mark, go):
        file.unlink(missing_ok=True)
    wait = (
        f"open({str(mark)!r}, 'w').close()\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"
    )
    faults.write_notebook(commands.root, chapter, 9, wait)
    pid = commands.start(*arguments, **environment)
    assert faults.comes_true(mark.exists, 60), commands.said()
    return pid, go


GRID = 'chapter: "01"\nparameters:\n  seed: [5]\n'


@pytest.mark.parametrize(
    ("first", "second"),
    sampled(
        [
            (("reproduce",), ("reproduce",)),
            (("reproduce",), ("refresh",)),
            (("sweep", "grid.yaml", "--out", "two"), ("sweep", "grid.yaml", "--out", "two")),
        ],
        3,
    ),
    ids=["reproduce", "refresh", "sweep"],
)
def test_the_second_says_who_is_at_work(commands, first, second, record_property):
    (commands.root / "grid.yaml").write_text(GRID)
    before = manifest.file_hashes(commands.root)
    pid, go = sleeping(commands, *first)
    said = refused(commands, *second)
    assert re.search(rf"found +{first[0]}: process {pid} on \S+, since \d{{4}}-", said), said
    shutil.copy(commands.scratch / "output.txt", commands.scratch / "second.txt")
    go.touch()
    assert commands.ended(pid) == 0
    assert manifest.file_hashes(commands.root) != before
    faults.write_round(commands.root, 0)
    commands.run(*first)
    commands.nothing_left()
    tell(record_property, f"{first[0]} and {second[0]} at once", 1, "the second says who holds it")


def test_a_dead_holder_holds_nothing(commands, record_property):
    pid, _ = sleeping(commands, "reproduce")
    os.kill(pid, signal.SIGKILL)
    commands.ended(pid)
    faults.write_round(commands.root, 0)
    commands.run("reproduce")
    commands.nothing_left()
    tell(record_property, "the lock of a killed process", 1, "taken over at once")


def test_runs_of_one_chapter_at_once(commands, record_property):
    """They do the same work, and the results are those of one of them."""
    pid, go = sleeping(commands, "reproduce", chapter="05_cross_country")
    many = [commands.start(*RUN) for _ in range(4)]
    assert [commands.ended(one) for one in many] == [0] * 4, commands.said()
    go.touch()
    assert commands.ended(pid) == 0
    assert faults.whole(commands.root / "results")[NAME] == 0
    assert {NAME, "05_cross_country"} <= set(manifest.read(commands.root / "results")["results"])
    faults.true_to_manifest(commands.root / "results")
    commands.nothing_left()
    tell(record_property, "four runs of a chapter beside reproduce", 4, "all whole")


# Interrupts ------------------------------------------------------------------------------------

SWEEP = ("sweep", "grid.yaml", "--out", "stopped")
STOPS = [
    (("reproduce",), signal.SIGINT, "1"),
    (("run", "01", "-p", "seed=4"), signal.SIGTERM, "0"),
    (SWEEP, signal.SIGTERM, "1"),
    (("reproduce",), signal.SIGTERM, "0"),
    (("run", "01", "-p", "seed=4"), signal.SIGINT, "1"),
    (("refresh",), signal.SIGINT, "1"),
    (SWEEP, signal.SIGINT, "0"),
]


@pytest.mark.parametrize(("words", "number", "kernel"), sampled(STOPS, 6))
def test_an_interrupt_is_told_as_one_and_tells_no_old_news(
    commands, words, number, kernel, record_property
):
    (commands.root / "grid.yaml").write_text(GRID)
    pid, _ = sleeping(commands, *words, IKM_PMI_FAST_START=kernel)
    os.kill(pid, number)
    assert commands.ended(pid) == 128 + number, commands.said()
    said = commands.said()
    assert "interrupted: what is whole stays" in said
    for other in ("The short answers", "Nothing moved", "Traceback", "error", "not reached"):
        assert other not in said, said
    assert (commands.root / "stopped/sweep.csv").is_file() or words != SWEEP
    faults.write_round(commands.root, 0)
    faults.comes_true(lambda: not faults.at_work_in(commands.root))
    commands.run("reproduce")
    shutil.rmtree(commands.root / "stopped", ignore_errors=True)
    commands.nothing_left()
    entry = {"part": "everyday", "what": "output after the work fails it", "times": 1}
    entry |= {
        "case": f"{number.name} during {words[0]}",
        "outcome": "no old news; 128 + signal",
    }
    record_property("reliability", entry)


# Clocks and hands ------------------------------------------------------------------------------


@pytest.mark.parametrize("year", sampled([1990, 2099], 2))
def test_a_wrong_clock_changes_nothing(commands, year, record_property):
    commands.run("reproduce")
    then = time.mktime((year, 1, 1, 0, 0, 0, 0, 0, 0))
    for path in commands.root.rglob("*"):
        os.utime(path, (then, then))
    shift = str(round(then - time.time()))
    assert "Nothing had to run" in commands.run("reproduce", SHIFT_CLOCK=shift)[0]
    faults.write_round(commands.root, 4, ["01_data"])
    os.utime(commands.root / "notebooks/01_data.ipynb", (then, then))
    said, _ = commands.run("reproduce", SHIFT_CLOCK=shift)
    assert re.findall(r"^done +(\S+)", said, re.MULTILINE) == ["01_data"]
    commands.nothing_left()
    tell(record_property, f"a clock of the year {year}", 2, "what changed is run, nothing else")


def spoil(path, change):
    text = path.read_text()
    path.write_text(change(text))


HANDS = {
    "a number changed": lambda f: spoil(f / "result.json", lambda t: t.replace("3000", "3001")),
    "a table cut short": lambda f: spoil(f / "tables/t1.csv", lambda t: t[: len(t) // 2]),
    "a table deleted": lambda f: (f / "tables/t2.csv").unlink(),
    "a file added": lambda f: (f / "tables/mine.csv").write_text("x\n"),
    "the folder deleted": shutil.rmtree,
    "the result emptied": lambda f: (f / "result.json").write_text(""),
}


@pytest.mark.parametrize("hand", sampled(HANDS, 6))
def test_results_changed_by_hand_are_made_again(commands, hand, record_property):
    results = commands.root / "results"
    commands.run("reproduce")
    known = manifest.file_hashes(results / "03_pmi_impact")
    HANDS[hand](results / "03_pmi_impact")
    said, _ = commands.run("reproduce")
    assert re.findall(r"^done +(\S+)", said, re.MULTILINE) == ["03_pmi_impact"]
    assert manifest.file_hashes(results / "03_pmi_impact") == known
    faults.true_to_manifest(results)
    tell(record_property, f"results by hand: {hand}", 1, "noticed by hash, the chapter run again")


DAMAGES = {"empty": b"", "cut": b"{", "binary": b"\xff\xfe\x00"}
STATES = ("manifest.json", ".build/pytask.lock", "data_check.txt")


@pytest.mark.parametrize(("name", "damage"), sampled([*product(STATES, DAMAGES)], 9))
def test_a_damaged_state_costs_a_run_and_nothing_else(commands, name, damage):
    results = commands.root / "results"
    for folder in results.glob("[0-9]*-*"):  # a run of other parameters is in no other record
        shutil.rmtree(folder)
    commands.run("reproduce")
    kinds = ("[0-9]*/**/*", "manifest.json")
    known = manifest.file_hashes(results, kinds)
    (results / name).write_bytes(DAMAGES[damage])
    commands.run("reproduce")
    assert manifest.file_hashes(results, kinds) == known
    faults.true_to_manifest(results)


def test_a_run_edited_in_a_sweep_is_run_again(commands):
    (commands.root / "grid.yaml").write_text(GRID)
    command = ("sweep", "grid.yaml", "--out", "edited")
    commands.run(*command)
    (file,) = (commands.root / "edited/runs").glob("*.json")
    known = file.read_text()
    spoil(file, lambda text: re.sub(r'"value": \d+\.\d+', '"value": 1.5', text))
    assert "1 run, 0 done before" in commands.run(*command)[0]
    assert file.read_text() == known
