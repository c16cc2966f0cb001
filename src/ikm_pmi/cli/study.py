"""Commands that run chapters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ikm_pmi.cli.app import (
    JOBS,
    CellTimeout,
    FastStart,
    Jobs,
    answer,
    app,
    at_home,
    build_parts,
    command,
    finish,
    inside,
    kernels_end_on_interrupt,
    progress,
    quiet,
    say,
    set_kernels,
)
from ikm_pmi.data.package import find_root
from ikm_pmi.errors import ParameterError

if TYPE_CHECKING:
    from ikm_pmi.engine.build import Build
    from ikm_pmi.engine.changes import Change
    from ikm_pmi.engine.sweep import Progress


def _chapters(begun: str) -> list[str]:
    """Chapters that a name on the command line may become."""
    from ikm_pmi.study import CHAPTERS

    return [name for name in CHAPTERS if name.startswith(begun)]


def _settings(context: typer.Context, begun: str) -> list[str]:
    """Parameters that ``-p`` may set in the chapter named before it."""
    from ikm_pmi.study import parameters_for

    try:
        # While -p has no value yet, the words before it are still to be assigned.
        chapter = context.params.get("chapter") or "".join(context.args[:1])
        fields = parameters_for(chapter).model_fields
    except ParameterError:  # no chapter yet, or none of that name
        return []
    return [f"{name}=" for name in fields if f"{name}=".startswith(begun)]


_NAME = "Name or beginning, such as 03."


@command(app, examples=["ikm-pmi reproduce", "ikm-pmi reproduce --jobs 1 --force"])
def reproduce(
    jobs: Jobs = JOBS,
    force: Annotated[bool, typer.Option(help="Run every step, changed or not.")] = False,
    fast: FastStart = True,
    cell_timeout: CellTimeout = None,
) -> None:
    """Run the whole study; unchanged steps are skipped."""
    from ikm_pmi.engine.build import build

    set_kernels(cell_timeout, fast=fast)
    root = find_root()
    with progress() as tell:
        done = build(root, jobs=jobs, force=force, tell=tell)
    if not (done.ran or done.failed or done.not_reached):
        say(f"Nothing had to run: all {len(done.unchanged)} steps are up to date.")
    _answers(root / "results", done)
    finish(done)


def _answers(results_dir: Path, done: Build) -> None:
    from rich.console import Console
    from rich.table import Table

    from ikm_pmi.engine.headlines import headlines

    old = {*(name for name, _ in done.failed), *done.not_reached}  # there are numbers of before
    found = [
        replace(one, value="", interval="", n="", sentence="") if one.chapter in old else one
        for one in headlines(results_dir)
    ]
    answer(build_parts(done) | {"answers": [asdict(line) for line in found]})
    if quiet():
        return
    table = Table("answer", "value", "interval", "n", "from", title="The short answers")
    for line in found:
        value = line.value or "not there"
        table.add_row(line.question, value, line.interval, line.n, line.chapter[:2])
    Console().print(table)
    show_moved(done)
    say(
        "Where to look next: the chapters in notebooks/ (jupyter lab notebooks/), their numbers,\n"
        "tables and figures in results/, the hashes of all of it in results/manifest.json."
    )


@command(
    app,
    examples=[
        "ikm-pmi run 03",
        "ikm-pmi run 03 -p end_month=2022-12 -p exposure=calendar",
        "ikm-pmi run 07 -f my.toml --out elsewhere",
    ],
)
def run(
    chapter: Annotated[str, typer.Argument(help=_NAME, autocompletion=_chapters)],
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", help="name=value; may be given again.", autocompletion=_settings),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("-f", help="TOML file of parameters.", callback=at_home)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.", callback=inside)
    ] = None,
    cell_timeout: CellTimeout = None,
) -> None:
    """Run one chapter, with other parameters if you like.

    Results of other parameters go to results/<chapter>-<digest>/, so that the defaults' stay.
    """
    from ikm_pmi.engine.values import collect
    from ikm_pmi.study import parameters_for

    model = parameters_for(chapter)
    chosen = collect(model, parameter or [], file)  # refused here, before anything heavy starts

    from ikm_pmi.engine import changes, chapters, manifest

    set_kernels(cell_timeout)
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
    result = chapters.check_result(target / "result.json", chosen)
    beside: tuple[Change, ...] | None = ()
    if target.name != model.chapter:
        beside = changes.beside_defaults(root, result)
        old_and_new(beside or (), "Beside the defaults", most=None)
        if not beside:
            say(f"Beside the defaults: {changes.changes_in_words(beside)}")
    content = {
        "folder": str(target),
        "result": result,
        "beside_defaults": list(map(asdict, beside or ())),
    }
    answer(content, f"{target}{os.sep}")


@command(
    app,
    examples=[
        "ikm-pmi sweep params/example_grid.yaml --out sweep",
        "ikm-pmi sweep params/example_grid.yaml --out sweep --scheduler tcp://127.0.0.1:8786",
    ],
)
def sweep(
    grid: Annotated[
        Path, typer.Argument(help="YAML file, such as params/example_grid.yaml.", callback=at_home)
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the table and the runs' results.", callback=inside)
    ],
    *,
    jobs: Jobs = JOBS,
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler whose workers run, tls://host:port.")
    ] = None,
    unencrypted: Annotated[
        bool,
        typer.Option(
            "--unencrypted-scheduler", help="Allow tcp:// to another machine: a trusted network."
        ),
    ] = False,
    fast: FastStart = True,
    cell_timeout: CellTimeout = None,
) -> None:
    """Run a chapter over many parameter sets: one table, nothing done twice.

    The table is DIR/sweep.csv, a row for each estimate of each run. Called again, only what is not
    done is run. Workers of a cluster need this package, installed from the same lock; notebook and
    data are sent to them.
    """
    from ikm_pmi.engine.values import read_grid

    runs = read_grid(grid)  # refused here, before anything heavy starts

    from ikm_pmi.engine import sweep as many

    set_kernels(cell_timeout, fast=fast)
    with _sweep_progress() as tell:
        done = many.sweep(
            runs,
            out,
            root=find_root(),
            jobs=jobs,
            scheduler=scheduler,
            unencrypted=unencrypted,
            tell=tell,
        )
    counts = f"{len(done.ran)} run, {len(done.kept)} done before, {len(done.failed)} failed"
    ended = {"ran": list(done.ran), "kept": list(done.kept), "failed": dict(done.failed)}
    answer({"table": str(done.table)} | ended, f"{done.table}: {counts}")
    if done.failed:
        raise typer.Exit(1)


@contextmanager
def _sweep_progress() -> Iterator[Callable[[Progress], None]]:
    """A line for each failure and, as it goes on, how much is done and the time left."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, quiet=quiet())
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


