"""Commands about the data package."""

from __future__ import annotations

import typer

from ikm_pmi.cli.app import app

data_app = typer.Typer(help="Check, build and seal the data package.", no_args_is_help=True)
app.add_typer(data_app, name="data")


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
