"""Restricted wild cluster bootstrap with intervals by inversion.

The null is imposed, the statistic is studentised by CRV1 (WCR-C, "11"), and everything happens on
G × G matrices. With ``h_g = A_g A^-1 r`` and restricted scores ``s_g(c) = X_g'(y_g - X_g b(c))``, a
draw v has numerator ``v'a`` and squared denominator ``|(diag(a) - K) v|^2``, where
``a_g = r'A^-1 s_g`` and ``K_gh = h_g'A^-1 s_h``. Both are linear in the value c of the null, so a
p-value for another c costs a few sums over the same draws.

References
----------
Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90. Roodman, MacKinnon,
Nielsen & Webb (2019), Fast and wild, Stata Journal 19, section 5. MacKinnon (2023), Fast cluster
bootstrap methods for linear regression models, Econometrics and Statistics 26. Webb (2023),
Reworking wild bootstrap-based inference for clustered errors, Canadian Journal of Economics 56.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.clusters import ClusterMoments, crv1
from ikm_pmi.inference.inversion import edge
from ikm_pmi.language import say

Floats = NDArray[np.float64]
Kind = Literal["auto", "rademacher", "webb"]

WEBB = np.sqrt(np.array([1.5, 1.0, 0.5]))
#: Relative difference below which two statistics are a tie (rounding), which counts as "at least".
TIE = 1e-9
#: Largest table of weights held in memory, draws times clusters.
MAX_CELLS = 50_000_000
#: The search for an end of the interval gives up (unbounded) beyond this many standard errors.
FARTHEST = 2.0**20


@dataclass(frozen=True, kw_only=True, slots=True)
class WildBootstrap:
    """A bootstrap test of ``r'b = c`` and the interval of all c not rejected.

    ``ci_low`` or ``ci_high`` is None where the set has no end on that side. ``minimum_p`` is the
    smallest p this number of clusters and draws can give.
    """

    value: float
    std_error: float
    statistic: float
    p_value: float
    minimum_p: float
    ci_low: float | None
    ci_high: float | None
    ci_level: float
    draws: int
    n_clusters: int
    weights: str
    enumerated: bool

    @property
    def distribution(self) -> str:
        """What the statistic was compared with, in words."""
        how = "all" if self.enumerated else "drawn"
        return say("restricted wild cluster bootstrap, {}, {:,} {}, {} clusters",
                   self.weights, self.draws, how, self.n_clusters)  # fmt: skip


def draw_weights(
    n_clusters: int, draws: int, kind: Kind, rng: np.random.Generator
) -> tuple[Floats, str, bool]:
    """Bootstrap weights of the clusters, their name, and whether they are all there are.

    Rademacher weights are enumerated when ``2^G <= draws``: nothing is random then. Otherwise
    ``auto`` takes Webb's six points, which have more than two values for few clusters.

    Returns
    -------
    weights : ndarray of shape (draws or 2^G, G)
    name : str
    enumerated : bool
    """
    if kind != "webb" and 2**n_clusters <= draws:
        bits = np.arange(2**n_clusters)[:, None] >> np.arange(n_clusters)
        return np.where(bits & 1, -1.0, 1.0), "Rademacher", True
    if kind == "rademacher":
        coins = rng.integers(0, 2, (draws, n_clusters), dtype=np.int8)
        return np.where(coins, -1.0, 1.0), "Rademacher", False
    points = np.concatenate([-WEBB, WEBB])
    return points[rng.integers(0, 6, (draws, n_clusters), dtype=np.int8)], "Webb", False


def wild_bootstrap(
    moments: ClusterMoments,
    restriction: Floats,
    value: float = 0.0,
    *,
    draws: int = 9999,
    kind: Kind = "auto",
    rng: np.random.Generator,
    level: float = 0.95,
    interval: bool = True,
) -> WildBootstrap:
    """Test ``r'b = c`` with the null imposed, and invert the test for an interval.

    Parameters
    ----------
    moments : ClusterMoments
        The regression.
    restriction : ndarray of shape (k,)
        r; a unit vector tests one coefficient.
    value : float
        c.
    draws, kind, rng
        See :func:`draw_weights`. Random draws give ``p = (1 + #{|t*| >= |t|}) / (1 + draws)``,
        since the data are one more draw under the null; enumerated ones hold the data already.
    level : float
        Coverage of the interval.
    interval : bool
        Whether to invert.

    Raises
    ------
    EstimationError
        When the standard error is zero, or there are more clusters than memory serves.

    Examples
    --------
    >>> import numpy as np
    >>> from ikm_pmi.inference.clusters import cluster_moments
    >>> x = np.arange(40.0) % 7
    >>> m = cluster_moments(2 * x + np.sin(x * x), x[:, None], np.arange(40) // 5)
    >>> test = wild_bootstrap(m, np.array([1.0]), rng=np.random.default_rng(1))
    >>> test.enumerated, test.draws, test.minimum_p
    (True, 256, 0.0078125)
    """
    if draws * moments.n_clusters > MAX_CELLS:
        raise EstimationError(
            "too many clusters to bootstrap",
            expected=f"draws x clusters up to {MAX_CELLS:,}",
            found=f"{draws:,} draws, {moments.n_clusters:,} clusters",
            todo="use t(G-1) with CRV1: with so many clusters it is as good",
        )
    estimate = float(restriction @ moments.params)
    error = float(np.sqrt(restriction @ crv1(moments) @ restriction))
    # What the scores are differences of: a perfect fit leaves its rounding, whatever the units.
    terms = np.abs(moments.cross) + np.abs(moments.gram) @ np.abs(moments.params)
    if not error > 1e-12 * float(np.linalg.norm(terms @ np.abs(moments.bread @ restriction))):
        raise EstimationError(
            "the coefficient has no sampling variation",
            expected="residuals that differ from zero in several clusters",
            found=f"cluster-robust standard error {error:.3g}, {moments.n_clusters} clusters",
            where=f"{moments.nobs:,} rows",
            todo="check the outcome and the effects: the fit is perfect",
        )
    v, name, enumerated = draw_weights(moments.n_clusters, draws, kind, rng)
    bootstrap = _Bootstrap(moments, restriction, v, enumerated)
    minimum = 2 / len(v) if enumerated else 1 / (1 + len(v))
    low = high = None
    if interval:
        p = bootstrap.p_function()
        low, high = (_end(p, estimate, way * error, 1 - level) for way in (-1, 1))
    return WildBootstrap(
        value=estimate,
        std_error=error,
        statistic=(estimate - value) / error,
        p_value=bootstrap.p_value(value),
        minimum_p=minimum,
        ci_low=low,
        ci_high=high,
        ci_level=level,
        draws=len(v),
        n_clusters=moments.n_clusters,
        weights=name,
        enumerated=enumerated,
    )


class _Bootstrap:
    """Bootstrap distributions of one coefficient on a fixed set of draws.

    The restricted scores are those of the free fit plus ``c - r'b`` times a fixed matrix:
    expanding about the estimate keeps what is quadratic in c well conditioned.
    """

    def __init__(self, m: ClusterMoments, r: Floats, v: Floats, enumerated: bool) -> None:
        self.v, self.enumerated = v, enumerated
        self.own = np.ones((1, v.shape[1]))  # the data are the draw of ones
        self.toward = m.bread @ r
        self.estimate = float(r @ m.params)
        self.free = m.cross - m.gram @ m.params
        self.step = -(m.gram @ (self.toward / (r @ self.toward)))
        self.leverage = m.gram @ self.toward @ m.bread

    def parts(self, v: Floats, scores: Floats) -> tuple[Floats, Floats]:
        """Numerators (draws,) and the terms of the denominators (draws, G) of some draws."""
        a = scores @ self.toward
        return v @ a, v @ (np.diag(a) - self.leverage @ scores.T).T

    def beyond(self, numerator: Floats, variance: Floats, own: tuple[Floats, Floats]) -> float:
        """The p-value: the share of draws whose statistic is at least that of the data.

        The data's own statistic is computed like the others, so that it equals itself and its
        mirror image however badly the regressors are conditioned.
        """
        sizes, errors = np.abs(numerator), np.sqrt(np.maximum(variance, 0.0))
        if self.enumerated:  # its draws begin with that of ones
            size, error = sizes[0], errors[0]
        else:
            size, error = abs(own[0][0]), np.sqrt(max(own[1][0], 0.0))
        beats = np.count_nonzero(sizes * error >= size * (1 - TIE) * errors)
        draws = len(self.v)
        return beats / draws if self.enumerated else (1 + beats) / (1 + draws)

    def p_value(self, c: float) -> float:
        """The p-value of ``r'b = c``."""
        scores = self.free + (c - self.estimate) * self.step
        draws, own = (
            (numerator, np.einsum("ij,ij->i", terms, terms))
            for numerator, terms in (self.parts(v, scores) for v in (self.v, self.own))
        )
        return self.beyond(*draws, own)

    def p_function(self) -> Callable[[float], float]:
        """The p-value as a function of c, a few sums a value."""
        draws, own = (
            self._quadratic(*self.parts(v, self.free), *self.parts(v, self.step))
            for v in (self.v, self.own)
        )

        def p(c: float) -> float:
            move = c - self.estimate
            return self.beyond(*draws(move), own(move))

        return p

    @staticmethod
    def _quadratic(
        n0: Floats, d0: Floats, n1: Floats, d1: Floats
    ) -> Callable[[float], tuple[Floats, Floats]]:
        """Numerators and squared denominators as functions of the move away from the estimate."""
        q0, q1, q2 = (np.einsum("ij,ij->i", a, b) for a, b in ((d0, d0), (d0, d1), (d1, d1)))
        return lambda move: (n0 + move * n1, q0 + 2 * move * q1 + move**2 * q2)


def _end(p: Callable[[float], float], estimate: float, step: float, alpha: float) -> float | None:
    """Where p(c) falls to alpha on one side of the estimate, by bracketing and bisection."""
    inside, reach = 0.0, 1.0
    while p(estimate + reach * step) > alpha:
        inside, reach = reach, 2 * reach
        if reach > FARTHEST:
            return None

    def kept(reaches: Floats) -> NDArray[np.bool_]:
        return np.array([p(estimate + one * step) > alpha for one in reaches])

    return estimate + sum(edge(kept, inside, reach, rtol=1e-9)) / 2 * step
