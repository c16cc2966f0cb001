"""Which measure of restriction explains the PMI: non-nested tests and out-of-sample errors.

The Oxford index hardly moves in July 2021; the level of PPKM and the cap on factory staff do, and
part ways in September 2021. Each model is the dose-response in one of them, on common months.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.har import har_fits, truncation
from ikm_pmi.language import spoken
from ikm_pmi.models.study import INTENSITIES, MAIN, dose_design
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.results import TestResult

__all__ = ["HorseRace", "horse_race"]


@dataclass(frozen=True, slots=True, eq=False)
class HorseRace:
    """Ranking of the intensities and tests of each against each.

    Parameters
    ----------
    ranking : DataFrame
        ``intensity, r_squared, rmse_in, rmse_out, n, n_out``, smallest ``rmse_out`` first; the row
        ``none`` has the controls only. RMSE in index points.
    pairs : DataFrame
        ``model, rival``; ``j_t, j_p, cox_p`` (classical), ``j_p_har`` and ``encompassing_p``
        (robust to autocorrelation): small p = the rival adds to the model.
    """

    ranking: pd.DataFrame
    pairs: pd.DataFrame
    tests: tuple[TestResult, ...]
    excluded_months: Mapping[str, str]
    n: int

    def table(self) -> pd.DataFrame:
        """The ranking."""
        return self.ranking

    @spoken
    def sentence(self) -> str:
        """The best of the intensities out of sample, and on which months."""
        best = self.ranking.iloc[0]
        return (
            f"Out of sample {best['intensity']} forecasts best (RMSE {best['rmse_out']:.1f} index "
            f"points over {best['n_out']} months; {self.n} months in all, "
            f"{len(self.excluded_months)} left out because a measure is missing)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Tests, exclusions and ranking as JSON-safe values."""
        return {
            "ranking": self.ranking.to_dict("records"),
            "tests": [t.to_dict() for t in self.tests],
            "excluded_months": dict(self.excluded_months),
            "n": self.n,
        }


def horse_race(
    frame: pd.DataFrame,
    parameters: ImpactParameters,
    intensities: Sequence[str] = INTENSITIES,
) -> HorseRace:
    """Run the dose-response in each intensity on the months that all of them have.

    Parameters
    ----------
    frame : DataFrame
        From :func:`ikm_pmi.models.study.study_frame`.
    intensities : sequence of str
        Two or more of ``level, industry_closure, oxcgrt, mobility``. Mobility is known for few
        months: leave it out to compare the others on the whole sample.

    Raises
    ------
    EstimationError
        Too few months before ``forecast_from``, or a singular design.

    References
    ----------
    Davidson and MacKinnon (1981) for J; Cox (1961); Mizon and Richard (1986) for encompassing.
    """
    y, designs, excluded = _common(frame, parameters, intensities)
    pairs, tests = [], []
    for model, rival in permutations(intensities, 2):
        row, test = _pair(y, designs, model, rival)
        pairs.append(row)
        tests.append(test)
    controls = designs[intensities[0]][["const", *parameters.controls]]
    ranking = pd.DataFrame(
        [
            _errors(name, y, X, parameters.forecast_from)
            for name, X in [*designs.items(), ("none", controls)]
        ]
    )
    return HorseRace(
        ranking=ranking.sort_values("rmse_out", kind="stable", ignore_index=True),
        pairs=pd.DataFrame(pairs),
        tests=tuple(tests),
        excluded_months=excluded,
        n=len(y),
    )


def _common(
    frame: pd.DataFrame, parameters: ImpactParameters, intensities: Sequence[str]
) -> tuple[pd.Series, dict[str, pd.DataFrame], dict[str, str]]:
    """Outcome and designs on the months that all intensities have."""
    span = (parameters.start_month, parameters.end_month)
    found = {s: dose_design(frame, s, parameters.controls, *span) for s in intensities}
    reasons = [
        {month: reason.replace("change, before", s) for month, reason in excluded.items()}
        for s, (_, _, excluded) in found.items()
    ]
    out = sorted({month for r in reasons for month in r})
    excluded = {
        month: "; ".join(dict.fromkeys(r[month] for r in reasons if month in r)) for month in out
    }
    kept = ~next(iter(found.values()))[0].index.astype(str).isin(out)
    y = next(iter(found.values()))[0][kept]
    return y, {s: X.loc[y.index] for s, (_, X, _) in found.items()}, excluded


def _pair(
    y: pd.Series, designs: Mapping[str, pd.DataFrame], model: str, rival: str
) -> tuple[dict[str, Any], TestResult]:
    """Whether the rival adds to the model."""
    import statsmodels.api as sm
    from statsmodels.stats import diagnostic

    own, other = (sm.OLS(y, designs[s]).fit() for s in (model, rival))
    j = diagnostic.compare_j(other, own, result_object=True)
    cox = diagnostic.compare_cox(own, other, result_object=True)
    # The shared controls are in the model already: what the rival brings is its own two columns.
    brings = designs[rival][["change", "before"]].add_prefix("rival_")
    both = sm.OLS(y, designs[model].join(brings)).fit(
        cov_type="HAC", cov_kwds={"maxlags": truncation(len(y)) - 1}
    )
    encompassing = both.wald_test(np.eye(both.params.size)[-2:], use_f=True, scalar=True)
    nested = designs[model].assign(rival=other.fittedvalues)
    fit = har_fits(y, nested, methods=MAIN)["newey_west"]
    value, error = fit.linear("rival")
    p = fit.reference.p_value(value / error)
    row = {
        "model": model,
        "rival": rival,
        "j_t": float(j.statistic),
        "j_p": float(j.pvalue),
        "cox_p": float(cox.pvalue),
        "j_p_har": p,
        "encompassing_p": float(encompassing.pvalue),
    }
    test = TestResult(
        name=f"pmi.horse_race.{model}.against.{rival}",
        null=f"given {model}, {rival} adds nothing (J test)",
        statistic=value / error,
        p_value=p,
        distribution=f"{fit.label}, {fit.reference.label}",
        n=len(y),
    )
    return row, test


def _errors(name: str, y: pd.Series, X: pd.DataFrame, forecast_from: str) -> dict[str, Any]:
    """In-sample fit, and one-step errors of an expanding window given the month's regressors."""
    import statsmodels.api as sm

    fit = sm.OLS(y, X).fit()
    first = pd.Period(forecast_from, "M")
    start = int((y.index < first).sum())
    if start <= X.shape[1] or start == len(y):
        raise EstimationError(
            "too few months to forecast out of sample",
            expected=f"more than {X.shape[1]} months before {forecast_from} and some after",
            found=f"{start} before and {len(y) - start} from {forecast_from} on",
            where=f"intensity {name}",
            todo="move forecast_from",
        )
    misses = []
    for t in range(start, len(y)):
        # A regressor that has not moved yet has no coefficient yet.
        seen = X.iloc[:t]
        moved = [c for c in X.columns if c == "const" or np.ptp(seen[c].to_numpy()) > 0]
        past = sm.OLS(y.iloc[:t], seen[moved]).fit()
        misses.append(float(y.iloc[t] - X[moved].iloc[t] @ past.params))
    return {
        "intensity": name,
        "r_squared": float(fit.rsquared),
        "rmse_in": float(np.sqrt(np.mean(fit.resid**2))),
        "rmse_out": float(np.sqrt(np.mean(np.square(misses)))),
        "n": len(y),
        "n_out": len(misses),
    }
