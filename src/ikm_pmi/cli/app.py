"""The application itself, and what several commands share."""

from __future__ import annotations

import codecs
import functools
import inspect
import json
import os
import signal
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ikm_pmi.data.package import find_root
from ikm_pmi.errors import DataError, FileError, IkmPmiError, ParameterError, not_installed

if TYPE_CHECKING:
    from ikm_pmi.engine.build import Build

app = typer.Typer(
    name="ikm-pmi",
    help="PPKM restrictions, the manufacturing PMI, and jobs in small and medium industry (IKM).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Jobs = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", min=1, show_default="processors, at most 8",
        help="Chapters run at the same time.",
    ),
]  # fmt: skip
JOBS = min(os.cpu_count() or 2, 8)
FastStart = Annotated[
    bool,
    typer.Option(
        "--fast-start/--no-fast-start",
        help="Fork kernels from one process with the imports done (Linux).",
    ),
]
CellTimeout = Annotated[
    int | None,
    typer.Option(min=0, show_default="3600", help="Seconds that one cell may take; 0 is no limit."),
]


def at_home(path: Path | None) -> Path | None:
    """The path with ``~`` for the home folder: of ``--out=~/x`` a shell leaves it as it is."""
    if path is None or not str(path).startswith("~"):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        raise ParameterError(
            "there is no such home folder",
            expected="~ for your own, where the system knows it, or ~name for that of a user",
            found=str(path),
            where="the command line",
            todo="write the whole path",
        ) from None


#: Folders of the project that only their own commands write to.
_OWN = ("src", "data", "notebooks", "reference", "replication", "params", "tests", "docs", "tools")


def inside(path: Path | None) -> Path | None:
    """An output folder; refused where it climbs, or lies among the project's own files."""
    path = at_home(path)
    if path is None:
        return None
    if ".." in path.parts:
        raise ParameterError(
            "an output folder does not climb",
            expected="a folder without '..' in its name",
            found=str(path),
            where="the command line",
            todo="write where it lies from here down, or from the root of the disk (/...)",
        )
    try:
        root = find_root(path.resolve())
    except DataError:
        return path
    below = path.resolve().relative_to(root).parts
    if below and below[0] in _OWN:
        raise ParameterError(
            "an output does not go among the project's own files",
            expected=f"a folder outside {below[0]}/, such as results/mine",
            found=str(path),
            where=str(root),
            todo="write beside them, or to another disk",
        )
    return path


_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_QUIET = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and nothing else.")]
_mode = {"json": False, "quiet": False}


