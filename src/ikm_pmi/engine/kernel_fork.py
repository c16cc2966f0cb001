"""The process that kernels are forked from; started by :func:`ikm_pmi.engine.kernel_server.start`.

It does the heavy imports once, runs no user code and has a single thread, so that a forked child is
what a fresh interpreter would be after the same imports. It ends when its owner does, and its
kernels end with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from ikm_pmi.engine.child_process import die_with

# What the library imports only where it is used, and what a kernel itself needs.
_MODULES = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.iostream"),
    *("ipykernel.displayhook", "pandas", "statsmodels.api", "scipy.optimize", "scipy.signal"),
    *("scipy.stats", "statsmodels.tsa.statespace.structural", "statsmodels.tsa.ardl"),
    *("matplotlib.pyplot", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
)
_NOT_OURS = ("ikm_pmi.cli", "ikm_pmi.share", "ikm_pmi.engine.build", "ikm_pmi.engine.kernel_fork")


def warm() -> None:
    """Import what chapters use; what cannot be imported fails later, where it is used."""
    import ikm_pmi

    ours = (found.name for found in pkgutil.walk_packages(ikm_pmi.__path__, "ikm_pmi."))
    for name in (*_MODULES, *(one for one in ours if not one.startswith(_NOT_OURS))):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else the first collection in a child copies every page


def serve(listener: socket.socket, owner: int) -> dict[str, Any] | None:
    """Fork a kernel for each request as long as the owner lives.

    Returns
    -------
    dict or None
        The request, in a forked child; None in the server, after its owner has gone.
    """
    wake, waker = socket.socketpair()  # a dead child ends the wait below
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    kernels: dict[int, socket.socket] = {}
    server = os.getpid()
    with selectors.DefaultSelector() as selector:
        for one in (listener, wake):
            selector.register(one, selectors.EVENT_READ)
        while os.getppid() == owner:
            for key, _ in selector.select(timeout=0.5):
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    request = _receive(connection)
                    pid = -1 if request is None else _fork()
                    if pid == 0:
                        for other in (listener, wake, waker, connection, *kernels.values()):
                            other.close()
                        _become_child(server)
                        return request
                    if pid > 0 and _send(connection, {"pid": pid}):
                        kernels[pid] = connection
                        selector.register(connection, selectors.EVENT_READ, pid)
                    else:
                        _kill(pid)
                        connection.close()
                elif key.fileobj is wake:
                    wake.recv(4096)
                else:  # whoever asked for this kernel has gone
                    selector.unregister(key.fileobj)
                    _kill(key.data)
            for pid in _ended():
                if pid in kernels:
                    with kernels.pop(pid) as connection, contextlib.suppress(KeyError):
                        selector.unregister(connection)
    for pid in kernels:
        _kill(pid)
    return None


def _receive(connection: socket.socket) -> dict[str, Any] | None:
    """The request, or None when it is not whole or this process must not fork."""
    connection.settimeout(5)
    try:
        with connection.makefile("rb") as lines:
            request: dict[str, Any] = json.loads(lines.readline())
    except (OSError, ValueError):
        return None
    # A thread would be missing in the child, with whatever locks it held.
    return request if len(list(Path("/proc/self/task").iterdir())) == 1 else None


def _fork() -> int:
    try:
        return os.fork()
    except OSError:  # no memory or no process left: an ordinary kernel may do better later
        return -1


def _send(connection: socket.socket, reply: dict[str, int]) -> bool:
    try:
        connection.sendall(json.dumps(reply).encode() + b"\n")
    except OSError:
        return False
    return True


def _kill(pid: int) -> None:
    """Kill a kernel and what it started; it is not reaped yet, so the number is still its own."""
    if pid > 0:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:  # it has no session of its own yet
            os.kill(pid, signal.SIGKILL)


def _ended() -> list[int]:
    """Children that have ended."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            found.append(pid)
    return found


def _become_child(server: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    die_with(server)


def run_kernel(request: dict[str, Any]) -> None:
    """Be the kernel that was asked for, until it is shut down."""
    from importlib.util import find_spec

    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    launcher = find_spec("ipykernel_launcher")
    sys.argv = [str(launcher.origin if launcher else ""), *request["arguments"]]
    np.random.seed()  # noqa: NPY002 (else all kernels share the state of the server)
    app: Any = IPKernelApp.instance(parent_handle=os.getppid())
    app.initialize(sys.argv[1:])
    app.start()
    # On exit ipykernel 7.4 ends IOPub before the control thread, which may wait for IOPub to flush:
    # one kernel in six or so would hang there until it is killed, 2.5 s later.
    app.control_thread.stop()
    app.control_thread.join()


def main() -> None:
    """Import, then serve: arguments are the listening socket's number and the owner's id."""
    if sys.path[0] in {"", str(Path.cwd())}:
        del sys.path[0]  # as ipykernel's launcher does
    listener = socket.socket(fileno=int(sys.argv[1]))
    listener.set_inheritable(False)
    warm()
    request = serve(listener, int(sys.argv[2]))
    if request is None:
        shutil.rmtree(Path(listener.getsockname()).parent, ignore_errors=True)
    else:
        run_kernel(request)


if __name__ == "__main__":
    main()
