"""Placebo inference in time: the forecast errors of every window shaped like an episode.

A dummy that is on for two or three months leaves no residual there, so a robust standard error
for it measures nothing. What the same regression misses in windows of the same shape, each left
out of the fit in turn, does measure how large an "effect" arises without any episode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.regression import check_design

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Placebo", "half_width", "leave_window_out", "rank_p_value"]


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
    """

    first_months: pd.PeriodIndex
    errors: NDArray[np.float64]

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
        When no window is admissible, a value is not finite, the regressors are collinear or fit
        perfectly, or one of them is identified by one window alone.
    """
    index = pd.PeriodIndex(y.index)
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
    return Placebo(index[rows[:, 0]], errors)


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
