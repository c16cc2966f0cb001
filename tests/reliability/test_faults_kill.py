"""kill -9 at random moments: nothing half, nothing left, and the next run ends with the same.

Of the commands `make test` kills three: one that writes folders, one that writes files which belong
together, and one whose kernels have a parent of their own.
"""

import csv
import json
import os
import shutil
import signal
import sys
import time
import zipfile

import faults
import pytest

from ikm_pmi.engine import manifest
from ikm_pmi.engine.kernel_server import ADDRESS
from ikm_pmi.parameters import DataParameters
from ikm_pmi.study import CHAPTERS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are killed as on Linux")
RUN = "01_data-" + manifest.digest(DataParameters(seed=3).model_dump(mode="json"))[7:15]


@pytest.fixture(scope="module")
def whole_study(study):
    """The reproduced study; what comes after finds it as it was."""
    assert faults.whole(study.root / "results") == dict.fromkeys(CHAPTERS, 0)
    yield study
    faults.write_round(study.root, 0)
    study.run("reproduce")


@pytest.fixture
def commands(whole_study):
    whole_study.kills = 0
    return whole_study


def tell(record_property, commands, what, outcome):
    entry = {"part": "faults", "what": what, "times": commands.kills, "outcome": outcome}
    record_property("reliability", entry)


def test_reproduce(commands, tries, record_property):
    results, chapters = commands.root / "results", list(CHAPTERS)
    finished, seconds = dict.fromkeys(chapters, 0), 0.0
    for number in range(1, 6 * (ends := tries(5, 1)) + 1):
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
    assert commands.kills == 5 * ends
    tell(record_property, commands, "kill -9 during reproduce", "whole, then the same numbers")


@pytest.mark.reliability
def test_run(commands, record_property):
    results, command = commands.root / "results", ("run", "01", "-p", "seed=3")
    seconds = commands.run(*command)[1]
    known = manifest.file_hashes(results / RUN)
    for number in range(1, 6 * (ends := 5) + 1):
        if number % 6 == 0:
            seconds = commands.run(*command)[1]
            commands.nothing_left()
        else:
            commands.kill(seconds, *command, group=number % 2 == 0)
        assert manifest.file_hashes(results / RUN) == known  # the same bytes, at every moment
    faults.true_to_manifest(results)
    assert commands.kills == 5 * ends
    tell(record_property, commands, "kill -9 during run", "results the same bytes at every moment")


@pytest.mark.reliability
def test_sweep(commands, record_property):
    root = commands.root
    grid = 'chapter: "02"\nparameters:\n  seed: [1, 2, 3, 4]\n'
    (root / "grid.yaml").write_text(grid)
    known, seconds, number = "", 0.0, 0
    while commands.kills < 16:
        number += 1
        command = ("sweep", "grid.yaml", "--out", f"sweep{number}", "--jobs", "2")
        out = root / f"sweep{number}"
        for place in range(6 if seconds else 0):
            if not commands.kill(seconds, *command, group=place % 2 == 0, insist=False):
                break
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
        shutil.rmtree(out)
    (root / "grid.yaml").unlink()
    tell(record_property, commands, "kill -9 during sweep", "whole runs kept, then the same table")


@pytest.mark.reliability
def test_data_build(commands, record_property):
    folder = commands.root / "data/processed"
    known = manifest.file_hashes(folder)
    seconds = commands.run("data", "build")[1]
    for number in range(1, 5 * (ends := 3) + 1):
        if number % 5 == 0:
            commands.run("data", "build")
            commands.nothing_left()
        else:
            commands.kill(seconds, "data", "build")
        assert manifest.file_hashes(folder) == known
    assert commands.kills == 4 * ends
    tell(record_property, commands, "kill -9 during data build", "tables the same bytes")


@pytest.mark.reliability
def test_refresh(commands, record_property):
    """The committed chapters and reference numbers are each of one round, old or new."""
    root = commands.root
    commands.run("refresh", "--jobs", "2")
    seconds = commands.run("refresh", "--jobs", "2")[1]
    kinds = ("notebooks/*", "reference/*", "README.md", "docs/*", "data/processed/*")
    known = manifest.file_hashes(root, kinds)
    for number in range(1, 4 * (ends := 2) + 1):
        if number % 4 == 0:
            commands.run("refresh", "--jobs", "2")
            commands.nothing_left()
        else:
            commands.kill(seconds, "refresh", "--jobs", "2", group=number % 2 == 0)
        assert manifest.file_hashes(root, kinds) == known
    assert commands.kills == 3 * ends
    tell(record_property, commands, "kill -9 during refresh", "committed files the same bytes")


