"""What no schema knows of the raw tables: sums, ratios and ranges that follow from definitions.

A break of a definition is an error; a value outside what has ever been seen is a warning, which
``ikm-pmi data seal`` shows: news is possible, a slip of units (thousands, tenths) likelier. Ranges
are rows of ``plausible.csv``, beside this module: a factor of two or more beyond the extremes of
2013-2025; BPS calls an establishment micro up to 4 workers, small from 5 to 19, large and medium
from 20.
"""

from __future__ import annotations

import csv
import io
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from ikm_pmi.errors import Problem, Severity

Frames = Mapping[str, pd.DataFrame]
Rule = Callable[[Frames], Iterable[Problem]]

# The largest seen in the sources are 25-fold (small industry of a small province) and 24.4 points
# (India, April 2020).
_FOLD = 50.0
_PMI_POINTS = 25.0
_UNITS = "see whether the source counts in thousands or in other units"


def _cells(
    file: str, values: pd.Series, expected: str, todo: str, severity: Severity = "error"
) -> Iterator[Problem]:
    """A problem for each value of a column; the index is the frame's own, from 0."""
    for position, value in values.items():
        found = f"{value:,}" if isinstance(value, int) else str(value)
        row = int(str(position)) + 2
        yield Problem(file, expected, found, todo, row, str(values.name), severity)


def _in_range(frames: Frames) -> Iterator[Problem]:
    table = pkgutil.get_data("ikm_pmi.data", "plausible.csv") or b""
    for rule in csv.DictReader(io.StringIO(table.decode())):
        if (frame := frames.get(rule["table"])) is None:
            continue
        rows = frame[frame[rule["where"]] == rule["is"]] if rule["where"] else frame
        value, per = rows[rule["column"]], rule["per"]
        if other := rule["not_below"]:
            odd = value < rows[other]
            expected, todo = f"not below {other}", "correct one of the two columns"
        else:
            low, high = float(rule["low"]), float(rule["high"])
            ratio = value / rows[per].where(rows[per] > 0) if per else value
            odd = (ratio < low) | (ratio > high)
            odd &= (value != float(rule["or"])) if rule["or"] else True
            expected = f"{low:,g} to {high:,g}" + (f" times {per}" if per else f" {rule['is']}")
            todo = _UNITS
        severity: Any = rule["severity"]
        named = value[odd.fillna(False).astype(bool)]
        yield from _cells(f"{rule['table']}.csv", named, expected, todo, severity)


def _scales_add_up(frames: Frames) -> Iterator[Problem]:
    if "imk_province" not in frames:
        return
    frame = frames["imk_province"]
    for column in ("establishments", "workers", "output_mn_idr"):
        keys = [frame.province, frame.year]
        parts = frame[column].where(frame.scale != "total", 0).groupby(keys).transform("sum")
        count = frame.groupby(["province", "year"]).scale.transform("count")
        wrong = (frame.scale == "total") & (count == 3) & (parts != frame[column])
        for position in frame.index[wrong]:
            expected = f"micro and small together: {parts[position]:,}"
            todo = "correct the cell, or one of the two it sums; a note keeps it as an exception"
            noted: Severity = "error" if pd.isna(frame.note[position]) else "warning"
            yield from _cells("imk_province.csv", frame[column][[position]], expected, todo, noted)
    made = frame.output_mn_idr - frame.input_mn_idr
    wrong = (frame.value_added_mn_idr - made).abs().gt(2).fillna(False)
    expected, todo = "output less input, within rounding", "correct one of the three cells"
    yield from _cells("imk_province.csv", frame.value_added_mn_idr[wrong], expected, todo)


def _usual(frames: Frames) -> Iterator[Problem]:
    if "imk_province" in frames:
        frame = frames["imk_province"]
        for column in ("establishments", "workers", "output_mn_idr"):
            usual = frame.groupby(["province", "scale"])[column].transform("median")
            ratio = frame[column] / usual
            odd = frame[column][(ratio > _FOLD) | (ratio < 1 / _FOLD)]
            expected = f"within {_FOLD:.0f} times the median of the province's other years"
            yield from _cells("imk_province.csv", odd, expected, _UNITS, "warning")
    if "pmi_headline" in frames:
        ordered = frames["pmi_headline"].sort_values(["country_iso3", "month"])
        months = pd.PeriodIndex(ordered.month)
        count = pd.Series(months.year * 12 + months.month, ordered.index)
        own = ordered.country_iso3
        jump = ordered.groupby(own).pmi.diff().abs() > _PMI_POINTS
        odd = ordered.pmi[jump & (count.groupby(own).diff() == 1)].sort_index()
        expected = f"within {_PMI_POINTS:.0f} points of the month before"
        yield from _cells("pmi_headline.csv", odd, expected, "compare with the source", "warning")


def _classes_add_up(frames: Frames) -> Iterator[Problem]:
    if "industry_classes" in frames:
        frame = frames["industry_classes"]
        total = frame.groupby("subsector").share.transform("sum")
        odd = frame.share[(total - 1).abs() > 1e-6]
        expected, todo = "shares of a subsector that sum to one", "correct the subsector's rows"
        yield from _cells("industry_classes.csv", odd, expected, todo)


def _leave_counted(frames: Frames) -> Iterator[Problem]:
    if "lebaran" in frames:
        frame, file = frames["lebaran"], "lebaran.csv"
        dates = frame.collective_leave_dates.str.count(" ") + 1
        odd = frame.collective_leave_days[dates != frame.collective_leave_days]
        expected = "as many days as collective_leave_dates lists"
        yield from _cells(file, odd, expected, "correct one of the two columns")
        days = frame.collective_leave_dates.str.split().explode()
        read = pd.to_datetime(days, format="%Y-%m-%d", errors="coerce")
        for said, when in (
            (frame.eid_start, frame.eid_start),
            (frame.eid_end, frame.eid_end),
            (days, read),
        ):
            odd = said[when.isna() | (when.dt.year != frame.year.reindex(said.index))]
            yield from _cells(file, odd, "days of the row's year", "correct the date")


RULES: tuple[Rule, ...] = (_scales_add_up, _usual, _in_range, _classes_add_up, _leave_counted)
