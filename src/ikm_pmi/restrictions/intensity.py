"""From dated rules to the daily and monthly intensity of Indonesia's restrictions.

Two measures between 0 and 1. The ``level`` says how strict the regime in force was in general:

    level(t) = sum_a weight_a * sum_k n_akt / N_a * severity_k,

with areas a (Java-Bali and the rest), kinds of rule k (PPKM levels 1-4, or a regime such as PSBB)
and n_akt of the N_a regencies of an area under kind k on day t. The ``industry_cap`` says what
share of factory staff the rules allowed on site (1 = all):

    cap(t) = sum_a weight_a * sum_k n_akt / N_a * sum_c share_c * onsite_akct,

with share_c the part of manufacturing value added in class c (critical, export, non-essential).
Where no text settles a share there are two readings, low (strictest) and high (loosest), moved
together by ``reading`` in ``parameters.coding``; the severities and coverages it names are assumed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.parameters import Coding, IntensityParameters
from ikm_pmi.restrictions.calendar import (
    AREAS,
    CAPITAL,
    CLASSES,
    KINDS,
    Array,
    blocks,
    check_calendar,
    composition,
    dated,
    days,
    unknown,
)

_CLASSES_TABLE = "industry_classes.csv"


def shares_by_subsector(
    industry_classes: pd.DataFrame,
    parameters: IntensityParameters,
    exports: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Share of each subsector in each class of industry, under the reading of the parameters.

    Parameters
    ----------
    industry_classes : DataFrame
        ``subsector``, ``class_low``, ``class_high``, ``share`` (0-1, summing to one within a
        subsector) and ``value_added_bn_idr_2020``.
    parameters : IntensityParameters
        ``reading`` in ``coding`` chooses the classes.
    exports : DataFrame, optional
        ``industry_exports_2023``: the export class then follows trade, in proportion to exports and
        at most what is not critical. Without output or an exchange rate of the same year only its
        spread over subsectors can follow: its size in all of manufacturing stays, and so the cap.

    Returns
    -------
    DataFrame, shape (subsectors, classes)
        Rows sum to one; ``CLASSES`` as columns, ``subsector`` as index.

    Raises
    ------
    DataError
        When the shares of a subsector do not sum to one, or one has no exports on record.
    """
    column = f"class_{parameters.rules.reading}"
    problems = unknown(industry_classes, column, CLASSES, _CLASSES_TABLE)
    if problems:
        raise problems[0]
    table = industry_classes.pivot_table(
        index="subsector", columns=column, values="share", aggfunc="sum", fill_value=0.0
    ).reindex(columns=list(CLASSES), fill_value=0.0)
    whole = table.sum(axis=1)
    odd = whole[(whole - 1).abs() > 1e-9]
    if len(odd):
        raise DataError(
            "the class shares of a subsector do not sum to one",
            expected="1",
            found=f"{odd.iloc[0]:g}",
            where=f"{_CLASSES_TABLE}, subsector {odd.index[0]}",
            todo="correct the column share",
        )
    return table if exports is None else _by_trade(table, industry_classes, exports)


def _by_trade(
    table: pd.DataFrame, industry_classes: pd.DataFrame, exports: pd.DataFrame
) -> pd.DataFrame:
    """The export class of the same size, spread over subsectors in proportion to exports."""
    from scipy.optimize import brentq

    sold = exports.set_index("subsector")["exports_usd"].reindex(table.index)
    if sold.isna().any():
        raise DataError(
            "a subsector has no exports on record",
            expected="every subsector of industry_classes.csv",
            found=f"none for {sold.index[sold.isna()][0]}",
            where="industry_exports_2023.csv",
            todo="add the row with its source",
        )
    value = _value_added(industry_classes)
    most = (1 - table["critical"]) * value
    goal = float((table["export"] * value).sum())
    # Value added in the export class for each dollar exported.
    worth = brentq(
        lambda each: np.minimum(each * sold, most).sum() - goal, 0.0, float((most / sold).max())
    )
    export = np.minimum(worth * sold, most) / value
    return table.assign(export=export, non_essential=1 - table["critical"] - export)


