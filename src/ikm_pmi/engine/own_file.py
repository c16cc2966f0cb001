"""A reader's own licensed file in the place of values that a package leaves out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikm_pmi.data.atomic import digest
from ikm_pmi.data.package import RAW, find_root, read_descriptor
from ikm_pmi.data.series import table_bytes
from ikm_pmi.engine.months import change_tables
from ikm_pmi.errors import DataError, ParameterError, named
from ikm_pmi.language import say
from ikm_pmi.study import WITHHELD

#: Where an entry of ``datapackage.json`` says that a reader's file stands in the table.
_OWN = "ownFile"


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """What was taken: rows of the file, rows kept from before, rows left out for want of a value.

    ``whole`` says that the file is the sealed table itself, byte for byte.
    """

    table: str
    hash: str
    taken: int
    kept: int
    left_out: int
    whole: bool

    def sentence(self) -> str:
        """What now stands in the table."""
        if self.whole:
            return f"{self.table}: the file is the sealed table ({self.hash})"
        return (
            f"{self.table}: {self.taken} rows from your file ({self.hash}), {self.kept} kept as "
            f"they were, {self.left_out} without a value left out; results will say that they rest "
            f"on it"
        )


def use(root: Path, name: str, file: Path) -> Used:
    """Put the values of a reader's file into a table; check, seal and build, all or nothing.

    Parameters
    ----------
    root : Path
        The project folder.
    name : str
        Of ``study.WITHHELD``, such as ``pmi``.
    file : Path
        A csv with the key of the table and its value (``country_iso3``, ``month``, ``pmi``);
        further columns of the table, such as ``source``, are taken where they are there.

    Raises
    ------
    ParameterError
        When nothing is called so.
    DataError
        When the file cannot be read, lacks a column, has a value that is none or a period twice.
    """
    taken = named(WITHHELD, name, what="value to bring", where="data use", error=ParameterError)
    table, value = taken.table, taken.columns[0]
    entry = next(e for e in read_descriptor(root / RAW)["resources"] if e["name"] == table)
    content = file.read_bytes() if file.is_file() else None
    if content is None:
        raise DataError("no such file", expected="a csv file", found=str(file), todo="correct it")
    own, whole = digest(content), digest(content) == entry["hash"]
    key, old = entry["schema"]["primaryKey"], _rows(root / RAW / entry["path"])
    known = {tuple(row[k] for k in key): row for row in old}
    given = {} if whole else _given(file, entry, value)
    said = {"source": f"the reader's own licensed file, {own}", "source_url": file.name}
    said["vintage"] = "unknown"
    kept = {place: row for place, row in known.items() if place not in given and row[value]}
    rows = kept | {k: said | {c: v for c, v in row.items() if v} for k, row in given.items()}

    def recorded(one: dict[str, Any]) -> None:
        one.pop(_OWN, None)
        if not whole:
            one[_OWN] = {"name": file.name, "hash": own, "rows": len(given)}

    text = content if whole else table_bytes(entry, [rows[place] for place in sorted(rows)])
    change_tables(root, {entry["path"]: text}, recorded, unsealed=[table])
    return Used(
        table=table,
        hash=own,
        taken=len(old) if whole else len(given),
        kept=0 if whole else len(kept),
        left_out=0 if whole else len(set(known) - set(given)) - len(kept),
        whole=whole,
    )


def notes(root: Path | None = None) -> list[str]:
    """For every result: which tables hold a reader's own file."""
    entries = read_descriptor((root or find_root()) / RAW)["resources"]
    note = "These results rest on the reader's own file for {} ({})."
    return [say(note, entry["name"], entry[_OWN]["hash"]) for entry in entries if _OWN in entry]


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # a spreadsheet marks its UTF-8
        return list(csv.DictReader(io.StringIO(re.sub(r"\Asep=,\n", "", text))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            "no csv in UTF-8", expected="one", found=str(error), where=path.name, todo="save it so"
        ) from None


def _given(
    file: Path, entry: Mapping[str, Any], value: str
) -> dict[tuple[str, ...], dict[str, str]]:
    """The rows of a reader's file by key; what else their cells must be, the seal checks."""
    key, found = entry["schema"]["primaryKey"], {}
    names, rows = {item["name"] for item in entry["schema"]["fields"]}, _rows(file)
    if rows and not {*key, value} <= rows[0].keys():
        raise DataError(
            "the file lacks a column",
            expected="columns divided by commas, among them " + ", ".join((*key, value)),
            found=", ".join(map(str, rows[0])),
            where=f"{file.name}, row 1",
            todo="save it as csv with commas (UTF-8) and these heads; nothing was changed",
        )
    for line, row in enumerate(rows, start=2):
        place = tuple(row.get(name) or "" for name in key)
        number = re.fullmatch(r"\d+(\.\d+)?", row.get(value) or "")
        if not number or not all(place) or place in found or None in row or None in row.values():
            heads = ", ".join((*key, value))
            raise DataError(
                "a row of the file is refused",
                expected=f"{heads}, each period once, decimals with a point",
                found=", ".join(map(str, row.values())),
                where=f"{file.name}, row {line}",
                todo="correct the file (csv, UTF-8, with these heads); nothing was changed",
            )
        found[place] = {name: cell or "" for name, cell in row.items() if name in names}
    if not found:
        raise DataError("no rows", expected="some", found="none", where=file.name, todo="add them")
    return found
