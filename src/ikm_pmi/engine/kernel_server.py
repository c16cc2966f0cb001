"""Kernels that start in a tenth of a second: forked from one process with the imports done.

:func:`start` begins such a process (:mod:`ikm_pmi.engine.kernel_fork`) and names its socket in the
environment, so that child processes use it too; :func:`launch` asks it for a kernel. Each kernel is
a process of its own that nothing ran in before. Where this does not work (no Linux, the server is
gone, ``IKM_PMI_FAST_START=0``) :func:`launch` gives None and an ordinary kernel is started.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ikm_pmi.data.atomic import scratch_folder

#: Names the server's socket to this process and its children.
ADDRESS = "IKM_PMI_KERNELS"
#: ``0`` turns forked kernels off.
SWITCH = "IKM_PMI_FAST_START"
#: Environment of every kernel. One thread each: sums are then added in the same order on every
#: machine and with any --jobs, and the server has no other thread when it forks.
SETTINGS = {
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    ),
}
_REPLY = 60.0  # seconds; the server may still be importing on a busy machine

_lock = threading.RLock()  # stop() may be called by a signal while start() runs
_usable = True  # False after a server of this process's own failed, and after stop()
_root: Path | None = None  # of the last start()
_own: tuple[subprocess.Popen[bytes], Path] | None = None
#: Kernels that this process has started, forked or not; each leads a group of processes.
running: set[int] = set()


def forking_wanted() -> bool:
    """Whether kernels are to be forked: on Linux (elsewhere system libraries forbid it)."""
    return sys.platform == "linux" and os.environ.get(SWITCH, "1").lower() not in {"0", "false"}


def shielded(work: Path, root: Path) -> dict[str, str]:
    """Environment that keeps a kernel from the user's start-up files, warnings and matplotlibrc.

    Folders of the project where they can be written, made once: matplotlib lists the fonts of a
    machine once a folder, and neither makes a temporary one then, whether or not there is a home.
    """
    places = {}
    for name in ("ipython", "matplotlib"):
        place = root / ".cache" / name
        with contextlib.suppress(OSError):  # a project that may only be read
            place.mkdir(parents=True, exist_ok=True)
        places[name] = str(place if os.access(place, os.W_OK) else work / name)
    try:
        home = {"HOME": str(Path.home())}
    except RuntimeError:  # of a user that the system does not know: Jupyter asks for one
        home = {"HOME": str(work)}
    return home | {
        "IPYTHONDIR": places["ipython"],
        "MPLCONFIGDIR": places["matplotlib"],
        "MATPLOTLIBRC": "",  # not the user's own
        "PYTHONSTARTUP": "",  # a kernel would run it
        "PYTHONWARNINGS": "",  # as errors they would end a chapter, all of them fill its outputs
    }


def start(root: Path | None = None) -> None:
    """Begin a server in the background, unless one is there already or none is wanted.

    Parameters
    ----------
    root : Path, optional
        The project whose chapters will run.
    """
    global _usable, _root
    with _lock:
        _usable, _root = True, root
        if forking_wanted() and ADDRESS not in os.environ:
            _begin()


def _begin() -> None:
    """Begin a server of this process's own; where none can be had, ordinary kernels are started."""
    global _own, _usable
    if _own:
        _end(*_own)
        _own = None
    folder = None
    try:
        folder = scratch_folder("kernels")
        address = str(folder / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            # Bound here, so that a request made while the server imports waits instead of failing.
            listener.bind(address)
            listener.listen(128)
            place = listener.fileno()
            process = subprocess.Popen(  # noqa: S603 (our own interpreter, our own arguments)
                [sys.executable, "-m", "ikm_pmi.engine.kernel_fork", str(place), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                pass_fds=[place],
                cwd=folder,  # where no matplotlibrc lies
                start_new_session=True,  # an interrupt of the terminal is for this process
                env=os.environ | SETTINGS | shielded(folder, _root or folder),
            )
    except OSError:  # such as a TMPDIR whose name is too long for a socket, or no process left
        _usable = False
        os.environ.pop(ADDRESS, None)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        return
    atexit.unregister(_at_exit)
    atexit.register(_at_exit, os.getpid())
    _own, os.environ[ADDRESS] = (process, folder), address


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()  # its kernels die with it
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _at_exit(owner: int) -> None:
    if os.getpid() == owner:  # not in a process forked from the owner
        stop()


def stop() -> None:
    """End this process's server and its kernels; no further one is begun."""
    global _own, _usable
    with _lock:
        _usable = False
        if _own:
            _end(*_own)
            _own = None
            os.environ.pop(ADDRESS, None)
    for pid in [*running]:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                os.kill(pid, signal.SIGTERM)
            else:
                os.killpg(pid, signal.SIGKILL)


def server_unreachable(address: str | None) -> bool:
    """Whether the server of this address does not answer any more, while another may be begun."""
    if not address or not forking_wanted() or not _usable:
        return False
    try:
        _connect(address).close()
    except OSError:
        return True
    return False


def _connect(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_REPLY)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def launch(arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> Forked | None:
    """A kernel forked from the server, or None where an ordinary one must be started.

    Parameters
    ----------
    arguments : sequence of str
        What ``ipykernel_launcher`` is called with.
    environment : mapping of str to str
        The kernel's whole environment.
    folder : str
        Its working directory.
    """
    global _usable
    address = os.environ.get(ADDRESS)
    if not address or not forking_wanted():
        return None
    request = {"arguments": list(arguments), "environment": dict(environment), "folder": folder}
    for last in (False, True):
        with contextlib.suppress(OSError, ValueError, KeyError):
            return Forked(_connect(os.environ[ADDRESS]), request)
        with _lock:  # that server is gone: go on with one of this process's own
            _usable = _usable and not last
            if not _usable:
                return None
            if os.environ.get(ADDRESS) == address:
                _begin()
    return None


class Forked:
    """A forked kernel, with as much of ``subprocess.Popen`` as jupyter_client uses.

    The server is the kernel's parent: it kills the kernel when this connection closes, and closes
    it when the kernel has ended.

    Parameters
    ----------
    connection : socket
        Connected to the server; kept open as long as the kernel may live.
    request : mapping
        ``arguments``, ``environment`` and ``folder``.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, request: Mapping[str, object]) -> None:
        self.returncode: int | None = None
        self._connection = connection
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                self.pid = int(json.loads(lines.readline())["pid"])
        except BaseException:
            connection.close()
            raise

    def poll(self) -> int | None:
        """None as long as the kernel runs: then the server closes the connection."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self.returncode = 0
            self._connection.close()
        return self.returncode

    def wait(self) -> int:
        """After the kernel has ended."""
        while (status := self.poll()) is None:
            time.sleep(0.02)
        return status

    def send_signal(self, number: int) -> None:
        """Signal the kernel, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
