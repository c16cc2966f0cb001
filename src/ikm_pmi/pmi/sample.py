"""The monthly frames of the PMI chapters, and the choice of their rows, every exclusion named.

One frame holds Indonesia's PMI with restrictions and controls, the other the PMI of every country
side by side: contiguous months, complete peers, gaps by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.data import frames, package
from ikm_pmi.data.frames import as_months
from ikm_pmi.errors import DataError, EstimationError, named, shown
from ikm_pmi.inference.regression import check_rows
from ikm_pmi.language import joined, say
from ikm_pmi.parameters import CounterfactualParameters, Episode, ImpactParameters
from ikm_pmi.restrictions import READINGS, daily_intensity, monthly_intensity

#: Tables that ``assemble`` reads.
TABLES = (
    "country_monthly",
    "indonesia_monthly",
    "industry_classes",
    "industry_rules",
    "lebaran",
    "regime_spells",
)

#: First month of the pandemic.
PANDEMIC = pd.Period("2020-03", "M")
UNIT = "index points per full tightening"
MAIN = ("newey_west",)


def monthly_frame(parameters: ImpactParameters) -> pd.DataFrame:
    """PMI, controls and the four intensities by month, from the tables of the data package.

    Parameters
    ----------
    parameters : ImpactParameters
        Coding of the rules, exposure, peers.

    Returns
    -------
    DataFrame
        See :func:`study_frame`.

    Examples
    --------
    >>> from ikm_pmi.parameters import ImpactParameters
    >>> float(monthly_frame(ImpactParameters.parse({})).loc["2021-07", "pmi"])
    40.1
    """
    return assemble(package.load_many(TABLES), parameters)


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


def by_reading(
    tables: Mapping[str, pd.DataFrame],
    parameters: ImpactParameters,
    table: Callable[[pd.DataFrame, ImpactParameters], pd.DataFrame],
) -> pd.DataFrame:
    """A table made from the study frame, under the loosest and the strictest reading of the rules.

    Parameters
    ----------
    table : callable
        From a study frame and its parameters to rows.

    Returns
    -------
    DataFrame
        The rows of both, ``reading`` (high, low) first.
    """
    parts = {}
    for reading in reversed(READINGS):
        own = parameters.read(reading)
        parts[reading] = table(assemble(tables, own), own)
    return pd.concat(parts, names=["reading"]).reset_index("reading").reset_index(drop=True)


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
        ``log_deaths`` (log of one plus persons), ``root_deaths``, ``level``, ``industry_closure``
        (1 - cap), ``oxcgrt`` (stringency / 100), ``mobility`` (share of workplace visits lost),
        ``deaths`` (share of the worst month), ``pandemic`` (1 from March 2020 on), and the other
        numbers of ``monthly``. Missing stays missing.

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
    # Outside its calendar no rule was in force: level 0, and all staff allowed.
    rules = intensity.reindex(index)
    made = pd.DataFrame(
        {
            "pmi": monthly["pmi"].astype(float),
            "lebaran_share": lebaran_share.reindex(index).astype(float),
            # A mean over fewer countries would jump when one drops out: all of them or missing.
            "peers_pmi": wide[list(parameters.peers)].mean(axis=1, skipna=False).reindex(index),
            "log_cases": np.log1p(monthly["new_cases"].astype(float)),
            "log_deaths": np.log1p(monthly["new_deaths"].astype(float)),
            "level": rules["level"].fillna(0.0),
            "industry_closure": 1 - rules["industry_cap"].fillna(1.0),
            "oxcgrt": monthly["stringency"].astype(float) / 100,
            "mobility": -monthly["workplaces"].astype(float) / 100,
            "deaths": monthly["new_deaths"].astype(float) / monthly["new_deaths"].max(),
            "root_deaths": np.sqrt(monthly["new_deaths"].astype(float)),
            "pandemic": (index >= PANDEMIC).astype(float),
        },
        index=index,
    )
    others = monthly.select_dtypes("number").columns.difference(made.columns)
    return made.join(monthly[others].astype(float))


def lagged(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The frame with a column ``name:k``, the value of k months before, for each so asked for.

    Raises
    ------
    EstimationError
        For a name that is no column, with the nearest one.
    """
    asked = [c for c in columns if c not in frame and re.fullmatch(r".+:\d+", c)]
    known = {name: frame[name] for name in frame}
    made = {}
    for column in asked:
        name, _, lag = column.rpartition(":")
        made[column] = named(known, name, what="column", where="frame").shift(int(lag))
    return frame.assign(**made)


