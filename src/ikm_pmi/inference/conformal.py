"""Inference for an episode of a few months, by ranking rather than by standard errors.

A dummy that is on for two months has almost no residual of its own, so robust standard errors say
nothing about it. The tests compare the episode with blocks of its length elsewhere in the series.

References
----------
Chernozhukov, Wüthrich & Zhu (2021), "An exact and robust conformal inference method for
counterfactual and synthetic controls", JASA 116.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.inversion import pieces
from ikm_pmi.inference.regression import check_design, size
from ikm_pmi.inference.windows import PERFECT, check_arrays
from ikm_pmi.language import joined, say, translated
from ikm_pmi.results import Estimate, Readable, TestResult, number, percent, span

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ConformalResult(Readable):
    """Effect, test of no effect and confidence set of a conformal test.

    Parameters
    ----------
    effect : float
        Effect at which the treated residuals average zero, in units of y; without lags the
        least-squares coefficient of the episode's dummy.
    p_value, minimum_p : float
        Of no effect; 1/n is the smallest that n cyclic shifts can give.
    candidates, p_values : ndarray, shape (C,)
    intervals : tuple of (low, high)
        The pieces of the confidence set; None where a piece has no end.
    n, dropped, lags : int
        Periods ranked, periods set aside, lags of y among the regressors.
    """

    effect: float
    p_value: float
    minimum_p: float
    candidates: Array
    p_values: Array
    intervals: tuple[tuple[float | None, float | None], ...]
    level: float
    n: int
    dropped: int
    lags: int

    @property
    def low(self) -> float | None:
        """Lower end of the whole set; None when it has none."""
        return self.intervals[0][0]

    @property
    def high(self) -> float | None:
        """Upper end of the whole set; None when it has none."""
        return self.intervals[-1][1]

    @property
    def set_text(self) -> str:
        """The confidence set as a reader writes it, with its pieces and missing ends."""
        return joined(" and ", (span(low, high) for low, high in self.intervals))

    def test(self, name: str, null: str) -> TestResult:
        """The test of no effect, with its null in words."""
        return TestResult(
            name=name,
            null=null,
            statistic=self.effect,
            p_value=self.p_value,
            distribution=say("{} moving-block (cyclic) permutations, null imposed", self.n),
            n=self.n,
            minimum_p=self.minimum_p,
            detail={"lags": self.lags, "dropped": self.dropped},
        )

    def estimate(self, name: str, unit: str = "index points") -> Estimate:
        """The effect; ``ci_low`` and ``ci_high`` are the outer ends of its set."""
        return Estimate(
            name=name,
            value=self.effect,
            unit=unit,
            method=say("least squares, conformal set by test inversion ({})", self.set_text),
            n=self.n,
            ci_low=self.low,
            ci_high=self.high,
            ci_level=self.level,
            p_value=self.p_value,
            detail={"minimum_p": self.minimum_p, "connected": len(self.intervals) == 1},
        )

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """The effect with the outer ends of its set."""
        return (self.estimate("effect", ""),)

    def reading(self) -> pd.DataFrame:
        """Effect, set, p and periods as texts."""
        return self.estimates[0].reading()

    def table(self) -> pd.DataFrame:
        """Candidate effects and their p-values, shape (C, 2)."""
        return pd.DataFrame({"effect": self.candidates, "p_value": self.p_values})

    @translated
    def sentence(self) -> str:
        """Effect, set, p and its floor in one sentence."""
        p, least = number(self.p_value, 3), number(self.minimum_p, 3)
        return say("Effect {} ({} conformal set {}), p = {} (smallest attainable {}), n = {}.",
                   number(self.effect), percent(self.level), self.set_text, p, least,
                   self.n)  # fmt: skip


Mask = NDArray[np.bool_]
OfEffects = Callable[[Array], Array]  # C candidate effects -> (C,) or (C, n)
_TIE = 1e-9  # relative; equal statistics differ by rounding and count as ties
_PARTS = 40  # into which the stretch from the last effect kept to the first one refused is cut


def shift_p(residuals: OfEffects, positions: NDArray[np.int_]) -> OfEffects:
    """The conformal p of candidate effects, whatever model gives the residuals.

    Parameters
    ----------
    residuals : callable
        Of the model fitted on all n periods, relieved of each of C candidate effects: shape (C, n).
        Signed ones rank the mean effect of the episode, absolute ones its mean size.
    positions : ndarray of int
        The treated periods among the n.

    Returns
    -------
    callable
        C effects to their p, shape (C,): the share of the n cyclic shifts of the treated pattern
        whose absolute mean residual is at least that of the episode, ties counted.
    """

    def p_of(effects: Array) -> Array:
        means = np.abs(_shift_means(residuals(effects), positions))
        return np.asarray((means >= means[:, :1] * (1 - _TIE)).mean(axis=1), float)

    return p_of


def conformal_by_shifts(
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
    >>> result = conformal_by_shifts(y, np.ones((60, 1)), [58, 59])
    >>> round(result.p_value, 3), result.low < result.effect < result.high < 0
    (0.017, True)
    """
    outcome, design, mask, keep = check_arrays(y, X, treated, usable)
    unit = float(size(np.where(keep, outcome, 0.0)))
    outcome = outcome / unit
    residuals, positions = _null_residuals(outcome, design, mask, keep, lags)
    n = residuals(np.zeros(1)).shape[1]
    p_of = shift_p(residuals, positions)
    effect, spread = _centre(residuals, positions)
    half, endless = _reach(p_of, effect, spread, 1 - level)
    grid = np.linspace(effect - half, effect + half, candidates)
    p_values = p_of(grid)
    grid = grid * unit
    close = 1e-6 * (grid[1] - grid[0])
    return ConformalResult(
        effect=effect * unit,
        p_value=float(p_of(np.zeros(1))[0]),
        minimum_p=1 / n,
        candidates=grid,
        p_values=p_values,
        intervals=pieces(
            lambda c: p_of(c / unit) > 1 - level, grid, endless=endless, parts=_PARTS, atol=close
        ),
        level=level,
        n=n,
        dropped=len(outcome) - n,
        lags=lags,
    )


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
    names = [*range(X.shape[1]), *(f"lag_{lag}" for lag in range(1, lags + 1)), "dummy"]
    check_design(
        pd.DataFrame(np.c_[X[keep], level_and_lags[0][:, 1:], d[keep]], columns=names),
        spare=1 + int(mask.sum()),  # untreated periods
        where="conformal set",
    )
    Q = np.linalg.qr(X[keep])[0]
    free_y, free_d = (block - Q @ (Q.T @ block) for block in level_and_lags)

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


def _reach(
    p_of: OfEffects, effect: float, spread: float, alpha: float
) -> tuple[float, Sequence[bool]]:
    """How far candidates hold the set, and whether it goes on for ever below and above."""
    half = 3 * spread
    ends = p_of(np.array([effect - 1e6 * half, effect + 1e6 * half])) > alpha
    for _ in range(12):
        edge = p_of(np.array([effect - half, effect + half])) > alpha
        if not (edge & ~ends).any():
            break
        half *= 2
    return half, ends.tolist()
