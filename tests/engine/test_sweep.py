"""Many runs: checked first, done once, here and on a cluster that loses a worker."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from ikm_pmi.engine import kernel_server
from ikm_pmi.engine import sweep as cluster_module
from ikm_pmi.engine import sweep as sweep_module
from ikm_pmi.engine.sweep import run_names, sweep
from ikm_pmi.engine.values import read_grid
from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.parameters import DataParameters

GOOD = """
chapter: "01"
parameters:
  seed: [1, 2, 3]
  country: [IDN, MYS]
"""


def rows(out):
    with (out / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def grid(tmp_path, text):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    return read_grid(path)


def test_mapping_gives_every_combination(tmp_path):
    runs = grid(tmp_path, GOOD)
    assert [(one.seed, one.country) for one in runs] == [
        (seed, country) for seed in (1, 2, 3) for country in ("IDN", "MYS")
    ]


def test_list_gives_its_sets(tmp_path):
    runs = grid(tmp_path, 'chapter: "01"\nparameters:\n- {}\n- {seed: 4}\n')
    assert runs == (DataParameters(), DataParameters(seed=4))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (GOOD.replace("country", "contry"), "did you mean 'country'"),
        (GOOD.replace("MYS", "my"), "set 2 of 6"),
        (GOOD.replace("[1, 2, 3]", "1"), "list of values"),
        (GOOD.replace("2, 3", "1"), "set 1 again"),
        (GOOD.replace("chapter", "chap"), "KeyError"),
        (GOOD + "other: 1", "other"),
        (GOOD.replace('"01"', '"77"'), "no chapter is called '77'"),
        ('chapter: "01"\nparameters: []', "0 sets"),
        ('chapter: "01"\nparameters: 3', "no grid"),
        ("[1", "no grid"),
        ("!!python/object/apply:os.getpid []", "no grid"),
    ],
)
def test_bad_grid_is_refused_before_anything_runs(tmp_path, text, shown):
    with pytest.raises(ParameterError, match=re.escape(shown)):
        grid(tmp_path, text)


@pytest.fixture
def stub(project, monkeypatch):
    """A project whose runs cost nothing; `ran` lists the seeds."""
    root, ran = project("swept"), []

    def fake(_root, _out, one):
        ran.append(one.seed)
        if one.country == "BAD":
            raise ChapterError("fell over", found="no such country")
        entry = {"name": "a.b", "value": 0.1 * one.seed, "n": 3}
        entry |= dict.fromkeys(
            ("std_error", "ci_low", "ci_high", "ci_level", "p_value", "unit", "method")
        )
        parameters = one.model_dump(mode="json")
        return {"schema": 1, "chapter": "01_data", "parameters": parameters, "estimates": [entry]}

    monkeypatch.setattr(sweep_module, "run_isolated", fake)
    monkeypatch.setenv(kernel_server.SWITCH, "0")
    return root, ran


def seeds(*values):
    return [DataParameters(seed=value) for value in values]


def test_what_is_done_is_not_run_again(stub, tmp_path):
    root, ran = stub
    first = sweep(seeds(1, 2), tmp_path, root=root)
    assert (sorted(ran), first.kept) == ([1, 2], ())
    second = sweep(seeds(1, 2, 3), tmp_path, root=root)
    assert (ran[2:], len(second.kept)) == ([3], 2)
    assert [row["seed"] for row in rows(tmp_path)] == ["1", "2", "3"]
    assert [float(row["value"]) for row in rows(tmp_path)] == [0.1, 0.2, 0.1 * 3]


@pytest.mark.parametrize("what", ["notebooks/01_data.ipynb", "data/raw/table.csv"])
def test_edited_input_or_spoiled_result_means_another_run(stub, tmp_path, what):
    root, ran = stub
    sweep(seeds(1, 2), tmp_path, root=root)
    spoiled = next((tmp_path / "runs").iterdir())
    spoiled.write_text(spoiled.read_text()[:-20])
    assert len(sweep(seeds(1, 2), tmp_path, root=root).ran) == 1
    (root / what).write_text((root / what).read_text() + "\n")
    assert len(sweep(seeds(1, 2), tmp_path, root=root).ran) == 2
    assert len(ran) == 5


def test_failed_run_is_a_row_with_its_error_and_tried_again(stub, tmp_path):
    root, ran = stub
    runs = [DataParameters(seed=1, country="BAD"), *seeds(2)]
    told = []
    done = sweep(runs, tmp_path, root=root, jobs=1, tell=told.append)
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "done"]
    assert rows(tmp_path)[0]["error"] == "fell over: no such country"
    assert len(done.failed) == 1
    assert [(now.done, now.total) for now in told] == [(1, 2), (2, 2)]
    assert told[0].run == "seed=1, country=BAD"
    assert told[-1].seconds_left == 0
    sweep(runs, tmp_path, root=root)
    assert sorted(ran) == [1, 1, 2]


def test_interrupted_sweep_keeps_a_table(stub, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(seeds(*range(9)), tmp_path, root=stub[0], jobs=1, tell=interrupt)
    states = [row["status"] for row in rows(tmp_path)]
    assert states.count("done") == 1
    assert states.count("not run") == 8


def test_scheduler_that_is_not_there_is_told(stub, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "_PATIENCE", "1s")
    with pytest.raises(ChapterError, match="cannot be reached"):
        sweep(seeds(1), tmp_path, root=stub[0], scheduler="tcp://127.0.0.1:9")


@pytest.mark.reliability
def test_a_scheduler_without_workers_is_told(stub, tmp_path, monkeypatch, record_property):
    import distributed

    monkeypatch.setattr(cluster_module, "_PATIENCE", "300ms")
    options = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=0, **options) as empty:
        address = empty.scheduler_address
        with pytest.raises(ChapterError, match="no workers") as error:
            sweep(seeds(1), tmp_path, root=stub[0], scheduler=address)
    assert f"dask worker {address}" in error.value.todo
    entry = {"part": "everyday", "what": "waiting without a word", "times": 1}
    entry |= {
        "case": "a Dask scheduler without workers",
        "outcome": "told after 15 s",
    }
    record_property("reliability", entry)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A scheduler and two workers, each a process without a nanny, far from the checkout."""
    monkeypatch.delenv(kernel_server.ADDRESS, raising=False)
    (tmp_path / "far").mkdir()
    options = {"cwd": tmp_path / "far", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    file = tmp_path / "scheduler.json"
    scheduler = "from distributed.cli.dask_scheduler import main; main()"
    worker = "from distributed.cli.dask_worker import main; main()"
    dask = [sys.executable, "-c"]
    loopback = ["--host", "127.0.0.1", "--scheduler-file", str(file)]
    processes = [
        subprocess.Popen(
            [*dask, scheduler, *loopback, "--port", "0", "--dashboard-address", "127.0.0.1:0"],
            **options,
        )
    ]
    until = time.monotonic() + 60
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    for _ in range(2):
        more = ["--no-nanny", "--nthreads", "2", "--no-dashboard"]
        processes.append(subprocess.Popen([*dask, worker, *loopback, *more], **options))
    yield json.loads(file.read_text())["address"], processes[1:]
    for process in processes:
        process.kill()
        process.wait()


def test_cluster_that_loses_a_worker_does_every_run_once(
    project, cluster, tmp_path, monkeypatch, record_property
):
    address, workers = cluster
    root = project("cluster")
    path = root / "notebooks/01_data.ipynb"
    notebook = nbformat.read(path, 4)
    told = tmp_path / "told"
    told.mkdir()
    cell = f"(__import__('pathlib').Path({str(told)!r}) / str(os.getpid())).write_text(str(p.seed))"
    notebook.cells.insert(-1, nbformat.v4.new_code_cell(cell))
    nbformat.write(notebook, path)
    runs = [DataParameters(seed=seed) for seed in range(12)]
    progress = []

    def tell(now):
        progress.append(now.done)
        if now.done == 3:
            os.kill(workers[0].pid, signal.SIGKILL)

    out = tmp_path / "out"
    done = sweep(runs, out, root=root, scheduler=address, tell=tell)
    assert not done.failed
    assert progress == list(range(1, 13))
    assert [(row["seed"], row["status"]) for row in rows(out)] == [
        (str(seed), "done") for seed in range(12)
    ]
    assert {path.stem for path in (out / "runs").iterdir()} == set(run_names(runs, root))
    assert {file.read_text() for file in told.iterdir()} == {str(seed) for seed in range(12)}
    assert workers[1].poll() is None
    monkeypatch.setattr(cluster_module, "_PATIENCE", "300ms")
    monkeypatch.setattr(cluster_module, "_QUIET", 1.0)
    with pytest.raises(ChapterError, match="no workers"):  # the last one leaves, too
        sweep(
            [DataParameters(seed=seed) for seed in range(20, 24)],
            tmp_path / "left",
            root=root,
            scheduler=address,
            tell=lambda _: os.kill(workers[1].pid, signal.SIGKILL),
        )
    states = [row["status"] for row in rows(tmp_path / "left")]
    assert states.count("done") >= 1
    assert states.count("not run") == 4 - states.count("done")
    entry = {"part": "everyday", "what": "waiting without a word", "times": 1}
    entry |= {
        "case": "a Dask cluster that loses all its workers in the midst of a sweep",
        "outcome": "told after 30 s; what is done is kept",
    }
    record_property("reliability", entry)
