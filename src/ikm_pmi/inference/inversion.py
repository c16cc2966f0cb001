"""The set of values that a test does not refuse, where its p is known value by value only.

What has a closed form is computed by it: :mod:`ikm_pmi.inference.ratio` and
:mod:`ikm_pmi.inference.shift`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kept = Callable[[Array], NDArray[np.bool_]]  # C values -> whether each is kept


def edge(
    kept: Kept, inside: float, outside: float, *, parts: int = 2, atol: float = 0, rtol: float = 0
) -> tuple[float, float]:
    """Narrow the stretch from a value that is kept to one that is refused.

    It is cut into ``parts``; the one behind the last value kept is the next stretch, until one is
    no longer than ``atol + rtol |outside|``.

    Examples
    --------
    >>> inside, outside = edge(lambda c: c < 2, 0.0, 3.0, atol=0.01)
    >>> inside < 2 <= outside, outside - inside <= 0.01
    (True, True)
    """
    while abs(outside - inside) > atol + rtol * abs(outside):
        cuts = np.linspace(inside, outside, parts + 1).tolist()
        last = np.flatnonzero([True, *kept(np.array(cuts[1:-1]))])[-1]
        inside, outside = cuts[last : last + 2]
    return inside, outside


def pieces(
    kept: Kept, grid: Array, *, endless: Sequence[bool] = (True, True), parts: int = 2, atol: float
) -> tuple[tuple[float | None, float | None], ...]:
    """Runs of a grid's values that are kept, their ends located by :func:`edge`.

    Parameters
    ----------
    grid : ndarray, shape (C,)
        Ascending.
    endless : pair of bool
        Whether a run that touches the first or the last value goes on for ever (its end is None) or
        ends there.
    """

    def end(inside: int, outside: int) -> float | None:
        if not 0 <= outside < len(grid):
            return None if endless[int(outside > 0)] else float(grid[inside])
        return edge(kept, grid[inside], grid[outside], parts=parts, atol=atol)[0]

    edges = np.flatnonzero(np.diff(np.r_[False, kept(grid), False].astype(int)))
    return tuple(
        (end(first, first - 1), end(after - 1, after))
        for first, after in zip(edges[::2], edges[1::2], strict=True)
    )