@command(app, examples=["ikm-pmi parameters", "ikm-pmi parameters 03"])
def parameters(
    chapter: Annotated[str | None, typer.Argument(help=_NAME, autocompletion=_chapters)] = None,
) -> None:
    """List the chapters, or the parameters of one."""
    from ikm_pmi.parameters import allowed, is_assumed
    from ikm_pmi.study import CHAPTERS, parameters_for

    if chapter is None:
        names = {name: list(model.model_fields) for name, model in CHAPTERS.items()}
        answer(names, "\n".join(f"{key}\n    {', '.join(own)}" for key, own in names.items()))
        return
    model = parameters_for(chapter)
    may_be = allowed(model)
    content = {
        name: {
            "default": info.default,
            "meaning": info.description,
            "allowed": may_be[name],
            "assumed": is_assumed(info),
        }
        for name, info in model.model_fields.items()
    }
    lines = [
        f"{name} = {one['default']!r}\n    {one['meaning']}{' (assumed)' * one['assumed']}"
        + (f"\n    {one['allowed']}" if one["allowed"] else "")
        for name, one in content.items()
    ]
    answer(content, "\n".join(lines))


@command(app, examples=["ikm-pmi refresh"])
def refresh(jobs: Jobs = JOBS) -> None:
    """Execute the chapters and rewrite their committed outputs and reference numbers."""
    from ikm_pmi.engine.reference import refresh as bring_up_to_date

    with progress() as tell:
        done = bring_up_to_date(find_root(), jobs=jobs, tell=tell)
    answer(build_parts(done))
    show_moved(done)
    finish(done)


_SHOWN = 20  # estimates that moved, in lines


def show_moved(done: Build) -> None:
    """What moved since the last run, as old → new."""
    if quiet() or not done.ran:
        return
    if not done.moved:
        say("Nothing moved since the last run, to the digits printed.")
        return
    old_and_new(done.moved, "What moved since the last run")
    say("All of it: results/changes.json")


def old_and_new(moved: Sequence[Change], title: str, most: int | None = _SHOWN) -> None:
    """A table of what moved, the short answers first; ``most`` rows of it."""
    from rich.console import Console
    from rich.table import Table

    if quiet() or not moved:
        return
    if not any("value" in one.moved for one in moved):
        title += ": no value moved; these intervals and p did"
    table = Table("estimate", "old", "new", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for one in moved[:most]:
        table.add_row(f"{one.chapter[:2]} {one.words}", one.old_text, one.new_text)
    Console().print(table)
    if most is not None and len(moved) > most:
        say(f"and {len(moved) - most} more")
    for chapter, cause in dict.fromkeys((one.chapter, one.cause) for one in moved):
        say(f"{chapter} differs in: {cause}")
