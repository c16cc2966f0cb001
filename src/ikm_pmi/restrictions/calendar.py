"""The calendar of restrictions: its two tables, their consistency, and their days.

A spell says which regime was in force in an area; a rule says what share of factory staff a level
or regime allowed on site. `check_calendar` finds what keeps them from being one calendar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError

# Regencies and cities in each area (Databoks, August 2021; SINDOnews, 26 April 2022).
AREAS: Mapping[str, int] = MappingProxyType({"java_bali": 128, "outside_java_bali": 386})
REGIMES: tuple[str, ...] = (
    "none",
    "psbb",
    "psbb_transisi",
    "psbb_ketat",
    "ppkm_jawa_bali",
    "ppkm_mikro",
    "ppkm_darurat",
    "ppkm_level",
)
CLASSES: tuple[str, ...] = ("critical", "export", "non_essential")
READINGS = ("low", "high")
#: PSBB was Jakarta's first: its rules are rows of their own, those of java_bali are the rest's.
CAPITAL = "jakarta"
# What a rule can apply to: a regime, or one of the four levels; the first is "no rule".
KINDS: tuple[str, ...] = (*REGIMES[:-1], "1", "2", "3", "4")

SPELLS, RULES = "regime_spells.csv", "industry_rules.csv"
_COUNTS = ["n_level1", "n_level2", "n_level3", "n_level4"]
_EITHER = "n_level3_or_4"

Array = np.ndarray[Any, np.dtype[np.float64]]


def check_calendar(regime_spells: pd.DataFrame, industry_rules: pd.DataFrame) -> list[DataError]:
    """Find what keeps the two tables from being one calendar.

    Parameters
    ----------
    regime_spells : DataFrame
        One row a spell: ``start``, ``end`` (last day included), ``area``, ``regime``,
        ``n_level1`` ... ``n_level4`` and ``n_level3_or_4`` (regencies; the last at level 4 in the
        low reading, at level 3 in the high) and ``share_of_area`` (0-1).
    industry_rules : DataFrame
        One row a rule: ``start``, ``end``, ``area``, ``level``, ``industry_class``,
        ``onsite_low`` and ``onsite_high`` (0-1), ``assumed``.

    Returns
    -------
    list of DataError
        Not raised: rows that cannot be read; else overlaps, gaps, areas that differ in their
        span and counts that do not sum; else missing and double rules. Empty when all is well.
    """
    try:
        spells, rules = dated(regime_spells, SPELLS), dated(industry_rules, RULES)
    except DataError as error:
        return [error]
    problems = [
        *unknown(spells, "area", tuple(AREAS), SPELLS),
        *unknown(spells, "regime", REGIMES, SPELLS),
        *unknown(rules, "area", (CAPITAL, *AREAS), RULES),
        *unknown(rules, "level", KINDS[1:], RULES),
        *unknown(rules, "industry_class", CLASSES, RULES),
    ]
    blank = spells["share_of_area"].isna() & spells["regime"].str.startswith("psbb")
    problems = problems or [
        *_share_problems(spells[~blank], "share_of_area", SPELLS),
        *(p for end in READINGS for p in _share_problems(rules, f"onsite_{end}", RULES)),
        *_reading_problems(rules),
    ]
    problems = problems or [*_sequence_problems(spells), *_count_problems(spells)]
    areas = (CAPITAL, *AREAS)
    return problems or [p for area in areas for p in _rule_problems(spells, rules, area)]


def dated(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The table with ``start`` and ``end`` as dates.

    Raises
    ------
    DataError
        When a date cannot be read, or a row ends before it starts.
    """
    dates = {name: pd.to_datetime(frame[name], errors="coerce") for name in ("start", "end")}
    for name, column in dates.items():
        if column.isna().any():
            row = int(column.isna().to_numpy().argmax())
            raise DataError(
                "a date cannot be read",
                expected="a date written YYYY-MM-DD",
                found=repr(frame[name].iloc[row]),
                where=f"{table}, row {row + 2}, column {name}",
                todo="correct the date",
            )
    late = (dates["end"] < dates["start"]).to_numpy()
    if late.any():
        row = int(late.argmax())
        raise DataError(
            "a spell ends before it starts",
            expected="an end on or after the start",
            found=f"{frame['start'].iloc[row]} to {frame['end'].iloc[row]}",
            where=f"{table}, row {row + 2}, column end",
            todo="correct one of the two dates",
        )
    return frame.assign(**dates).reset_index(drop=True)


