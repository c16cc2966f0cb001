"""The panel of countries, and its two-way fixed-effects regression clustered by country."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference.clusters import ClusterMoments, crv3, leave_one_out
from ikm_pmi.models.panel import Design, moments

if TYPE_CHECKING:
    from ikm_pmi.parameters import CrossCountryParameters

__all__ = ["CONTROLS", "CountryFit", "CountryPanel", "assemble", "regress"]

Floats = NDArray[np.float64]
Wide = pd.DataFrame

COLUMNS = ("country_iso3", "month", "pmi", "stringency", "new_cases", "new_deaths")
CONTROLS = ("log_cases", "log_cases_lag", "log_deaths", "log_deaths_lag")
#: Stringency and cases are recorded from this month; before it both are zero by definition.
RECORDS_BEGIN = pd.Period("2020-01", "M")
#: With five clusters Webb's weights have fewer patterns (7,776) than draws, and t(4) is no guide.
FEWEST_COUNTRIES = 6


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CountryPanel:
    """Every variable as a frame of months (contiguous) by countries used.

    Parameters
    ----------
    wide : mapping of str to DataFrame
        ``pmi`` (index points); ``level``, ``change``, ``tightening`` (change where positive),
        ``easing`` (change where negative), each in tens of stringency points; logs of one plus
        monthly cases and deaths, and those of the month before.
    first, last : Period
        The sample.
    excluded : DataFrame
        Columns country, usable_months, reason: every country of the frame that is not used.
    gaps : DataFrame
        Columns country, month, missing: months of the sample without a needed figure.
    """

    wide: Mapping[str, Wide]
    first: pd.Period
    last: pd.Period
    excluded: pd.DataFrame
    gaps: pd.DataFrame

    @property
    def countries(self) -> tuple[str, ...]:
        """Countries used, in alphabetical order."""
        return tuple(self.wide["pmi"].columns)


def assemble(frame: pd.DataFrame, parameters: CrossCountryParameters) -> CountryPanel:
    """Bring the long frame into shape and name what cannot be used.

    Parameters
    ----------
    frame : DataFrame
        One row a country and month: country_iso3, month (period), pmi (index points), stringency
        (0-100), new_cases and new_deaths (persons).

    Raises
    ------
    DataError
        For a missing column, a country-month twice, a listed country that the frame lacks, or a
        value out of range.
    EstimationError
        With fewer than six usable countries.
    """
    _check(frame, parameters)
    first, last = (
        pd.Period(month, "M") for month in (parameters.start_month, parameters.end_month)
    )
    months = pd.period_range(
        min(frame["month"].min(), first - 12), max(frame["month"].max(), last), freq="M"
    )
    raw = {
        name: frame.pivot_table(name, "month", "country_iso3", dropna=False, observed=True)
        .reindex(index=months, columns=sorted(frame["country_iso3"].unique()))
        .astype(float)
        for name in COLUMNS[2:]
    }
    wide = _variables(raw)
    window = {name: wide[name].loc[first:last] for name in ("pmi", "level", "change", *CONTROLS)}
    usable = np.all([np.isfinite(values.to_numpy()) for values in window.values()], axis=0)
    counts = dict(zip(wide["pmi"].columns, usable.sum(axis=0), strict=True))
    listed = [country for country in counts if country in parameters.countries]
    kept = [country for country in listed if counts[country] >= parameters.minimum_months]
    if len(kept) < FEWEST_COUNTRIES:
        raise EstimationError(
            "too few countries for inference clustered by country",
            expected=f"at least {FEWEST_COUNTRIES} with {parameters.minimum_months} usable months",
            found=f"{len(kept)}: {', '.join(kept) or 'none'}",
            where=f"{first} to {last}",
            todo="list more countries, widen the sample, or lower minimum_months",
        )
    few = f"fewer than {parameters.minimum_months} usable months"
    excluded = [
        (country, int(count), few if country in listed else "not listed")
        for country, count in counts.items()
        if country not in kept
    ]
    absent = {name: values[kept].isna().to_numpy() for name, values in window.items()}
    gaps = [
        (kept[j], str(window["pmi"].index[t]), ", ".join(n for n in absent if absent[n][t, j]))
        for t, j in np.argwhere(np.any(list(absent.values()), axis=0))
    ]
    return CountryPanel(
        wide={name: values[kept] for name, values in wide.items()},
        first=first,
        last=last,
        excluded=pd.DataFrame(excluded, columns=["country", "usable_months", "reason"]),
        gaps=pd.DataFrame(gaps, columns=["country", "month", "missing"]),
    )


def _check(frame: pd.DataFrame, parameters: CrossCountryParameters) -> None:
    def refuse(summary: str, expected: str, found: str, todo: str) -> None:
        raise DataError(
            summary, expected=expected, found=found, where="the country panel", todo=todo
        )

    if lost := [name for name in COLUMNS if name not in frame]:
        refuse("a column is missing", ", ".join(COLUMNS), f"no {', '.join(lost)}", "add it")
    twice = frame[frame.duplicated(["country_iso3", "month"])]
    if len(twice):
        row = twice.iloc[0]
        found = f"{len(twice)} repeated, first {row['country_iso3']} {row['month']}"
        refuse("a country-month occurs twice", "one row each", found, "keep one vintage")
    if lost := sorted(set(parameters.countries) - set(frame["country_iso3"])):
        refuse("a listed country is not there", "its rows", ", ".join(lost), "correct countries")
    for name in ("pmi", "stringency"):
        off = frame[(frame[name] < 0) | (frame[name] > 100)]
        if len(off):
            row = off.iloc[0]
            found = f"{row[name]} for {row['country_iso3']} {row['month']}"
            refuse(f"{name} is out of range", "0 to 100", found, "correct the row")


def _variables(raw: Mapping[str, Wide]) -> dict[str, Wide]:
    before = raw["pmi"].index < RECORDS_BEGIN
    known = {
        name: values.where(~(values.isna().to_numpy() & before[:, None]), 0.0)
        for name, values in raw.items()
        if name != "pmi"
    }
    level = known["stringency"] / 10
    change = level.diff()
    # A negative count is a revision of earlier months: its log does not exist, the month is a gap.
    cases, deaths = (
        known[name].where(known[name] >= 0).map(np.log1p) for name in ("new_cases", "new_deaths")
    )
    return {
        "pmi": raw["pmi"],
        "level": level,
        "change": change,
        "tightening": change.clip(lower=0),
        "easing": change.clip(upper=0),
        "log_cases": cases,
        "log_cases_lag": cases.shift(),
        "log_deaths": deaths,
        "log_deaths_lag": deaths.shift(),
    }


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CountryFit:
    """A regression with country and month effects, reduced to its countries.

    The first k coefficients of ``moments`` belong to the terms, the others to months; country
    effects are removed beforehand.
    """

    design: Design
    moments: ClusterMoments

    @property
    def names(self) -> tuple[str, ...]:
        """The k terms."""
        return self.design.names

    @property
    def params(self) -> Floats:
        """Coefficients of the terms, shape (k,)."""
        return self.moments.params[: len(self.names)]

    @property
    def cov(self) -> Floats:
        """Country-jackknife covariance CRV3 of the terms, shape (k, k)."""
        return crv3(self.moments)[: len(self.names), : len(self.names)]

    @property
    def influence(self) -> Floats:
        """Coefficients of the terms with one country left out at a time, shape (G, k)."""
        return leave_one_out(self.moments)[:, : len(self.names)]

    def pick(self, **weights: float) -> Floats:
        """A linear combination of the terms, padded for the month effects."""
        vector = np.zeros(self.moments.gram.shape[1])
        for name, weight in weights.items():
            vector[self.names.index(name)] = weight
        return vector

    def driscoll_kraay(self) -> tuple[Floats, int]:
        """Driscoll-Kraay standard errors of the terms, and their lags floor(4 (T/100)^(2/9)).

        Through statsmodels, with all effects as dummies and its factor n / (n - K), which is
        ``debiased=True`` in linearmodels. They need many months (Driscoll & Kraay 1998, Review
        of Economics and Statistics 80), and a pandemic has few.
        """
        from statsmodels.regression.linear_model import OLS

        country, month = self.design.effects
        dummies = [np.eye(codes.max() + 1)[codes] for codes in (country, month)]
        lags = int(4 * (dummies[1].shape[1] / 100) ** (2 / 9))
        model = OLS(self.design.y, np.hstack([self.design.X, dummies[0], dummies[1][:, 1:]]))
        options = {"time": month, "maxlags": lags, "use_correction": "hac"}
        covariance = model.fit(cov_type="hac-groupsum", cov_kwds=options).cov_params()
        return np.sqrt(np.diag(covariance)[: len(self.names)]), lags


def regress(
    panel: CountryPanel,
    y: Wide,
    terms: Mapping[str, Wide],
    *,
    last: pd.Period | None = None,
    without: str | None = None,
) -> CountryFit:
    """Regress y on the terms with country and month effects, on the rows that have them all.

    Parameters
    ----------
    y : DataFrame
        Months by countries.
    terms : mapping of str to DataFrame
        Likewise.
    last : Period, optional
        Last month of y's index, where it is before the sample's.
    without : str, optional
        A country to leave out.

    Raises
    ------
    EstimationError
        For collinear terms, or fewer than six countries with rows.
    """
    index = panel.wide["pmi"].index
    window = (index >= panel.first) & (index <= (last or panel.last))
    names = [country for country in panel.countries if country != without]
    kept = [panel.countries.index(country) for country in names]
    Y = y.to_numpy()[window][:, kept]
    X = np.stack([values.to_numpy()[window][:, kept] for values in terms.values()], axis=-1)
    use = np.isfinite(Y) & np.isfinite(X).all(axis=-1)
    rows = np.nonzero(use)
    months, countries = (np.unique(codes, return_inverse=True) for codes in rows)
    labels = tuple(names[i] for i in countries[0])
    if len(labels) < FEWEST_COUNTRIES:
        raise EstimationError(
            "too few countries for inference clustered by country",
            expected=f"at least {FEWEST_COUNTRIES}",
            found=f"{len(labels)} with {int(use.sum())} rows",
            where=f"{panel.first} to {last or panel.last}",
            todo="use fewer lags, leads or horizons, or more countries",
        )
    design = Design(
        outcome="pmi",
        names=tuple(terms),
        y=Y[use],
        X=X[use],
        weights=np.ones(int(use.sum())),
        effects=(countries[1], months[1]),
        clusters=countries[1],
        labels=labels,
    )
    return CountryFit(design=design, moments=moments(design))
