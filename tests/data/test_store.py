"""Files that belong together change together, wherever the process is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from ikm_pmi.data.whole import digest, settle, write_together
from ikm_pmi.errors import DataError

OLD = {"a.csv": b"a0\n", "b/b.csv": b"b0\n", "c.json": b"c0\n"}
NEW = {"a.csv": b"a1\n", "b/b.csv": b"b1\n", "c.json": b"c1\n"}


def lay(folder, contents):
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def found(folder):
    return {path: (folder / path).read_bytes() for path in OLD}


def pairs():
    return {path: (OLD[path], NEW[path]) for path in OLD}


def test_all_change_and_nothing_is_left_beside(tmp_path):
    lay(tmp_path, OLD)
    write_together(tmp_path, {**pairs(), "new.csv": (None, b"n1\n")})
    assert found(tmp_path) == NEW
    assert (tmp_path / "new.csv").read_bytes() == b"n1\n"
    assert not list(tmp_path.glob(".pending*"))


def test_a_file_edited_meanwhile_stops_the_change(tmp_path):
    lay(tmp_path, OLD)
    lay(tmp_path, {"b/b.csv": b"mine\n"})
    with pytest.raises(DataError, match="changed while") as caught:
        write_together(tmp_path, pairs())
    assert "b/b.csv" in caught.value.found
    assert found(tmp_path) == {**OLD, "b/b.csv": b"mine\n"}
    settle(tmp_path)  # nothing is left to finish
    assert found(tmp_path) == {**OLD, "b/b.csv": b"mine\n"}


def test_a_file_edited_after_a_kill_stops_what_is_left(tmp_path):
    lay(tmp_path, {**OLD, "a.csv": NEW["a.csv"], "c.json": b"mine\n"})  # killed after the first
    index = [
        {"path": path, "before": digest(OLD[path]), "after": digest(NEW[path])} for path in OLD
    ]
    lay(tmp_path / ".pending", {"index.json": json.dumps(index).encode(), "1": b"b1\n"})
    with pytest.raises(DataError, match="cannot be finished") as caught:
        settle(tmp_path)
    assert caught.value.found.startswith("c.json")
    assert (tmp_path / "c.json").read_bytes() == b"mine\n"
    settle(tmp_path)  # said once; the files are the reader's now


def test_a_change_that_is_being_written_is_waited_for(tmp_path, monkeypatch):
    lay(tmp_path, OLD)
    monkeypatch.setattr("ikm_pmi.data.whole._finish", lambda _: [])
    lay(tmp_path / ".pending", {"index.json": b"[]"})
    with pytest.raises(DataError, match="another command"):
        write_together(tmp_path, pairs())
    assert found(tmp_path) == OLD


def test_a_full_disk_changes_nothing(tmp_path, monkeypatch):
    lay(tmp_path, OLD)
    write, done = type(tmp_path).write_bytes, []

    def full(path, content):
        done.append(path)
        if len(done) == 3:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_together(tmp_path, pairs())
    assert found(tmp_path) == OLD
    assert not list(tmp_path.glob(".pending*"))


# Kills itself at the nth call that touches the disk.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from ikm_pmi.data import whole

left = int(sys.argv[2])
def dying(call):
    def inside(*arguments, **more):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **more)
    return inside

for owner, name in ((Path, "write_bytes"), (Path, "write_text"), (Path, "rename"),
                    (Path, "replace"), (os, "unlink"), (os, "rmdir")):
    setattr(owner, name, dying(getattr(owner, name)))
folder = Path(sys.argv[1])
pairs = {path: (before.encode(), after.encode()) for path, before, after in eval(sys.argv[3])}
whole.write_together(folder, pairs)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_anywhere_leaves_the_old_or_the_new(tmp_path, record_property):
    given = repr([(path, OLD[path].decode(), NEW[path].decode()) for path in OLD])
    ends, step = [], 0
    while not ends or ends[-1] != "whole":
        step += 1
        folder = tmp_path / str(step)
        lay(folder, OLD)
        command = [sys.executable, "-c", KILLED, str(folder), str(step), given]
        done = subprocess.run(command, check=False, env=os.environ, capture_output=True)
        settle(folder)  # what the next command does first
        assert found(folder) in (OLD, NEW), f"mixed after a kill at step {step}"
        assert not (folder / ".pending").exists()
        ends.append("whole" if done.returncode == 0 else "old" if found(folder) == OLD else "new")
        shutil.rmtree(folder)
        assert step < 40
    assert {"old", "new"} <= set(ends)
    assert ends == sorted(ends, key=["old", "new", "whole"].index)  # decided once
    record_property(
        "reliability",
        {
            "part": "killed commands",
            "what": "a change of several data files, killed at each of its steps",
            "times": len(ends) - 1,
            "outcome": "the old files or the new ones, never a mixture",
        },
    )
