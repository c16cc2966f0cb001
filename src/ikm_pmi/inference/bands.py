"""Several effects at once: sup-t bands and Holm's step-down p-values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ikm_pmi.inference.windows import half_width

if TYPE_CHECKING:
    from numpy.typing import NDArray


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's (1979) step-down p-values: the family-wise error holds under any dependence.

    Examples
    --------
    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[str, float] = {}
    floor = 0.0
    for position, name in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        floor = max(floor, min(1.0, (len(p_values) - position) * p_values[name]))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}


def sup_t_half_widths(errors: NDArray[np.float64], level: float) -> NDArray[np.float64] | None:
    """Half-widths of a band that holds for all L months at once, from placebo errors.

    The band is q s_j, with s_j the root mean square of column j and q the conformal quantile of
    max_j |e_j| / s_j over the N windows. None when N is too small for the level.

    Parameters
    ----------
    errors : ndarray, shape (N, L)
    """
    scale: NDArray[np.float64] = np.sqrt(np.mean(errors**2, axis=0))
    quantile = half_width(np.max(np.abs(errors) / scale, axis=1), level)
    return None if quantile is None else quantile * scale


def sup_t_critical(
    cov: NDArray[np.float64],
    level: float,
    rng: np.random.Generator,
    *,
    df: int | None = None,
    draws: int = 20_000,
) -> float:
    """Critical value of the largest absolute t-ratio of jointly normal estimates.

    Montiel Olea and Plagborg-Møller (2019), simulated from ``cov`` of shape (L, L); with ``df``
    the estimates share a variance estimate of so many degrees of freedom.
    """
    scale = np.sqrt(np.diag(cov))
    normal = rng.multivariate_normal(np.zeros(len(cov)), cov, size=draws, method="eigh")
    largest = np.max(np.abs(normal) / scale, axis=1)
    if df is not None:
        largest = largest / np.sqrt(rng.chisquare(df, draws) / df)
    return float(np.quantile(largest, level))
