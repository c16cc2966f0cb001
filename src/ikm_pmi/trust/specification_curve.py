"""Many regressions at once: what a specification curve says, and what its spread is due to.

Specifications that share rows and controls share their linear algebra. By Frisch and Waugh (1933)
one coefficient is ``a'y / a'a``, with a the regressor less all others; its sandwich standard errors
need only ``a_t e_t / a'a``. A resampled outcome is one series for every specification, each
of which reads its own rows of it, so the curve under the null keeps the dependence between them.

References
----------
Simonsohn, Simmons & Nelson (2020), Specification curve analysis, Nature Human Behaviour 4. Steegen,
Tuerlinckx, Gelman & Vanpaemel (2016), Perspectives on Psychological Science 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.har import cosine_terms, truncation
from ikm_pmi.inference.regression import FixedB, StudentT
from ikm_pmi.language import say
from ikm_pmi.results import TestResult

Floats = NDArray[np.float64]
#: Two statistics closer than this are a tie (rounding), which counts as "at least".
TIE = 1 - 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SeriesFits:
    """The coefficient of the first treatment: B blocks, c treatments, m outcomes, T rows.

    Parameters
    ----------
    value : ndarray of shape (B, c, m)
    std_error : dict of str to ndarray of shape (B, c, m)
        ``ols``, ``newey_west``, ``cosine``, ``shift``.
    critical : dict of str to float
        Two-sided critical values of the first three; ``shift`` has p-values instead.
    weights : ndarray of shape (B, c, T)
        ``value`` is these on the outcome, whichever it is.
    p_shift : ndarray of shape (B, c, m)
    """

    value: Floats
    std_error: dict[str, Floats]
    critical: dict[str, float]
    weights: Floats
    p_shift: Floats


@lru_cache(maxsize=256)
def _critical(T: int, df: int, level: float) -> dict[str, float]:
    return {
        "ols": StudentT(df).critical(level),
        "newey_west": FixedB(truncation(T) / T).critical(level),
        "cosine": StudentT(cosine_terms(T)).critical(level),
    }


def series_fits(y: Floats, D: Floats, W: Floats, level: float) -> SeriesFits:
    """Every outcome on every treatment of a block, for blocks of the same size at once.

    Parameters
    ----------
    y : ndarray of shape (B, T, m)
    D : ndarray of shape (B, c, T, p)
        Treatments; the coefficient of the first of the p columns is the one wanted.
    W : ndarray of shape (B, T, q)
        Controls, the constant among them.
    level : float
        Coverage to which the critical values belong.

    Raises
    ------
    EstimationError
        When a treatment is a combination of the other columns, or rows are too few.
    """
    T, p, q = y.shape[1], D.shape[3], W.shape[2]
    if p + q >= T:
        raise EstimationError(
            "too few rows for the regressors",
            expected=f"more than {p + q} rows",
            found=f"{T} rows",
            todo="take a longer sample or fewer controls",
        )
    basis = np.linalg.qr(W)[0]
    left = D - basis[:, None] @ (basis.transpose(0, 2, 1)[:, None] @ D)
    r = y - basis @ (basis.transpose(0, 2, 1) @ y)
    others = np.linalg.qr(left[..., 1:])[0]
    back = others.swapaxes(-1, -2)
    a = left[..., :1] - others @ (back @ left[..., :1])
    square = np.sum(a**2, axis=(2, 3))
    if not (square > 1e-18 * np.sum(D[..., 0] ** 2, axis=2)).all():
        raise EstimationError(
            "the design is singular",
            expected="a treatment that moves apart from controls and other treatments",
            found=f"{int((square <= 1e-18).sum())} of {square.size} treatments that do not",
            todo="leave out a control, or choose months in which they differ",
        )
    restricted = (r[:, None] - others @ (back @ r[:, None])).swapaxes(-1, -2)
    row = a.swapaxes(-1, -2) / square[..., None, None]  # (B, c, 1, T)
    value = np.sum(restricted * row, axis=-1)
    full = restricted - value[..., None] * a.swapaxes(-1, -2)
    z = full * row
    shifted = _shifts(restricted, row)
    reach = np.abs(shifted) >= np.abs(shifted[..., :1]) * TIE
    df = T - p - q
    errors = {
        "ols": np.sqrt(np.sum(full**2, axis=-1) / df / square[..., None]),
        "newey_west": np.sqrt(_bartlett(z, truncation(T))),
        "cosine": np.sqrt(_cosine(z, cosine_terms(T))),
        "shift": np.sqrt(np.sum(_shifts(full, row) ** 2, axis=-1) / df),
    }
    return SeriesFits(
        value=value,
        std_error=errors,
        critical=_critical(T, df, level),
        weights=row[:, :, 0],
        p_shift=reach.mean(axis=-1),
    )


def _shifts(series: Floats, a: Floats) -> Floats:
    """``sum_t series_(t+k) a_t`` for k = 0 ... T-1, around the circle."""
    T = series.shape[-1]
    spectrum = np.fft.rfft(series) * np.conj(np.fft.rfft(a))
    return np.asarray(np.fft.irfft(spectrum, T))


def _bartlett(z: Floats, S: int) -> Floats:
    """Bartlett long-run sum of squares over the last axis, S - 1 lags."""
    total = np.einsum("...t,...t->...", z, z)
    for lag in range(1, S):
        total += 2 * (1 - lag / S) * np.einsum("...t,...t->...", z[..., lag:], z[..., :-lag])
    return np.asarray(total)


def _cosine(z: Floats, nu: int) -> Floats:
    T = z.shape[-1]
    phase = np.pi * np.outer(np.arange(T) + 0.5, np.arange(1, nu + 1)) / T
    return np.asarray(np.sum((z @ np.cos(phase)) ** 2, axis=-1) * 2 / nu)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PanelFits:
    """Elasticities of N panels: ``value`` and CRV1 ``std_error`` (N,), and their clusters' parts.

    ``parts``, shape (N, G), sums to ``value``: a wild draw v of the restricted residuals gives
    the coefficient ``parts @ v``.
    """

    value: Floats
    std_error: Floats
    parts: Floats
    nobs: NDArray[np.int64]
    clusters: NDArray[np.int64]


def panel_fits(
    values: Sequence[Floats], mask: NDArray[np.bool_], weights: Floats, *, unit: bool, year: bool
) -> PanelFits:
    """Outcome on the first regressor in N panels at once, effects and other regressors removed.

    Parameters
    ----------
    values : sequence of ndarray of shape (N, G, F, T) or broadcastable to it
        Outcome, regressor of interest, further regressors; by panel, unit (the clusters), group of
        years within a unit (such as a sampling frame) and year.
    mask : ndarray of bool, shape (N, G, F, T)
        Rows that exist.
    weights : ndarray of shape (N, G)
    unit, year : bool
        Effects removed: of unit and group, and of the year (a constant where there is one year).

    Raises
    ------
    EstimationError
        When the regressor does not vary in a panel.
    """
    m = mask.astype(float)
    w = weights[:, :, None, None] * m
    y, x, *rest = (_remove(np.where(mask, v, 0.0), m, w, unit, year) for v in values)
    done: list[Floats] = []
    for column in [*rest, x, y]:  # Gram-Schmidt
        for other in done[: len(rest)]:
            column = column - _ratio(other, column, w) * other
        done.append(column)
    *_, x, y = done
    square = np.einsum("ngft,ngft,ngft->n", w, x, x)
    if not (
        square > 1e-14 * np.einsum("ngft,ngft->n", w, np.where(mask, values[1], 0.0) ** 2)
    ).all():
        raise EstimationError(
            "a regressor does not vary once the effects are removed",
            expected="variation within units in each specification",
            found=f"none in {int((square <= 1e-14).sum())} of {len(square)} panels",
            todo="drop the option of the grid that leaves too little of the panel",
        )
    parts = np.einsum("ngft,ngft,ngft->ng", w, x, y) / square[:, None]
    value = parts.sum(axis=1)
    e = y - value[:, None, None, None] * x
    scores = np.einsum("ngft,ngft,ngft->ng", w, x, e) / square[:, None]
    n, G = mask.sum(axis=(1, 2, 3)), mask.any(axis=(2, 3)).sum(axis=1)
    # Columns counted by CRV1: regressors, year effects, and one intercept for nested effects.
    K = len(values) - 1 + (mask.any(axis=(1, 2)).sum(axis=1) if year else 1)
    factor = G / (G - 1) * (n - 1) / (n - K)
    error = np.sqrt(factor * np.sum(scores**2, axis=1))
    return PanelFits(value=value, std_error=error, parts=parts, nobs=n, clusters=G)


def _ratio(x: Floats, y: Floats, w: Floats) -> Floats:
    """Slope of y on x in each panel."""
    product = [np.einsum("ngft,ngft,ngft->n", w, x, v) for v in (y, x)]
    return np.asarray((product[0] / product[1])[:, None, None, None])


def _remove(v: Floats, m: Floats, w: Floats, unit: bool, year: bool) -> Floats:
    """Residuals from unit-by-group and year effects, rows outside the panel at zero."""
    rows = np.maximum(m.sum(axis=3), 1.0)
    if unit:
        v = m * (v - (v.sum(axis=3) / rows)[..., None])  # a weight is constant within a unit
    if not year:
        return v
    right = np.einsum("ngft,ngft->nt", w, v)
    count = np.einsum("ngft->nt", w)
    if not unit:
        return np.asarray(m * (v - (right / np.where(count > 0, count, 1.0))[:, None, None, :]))
    share = w / rows[..., None]
    normal = -np.einsum("ngft,ngfs->nts", share, m)
    normal[:, range(m.shape[3]), range(m.shape[3])] += count
    # Each connected part of a panel leaves one year effect free: the smallest solution will do.
    gamma = (np.linalg.pinv(normal, rcond=1e-10, hermitian=True) @ right[..., None])[..., 0]
    effect = m * gamma[:, None, None, :]
    return np.asarray(v - m * (effect - (effect.sum(axis=3) / rows)[..., None]))


def significant(null: Floats, level: float) -> NDArray[np.bool_]:
    """Which estimates (R, N) are among the largest of their own specification's R."""
    R, size = len(null), np.abs(null)
    rank = int((1 - level) * R + 1e-9)
    threshold = np.partition(size, R - rank, axis=0)[R - rank] * TIE if rank else np.inf
    return np.asarray(size >= threshold)


