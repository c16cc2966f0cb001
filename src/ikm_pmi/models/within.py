"""The within transformation: effects removed from columns, and how many parameters they are.

References
----------
Frisch & Waugh (1933), Econometrica 1. Guimarães & Portugal (2010), Stata Journal 10, section 3
(alternating projections).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError

__all__ = ["first_of_components", "levels", "nested", "redundant", "within"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MAX_SWEEPS = 10_000


def within(
    values: Floats, effects: Sequence[Codes], weights: Floats | None = None, tol: float = 1e-12
) -> Floats:
    """Remove the (weighted) means of every effect by alternating projections.

    One effect takes one pass, a balanced panel with two effects two; other panels iterate until no
    mean exceeds ``tol`` times the column's spread. Time is linear in rows.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, k)
    effects : sequence of ndarray of shape (n,)
        Codes 0 .. levels-1.
    weights : ndarray of shape (n,), optional

    Raises
    ------
    EstimationError
        When the sweeps do not converge.

    Examples
    --------
    >>> import numpy as np
    >>> unit, year = np.repeat([0, 1], 2), np.tile([0, 1], 2)
    >>> within(np.array([1.0, 2.0, 5.0, 9.0]), [unit, year]).tolist()
    [0.75, -0.75, -0.75, 0.75]
    """
    out = np.array(values, dtype=float, copy=True)
    columns = out.reshape(len(out), -1)
    w = np.ones(len(out)) if weights is None else weights
    totals = [np.bincount(codes, w) for codes in effects]
    plain = weights is None
    for j in range(columns.shape[1]):
        x = np.ascontiguousarray(columns[:, j])
        scale = float(np.abs(x - x.mean()).max()) or 1.0
        for sweep in range(MAX_SWEEPS + 1):
            largest = 0.0
            for codes, total in zip(effects, totals, strict=True):
                means = np.bincount(codes, x if plain else w * x) / total
                x -= means[codes]
                if sweep:  # the first pass moves everything
                    largest = max(largest, float(np.abs(means).max()))
            if len(effects) < 2 or (sweep and largest <= tol * scale):
                break
        else:
            raise EstimationError(
                "the effects could not be removed",
                expected=f"convergence within {MAX_SWEEPS} sweeps",
                found=f"means of {largest / scale:.1e} of the spread are left",
                todo="the panel is barely connected: drop units seen in one year only",
            )
        columns[:, j] = x
    return out


def levels(codes: Codes) -> int:
    """Number of levels of a factor coded 0, 1, ..."""
    return int(codes.max()) + 1


def nested(codes: Codes, clusters: Codes) -> bool:
    """Whether every level lies in one cluster."""
    first = np.empty(levels(codes), dtype=clusters.dtype)
    first[codes] = clusters
    return bool(np.array_equal(first[codes], clusters))


def _components(one: Codes, other: Codes) -> Codes:
    """Connected component of each level of the second effect, in the graph of the rows."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n_one, n_other = levels(one), levels(other)
    size = n_one + n_other
    links = coo_matrix((np.ones(len(one)), (one, n_one + other)), shape=(size, size))
    return np.asarray(connected_components(links, directed=False)[1][n_one:], dtype=np.intp)


def first_of_components(one: Codes, other: Codes) -> Codes:
    """One level of the second effect per connected component: dummies the first one spans."""
    return np.unique(_components(one, other), return_index=True)[1]


def redundant(effects: Sequence[Codes]) -> int:
    """Dummies of two effects that the others already span: one per connected component."""
    if len(effects) > 2:
        raise EstimationError(
            "degrees of freedom are known for at most two effects",
            expected="one or two effects",
            found=f"{len(effects)} effects",
            todo="combine two of them into one column",
        )
    return len(first_of_components(*effects)) if len(effects) == 2 else 0