def _by_month(table: pd.DataFrame) -> pd.DataFrame:
    """The table indexed by month, whether it comes from a function or from a file."""
    return table if isinstance(table.index, pd.PeriodIndex) else table.set_index("month")


def monthly_rows(data: object, outcome: str) -> pd.DataFrame:
    """The rows of somebody's data by month, a month without a row as one without values.

    Raises
    ------
    DataError, EstimationError
        For an index of no months, and what is no table of them.
    """
    frame = data.to_frame(outcome) if isinstance(data, pd.Series) else data
    if not isinstance(frame, pd.DataFrame) or frame.empty or not frame.columns.is_unique:
        raise EstimationError(
            "an event study needs a table of months",
            expected="a Series or DataFrame with rows, an index of months, each column once",
            found=f"{type(data).__name__}: {shown(data)}",
            where="data",
            todo='data.set_index("month"), with one column for each name',
        )
    months = as_months(frame.index)
    whole = pd.period_range(months[0], months[-1], freq="M", name=frame.index.name)
    return frame.set_axis(months, axis=0).reindex(whole)


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
        When the months are not in order, a column is not there, the span reaches outside the
        frame, or no month is complete.
    """
    check_rows(frame, where="frame")
    known = {name: name for name in frame}
    for column in columns:
        named(known, column, what="column", where="frame")
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
        str(month): say("{} missing", joined(", ", wanted.columns[flags]))
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
    s = named(dict(frame.items()), intensity, what="intensity", where="frame")
    s = s.astype(float)
    extended = lagged(frame, controls).assign(change=s.diff(), before=s.shift())
    columns = ["pmi", "change", "before", *controls]
    rows, excluded = select_months(extended, columns, first, last)
    X = rows.drop(columns="pmi")
    X.insert(0, "const", 1.0)
    return rows["pmi"], X, excluded


def both_sides(X: pd.DataFrame) -> pd.DataFrame:
    """The regressors of :func:`dose_design` with ``tightening`` and ``easing`` for the change."""
    change = X["change"]
    sides = {"tightening": change.clip(lower=0), "easing": change.clip(upper=0)}
    return X.drop(columns="change").assign(**sides)


@dataclass(frozen=True, slots=True, eq=False)
class PeerSample:
    """PMI and peers over the same contiguous months.

    Parameters
    ----------
    pmi : Series, shape (T,)
        Index points; missing where no value was found.
    peers : DataFrame, shape (T, k)
        Complete columns, none without peers.
    excluded : dict
        Peer to the reason why it is left out.
    """

    pmi: pd.Series
    peers: pd.DataFrame
    excluded: dict[str, str]


def wide_frame(countries: pd.DataFrame, *, country: str = "IDN") -> pd.DataFrame:
    """One column a country from the long table; the studied country's column is ``pmi``.

    Parameters
    ----------
    countries : DataFrame
        ``country_iso3``, ``month`` (period), ``pmi`` (index points).

    Raises
    ------
    DataError, EstimationError
        For a month of a country twice, and a country without any PMI.
    """
    twice = countries.duplicated(["country_iso3", "month"])
    if twice.any():
        row = countries[twice].iloc[0]
        raise DataError(
            "the country table has a month twice",
            expected="one row a country and month",
            found=f"{int(twice.sum())} repeated rows, first {row['country_iso3']} {row['month']}",
            where="country_monthly",
            todo="keep one of them",
        )
    wide = countries.pivot_table(index="month", columns="country_iso3", values="pmi")
    named({name: name for name in wide}, country, what="country with a PMI", where="the table")
    months = pd.period_range(wide.index.min(), wide.index.max(), freq="M", name="month")
    return wide.reindex(months).rename(columns={country: "pmi"}).rename_axis(columns=None)


def select_sample(frame: pd.DataFrame, parameters: CounterfactualParameters) -> PeerSample:
    """The months of the parameters, gaps kept as missing; peers complete or left out by name.

    A sample begins no earlier than its PMI.
    """
    months = pd.period_range(parameters.start_month, parameters.end_month, freq="M")
    if "pmi" not in frame or not frame.index.is_unique or months[0] < frame.index.min():
        raise EstimationError(
            "the frame does not hold the sample",
            expected=f"a column pmi by unique months from {months[0]}",
            found=f"columns {', '.join(map(str, frame.columns[:6]))}; first {frame.index.min()}",
            todo="start later, or use wide_frame on the country table",
        )
    if parameters.treated_country in frame:
        raise EstimationError(
            "the frame is another country's",
            expected=f"the PMI of {parameters.treated_country} in the column pmi",
            found=f"a column {parameters.treated_country} beside it",
            where="treated_country",
            todo=f'wide_frame(table, country="{parameters.treated_country}")',
        )
    data = frame.reindex(months)
    data = data.loc[data["pmi"].first_valid_index() :]
    for text in parameters.episodes:
        episode = Episode.parse(text)
        spell = data["pmi"].loc[episode.first : episode.last]
        length = len(pd.period_range(episode.first, episode.last, freq="M"))
        if len(spell) < length or spell.isna().any():
            lacking = ", ".join(spell.index[spell.isna()].astype(str)) or "outside the sample"
            raise EstimationError(
                f"episode {episode.name} is not wholly observed",
                expected=f"a PMI in each of its {length} months, within {months[0]}..{months[-1]}",
                found=f"{int(spell.notna().sum())} observed; {lacking}",
                where=f"{episode.first}..{episode.last}",
                todo="shorten the episode or lengthen the sample",
            )
    excluded = _unusable(data, parameters)
    kept = [peer for peer in parameters.peers if peer not in excluded]
    if parameters.peers and not kept:
        raise EstimationError(
            "no peer has a PMI in every month of the sample",
            expected="at least one complete peer, or an empty list of peers",
            found="; ".join(f"{peer}: {why}" for peer, why in excluded.items()),
            todo="start the sample later or name other peers",
        )
    peers = data[kept]
    if kept and parameters.peers_as == "mean":
        peers = peers.mean(axis=1).to_frame("peers")
    return PeerSample(data["pmi"], peers, excluded)


def _unusable(data: pd.DataFrame, parameters: CounterfactualParameters) -> dict[str, str]:
    """Peers that cannot be used, each with the reason."""
    excluded = {}
    for peer in parameters.peers:
        if peer not in data:
            own = peer == parameters.treated_country
            excluded[peer] = "it is the country studied" if own else "not in the frame"
        elif data[peer].isna().any():
            gaps = data.index[data[peer].isna()].astype(str)
            excluded[peer] = say("no value in {} of {} months, first {}",
                                 len(gaps), len(data), gaps[0])  # fmt: skip
    return excluded


def in_spells(index: pd.Index, spells: Sequence[str]) -> NDArray[np.bool_]:
    """Which months lie in one of the spells."""
    inside = np.zeros(len(index), bool)
    for episode in map(Episode.parse, spells):
        first, last = pd.Period(episode.first, "M"), pd.Period(episode.last, "M")
        inside |= np.asarray((index >= first) & (index <= last))
    return inside


def around(pmi: pd.Series, spells: Sequence[Episode]) -> pd.Series:
    """The months to show beside the spells: mid-2019 to mid-2022, and half a year about each."""
    ends = [pd.Period(month, "M") for spell in spells for month in (spell.first, spell.last)]
    first = min(pd.Period("2019-06", "M"), *(end - 6 for end in ends))
    last = max(pd.Period("2022-06", "M"), *(end + 6 for end in ends))
    return pmi.loc[first:last]
