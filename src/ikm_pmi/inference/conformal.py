"""Inference for an episode of a few months, by ranking rather than by standard errors.

A dummy that is on for two months has almost no residual of its own, so robust standard errors say
nothing about it. The tests compare the episode with blocks of its length elsewhere in the series.

References
----------
Chernozhukov, Wüthrich & Zhu (2021), "An exact and robust conformal inference method for
counterfactual and synthetic controls", JASA 116.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.conformal_result import ConformalResult
from ikm_pmi.inference.placebo import PERFECT
from ikm_pmi.inference.rank_tests import check_arrays, check_rank, end_of_sample, placebo_time
from ikm_pmi.inference.regression import size

__all__ = ["ConformalResult", "conformal", "end_of_sample", "placebo_time"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
OfEffects = Callable[[Array], Array]  # C candidate effects -> (C,) or (C, n)
_TIE = 1e-9  # relative; equal statistics differ by rounding and count as ties
_REFINED = 41  # candidates between the last effect kept and the first one refused


def conformal(
    y: ArrayLike,
    X: ArrayLike,
    treated: ArrayLike,
    *,
    usable: ArrayLike | None = None,
    lags: int = 0,
    level: float = 0.95,
    candidates: int = 201,
) -> ConformalResult:
    r"""Conformal test and confidence set for a constant effect on a short episode.

    For a candidate effect :math:`\theta` the model is refitted on the whole sample to
    :math:`y_t - \theta d_t`, and the absolute mean residual of the episode is ranked among those
    of the episode's pattern moved cyclically along the sample:
    :math:`p(\theta) = n^{-1} \sum_s 1\{S_s(\theta) \ge S_0(\theta)\}` (Chernozhukov, Wüthrich &
    Zhu 2021, equations 2-4, with the statistic for average effects). Nothing is random.

    Parameters
    ----------
    y : array, shape (T,)
        Outcome by period.
    X : array, shape (T, k)
        Regressors with the constant, untouched by the episode.
    treated : array
        Mask of shape (T,) or positions of the treated periods; several spells are allowed.
    usable : array of bool, shape (T,), optional
        Periods that count: False for a missing month or another episode. They are dropped, not
        filled, and their number is returned.
    lags : int
        Lags of the outcome under the null added to the regressors.
    level : float
        Coverage of the set.
    candidates : int
        Number of candidate effects around the estimate; the ends of the set are then located
        between candidates.

    Raises
    ------
    EstimationError
        For a gap or an infinite value in a usable period, an episode outside the sample, collinear
        regressors, too few periods or a perfect fit.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.sin(np.arange(60.0)) + np.where(np.arange(60) >= 58, -5.0, 0.0)
    >>> result = conformal(y, np.ones((60, 1)), [58, 59])
    >>> round(result.p_value, 3), result.low < result.effect < result.high < 0
    (0.017, True)
    """
    outcome, design, mask, keep = check_arrays(y, X, treated, usable)
    unit = float(size(np.where(keep, outcome, 0.0)))
    outcome = outcome / unit
    residuals, positions = _null_residuals(outcome, design, mask, keep, lags)
    n = residuals(np.zeros(1)).shape[1]

    def p_of(effects: Array) -> Array:
        means = np.abs(_shift_means(residuals(effects), positions))
        return np.asarray((means >= means[:, :1] * (1 - _TIE)).mean(axis=1), float)

    effect, spread = _centre(residuals, positions)
    grid, endless = _grid(p_of, effect, spread, 1 - level, candidates)
    pieces = _pieces(p_of, grid, endless, 1 - level)
    return ConformalResult(
        effect=effect * unit,
        p_value=float(p_of(np.zeros(1))[0]),
        minimum_p=1 / n,
        candidates=grid * unit,
        p_values=p_of(grid),
        intervals=tuple((_times(low, unit), _times(high, unit)) for low, high in pieces),
        level=level,
        n=n,
        dropped=len(outcome) - n,
        lags=lags,
    )


def _times(end: float | None, unit: float) -> float | None:
    return None if end is None else end * unit


def _null_residuals(
    y: Array, X: Array, mask: Mask, keep: Mask, lags: int
) -> tuple[OfEffects, NDArray[np.int_]]:
    """OfEffects (C, n) as a function of C candidate effects, and the treated rows among the n."""
    # A period whose lag is missing cannot be used either.
    lagged = [np.r_[np.zeros(lag, bool), keep[: len(keep) - lag]] for lag in range(lags + 1)]
    keep = np.logical_and.reduce(lagged)
    if (mask & ~keep).any():
        raise EstimationError(
            "an episode's month has no observed lag",
            expected=f"{lags} usable periods before each treated one",
            found="treated " + ", ".join(map(str, np.flatnonzero(mask & ~keep))),
            where=f"{len(y)} periods",
            todo="use fewer lags",
        )
    d = mask.astype(float)
    # Rows that roll around the end are the first ``lags`` ones, which are not kept.
    level_and_lags = [np.stack([np.roll(z, j)[keep] for j in range(lags + 1)], 1) for z in (y, d)]
    check_rank(np.column_stack([X[keep], level_and_lags[0][:, 1:]]), int(mask.sum()))
    Q = np.linalg.qr(X[keep])[0]
    free_y, free_d = (block - Q @ (Q.T @ block) for block in level_and_lags)
    if np.linalg.norm(free_d[:, 0]) < 1e-8:
        raise EstimationError(
            "the episode's dummy is one of the regressors",
            expected="regressors that do not add up to the episode",
            found="a dummy without residuals",
            where=f"{X.shape[1]} regressors, {int(mask.sum())} treated periods",
            todo="leave that regressor out",
        )

    def residuals(effects: Array) -> Array:
        # (C, n, 1 + lags): outcome under the null and its lags, cleared of X.
        z: Array = free_y - effects[:, None, None] * free_d
        u, L = z[:, :, 0], z[:, :, 1:]
        if not lags:
            return u
        inner = np.einsum("cnp,cn->cp", L, u)
        try:
            slope = np.linalg.solve(np.einsum("cnp,cnq->cpq", L, L), inner[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            raise _perfect(len(u[0])) from None
        return np.asarray(u - np.einsum("cnp,cp->cn", L, slope), float)

    return residuals, np.flatnonzero(mask[keep])


def _shift_means(u: Array, positions: NDArray[np.int_]) -> Array:
    """Mean residual (C, n) of the treated pattern moved cyclically by 0, 1, …, n-1 periods."""
    total = np.zeros_like(u)
    for position in positions:
        total += np.roll(u, -int(position), axis=1)
    return np.asarray(total / len(positions), float)


def _centre(residuals: OfEffects, positions: NDArray[np.int_]) -> tuple[float, float]:
    """The effect at which the treated residuals average zero, and the largest block mean there."""
    a, b = 0.0, 1.0
    fa, fb = residuals(np.array([a, b]))[:, positions].mean(axis=1)
    for _ in range(50):  # secant; exact at the first step without lags
        if fb == fa or abs(fb) < 1e-14:
            break
        a, b, fa = b, b - fb * (b - a) / (fb - fa), fb
        fb = residuals(np.array([b]))[0, positions].mean()
    left = residuals(np.array([b]))
    if np.abs(left).max() < PERFECT:
        raise _perfect(left.shape[1])
    spread = float(np.abs(_shift_means(left, positions)).max())
    if abs(fb) > 1e-6 * spread:
        raise EstimationError(
            "no constant effect brings the episode's residuals to an average of zero",
            expected="residuals that fall as the candidate effect rises",
            found=f"a mean of {fb:.3g} at an effect of {b:.3g} after 50 secant steps",
            where=f"{len(positions)} treated periods, largest value of the series near 1",
            todo="use fewer lags",
        )
    return float(b), spread


def _perfect(periods: int) -> EstimationError:
    return EstimationError(
        "the series leaves nothing to rank",
        expected="residuals that differ from zero outside the episode",
        found=f"a fit that is perfect but for rounding (below {PERFECT:g} of the series)",
        where=f"{periods} periods",
        todo="look for a regressor that holds the outcome, or give the effect without a test",
    )


def _grid(
    p_of: OfEffects, effect: float, spread: float, alpha: float, candidates: int
) -> tuple[Array, tuple[bool, bool]]:
    """Candidates wide enough for the set, and whether it goes on for ever below and above."""
    half = 3 * spread
    ends = p_of(np.array([effect - 1e6 * half, effect + 1e6 * half])) > alpha
    for _ in range(12):
        edge = p_of(np.array([effect - half, effect + half])) > alpha
        if not (edge & ~ends).any():
            break
        half *= 2
    return np.linspace(effect - half, effect + half, candidates), (bool(ends[0]), bool(ends[1]))


def _pieces(
    p_of: OfEffects, grid: Array, endless: tuple[bool, bool], alpha: float
) -> tuple[tuple[float | None, float | None], ...]:
    """Runs of candidates not refused, their ends located between grid points."""

    def end(inside: int, outside: int) -> float | None:
        if not 0 <= outside < len(grid):  # the run touches the edge of the grid
            return None if endless[int(outside > 0)] else float(grid[inside])
        fine = np.linspace(grid[inside], grid[outside], _REFINED)
        return float(fine[np.flatnonzero(p_of(fine) > alpha).max()])

    kept = p_of(grid) > alpha
    edges = np.flatnonzero(np.diff(np.r_[False, kept, False].astype(int)))
    return tuple(
        (end(first, first - 1), end(after - 1, after))
        for first, after in zip(edges[::2], edges[1::2], strict=True)
    )
