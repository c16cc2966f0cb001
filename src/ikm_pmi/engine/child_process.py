"""Run a module in a process that ends with the one that started it, however that ends.

``python -m ikm_pmi.engine.child_process PARENT MODULE ARGUMENTS`` is ``python -m MODULE
ARGUMENTS``, but on Linux it is killed when its parent is, with what it has started.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1
#: What a user may have set for other work: options of pytest, warnings as errors, an encoding.
_PLAIN = {
    **dict.fromkeys(("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONWARNINGS"), ""),
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "",
    "PYTHONIOENCODING": "utf-8",
}


def command(module: str, *arguments: str) -> list[str]:
    """What starts a module so."""
    return [sys.executable, "-m", __name__, str(os.getpid()), module, *arguments]


def run(
    command: list[str],
    settings: Mapping[str, str],
    tell: Callable[[str], None],
    folder: Path | None = None,
) -> tuple[str, int]:
    """What a command printed, told line by line as it came, and its exit status.

    Parameters
    ----------
    command : list of str
        As :func:`command` gives it.
    settings : mapping of str to str
        What differs in its environment from this one.
    tell : callable
        Called with each line.
    folder : Path, optional
        Its working directory.
    """
    lines = []
    with subprocess.Popen(  # noqa: S603 (our own interpreter, our own arguments)
        command,
        cwd=folder,
        env={**os.environ, **_PLAIN, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            tell(line.rstrip())
    return "".join(lines), process.returncode


def die_with(parent: int, number: int | None = None) -> None:
    """Have this process killed, or signalled, when its parent ends; ended if it has already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number or signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)


def main() -> None:
    """Be the module that was asked for, in a group of processes that end together."""
    if sys.platform == "linux":
        os.setpgid(0, 0)
        group = os.getpid()
        signal.signal(signal.SIGUSR2, lambda *_: os.killpg(group, signal.SIGKILL))
        die_with(int(sys.argv[1]), signal.SIGUSR2)
    module = sys.argv[2]
    del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
