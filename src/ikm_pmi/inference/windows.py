"""An episode of a few months against every window shaped like it.

A dummy that is on for two or three months leaves no residual there, so a robust standard error
for it measures nothing. What the same regression misses in windows of the same shape, each left
out of the fit in turn, does measure how large an "effect" arises without any episode.

The rank tests count the episode itself in every p-value, so its floor is 1 / (1 + blocks). No
library has these tests.

References
----------
Andrews (2003), "End-of-sample instability tests", Econometrica 71.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.regression import check_design, check_rows
from ikm_pmi.language import say
from ikm_pmi.results import TestResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Residuals this small beside the outcome have fewer than eight digits: the fit is perfect.
PERFECT = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Placebo:
    """Errors of all admissible windows of one shape.

    Parameters
    ----------
    first_months : PeriodIndex, shape (N,)
    errors : ndarray, shape (N, L)
        Outcome minus the forecast from the rows outside the window, in units of the outcome.
    dummies : ndarray, shape (N,)
        What one dummy for the whole window would estimate.
    """

    first_months: pd.PeriodIndex
    errors: NDArray[np.float64]
    dummies: NDArray[np.float64]

    @property
    def windows(self) -> int:
        """Number of windows."""
        return len(self.errors)

    @property
    def minimum_p(self) -> float:
        """The smallest p a rank among these windows can attain, 1 / (N + 1)."""
        return 1 / (self.windows + 1)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean error of each window, shape (N,)."""
        means: NDArray[np.float64] = self.errors.mean(axis=1)
        return means


def leave_window_out(y: pd.Series, X: pd.DataFrame, offsets: NDArray[np.int64]) -> Placebo:
    """Leave-window-out forecast errors of an OLS regression over all admissible windows.

    For a window w the error is (I - H_ww)^-1 e_w, with e the residuals and H the hat matrix:
    exactly what dummies for the months of w would estimate (Belsley, Kuh and Welsch 1980).

    Parameters
    ----------
    y : Series, shape (T,), with a monthly PeriodIndex
        Months outside every episode and its leads; months may be missing.
    X : DataFrame, shape (T, k)
    offsets : ndarray of int, shape (L,)
        Months of the window counted from its first: ``[0, 1]`` for two in a row, ``[0, 2]`` where
        the second is missing. A window is admissible when all its months are in the sample.

    Raises
    ------
    EstimationError
        When rows differ or are no months in order, no window is admissible, a value is not finite,
        the regressors are collinear or fit perfectly, or one of them is identified by one window
        alone.

    Examples
    --------
    >>> months = pd.period_range("2012-01", periods=96, freq="M")
    >>> draw = np.random.default_rng(1)
    >>> X = pd.DataFrame({"const": 1.0, "x": draw.normal(size=96)}, months)
    >>> y = 2 * X["x"] + draw.normal(size=96)
    >>> leave_window_out(y, X, np.array([0, 1])).windows  # of two months in a row
    95
    """
    check_rows(y, X, where="placebo windows")
    if not isinstance(index := y.index, pd.PeriodIndex):
        raise EstimationError(
            "placebo windows are counted in months",
            expected="a PeriodIndex, such as pd.period_range('2012-01', periods=100, freq='M')",
            found=type(index).__name__,
            where="placebo windows",
            todo="set the index to the months: y.index.to_period('M') of dates",
        )
    values = y.to_numpy(float)
    _finite(np.column_stack([values, X.to_numpy(float)]))
    check_design(X, where="placebo windows")
    q, _ = np.linalg.qr(X.to_numpy(float))
    resid = values - q @ (q.T @ values)
    if np.abs(resid).max() <= PERFECT * np.abs(values).max():
        raise EstimationError(
            "placebo windows have no errors to rank",
            expected="residuals outside the episodes, from which errors can be told",
            found=f"a fit that is perfect but for rounding (below {PERFECT:g} of the outcome)",
            where=f"{len(index)} months from {index[0]}",
            todo="look for a regressor that holds the outcome, or give the effect without error",
        )
    place = np.stack([index.get_indexer(index + int(offset)) for offset in offsets], axis=1)
    rows = place[(place >= 0).all(axis=1)]
    if len(rows) == 0:
        raise EstimationError(
            "no placebo window of the episode's shape",
            expected=f"at least one run of {int(offsets[-1]) + 1} months outside all episodes",
            found=f"none among {len(index)} months",
            where=f"months from {index[0]}",
            todo="take a longer sample or shorter episodes",
        )
    leverage = np.einsum("nlk,nmk->nlm", q[rows], q[rows])
    gap = np.eye(len(offsets)) - leverage
    weakest = np.linalg.eigvalsh(gap)[:, 0]
    if weakest.min() < 1e-8:  # beyond it fewer than eight digits hold
        window = rows[int(weakest.argmin())]
        rest = np.delete(X.to_numpy(float), window, axis=0)
        still = X.columns[(np.ptp(rest, axis=0) == 0) & (np.ptp(X.to_numpy(float), axis=0) > 0)]
        raise EstimationError(
            "a regressor is identified by one placebo window alone",
            expected="the design to keep its rank when any window is left out",
            found=f"it loses rank without the window that begins in {index[window[0]]}: "
            + (", ".join(map(str, still)) or "a combination of regressors"),
            where=f"{len(index)} months",
            todo="take a longer sample, or leave out the regressor that moves only there",
        )
    errors = np.linalg.solve(gap, resid[rows][:, :, None])[:, :, 0]
    return Placebo(index[rows[:, 0]], errors, resid[rows].sum(axis=1) / gap.sum(axis=(1, 2)))