@pytest.mark.reliability
def test_data_add(commands, tries, record_property):
    """The data are those from before or those from after, whatever was killed."""
    data = commands.root / "data"
    shutil.copytree(data, commands.scratch / "data")
    command = ["data", "add", "pmi", "2026-08", "51.2", "--source", "S&P Global, 1 Sep 2026"]
    command += ["--date", "2026-09-01"]
    before, seconds = manifest.file_hashes(data), commands.run(*command)[1]
    after, outcomes = manifest.file_hashes(data), set()
    assert after != before
    often = tries(8, 2)
    while commands.kills < often:
        shutil.rmtree(data)
        shutil.copytree(commands.scratch / "data", data)
        # The end of the command is where it writes, so one that had ended is not killed again.
        early = 0.5 if commands.kills % 2 else 1
        if not commands.kill(seconds * early, *command, insist=False):
            seconds *= 0.9
        commands.run("data", "check")
        found = manifest.file_hashes(data)
        assert found in (before, after)
        outcomes.add(found == after)
    if False in outcomes and found == before:
        commands.run(*command)
        assert manifest.file_hashes(data) == after
    shutil.rmtree(data)
    shutil.copytree(commands.scratch / "data", data)
    commands.run("reproduce")
    commands.nothing_left()
    tell(record_property, commands, "kill -9 during data add", "the data before or after, whole")


@pytest.mark.reliability
@pytest.mark.parametrize(
    ("command", "place"),
    [
        (("export", "tables", "--format", "csv,xlsx,docx"), "tables"),
        (("package", "--out", "dist/replication.zip"), "dist"),
    ],
    ids=["export", "package"],
)
def test_what_is_handed_on(commands, command, place, record_property, monkeypatch):
    monkeypatch.setitem(commands.environment, "BLANK_PAPER", "1")
    commands.run("reproduce")
    folder = commands.root / place
    seconds = commands.run(*command)[1]
    known = manifest.file_hashes(folder)
    assert known
    for number in range(often := 4):
        commands.kill(seconds, *command, group=number % 2 == 0)
        assert manifest.file_hashes(folder).keys() == known.keys()
        for file in folder.rglob("*.zip"):
            assert zipfile.ZipFile(file).testzip() is None
    commands.run(*command)
    assert manifest.file_hashes(folder).keys() == known.keys()
    commands.nothing_left()
    assert commands.kills == often
    shutil.rmtree(folder)
    tell(record_property, commands, f"kill -9 during {command[0]}", "whole files, old or new")


@pytest.mark.reliability
@pytest.mark.parametrize("command", ["site", "verify"])
def test_what_takes_long(commands, command, record_property):
    """Killed early, without a run to the end: its own tests have that."""
    pytest.importorskip("sphinx" if command == "site" else "nbval")
    commands.run("reproduce")
    site = commands.root / "site"
    if not site.exists():
        site.mkdir()
        for name in ("index.html", "exhibits.json"):
            (site / name).write_text("before")
    known = manifest.file_hashes(commands.root)
    for number in range(4):
        assert commands.kill(10, command, group=number % 2 == 0)
        assert faults.comes_true(lambda: not faults.at_work_in(commands.root))
        assert manifest.file_hashes(commands.root, ("[a-z]*/**/*",)).items() >= {
            (name, value) for name, value in known.items() if "/." not in name and "/" in name
        }
    kept = commands.root / (".staging" if command == "site" else "results/.staging")
    scratch = (commands.scratch / "tmp").iterdir()
    # Each command removes what the one killed before it left.
    for folders in (kept.iterdir(), (one for one in scratch if "-work-" in one.name)):
        left = [one for one in folders if one.is_dir()]
        assert len(left) <= 1
        for one in left:
            shutil.rmtree(one)
    tell(record_property, commands, f"kill -9 during {command}", "what was there stays as it was")


def test_owner_with_kernels_of_its_own(commands, tries, record_property):
    """Without one to share, a process that forks kernels is started, and dies with its owner."""
    server, command = commands.environment.pop(ADDRESS), ("run", "01", "-p", "seed=3")
    try:
        seconds = commands.run(*command)[1]
        often = tries(8, 2)
        while commands.kills < often:
            pid = commands.start(*command)
            time.sleep(commands.rng.uniform(0, seconds))
            family = faults.servers_of(pid)
            family += [one.pid for server in family for one in faults.children(server)]
            for one in (pid, *family[: commands.kills % 2]):  # at times the server, too
                os.kill(one, signal.SIGKILL)
            if commands.ended(pid) != 0:
                commands.kills += 1
            else:
                seconds *= 0.9
            assert faults.comes_true(lambda gone=family: not any(map(faults.alive, gone)))
            # A server that was only starting is no child yet; it ends by itself, too.
            assert faults.comes_true(lambda: not faults.at_work_in(commands.root))
        commands.run(*command)
        commands.nothing_left()
    finally:
        commands.environment[ADDRESS] = server
    tell(record_property, commands, "kill -9 of owners of kernels", "kernels and their parent gone")
