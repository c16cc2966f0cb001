"""Forecasts of a monthly series by state-space models: paths, and the errors of placebo windows.

Estimation, filtering and simulation are statsmodels'.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.placebo import half_width, rank_p_value
from ikm_pmi.inference.simultaneous import sup_t_half_widths
from ikm_pmi.results import Estimate

__all__ = [
    "LABELS",
    "Forecast",
    "effect_estimates",
    "effect_path",
    "fit",
    "forecast",
    "placebo_errors",
    "regressors",
]

Array = NDArray[np.float64]
LABELS = {"ucm": "random-walk level + AR(1)", "sarimax": "ARIMA(1,0,0) with constant"}
# With differences for a gradient lbfgs stops short of a flat maximum, by one percent of an effect.
_LBFGS: dict[str, Any] = {"pgtol": 1e-9, "factr": 10.0, "optim_score": "approx"}


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What a model expects of L months, and how far it may be off.

    Parameters
    ----------
    expected : ndarray, shape (L,)
        Forecast in units of the outcome.
    errors : ndarray, shape (draws, L)
        Simulated paths minus ``expected``.
    placebos : ndarray, shape (W, L)
        Outcome minus forecast in every admissible window before the origin.
    n : int
        Months observed in training.
    """

    expected: Array
    errors: Array
    placebos: Array
    n: int


def regressors(model: str, peers: pd.DataFrame, training: pd.Index) -> pd.DataFrame | None:
    """Peers as deviations from their training mean, after a constant where the model has one.

    Uncentred, a peer near 50 can stand in for the constant and the optimiser gets lost.
    """
    X = peers - peers.loc[training].mean()
    if model == "sarimax":
        X.insert(0, "constant", 1.0)
    return X if X.shape[1] else None


