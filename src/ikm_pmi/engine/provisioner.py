"""How Jupyter starts this project's kernels: an entry point of ``jupyter_client``."""

from __future__ import annotations

import signal
import sys
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from ikm_pmi.engine import kernel_server

_LAUNCHER = [sys.executable, "-m", "ipykernel_launcher"]


class ForkedProvisioner(LocalProvisioner):
    """A kernel forked from the kernel server where there is one, else an ordinary local kernel."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel."""
        environment = kwargs["env"]
        environment.pop(kernel_server.ADDRESS, None)
        forked = None
        if cmd[:3] == _LAUNCHER:
            forked = kernel_server.launch(cmd[3:], environment, str(kwargs.get("cwd") or "."))
        if forked is None:
            connection = await super().launch_kernel(cmd, **kwargs)
            if self.pid:
                kernel_server.running.add(self.pid)
            return connection
        self.process: Any = forked
        self.pid = self.pgid = forked.pid  # it leads a session of its own
        self.cwd = kwargs.get("cwd")
        kernel_server.running.add(forked.pid)
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """The kernel has ended: its number is no longer its own."""
        kernel_server.running.discard(int(self.pid or 0))
        await super().cleanup(restart)

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel, but never interrupt it.

        jupyter_client interrupts before every shutdown. Where the interrupt meets a kernel that is
        just ending its last cell, the kernel logs an error. A chapter is only ever ended by a
        request to shut down, which a busy kernel answers too, or by a kill.
        """
        if signum != signal.SIGINT and await self.poll() is None:
            await super().send_signal(signum)
