"""Cluster-robust covariances from the normal matrices of the clusters.

A regression is reduced once to ``X_g'X_g`` and ``X_g'y_g`` of its G clusters. CRV1, the jackknife
CRV3 and the wild bootstrap need nothing else, so they cost the same for 256 rows and for 500,000.

Effects that are nested in the clusters (the unit effects of a panel clustered by unit) may be
removed by demeaning within them beforehand: leaving out or reweighting whole clusters commutes
with it. Effects that cut across clusters (years) must be columns of X, because every
leave-one-out sample estimates them anew.

References
----------
MacKinnon, Nielsen & Webb (2023), Cluster-robust inference: a guide to empirical practice, Journal
of Econometrics 232, equations 11-13 (CRV1) and 17-19 (CRV3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.regression import check_rank, full_rank

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ClusterMoments:
    """A least-squares problem, cluster by cluster.

    Parameters
    ----------
    gram : ndarray of shape (G, k, k)
        ``X_g'X_g``.
    cross : ndarray of shape (G, k)
        ``X_g'y_g``.
    nobs : int
        Rows.
    absorbed : int
        Parameters removed beforehand that count in CRV1's small-sample factor: 1 for nested
        effects (they stand for one intercept), 0 without.
    labels : tuple of str
        Names of the clusters.
    """

    gram: Floats
    cross: Floats
    nobs: int
    absorbed: int
    labels: tuple[str, ...]

    @property
    def n_clusters(self) -> int:
        """G."""
        return len(self.labels)

    @property
    def params(self) -> Floats:
        """Least-squares coefficients, shape (k,)."""
        return _solve(self.gram.sum(axis=0), self.cross.sum(axis=0))

    @property
    def bread(self) -> Floats:
        """``(X'X)^-1``, shape (k, k)."""
        total = self.gram.sum(axis=0)
        scale = np.sqrt(np.diagonal(total))
        return np.asarray(np.linalg.inv(total / np.outer(scale, scale)) / np.outer(scale, scale))


def cluster_moments(
    y: Floats,
    X: Floats,
    codes: NDArray[np.intp],
    *,
    labels: Sequence[str] | None = None,
    absorbed: int = 0,
) -> ClusterMoments:
    """Reduce a regression to its clusters.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome, multiplied by the root of the weight where weighted.
    X : ndarray of shape (n, k)
        Regressors, likewise.
    codes : ndarray of shape (n,)
        Cluster of each row, 0 .. G-1, each used.
    labels : sequence of str, optional
        Names of the clusters, by code.
    absorbed : int
        See :class:`ClusterMoments`.

    Raises
    ------
    EstimationError
        With fewer than two clusters, or collinear columns.
    """
    G, k = int(codes.max()) + 1, X.shape[1]
    if G < 2:
        raise EstimationError(
            "cluster-robust inference needs several clusters",
            expected="at least 2 clusters",
            found=f"{G} cluster, {len(y)} rows",
            todo="cluster by a variable with more levels",
        )
    gram = np.empty((G, k, k))
    for i in range(k):
        for j in range(i, k):
            gram[:, i, j] = gram[:, j, i] = np.bincount(codes, X[:, i] * X[:, j], minlength=G)
    sums = [np.bincount(codes, X[:, i] * y, minlength=G) for i in range(k)]
    cross = np.stack(sums, axis=1).astype(float)
    if not (np.isfinite(gram).all() and np.isfinite(cross).all()):
        raise EstimationError(
            "the regression holds values that are not finite",
            expected="finite outcomes and regressors, whose squares are finite too",
            found=f"{int((~np.isfinite(np.column_stack([y, X]))).sum())} not finite",
            where=f"{len(y)} rows, {k} columns",
            todo="drop rows with gaps, or give the variables in other units",
        )
    require_full_rank(gram.sum(axis=0), f"{len(y)} rows, {k} columns")
    names = tuple(labels) if labels is not None else tuple(str(g) for g in range(G))
    return ClusterMoments(gram=gram, cross=cross, nobs=len(y), absorbed=absorbed, labels=names)


def require_full_rank(gram: Floats, where: str) -> None:
    """Refuse a singular ``X'X``."""
    check_rank(gram, range(len(gram)), gram=True, where=where)


def _solve(grams: Floats, right: Floats) -> Floats:
    """Solve ``X'X b = X'y`` for one or many, columns scaled so that none drowns another."""
    scale = np.sqrt(np.diagonal(grams, axis1=-2, axis2=-1))
    scaled = grams / (scale[..., :, None] * scale[..., None, :])
    return np.asarray(np.linalg.solve(scaled, (right / scale)[..., None])[..., 0] / scale)


def crv1(moments: ClusterMoments) -> Floats:
    """Cluster-robust covariance CRV1, shape (k, k).

    ``G/(G-1) (n-1)/(n-K) (X'X)^-1 sum_g s_g s_g' (X'X)^-1``, the factors of statsmodels and Stata.
    K counts the columns of X plus ``absorbed``: effects nested in the clusters count as one
    intercept, as in pyfixest (``k_fixef="nonnested"``) and reghdfe; a dummy-variable regression,
    and linearmodels by default, count each of them.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0)
    >>> m = cluster_moments(x % 3, np.column_stack([np.ones(8), x]), np.arange(8) // 2)
    >>> crv1(m).shape
    (2, 2)
    """
    G, n = moments.n_clusters, moments.nobs
    freedom = n - moments.gram.shape[1] - moments.absorbed
    if freedom < 1:
        raise EstimationError(
            "no degrees of freedom are left",
            expected="more rows than parameters",
            found=f"{n} rows, {n - freedom} parameters",
            todo="use more years or fewer regressors",
        )
    scores = moments.cross - moments.gram @ moments.params
    meat = scores.T @ scores
    bread = moments.bread
    covariance: Floats = G / (G - 1) * (n - 1) / freedom * bread @ meat @ bread
    return covariance


def leave_one_out(moments: ClusterMoments) -> Floats:
    """Coefficients with one cluster left out at a time, shape (G, k).

    Raises
    ------
    EstimationError
        Naming the cluster without which a coefficient is not identified.
    """
    rest = moments.gram.sum(axis=0) - moments.gram
    full = full_rank(rest)
    if not full.all():
        g = int(np.argmin(full))
        require_full_rank(rest[g], f"without cluster {moments.labels[g]}")
    right = moments.cross.sum(axis=0) - moments.cross
    return _solve(rest, right)


def crv3(moments: ClusterMoments) -> Floats:
    """Cluster jackknife CRV3, shape (k, k): ``(G-1)/G sum_g (b_(g) - b)(b_(g) - b)'``.

    Raises
    ------
    EstimationError
        As :func:`leave_one_out`.
    """
    G = moments.n_clusters
    deviations = leave_one_out(moments) - moments.params
    covariance: Floats = (G - 1) / G * deviations.T @ deviations
    return covariance


def critical_t(level: float, n_clusters: int) -> float:
    """Two-sided critical value of t(G-1) for intervals of this coverage."""
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2, n_clusters - 1))


def p_t(statistic: float, n_clusters: int) -> float:
    """Two-sided p-value of t(G-1)."""
    from scipy.stats import t

    return float(2 * t.sf(abs(statistic), n_clusters - 1))