def command(
    owner: typer.Typer,
    name: str | None = None,
    *,
    examples: Sequence[str],
    context: dict[str, Any] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command with ``--json``, ``--quiet`` and the examples under its help.

    Parameters
    ----------
    owner : typer.Typer
        The application or the group of commands.
    name : str, optional
        Name of the command, where it is not that of the function.
    examples : sequence of str
        Whole command lines; a test calls each with ``--help`` in place of its arguments.
    context : dict, optional
        Settings of click's context.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def inside(**given: Any) -> None:
            _mode.update(json=given.pop("as_json"), quiet=given.pop("no_words"))
            try:
                function(**given)
            except KeyboardInterrupt as stop:
                typer.echo(
                    "interrupted: what is whole stays, the same command does the rest", err=True
                )
                leave_at_once(128 + int(stop.args[0] if stop.args else signal.SIGINT))

        own = inspect.signature(function, eval_str=True)
        more = [
            inspect.Parameter(word, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
            for word, kind in (("as_json", _JSON), ("no_words", _QUIET))
        ]
        whole = own.replace(parameters=[*own.parameters.values(), *more])
        inside.__signature__ = whole  # type: ignore[attr-defined]  # what typer reads
        inside.__annotations__ = {key: one.annotation for key, one in whole.parameters.items()}
        epilog = "\n\n".join(["Examples:", *examples])
        owner.command(name, epilog=epilog, context_settings=context)(inside)
        return function

    return register


def quiet() -> bool:
    """Whether words for a reader are not wanted."""
    return _mode["quiet"] or _mode["json"]


def say(text: object) -> None:
    """Print a line for a reader."""
    if not quiet():
        typer.echo(text)


def answer(content: Mapping[str, Any] | Sequence[Any], text: object = None) -> None:
    """Print what a command found: as JSON when asked, otherwise as ``text`` for a reader."""
    if _mode["json"]:
        plain = not str(getattr(sys.stdout, "encoding", "utf-8")).lower().startswith("utf")
        typer.echo(json.dumps(content, ensure_ascii=plain, indent=2, allow_nan=False))
    elif text is not None:
        say(text)


def error_parts(error: IkmPmiError) -> dict[str, str]:
    """The four parts of an error and its summary, as JSON-safe values."""
    return {key: getattr(error, key) for key in ("summary", "expected", "found", "where", "todo")}


_PLAIN = str.maketrans({"−": "-", "–": "-", "→": "->", "…": "...", "≥": ">=", "≤": "<=", "∞": "inf",
                        "“": '"', "”": '"', "’": "'", "×": "x"})  # fmt: skip


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """Signs that an output cannot hold, in those that every one can: a minus stays one."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = unicodedata.normalize("NFKD", error.object[error.start : error.end].translate(_PLAIN))
    kept = "".join(sign for sign in text if not unicodedata.combining(sign))
    return kept.encode("ascii", "replace").decode(), error.end


def _ready() -> None:
    """What a shell, a terminal or a session has set too narrow, before anything begins."""
    if sys.getfilesystemencoding() == "ascii" and "PYTHONUTF8" not in os.environ:
        os.environ["PYTHONUTF8"] = "1"  # a locale that is not installed: no path could be written
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 (this very command, again)
    codecs.register_error("ikm_pmi.plain", _in_plain_signs)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="ikm_pmi.plain")
    with suppress(ImportError, OSError, ValueError):  # not on Windows; a limit that must stay
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        enough = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < enough:
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


_FILES = 4096  # open at once: a kernel takes some twenty, and each of --jobs has one


def main() -> None:
    """Run the command line; an error of this package is printed in its four parts."""
    _mode.update(json="--json" in sys.argv, quiet=False)  # for errors before a command begins
    _ready()
    try:
        app()
    except (IkmPmiError, OSError, ModuleNotFoundError) as error:
        if "--debug" in sys.argv or str(getattr(error, "name", "")).startswith("ikm_pmi"):
            raise
        if isinstance(error, ModuleNotFoundError):
            error = not_installed(error, "study", what="this command")
        if not isinstance(error, IkmPmiError):
            error = FileError.of(error)
        answer({"error": error_parts(error)})
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_status)


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


def set_kernels(cell_timeout: int | None, *, fast: bool = True) -> None:
    """Have the kernels of this command forked, or not, and their cells ended after some seconds."""
    from ikm_pmi.engine import chapters, kernel_server

    if not fast:
        os.environ[kernel_server.SWITCH] = "0"
    if cell_timeout is not None:
        os.environ[chapters.TIMEOUT] = str(cell_timeout)


def leave_at_once(status: int) -> NoReturn:
    """End this process, its threads and its kernels without waiting for the runs they are in."""
    from ikm_pmi.engine import kernel_server

    kernel_server.stop()
    sys.stdout.flush()
    os._exit(status)


@contextmanager
def kernels_end_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the kernels, too: the threads that wait for them then end.

    Raises
    ------
    KeyboardInterrupt
        At the end, with the signal's number: whatever was made of it on the way (a kernel that
        died, steps that were not reached) is no news.
    """
    from ikm_pmi.engine import kernel_server

    met: list[int] = []

    def interrupted(number: int, _: object) -> None:
        met.append(number)
        kernel_server.stop()
        raise KeyboardInterrupt(number)

    before = {one: signal.signal(one, interrupted) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        if met:
            raise KeyboardInterrupt(met[0])


@contextmanager
def progress() -> Iterator[Callable[[str, str], None]]:
    """A line for each finished step and, on a terminal, what is running and for how long."""
    from rich.console import Console

    begun: dict[str, float] = {}

    class Running:
        def __rich__(self) -> str:  # asked for again while the spinner turns
            now = time.monotonic()
            return "running: " + ", ".join(f"{k} {now - start:.0f} s" for k, start in begun.items())

    console = Console(stderr=True, highlight=False, quiet=quiet())
    marks = {"success": "done", "fail": "FAILED"}
    with kernels_end_on_interrupt(), console.status(Running()):

        def tell(event: str, name: str) -> None:
            if event == "start":
                begun[name] = time.monotonic()
            else:
                seconds = time.monotonic() - begun.pop(name, time.monotonic())
                if event in marks:
                    console.print(f"{marks[event]:<8}{name}  {seconds:.1f} s")

        yield tell


def build_parts(done: Build) -> dict[str, Any]:
    """What a build did, as JSON-safe values."""
    return {
        "ran": list(done.ran),
        "unchanged": list(done.unchanged),
        "not_reached": list(done.not_reached),
        "failed": {name: error_parts(error) for name, error in done.failed},
        "moved": [asdict(one) for one in done.moved],
    }


def finish(done: Build) -> None:
    """Print the failures of a build, and leave with 1 if there are any."""
    for name, error in done.failed:
        typer.echo(f"error: {name}: {error}", err=True)
    if done.not_reached:
        typer.echo(f"not reached: {', '.join(done.not_reached)}", err=True)
    if done.failed or done.not_reached:
        raise typer.Exit(1)