def _finite(values: NDArray[np.float64]) -> None:
    """Refuse what is not a number: in a comparison it would count as a small error."""
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise EstimationError(
            "placebo windows need finite values",
            expected="numbers only",
            found=f"{bad} of {values.size} not finite",
            where="outcomes, regressors and errors of the windows",
            todo="leave out months without data",
        )


def rank_p_value(statistic: float, placebo: NDArray[np.float64]) -> float:
    """(1 + #{|placebo| >= |statistic|}) / (1 + N); a tie counts against the effect."""
    _finite(np.append(placebo, statistic))
    close = 1e-9 * max(abs(statistic), 1e-300)
    return float((1 + np.sum(np.abs(placebo) >= abs(statistic) - close)) / (1 + len(placebo)))


def half_width(placebo: NDArray[np.float64], level: float) -> float | None:
    """Half-width of the interval that inverts the rank test; None when N is too small for it.

    The ceil(level (N + 1))-th smallest absolute error, so that the interval holds every effect
    whose p exceeds 1 - level.
    """
    _finite(placebo)
    rank = math.ceil(level * (len(placebo) + 1) - 1e-9)
    if rank > len(placebo):
        return None
    return float(np.sort(np.abs(placebo))[rank - 1])


def joint_p_value(distance: float, placebo: NDArray[np.float64], error: float, df: int) -> float:
    """Two-sided p of a difference whose first part errs as the windows, its second as a t.

    ``(1 + sum_i P(|m_i + error T| >= |distance|)) / (1 + N)``, T of t(df) and independent of the
    windows; as ``error`` goes to zero this is :func:`rank_p_value`.

    Parameters
    ----------
    placebo : ndarray, shape (N,)
        Mean errors of the windows.
    error : float
        Standard error of the second part, positive.
    """
    from scipy.special import stdtr

    _finite(np.append(placebo, [distance, error]))
    ends = np.stack([placebo - abs(distance), -placebo - abs(distance)]) / error
    return float((1 + stdtr(df, ends).sum()) / (1 + len(placebo)))


