"""The within transformation: effects removed from columns, and how many parameters they are.

References
----------
Frisch & Waugh (1933), Econometrica 1. Guimarães & Portugal (2010), Stata Journal 10, section 3
(alternating projections). Wansbeek & Kapteyn (1989), Journal of Econometrics 41 (unbalanced
two-way panels, solved for the smaller effect).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError

__all__ = ["first_of_components", "levels", "nested", "redundant", "within"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MAX_SWEEPS = 10_000
#: A table of cells is made up to this many columns, and this many cells a row of the data (or
#: this many in all).
MAX_COLUMNS = 100
MAX_EMPTY = 4
SMALL_TABLE = 50_000
#: Share of its variance a combination of columns keeps once rows are removed, below which none.
SINGULAR = 1e-11
#: Turns of the direct solution before alternating projections take over.
MAX_TURNS = 4


def within(
    values: Floats, effects: Sequence[Codes], weights: Floats | None = None, tol: float = 1e-12
) -> Floats:
    """Remove the (weighted) means of every effect, until none exceeds ``tol`` times the spread.

    One effect takes one pass. Two effects whose table of cells is not much larger than the data
    (units by years) are removed at once by the normal equations of the smaller one, balanced or
    not. Everything else, and what these leave, goes through alternating projections. Time is
    linear in rows.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, k)
    effects : sequence of ndarray of shape (n,)
        Codes 0 .. levels-1, each used.
    weights : ndarray of shape (n,), optional
        Positive.

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
    out = np.array(values, dtype=float, order="F")  # each column in one piece
    table, totals = _table(effects, weights), None
    for x in out.T if out.ndim == 2 else [out]:
        middle = x.mean()
        enough = tol * (float(max(x.max() - middle, middle - x.min())) or 1.0)
        if table is None or not _remove(x, table, weights, enough):
            totals = totals or [np.bincount(codes, weights).astype(float) for codes in effects]
            _sweep(x, effects, totals, weights, enough)
    return out


def _sweep(
    x: Floats, effects: Sequence[Codes], totals: list[Floats], weights: Floats | None, enough: float
) -> None:
    """Alternating projections in place, until no mean exceeds ``enough``."""
    largest = 0.0
    for sweep in range(MAX_SWEEPS + 1):
        largest = 0.0
        for codes, total in zip(effects, totals, strict=True):
            means = np.bincount(codes, x if weights is None else weights * x) / total
            x -= means[codes]
            if sweep:  # the first pass moves everything
                largest = max(largest, float(np.abs(means).max()))
        if len(effects) < 2 or (sweep and largest <= enough):
            return
    raise EstimationError(
        "the effects could not be removed",
        expected=f"convergence within {MAX_SWEEPS} sweeps",
        found=f"means of {largest:.1e} are left, {enough:.1e} are allowed",
        todo="the panel is barely connected: drop units seen in one year only",
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Table:
    """Two effects as the table of their cells: rows are the one with more levels.

    ``inverse`` is the pseudo-inverse of ``D_c - N' D_r^-1 N``, the normal equations of the column
    effect once the row effect is removed: one direction per connected component has no answer.
    """

    cells: Codes
    counts: Floats
    rows: Floats
    columns: Floats
    inverse: Floats


def _table(effects: Sequence[Codes], weights: Floats | None) -> _Table | None:
    """The table of two effects, where it is small enough to be worth making."""
    if len(effects) != 2:
        return None
    (n_rows, row), (n_columns, column) = sorted(
        ((levels(codes), codes) for codes in effects), key=lambda one: -one[0]
    )
    if n_columns > MAX_COLUMNS or n_rows * n_columns > max(MAX_EMPTY * len(row), SMALL_TABLE):
        return None
    cells = row * n_columns
    cells += column
    counts = np.bincount(cells, weights, minlength=n_rows * n_columns).astype(float)
    counts = counts.reshape(n_rows, n_columns)
    # Products with ones: sums over a short axis are ten times slower.
    rows, columns = counts @ np.ones(n_columns), np.ones(n_rows) @ counts
    root = 1 / np.sqrt(columns)
    scaled = np.eye(n_columns) - root[:, None] * (counts.T @ (counts / rows[:, None])) * root
    values, vectors = np.linalg.eigh(scaled)
    usable = values > SINGULAR
    half = root[:, None] * vectors[:, usable] / np.sqrt(values[usable])
    return _Table(cells=cells, counts=counts, rows=rows, columns=columns, inverse=half @ half.T)


def _remove(x: Floats, table: _Table, weights: Floats | None, enough: float) -> bool:
    """Solve for both effects and take them off x in place; whether no mean is left.

    Every further turn solves for what rounding left of the one before.
    """
    shape = table.counts.shape
    ones = np.ones(shape[0]), np.ones(shape[1])
    for turn in range(MAX_TURNS + 1):
        values = x if weights is None else weights * x
        sums = np.bincount(table.cells, values, minlength=table.counts.size).reshape(shape)
        means, column = sums @ ones[1] / table.rows, ones[0] @ sums
        if turn:
            largest = max(np.abs(means).max(), np.abs(column / table.columns).max())
            if largest <= enough or turn == MAX_TURNS:
                return bool(largest <= enough)
        b = table.inverse @ (column - means @ table.counts)
        a = means - table.counts @ b / table.rows
        np.add.outer(a, b, out=sums)  # its memory is warm
        x -= sums.ravel().take(table.cells)
    return False


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
