"""A disk that is full, and results that cannot be written: on a file system of a few megabytes."""

import os
import shutil
import subprocess
import sys

import faults
import pytest

from ikm_pmi.engine import manifest
from ikm_pmi.parameters import DataParameters
from ikm_pmi.study import CHAPTERS

RUN = ("run", "01", "-p", "seed=3")
NAME = "01_data-" + manifest.digest(DataParameters(seed=3).model_dump(mode="json"))[7:15]
PARTS = ("error:", "expected", "found", "where", "what to do")
# Own mounts, as root or as a user who may make a name space of his own.
SPACES = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])


def space():
    """How a process gets mounts of its own, or None where the system does not allow it."""
    for words in SPACES if sys.platform == "linux" and shutil.which("unshare") else ():
        test = [*words, "sh", "-c", "mount -t tmpfs none /mnt"]
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            return words
    return None


@pytest.fixture(scope="module")
def disk(study, tmp_path_factory):
    """Commands in a copy of the study on a small disk; the study as seen from here."""
    words = space()
    if words is None:
        pytest.skip("this user may not mount anything")
    base = tmp_path_factory.mktemp("disk")
    faults.write_round(study.root, 0)
    study.run("reproduce")
    root = base / "small"
    root.mkdir()
    script = 'mount -t tmpfs -o size=12m none "$0" && cp -a "$1"/. "$0" && shift && exec "$@"'
    inside = [*words, "sh", "-c", script, str(root), str(study.root)]
    commands = faults.Commands(root, base / "scratch", tuple(inside))
    commands.run("reproduce")
    commands.run(*RUN)
    yield commands, words
    commands.close()


def fill(folder, leave):
    """Fill a file system but for so many bytes; the file that fills it."""
    room = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(bytes(max(room.f_bavail * room.f_frsize - leave, 0)))
    return filler


def refused(said):
    """Assert that what a command said is an error in its four parts."""
    assert "Traceback" not in said, said
    assert all(part in said for part in PARTS), said


def tell(record_property, what, times, outcome):
    entry = {"part": "faults", "what": what, "times": times, "outcome": outcome}
    record_property("reliability", entry)


def levels(commands, count, most):
    return [commands.rng.randrange(most) for _ in range(count)]


def test_a_full_disk_during_run(disk, tries, record_property):
    commands, _ = disk
    results, full = commands.seen / "results", 0
    kinds = ("[0-9]*/**/*", "manifest.json")
    known = manifest.file_hashes(results, kinds)
    for leave in levels(commands, tries(12, 3), 400_000):
        filler = fill(commands.seen, leave)
        if commands.ended(commands.start(*RUN)):
            full += 1
            refused(commands.said())
            assert "No space left on device" in commands.said()
        assert faults.whole(results)[NAME] == 0
        filler.unlink()
        commands.run(*RUN)
        assert manifest.file_hashes(results, kinds) == known
        commands.nothing_left()
    assert full >= tries(4, 1)
    tell(record_property, "a full disk during run", full, "an error; then the same numbers")


@pytest.mark.reliability
def test_a_full_disk_during_reproduce(disk, record_property):
    commands, _ = disk
    results, full = commands.seen / "results", 0
    for number, leave in enumerate(levels(commands, 6, 700_000), 1):
        again = commands.rng.sample(list(CHAPTERS), 3)
        faults.write_round(commands.seen, number, again)
        before = faults.whole(results)
        filler = fill(commands.seen, leave)
        if commands.ended(commands.start("reproduce", "--jobs", "2")):
            full += 1
            refused(commands.said())
        during = faults.whole(results)
        assert all(during[name] in {before[name], number} for name in before)
        filler.unlink()
        commands.run("reproduce")
        after = faults.whole(results)
        assert after == before | dict.fromkeys(again, number)
        faults.true_to_manifest(results)
        commands.nothing_left()
    assert full >= 3
    tell(record_property, "a full disk during reproduce", full, "an error; then the same numbers")


@pytest.mark.reliability
def test_a_full_disk_during_sweep(disk, record_property):
    commands, _ = disk
    full, known = 0, ""
    text = 'chapter: "02"\nparameters:\n  seed: [1, 2, 3]\n'
    (commands.seen / "grid.yaml").write_text(text)
    for place, leave in enumerate([10**6, *levels(commands, 4, 300_000)]):
        command = ("sweep", "grid.yaml", "--out", f"sweep{place}", "--jobs", "2")
        filler = fill(commands.seen, leave)
        if commands.ended(commands.start(*command)):
            full += 1
            assert "Traceback" not in commands.said(), commands.said()
            assert "No space left on device" in commands.said()
        filler.unlink()
        commands.run(*command)
        table = (commands.seen / f"sweep{place}/sweep.csv").read_text()
        known = known or table
        assert table == known
        commands.nothing_left()
    assert full >= 2
    tell(record_property, "a full disk during sweep", full, "an error; then the same table")


def test_results_that_cannot_be_written(disk, record_property):
    commands, words = disk
    known = manifest.file_hashes(commands.seen)
    enter = ["nsenter", "--target", str(commands.zygote.pid), "--mount"]
    enter += ["--user", "--preserve-credentials"] if "--user" in words else []
    mount = [*enter, "mount", "-o"]
    subprocess.run([*mount, "remount,ro", str(commands.root)], check=True)
    asked = [RUN, ("reproduce",), ("refresh",), ("data", "build")]
    for command in asked:
        said, _ = commands.run(*command, status=1)
        refused(said)
        assert "Read-only file system" in said
        assert "another folder (--out)" in said
    commands.run("data", "check")
    commands.run("run", "01", "--out", str(commands.scratch / "elsewhere"))
    assert manifest.file_hashes(commands.seen) == known
    subprocess.run([*mount, "remount,rw", str(commands.root)], check=True)
    commands.run("reproduce")
    commands.nothing_left()
    tell(record_property, "results that cannot be written", len(asked), "an error; nothing changed")
