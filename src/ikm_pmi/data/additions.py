"""A new figure of a series: checked against what is on record, then written as a row."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ikm_pmi.data.series import Entry, Series, csv_line, history, period_cells, read_number
from ikm_pmi.data.series import read_period as _read_period
from ikm_pmi.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NO_ADDRESS", "Addition", "add_row"]

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
    import pandas as pd

    value = read_number(entry.value)
    period = _read_period(entry.period, series.freq)
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
    doubts = list(_doubts(series, known, period, float(value)))
    if doubts and not entry.force:
        expected, found = doubts[0]
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
    lines = content.decode("utf-8").splitlines(keepends=True)
    place = int(earlier["at"].iloc[-1]) + 2 if len(earlier) else _first_place(known, len(lines))
    lines.insert(place, csv_line(list(row.values())))
    return Addition(
        series=series,
        period=period,
        row=row,
        before=last,
        content="".join(lines).encode(),
    )


def _first_place(known: pd.DataFrame, lines: int) -> int:
    return int(known["at"].iloc[0]) + 1 if len(known) else lines


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
    steps = figures.diff()[figures.index.to_series().diff().map(_is_one)].dropna().abs()
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


def _is_one(step: object) -> bool:
    return getattr(step, "n", None) == 1


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