def searcher(null: Floats, level: float, tries: Sequence[int] = (1, 5, 20, 100)) -> Floats:
    """How often somebody who tries specifications in random order meets a significant one.

    Exact for each resample, where all of N are known: one minus the hypergeometric chance of none
    in so many tries without replacement; then the mean over resamples.

    Parameters
    ----------
    null : ndarray of shape (R, N)
        Estimates in R resamples without an effect.

    Returns
    -------
    ndarray, one share for each number of tries
    """
    from scipy.stats import hypergeom

    N = null.shape[1]
    count = significant(null, level).sum(axis=1)
    return np.array([1 - hypergeom.pmf(0, N, count, min(m, N)).mean() for m in tries])


def joint_tests(null: Floats, name: str, distribution: str, level: float) -> list[TestResult]:
    """Whether the whole curve could come from a null effect (Simonsohn et al. 2020, step 3).

    Parameters
    ----------
    null : ndarray of shape (R, N)
        Estimates of N specifications in R resamples under the null; the first are the actual ones.
    name : str
        Beginning of the tests' names.

    Returns
    -------
    list of TestResult
        On the median, on the larger of the shares significant with either sign, and on the mean of
        the estimates over their spread under the null. p counts resamples that reach the
        actual statistic, the actual one among them.
    """
    R, N = null.shape
    found = significant(null, level)
    signs = [(found & (s * null > 0)).mean(axis=1) for s in (1, -1)]
    statistics = {
        "median": ("the median estimate", np.median(null, axis=1)),
        "significant": ("the share of significant estimates", np.maximum(*signs)),
        "standardised": (
            "the mean standardised estimate",
            (null / np.sqrt((null**2).mean(axis=0))).mean(axis=1),
        ),
    }
    return [
        TestResult(
            name=f"{name}.joint.{key}",
            null=say("no effect in any specification, judged by {}", words),
            statistic=float(statistic[0]),
            p_value=float(np.mean(np.abs(statistic) >= abs(statistic[0]) * TIE)),
            distribution=distribution,
            n=N,
            minimum_p=1 / R,
        )
        for key, (words, statistic) in statistics.items()
    ]


