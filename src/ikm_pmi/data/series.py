"""Series of the raw tables that a new month, quarter or year can be added to.

Which they are is said in ``datapackage.json``: a table's ``extend`` names each series, the columns
that hold its period, the column of its value, and what the other columns of its rows say. No table
has code of its own.
"""

from __future__ import annotations

import csv
import datetime
import difflib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ikm_pmi.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Entry", "Series", "csv_line", "find_series", "period_cells", "read_number", "register"]

_FORMS = {
    "M": (r"\d{4}-(0[1-9]|1[0-2])", "a month as YYYY-MM, such as 2026-08"),
    "Q": (r"\d{4}-?[Qq][1-4]", "a quarter as YYYYQn, such as 2026Q2"),
    "Y": (r"\d{4}", "a year, such as 2025"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One series of a raw table.

    Parameters
    ----------
    table : mapping
        The table's entry in ``datapackage.json``.
    period : tuple of str
        Columns that hold the period: a month, a year and a quarter, or a year.
    value : str
        Column of the figure.
    row : mapping of str to str
        What the other columns say in every new row.
    """

    name: str
    title: str
    table: Mapping[str, Any]
    period: tuple[str, ...]
    value: str
    row: Mapping[str, str]

    @property
    def freq(self) -> str:
        """``M``, ``Q`` or ``Y``."""
        kinds = {item["name"]: item["type"] for item in self.table["schema"]["fields"]}
        if kinds[self.period[0]] == "yearmonth":
            return "M"
        return "Q" if len(self.period) == 2 else "Y"

    @property
    def key(self) -> dict[str, str]:
        """What tells this series from the others of its table."""
        return {
            name: self.row[name]
            for name in self.table["schema"]["primaryKey"]
            if name not in self.period
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A figure as it was given: texts, none of them checked yet.

    Parameters
    ----------
    read_on : date
        Day the source was read.
    settings : mapping of str to str
        Cells that differ from the series' own (another country, a note).
    force : bool
        Whether a figure that looks unusual is meant.
    """

    period: str
    value: str
    source: str
    address: str
    read_on: datetime.date
    settings: Mapping[str, str]
    force: bool = False


def register(package: Mapping[str, Any]) -> dict[str, Series]:
    """The series that can be extended, by name."""
    return {
        item["name"]: Series(
            name=item["name"],
            title=item["title"],
            table=table,
            period=tuple(item["period"]),
            value=item["value"],
            row=item["row"],
        )
        for table in package["resources"]
        for item in table.get("extend", ())
    }


def find_series(package: Mapping[str, Any], name: str, settings: Mapping[str, str]) -> Series:
    """A registered series, with cells that are set otherwise.

    Raises
    ------
    DataError
        When the name is not registered, or a setting names no column that may be set.
    """
    known = register(package)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        raise DataError(
            f"no series is called {name!r}",
            expected="one of " + ", ".join(known),
            found=name,
            where="datapackage.json, extend",
            todo=f"did you mean {near[0]!r}?" if near else "see: ikm-pmi data add --help",
        )
    series = known[name]
    columns = [item["name"] for item in series.table["schema"]["fields"]]
    own = {*series.period, series.value, "source", "source_url"}
    free = [column for column in columns if column not in own]
    unknown = [column for column in settings if column not in free]
    if unknown:
        raise DataError(
            f"column {unknown[0]!r} cannot be set",
            expected="one of " + ", ".join(free),
            found=unknown[0],
            where=f"--set, table {series.table['path']}",
            todo="correct the name of the column",
        )
    return Series(
        name=name,
        title=series.title,
        table=series.table,
        period=series.period,
        value=series.value,
        row={**series.row, **settings},
    )


def read_number(text: str) -> str:
    """A figure as a cell holds it; ``51,2`` is read as 51.2.

    Raises
    ------
    DataError
        When the text is no plain decimal number; thousands are not guessed.
    """
    plain = text.strip().replace("−", "-")
    if not re.fullmatch(r"[-+]?\d+([.,]\d+)?", plain, re.ASCII):
        raise DataError(
            "the value is no plain number",
            expected="digits with at most one decimal point or comma, such as 51.2 or 51,2",
            found=repr(text),
            where="the value",
            todo="write it without unit, thousands separator or exponent",
        )
    return plain.replace(",", ".").removeprefix("+")


def read_period(text: str, freq: str) -> pd.Period:
    """The period that a text names.

    Raises
    ------
    DataError
        When it has another form than the series' periods.
    """
    import pandas as pd

    form, example = _FORMS[freq]
    if not re.fullmatch(form, text.strip(), re.ASCII):
        raise DataError(
            f"{text!r} is no period of this series",
            expected=example,
            found=repr(text),
            where="the period",
            todo="correct the period",
        )
    return pd.Period(text.strip().upper(), freq=freq)


def period_cells(period: pd.Period, columns: tuple[str, ...]) -> dict[str, str]:
    """A period as the cells of a table hold it."""
    if len(columns) == 2:
        return {columns[0]: str(period.year), columns[1]: str(period.quarter)}
    return {columns[0]: str(period)}


def history(series: Series, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of one series: index period, columns of the table, in time order; ``at`` the place.

    ``frame`` is the table with every cell as text.
    """
    import pandas as pd

    own = frame.assign(at=range(len(frame)))
    for column, value in series.key.items():
        own = own[own[column] == value]
    if series.freq == "Q":
        own = own[own[series.period[1]].isin(list("1234"))]
        labels = own[series.period[0]] + "Q" + own[series.period[1]]
    else:
        labels = own[series.period[0]]
    return own.set_axis(pd.PeriodIndex(labels, freq=series.freq), axis=0).sort_index()


def csv_line(cells: list[str]) -> str:
    """One row as the tables are written, with its line end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
