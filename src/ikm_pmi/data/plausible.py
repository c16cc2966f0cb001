"""What no schema knows of the raw tables: sums, ratios and ranges that follow from definitions.

A break of a definition is an error; a value outside what has ever been seen is a warning, which
``ikm-pmi data seal`` shows: news is possible, a slip of units (thousands, tenths) likelier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

import pandas as pd

from ikm_pmi.data.report import Problem

__all__ = ["RULES", "Rule"]

Frames = Mapping[str, pd.DataFrame]
Severity = Literal["error", "warning"]
Rule = Callable[[Frames], Iterable[Problem]]

# Beyond these a value is a slip of units rather than news: the largest seen in the sources are
# 25-fold (small industry of a small province) and 24.4 points (India, April 2020).
_FOLD = 50.0
_PMI_POINTS = 25.0
_UNITS = "see whether the source counts in thousands or in other units"
# Ranges of a quotient. BPS calls an establishment micro up to 4 workers, small from 5 to 19, large
# and medium from 20; the others are a factor of two or more beyond the extremes of 2013-2025.
_QUOTIENTS: tuple[tuple[str, str, str, str, float, float, Severity], ...] = (
    ("imk_province", "micro", "workers", "establishments", 1, 4, "error"),
    ("imk_province", "small", "workers", "establishments", 5, 19, "error"),
    ("imk_province", "total", "workers", "establishments", 1, 19, "error"),
    ("imk_province", "", "output_mn_idr", "workers", 3, 1500, "warning"),
    ("imk_province", "", "labour_cost_mn_idr", "workers", 0.2, 150, "warning"),
    ("imk_kbli", "total", "workers", "establishments", 1, 19, "error"),
    ("imk_kbli", "large_medium", "workers", "establishments", 20, 5000, "error"),
    ("imk_kbli", "total", "value_added_mn_idr", "workers", 1.5, 600, "warning"),
    ("imk_kbli", "large_medium", "value_added_mn_idr", "workers", 40, 15_000, "warning"),
    ("imk_kbli", "total", "labour_cost_mn_idr", "workers", 0.2, 100, "warning"),
    ("imk_kbli", "large_medium", "labour_cost_mn_idr", "workers", 10, 300, "warning"),
)
# Ranges of a value by what another column says it is.
_RANGES: Mapping[tuple[str, str], Mapping[str, tuple[float, float]]] = {
    ("announcement", "unit"): {
        "percent": (0.1, 100),
        "index points": (10, 90),
        "persons": (1e6, 1e8),
        "establishments": (1e5, 1e8),
        "enterprises": (1, 1000),
    },
    ("area_weights", "unit"): {
        "pct": (0.1, 100),
        "trillion IDR": (10, 10_000),
        "persons": (1e5, 1e9),
    },
    ("bumn_umkm", "unit"): {
        "percent": (0.1, 100),
        "tn IDR": (0.1, 2000),
        "bn IDR": (1, 10_000),
        "enterprises": (1, 10_000),
        "units": (1e4, 1e7),
    },
    ("deflators", "unit"): {"percent": (-10, 80), "2010 = 100": (50, 500)},
    ("manufacturing_quarterly", "measure"): {
        "level_bn_idr": (5000, 2e7),
        "yoy_growth_pct": (-30, 30),
        "yoy_growth_pct_alt": (-30, 30),
        "qtq_growth_pct": (-30, 30),
    },
}
_SHARES = {"industry_rules": "allowed_onsite_share", "regime_spells": "share_of_area"}
_ORDERED = (
    ("regime_spells", "start", "end"),
    ("industry_rules", "start", "end"),
    ("ppkm_timeline", "start", "end"),
    ("lebaran", "eid_start", "eid_end"),
    ("io_multipliers", "output_multiplier_min_province", "output_multiplier_national_weighted"),
    ("io_multipliers", "output_multiplier_national_weighted", "output_multiplier_max_province"),
)


def _cells(
    file: str, values: pd.Series, expected: str, todo: str, severity: Severity = "error"
) -> Iterator[Problem]:
    """A problem for each value of a column; the index is the frame's own, from 0."""
    for position, value in values.items():
        yield Problem(
            file=file,
            row=int(str(position)) + 2,
            column=str(values.name),
            expected=expected,
            found=f"{value:,}" if isinstance(value, int) else str(value),
            todo=todo,
            severity=severity,
        )


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
    for position in frame.index[wrong]:
        expected = f"output less input: {made[position]:,}"
        cell = frame.value_added_mn_idr[[position]]
        yield from _cells("imk_province.csv", cell, expected, "correct one of the three cells")


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
        frame = frames["pmi_headline"]
        ordered = frame.sort_values(["country_iso3", "month"])
        series = ordered.groupby("country_iso3")
        months = pd.Series(pd.PeriodIndex(ordered.month).year * 12, index=ordered.index)
        months += pd.PeriodIndex(ordered.month).month
        jump = series.pmi.diff().abs()[months.groupby(ordered.country_iso3).diff() == 1]
        odd = frame.pmi.loc[jump.index[jump > _PMI_POINTS].sort_values()]
        expected = f"within {_PMI_POINTS:.0f} points of the month before"
        yield from _cells("pmi_headline.csv", odd, expected, "compare with the source", "warning")


