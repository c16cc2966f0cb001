"""The command that makes the public site."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ikm_pmi.cli.app import answer, app, command, inside, quiet, say


@command(app, examples=["ikm-pmi site", "ikm-pmi site --serve --port 0"])
def site(
    out: Annotated[Path, typer.Option(help="Folder of the site.", callback=inside)] = Path("site"),
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it on this machine until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of --serve; 0: any.")] = 8000,
) -> None:
    """Build the site from the results of the whole study."""
    from rich.console import Console
    from rich.text import Text

    from ikm_pmi.data.package import find_root
    from ikm_pmi.pipeline.site.build import build, server

    console = Console(stderr=True, highlight=False, quiet=quiet())
    with console.status("collecting pages") as status:
        done = build(find_root(), out, tell=lambda line: status.update(Text(line)))
    for line in done.warnings:
        typer.echo(f"warning: {line}", err=True)
    found = {"folder": str(done.folder), "pages": done.pages, "warnings": list(done.warnings)}
    answer(found, f"{done.pages} pages: open {done.folder / 'index.html'}")
    if serve:
        with server(done.folder, port) as running:
            say(f"http://127.0.0.1:{running.server_port}/ (Ctrl-C ends it)")
            with suppress(KeyboardInterrupt):
                running.serve_forever()
