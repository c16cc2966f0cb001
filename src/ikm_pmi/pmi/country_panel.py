"""The panel of countries and months, and its two-way fixed-effects regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference.absorbed import absorb
from ikm_pmi.inference.clusters import critical_t, p_t
from ikm_pmi.inference.few_clusters import FewClusters, few_clusters, without_each
from ikm_pmi.language import joined, say
from ikm_pmi.parameters.pmi import FEWEST_COUNTRIES
from ikm_pmi.pmi.sample import PANDEMIC
from ikm_pmi.results import Estimate

if TYPE_CHECKING:
    from ikm_pmi.parameters import CrossCountryParameters

COLUMNS = ("country_iso3", "month", "pmi", "stringency", "new_cases", "new_deaths")
CONTROLS = ("log_cases", "log_cases_lag", "log_deaths", "log_deaths_lag")
#: Stringency and cases are recorded from this month; before it both are zero by definition.
RECORDS_BEGIN = pd.Period("2020-01", "M")
#: The forms in which deaths enter; the first looks ahead, the last is that of one plus deaths.
FORMS = {
    "share_of_peak": "share of own peak",
    "per_million": "deaths per head",
    "root": "root of deaths per head",
    "log_deaths": "log of deaths",
}


@dataclass(frozen=True, slots=True)
class Fork:
    """One declared way to hold the epidemic constant.

    Parameters
    ----------
    form : str
        One of ``FORMS``.
    lag : bool
        Whether the month before enters too.
    era : bool
        Whether each country has a level of its own since March 2020. The wave is then measured
        against the country's other months of that era, without it against a month without deaths.
        (One level for all countries is void: the month effects hold it.)
    """

    form: str
    lag: bool
    era: bool

    @property
    def name(self) -> str:
        """``share_of_peak_lag_era``."""
        return self.form + "_lag" * self.lag + "_era" * self.era

    @property
    def words(self) -> str:
        """For reading."""
        return joined(", ", [FORMS[self.form], *["lag"] * self.lag, *["own era level"] * self.era])

    @property
    def terms(self) -> tuple[str, ...]:
        """The columns of deaths."""
        return (self.form, f"{self.form}_lag")[: 1 + self.lag]

    @property
    def formula(self) -> str:
        """The regression."""
        effect = "country_era" if self.era else "country"
        return f"pmi ~ change + level + {' + '.join(self.terms)} | {effect} + month"


#: All of them: four forms, each with and without a lag, with and without the country's era level.
FORKS = tuple(
    Fork(form, lag, era) for form, era, lag in product(FORMS, (False, True), (False, True))
)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CountryPanel:
    """Every variable by country and month.

    Parameters
    ----------
    rows : DataFrame
        One row a country and month, contiguous months, from a year before the sample; of every
        country of the frame. ``country``, ``month``, ``country_era`` (the country, before and
        since March 2020); ``pmi`` (index points); ``level``, ``change``, ``tightening`` (change
        where positive), ``easing`` (where negative), each in tens of stringency points;
        ``log_cases``, ``log_deaths`` (of one plus persons), ``share_of_peak`` (deaths over the
        worst month of the country's record), ``per_million`` and ``root`` (deaths per million
        persons, and their square root; missing without a population), each of these with ``_lag``.
    countries : tuple of str
        Those used, in alphabetical order.
    first, last : Period
        The sample.
    excluded : DataFrame
        Columns country, usable_months, reason: every country of the frame that is not used.
    gaps : DataFrame
        Columns country, month, missing: months of the sample without a needed figure.
    """

    rows: pd.DataFrame
    countries: tuple[str, ...]
    first: pd.Period
    last: pd.Period
    excluded: pd.DataFrame
    gaps: pd.DataFrame

    def shifted(self, column: str, months: int) -> pd.Series:
        """A column ``months`` later (a lag), or earlier where negative, within each country."""
        return self.rows.groupby("country")[column].shift(months)

    def sample(self, *, without: Sequence[str] = (), ahead: int = 0) -> pd.DataFrame:
        """The rows of the sample, without some countries or its last ``ahead`` months."""
        months, countries = self.rows["month"], self.rows["country"]
        inside = (months >= self.first) & (months <= self.last - ahead)
        return self.rows[inside & countries.isin(set(self.countries) - set(without))]


def assemble(frame: pd.DataFrame, parameters: CrossCountryParameters) -> CountryPanel:
    """Bring the long frame into shape and name what cannot be used.

    Parameters
    ----------
    frame : DataFrame
        One row a country and month: country_iso3, month (period), pmi (index points), stringency
        (0-100), new_cases and new_deaths (persons); and, where it is known, population (persons).

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
    rows = _variables(_grid(frame, first, last))
    needed = ["pmi", "level", "change", *CONTROLS]
    inside = rows[(rows["month"] >= first) & (rows["month"] <= last)]
    whole = inside[needed].notna().all(axis=1)
    counts = whole.groupby(inside["country"]).sum()
    listed = [country for country in counts.index if country in parameters.countries]
    kept = [country for country in listed if counts[country] >= parameters.minimum_months]
    if len(kept) < FEWEST_COUNTRIES:
        raise EstimationError(
            "too few countries for inference clustered by country",
            expected=f"at least {FEWEST_COUNTRIES} with {parameters.minimum_months} usable months",
            found=f"{len(kept)}: {', '.join(kept) or 'none'}",
            where=f"{first} to {last}",
            todo="list more countries, widen the sample, or lower minimum_months",
        )
    few = say("fewer than {} usable months", parameters.minimum_months)
    excluded = [
        (country, int(count), few if country in listed else "not listed")
        for country, count in counts.items()
        if country not in kept
    ]
    holes = inside[~whole & inside["country"].isin(kept)]
    gaps = [
        (row["country"], str(row["month"]), joined(", ", (n for n in needed if pd.isna(row[n]))))
        for row in holes.sort_values(["month", "country"]).to_dict("records")
    ]
    return CountryPanel(
        rows=rows,
        countries=tuple(kept),
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


def _grid(frame: pd.DataFrame, first: pd.Period, last: pd.Period) -> pd.DataFrame:
    """Every country in every month, so that a lag is the month before and never another row."""
    start, end = min(frame["month"].min(), first - 12), max(frame["month"].max(), last)
    months = pd.period_range(start, end, freq="M")
    countries = sorted(frame["country_iso3"].unique())
    keys = pd.MultiIndex.from_product([countries, months], names=["country", "month"])
    values = [*COLUMNS[2:], *(name for name in ("population",) if name in frame)]
    rows = frame.set_index(["country_iso3", "month"])[values].astype(float).reindex(keys)
    if "population" not in frame:
        rows["population"] = np.nan
    return rows.reset_index()


def _variables(rows: pd.DataFrame) -> pd.DataFrame:
    by = rows["country"]
    before = rows["month"] < RECORDS_BEGIN
    raw = ["stringency", "new_cases", "new_deaths"]
    rows[raw] = rows[raw].where(~(rows[raw].isna() & before.to_numpy()[:, None]), 0.0)
    # A negative count is a revision of earlier months: its log does not exist, the month is a gap.
    cases, deaths = (rows[name].where(rows[name] >= 0) for name in raw[1:])
    rows["level"] = rows["stringency"] / 10
    rows["change"] = rows.groupby("country")["level"].diff()
    rows["tightening"], rows["easing"] = rows["change"].clip(lower=0), rows["change"].clip(upper=0)
    rows["country_era"] = by.where(rows["month"] < PANDEMIC, by + " since March 2020")
    head = rows.groupby("country")["population"].transform("max")
    forms = {
        "log_cases": np.log1p(cases),
        "log_deaths": np.log1p(deaths),
        "share_of_peak": deaths / deaths.groupby(by).transform("max"),
        "per_million": deaths / head * 1e6,
        "root": np.sqrt(deaths / head * 1e6),
    }
    for name, values in forms.items():
        rows[name], rows[f"{name}_lag"] = values, values.groupby(by).shift()
    return rows


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CountryFit:
    """A regression with country and month effects, clustered by country.

    Parameters
    ----------
    fit : RegressionResults
        Of statsmodels, by :func:`ikm_pmi.inference.absorbed.absorb`.
    countries : Series of shape (n,)
        The country of each row.
    """

    fit: Any
    countries: pd.Series

    def clusters(
        self, hypothesis: str, parameters: CrossCountryParameters, *, interval: bool = True
    ) -> FewClusters:
        """CRV1, CRV3 and wild bootstrap (Webb's weights) of a coefficient or a combination."""
        return few_clusters(
            self.fit,
            hypothesis,
            groups=self.countries,
            level=parameters.confidence_level,
            draws=parameters.draws,
            weights="webb",
            seed=parameters.seed,
            interval=interval,
        )

    def without_each(self, hypothesis: str) -> pd.Series:
        """The coefficient or combination with one country left out at a time, by country."""
        return without_each(self.fit, hypothesis, groups=self.countries)[0]

    def jackknife(self, weights: pd.Series, parameters: CrossCountryParameters) -> Estimate:
        """A combination of terms with CRV3 and t(G-1), in the outcome's unit; no bootstrap."""
        value = float(self.fit.params[weights.index] @ weights)
        without = self.without_each(combination(weights))
        G, level = len(without), parameters.confidence_level
        error = float(np.sqrt((G - 1) / G * ((without - value) ** 2).sum()))
        half = critical_t(level, G) * error
        return Estimate(
            name="combination",
            value=value,
            unit="index points",
            method=say("country and month effects, {} countries, CRV3 t({})", G, G - 1),
            n=len(self.countries),
            std_error=error,
            ci_low=value - half,
            ci_high=value + half,
            ci_level=level,
            p_value=p_t(value / error, G),
            detail={"n_clusters": G},
        )


def combination(weights: pd.Series) -> str:
    """A linear combination of terms as statsmodels writes it."""
    return " + ".join(f"({float(weight)!r}) * {term}" for term, weight in weights.items())


def regress(rows: pd.DataFrame, formula: str) -> CountryFit:
    """A regression of the panel, on the rows that have every term.

    Parameters
    ----------
    rows : DataFrame
        Of :meth:`CountryPanel.sample`.
    formula : str
        ``"pmi ~ change + level | country + month"``: effects behind the bar.

    Raises
    ------
    EstimationError
        For collinear terms, or fewer than six countries with rows.
    """
    parts = formula.replace("~", "+").replace("|", "+").split("+")
    columns = list(dict.fromkeys([*(part.strip() for part in parts), "country"]))
    whole = rows[columns].dropna()
    countries = whole["country"].rename("country")
    if countries.nunique() < FEWEST_COUNTRIES:
        span = f"{rows['month'].min()} to {rows['month'].max()}"
        raise EstimationError(
            "too few countries for inference clustered by country",
            expected=f"at least {FEWEST_COUNTRIES}",
            found=f"{countries.nunique()} with {len(whole)} rows",
            where=span,
            todo="use fewer lags, leads or horizons, or more countries",
        )
    return CountryFit(fit=absorb(formula, whole), countries=countries)


def negative_weights(rows: pd.DataFrame, term: str, others: Sequence[str]) -> tuple[float, float]:
    """How far a two-way regression counts effects of single country-months with a negative sign.

    If a unit of the regressor x does b_it in country i and month t, its coefficient is
    ``sum w_it b_it`` with ``w_it = r_it x_it / sum r x`` and r the residual of x on the other
    terms and effects (de Chaisemartin & D'Haultfœuille 2020, American Economic Review 110).

    Returns
    -------
    float, float
        Country-months of negative weight in percent of those where x is not zero, and the sum of
        the negative weights; all weights add up to one.
    """
    whole = rows.dropna(subset=["pmi", term, *others])
    left = regress(whole, f"{term} ~ {' + '.join(others)} | country + month").fit.resid
    weights = left * whole[term] / (left * whole[term]).sum()
    negative = weights[weights < 0]
    return 100 * len(negative) / int((whole[term] != 0).sum()), float(negative.sum())
