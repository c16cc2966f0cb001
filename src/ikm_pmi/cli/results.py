"""Commands that hand the study on, and that hold it against what is known."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ikm_pmi.cli.app import JOBS, Jobs, answer, app, command, inside, progress, quiet, say
from ikm_pmi.data.package import find_root
from ikm_pmi.language import Language

if TYPE_CHECKING:
    import pandas as pd

Without = Annotated[
    list[str] | None, typer.Option(help="Values to leave out: pmi. May be given again.")
]


@command(
    app,
    examples=[
        "ikm-pmi export tables",
        "ikm-pmi export tables --format tex,docx --chapter 03 --chapter 06 --stars",
        "ikm-pmi export tabel --language id --format xlsx",
    ],
)
def export(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write to; other files in it stay.", callback=inside)
    ],
    *,
    formats: Annotated[
        str, typer.Option("--format", help="Some of csv,xlsx,dta,tex,docx.")
    ] = "csv,xlsx,dta,tex,docx",
    chapter: Annotated[
        list[str] | None, typer.Option(help="Name or beginning, such as 03; may be given again.")
    ] = None,
    language: Annotated[
        Language, typer.Option(help="en or id: titles, notes, printed tables.")
    ] = "en",
    stars: Annotated[bool, typer.Option("--stars", help="Mark small p-values.")] = False,
    data: Annotated[bool, typer.Option(help="The analysis data as well.")] = True,
    without: Without = None,
) -> None:
    """Write tables and data for other programs: csv, Excel, Stata, LaTeX, Word."""
    from ikm_pmi.share.exports import chosen, chosen_formats
    from ikm_pmi.share.exports import export as write

    wanted = chosen_formats(formats)  # refused here, before anything heavy starts
    chosen(without or [])

    with progress() as tell:
        files = write(
            find_root(),
            folder.resolve(),
            wanted,
            chapters=chapter or [],
            language=language,
            stars=stars,
            data=data,
            without=without or [],
            tell=tell,
        )
    answer([str(path) for path in files], f"{len(files)} files in {folder}")


@command(
    app,
    name="package",
    examples=[
        "ikm-pmi package",
        "ikm-pmi package --out replication.zip",
        "ikm-pmi package --without pmi",
    ],
)
def pack(
    out: Annotated[
        Path | None,
        typer.Option(help="The zip; by default in dist/ of the project.", callback=inside),
    ] = None,
    *,
    without: Without = None,
) -> None:
    """Write the replication package: code, data, results, README, RO-Crate metadata."""
    from ikm_pmi.share.package import package

    with progress() as tell:
        path = package(find_root(), out and out.resolve(), without=without or [], tell=tell)
    size = path.stat().st_size
    answer({"file": str(path), "bytes": size}, f"{path}  {size / 1e6:.1f} MB")


@command(app, examples=["ikm-pmi paper", "ikm-pmi paper --out working-paper.pdf"])
def paper(
    out: Annotated[Path, typer.Option(help="The PDF.", callback=inside)] = Path("dist/paper.pdf"),
    *,
    runs: Annotated[
        list[str] | None,
        typer.Option("--run", help="Results of other parameters, by name; may be given again."),
    ] = None,
) -> None:
    """Set the working paper from the results: another parameter changes its numbers."""
    from ikm_pmi.data.atomic import write_files
    from ikm_pmi.share.paper import paper as typeset

    root = find_root()
    write_files({out: typeset(root, root / "results", runs or [])})
    answer({"file": str(out)}, str(out))


@command(app, examples=["ikm-pmi site", "ikm-pmi site --serve --port 0", "ikm-pmi site --with-r"])
def site(
    out: Annotated[Path, typer.Option(help="Folder of the site.", callback=inside)] = Path("site"),
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it on this machine until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of --serve; 0: any.")] = 8000,
    with_r: Annotated[
        bool, typer.Option("--with-r", help="And a page that computes the headlines again in R.")
    ] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="With --with-r, tables that page does without: pmi.")
    ] = None,
) -> None:
    """Build the site from the results of the whole study."""
    from rich.console import Console
    from rich.text import Text

    from ikm_pmi.share.site import build, server

    console = Console(stderr=True, highlight=False, quiet=quiet())
    # The port is taken first: that another program has it is no news for after the whole build.
    with server(out.resolve(), port) if serve else nullcontext() as running:
        with console.status("collecting pages") as status:
            done = build(
                find_root(),
                out,
                with_r=with_r,
                without=without or [],
                tell=lambda line: status.update(Text(line)),
            )
        for line in done.warnings:
            typer.echo(f"warning: {line}", err=True)
        found = {"folder": str(done.folder), "pages": done.pages, "warnings": list(done.warnings)}
        answer(found, f"{done.pages} pages: open {done.folder / 'index.html'}")
        if running:
            say(f"http://127.0.0.1:{running.server_port}/ (Ctrl-C ends it)")
            with suppress(KeyboardInterrupt):
                running.serve_forever()


@command(
    app,
    examples=["ikm-pmi replicate", "ikm-pmi replicate --full", "ikm-pmi replicate --language r"],
)
def replicate(
    full: Annotated[
        bool, typer.Option("--full", help="Also run the printed Monte-Carlo table and write it.")
    ] = False,
    language: Annotated[
        Literal["python", "r"],
        typer.Option(help="r: the study's own headline numbers again, by replication/headlines.R."),
    ] = "python",
) -> None:
    """Compute published numbers again: published, computed, tolerance, verdict.

    With --language r the study's own: Python, R, largest relative difference of all their cells.
    """
    if language == "r":
        return _replicate_in_r()
    from ikm_pmi.trust import published

    found = published.compare()
    answer(found.astype(object).where(found.notna(), None).to_dict("records"))
    if not quiet():
        _print_studies(found)
    say(published.sentence(found))
    if full:
        _write_full()
    if "unexplained" in set(found["reason"]):
        raise typer.Exit(1)
    return None


def _replicate_in_r() -> None:
    from ikm_pmi.share.in_r import compare, run_r

    found = compare(find_root(), run_r(find_root()))
    answer(found.astype(object).where(found.notna(), None).to_dict("records"))
    say(f"{'estimate':<46} {'Python':>16} {'R':>16} {'difference':>10}")
    for name, cells in found.groupby("name", sort=False):
        python, r = cells[["python", "r"]].iloc[0]
        say(f"{name:<46} {python:>16.10g} {r:>16.10g} {cells['difference'].max():>10.0e}")
    off = found[~(found["difference"] <= found["tolerance"])]
    say(f"{found['name'].nunique()} estimates, {len(found)} numbers in R; {len(off)} differ.")
    if len(off):
        say(off.to_string(index=False))
        raise typer.Exit(1)


def _print_studies(found: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table

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


def _write_full() -> None:
    from ikm_pmi.engine.values import write_full
    from ikm_pmi.study import MONTE_CARLO

    table, seed = write_full(find_root(), lambda name: say(f"simulating: {name}"))
    off = int((table["verdict"] != "nothing off").sum())
    say(f"{MONTE_CARLO}: {len(table)} rows, {off} of them off; seed {seed}")


@command(app, examples=["ikm-pmi verify", "ikm-pmi verify --quick", "ikm-pmi verify --json"])
def verify(
    jobs: Jobs = JOBS,
    quick: Annotated[
        bool, typer.Option("--quick", help="Execute no chapter; take the numbers of results/.")
    ] = False,
) -> None:
    """Compare environment, data, results, chapters and numbers with what is committed.

    Installed packages with requirements.lock, data with their hashes, results with their manifest,
    the outputs of the chapters, executed again (nbval), and their numbers with reference/.
    """
    from ikm_pmi.engine.reference import verify as compare

    found = compare(find_root(), jobs=jobs, execute=not quick, tell=say)
    answer(
        {
            "ok": found.ok,
            "compared": found.compared,
            "problems": [
                {"where": one.where, "expected": one.expected, "found": one.found, "todo": one.todo}
                for one in found.problems
            ],
        }
    )
    for one in found.problems:
        say(one.text())
    counts = ", ".join(f"{count} {what}" for what, count in found.compared.items())
    say(f"compared: {counts}")
    if not found.ok:
        say(f"{len(found.problems)} thing(s) are not as committed.")
        raise typer.Exit(1)
    say("Nothing moved: all is as committed.")
