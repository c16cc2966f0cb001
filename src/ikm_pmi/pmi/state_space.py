"""Forecasts of a monthly series by state-space models, and the errors of placebo windows.

Estimation and filtering are statsmodels'.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError, named
from ikm_pmi.inference.regression import check_rows
from ikm_pmi.inference.windows import half_width, rank_p_value
from ikm_pmi.results import Estimate

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
    cov : ndarray, shape (L, L)
        Covariance of the forecast errors.
    placebos : ndarray, shape (W, L)
        Outcome minus forecast in every admissible window before the origin.
    n : int
        Months observed in training.
    """

    expected: Array
    cov: Array
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


def fit(model: str, y: pd.Series, X: pd.DataFrame | None, season: int = 0) -> Any:
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
    season : int
        Periods of a pattern that comes again and may drift, a component of ``ucm``; 0 for none.

    Raises
    ------
    EstimationError
        When neither optimiser converges.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    label = named(LABELS, model, what="model")
    check_rows(*([y] if X is None else [y, X]), where=label)
    given: dict[str, Any] = {"use_exact_diffuse": True}
    if X is not None:
        given |= {"exog": X, "mle_regression": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is asked for below
        if model == "ucm":
            if season:
                given["seasonal"] = season
            built = UnobservedComponents(y, "rwalk", autoregressive=1, **given)
        else:
            built = SARIMAX(
                y, order=(1, 0, 0), seasonal_order=(min(season, 1), 0, 0, season), **given
            )
        start = None
        for method in ("lbfgs", "nm"):
            settings = _LBFGS if method == "lbfgs" else {}
            results = built.fit(start_params=start, method=method, disp=0, maxiter=1000, **settings)
            start = results.params  # a new start could end in another, lower optimum
            if results.mle_retvals["converged"] and np.isfinite(results.params).all():
                return built.smooth(_top(built, start))
    raise EstimationError(
        f"{label} does not converge",
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
    min_training: int,
    season: int = 0,
) -> Forecast:
    """Fit on the training months and forecast the months that follow them.

    Errors are jointly normal: the filtered state of the last training month has its covariance,
    the regressors' coefficients included; variances and the AR coefficient are held at their
    estimates.

    Parameters
    ----------
    training : Series, index PeriodIndex[M]
        Outcome up to the month before ``months``; missing where unobserved or masked.
    peers : DataFrame, shape (≥ T + L, k), k may be 0
        Regressors in the training and the forecast months.
    min_training : int
        Observed months before a placebo window.
    season : int
        As in :func:`fit`.
    """
    X = regressors(model, peers, training.index)
    results = fit(model, training, None if X is None else X.loc[training.index], season)
    more = {} if X is None else {"exog": X.loc[months]}
    ahead = results.get_forecast(len(months), **more)
    return Forecast(
        expected=ahead.predicted_mean.to_numpy(float),
        cov=_joint(ahead.prediction_results, len(months)),
        placebos=placebo_errors(results, len(months), min_training),
        n=int(training.notna().sum()),
    )


def _joint(ahead: Any, horizon: int) -> Array:
    """Covariance of the errors of the months ahead, by the filter's state covariances there."""
    P, step = ahead.predicted_state_cov, ahead.transition  # without an axis of time where constant
    Z = np.broadcast_to(ahead.design[0].reshape(len(step), -1), (len(step), horizon))
    cov = np.diag(np.full(horizon, float(ahead.obs_cov[0, 0])))
    for i in range(horizon):
        carried = P[:, :, i]
        for j in range(i, horizon):
            part = Z[:, i] @ carried @ Z[:, j]
            cov[i, j] += part
            cov[j, i] = cov[i, j]
            carried = carried @ step.T
    return cov


def simultaneous(cov: Array, level: float) -> Array:
    """Half-widths, shape (L,), of the normal band that holds for all months at once.

    A multiple of each month's standard error (Montiel Olea and Plagborg-Møller 2019), whose
    joint probability is integrated, not drawn.
    """
    from scipy import optimize, stats

    scale: Array = np.sqrt(np.diag(cov))
    normal = stats.multivariate_normal(np.zeros(len(cov)), cov / np.outer(scale, scale), True)

    def beyond(q: float) -> float:
        reach = np.full(len(cov), q)
        return float(normal.cdf(reach, lower_limit=-reach, rng=np.random.default_rng(1))) - level

    single = stats.norm.ppf((1 + level) / 2)
    most = stats.norm.ppf((1 + level ** (1 / len(cov))) / 2) + 1e-3  # Šidák's bound
    return scale * float(optimize.brentq(beyond, single - 1e-3, most, xtol=1e-6))


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
    head: str,
    effect: pd.Series,
    ahead: Forecast,
    *,
    method: str,
    level: float,
    unit: str = "index points",
) -> list[Estimate]:
    """Effects by month and on average with exact normal intervals; beside the mean, placebo ones.

    Parameters
    ----------
    head : str
        Begins the names; ``.<YYYY-MM>`` or ``.mean`` follows.
    effect : Series, shape (L,), index PeriodIndex[M]
        Observed minus expected, in ``unit``.
    """
    from scipy import stats

    def one(label: str, value: float, error: float, **detail: float | None) -> Estimate:
        half = float(stats.norm.ppf((1 + level) / 2)) * error
        return Estimate(
            name=f"{head}.{label}",
            value=value,
            unit=unit,
            method=method,
            n=ahead.n,
            std_error=error,
            ci_low=value - half,
            ci_high=value + half,
            ci_level=level,
            p_value=float(2 * stats.norm.sf(abs(value) / error)),
            detail=detail,
        )

    band, records = simultaneous(ahead.cov, level), []
    for (month, point), error, half in zip(
        effect.items(), np.sqrt(np.diag(ahead.cov)), band, strict=True
    ):
        low, high = float(point - half), float(point + half)
        both = {"simultaneous_low": low, "simultaneous_high": high}
        records.append(one(str(month), float(point), float(error), **both))
    mean, placebos = float(effect.mean()), ahead.placebos.mean(axis=1)
    width = half_width(placebos, level)
    beside = {
        "placebo_low": None if width is None else mean - width,
        "placebo_high": None if width is None else mean + width,
        "placebo_p": rank_p_value(mean, placebos),
    }
    return [*records, one("mean", mean, float(np.sqrt(ahead.cov.mean())), **beside)]


def effect_path(effect: pd.Series, ahead: Forecast, level: float) -> pd.DataFrame:
    """Observed and expected values by month, with pointwise and simultaneous bands."""
    from scipy import stats

    half = float(stats.norm.ppf((1 + level) / 2)) * np.sqrt(np.diag(ahead.cov))
    band, expected = simultaneous(ahead.cov, level), ahead.expected
    return pd.DataFrame(
        {
            "month": effect.index,
            "observed": effect.to_numpy() + expected,
            "counterfactual": expected,
            "low": expected - half,
            "high": expected + half,
            "simultaneous_low": expected - band,
            "simultaneous_high": expected + band,
        }
    )
