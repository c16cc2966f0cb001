"""From dated rules to the daily and monthly intensity of Indonesia's restrictions.

Two measures between 0 and 1. The ``level`` says how strict the regime in force was in general:

    level(t) = sum_a weight_a * sum_k n_akt / N_a * severity_k,

with areas a (Java-Bali and the rest), kinds of rule k (PPKM levels 1-4, or a regime such as PSBB)
and n_akt of the N_a regencies of an area under kind k on day t. The ``industry_cap`` says what
share of factory staff the rules allowed on site (1 = all):

    cap(t) = sum_a weight_a * sum_k n_akt / N_a * sum_c share_c * onsite_akct,

with share_c the part of manufacturing value added in class c (critical, export, domestic
essential, non-essential). Every judgement is a row marked ``assumed`` in the tables or a
parameter marked so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.parameters import IntensityParameters
from ikm_pmi.restrictions.calendar import (
    AREAS,
    CLASSES,
    KINDS,
    blocks,
    check_calendar,
    composition,
    dated,
    days,
    unknown,
)

__all__ = ["class_shares", "daily_intensity", "monthly_intensity"]

_CLASSES_TABLE = "industry_classes.csv"


def class_shares(industry_classes: pd.DataFrame, parameters: IntensityParameters) -> pd.Series[Any]:
    """Share of manufacturing value added in each class of industry, summing to one.

    Parameters
    ----------
    industry_classes : DataFrame
        ``subsector``, ``industry_class``, ``share`` (0-1, summing to one within a subsector) and
        ``value_added_bn_idr_2020``.
    parameters : IntensityParameters
        ``critical_shift`` moves a share from the non-essential to the critical class.

    Raises
    ------
    DataError
        When the shares of a subsector do not sum to one.
    ParameterError
        When the shift is larger than the class it is taken from.
    """
    problems = unknown(industry_classes, "industry_class", CLASSES, _CLASSES_TABLE)
    if problems:
        raise problems[0]
    whole = industry_classes.groupby("subsector")["share"].sum()
    odd = whole[(whole - 1).abs() > 1e-9]
    if len(odd):
        raise DataError(
            "the class shares of a subsector do not sum to one",
            expected="1",
            found=f"{odd.iloc[0]:g}",
            where=f"{_CLASSES_TABLE}, subsector {odd.index[0]}",
            todo="correct the column share",
        )
    value = industry_classes["share"] * industry_classes["value_added_bn_idr_2020"]
    shares = value.groupby(industry_classes["industry_class"]).sum() / value.sum()
    shares = shares.reindex(list(CLASSES), fill_value=0.0).astype(float)
    shares["critical"] += parameters.critical_shift
    shares["non_essential"] -= parameters.critical_shift
    if shares.min() < 0:
        raise ParameterError(
            "critical_shift takes more than the class holds",
            expected="a shift that leaves every class at 0 or above",
            found=f"{parameters.critical_shift:g} leaves {shares.idxmin()} at {shares.min():.3f}",
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
    problems = check_calendar(regime_spells, industry_rules)
    if problems:
        raise problems[0]
    spells, rules = dated(regime_spells, "spells"), dated(industry_rules, "rules")
    classes = class_shares(industry_classes, parameters).to_numpy()
    severity = np.array([_severity(kind, parameters) for kind in KINDS])
    share = rules["allowed_onsite_share"].to_numpy(float)
    shifted = np.clip(share + parameters.onsite_shift, 0, 1)
    rules = rules.assign(onsite=np.where(rules["assumed"] == "yes", shifted, share))
    index = days(spells)
    weights = (parameters.java_bali_weight, 1 - parameters.java_bali_weight)
    level, shut = np.zeros(len(index)), np.zeros(len(index))
    for area, weight in zip(AREAS, weights, strict=True):
        mix = composition(spells, area, parameters.coverage_psbb, parameters.coverage_mikro)
        own = rules[rules["area"] == area]
        value = own["onsite"].to_numpy()
        closed = np.zeros((*mix.shape, len(CLASSES)))
        for row, place in blocks(own, index):
            closed[place] = 1 - value[row]
        level += weight * (mix @ severity)
        # What is shut, not what is open: unrestricted days then have a cap of exactly 1.
        shut += weight * np.einsum("tk,tkc,c->t", mix, closed, classes)
    # Sums of shares can pass 1 by a rounding error.
    table = {"level": np.minimum(level, 1), "industry_cap": 1 - np.minimum(shut, 1)}
    return pd.DataFrame(table, index=index)


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


def _severity(kind: str, parameters: IntensityParameters) -> float:
    if kind == "none":
        return 0.0
    # Strict PSBB of September 2020 put the rules of April 2020 back in force.
    name = {"psbb_ketat": "psbb"}.get(kind, f"level{kind}" if kind.isdigit() else kind)
    return float(getattr(parameters, f"severity_{name}"))
