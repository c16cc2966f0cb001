"""Run a module in a process that ends with the one that started it, however that ends.

``python -m ikm_pmi.pipeline.follow PARENT MODULE ARGUMENTS`` is ``python -m MODULE ARGUMENTS``, but
on Linux it is killed when its parent is, with what it has started.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

__all__ = ["command", "die_with"]

_PR_SET_PDEATHSIG = 1


def command(module: str, *arguments: str) -> list[str]:
    """What starts a module so."""
    return [sys.executable, "-m", __name__, str(os.getpid()), module, *arguments]


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