def explained(table: pd.DataFrame, choices: Sequence[str], value: str = "estimate") -> pd.DataFrame:
    """How much of the variance of the estimates each choice explains.

    Returns
    -------
    DataFrame, one row a choice, then ``all choices``
        ``alone``: R2 of the choice's own effects; ``beyond the others``: what R2 loses without
        it; ``lowest`` and ``highest``: the option with the lowest and the highest mean estimate.
        What all choices leave is how they act together.
    """
    y = table[value].to_numpy(float)
    y = y - y.mean()
    dummies = {c: pd.get_dummies(table[c], drop_first=True, dtype=float) for c in choices}
    owner = np.repeat(list(choices), [d.shape[1] for d in dummies.values()])
    X = np.column_stack(list(dummies.values()))
    X -= X.mean(axis=0)
    gram, cross, total = X.T @ X, X.T @ y, float(y @ y)

    def share(names: Sequence[str]) -> float:
        # Normal equations: a few dozen columns of zeros and ones, some of them empty.
        own = np.isin(owner, list(names))
        inverse = np.linalg.pinv(gram[np.ix_(own, own)], rcond=1e-10, hermitian=True)
        return float(cross[own] @ inverse @ cross[own] / total)

    whole = share(choices)
    rows: list[list[str | float]] = []
    for choice in choices:
        means = table.groupby(choice, observed=True)[value].mean().sort_values()
        ends = [say("{} ({:.2f})", means.index[i], means.iloc[i]) for i in (0, -1)]
        beyond = max(whole - share([c for c in choices if c != choice]), 0.0)
        rows.append([choice, share([choice]), beyond, *ends])
    columns = ["choice", "alone", "beyond the others", "lowest", "highest"]
    out = pd.DataFrame(rows, columns=columns).sort_values("alone", ascending=False, kind="stable")
    last = pd.DataFrame([["all choices", whole, whole, "", ""]], columns=columns)
    return pd.concat([out, last], ignore_index=True)