def unknown(
    frame: pd.DataFrame, column: str, allowed: Sequence[str], table: str
) -> list[DataError]:
    """An error for each value of a column that is not in the closed set."""
    values = frame[column].astype(str).to_numpy()
    return [
        DataError(
            f"unknown {column.replace('_', ' ')} {values[row]!r}",
            expected="one of " + ", ".join(allowed),
            found=str(values[row]),
            where=f"{table}, row {row + 2}, column {column}",
            todo="correct the value",
        )
        for row in np.flatnonzero(~np.isin(values, allowed))
    ]


def days(spells: pd.DataFrame) -> pd.DatetimeIndex:
    """Every day from the first start to the last end."""
    return pd.date_range(spells["start"].min(), spells["end"].max(), name="date")


def composition(
    spells: pd.DataFrame, area: str, psbb: float, mikro: float, reading: str = "high"
) -> Array:
    """Share of an area under each kind of rule, by day.

    Parameters
    ----------
    spells : DataFrame
        Dated spells, without overlap or gap within the area.
    psbb, mikro : float
        Coverage of PSBB, where the table gives none, and of PPKM Mikro within its area (0-1).
    reading : {"high", "low"}
        Whether the regencies of ``n_level3_or_4`` are at level 3 or at level 4.

    Returns
    -------
    array, shape (days, len(KINDS))
        Rows sum to one; what no rule covers is in the first column.
    """
    own = spells[spells["area"] == area].sort_values("start")
    counts = own[_COUNTS].fillna(0).to_numpy(float, copy=True)
    counts[:, 3 if reading == "low" else 2] += own[_EITHER].fillna(0).to_numpy(float)
    rest = 1 - counts.sum(axis=1) / AREAS[area]
    share = own["share_of_area"].astype(float).fillna(psbb).to_numpy()
    regime = own["regime"].to_numpy()
    share = np.where(regime == "ppkm_mikro", share * mikro, share)
    mix = np.zeros((len(own), len(KINDS)))
    for column, kind in enumerate(REGIMES[1:-1], start=1):
        mix[:, column] = np.where(regime == kind, rest * share, 0)
    mix[:, -4:] = counts / AREAS[area]
    mix[:, 0] = np.maximum(1 - mix.sum(axis=1), 0)
    return np.repeat(mix, (own["end"] - own["start"]).dt.days.to_numpy() + 1, axis=0)


def blocks(
    rules: pd.DataFrame, index: pd.DatetimeIndex
) -> Iterator[tuple[int, tuple[slice, int, int]]]:
    """Row number of each rule, with its place in an array of (days, kinds, classes)."""
    start = (rules["start"] - index[0]).dt.days.to_numpy()
    stop = (rules["end"] - index[0]).dt.days.to_numpy() + 1
    kind = rules["level"].astype(str).map(KINDS.index).to_numpy()
    group = rules["industry_class"].map(CLASSES.index).to_numpy()
    for row in range(len(rules)):
        span = slice(max(int(start[row]), 0), max(int(stop[row]), 0))
        yield row, (span, int(kind[row]), int(group[row]))


def _share_problems(frame: pd.DataFrame, column: str, table: str) -> list[DataError]:
    return [
        DataError(
            "a share is missing or not a share",
            expected="a number from 0 to 1 (blank only for the coverage of PSBB)",
            found=str(value),
            where=f"{table}, row {row + 2}, column {column}",
            todo="correct the value",
        )
        for row, value in zip(frame.index, frame[column], strict=True)
        if not 0 <= value <= 1
    ]


