"""Series of the raw tables that a new month, quarter or year can be added to.

Which they are is said in ``datapackage.json``: a table's ``extend`` names each series, the columns
that hold its period, the column of its value, and what the other columns of its rows say. No table
has code of its own. A new figure is checked against what is on record, then written as a row.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ikm_pmi.errors import DataError, named

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
        item["name"]: Series(**{**item, "table": table, "period": tuple(item["period"])})
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
    place = "datapackage.json, extend; ikm-pmi data add --help"
    series = named(register(package), name, what="series", where=place, error=DataError)
    own = {*series.period, series.value, "source", "source_url"}
    columns = [item["name"] for item in series.table["schema"]["fields"]]
    free = dict.fromkeys(column for column in columns if column not in own)
    for column in settings:
        place = f"--set, table {series.table['path']}"
        named(free, column, what="column to be set", where=place, error=DataError)
    return replace(series, row={**series.row, **settings})


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


def table_bytes(table: Mapping[str, Any], rows: Iterable[Mapping[str, str]]) -> bytes:
    """A whole table as it is written, by its entry in ``datapackage.json``."""
    columns = [item["name"] for item in table["schema"]["fields"]]
    lines = (csv_line([row.get(name, "") for name in columns]) for row in rows)
    return "".join([csv_line(columns), *lines]).encode()


NO_ADDRESS = "address not given"


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """One new row, and the table with it.

    Parameters
    ----------
    before : str
        The period before it on record and its figure, for reading.
    content : bytes
        The whole table with the row in its place.
    """

    series: Series
    period: pd.Period
    row: dict[str, str]
    before: str
    content: bytes


def add_row(series: Series, entry: Entry, content: bytes) -> Addition:
    """Check a figure and put its row into the table.

    Parameters
    ----------
    series : Series
        Where it belongs.
    entry : Entry
        The figure as it was given.
    content : bytes
        The table as it is.

    Raises
    ------
    DataError
        When value, period or source are refused; when the period is on record; and, unless it is
        forced, when the period does not follow the last one or the figure moves further than the
        series ever did.
    """
    value = read_number(entry.value)
    period = read_period(entry.period, series.freq)
    source = _source(entry)
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    known = history(series, table)
    if period.start_time.date() > entry.read_on:
        raise DataError(
            f"{period} has not begun",
            expected=f"a period that had begun on {entry.read_on:%Y-%m-%d}",
            found=str(period),
            where="the period",
            todo="correct the period, or say with --date when the source was read",
        )
    if period in known.index:
        _on_record(series, known.loc[[period]].iloc[0], period)
    doubt = next(_doubts(series, known, period, float(value)), None)
    if doubt and not entry.force:
        expected, found = doubt
        raise DataError(
            f"{series.title}: {value} for {period} looks unusual",
            expected=expected,
            found=found,
            where=f"{series.table['path']}, {period}",
            todo="compare with the source; if it is right, give the command again with --force",
        )
    cells = {
        **series.row,
        **period_cells(period, series.period),
        series.value: value,
        "source": source,
        "source_url": entry.address.strip() or NO_ADDRESS,
    }
    row = {name: cells.get(name, "") for name in table.columns}
    earlier = known[known.index < period]
    last = f"{earlier.index[-1]}: {earlier[series.value].iloc[-1]}" if len(earlier) else "none"
    # Lines and rows agree: a cell with a line break is refused when the table is sealed.
    # At line feeds alone: splitlines() would also cut a cell in two at U+2028 or U+0085.
    lines = re.findall(r"[^\n]*\n", content.decode("utf-8"))
    if len(earlier):
        place = int(earlier["at"].iloc[-1]) + 2
    else:
        place = int(known["at"].iloc[0]) + 1 if len(known) else len(lines)
    lines.insert(place, csv_line(list(row.values())))
    whole = "".join(lines).encode()
    return Addition(series=series, period=period, row=row, before=last, content=whole)


def _source(entry: Entry) -> str:
    text = " ".join(entry.source.split())
    if len(re.findall(r"\w", text)) < 3:
        raise DataError(
            "the figure has no source",
            expected="who published it and when, such as: S&P Global release, 1 Sep 2026",
            found=repr(entry.source),
            where="--source",
            todo="name the source; a figure without one is not added",
        )
    return text


def _on_record(series: Series, row: pd.Series, period: pd.Period) -> None:
    raise DataError(
        f"{period} is on record",
        expected="a period without a figure",
        found=f"{row[series.value] or 'a row without figure'} ({row['source']})",
        where=f"{series.table['path']}, row {int(row['at']) + 2}",
        todo="correct the row by hand if it is wrong, then: ikm-pmi data seal, ikm-pmi data build",
    )


def _doubts(
    series: Series, known: pd.DataFrame, period: pd.Period, value: float
) -> Iterator[tuple[str, str]]:
    """What is unusual about a figure: what is expected, and what is found."""
    if not len(known):
        return
    last = known.index[-1]
    if not known.index[0] < period <= last + 1:
        yield f"{last + 1}, which follows the last one, or a gap before it", str(period)
    figures = known[series.value].loc[lambda s: s != ""].astype(float)
    follows = pd.PeriodIndex(figures.index).asi8
    steps = figures.diff()[pd.Series(follows, figures.index).diff() == 1].dropna().abs()
    if not len(steps):
        return
    for beside in (period - 1, period + 1):
        figure = figures.get(beside)
        if figure is not None and abs(value - figure) > steps.max() + 1e-9:
            yield (
                f"at most {steps.max():.4g} from {beside} ({figure:g}); the largest move on "
                f"record is that of {steps.idxmax()}",
                f"a move of {abs(value - figure):.4g}",
            )


def parse_date(text: str | None) -> datetime.date:
    """The day a source was read; today where none is given.

    Raises
    ------
    DataError
        When the text is no date, or the day has not come.
    """
    today = datetime.date.today()
    try:
        day = datetime.date.fromisoformat(text) if text else today
    except ValueError:
        day = datetime.date.max
    if day > today:
        raise DataError(
            "the date is refused",
            expected=f"a day up to {today:%Y-%m-%d}, as YYYY-MM-DD",
            found=repr(text),
            where="--date",
            todo="correct the date on which the source was read",
        )
    return day