def fit(model: str, y: pd.Series, X: pd.DataFrame | None) -> Any:
    """Fit by maximum likelihood, with a second optimiser before giving up.

    The regressors' coefficients, the constant of ``sarimax`` among them, are states with a diffuse
    start, so that their uncertainty enters the forecast.

    Parameters
    ----------
    model : {"ucm", "sarimax"}
    y : Series, shape (T,), index PeriodIndex[M]
        Missing values are allowed.
    X : DataFrame, shape (T, k), or None
        As :func:`regressors` makes them.

    Raises
    ------
    EstimationError
        When neither optimiser converges.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    given: dict[str, Any] = {"use_exact_diffuse": True}
    if X is not None:
        given |= {"exog": X, "mle_regression": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is asked for below
        if model == "ucm":
            built = UnobservedComponents(y, "rwalk", autoregressive=1, **given)
        else:
            built = SARIMAX(y, order=(1, 0, 0), **given)
        start = None
        for method in ("lbfgs", "nm"):
            settings = _LBFGS if method == "lbfgs" else {}
            results = built.fit(start_params=start, method=method, disp=0, maxiter=1000, **settings)
            start = results.params  # a new start could end in another, lower optimum
            if results.mle_retvals["converged"] and np.isfinite(results.params).all():
                return built.smooth(_top(built, start))
    raise EstimationError(
        f"{LABELS[model]} does not converge",
        expected="a maximum of the likelihood",
        found=f"none by lbfgs or Nelder-Mead in 1,000 iterations; {y.notna().sum()} months",
        where=f"{y.index[0]}..{y.index[-1]}",
        todo="use fewer peers, another sample or the other model",
    )


def _top(built: Any, near: Any) -> Any:
    """Where the score is zero, beside where a search of the maximum stopped.

    A search goes by the likelihood, whose last digits another machine computes otherwise; at a flat
    top that is a ten-thousandth of an effect.
    """
    from scipy.optimize import root

    def score(x: Array) -> Array:
        return np.asarray(built.score(x, transformed=False), dtype=np.float64)

    start = np.asarray(built.untransform_params(np.asarray(near)), dtype=np.float64)
    found = np.asarray(root(score, start, tol=1e-10).x, dtype=np.float64)
    nearer = np.abs(found - start).max() < 1e-2 and np.abs(score(found)) < np.abs(score(start))
    return built.transform_params(found) if np.all(nearer) else near


def forecast(
    model: str,
    training: pd.Series,
    peers: pd.DataFrame,
    months: pd.PeriodIndex,
    *,
    draws: int,
    rng: np.random.Generator,
    min_training: int,
) -> Forecast:
    """Fit on the training months and forecast the months that follow them.

    Simulated paths start from the filtered state of the last training month, drawn with its
    covariance; the variances and the AR coefficient are held at their estimates.

    Parameters
    ----------
    training : Series, index PeriodIndex[M]
        Outcome up to the month before ``months``; missing where unobserved or masked.
    peers : DataFrame, shape (≥ T + L, k), k may be 0
        Regressors in the training and the forecast months.
    draws : int
        Simulated paths.
    min_training : int
        Observed months before a placebo window.
    """
    X = regressors(model, peers, training.index)
    results = fit(model, training, None if X is None else X.loc[training.index])
    ahead = {} if X is None else {"exog": X.loc[months]}
    expected = results.get_forecast(len(months), **ahead).predicted_mean.to_numpy(float)
    paths = results.simulate(len(months), anchor="end", repetitions=draws, rng=rng, **ahead)
    return Forecast(
        expected=expected,
        errors=np.asarray(paths, float).T - expected,
        placebos=placebo_errors(results, len(months), min_training),
        n=int(training.notna().sum()),
    )


def placebo_errors(results: Any, horizon: int, min_training: int) -> Array:
    """Forecast errors, shape (W, horizon), from every origin in training, parameters fixed.

    The filter gives the state expected for each month from the months before it; carried forward
    it gives the forecast of the window that begins there. A window needs all its months observed.
    """
    filtered = results.filter_results
    y = filtered.endog[0]
    n = len(y)
    before = np.r_[0, np.cumsum(np.isfinite(y))]
    origins = [
        s
        for s in range(n - horizon + 1)
        if before[s] >= min_training and np.isfinite(y[s : s + horizon]).all()
    ]
    design = np.broadcast_to(filtered.design[0], (filtered.k_states, n))
    at = np.array(origins, dtype=int)
    state = filtered.predicted_state[:, at]
    errors = np.empty((len(at), horizon))
    for h in range(horizon):
        expected = (design[:, at + h] * state).sum(axis=0) + filtered.obs_intercept[0, 0]
        errors[:, h] = y[at + h] - expected
        state = filtered.transition[:, :, 0] @ state + filtered.state_intercept[:, :1]
    return errors


def effect_estimates(
    head: str, effect: pd.Series, ahead: Forecast, *, method: str, level: float
) -> list[Estimate]:
    """Effects by month, mean and cumulative, with simulated and placebo intervals.

    Parameters
    ----------
    head : str
        Begins the names; ``.<YYYY-MM>``, ``.mean`` or ``.cumulative`` follows.
    effect : Series, shape (L,), index PeriodIndex[M]
        Observed minus expected.
    """

    def one(label: str, value: float, errors: Array, **detail: float | None) -> Estimate:
        low, high = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
        return Estimate(
            name=f"{head}.{label}",
            value=value,
            unit="point-months" if label == "cumulative" else "index points",
            method=method,
            n=ahead.n,
            std_error=float(errors.std()),
            ci_low=value - float(high),
            ci_high=value - float(low),
            ci_level=level,
            p_value=rank_p_value(value, errors),
            detail={"minimum_p": 1 / (1 + len(errors)), **detail},
        )

    band = sup_t_half_widths(ahead.errors, level)
    records = []
    for i, (month, point) in enumerate(effect.items()):
        ends = _ends(float(point), None if band is None else float(band[i]))
        detail = dict(zip(("simultaneous_low", "simultaneous_high"), ends, strict=True))
        records.append(one(str(month), float(point), ahead.errors[:, i], **detail))
    mean, placebos = float(effect.mean()), ahead.placebos.mean(axis=1)
    half, p = half_width(placebos, level), rank_p_value(mean, placebos)
    for label, months in (("mean", 1), ("cumulative", len(effect))):
        low, high = _ends(months * mean, None if half is None else months * half)
        detail = {"placebo_low": low, "placebo_high": high, "placebo_p": p}
        records.append(one(label, months * mean, months * ahead.errors.mean(axis=1), **detail))
    return records


def effect_path(effect: pd.Series, ahead: Forecast, level: float) -> pd.DataFrame:
    """Observed and expected values by month, with pointwise and simultaneous bands."""
    low, high = np.quantile(ahead.errors, [(1 - level) / 2, (1 + level) / 2], axis=0)
    path = pd.DataFrame(
        {
            "month": effect.index,
            "observed": effect.to_numpy() + ahead.expected,
            "counterfactual": ahead.expected,
            "low": ahead.expected + low,
            "high": ahead.expected + high,
        }
    )
    band = sup_t_half_widths(ahead.errors, level)
    if band is not None:  # None when there are too few draws for the level
        path["simultaneous_low"] = ahead.expected - band
        path["simultaneous_high"] = ahead.expected + band
    return path


def _ends(value: float, half: float | None) -> tuple[float | None, float | None]:
    return (None, None) if half is None else (value - half, value + half)
