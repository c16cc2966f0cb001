"""Figures of an official source beside those on record: what agrees, is new, or is revised."""

from __future__ import annotations

import bisect
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ikm_pmi.data.series import csv_line

__all__ = ["Merged", "Moved", "merge"]


@dataclass(frozen=True, slots=True)
class Moved:
    """One cell that the source says otherwise, or that is new (``old`` is then empty)."""

    row: str
    column: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """A table beside what a source says.

    Parameters
    ----------
    content : bytes
        The table with new figures, and with revised ones where they are accepted.
    agree : int
        Cells that say the same.
    """

    content: bytes
    agree: int
    new: tuple[Moved, ...]
    revised: tuple[Moved, ...]


def merge(
    table: Mapping[str, Any],
    content: bytes,
    figures: Mapping[str, tuple[Mapping[tuple[str, ...], str], int]],
    origin: Mapping[str, str],
    *,
    accept: bool,
) -> Merged:
    """Put a source's figures beside a table's.

    Parameters
    ----------
    table : mapping
        The table's entry in ``datapackage.json``.
    content : bytes
        The table as it is.
    figures : mapping of str to (mapping, int)
        For each column: key of a row → text, and the decimals to which texts are compared.
    origin : mapping of str to str
        Cells that name the source, for rows that are new or revised.
    accept : bool
        Whether revised figures take the place of those on record.
    """
    columns = [item["name"] for item in table["schema"]["fields"]]
    places = [columns.index(name) for name in table["schema"]["primaryKey"]]
    head, *lines = content.decode("utf-8").splitlines(keepends=True)
    rows = {_key(cells, places): cells for cells in csv.reader(lines)}
    order = list(rows)
    agree = 0
    new: list[Moved] = []
    revised: list[Moved] = []
    touched: set[tuple[str, ...]] = set()
    for column, (cells, decimals) in figures.items():
        at = columns.index(column)
        for key, text in cells.items():
            if key not in rows:
                rows[key] = _empty(columns, places, key, origin)
                bisect.insort(order, key)
                touched.add(key)
            old = rows[key][at]
            if old and f"{float(old):.{decimals}f}" == f"{float(text):.{decimals}f}":
                agree += 1
                continue
            (revised if old else new).append(Moved(", ".join(key), column, old, text))
            if not old or accept:
                rows[key][at] = text
                _say_where_from(columns, rows[key], origin, f"{column} was {old}" if old else "")
                touched.add(key)
    kept = dict(zip(map(tuple, _keys(lines, places)), lines, strict=True))
    body = [csv_line(rows[key]) if key in touched else kept[key] for key in order]
    return Merged(
        content="".join([head, *body]).encode(),
        agree=agree,
        new=tuple(new),
        revised=tuple(revised),
    )


def _keys(lines: list[str], places: list[int]) -> list[tuple[str, ...]]:
    return [_key(cells, places) for cells in csv.reader(lines)]


def _key(cells: list[str], places: list[int]) -> tuple[str, ...]:
    return tuple(cells[place] for place in places)


def _empty(
    columns: list[str], places: list[int], key: tuple[str, ...], origin: Mapping[str, str]
) -> list[str]:
    cells = [origin.get(name, "") for name in columns]
    for place, value in zip(places, key, strict=True):
        cells[place] = value
    return cells


def _say_where_from(
    columns: list[str], cells: list[str], origin: Mapping[str, str], note: str
) -> None:
    """Name the source of a row that changes; what a revised cell said stays in the note."""
    for name, value in origin.items():
        if note and name == "source":
            note += f" ({cells[columns.index(name)]})"
        cells[columns.index(name)] = value
    if note and "note" in columns:
        at = columns.index("note")
        cells[at] = "; ".join(filter(None, (cells[at], note)))
