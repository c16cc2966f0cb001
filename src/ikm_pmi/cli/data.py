"""Commands about the data package."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ikm_pmi.cli.app import answer, app, command, progress
from ikm_pmi.data.package import find_root
from ikm_pmi.errors import DataError

if TYPE_CHECKING:
    from ikm_pmi.data.series import Addition
    from ikm_pmi.engine.months import Draft, Reach, Refreshed

data_app = typer.Typer(
    help="Check, build and seal the data package; add a month, refresh from BPS.",
    no_args_is_help=True,
)
app.add_typer(data_app, name="data")


@command(data_app, "check", examples=["ikm-pmi data check", "ikm-pmi data check --json"])
def data_check() -> None:
    """Check every raw table: hashes, types, constraints, keys, gaps."""
    from ikm_pmi.engine.processed import check

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
    from ikm_pmi.engine.processed import build

    written = [str(path) for path in build(find_root())]
    answer({"written": written}, "\n".join(written))


@command(data_app, "seal", examples=["ikm-pmi data seal"])
def data_seal() -> None:
    """Accept an intended edit of data/raw: check it, then renew its hashes."""
    from ikm_pmi.engine.processed import seal

    changed = list(seal(tell=lambda warning: typer.echo(warning, err=True)))
    answer({"sealed": changed}, "\n".join(changed) if changed else "Nothing had to be sealed.")


@command(
    data_app,
    "add",
    context={"ignore_unknown_options": True},  # a growth of -3.1 is no option
    examples=[
        'ikm-pmi data add pmi 2026-08 51,2 --source "S&P Global, 1 Sep 2026" --dry-run',
        'ikm-pmi data add manufacturing_growth 2026Q1 -3.1 --source "BPS, 5 May 2026"',
        'ikm-pmi data add pmi 2024-03 48.4 --source "S&P Global" --set country_iso3=MYS',
    ],
)
def data_add(
    series: Annotated[str, typer.Argument(help="Name of the series, such as pmi.")],
    period: Annotated[str, typer.Argument(help="2026-08, 2026Q2 or 2026, as the series has it.")],
    value: Annotated[str, typer.Argument(help="The figure; 51.2 and 51,2 are the same.")],
    *,
    source: Annotated[str, typer.Option(help="Who published it, and when. Required.")] = "",
    url: Annotated[str, typer.Option(help="Address of the source.")] = "",
    date: Annotated[
        str | None, typer.Option(help="Day the source was read, YYYY-MM-DD; today if not given.")
    ] = None,
    cell: Annotated[
        list[str] | None, typer.Option("--set", help="column=text for another cell of the row.")
    ] = None,
    force: Annotated[
        bool, typer.Option(help="Add a figure that looks unusual: you compared the source.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, write nothing.")] = False,
) -> None:
    """Add a month, quarter or year to a series, with its source.

    Table, hashes and processed tables change together, or not at all. Series: pmi,
    manufacturing_growth, nonoil_growth, imk_growth, cpi_inflation, cpi_index (those that
    data/raw/datapackage.json lists under extend).
    """
    from ikm_pmi.data.series import Entry, parse_date
    from ikm_pmi.engine import months

    entry = Entry(
        period=period,
        value=value,
        source=source,
        address=url,
        read_on=parse_date(date),
        settings=_cells(cell or []),
        force=force,
    )
    root = find_root()
    with progress() as tell:
        tell("start", step := "check, seal and build in a copy")
        added, change = months.add(root, series, entry, write=not dry_run)
        tell("success", step)
    reached = months.reach(root, change, added.period)
    content = {
        "series": series,
        "row": added.row,
        "before": added.before,
        "written": not dry_run,
        "files": [f"data/{path}" for path in change.files],
        "tables": {
            f"data/{path}": {"new": new, "changed": changed}
            for path, (new, changed) in change.tables.items()
        },
        "chapters": [asdict(one) for one in reached],
    }
    answer(content, "\n".join(_added_lines(added, change, reached, dry_run)))


def _cells(given: list[str]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise DataError(
                f"{text!r} sets no cell",
                expected="column=text, such as country_iso3=MYS",
                found=text,
                where="--set",
                todo="write column, equals sign and text",
            )
    return {name.strip(): cell.strip() for name, _, cell in (text.partition("=") for text in given)}


def _table_lines(change: Draft) -> list[str]:
    counts = change.tables.items()
    lines = [f"  data/{path}: {new} new, {changed} changed" for path, (new, changed) in counts]
    return [*lines, "  and the datapackage.json beside each: hashes"]


def _added_lines(
    added: Addition, change: Draft, reached: tuple[Reach, ...], dry_run: bool
) -> list[str]:
    """What was added, what changed with it, and which chapters see it."""
    series = added.series
    lines = [
        f"{series.title}, {added.period}: {added.row[series.value]} (before: {added.before})",
        f"  source: {added.row['source']}; {added.row['source_url']}",
        "Rows:",
        *_table_lines(change),
        "Chapters that read them, and where their default windows end:",
        *(f"  {one.sentence()}" for one in reached),
        "A longer window needs a chapter's other series, too: it names the months they lack.",
    ]
    if dry_run:
        return [*lines, "Nothing was written (--dry-run)."]
    return [*lines, "Now: ikm-pmi reproduce (shows old → new), then ikm-pmi refresh to keep it."]


@command(data_app, "use", examples=["ikm-pmi data use pmi my_licensed_pmi.csv"])
def data_use(
    name: Annotated[str, typer.Argument(help="What the file holds: pmi.")],
    file: Annotated[Path, typer.Argument(help="A csv with country_iso3, month (YYYY-MM) and pmi.")],
) -> None:
    """Take your own licensed file in the place of values that a package leaves out.

    The file is checked, its SHA-256 is recorded, and every result says that it rests on it.
    """
    from ikm_pmi.engine.own_file import use

    used = use(find_root(), name, file)
    answer(asdict(used), used.sentence())


@command(
    data_app,
    "update",
    examples=["ikm-pmi data update --dry-run", "ikm-pmi data update --accept-revisions"],
)
def data_update(
    accept: Annotated[
        bool, typer.Option("--accept-revisions", help="Take figures that differ from the record.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, write nothing.")] = False,
) -> None:
    """Hold the tables that BPS keeps up against its WebAPI, and add what is new.

    Needs a key in BPS_API_KEY. Figures that differ are shown as old → new and kept as they are,
    unless revisions are accepted.
    """
    from ikm_pmi.engine.months import update

    with progress() as tell:
        done = update(find_root(), accept=accept, write=not dry_run, tell=tell)
    _show_update(done, accept, dry_run)


def _show_update(done: Refreshed, accept: bool, dry_run: bool) -> None:
    tables = {
        name: {key: one[key] for key in ("agree", "new", "revised")}
        for name, one in ((name, asdict(found)) for name, found in done.tables.items())
    }
    written = not dry_run and done.change is not None
    kept = "" if accept else " (kept as on record)"
    lines = []
    for name, one in done.tables.items():
        counts = f"{one.agree:,} figures agree, {len(one.new):,} new, {len(one.revised):,} differ"
        lines.append(f"{name}: {counts}")
        lines += [f"  new: {cell.row}, {cell.column}: {cell.new}" for cell in one.new]
        lines += [f"  {c.row}, {c.column}: {c.old} → {c.new}{kept}" for c in one.revised]
    if any(one.revised for one in done.tables.values()) and not accept:
        lines.append("To take the figures that differ: --accept-revisions.")
    if done.change is None:
        lines.append("Nothing had to be written.")
    elif dry_run:
        lines.append("Nothing was written (--dry-run).")
    else:
        lines += [*_table_lines(done.change), "Now: ikm-pmi reproduce (shows old → new)."]
    answer({"written": written, "accepted": accept, "tables": tables}, "\n".join(lines))
