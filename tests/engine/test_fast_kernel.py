"""Forked kernels: the same results, a process of their own, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import pytest

from ikm_pmi.engine import kernel_server
from ikm_pmi.engine.chapters import _manager, kernel_settings, run
from ikm_pmi.engine.manifest import file_hashes
from sample import sampled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
PROBE = """import numpy as np
from pathlib import Path
mine = Path(os.environ["PROBE"]) / str(p.seed)
draw = np.random.random()
written = mine.write_text(f"{os.getpid()} {os.getppid()} {draw} {sys.path} {sys.argv[0]}")
"""
WAIT = """import time
time.sleep(60 if len(list(mine.parent.iterdir())) == 1 else 0)
"""


@pytest.fixture(scope="module")
def chapter(project, tmp_path_factory):
    """A project whose chapter tells of its process, and where it tells."""
    root, told = project("forked"), tmp_path_factory.mktemp("told")
    path = root / "notebooks/01_data.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells.insert(-1, nbformat.v4.new_code_cell(PROBE))
    nbformat.write(notebook, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBE", str(told))
        patch.delenv(kernel_server.ADDRESS, raising=False)
        yield root, told
        kernel_server.stop()


@pytest.fixture
def server(chapter):  # noqa: ARG001 (its environment)
    """A running server; its process id."""
    kernel_server.start()
    return kernel_server._own[0].pid


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(pid, seconds=10):
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(pid)


def probe(told, seed):
    pid, parent, *rest = (told / str(seed)).read_text().split(" ", 3)
    return int(pid), int(parent), *rest


def test_results_are_the_same_bytes_either_way(chapter, server, tmp_path):
    root, told = chapter
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernel_server.SWITCH, "0")
        run("01", {"seed": 1}, root=root, results_dir=tmp_path / "ordinary")
    ordinary = probe(told, 1)
    run("01", {"seed": 1}, root=root, results_dir=tmp_path / "forked")
    forked = probe(told, 1)
    assert forked[1] == server
    assert ordinary[1] == os.getpid()
    assert forked[3] == ordinary[3]  # sys.path and sys.argv
    kinds = ("ordinary", "forked")
    hashes = [file_hashes(tmp_path / kind, ("01_data-*/**/*",)) for kind in kinds]
    assert len(hashes[0]) == 8
    assert hashes[0] == hashes[1]


def test_each_run_has_a_process_and_random_state_of_its_own(chapter, server):
    root, told = chapter
    for seed in (1, 2):
        run("01", {"seed": seed}, root=root)
    first, second = probe(told, 1), probe(told, 2)
    assert first[1] == second[1] == server
    assert first[0] != second[0]
    assert first[2] != second[2]
    assert ends(first[0])
    assert ends(second[0])


def test_server_has_one_thread_and_little_memory(chapter, server):
    run("01", root=chapter[0])  # the imports are done
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{server}/status").read_text().splitlines()
    )
    assert int(status["Threads"]) == 1
    assert int(status["VmRSS"].split()[0]) < 500_000


@pytest.mark.reliability
def test_server_that_is_gone_is_replaced(chapter, server):
    os.kill(server, signal.SIGKILL)
    run("01", {"seed": 4}, root=chapter[0])
    assert probe(chapter[1], 4)[1] == kernel_server._own[0].pid != server


@pytest.fixture
def slow(chapter, tmp_path, monkeypatch):
    """A chapter that sleeps a minute in its first run only, run by a process of its own."""
    root, _ = chapter
    path = root / "notebooks/01_data.ipynb"
    before = path.read_bytes()
    notebook = nbformat.read(path, 4)
    notebook.cells.insert(-1, nbformat.v4.new_code_cell(WAIT))
    nbformat.write(notebook, path)
    (tmp_path / "told").mkdir()
    monkeypatch.setenv("PROBE", str(tmp_path / "told"))
    monkeypatch.delenv(kernel_server.ADDRESS, raising=False)
    code = f"""
        from pathlib import Path
        from ikm_pmi.engine import chapters, kernel_server
        kernel_server.start()
        chapters.run("01", {{"seed": 0}}, root=Path({str(root)!r}))
    """
    owner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stderr=subprocess.PIPE)
    told = tmp_path / "told/0"
    until = time.monotonic() + 30
    while not (told.exists() and told.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)  # into the long cell
    yield owner, told
    owner.kill()
    owner.stderr.close()
    path.write_bytes(before)


@pytest.mark.reliability
def test_nothing_outlives_a_killed_owner(slow):
    owner, told = slow
    kernel, server = probe(told.parent, 0)[:2]
    assert alive(kernel)
    owner.kill()
    owner.wait()
    assert ends(kernel)
    assert ends(server)


def test_chapter_whose_server_is_killed_runs_again(slow):
    owner, told = slow
    kernel, server = probe(told.parent, 0)[:2]
    (told.parent / "second").write_text("the second run does not sleep")
    os.kill(server, signal.SIGKILL)
    assert ends(kernel)
    assert owner.wait(120) == 0, owner.stderr.read()
    assert probe(told.parent, 0)[1] != server


@pytest.mark.reliability
def test_chapter_whose_kernel_is_killed_fails(slow):
    owner, told = slow
    os.kill(probe(told.parent, 0)[0], signal.SIGKILL)
    assert owner.wait(30) == 1
    assert b"the kernel of chapter 01_data died" in owner.stderr.read()


@pytest.mark.parametrize("switch", sampled(["1", "0"], 2))
@pytest.mark.usefixtures("server")
def test_a_shutdown_interrupts_no_cell(chapter, switch, tmp_path, monkeypatch):
    """jupyter_client interrupts before every shutdown; that must reach no kernel."""
    monkeypatch.setenv(kernel_server.SWITCH, switch)
    mark = tmp_path / "interrupted"
    cell = f"""
