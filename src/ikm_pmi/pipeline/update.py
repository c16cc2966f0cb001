"""Figures refreshed from their official sources: the BPS WebAPI and OxCGRT.

All that is asked for is fetched and held against the record before anything is written; then it is
written as a new month is (:mod:`ikm_pmi.pipeline.months`): all of it, or nothing.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikm_pmi.data import package
from ikm_pmi.data.fetch import fetch, fetch_checked
from ikm_pmi.data.official import Cells, bps_cells, bps_url, oxcgrt_cells, plain, year_groups
from ikm_pmi.data.package import RAW
from ikm_pmi.data.revisions import Merged, merge
from ikm_pmi.data.series import csv_line
from ikm_pmi.data.store import read_descriptor
from ikm_pmi.errors import IkmPmiError, ParameterError, SourceError
from ikm_pmi.pipeline.manifest import write_whole
from ikm_pmi.pipeline.months import Draft, draft, edit_descriptor

__all__ = ["KEY", "SOURCES", "Refreshed", "update"]

KEY = "BPS_API_KEY"
SOURCES = ("bps", "oxcgrt")
Tell = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refreshed:
    """What the sources say, by table, and the change that follows; None where nothing does."""

    tables: Mapping[str, Merged]
    change: Draft | None


def update(
    root: Path,
    sources: Iterable[str] = SOURCES,
    *,
    accept: bool = False,
    write: bool = True,
    tell: Tell | None = None,
) -> Refreshed:
    """Hold the tables that have an official source against it, and take what is new.

    Parameters
    ----------
    root : Path
        The project folder.
    sources : iterable of str
        ``bps``, ``oxcgrt``. The key of the BPS WebAPI is read from the environment.
    accept : bool
        Whether revised figures take the place of those on record.
    write : bool
        Whether the change takes its place, or is only shown.
    tell : callable, optional
        Called with ``"start"`` or ``"success"`` and what is fetched.

    Raises
    ------
    ParameterError
        When there is no key for BPS.
    SourceError
        When a source does not answer as documented; nothing is written then.
    DataError
        When the tables are not as sealed, or would not be valid with the new figures.
    """
    sources = tuple(sources)
    key = _key() if "bps" in sources else ""
    resources = read_descriptor(root / RAW)["resources"]
    entries = [
        (table, entry)
        for table in resources
        for entry in table.get("update", ())
        if entry["from"] in sources
    ]
    package.hashes(dict.fromkeys(table["name"] for table, _ in entries), root)
    found: dict[str, dict[str, tuple[Cells, int]]] = {}
    pins: dict[str, str] = {}
    for table, entry in entries:
        cells = _figures(root, table, entry, key=key, pins=pins, tell=tell or (lambda *_: None))
        found.setdefault(table["name"], {})[entry["value"]] = (cells, entry["decimals"])
    merged = {}
    for table in (one for one in resources if one["name"] in found):
        content = (root / RAW / table["path"]).read_bytes()
        origin = table["update"][0]["origin"]
        merged[table["name"]] = merge(table, content, found[table["name"]], origin, accept=accept)
    return Refreshed(
        tables=merged, change=_taken(root, merged, _agreed(entries, merged, pins, accept), write)
    )


def _agreed(
    entries: list[tuple[Any, Any]], merged: Mapping[str, Merged], pins: dict[str, str], accept: bool
) -> dict[str, str]:
    """The hashes of files that agree with the record and had none: they are recorded from now."""
    return {
        entry["url"]: pins[entry["url"]]
        for table, entry in entries
        if entry.get("hash", "") is None
        and (
            accept or not any(one.column == entry["value"] for one in merged[table["name"]].revised)
        )
    }


def _taken(
    root: Path, merged: Mapping[str, Merged], pins: Mapping[str, str], write: bool
) -> Draft | None:
    today = datetime.date.today().isoformat()
    paths = {entry["name"]: entry["path"] for entry in read_descriptor(root / RAW)["resources"]}
    moved = {
        name: one.content
        for name, one in merged.items()
        if one.content != (root / RAW / paths[name]).read_bytes()
    }
    if not moved and not pins:
        return None

    def described(content: dict[str, Any]) -> None:
        for table in content["resources"]:
            if table["name"] in moved:
                table["accessed"] = today
            for entry in table.get("update", ()):
                if entry["url"] in pins:
                    entry["hash"] = pins[entry["url"]]

    def edit(copy: Path) -> None:
        for name, content in moved.items():
            write_whole(copy / RAW / paths[name], content)
        _cite(copy, moved, today)
        edit_descriptor(copy, described)

    with draft(root, edit) as change:
        if write:
            change.commit(root)
    return change


def _cite(copy: Path, names: Iterable[str], today: str) -> None:
    """Enter a source into ``sources.csv`` when its first figures are taken."""
    cited = {
        entry["origin"]["source"]: entry["cite"]
        for table in read_descriptor(copy / RAW)["resources"]
        for entry in table.get("update", ())
        if table["name"] in names and "cite" in entry
    }
    if not cited:
        return
    path = copy / RAW / "sources.csv"
    content = path.read_text(encoding="utf-8")
    for key, cite in cited.items():
        if f"\n{key}," not in content:
            cells = [key, cite["citation"], cite["url"], f"read {today}", cite["licence"], today]
            content += csv_line(cells)
    write_whole(path, content)


def _figures(
    root: Path,
    table: Mapping[str, Any],
    entry: Mapping[str, Any],
    *,
    key: str,
    pins: dict[str, str],
    tell: Tell,
) -> Cells:
    """What one entry's source says."""
    keys = table["schema"]["primaryKey"]
    if entry["from"] == "oxcgrt":
        name = f"OxCGRT, {entry['value']}"
        tell("start", name)
        answer, pins[entry["url"]] = fetch_checked(entry["url"], entry["hash"], source=name)
        countries = package.load(table["name"], root)["country_iso3"].unique()
        cells = oxcgrt_cells(answer, entry, list(countries))
        tell("success", name)
        return cells
    cells, name = {}, f"BPS WebAPI, variable {entry['variable']}"
    tell("start", name)
    names = _names(root, entry)
    try:
        for years in year_groups(entry["first"], datetime.date.today().year):
            source = f"{name}, {years[0]}-{years[-1]}"
            answer = fetch(bps_url(entry, years, key), source=source)
            cells |= bps_cells(answer, entry, keys, names)
    except IkmPmiError as error:
        raise _without(error, key) from None
    if not cells:
        raise SourceError(
            f"{name}: no figures",
            expected=f"figures from {entry['first']} on",
            found="empty pages only",
            where=name,
            todo="see whether BPS has moved the variable; nothing was changed",
        )
    tell("success", name)
    return cells


def _without(error: IkmPmiError, key: str) -> IkmPmiError:
    """The error, should the source have sent the key back in its answer."""
    for part in ("summary", "expected", "found", "where", "todo"):
        setattr(error, part, getattr(error, part).replace(key, "***"))
    error.args = (error.summary,)
    return error


def _names(root: Path, entry: Mapping[str, Any]) -> dict[str, str]:
    """Names of the provinces by every way they are written."""
    if not entry.get("vervar", {}).get("names"):
        return {}
    frame = package.load(entry["vervar"]["names"], root)
    found = {}
    for row in frame.itertuples(index=False):
        others = row.other_names if isinstance(row.other_names, str) else ""
        for label in (row.province, *others.split(";")):
            found[plain(str(label))] = str(row.province)
    return found


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if re.fullmatch(r"[A-Za-z0-9]{8,128}", key, re.ASCII):
        return key
    raise ParameterError(
        "the BPS WebAPI needs a key",
        expected=f"letters and digits in the environment variable {KEY}",
        found="something else" if key else "no such variable",
        where=KEY,
        todo="a key is free at https://webapi.bps.go.id/developer; without one: "
        "ikm-pmi data update oxcgrt",
    )
