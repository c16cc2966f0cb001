"""Commands that hold the study against what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ikm_pmi.cli.app import JOBS, Jobs, answer, app, command, quiet, say

if TYPE_CHECKING:
    import pandas as pd


@command(app, examples=["ikm-pmi replicate", "ikm-pmi replicate --full"])
def replicate(
    full: Annotated[
        bool, typer.Option("--full", help="Also run the printed Monte-Carlo table and write it.")
    ] = False,
    replications: Annotated[
        int, typer.Option(min=10, help="Simulated samples of each kind with --full.")
    ] = 400,
) -> None:
    """Compute published numbers again: published, computed, tolerance, verdict."""
    from ikm_pmi.models import published

    found = published.compare()
    answer(found.astype(object).where(found.notna(), None).to_dict("records"))
    if not quiet():
        _print_studies(found)
    say(published.sentence(found))
    if full:
        _write_full(replications)
    if "unexplained" in set(found["reason"]):
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


def _write_full(replications: int) -> None:
    from ikm_pmi.data.package import find_root
    from ikm_pmi.parameters import ValidationParameters
    from ikm_pmi.pipeline.validation import FULL, write_full

    parameters = ValidationParameters.parse({"replications": replications})
    table = write_full(find_root(), parameters, lambda name: say(f"simulating: {name}"))
    off = int((table["verdict"] != "nothing off").sum())
    say(f"{FULL}: {len(table)} rows, {off} of them off; seed {parameters.seed}")


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
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.verify import verify as compare

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