import pathlib, time
try:
    pathlib.Path({str(tmp_path / "begun")!r}).touch()
    time.sleep(5)
except KeyboardInterrupt:
    pathlib.Path({str(mark)!r}).touch()
"""
    work = tmp_path / "work"
    manager = _manager(work, tmp_path, kernel_settings(work, chapter[0]))(kernel_name="python3")

    async def shut_down_while_busy():
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready()
        client.execute(cell)
        while not (tmp_path / "begun").exists():
            await asyncio.sleep(0.05)
        client.stop_channels()
        await manager.shutdown_kernel()

    asyncio.run(shut_down_while_busy())
    assert not mark.exists()


SLOW = """import atexit, pathlib, sys, threading, time
plain = sys.stdout.flush
def flush():
    if threading.current_thread().name == "Control":
        time.sleep(0.5)
    plain()
sys.stdout.flush = flush
def tell():
    names = [thread.name for thread in threading.enumerate()]
    pathlib.Path({mark!r}).write_text(" ".join(names))
last = atexit.register(tell)
"""


@pytest.mark.usefixtures("server")
def test_the_control_thread_ends_before_what_it_waits_for(chapter, tmp_path):
    """Else a kernel in six hangs on exit until it is killed."""
    work, mark = tmp_path / "work", tmp_path / "threads"
    manager = _manager(work, tmp_path, kernel_settings(work, chapter[0]))(kernel_name="python3")

    async def run_and_shut_down():
        await manager.start_kernel()
        process = manager.provisioner.process
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready()
        cell = SLOW.format(mark=str(mark))
        assert (await client.execute_interactive(cell))["content"]["status"] == "ok"
        client.stop_channels()
        await manager.shutdown_kernel()
        return process.returncode

    assert asyncio.run(run_and_shut_down()) == 0
    assert "IOPub" in mark.read_text()
    assert "Control" not in mark.read_text()


def test_server_that_cannot_work_means_ordinary_kernels(chapter, server, monkeypatch):
    os.kill(server, signal.SIGKILL)
    monkeypatch.setattr(kernel_server.sys, "executable", "/bin/false")
    assert kernel_server.launch(["-f", "x"], {}, ".") is None
    monkeypatch.undo()
    run("01", {"seed": 5}, root=chapter[0])
    assert probe(chapter[1], 5)[1] == os.getpid()
