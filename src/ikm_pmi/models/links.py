"""Joint draws of the links: what each estimate or stated range becomes in the simulation.

An estimated link is normal with the width of its own interval, so that a fixed-b or a bootstrap
interval is not lost on the way; a stated range is triangular with the point value as its mode.
Each link has its own stream of random numbers: switching one off leaves the others as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.reference import Normal
from ikm_pmi.inference.regression import HarFit
from ikm_pmi.models.elasticity import ElasticityResult
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.results import Estimate

__all__ = [
    "WITHIN",
    "draw_elasticity",
    "draw_fit",
    "draw_range",
    "stream",
    "widened_root",
    "with_interval",
]

#: Estimators of the elasticity that compare a province with itself.
WITHIN = ("fe", "twfe", "first_difference", "long_difference", "intensive")
_STREAMS = (
    "pmi", "bridge", "pass_through", "elasticity", "additional", "share_manufacturing",
    "import_leakage", "indirect_share", "multiplier",
)  # fmt: skip
Draws = NDArray[np.float64]


def stream(link: str, parameters: JobsParameters) -> np.random.Generator:
    """The random numbers of one link."""
    return np.random.default_rng([parameters.seed, _STREAMS.index(link)])


def widened_root(fit: HarFit, columns: list[str], level: float) -> Draws:
    """Lower triangular root of the covariance, as wide as the fit's own interval."""
    widen = fit.reference.critical(level) / Normal().critical(level)
    return np.asarray(np.linalg.cholesky(fit.cov.loc[columns, columns].to_numpy()) * widen)


def draw_fit(link: str, fit: HarFit, columns: list[str], parameters: JobsParameters) -> Draws:
    """Coefficients of a regression, jointly: point values first, shape (1 + draws, columns)."""
    root = widened_root(fit, columns, parameters.confidence_level)
    z = stream(link, parameters).standard_normal((parameters.draws, len(columns)))
    moved = z @ root.T if link in parameters.uncertain else np.zeros_like(z)
    return fit.params[columns].to_numpy() + np.vstack([np.zeros(len(columns)), moved])


def draw_range(
    link: str, point: float, span: tuple[float, float], parameters: JobsParameters
) -> Draws:
    """An input with a stated range: point value first, shape (1 + draws, 1)."""
    out = np.full((1 + parameters.draws, 1), point)
    if link in parameters.uncertain and span[1] > span[0]:
        out[1:, 0] = stream(link, parameters).triangular(span[0], point, span[1], parameters.draws)
    return out


def draw_elasticity(elasticities: ElasticityResult, parameters: JobsParameters) -> Draws:
    """The elasticity: value of the chosen estimator first, shape (1 + draws, 1).

    With ``elasticity_spread = "estimators"`` each draw first picks one of the estimators within
    provinces, then a value from its sampling error; with ``sampling`` it is always the chosen one.
    """
    chosen = elasticities[f"elasticity.{parameters.estimator}"]
    every = parameters.elasticity_spread == "estimators"
    pool = [elasticities[f"elasticity.{name}"] for name in WITHIN] if every else [chosen]
    values, spreads = np.array([(e.value, _spread(e)) for e in pool]).T
    out = np.full((1 + parameters.draws, 1), chosen.value)
    if "elasticity" in parameters.uncertain:
        rng = stream("elasticity", parameters)
        pick = rng.integers(len(pool), size=parameters.draws)
        out[1:, 0] = values[pick] + spreads[pick] * rng.standard_normal(parameters.draws)
    return out


def _spread(e: Estimate) -> float:
    """Standard deviation of the normal whose interval is as wide as the estimate's own."""
    if e.ci_low is None or e.ci_high is None or e.ci_level is None:
        raise EstimationError(
            f"{e.name} has no bounded interval to draw from",
            expected="both ends of the interval",
            found=f"{e.ci_low} to {e.ci_high}",
            todo="choose another estimator",
        )
    return (e.ci_high - e.ci_low) / 2 / Normal().critical(e.ci_level)


def with_interval(estimate: Estimate, draws: Draws, level: float) -> Estimate:
    """The estimate with the quantiles and the standard deviation of its draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    error = float(np.std(draws))
    return replace(
        estimate, ci_low=float(low), ci_high=float(high), ci_level=level, std_error=error
    )
