"""Estimates that moved, as old → new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ikm_pmi.cli.app import quiet, say

if TYPE_CHECKING:
    from ikm_pmi.pipeline.changes import Change
    from ikm_pmi.pipeline.tasks import Build

__all__ = ["old_and_new", "show_moved"]

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


def old_and_new(moved: Sequence[Change], title: str) -> None:
    """A table of what moved, the short answers first."""
    from rich.console import Console
    from rich.table import Table

    if quiet() or not moved:
        return
    table = Table("estimate", "old", "new", title=title)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for one in moved[:_SHOWN]:
        name = one.question or f"{one.chapter[:2]} {one.name}"
        table.add_row(name, one.old_text, one.new_text)
    Console().print(table)
    if len(moved) > _SHOWN:
        say(f"and {len(moved) - _SHOWN} more")
    for chapter, cause in dict.fromkeys((one.chapter, one.cause) for one in moved):
        say(f"{chapter} differs in: {cause}")
