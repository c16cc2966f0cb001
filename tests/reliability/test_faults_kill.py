"""kill -9 at random moments: nothing half, nothing left, and the next run ends with the same."""

import csv
import json
import os
import signal
import sys
import time

import faults
import pytest

from ikm_pmi.parameters import CHAPTERS, DataParameters
from ikm_pmi.pipeline import manifest
from ikm_pmi.pipeline.warm import ADDRESS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are killed as on Linux")
RUN = "01_data-" + manifest.digest(DataParameters(seed=3).model_dump(mode="json"))[7:15]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study that was reproduced once, and the commands to kill in it."""
    base = tmp_path_factory.mktemp("killed")
    root = faults.make_study(base / "a study")
    commands = faults.Commands(root, base / "scratch")
    commands.run("reproduce")
    assert faults.whole(root / "results") == dict.fromkeys(CHAPTERS, 0)
    yield commands
    commands.close()


@pytest.fixture
def commands(study):
    study.kills = 0
    return study


def tell(record_property, commands, what, outcome):
    entry = {"part": "faults", "what": what, "times": commands.kills, "outcome": outcome}
    record_property("reliability", entry)


def test_reproduce(commands, record_property):
    results, chapters = commands.root / "results", list(CHAPTERS)
    finished, seconds = dict.fromkeys(chapters, 0), 0.0
    for number in range(1, 31):
        again = commands.rng.sample(chapters, 3)
        faults.write_round(commands.root, number, again)
        if number % 6 == 0:  # to its end
            seconds = commands.run("reproduce", "--jobs", "2")[1]
            finished = faults.whole(results)
            faults.true_to_manifest(results)
            commands.nothing_left()
            assert all(finished[name] == number for name in again)
            continue
        group = number % 3 == 0
        commands.kill(seconds or 3, "reproduce", "--jobs", "2", group=group)
        found = faults.whole(results)
        assert all(found[name] >= finished[name] for name in chapters)
    assert commands.kills >= 15
    tell(record_property, commands, "kill -9 during reproduce", "whole, then the same numbers")


def test_run(commands, record_property):
    results, command = commands.root / "results", ("run", "01", "-p", "seed=3")
    seconds = commands.run(*command)[1]
    known = manifest.file_hashes(results / RUN)
    for number in range(1, 31):
        if number % 6 == 0:
            seconds = commands.run(*command)[1]
            commands.nothing_left()
        else:
            commands.kill(seconds, *command, group=number % 2 == 0)
        assert manifest.file_hashes(results / RUN) == known  # the same bytes, at every moment
    faults.true_to_manifest(results)
    assert commands.kills >= 15
    tell(record_property, commands, "kill -9 during run", "results the same bytes at every moment")


def test_sweep(commands, record_property):
    root = commands.root
    grid = 'chapter: "02"\nparameters:\n  seed: [1, 2, 3, 4]\n'
    (root / "grid.yaml").write_text(grid)
    known, seconds = "", 0.0
    for number in range(1, 6):
        command = ("sweep", "grid.yaml", "--out", f"sweep{number}", "--jobs", "2")
        out = root / f"sweep{number}"
        for place in range(6 if seconds else 0):
            commands.kill(seconds, *command, group=place % 2 == 0)
            for file in (out / "runs").glob("*.json"):
                content = json.loads(file.read_text())
                assert content.pop("digest") == manifest.digest(content)
            if (out / "sweep.csv").exists():
                with (out / "sweep.csv").open(newline="") as table:
                    assert len({row["run"] for row in csv.DictReader(table)}) == 4
        taken = commands.run(*command)[1]
        seconds = seconds or taken
        commands.nothing_left()
        known = known or (out / "sweep.csv").read_text()
        assert (out / "sweep.csv").read_text() == known
    assert commands.kills >= 15
    tell(record_property, commands, "kill -9 during sweep", "whole runs kept, then the same table")


def test_data_build(commands, record_property):
    folder = commands.root / "data/processed"
    known = manifest.file_hashes(folder)
    seconds = commands.run("data", "build")[1]
    for number in range(1, 16):
        if number % 5 == 0:
            commands.run("data", "build")
            commands.nothing_left()
        else:
            commands.kill(seconds, "data", "build")
        assert manifest.file_hashes(folder) == known
    assert commands.kills >= 8
    tell(record_property, commands, "kill -9 during data build", "tables the same bytes")


def test_refresh(commands, record_property):
    """The committed chapters and reference numbers are each of one round, old or new."""
    root = commands.root
    commands.run("refresh", "--jobs", "2")
    seconds = commands.run("refresh", "--jobs", "2")[1]
    kinds = ("notebooks/*", "reference/*", "README.md", "docs/*", "data/processed/*")
    known = manifest.file_hashes(root, kinds)
    for number in range(1, 10):
        if number % 3 == 0:
            commands.run("refresh", "--jobs", "2")
            commands.nothing_left()
        else:
            commands.kill(seconds, "refresh", "--jobs", "2", group=number % 2 == 0)
        assert manifest.file_hashes(root, kinds) == known
    assert commands.kills >= 4
    tell(record_property, commands, "kill -9 during refresh", "committed files the same bytes")


def test_owner_with_kernels_of_its_own(commands, record_property):
    """Without one to share, a process that forks kernels is started, and dies with its owner."""
    server, command = commands.environment.pop(ADDRESS), ("run", "01", "-p", "seed=3")
    try:
        seconds = commands.run(*command)[1]
        for place in range(8):
            pid = commands.start(*command)
            time.sleep(commands.rng.uniform(0, seconds))
            family = faults.servers_of(pid)
            family += [one.pid for server in family for one in faults.children(server)]
            for one in (pid, *family[: place % 2]):  # at times the server, too
                os.kill(one, signal.SIGKILL)
            commands.kills += commands.ended(pid) != 0
            assert faults.comes_true(lambda gone=family: not any(map(faults.alive, gone)))
        commands.run(*command)
        commands.nothing_left()
    finally:
        commands.environment[ADDRESS] = server
    assert commands.kills >= 4
    tell(record_property, commands, "kill -9 of owners of kernels", "kernels and their parent gone")
