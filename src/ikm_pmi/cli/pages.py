"""``docs/commands.md``: every command with options and examples, from the application itself."""

from __future__ import annotations

import re

from typer.cli import get_docs_for_click
from typer.main import get_command

from ikm_pmi.cli.app import app

__all__ = ["commands_page"]

_HEAD = """# Commands

Generated from the commands themselves; `ikm-pmi COMMAND --help` says the same. Exit status: 0 when
all that was asked for is there, 1 after a failed run, 2 for wrong usage or bad input.
"""


def commands_page() -> str:
    """The text of ``docs/commands.md``."""
    whole = get_command(app)
    with whole.make_context("ikm-pmi", [], resilient_parsing=True) as context:
        text = get_docs_for_click(obj=whole, ctx=context, name="ikm-pmi")  # type: ignore[arg-type]  # typer has two kinds
    _, _, commands = text.partition("\n## ")  # what stands before it, the application says anyway
    commands = re.sub(r"```console\n\$ ", "```text\n", f"## {commands}")
    # Examples stand one a paragraph under their word: one block for a reader.
    commands = re.sub(
        r"^Examples:\n\n((?:ikm-pmi .*\n+)+)",
        lambda found: "**Examples**:\n\n```sh\n" + re.sub(r"\n+", "\n", found[1]) + "```\n\n",
        commands + "\n",
        flags=re.M,
    )
    return f"{_HEAD}\n{commands.rstrip()}\n"
