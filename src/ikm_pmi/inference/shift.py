"""Shift test: one coefficient against all circular shifts of the residuals in time.

When a regressor is two spikes in ten years, its robust standard error rests on a handful of
residuals and rejects far too often. Shifting the residuals of the model without the regressor keeps
their autocorrelation and asks how often chance alone lines them up with the spikes as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.errors import named
from ikm_pmi.inference.regression import check_design, check_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ShiftTest:
    """Estimate, standard error, p of zero and interval from all shifts in time.

    Parameters
    ----------
    std_error : float
        Root of the sum of squared estimates when the full model's residuals are shifted, divided by
        T less the number of regressors.
    ci_low, ci_high : float or None
        All values whose own p exceeds one minus the level; None where unbounded.
    minimum_p : float
        1 / T, the smallest p that T shifts can attain.
    """

    value: float
    std_error: float
    p_value: float
    ci_low: float | None
    ci_high: float | None
    minimum_p: float


def shift_in_time(y: pd.Series, X: pd.DataFrame, column: str, level: float = 0.95) -> ShiftTest:
    """Test and interval for one coefficient by circular shifts of restricted residuals.

    The null model's residuals are shifted by k = 0 ... T - 1 rows (the moving-block permutations of
    Chernozhukov, Wüthrich and Zhu 2021, applied to the residuals of the null as in Freedman and
    Lane 1983) and the coefficient is estimated anew each time; p is the share of shifts that reach
    the actual estimate, ties included. Nothing is random.

    Parameters
    ----------
    y : Series, shape (T,)
    X : DataFrame, shape (T, k)
    column : str
        The regressor in question.

    Raises
    ------
    EstimationError
        When rows differ or are out of order, the column is not there, or the design is singular.

    Examples
    --------
    >>> months = pd.period_range("2012-01", periods=96, freq="M")
    >>> draw = np.random.default_rng(1)
    >>> X = pd.DataFrame({"const": 1.0, "x": draw.normal(size=96)}, months)
    >>> y = 2 * X["x"] + draw.normal(size=96)
    >>> found = shift_in_time(y, X, "x")
    >>> found.ci_low < 2 < found.ci_high, found.p_value == found.minimum_p
    (True, True)
    """
    check_rows(y, X, where=f"shift test of {column}")
    check_design(X, where=f"shift test of {column}")
    values, outcome = X.to_numpy(float), y.to_numpy(float)
    places = {name: place for place, name in enumerate(X.columns)}
    position = named(places, column, what="regressor")
    weights = np.linalg.pinv(values)[position]
    others = np.linalg.qr(np.delete(values, position, axis=1))[0]
    turn = np.add.outer(np.arange(len(y)), np.arange(len(y))) % len(y)

    def shifted(series: NDArray[np.float64]) -> NDArray[np.float64]:
        """The coefficient on each shift of what the other regressors leave of a series."""
        coefficient: NDArray[np.float64] = (series - others @ (others.T @ series))[turn] @ weights
        return coefficient

    of_y, of_x = shifted(outcome), shifted(values[:, position])
    value = float(of_y[0])
    full = of_y - value * of_x
    spread = float(np.sqrt(np.sum(full**2) / (len(y) - X.shape[1])))
    low, high = _inverted(of_y, of_x, level)
    p = float(_p_values(of_y, of_x, np.zeros(1))[0])
    return ShiftTest(value, spread, p, low, high, 1 / len(y))


def _p_values(
    of_y: NDArray[np.float64], of_x: NDArray[np.float64], nulls: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of shifts that reach the actual statistic, for each null value."""
    statistics = np.abs(of_y[:, None] - of_x[:, None] * nulls)
    p: NDArray[np.float64] = np.mean(statistics >= statistics[0] * (1 - 1e-9), axis=0)
    return p


def _inverted(
    of_y: NDArray[np.float64], of_x: NDArray[np.float64], level: float
) -> tuple[float | None, float | None]:
    """Hull of the values that are not rejected: p only changes where two lines in c cross."""
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = np.concatenate(
            [(of_y[0] - of_y[1:]) / (1 - of_x[1:]), (of_y[0] + of_y[1:]) / (1 + of_x[1:])]
        )
    edges = np.unique(crossings[np.isfinite(crossings)])
    middles = np.concatenate([[edges[0] - 1], (edges[1:] + edges[:-1]) / 2, [edges[-1] + 1]])
    inside = np.flatnonzero(_p_values(of_y, of_x, middles) > 1 - level)
    low = None if inside[0] == 0 else float(edges[inside[0] - 1])
    high = None if inside[-1] == len(edges) else float(edges[inside[-1]])
    return low, high
