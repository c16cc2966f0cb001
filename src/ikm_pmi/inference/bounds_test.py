"""Bounds tests of a level relationship, with critical values simulated for the sample at hand.

The tables of Pesaran, Shin & Smith hold for 1,000 observations and no short-run terms. With thirty
half-years the critical values are larger, and lags and seasonal dummies move them either way (the
test of statsmodels leaves dummies out). Here the null is simulated with the very rows, lags and
dummies of the study: y a random walk, the regressors independent of it, once all I(0) and once all
I(1). One QR decomposition of ``[W, Z, dy]`` gives both statistics of a sample.

References
----------
Pesaran, Shin & Smith (2001), Bounds testing approaches to the analysis of level relationships,
Journal of Applied Econometrics 16, section 3. Narayan (2005), Applied Economics 37 (small samples).
Kripfganz & Schneider (2020), Oxford Bulletin of Economics and Statistics 82 (lags matter).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError

__all__ = ["CASES", "BoundsNull", "BoundsResult", "deterministics", "f_and_t", "simulate_null"]

Floats = NDArray[np.float64]
Case = Literal[1, 2, 3, 4, 5]

#: The five cases of deterministic terms, in words.
CASES: Mapping[int, str] = {
    1: "no constant",
    2: "constant inside the level relationship",
    3: "constant outside the level relationship",
    4: "constant, trend inside the level relationship",
    5: "constant and trend outside the level relationship",
}
LEVELS = (0.10, 0.05, 0.01)
#: Numbers drawn at a time, so that memory does not grow with the draws.
CHUNK_CELLS = 10_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundsResult:
    """A bounds test: one statistic between two null distributions.

    ``critical`` maps a level (0.10, 0.05, 0.01) to the lower and upper critical value. ``p_upper``
    holds whatever the regressors' order of integration; ``p_lower`` only if all are I(0).
    """

    kind: Literal["F", "t"]
    statistic: float
    p_lower: float
    p_upper: float
    critical: Mapping[float, tuple[float, float]]

    def verdict(self, level: float = 0.05) -> str:
        """``level relationship``, ``inconclusive`` or ``no level relationship found``."""
        if self.p_upper <= level:
            return "level relationship"
        return "inconclusive" if self.p_lower <= level else "no level relationship found"


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class BoundsNull:
    """Simulated F and t statistics under the null, shape (2, draws): regressors I(0), I(1)."""

    f: Floats
    t: Floats

    def test(self, kind: Literal["F", "t"], statistic: float) -> BoundsResult:
        """Compare a statistic with both distributions; large F and very negative t reject."""
        sign = 1.0 if kind == "F" else -1.0
        draws = sign * (self.f if kind == "F" else self.t)
        beyond = (draws >= sign * statistic).sum(axis=1)
        # The data are one more draw under the null, so that no p is zero.
        lower, upper = ((1 + beyond) / (1 + draws.shape[1])).tolist()
        cut = {level: sign * np.quantile(draws, 1 - level, axis=1) for level in LEVELS}
        return BoundsResult(
            kind=kind,
            statistic=statistic,
            # With many terms and few rows the two can cross by a simulation error.
            p_lower=min(lower, upper),
            p_upper=max(lower, upper),
            critical={level: (float(c[0]), float(c[1])) for level, c in cut.items()},
        )


def deterministics(case: Case, n: int) -> tuple[Floats, Floats]:
    """Constant and trend outside and inside the tested restriction, shapes (n, .)."""
    one, trend = np.ones((n, 1)), np.arange(1.0, n + 1)[:, None]
    none = np.empty((n, 0))
    outside, inside = {
        1: (none, none),
        2: (none, one),
        3: (one, none),
        4: (one, trend),
        5: (np.hstack([one, trend]), none),
    }[case]
    return outside, inside


def f_and_t(stacked: Floats, tested: int) -> tuple[Floats, Floats]:
    """F and t statistics of samples stacked as ``[W, Z, dy]``, shape (..., n, columns).

    Z are the ``tested`` columns before the last: deterministic terms inside the relationship, the
    levels of x and, last, the level of y. F tests all of them, t the level of y.

    Raises
    ------
    EstimationError
        When no degree of freedom is left, columns are collinear or the fit is perfect.
    """
    n, columns = stacked.shape[-2:]
    freedom = n - (columns - 1)
    if freedom < 1:
        raise EstimationError(
            "the error-correction model has no degrees of freedom left",
            expected="more rows than coefficients",
            found=f"{n} rows, {columns - 1} coefficients",
            where=f"{tested} of the coefficients tested",
            todo="take fewer lags or fewer fixed regressors",
        )
    r = np.asarray(np.linalg.qr(stacked, mode="r"))
    lengths = np.abs(r).max(axis=-2)
    own = np.abs(np.diagonal(r, axis1=-2, axis2=-1)) >= 1e-8 * lengths  # eight digits hold
    own &= (lengths > 0) & np.isfinite(lengths)
    if not own.all():
        raise EstimationError(
            "the error-correction model has no F and t statistics",
            expected="linearly independent columns, and residuals",
            found="columns that are collinear with those before them, or a perfect fit: "
            + ", ".join(map(str, np.flatnonzero(~own.reshape(-1, columns).all(axis=0)))),
            where=f"{n} rows, {columns - 1} coefficients; the last column is the outcome",
            todo="leave out a lag or a fixed regressor",
        )
    outcome = r[..., -1] / np.exp2(np.round(np.log2(lengths[..., -1:])))  # rounds nothing
    scale = outcome[..., -1] ** 2 / freedom
    explained = outcome[..., columns - 1 - tested : columns - 1]
    f = (explained**2).sum(axis=-1) / tested / scale
    t = explained[..., -1] * np.sign(r[..., columns - 2, columns - 2]) / np.sqrt(scale)
    return f, t


def simulate_null(
    n: int,
    case: Case,
    *,
    order: Sequence[int],
    fixed: Floats | None = None,
    draws: int = 40_000,
    rng: np.random.Generator,
) -> BoundsNull:
    """Simulate both bounds under the null of no level relationship.

    ``y_t = y_(t-1) + e_t`` and, for each regressor, ``x_t = u_t`` (I(0)) or ``x_t = x_(t-1) + u_t``
    (I(1)); e and u standard normal, independent, started at zero. Both bounds share the draws.

    Parameters
    ----------
    n : int
        Rows of the error-correction regression.
    case : {1, 2, 3, 4, 5}
        See :data:`CASES`.
    order : sequence of int
        ARDL order, y first: p gives p-1 lagged differences of y, q the q differences of x from the
        current one on. ``(1, 0)`` is the regression behind the tables of Pesaran, Shin & Smith.
    fixed : ndarray of shape (n, m), optional
        Seasonal and other dummies.
    draws : int
        Simulated samples.

    Raises
    ------
    EstimationError
        As :func:`f_and_t`.

    Examples
    --------
    >>> import numpy as np
    >>> null = simulate_null(30, 3, order=(1, 1), draws=2000, rng=np.random.default_rng(1))
    >>> result = null.test("F", 4.9)
    >>> result.p_lower < result.p_upper
    True
    """
    p, *q = order
    k, lead = len(q), max(p - 1, *q, 0)
    outside, inside = deterministics(case, n)
    known = np.hstack([outside, fixed]) if fixed is not None else outside
    tested = inside.shape[1] + k + 1
    chunk = max(1, CHUNK_CELLS // ((n + lead + 1) * (4 + 2 * k + sum(order))))
    parts = []
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        shocks = rng.standard_normal((1 + k, size, n + lead + 1))
        walks = shocks.cumsum(axis=2) - shocks[:, :, :1]
        both = []
        for x in (shocks[1:], walks[1:]):
            short = [*_differences(walks[0], range(1, p), n)]
            for series, lags in zip(x, q, strict=True):
                short += _differences(series, range(lags), n)
            levels = [series[:, -n - 1 : -1] for series in (*x, walks[0])]
            dy = _differences(walks[0], range(1), n)
            W, Z = _tile(known, size), _tile(inside, size)
            both.append(f_and_t(np.stack([*W, *short, *Z, *levels, *dy], axis=2), tested))
        parts.append(np.array(both))  # (bound, statistic, draw)
    joined = np.concatenate(parts, axis=2)
    return BoundsNull(f=joined[:, 0], t=joined[:, 1])


def _differences(series: Floats, lags: range, n: int) -> list[Floats]:
    """Lagged first differences over the last n positions, each of shape (draws, n)."""
    d = np.diff(series, axis=1)
    return [d[:, d.shape[1] - n - lag : d.shape[1] - lag] for lag in lags]


def _tile(columns: Floats, size: int) -> list[Floats]:
    return [np.broadcast_to(column, (size, len(column))) for column in columns.T]
