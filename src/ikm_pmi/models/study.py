"""The monthly frame of the PMI chapters, and the choice of its rows, every exclusion named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ikm_pmi.data import frames
from ikm_pmi.errors import EstimationError
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.restrictions import daily_intensity, monthly_intensity

__all__ = [
    "INTENSITIES",
    "MAIN",
    "RIVALS",
    "TABLES",
    "UNIT",
    "assemble",
    "dose_design",
    "select_months",
    "study_frame",
]

#: Tables that ``assemble`` reads.
TABLES = (
    "country_monthly",
    "indonesia_monthly",
    "industry_classes",
    "industry_rules",
    "lebaran",
    "regime_spells",
)

UNIT = "index points per full tightening"
MAIN = ("newey_west",)
INTENSITIES: tuple[str, ...] = ("level", "industry_closure", "oxcgrt", "mobility")
#: The same, and the epidemic itself as a rival of the rules.
RIVALS: tuple[str, ...] = ("level", "industry_closure", "oxcgrt", "deaths")


def assemble(tables: Mapping[str, pd.DataFrame], parameters: ImpactParameters) -> pd.DataFrame:
    """The study frame from the tables named in ``TABLES``; see :func:`study_frame`."""
    monthly = _by_month(tables["indonesia_monthly"])
    months = pd.PeriodIndex(monthly.index)
    # The intensity over the whole span: the first month of a shorter sample has a month before it.
    span = {"start_month": str(months[0]), "end_month": str(months[-1])}
    whole = parameters.model_copy(update=span)
    share = frames.lebaran_share(
        tables["lebaran"], months, parameters.fieldwork_first_day, parameters.fieldwork_last_day
    )
    daily = daily_intensity(
        tables["regime_spells"], tables["industry_rules"], tables["industry_classes"], whole
    )
    intensity = monthly_intensity(daily, whole)
    return study_frame(monthly, intensity, share, tables["country_monthly"], parameters)


def study_frame(
    monthly: pd.DataFrame,
    intensity: pd.DataFrame,
    lebaran_share: pd.Series,
    peers: pd.DataFrame,
    parameters: ImpactParameters,
) -> pd.DataFrame:
    """PMI, controls and the four intensities by month.

    Parameters
    ----------
    monthly : DataFrame
        ``ikm_pmi.data.frames.indonesia_monthly``, or its table with a column ``month``: PMI, cases,
        deaths, stringency, workplaces.
    intensity : DataFrame
        ``ikm_pmi.restrictions.monthly_intensity``: ``level``, ``industry_cap`` (0-1).
    lebaran_share : Series
        Share of each month's fieldwork window that is Eid or collective leave.
    peers : DataFrame
        ``ikm_pmi.data.frames.country_monthly``, long.

    Returns
    -------
    DataFrame, index PeriodIndex (months without a gap)
        ``pmi`` and ``peers_pmi`` (index points), ``lebaran_share`` (0-1), ``log_cases`` and
        ``log_deaths`` (log of one plus persons in the month ``case_lag`` before) and the same of
        the month itself (``log_cases_now``, ``log_deaths_now``), ``level``,
        ``industry_closure`` (1 - cap), ``oxcgrt`` (stringency / 100), ``mobility`` (share of
        workplace visits lost), ``deaths`` (of the month, as a share of the worst month). Missing
        stays missing.

    Raises
    ------
    EstimationError
        When a peer country has no PMI at all.
    """
    monthly, intensity = _by_month(monthly), _by_month(intensity)
    index = pd.PeriodIndex(monthly.index)
    wide = peers.set_index(["month", "country_iso3"])["pmi"].unstack()  # noqa: PD010
    absent = sorted(set(parameters.peers) - set(wide.columns))
    if absent:
        raise EstimationError(
            f"no PMI for peer country {absent[0]}",
            expected="one of " + ", ".join(sorted(wide.columns)),
            found=", ".join(absent),
            todo="correct the parameter peers",
        )
    lag = parameters.case_lag
    # Outside its calendar no rule was in force: level 0, and all staff allowed.
    rules = intensity.reindex(index)
    return pd.DataFrame(
        {
            "pmi": monthly["pmi"].astype(float),
            "lebaran_share": lebaran_share.reindex(index).astype(float),
            # A mean over fewer countries would jump when one drops out: all of them or missing.
            "peers_pmi": wide[list(parameters.peers)].mean(axis=1, skipna=False).reindex(index),
            "log_cases": _log(monthly["new_cases"], lag),
            "log_deaths": _log(monthly["new_deaths"], lag),
            "log_cases_now": _log(monthly["new_cases"], 0),
            "log_deaths_now": _log(monthly["new_deaths"], 0),
            "level": rules["level"].fillna(0.0),
            "industry_closure": 1 - rules["industry_cap"].fillna(1.0),
            "oxcgrt": monthly["stringency"].astype(float) / 100,
            "mobility": -monthly["workplaces"].astype(float) / 100,
            "deaths": monthly["new_deaths"].astype(float) / monthly["new_deaths"].max(),
        },
        index=index,
    )


def _by_month(table: pd.DataFrame) -> pd.DataFrame:
    """The table indexed by month, whether it comes from a function or from a file."""
    return table if isinstance(table.index, pd.PeriodIndex) else table.set_index("month")


def _log(persons: pd.Series, lag: int) -> pd.Series:
    """Log of one plus the persons, ``lag`` months before."""
    return pd.Series(np.log1p(persons.to_numpy(dtype=float)), persons.index).shift(lag)


def select_months(
    frame: pd.DataFrame, columns: Sequence[str], first: str, last: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Rows of a span in which all columns are present, and why each other month is out.

    Returns
    -------
    DataFrame, dict
        The complete rows; and month to reason (``{"2017-09": "pmi missing"}``).

    Raises
    ------
    EstimationError
        When the span reaches outside the frame, or no month is complete.
    """
    months = pd.period_range(first, last, freq="M")
    outside = months.difference(pd.PeriodIndex(frame.index))
    if len(outside):
        raise EstimationError(
            "the sample reaches outside the data",
            expected=f"months within {frame.index[0]} to {frame.index[-1]}",
            found=f"{first} to {last}: {len(outside)} months without a row",
            todo="correct start_month and end_month",
        )
    wanted = frame.loc[months, list(columns)]
    missing = wanted.isna()
    excluded = {
        str(month): ", ".join(wanted.columns[flags]) + " missing"
        for month, flags in zip(months, missing.to_numpy(), strict=True)
        if flags.any()
    }
    rows = wanted.loc[~missing.any(axis=1)].astype(float)
    if rows.empty:
        raise EstimationError(
            "no month of the sample is complete",
            expected="months with " + ", ".join(columns),
            found=f"0 of {len(months)} months from {first} to {last}",
            todo="choose other months or other columns",
        )
    return rows, excluded


def dose_design(
    frame: pd.DataFrame, intensity: str, controls: Sequence[str], first: str, last: str
) -> tuple[pd.Series, pd.DataFrame, dict[str, str]]:
    """Outcome, regressors and the months left out with their reasons.

    Lags are taken over the calendar before any month is dropped, so a missing PMI never shifts one.

    Returns
    -------
    y : Series, shape (T,)
    X : DataFrame, shape (T, 3 + controls)
        ``const``, ``change`` (s_t - s_(t-1)), ``before`` (s_(t-1)), then the controls.
    excluded : dict
    """
    s = frame[intensity].astype(float)
    extended = frame.assign(change=s.diff(), before=s.shift())
    columns = ["pmi", "change", "before", *controls]
    rows, excluded = select_months(extended, columns, first, last)
    X = rows.drop(columns="pmi")
    X.insert(0, "const", 1.0)
    return rows["pmi"], X, excluded