def joint_half_width(
    placebo: NDArray[np.float64], error: float, df: int, level: float
) -> float | None:
    """Half-width of all differences whose :func:`joint_p_value` exceeds 1 - level, or None.

    None where the windows are too few for the level.

    Examples
    --------
    >>> misses = np.linspace(-3, 3, 61)
    >>> round(joint_half_width(misses, 1e-9, 20, 0.9), 1), joint_half_width(misses[:5], 1, 20, 0.95)
    (2.8, None)
    """
    from scipy.optimize import brentq

    if 1 / (1 + len(placebo)) >= 1 - level:
        return None
    widest = float(np.abs(placebo).max()) + 1e3 * error
    return float(brentq(lambda h: joint_p_value(h, placebo, error, df) - (1 - level), 0.0, widest))


Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def end_of_sample(
    y: ArrayLike,
    X: ArrayLike,
    treated: ArrayLike,
    *,
    usable: ArrayLike | None = None,
    name: str = "end_of_sample",
    null: str = "the model of the months before the episode also holds in it",
) -> TestResult:
    r"""Andrews' (2003) test that a model breaks in its last m periods.

    With residuals :math:`u` and the covariance :math:`\Sigma` of blocks of length m, the statistic
    is :math:`P = u'\Sigma^{-1}u`, or its projection on X when m exceeds the number of regressors
    (his S). It is ranked among all blocks before the episode, each with the coefficients estimated
    without the first half of that block. The p-value counts the episode itself,
    (1 + #)/(1 + blocks), so that it is never zero. Periods after the episode are not used.

    Parameters
    ----------
    y, X, treated, usable
        As in :func:`~ikm_pmi.inference.conformal.conformal_by_shifts`; the treated periods must
        follow each other.
    name, null : str
        Of the :class:`TestResult`.

    Raises
    ------
    EstimationError
        As :func:`~ikm_pmi.inference.conformal.conformal_by_shifts`; also for an episode with a
        hole and for fewer blocks than periods.
    """
    outcome, design, mask, keep = check_arrays(y, X, treated, usable)
    first, last = np.flatnonzero(mask)[[0, -1]]
    m, k = last - first + 1, design.shape[1]
    if not mask[first : last + 1].all():
        raise EstimationError(
            "the end-of-sample test needs an episode without a hole",
            expected=f"all periods {first} to {last} treated",
            found=f"{int(mask.sum())} of {m} treated",
            todo="test each spell on its own",
        )
    keep = keep & (np.arange(len(outcome)) <= last)
    outcome = np.where(keep, outcome, 0.0)  # what is not kept is in no block and no fit
    starts = np.array([s for s in range(first - m + 1) if keep[s : s + m].all()], dtype=int)
    if len(starts) <= max(m, k):
        raise EstimationError(
            "too few blocks before the episode for the end-of-sample test",
            expected=f"more than {max(m, k)} blocks of {m} periods",
            found=f"{len(starts)} blocks",
            todo="start the sample earlier",
        )
    before = keep & ~mask
    check_design(design[before], spare=2, where="end-of-sample test")
    # Coordinates in which the regressors before the episode are orthonormal.
    Z = np.linalg.solve(np.linalg.qr(design[before])[1].T, design.T).T
    whole = np.linalg.lstsq(Z[keep], outcome[keep], rcond=None)[0]
    residuals = np.where(keep, outcome - Z @ whole, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(residuals[: last + 1], m)
    windows = windows[np.isfinite(windows).all(axis=1)]
    weight = np.linalg.inv(windows.T @ windows / len(windows))
    blocks = starts[:, None] + np.arange(m)
    errors = outcome[blocks] - _without_first_half(outcome, Z, before, blocks)
    placebos = _statistic(errors, Z[blocks], weight)
    actual = _statistic(residuals[None, first : last + 1], Z[None, first : last + 1], weight)[0]
    how = "{} earlier blocks of {} months, coefficients without half the block ({} statistic)"
    return _ranked(
        float(actual),
        placebos,
        name=name,
        null=null,
        distribution=say(how, len(starts), m, "P" if m <= k else "S"),
        n=int(keep.sum()),
    )


def placebo_time(
    effect: float, placebos: ArrayLike, *, name: str, null: str, how: str, n: int | None = None
) -> TestResult:
    """Rank an episode's mean effect among the "effects" of windows where nothing happened.

    Parameters
    ----------
    effect : float
        Mean effect of the episode.
    placebos : array, shape (W,)
        Mean forecast errors of every admissible window of the same length.
    name, null, how : str
        Name and null of the test, and how the placebos were made.

    Raises
    ------
    EstimationError
        When there is no window, or a placebo is not finite.
    """
    values = np.asarray(placebos, float)
    if not len(values) or not np.isfinite(values).all():
        raise EstimationError(
            f"{name}: no placebo in time",
            expected="at least one window of the episode's length with finite forecast errors",
            found=f"{len(values)} windows, {int((~np.isfinite(values)).sum())} not finite",
            todo="start the sample earlier or lower min_training",
        )
    return _ranked(
        effect,
        values,
        name=name,
        null=null,
        distribution=say("{} windows of the same length, {}", len(values), how),
        n=n,
    )


def _ranked(
    actual: float, placebos: Array, *, name: str, null: str, distribution: str, n: int | None
) -> TestResult:
    """The two-sided rank p-value, the episode itself counted."""
    return TestResult(
        name=name,
        null=null,
        statistic=float(actual),
        p_value=rank_p_value(actual, placebos),
        distribution=distribution,
        n=n,
        minimum_p=1 / (1 + len(placebos)),
    )


def check_arrays(
    y: ArrayLike, X: ArrayLike, treated: ArrayLike, usable: ArrayLike | None
) -> tuple[Array, Array, Mask, Mask]:
    """Arrays of one length, with the episode inside the sample and no gap that counts.

    What comes with an index has the same one, in the same order.
    """
    flags = [part for part in (treated, usable) if np.asarray(part).dtype.kind == "b"]
    labelled = [part for part in (y, X, *flags) if isinstance(part, pd.Series | pd.DataFrame)]
    if labelled:
        check_rows(*labelled, where="rank test")
    outcome, design = np.asarray(y, float), np.asarray(X, float)
    design = design[:, None] if design.ndim == 1 else design
    T = len(outcome)
    where = np.asarray(treated)
    mask = np.zeros(T, bool)
    if where.dtype == bool and where.shape == (T,):
        mask = where.copy()
    elif where.dtype != bool and len(where) and where.min() >= 0 and where.max() < T:
        mask[where.astype(int)] = True
    keep = np.ones(T, bool) if usable is None else np.asarray(usable, bool)
    if len(design) != T or keep.shape != (T,):
        raise EstimationError(
            "y, X and usable differ in length",
            expected=f"{T} rows",
            found=f"X {len(design)}, usable {len(keep)}",
        )
    if not mask.any() or (mask & ~keep).any():
        raise EstimationError(
            "the episode is not inside the sample",
            expected=f"treated periods among the {int(keep.sum())} usable of 0 to {T - 1}",
            found="treated "
            + (", ".join(map(str, np.flatnonzero(mask & ~keep))) or str(where.tolist()))[:80],
            todo="lengthen the sample or name another episode",
        )
    bad = keep & ~(np.isfinite(outcome) & np.isfinite(design).all(axis=1))
    if bad.any():
        raise EstimationError(
            "the series has gaps",
            expected="a finite outcome and regressors in every usable period",
            found=f"{int(bad.sum())} of {T} periods without",
            where="positions " + ", ".join(map(str, np.flatnonzero(bad)[:12])),
            todo="name them as not usable; nothing is filled in",
        )
    return outcome, design, mask, keep


def _without_first_half(y: Array, Z: Array, before: Mask, blocks: NDArray[np.int_]) -> Array:
    """Fitted values (N, m) of each block by the regression without the block's first half."""
    half = blocks[:, : (blocks.shape[1] + 1) // 2]
    inner = np.eye(Z.shape[1]) - np.einsum("nhk,nhl->nkl", Z[half], Z[half])
    if np.linalg.eigvalsh(inner)[:, 0].min() < 1e-10:
        raise EstimationError(
            "a regressor is identified by half a block alone",
            expected="regressors that keep their rank without any half block",
            todo="leave out the regressor that differs only there",
        )
    outer = Z[before].T @ y[before] - np.einsum("nhk,nh->nk", Z[half], y[half])
    slopes = np.linalg.solve(inner, outer[:, :, None])
    return np.asarray((Z[blocks] @ slopes)[:, :, 0], float)


def _statistic(u: Array, Z: Array, weight: Array) -> Array:
    """P of blocks (N, m), or S where a block is longer than its row of regressors."""
    weighted = u @ weight
    if u.shape[1] <= Z.shape[2]:
        return np.asarray((weighted * u).sum(axis=1), float)
    score = np.einsum("nmk,nm->nk", Z, weighted)
    middle = np.einsum("nmk,mj,njl->nkl", Z, weight, Z)
    return np.asarray(np.einsum("nk,nkl,nl->n", score, np.linalg.pinv(middle), score), float)
