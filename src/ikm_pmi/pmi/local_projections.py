"""Local projections of the PMI on a change in stringency, over a panel of countries.

The PMI asks about change on the month. Its response at horizon h is therefore how much faster or
slower activity moves in that month; the sum of the responses up to h is what has happened to the
level of activity. A response that returns to zero says "no longer falling", not "recovered".

References
----------
Jordà (2005), American Economic Review 95. Montiel Olea & Plagborg-Møller (2021), Econometrica 89
(lag augmentation). Montiel Olea & Plagborg-Møller (2019), Journal of Applied Econometrics 34
(sup-t bands).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.bands import holm, sup_t_critical
from ikm_pmi.inference.clusters import critical_t, p_t
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import CrossCountryParameters
from ikm_pmi.pmi.country_panel import CountryPanel, regress
from ikm_pmi.results import Estimate, Readable, number, percent

UNIT = "index points per +10 points of stringency"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LocalProjections(Readable):
    """Responses of the PMI 0 .. H months after stringency rises by 10 points.

    Parameters
    ----------
    path : DataFrame
        One row a horizon: response with std_error, ci_low, ci_high (one month at a time),
        band_low, band_high (all months at once), p_value, p_holm, cumulative with
        cumulative_std_error, n.
    cov : ndarray of shape (H+1, H+1)
        Joint CRV3 covariance of the responses.
    critical : float
        sup-t critical value of the band.
    n_countries : int
    level : float
        Coverage of intervals and band.
    """

    path: pd.DataFrame
    cov: NDArray[np.float64]
    critical: float
    n_countries: int
    level: float

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """``panel.lp.0`` .. ``panel.lp.H`` and ``panel.lp.cumulative``."""
        method = say("local projection, country and month effects, CRV3 t({})",
                     self.n_countries - 1)  # fmt: skip
        rows = self.path.to_dict("records")
        estimates = [
            Estimate(
                name=f"panel.lp.{row['horizon']}",
                value=row["response"],
                unit=UNIT,
                method=method,
                n=row["n"],
                std_error=row["std_error"],
                ci_low=row["ci_low"],
                ci_high=row["ci_high"],
                ci_level=self.level,
                p_value=row["p_value"],
                detail={key: row[key] for key in ("p_holm", "band_low", "band_high")}
                | {"sup_t_critical": self.critical},
            )
            for row in rows
        ]
        end = rows[-1]
        value, error = end["cumulative"], end["cumulative_std_error"]
        half = critical_t(self.level, self.n_countries) * error
        total = Estimate(
            name="panel.lp.cumulative",
            value=value,
            unit=say("point-months per +10 points of stringency, months 0 to {}", end["horizon"]),
            method=say("sum of local projections, joint CRV3 t({})", self.n_countries - 1),
            n=end["n"],
            std_error=error,
            ci_low=value - half,
            ci_high=value + half,
            ci_level=self.level,
            p_value=p_t(value / error, self.n_countries),
        )
        return (*estimates, total)

    def table(self) -> pd.DataFrame:
        """The path, one row a horizon."""
        return self.path.copy()

    def headline(self) -> str:
        """The first months in a sentence for a title."""
        first = [number(float(value)) for value in self.path["response"].iloc[:2]]
        return say("When rules tighten by ten points, the PMI moves by {} points in the same "
                   "month and by {} in the next",
                   first[0], first[1])  # fmt: skip

    @translated
    def sentence(self, digits: int = 2) -> str:
        """The path, its sum and the band in words."""
        path = joined(", ", (number(value, digits) for value in self.path["response"]))
        outside = self.path.loc[
            (self.path["band_low"] > 0) | (self.path["band_high"] < 0), "horizon"
        ]
        return say("PMI 0 to {} months after +10 points of stringency: {}; months whose {} "
                   "simultaneous band excludes zero: {}; {}", len(self.path) - 1, path,
                   percent(self.level), joined(", ", outside) or "none",
                   self.estimates[-1].sentence(digits))  # fmt: skip


def project(panel: CountryPanel, parameters: CrossCountryParameters) -> LocalProjections:
    """Project the PMI of month t+h on the change in stringency of month t, for each h.

    ``PMI_{i,t+h} = a_i + m_t + b_h change_it + c level_{i,t-1} + lags of change and PMI
    + controls + e``, months t and t+h within the sample, each horizon on all rows it has. Lags of
    outcome and change make the errors' serial correlation harmless (lag augmentation); country
    effects beside predetermined regressors leave a bias of order 1/T: on simulated panels of this
    size it is below the standard error, but not always small beside it (chapter 09). The joint
    covariance leaves one country at a time out of all horizons at once.

    Raises
    ------
    EstimationError
        When a horizon has too few countries, collinear terms, or not the countries of the others.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from ikm_pmi.pmi.country_panel import assemble
    >>> rng, names = np.random.default_rng(1), ["AUS", "BRA", "CHN", "DEU", "ESP", "FRA", "GBR"]
    >>> index = pd.MultiIndex.from_product([names, pd.period_range("2019-01", "2022-06", freq="M")])
    >>> frame = index.to_frame(index=False, name=["country_iso3", "month"])
    >>> for name in ("pmi", "stringency", "new_cases", "new_deaths"):
    ...     frame[name] = rng.uniform(30, 70, len(frame))
    >>> parameters = CrossCountryParameters(countries=names, horizons=2)
    >>> len(project(assemble(frame, parameters), parameters).path)
    3
    """
    lags = range(1, parameters.lags + 1)
    made = {"level_before": panel.shifted("level", 1)}
    made |= {f"change_lag_{j}": panel.shifted("change", j) for j in lags}
    made |= {f"pmi_lag_{j}": panel.shifted("pmi", j) for j in lags}
    terms = " + ".join(["change", *made, *parameters.controls])
    values, deviations, rows = [], [], []
    labels: set[tuple[str, ...]] = set()
    for h in range(parameters.horizons + 1):
        sample = panel.sample(ahead=h).assign(**made, ahead=panel.shifted("pmi", -h))
        fit = regress(sample, f"ahead ~ {terms} | country + month")
        without = fit.without_each("change")
        values.append(float(fit.fit.params["change"]))
        deviations.append(without.to_numpy() - values[-1])
        labels.add(tuple(without.index))
        rows.append({"horizon": h, "n": len(fit.countries)})
    if len(labels) > 1:
        raise EstimationError(
            "the horizons do not have the same countries",
            expected="each country at every horizon",
            found=" and ".join(sorted({str(len(names)) for names in labels})) + " countries",
            todo="use fewer horizons, or leave out the country with the shortest record",
        )
    return _summarise(np.array(values), np.array(deviations).T, pd.DataFrame(rows), parameters)


def _summarise(
    values: NDArray[np.float64],
    deviations: NDArray[np.float64],
    rows: pd.DataFrame,
    parameters: CrossCountryParameters,
) -> LocalProjections:
    """Intervals, band and sums from the responses and their leave-one-out deviations (G, H+1)."""
    G, level = len(deviations), parameters.confidence_level
    cov = (G - 1) / G * deviations.T @ deviations
    errors, sums = np.sqrt(np.diag(cov)), np.tri(len(values))
    critical = sup_t_critical(cov, level, np.random.default_rng(parameters.seed), df=G - 1)
    p_values = {h: p_t(t, G) for h, t in zip(rows["horizon"], values / errors, strict=True)}
    half, wide = critical_t(level, G) * errors, critical * errors
    path = pd.DataFrame(
        {
            "horizon": rows["horizon"],
            "response": values,
            "std_error": errors,
            "ci_low": values - half,
            "ci_high": values + half,
            "band_low": values - wide,
            "band_high": values + wide,
            "p_value": list(p_values.values()),
            "p_holm": list(holm(p_values).values()),
            "cumulative": sums @ values,
            "cumulative_std_error": np.sqrt(np.diag(sums @ cov @ sums.T)),
            "n": rows["n"],
        }
    )
    return LocalProjections(path=path, cov=cov, critical=critical, n_countries=G, level=level)
