"""The application itself, and what several commands share."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ikm_pmi.errors import IkmPmiError

if TYPE_CHECKING:
    from ikm_pmi.pipeline.tasks import Build

__all__ = [
    "JOBS",
    "FastStart",
    "Jobs",
    "app",
    "fast_start",
    "finish",
    "kernels_end_on_interrupt",
    "leave_at_once",
    "main",
    "progress",
]

app = typer.Typer(
    name="ikm-pmi",
    help="PPKM restrictions, the manufacturing PMI, and jobs in small and medium industry (IKM).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Chapters run at the same time.")]
JOBS = min(os.cpu_count() or 2, 8)
FastStart = Annotated[
    bool,
    typer.Option(
        "--fast-start/--no-fast-start",
        help="Fork kernels from one process with the imports done (Linux).",
    ),
]


def main() -> None:
    """Run the command line; an error of this package is printed in its four parts."""
    try:
        app()
    except IkmPmiError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_status)
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"error: a file cannot be read or written\n  found      {error}", err=True)
        sys.exit(1)


def _version(asked: bool) -> None:
    if asked:
        from ikm_pmi import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    del version, debug  # read by the callback and by main


def fast_start(wanted: bool) -> None:
    """Have the kernels of this command forked, or not."""
    from ikm_pmi.pipeline import warm

    if not wanted:
        os.environ[warm.SWITCH] = "0"


def leave_at_once(status: int) -> NoReturn:
    """End this process, its threads and its kernels without waiting for the runs they are in."""
    from ikm_pmi.pipeline import warm

    warm.stop()
    sys.stdout.flush()
    os._exit(status)


@contextmanager
def kernels_end_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the kernels, too: the threads that wait for them then come to an end."""
    from ikm_pmi.pipeline import warm

    def interrupted(*_: object) -> None:
        warm.stop()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress() -> Iterator[Callable[[str, str], None]]:
    """A line for each finished step and, on a terminal, what is running now."""
    from rich.console import Console

    console, begun = Console(stderr=True, highlight=False), {}
    marks = {"success": "done", "fail": "FAILED"}
    with kernels_end_on_interrupt(), console.status("") as status:

        def tell(event: str, name: str) -> None:
            if event == "start":
                begun[name] = time.monotonic()
            else:
                seconds = time.monotonic() - begun.pop(name, time.monotonic())
                if event in marks:
                    console.print(f"{marks[event]:<8}{name}  {seconds:.1f} s")
            status.update(f"running: {', '.join(begun)}")

        yield tell


def finish(done: Build) -> None:
    """Print the failures of a build, and leave with 1 if there are any."""
    for name, error in done.failed:
        typer.echo(f"error: {name}: {error}", err=True)
    if done.not_reached:
        typer.echo(f"not reached: {', '.join(done.not_reached)}", err=True)
    if done.failed or done.not_reached:
        raise typer.Exit(1)
