"""Heteroskedasticity- and autocorrelation-robust inference for one regression, side by side.

Five readings of the same coefficients: classical OLS, Newey-West with fixed-b critical values,
equal-weighted cosine, Prais-Winsten, and a structural model (random-walk level plus AR(1)). All
estimation is by statsmodels; only what it has no reference distribution for is written here.

Months that are missing from a sample are left out of the long-run variance as if their neighbours
were adjacent ("equal spacing", Rho and Vogelsang 2019); Prais-Winsten and the structural model use
the true distance between months.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError, named
from ikm_pmi.inference.regression import (
    Contrast,
    FixedB,
    HarFit,
    Normal,
    StudentT,
    check_design,
    check_rows,
    size,
)
from ikm_pmi.language import say
from ikm_pmi.results import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray


def truncation(n: int) -> int:
    """Newey-West truncation S = ceil(1.3 sqrt(n)) (Lazarus, Lewis, Stock and Watson 2018)."""
    return math.ceil(1.3 * math.sqrt(n))


def cosine_terms(n: int) -> int:
    """Cosine terms nu = floor(0.4 n^(2/3)) (Lazarus, Lewis, Stock and Watson 2018)."""
    return int(0.4 * float(n) ** (2 / 3))


def _ols(y: pd.Series, X: pd.DataFrame, _times: NDArray[np.int64], _lags: int | None) -> HarFit:
    import statsmodels.api as sm

    fit = sm.OLS(y, X).fit(method="qr")
    reference = StudentT(int(fit.df_resid))
    extra = {"r_squared": float(fit.rsquared)}
    return HarFit("ols", "OLS, classical", fit.params, fit.cov_params(), reference, len(y), extra)


def _newey_west(
    y: pd.Series, X: pd.DataFrame, _times: NDArray[np.int64], lags: int | None
) -> HarFit:
    import statsmodels.api as sm

    S = truncation(len(y)) if lags is None else lags + 1
    kwds = {"maxlags": S - 1, "use_correction": False}
    fit = sm.OLS(y, X).fit(method="qr", cov_type="HAC", cov_kwds=kwds)
    reference, extra = FixedB(S / len(y)), {"lags": float(S - 1)}
    label = say("OLS, Newey-West (S = {})", S)
    return HarFit("newey_west", label, fit.params, fit.cov_params(), reference, len(y), extra)


def _cosine(y: pd.Series, X: pd.DataFrame, _times: NDArray[np.int64], _lags: int | None) -> HarFit:
    import statsmodels.api as sm

    fit = sm.OLS(y, X).fit(method="qr")
    T, nu = len(y), cosine_terms(len(y))
    scores = X.to_numpy(float) * fit.resid.to_numpy()[:, None]
    phase = np.pi * np.outer(np.arange(1, nu + 1), np.arange(T) + 0.5) / T
    Lambda = np.sqrt(2 / T) * np.cos(phase) @ scores
    bread = np.asarray(fit.normalized_cov_params)
    cov = pd.DataFrame(T * bread @ (Lambda.T @ Lambda / nu) @ bread, X.columns, X.columns)
    reference, label = StudentT(nu), say("OLS, equal-weighted cosine (nu = {})", nu)
    return HarFit("cosine", label, fit.params, cov, reference, T, {"nu": float(nu)})


def _prais_winsten(
    y: pd.Series, X: pd.DataFrame, times: NDArray[np.int64], _lags: int | None
) -> HarFit:
    """Iterated AR(1) feasible GLS that keeps the first row (Prais and Winsten 1954).

    A row g months after the one before is y_t - rho^g y_(t-g), scaled to the same variance.
    """
    import statsmodels.api as sm

    gap = np.diff(times)
    joined = gap == 1
    values = np.column_stack([y.to_numpy(float), X.to_numpy(float)])
    beta = sm.OLS(values[:, 0], values[:, 1:]).fit().params
    rho = 0.0
    for _ in range(500):
        u = values[:, 0] - values[:, 1:] @ beta
        last, rho = rho, float(sm.OLS(u[1:][joined], u[:-1][joined]).fit().params[0])
        power = rho**gap
        scale = np.sqrt((1 - rho**2) / (1 - power**2))
        moved = (values[1:] - power[:, None] * values[:-1]) * scale[:, None]
        moved = np.vstack([np.sqrt(max(1 - rho**2, 0.0)) * values[:1], moved])
        fit = sm.OLS(moved[:, 0], moved[:, 1:]).fit()
        beta = fit.params
        if abs(rho - last) < 1e-10:
            break
    else:
        raise EstimationError(
            "Prais-Winsten did not converge",
            expected="the autocorrelation to settle within 500 rounds",
            found=f"rho = {rho:.4f} after {last:.4f}",
            todo="read the Newey-West row instead",
        )
    cov = pd.DataFrame(fit.cov_params(), X.columns, X.columns)
    params = pd.Series(beta, X.columns)
    label, reference = say("Prais-Winsten (rho = {:.3f})", rho), StudentT(int(fit.df_resid))
    return HarFit("prais_winsten", label, params, cov, reference, len(y), {"rho": rho})


def _structural(
    y: pd.Series, X: pd.DataFrame, times: NDArray[np.int64], _lags: int | None
) -> HarFit:
    """Random-walk level plus AR(1) with the regressors as states (Harvey 1989, ch. 7)."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    moving = X.loc[:, np.ptp(X.to_numpy(), axis=0) > 0]  # the level stands in for the constant
    grid = pd.RangeIndex(times[0], times[-1] + 1)
    endog = pd.Series(y.to_numpy(float), times).reindex(grid)
    # A month without an outcome has no weight, so the zero put in its regressors is never used.
    exog = moving.set_axis(times).reindex(grid, fill_value=0.0).astype(float)
    model = UnobservedComponents(
        endog,
        level="rwalk",
        autoregressive=1,
        exog=exog,
        mle_regression=False,
        use_exact_diffuse=True,
    )
    fit = model.fit(disp=0, maxiter=500)
    if not fit.mle_retvals["converged"]:
        fit = model.fit(fit.params, method="nm", disp=0, maxiter=5000)
    if not fit.mle_retvals["converged"]:
        raise EstimationError(
            "the structural model did not converge",
            expected="the likelihood to reach a maximum",
            found=f"log-likelihood {fit.llf:.3f} after {fit.mle_retvals['iterations']} iterations",
            todo="leave the structural row out, or use fewer regressors",
        )
    k = moving.shape[1]
    params = pd.Series(fit.smoothed_state[-k:, -1], moving.columns)
    cov = pd.DataFrame(fit.smoothed_state_cov[-k:, -k:, -1], moving.columns, moving.columns)
    label, extra = "structural (level + AR(1))", {"rho": float(fit.params["ar.L1"])}
    return HarFit("structural", label, params, cov, Normal(), len(y), extra)


