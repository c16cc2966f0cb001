"""The restricted wild cluster bootstrap where a table of clusters by clusters would not fit.

A draw's numerator is linear, and its squared denominator quadratic, in the value c of the null. So
five numbers a draw hold its statistic for every c, and draws need never be in memory together.

References
----------
As :mod:`ikm_pmi.inference.wild_bootstrap`; MacKinnon (2023), Fast cluster bootstrap methods for
linear regression models, Econometrics and Statistics 26, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.inference.clusters import ClusterMoments, crv1
from ikm_pmi.inference.wild_bootstrap import TIE, Kind, WildBootstrap, _end, draw_weights

Floats = NDArray[np.float64]

#: Cells of weights drawn at once: draws times clusters.
BLOCK = 4_000_000


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Statistics:
    """Statistics of draws as functions of c, written ``c = estimate + move``.

    The numerator is ``linear @ (1, move)``, the squared denominator
    ``quadratic @ (1, move, move^2)``; shapes (draws, 2) and (draws, 3).
    """

    linear: Floats
    quadratic: Floats

    def at(self, move: float) -> tuple[Floats, Floats]:
        """Sizes of the numerators, and the denominators; zero where a variance is not positive."""
        variance = self.quadratic @ np.array([1.0, move, move**2])
        return np.abs(self.linear @ np.array([1.0, move])), np.sqrt(np.maximum(variance, 0.0))


def bootstrapped(
    statistics: Callable[[Floats], Statistics],
    *,
    estimate: float,
    error: float,
    null: float,
    n_clusters: int,
    draws: int,
    kind: Kind,
    rng: np.random.Generator,
    level: float,
    interval: bool,
) -> WildBootstrap:
    """Draw in blocks, then test and invert.

    Parameters
    ----------
    statistics : callable
        Weights of shape (B, G) to the statistics of B draws.
    estimate, error : float
        The hypothesis' left side and its standard error.

    Notes
    -----
    A draw whose variance is not positive counts as at least as far out as the data.
    """
    rows = max(1, BLOCK // n_clusters)
    found, left = [], draws
    while left > 0:
        v, name, enumerated = draw_weights(n_clusters, min(rows, left), kind, rng)
        found.append(statistics(v))
        left -= len(v) if not enumerated else left
    every = Statistics(
        linear=np.concatenate([s.linear for s in found]),
        quadratic=np.concatenate([s.quadratic for s in found]),
    )
    own, n = statistics(np.ones((1, n_clusters))), len(every.linear)

    def p(c: float) -> float:
        (sizes, errors), (size, scale) = every.at(c - estimate), own.at(c - estimate)
        beats = int(np.count_nonzero(sizes * scale >= size * (1 - TIE) * errors))
        return beats / n if enumerated else (1 + beats) / (1 + n)

    return WildBootstrap(
        value=estimate,
        std_error=error,
        statistic=(estimate - null) / error,
        p_value=p(null),
        minimum_p=2 / n if enumerated else 1 / (1 + n),
        ci_low=_end(p, estimate, -error, 1 - level) if interval else None,
        ci_high=_end(p, estimate, error, 1 - level) if interval else None,
        ci_level=level,
        draws=n,
        n_clusters=n_clusters,
        weights=name,
        enumerated=enumerated,
    )


def wild_blocks(
    moments: ClusterMoments,
    restriction: Floats,
    null: float = 0.0,
    *,
    draws: int,
    kind: Kind,
    rng: np.random.Generator,
    level: float = 0.95,
    interval: bool = True,
) -> WildBootstrap:
    """The one-way bootstrap with products of clusters by columns instead of clusters by clusters.

    Parameters
    ----------
    moments : ClusterMoments
        G clusters, k columns; memory is a few times ``G x k`` and of a block of draws.
    restriction : ndarray of shape (k,)
    null, draws, kind, rng, level, interval
        As :func:`~ikm_pmi.inference.wild_bootstrap.wild_bootstrap`.

    Examples
    --------
    >>> import numpy as np
    >>> from ikm_pmi.inference.clusters import cluster_moments
    >>> from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
    >>> x = np.arange(40.0) % 7
    >>> m = cluster_moments(2 * x + np.sin(x * x), x[:, None], np.arange(40) // 5)
    >>> one, other = (f(m, np.ones(1), 1.9, draws=999, kind="auto", rng=np.random.default_rng(1))
    ...               for f in (wild_bootstrap, wild_blocks))
    >>> bool(one.p_value == other.p_value)
    True
    """
    toward = moments.bread @ restriction
    free = moments.cross - moments.gram @ moments.params
    step = -(moments.gram @ (toward / (restriction @ toward)))
    leverage = moments.gram @ toward @ moments.bread
    a, b = (free @ toward)[:, None], (step @ toward)[:, None]
    k = len(restriction)
    table = np.column_stack([free, step, a * leverage, b * leverage])
    squares, inner = np.column_stack([a * a, 2 * a * b, b * b]), leverage.T @ leverage

    def statistics(v: Floats) -> Statistics:
        parts = v @ table
        q, r, s, t = (parts[:, i * k : (i + 1) * k] for i in range(4))
        quadratic = v**2 @ squares
        quadratic[:, 0] += ((q @ inner - 2 * s) * q).sum(axis=1)
        quadratic[:, 1] += 2 * ((q @ inner - s) * r - t * q).sum(axis=1)
        quadratic[:, 2] += ((r @ inner - 2 * t) * r).sum(axis=1)
        return Statistics(linear=np.column_stack([q @ toward, r @ toward]), quadratic=quadratic)

    return bootstrapped(
        statistics,
        estimate=float(restriction @ moments.params),
        error=float(np.sqrt(restriction @ crv1(moments) @ restriction)),
        null=null,
        n_clusters=moments.n_clusters,
        draws=draws,
        kind=kind,
        rng=rng,
        level=level,
        interval=interval,
    )
