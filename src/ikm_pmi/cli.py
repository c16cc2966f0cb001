"""The command line: ``ikm-pmi``.

Exit status 0 when all that was asked for is there, 1 after a failed run, 2 for wrong usage or bad
input. Only this module prints.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ikm_pmi.errors import IkmPmiError

if TYPE_CHECKING:
    from ikm_pmi.pipeline.tasks import Build

__all__ = ["app", "main"]

app = typer.Typer(
    name="ikm-pmi",
    help="PPKM restrictions, the manufacturing PMI, and jobs in small and medium industry (IKM).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Check, build and seal the data package.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Chapters run at the same time.")]
_JOBS = min(os.cpu_count() or 2, 8)


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


@contextmanager
def _progress() -> Iterator[Callable[[str, str], None]]:
    """A line for each finished step and, on a terminal, what is running now."""
    from rich.console import Console

    console, begun = Console(stderr=True, highlight=False), {}
    marks = {"success": "done", "fail": "FAILED"}
    with console.status("") as status:

        def tell(event: str, name: str) -> None:
            if event == "start":
                begun[name] = time.monotonic()
            else:
                seconds = time.monotonic() - begun.pop(name, time.monotonic())
                if event in marks:
                    console.print(f"{marks[event]:<8}{name}  {seconds:.1f} s")
            status.update(f"running: {', '.join(begun)}")

        yield tell


def _finish(done: Build) -> None:
    """Print the failures of a build, and leave with 1 if there are any."""
    for name, error in done.failed:
        typer.echo(f"error: {name}: {error}", err=True)
    if done.not_reached:
        typer.echo(f"not reached: {', '.join(done.not_reached)}", err=True)
    if done.failed or done.not_reached:
        raise typer.Exit(1)


@app.command()
def reproduce(
    jobs: Jobs = _JOBS,
    force: Annotated[bool, typer.Option(help="Run every step, changed or not.")] = False,
) -> None:
    """Run the whole study; unchanged steps are skipped."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.tasks import build

    root = find_root()
    with _progress() as tell:
        done = build(root, jobs=jobs, force=force, tell=tell)
    if not (done.ran or done.failed or done.not_reached):
        typer.echo(f"Nothing had to run: all {len(done.unchanged)} steps are up to date.")
    _print_answers(root / "results")
    _finish(done)


