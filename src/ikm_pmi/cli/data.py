"""Commands about the data package."""

from __future__ import annotations

import typer

from ikm_pmi.cli.app import answer, app, command

data_app = typer.Typer(help="Check, build and seal the data package.", no_args_is_help=True)
app.add_typer(data_app, name="data")


@command(data_app, "check", examples=["ikm-pmi data check", "ikm-pmi data check --json"])
def data_check() -> None:
    """Check every raw table: hashes, types, constraints, keys, gaps."""
    from dataclasses import asdict

    from ikm_pmi.pipeline.processed import check

    report = check()
    answer(
        {
            "ok": report.ok,
            "tables": report.table().to_dict("records"),
            "problems": [asdict(problem) for problem in report.problems],
        },
        report.text(),
    )
    if not report.ok:
        raise typer.Exit(2)


@command(data_app, "build", examples=["ikm-pmi data build"])
def data_build() -> None:
    """Rebuild data/processed from data/raw."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.processed import build

    written = [str(path) for path in build(find_root())]
    answer({"written": written}, "\n".join(written))


@command(data_app, "seal", examples=["ikm-pmi data seal"])
def data_seal() -> None:
    """Accept an intended edit of data/raw: check it, then renew its hashes."""
    from ikm_pmi.data.package import seal

    changed = list(seal())
    answer({"sealed": changed}, "\n".join(changed) if changed else "Nothing had to be sealed.")