def _value_added(industry_classes: pd.DataFrame) -> pd.Series[float]:
    return industry_classes.groupby("subsector")["value_added_bn_idr_2020"].first()


def class_shares(industry_classes: pd.DataFrame, parameters: IntensityParameters) -> pd.Series[Any]:
    """Share of manufacturing value added in each class of industry, summing to one.

    Parameters
    ----------
    industry_classes : DataFrame
        As for `shares_by_subsector`.
    parameters : IntensityParameters
        ``critical_shift`` in ``coding`` moves a share from the non-essential to the critical class.

    Raises
    ------
    DataError
        As `shares_by_subsector`.
    ParameterError
        When the shift is larger than the class it is taken from.
    """
    value = _value_added(industry_classes)
    table = shares_by_subsector(industry_classes, parameters)
    shares = table.mul(value / value.sum(), axis=0).sum()
    moved = parameters.rules.critical_shift
    shares["critical"] += moved
    shares["non_essential"] -= moved
    if shares.min() < 0:
        raise ParameterError(
            "critical_shift takes more than the class holds",
            expected="a shift that leaves every class at 0 or above",
            found=f"{moved:g} leaves {shares.idxmin()} at {shares.min():.3f}",
            todo="choose a smaller shift",
        )
    return shares.rename("share")


def daily_intensity(
    regime_spells: pd.DataFrame,
    industry_rules: pd.DataFrame,
    industry_classes: pd.DataFrame,
    parameters: IntensityParameters,
) -> pd.DataFrame:
    """Intensity of the restrictions on each day of the calendar.

    Returns
    -------
    DataFrame, index ``date`` (days, without a gap)
        ``level`` (0 no restriction, 1 all at the severity of level 4) and ``industry_cap`` (share
        of factory staff allowed on site, 1 unrestricted).

    Raises
    ------
    DataError
        The first problem that `check_calendar` finds.
    """
    shut_by_class = daily_closure(regime_spells, industry_rules, parameters)
    spells, coding = dated(regime_spells, "spells"), parameters.rules
    classes = class_shares(industry_classes, parameters).to_numpy()
    severity = np.array([_severity(kind, coding) for kind in KINDS])
    weights = (parameters.java_bali_weight, 1 - parameters.java_bali_weight)
    level, shut = np.zeros(len(shut_by_class)), np.zeros(len(shut_by_class))
    for area, weight in zip(AREAS, weights, strict=True):
        level += weight * (_mix(spells, area, coding) @ severity)
        # What is shut, not what is open: unrestricted days then have a cap of exactly 1.
        shut += weight * (shut_by_class[area].to_numpy() @ classes)
    # Sums of shares can pass 1 by a rounding error.
    table = {"level": np.minimum(level, 1), "industry_cap": 1 - np.minimum(shut, 1)}
    return pd.DataFrame(table, index=shut_by_class.index)


def daily_closure(
    regime_spells: pd.DataFrame, industry_rules: pd.DataFrame, parameters: IntensityParameters
) -> pd.DataFrame:
    """Share of factory staff that the rules kept away on each day, by area and class of industry.

    Returns
    -------
    DataFrame, index ``date`` (days, without a gap)
        Columns of two levels, ``AREAS`` and ``CLASSES``; 0 (all on site) to 1 (shut).

    Raises
    ------
    DataError
        The first problem that `check_calendar` finds.
    """
    problems = check_calendar(regime_spells, industry_rules)
    if problems:
        raise problems[0]
    spells, rules = dated(regime_spells, "spells"), dated(industry_rules, "rules")
    coding, index = parameters.rules, days(spells)
    closed = {area: _closed(rules, area, index, coding.reading) for area in (CAPITAL, *AREAS)}
    # Where PSBB covers less than Jakarta, it covers Jakarta alone.
    capital = min(coding.jakarta_share / coding.coverage_psbb, 1) if coding.coverage_psbb else 1
    psbb = np.array([kind.startswith("psbb") for kind in KINDS])
    rest = closed["java_bali"][:, psbb]
    closed["java_bali"][:, psbb] = capital * closed[CAPITAL][:, psbb] + (1 - capital) * rest
    parts = [np.einsum("tk,tkc->tc", _mix(spells, area, coding), closed[area]) for area in AREAS]
    columns = pd.MultiIndex.from_product([AREAS, CLASSES])
    return pd.DataFrame(np.hstack(parts), index, columns)