def _print_answers(results_dir: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from ikm_pmi.pipeline.headlines import headlines

    table = Table("answer", "value", "interval", "n", "from", title="The short answers")
    for line in headlines(results_dir):
        value = line.value or "not there"
        table.add_row(line.question, value, line.interval, line.n, line.chapter[:2])
    Console().print(table)
    typer.echo(
        "Where to look next: the chapters in notebooks/ (jupyter lab notebooks/), their numbers,\n"
        "tables and figures in results/, the hashes of all of it in results/manifest.json."
    )


@app.command()
def run(
    chapter: Annotated[str, typer.Argument(help="Name or beginning, such as 03.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="name=value; may be given again.")
    ] = None,
    file: Annotated[Path | None, typer.Option("-f", help="TOML file of parameters.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
) -> None:
    """Run one chapter, with other parameters if you like.

    Results of other parameters go to results/<chapter>-<digest>/, so that the defaults' stay.
    """
    from ikm_pmi.parameters import parameters_for
    from ikm_pmi.pipeline.values import collect

    model = parameters_for(chapter)
    chosen = collect(model, parameter or [], file)  # refused here, before anything heavy starts

    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline import chapters, manifest

    root = find_root()
    results_dir = (out or root / "results").resolve()
    sources = manifest.inputs(
        root / "notebooks" / f"{model.chapter}.ipynb", chosen.model_dump(mode="json")
    )
    with _progress() as tell:
        tell("start", model.chapter)
        target = chapters.run(model.chapter, chosen, root=root, results_dir=results_dir)
        tell("success", model.chapter)
    manifest.record(results_dir, {target.name: sources})
    typer.echo(f"{target}{os.sep}")


@app.command()
def parameters(
    chapter: Annotated[str | None, typer.Argument(help="Name or beginning, such as 03.")] = None,
) -> None:
    """List the chapters, or the parameters of one."""
    from ikm_pmi.parameters import CHAPTERS, is_assumed, parameters_for

    if chapter is None:
        for name, model in CHAPTERS.items():
            typer.echo(f"{name}\n    {', '.join(model.model_fields)}")
        return
    model = parameters_for(chapter)
    for name, info in model.model_fields.items():
        note = " (assumed)" if is_assumed(info) else ""
        typer.echo(f"{name} = {info.default!r}\n    {info.description}{note}")


@data_app.command("check")
def data_check() -> None:
    """Check every raw table: hashes, types, constraints, keys, gaps."""
    from ikm_pmi.pipeline.processed import check

    report = check()
    typer.echo(report.text())
    if not report.ok:
        raise typer.Exit(2)


@data_app.command("build")
def data_build() -> None:
    """Rebuild data/processed from data/raw."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.processed import build

    for path in build(find_root()):
        typer.echo(path)


@data_app.command("seal")
def data_seal() -> None:
    """Accept an intended edit of data/raw: check it, then renew its hashes."""
    from ikm_pmi.data.package import seal

    changed = seal()
    typer.echo("\n".join(changed) if changed else "Nothing had to be sealed.")


@app.command()
def refresh(jobs: Jobs = _JOBS) -> None:
    """Execute the chapters and rewrite their committed outputs and reference numbers."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.refresh import refresh as bring_up_to_date

    with _progress() as tell:
        done = bring_up_to_date(find_root(), jobs=jobs, tell=tell)
    _finish(done)


@app.command()
def replicate(
    full: Annotated[
        bool, typer.Option("--full", help="Also run the printed Monte-Carlo table and write it.")
    ] = False,
    replications: Annotated[
        int, typer.Option(min=10, help="Simulated samples of each kind with --full.")
    ] = 400,
) -> None:
    """Compute published numbers again: published, computed, tolerance, verdict."""
    from rich.console import Console
    from rich.table import Table

    from ikm_pmi.models import published

    found = published.compare()
    console = Console()
    for study, rows in found.groupby("study", sort=False):
        head = f"{study}: {rows['source'].iloc[0]}"
        table = Table(title=head, title_justify="left", title_style="bold", box=None)
        for name in ("quantity", "published", "computed", "tolerance", "verdict"):
            table.add_column(name, min_width=9, justify="left" if name == "quantity" else "right")
        for row in rows.itertuples(index=False):
            shown = (f"{row.computed:.10g}", f"{row.tolerance:.1g}")
            verdict = "within" if row.within else "not within"
            table.add_row(str(row.quantity), str(row.published), *shown, verdict)
        console.print(table, "")
    typer.echo(published.sentence(found))
    if full:
        _write_full(replications)
    if "unexplained" in set(found["reason"]):
        raise typer.Exit(1)


def _write_full(replications: int) -> None:
    from ikm_pmi.data.package import find_root
    from ikm_pmi.parameters import ValidationParameters
    from ikm_pmi.pipeline.validation import FULL, write_full

    parameters = ValidationParameters.parse({"replications": replications})
    table = write_full(find_root(), parameters, lambda name: typer.echo(f"simulating: {name}"))
    off = int((table["verdict"] != "nothing off").sum())
    typer.echo(f"{FULL}: {len(table)} rows, {off} of them off; seed {parameters.seed}")


@app.command()
def verify(jobs: Jobs = _JOBS) -> None:
    """Execute the committed chapters again (nbval) and list what moved."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.processed import check
    from ikm_pmi.pipeline.verify import verify as execute_again

    root = find_root()
    report = check(root)
    if not report.ok:
        typer.echo(report.text(), err=True)
        raise typer.Exit(2)
    found = execute_again(root, jobs=jobs, tell=typer.echo)
    for line in found.moved:
        typer.echo(f"moved: {line}")
    if not found.ok:
        raise typer.Exit(1)
    typer.echo("Nothing moved: outputs, numbers and data are as committed.")
