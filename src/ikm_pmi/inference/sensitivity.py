"""How strong an omitted variable would have to be to overturn the sign of a coefficient.

Cinelli and Hazlett (2020): strengths are shares of residual variance, so they can be held against
those of the observed regressors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikm_pmi.errors import named
from ikm_pmi.inference.regression import check_design, check_rows


def robustness_value(t: float, df: int) -> float:
    """Share of the residual variance of treatment and outcome that would bring the estimate to 0.

    RV = (sqrt(f^4 + 4 f^2) - f^2) / 2 with f = |t| / sqrt(df) (Cinelli and Hazlett 2020, eq. 18
    with q = 1).

    Examples
    --------
    >>> round(robustness_value(4.184, 783), 3)
    0.139
    """
    f2 = t**2 / df
    return (math.sqrt(f2**2 + 4 * f2) - f2) / 2


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A confounder as strong as one observed covariate, and what would be left of the estimate.

    Parameters
    ----------
    r2_treatment, r2_outcome : float
        Partial R2 of the confounder with the treatment, and with the outcome given the treatment.
    adjusted : float or None
        Estimate net of it, in units of the estimate; None where no such confounder can exist (it
        would explain more than everything).
    """

    covariate: str
    r2_treatment: float
    r2_outcome: float
    adjusted: float | None


def _partial_r2(t: float, df: float) -> float:
    return t**2 / (t**2 + df)


def benchmarks(y: pd.Series, X: pd.DataFrame, treatment: str) -> tuple[Benchmark, ...]:
    """Bounds for a confounder once as strong as each covariate (Cinelli and Hazlett 2020, s. 4.4).

    Parameters
    ----------
    y : Series, shape (T,)
    X : DataFrame, shape (T, k)
        Constant (``const``), treatment and covariates.
    treatment : str
        Column of ``X``.
    """
    import statsmodels.api as sm

    check_rows(y, X, where="sensitivity")
    check_design(X, where="sensitivity")
    named({name: name for name in X}, treatment, what="regressor", where="sensitivity")
    outcome = sm.OLS(y, X).fit()
    others = X.drop(columns=treatment)
    selection = sm.OLS(X[treatment], others).fit()
    estimate, scale = outcome.params[treatment], outcome.bse[treatment] * np.sqrt(outcome.df_resid)
    found = []
    for name in others.columns.drop("const"):
        with_d = _partial_r2(selection.tvalues[name], selection.df_resid)
        with_y = _partial_r2(outcome.tvalues[name], outcome.df_resid)
        strength = with_d / (1 - with_d)
        tangled = with_d**2 / (1 - with_d) ** 2
        if strength >= 1 or tangled >= 1:
            found.append(Benchmark(name, float(min(strength, 1)), float(with_y), None))
            continue
        push = (1 + math.sqrt(tangled)) / math.sqrt(1 - tangled)
        r2_y = min(push**2 * with_y / (1 - with_y), 1.0)
        bias = scale * math.sqrt(r2_y * strength / (1 - strength))
        adjusted = float(np.sign(estimate) * (abs(estimate) - bias))
        found.append(Benchmark(name, float(strength), float(r2_y), adjusted))
    return tuple(found)