def _reading_problems(rules: pd.DataFrame) -> list[DataError]:
    """Low above high, and a printed share that differs between the readings."""
    low, high = rules["onsite_low"], rules["onsite_high"]
    wrong = (low > high) | ((rules["assumed"] == "no") & (low != high))
    return [
        DataError(
            "the two readings of a rule are not in order",
            expected="low at most high, and the same where a text prints the share",
            found=f"{low[row]:g} and {high[row]:g}, assumed {rules['assumed'][row]}",
            where=f"{RULES}, row {row + 2}, columns onsite_low and onsite_high",
            todo="correct a share, or mark the row assumed with its reason",
        )
        for row in rules.index[wrong]
    ]


def _sequence_problems(spells: pd.DataFrame) -> list[DataError]:
    problems = []
    spans = {}
    for area in AREAS:
        own = spells[spells["area"] == area].sort_values("start")
        spans[area] = (own["start"].min(), own["end"].max())
        bounds = list(zip(own["start"], own["end"], strict=True))
        for (_, end), (start, _) in pairwise(bounds):
            if (step := (start - end).days) != 1:
                due = end + pd.Timedelta(days=1)
                problems.append(
                    DataError(
                        "two spells overlap" if step < 1 else "a gap between two spells",
                        expected=f"the next spell to start on {due:%Y-%m-%d}",
                        found=f"{start:%Y-%m-%d}",
                        where=f"{SPELLS}, area {area}",
                        todo="move one of the dates, with a note in the row",
                    )
                )
    if len(set(spans.values())) > 1:
        problems.append(
            DataError(
                "the areas do not cover the same days",
                expected="the same first and last day in every area",
                found=str({a: f"{s!s:.10} to {e!s:.10}" for a, (s, e) in spans.items()}),
                where=SPELLS,
                todo="add the missing spells, regime none where no rule was in force",
            )
        )
    return problems


def _count_problems(spells: pd.DataFrame) -> list[DataError]:
    total = spells[[*_COUNTS, _EITHER]].fillna(0).sum(axis=1).astype(int).to_numpy()
    size = spells["area"].map(AREAS).to_numpy()
    levels = (spells["regime"] == "ppkm_level").to_numpy()
    return [
        DataError(
            "the counts of regencies do not sum to the area",
            expected=f"{size[row]}" if levels[row] else f"at most {size[row]}",
            found=str(total[row]),
            where=f"{SPELLS}, row {row + 2}, columns n_level1 to n_level3_or_4",
            todo="correct a count",
        )
        for row in np.flatnonzero(np.where(levels, total != size, total > size))
    ]


def _rule_problems(spells: pd.DataFrame, rules: pd.DataFrame, area: str) -> list[DataError]:
    index = days(spells)
    inside = "java_bali" if area == CAPITAL else area
    needed = np.any([composition(spells, inside, 1, 1, end) > 0 for end in READINGS], axis=0)
    if area == CAPITAL:
        needed &= np.array([kind.startswith("psbb") for kind in KINDS])
    found = np.zeros((*needed.shape, len(CLASSES)), dtype=int)
    for _, place in blocks(rules[rules["area"] == area], index):
        found[place] += 1
    # No rule has to be written where there is none, but none may be written twice.
    wrong = (needed[:, :, None] & (found != 1)) | (found > 1)
    wrong[:, 0] = False
    return [
        DataError(
            "a rule is missing" if not count else "two rules for the same day",
            expected="one row for each day, area, level in force and class",
            found=f"{count} on {index[first]:%Y-%m-%d}, {wrong[:, kind, group].sum()} such days",
            where=f"{RULES}, area {area}, level {KINDS[kind]}, class {CLASSES[group]}",
            todo="add a row, marked assumed where no text settles it" if not count else "cut one",
        )
        for kind, group in np.argwhere(wrong.any(axis=0))
        for first in [int(wrong[:, kind, group].argmax())]
        for count in [int(found[first, kind, group])]
    ]