def monthly_intensity(daily: pd.DataFrame, parameters: IntensityParameters) -> pd.DataFrame:
    """Mean daily intensity over the days to which each month's survey is exposed.

    Parameters
    ----------
    daily : DataFrame
        Result of `daily_intensity`. Before and after it no rule was in force: level 0, cap 1.
    parameters : IntensityParameters
        ``exposure``: ``fieldwork`` (first to last fieldwork day), ``calendar`` (the whole month)
        or ``since_last`` (the day after the last fieldwork to this month's last fieldwork day);
        ``start_month`` and ``end_month`` give the months returned.

    Returns
    -------
    DataFrame, index ``month`` (PeriodIndex, without a gap)
        ``level`` and ``industry_cap`` (0-1).

    Raises
    ------
    DataError
        When days are missing inside the daily series.
    """
    expected = pd.date_range(daily.index.min(), daily.index.max())
    if not daily.index.equals(expected) or daily.isna().to_numpy().any():
        raise DataError(
            "the daily intensity has a gap",
            expected=f"{len(expected)} days in order, each with a level and a cap",
            found=f"{len(daily.dropna())} such days",
            where=f"{expected[0]:%Y-%m-%d} to {expected[-1]:%Y-%m-%d}",
            todo="pass the result of daily_intensity as it is",
        )
    first, last = (pd.Period(m, "M") for m in (parameters.start_month, parameters.end_month))
    index = pd.date_range((first - 1).start_time, last.end_time.normalize(), name="date")
    filled = daily.reindex(index).fillna({"level": 0.0, "industry_cap": 1.0})
    month = index.to_period("M")
    if parameters.exposure == "fieldwork":
        opens, closes = parameters.fieldwork_first_day, parameters.fieldwork_last_day
        inside = (index.day >= opens) & (index.day <= closes)
        filled, month = filled[inside], month[inside]
    elif parameters.exposure == "since_last":
        month = month + (index.day > parameters.fieldwork_last_day).astype(int)
    means = filled.groupby(month.rename("month"))[["level", "industry_cap"]].mean()
    return means.loc[first:last]


def _closed(rules: pd.DataFrame, area: str, index: pd.DatetimeIndex, reading: str) -> Array:
    """Share of staff kept away by day, kind of rule and class of industry."""
    own = rules[rules["area"] == area]
    value = own[f"onsite_{reading}"].to_numpy(float)
    closed = np.zeros((len(index), len(KINDS), len(CLASSES)))
    for row, place in blocks(own, index):
        closed[place] = 1 - value[row]
    return closed


def _mix(spells: pd.DataFrame, area: str, coding: Coding) -> Array:
    """Share of an area under each kind of rule, by day."""
    return composition(spells, area, coding.coverage_psbb, coding.coverage_mikro, coding.reading)


def _severity(kind: str, coding: Coding) -> float:
    if kind == "none":
        return 0.0
    # Strict PSBB of September 2020 put the rules of April 2020 back in force.
    name = {"psbb_ketat": "psbb"}.get(kind, f"level{kind}" if kind.isdigit() else kind)
    return float(getattr(coding, f"severity_{name}"))