def _in_range(frames: Frames) -> Iterator[Problem]:
    for (name, key), ranges in _RANGES.items():
        for kind, (low, high) in ranges.items() if name in frames else ():
            value = frames[name].value[frames[name][key] == kind]
            expected = f"{low:,g} to {high:,g} ({kind})"
            odd = value[~value.between(low, high)]
            yield from _cells(f"{name}.csv", odd, expected, _UNITS, "warning")
    for name, scale, over, under, low, high, severity in _QUOTIENTS:
        if name in frames:
            frame = frames[name]
            rows = frame[(frame.scale == scale) | (not scale)].dropna(subset=[over, under])
            rows = rows[rows[under] > 0]
            ratio = rows[over].astype(float) / rows[under].astype(float)
            expected = f"{low:,g} to {high:,g} times {under}"
            odd = rows[over][~ratio.between(low, high)]
            yield from _cells(f"{name}.csv", odd, expected, _UNITS, severity)


def _shares(frames: Frames) -> Iterator[Problem]:
    if "industry_classes" in frames:
        frame = frames["industry_classes"]
        total = frame.groupby("subsector").share.transform("sum")
        odd = frame.share[(total - 1).abs() > 1e-6]
        expected, todo = "shares of a subsector that sum to one", "correct the subsector's rows"
        yield from _cells("industry_classes.csv", odd, expected, todo)
    for name, column in _SHARES.items():
        if name in frames:
            share = frames[name][column]
            expected = "0, or a share of at least 0.01"
            yield from _cells(
                f"{name}.csv",
                share[share.between(0, 0.01, "neither")],
                expected,
                "write a share of one, not of a hundred",
                "warning",
            )


def _in_order(frames: Frames) -> Iterator[Problem]:
    for name, first, second in _ORDERED:
        if name in frames:
            frame = frames[name]
            odd = frame[second][frame[second] < frame[first]]
            todo = "correct one of the two columns"
            yield from _cells(f"{name}.csv", odd, f"not below {first}", todo)


def _leave_counted(frames: Frames) -> Iterator[Problem]:
    if "lebaran" in frames:
        frame = frames["lebaran"]
        dates = frame.collective_leave_dates.str.count(" ") + 1
        odd = frame.collective_leave_days[dates != frame.collective_leave_days]
        expected = "as many days as collective_leave_dates lists"
        yield from _cells("lebaran.csv", odd, expected, "correct one of the two columns")
        for column in ("eid_start", "eid_end"):
            odd = frame[column][frame[column].dt.year != frame.year]
            yield from _cells("lebaran.csv", odd, "a day of the row's year", "correct the date")
        days = frame.collective_leave_dates.str.split().explode()
        read = pd.to_datetime(days, format="%Y-%m-%d", errors="coerce")
        odd = days[read.isna() | (read.dt.year != frame.year.reindex(days.index))]
        yield from _cells("lebaran.csv", odd, "days of the row's year", "correct the dates")


RULES: tuple[Rule, ...] = (
    _scales_add_up,
    _usual,
    _in_range,
    _shares,
    _in_order,
    _leave_counted,
)
