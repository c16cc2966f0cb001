"""Commands that hand the study on: tables for other programs, the replication package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikm_pmi.cli.app import answer, app, command, inside, progress
from ikm_pmi.language import Language


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
) -> None:
    """Write tables and data for other programs: csv, Excel, Stata, LaTeX, Word."""
    from ikm_pmi.pipeline.exports import chosen_formats
    from ikm_pmi.pipeline.exports import export as write

    wanted = chosen_formats(formats)  # refused here, before anything heavy starts

    from ikm_pmi.data.package import find_root

    with progress() as tell:
        files = write(
            find_root(),
            folder.resolve(),
            wanted,
            chapters=chapter or [],
            language=language,
            stars=stars,
            data=data,
            tell=tell,
        )
    answer([str(path) for path in files], f"{len(files)} files in {folder}")


@command(
    app,
    name="package",
    examples=["ikm-pmi package", "ikm-pmi package --out replication.zip"],
)
def pack(
    out: Annotated[
        Path | None,
        typer.Option(help="The zip; by default in dist/ of the project.", callback=inside),
    ] = None,
) -> None:
    """Write the replication package: code, data, results, README, RO-Crate metadata."""
    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.package import package

    with progress() as tell:
        path = package(find_root(), out and out.resolve(), tell=tell)
    size = path.stat().st_size
    answer({"file": str(path), "bytes": size}, f"{path}  {size / 1e6:.1f} MB")
