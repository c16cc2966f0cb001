"""The months and the donors of a synthetic control, and why the others are not among them.

A donor must have every month, be a country rather than an aggregate, and not have tightened its
own restrictions in the same months: a donor under its own lockdown hides part of the effect.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.parameters import Episode, SyntheticParameters

__all__ = ["AGGREGATES", "months_used", "screen", "spell", "wide"]

AGGREGATES = MappingProxyType({"ASN": "contains Indonesia", "EUZ": "made of other donors"})
_COLUMNS = ("country_iso3", "month", "pmi", "stringency")
_REFERENCE_MONTHS = 3  # before the episode, against which a donor's own tightening is measured


def wide(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of the long panel as months × countries, months without a gap."""
    absent = [name for name in _COLUMNS if name not in frame.columns]
    twice = frame.duplicated(list(_COLUMNS[:2])) if not absent else pd.Series(dtype=bool)
    if absent or twice.any():
        raise DataError(
            "the country panel cannot be used",
            expected="columns " + ", ".join(_COLUMNS) + " and one row a country and month",
            found=f"no column {', '.join(absent)}" if absent else f"{twice.sum()} repeated rows",
            todo="build it with ikm_pmi.data.frames.country_monthly",
        )
    month = pd.PeriodIndex(frame["month"].astype(str), freq="M")
    by_month = frame.assign(month=month).set_index(["month", "country_iso3"])[column]
    table = by_month.unstack("country_iso3")  # noqa: PD010 (nothing to aggregate)
    every = pd.period_range(month.min(), month.max(), freq="M", name="month")
    return table.reindex(every).sort_index(axis=1)


def spell(episode: Episode) -> pd.PeriodIndex:
    """The months of an episode."""
    return pd.period_range(episode.first, episode.last, freq="M", name="month")


def months_used(pmi: pd.DataFrame, episode: Episode, parameters: SyntheticParameters) -> pd.Index:
    """Months used: the pre-period without gaps and other episodes, then the episode."""
    treated, own = parameters.treated_country, spell(episode)
    before = pd.period_range(parameters.synthetic_start_month, own[0] - 1, freq="M", name="month")
    for text in (*parameters.training_gaps, *parameters.synthetic_episodes):
        before = before.difference(spell(Episode.parse(text)))
    months = before.append(own)
    seen = pmi[treated].reindex(months) if treated in pmi else pd.Series(np.nan, index=months)
    holes = months[seen.isna().to_numpy()]
    if len(holes) > 0 or len(before) < parameters.minimum_pre_months:
        found = f"{len(before)} months before {own[0]}"
        missing = ", ".join(map(str, holes[:6])) + (" …" if len(holes) > 6 else "")
        raise EstimationError(
            f"{treated} cannot be studied in {episode.name}",
            expected=f"its PMI in every month used, {parameters.minimum_pre_months} of them before",
            found=f"{found}, no PMI in {missing}" if len(holes) > 0 else found,
            where=f"{parameters.synthetic_start_month} to {episode.last}",
            todo="move synthetic_start_month or name the spell in training_gaps",
        )
    return months


def screen(
    pmi: pd.DataFrame,
    stringency: pd.DataFrame,
    episode: Episode,
    parameters: SyntheticParameters,
) -> pd.DataFrame:
    """Which countries may be donors, and why the others may not.

    Tightening is the largest monthly stringency of the episode less the mean of the three months
    before it; a donor whose tightening is above ``max_tightening`` is screened out.

    Parameters
    ----------
    pmi : DataFrame, shape (months used, countries)
    stringency : DataFrame, shape (months, countries)
        0-100, of all months known.

    Returns
    -------
    DataFrame
        Indexed by country: ``episode``, ``role`` (treated, donor, excluded), ``reason``,
        ``months_missing`` and ``tightening`` (stringency points; missing where not measured).
    """
    own = spell(episode)
    reference = pd.period_range(own[0] - _REFERENCE_MONTHS, own[0] - 1, freq="M")
    needed = stringency.reindex(reference.append(own))
    known = needed.notna().all()
    rise = (needed.loc[own].max() - needed.loc[reference].mean()).where(known)
    holes = pmi.isna()
    rows = []
    for country in pmi.columns:
        gap, tightening = int(holes[country].sum()), float(rise.get(country, np.nan))
        reason = _why_not(country, holes.index[holes[country]], tightening, parameters)
        role = "excluded" if reason else "donor"
        if country == parameters.treated_country:
            role, reason = "treated", ""
        rows.append((country, episode.name, role, reason, gap, tightening))
    columns = ["country_iso3", "episode", "role", "reason", "months_missing", "tightening"]
    table = pd.DataFrame(rows, columns=columns).set_index("country_iso3")
    donors = table.index[table["role"] == "donor"]
    if len(donors) < 3:
        counts = table.loc[table["role"] == "excluded", "reason"].str.split(":").str[0]
        raise EstimationError(
            f"too few donors for {episode.name}",
            expected="at least 3, so that each placebo has 2 donors of its own",
            found=f"{len(donors)} ({', '.join(donors) or 'none'}); excluded: "
            + "; ".join(f"{n} {why}" for why, n in counts.value_counts().items()),
            where=f"{pmi.index[0]} to {pmi.index[-1]}",
            todo="move synthetic_start_month forward or raise max_tightening",
        )
    return table


def _why_not(
    country: str, missing: pd.Index, tightening: float, parameters: SyntheticParameters
) -> str:
    """Why a country is no donor; empty when it is one."""
    if country in AGGREGATES:
        return f"aggregate: {AGGREGATES[country]}"
    if country in parameters.own_lockdown:
        return "lockdown of its own: named in own_lockdown"
    if len(missing) > 0:
        first = ", ".join(map(str, missing[:3])) + (" …" if len(missing) > 3 else "")
        return f"missing months: {len(missing)} ({first})"
    if parameters.max_tightening < 100 and np.isnan(tightening):
        return "stringency unknown: its own tightening cannot be judged"
    if tightening > parameters.max_tightening:
        return f"tightened itself: stringency rose by {tightening:.1f} points"
    return ""
