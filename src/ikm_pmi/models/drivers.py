"""Which input moves an answer most: one at a time over stated ranges, and by shares of variance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError

__all__ = ["tornado", "variance_shares"]

_BINS = 50


def tornado(
    answer: Callable[[Mapping[str, float]], float],
    point: Mapping[str, float],
    ranges: Mapping[str, tuple[float, float]],
) -> pd.DataFrame:
    """The answer with each input at the ends of its range and all others at their point value.

    Returns
    -------
    DataFrame
        ``input, low, high`` (the range), ``at_low, at_high`` (the answer there) and ``swing``, the
        distance between them; the largest swing first.
    """
    rows = [
        (name, low, high, answer({**point, name: low}), answer({**point, name: high}))
        for name, (low, high) in ranges.items()
    ]
    table = pd.DataFrame(rows, columns=["input", "low", "high", "at_low", "at_high"])
    table["swing"] = (table["at_high"] - table["at_low"]).abs()
    return table.sort_values("swing", ascending=False, kind="stable", ignore_index=True)


def variance_shares(inputs: pd.DataFrame, output: NDArray[np.float64]) -> pd.Series:
    """First-order shares Var(E[Y | X_i]) / Var(Y) of independent inputs, from the draws themselves.

    The conditional mean is taken in 50 bins of equal count of X_i; what the means of bins vary by
    chance is subtracted, and a share that falls below zero by that is zero. What no input explains
    alone is in the row ``jointly``.

    Parameters
    ----------
    inputs : DataFrame, shape (draws, k)
        Independent draws; a constant column has the share zero.
    output : ndarray, shape (draws,)

    Raises
    ------
    EstimationError
        When the output does not vary.

    References
    ----------
    Sobol (1993); Plischke, Borgonovo and Smith (2013) for the estimate from given data.
    """
    total = float(np.var(output))
    if total == 0:
        raise EstimationError(
            "the answer has no variance to share out",
            expected="at least one input that is drawn",
            found="the same answer in every draw",
            todo="name an input in the parameter uncertain",
        )
    shares = {}
    for name, values in inputs.items():
        order = np.argsort(values.to_numpy(), kind="stable")
        groups = np.array_split(output[order], _BINS)
        means = np.array([g.mean() for g in groups])
        chance = float(np.mean([g.var(ddof=1) / len(g) for g in groups]))
        varies = float(np.ptp(values.to_numpy())) > 0
        shares[str(name)] = max(float(means.var()) - chance, 0.0) / total if varies else 0.0
    shares["jointly"] = max(1 - sum(shares.values()), 0.0)
    return pd.Series(shares, name="share").sort_values(ascending=False, kind="stable")
