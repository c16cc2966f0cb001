"""Commands that run chapters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ikm_pmi.cli.app import (
    JOBS,
    FastStart,
    Jobs,
    app,
    fast_start,
    finish,
    kernels_end_on_interrupt,
    leave_at_once,
    progress,
)

if TYPE_CHECKING:
    from ikm_pmi.pipeline.sweep import Progress


@app.command()
def reproduce(
    jobs: Jobs = JOBS,
    force: Annotated[bool, typer.Option(help="Run every step, changed or not.")] = False,
    fast: FastStart = True,
) -> None:
    """Run the whole study; unchanged steps are skipped."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.tasks import build

    fast_start(fast)
    root = find_root()
    with progress() as tell:
        done = build(root, jobs=jobs, force=force, tell=tell)
    if not (done.ran or done.failed or done.not_reached):
        typer.echo(f"Nothing had to run: all {len(done.unchanged)} steps are up to date.")
    _print_answers(root / "results")
    finish(done)


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
    with progress() as tell:
        tell("start", model.chapter)
        target = chapters.run(model.chapter, chosen, root=root, results_dir=results_dir)
        tell("success", model.chapter)
    manifest.record(results_dir, {target.name: sources})
    typer.echo(f"{target}{os.sep}")


@app.command()
def sweep(
    grid: Annotated[Path, typer.Argument(help="YAML file, such as params/example_grid.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for the table and the runs' results.")],
    jobs: Jobs = JOBS,
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler whose workers run, tcp://host:port.")
    ] = None,
    fast: FastStart = True,
) -> None:
    """Run a chapter over many parameter sets: one table, nothing done twice.

    The table is DIR/sweep.csv, a row for each estimate of each run. Called again, only what is not
    done is run. Workers of a cluster need this package, installed from the same lock; notebook and
    data are sent to them.
    """
    from ikm_pmi.pipeline.values import read_grid

    runs = read_grid(grid)  # refused here, before anything heavy starts

    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline import sweep as many

    fast_start(fast)
    try:
        with _sweep_progress() as tell:
            done = many.sweep(
                runs, out, root=find_root(), jobs=jobs, scheduler=scheduler, tell=tell
            )
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on: ikm-pmi sweep {grid} --out {out}")
        leave_at_once(130)
    counts = f"{len(done.ran)} run, {len(done.kept)} done before, {len(done.failed)} failed"
    typer.echo(f"{done.table}: {counts}")
    if done.failed:
        raise typer.Exit(1)


@contextmanager
def _sweep_progress() -> Iterator[Callable[[Progress], None]]:
    """A line for each failure and, as it goes on, how much is done and the time left."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    with kernels_end_on_interrupt(), console.status("starting") as status:

        def tell(now: Progress) -> None:
            if now.error:
                console.print(f"FAILED  {now.run}  {now.error}", markup=False)
            minutes, seconds = divmod(round(now.seconds_left), 60)
            line = f"{now.done} of {now.total} done, about {minutes} min {seconds:02d} s left"
            status.update(line)
            if not console.is_terminal and now.done % max(1, now.total // 20) == 0:
                console.print(line)

        yield tell


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


@app.command()
def refresh(jobs: Jobs = JOBS) -> None:
    """Execute the chapters and rewrite their committed outputs and reference numbers."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.refresh import refresh as bring_up_to_date

    with progress() as tell:
        done = bring_up_to_date(find_root(), jobs=jobs, tell=tell)
    finish(done)
