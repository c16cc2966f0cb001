"""What a specification curve says as a whole: its joint tests, and what its spread is due to.

References
----------
Simonsohn, Simmons & Nelson (2020), Specification curve analysis, Nature Human Behaviour 4. Steegen,
Tuerlinckx, Gelman & Vanpaemel (2016), Perspectives on Psychological Science 11.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.results import TestResult

__all__ = ["explained", "joint_tests"]

Floats = NDArray[np.float64]
#: Two statistics closer than this are a tie (rounding), which counts as "at least".
TIE = 1 - 1e-9


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
    size = np.abs(null)
    rank = int((1 - level) * R + 1e-9)
    threshold = np.partition(size, R - rank, axis=0)[R - rank] * TIE if rank else np.inf
    found = size >= threshold
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
            null=f"no effect in any specification, judged by {words}",
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
        ends = [f"{means.index[i]} ({means.iloc[i]:.2f})" for i in (0, -1)]
        beyond = max(whole - share([c for c in choices if c != choice]), 0.0)
        rows.append([choice, share([choice]), beyond, *ends])
    columns = ["choice", "alone", "beyond the others", "lowest", "highest"]
    out = pd.DataFrame(rows, columns=columns).sort_values("alone", ascending=False, kind="stable")
    last = pd.DataFrame([["all choices", whole, whole, "", ""]], columns=columns)
    return pd.concat([out, last], ignore_index=True)