_FITTERS: Mapping[str, Callable[..., HarFit]] = {
    "ols": _ols,
    "newey_west": _newey_west,
    "cosine": _cosine,
    "prais_winsten": _prais_winsten,
    "structural": _structural,
}
METHODS: tuple[str, ...] = tuple(_FITTERS)


def har_fits(
    y: pd.Series,
    X: pd.DataFrame,
    *,
    methods: Sequence[str] = METHODS,
    lags: int | None = None,
) -> dict[str, HarFit]:
    """One regression under several kinds of inference.

    Parameters
    ----------
    y : Series, shape (T,)
        Outcome, without missing values. With a monthly ``PeriodIndex`` the gaps between rows are
        known to Prais-Winsten and the structural model; with any other index rows are adjacent.
    X : DataFrame, shape (T, k)
        Regressors, the constant included.
    methods : sequence of str
        Any of ``ols, newey_west, cosine, prais_winsten, structural``.
    lags : int, optional
        Newey-West lags instead of the rule S - 1 = ceil(1.3 sqrt(T)) - 1.

    Raises
    ------
    EstimationError
        Rows that differ or are out of order, singular design (columns named), missing values
        (counted), an unknown method, or no convergence.
    """
    check_rows(y, X, where="regression")
    bad = int(y.isna().sum() + X.isna().to_numpy().sum())
    if bad:
        raise EstimationError(
            "missing values in a regression",
            expected="rows chosen beforehand and named",
            found=f"{bad} missing values",
            todo="exclude the rows by name",
        )
    check_design(X)
    monthly = isinstance(y.index, pd.PeriodIndex)
    times = y.index.asi8 if monthly else np.arange(len(y))  # type: ignore[attr-defined]
    outcome, design = y.astype(float), X.astype(float)
    known = {m: m for m in METHODS}
    wanted = [named(known, m, what="method") for m in methods]
    return {m: _scaled(m, outcome, design, times, lags) for m in wanted}


def _scaled(
    method: str, y: pd.Series, X: pd.DataFrame, times: NDArray[np.int64], lags: int | None
) -> HarFit:
    """One fit with outcome and columns brought to the size of one, and its results taken back.

    Least squares in double precision loses what its columns differ in size; the structural model
    is left as it is, since its maximum is searched for.
    """
    if method == "structural":
        return _structural(y, X, times, lags)
    one, each = float(size(y.to_numpy()[:, None])[0]), size(X.to_numpy())
    fit = _FITTERS[method](y / one, X / each, times, lags)
    back = one / each
    left = y.to_numpy() / one - X.to_numpy() / each @ fit.params.to_numpy()
    perfect = np.linalg.norm(left) <= 1e-13 * np.linalg.norm(y.to_numpy() / one)
    cov = fit.cov * (0.0 if perfect else np.outer(back, back))
    return replace(fit, params=fit.params * back, cov=cov)


def har_table(
    y: pd.Series, X: pd.DataFrame, names: Mapping[str, Contrast] | Sequence[str], **options: Any
) -> tuple[Estimate, ...]:
    """Each named coefficient or combination under every method, one Estimate a row.

    Parameters
    ----------
    names : sequence of column names, or mapping of name to combination
        ``{"long_run": {"x": 1, "x_1": 1}}`` adds two coefficients.
    **options
        ``methods`` and ``lags`` as in :func:`har_fits`; ``unit`` and ``level`` of the estimates.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> x = pd.Series(np.arange(40.0) % 7)
    >>> X = pd.DataFrame({"const": 1.0, "x": x})
    >>> [e.detail["inference"] for e in har_table(2 * x + np.cos(x**2), X, ["x"], methods=["ols"])]
    ['ols']
    """
    unit, level = options.pop("unit", ""), options.pop("level", 0.95)
    wanted = names if isinstance(names, Mapping) else {name: name for name in names}
    fits = har_fits(y, X, **options)
    return tuple(
        fit.estimate(name, contrast, unit=unit, level=level)
        for name, contrast in wanted.items()
        for fit in fits.values()
    )


def slope(y: pd.Series, x: pd.Series) -> HarFit:
    """One slope with Newey-West errors and fixed-b critical values."""
    design = pd.DataFrame({"const": 1.0, "slope": x})
    return har_fits(y, design, methods=("newey_west",))["newey_west"]
