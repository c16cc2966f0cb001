"""Two-way clusters: covariances of both ways less their intersection, and one bootstrap for them.

Every number is a sum over rows of ``w_i u_i``: u are the residuals and w the part of the regressors
that the hypothesis is about, so the statistic of a bootstrap sample whose residuals are multiplied
by one number a cluster is a quadratic form in these numbers.

References
----------
Cameron, Gelbach & Miller (2011), Robust inference with multiway clustering, Journal of Business &
Economic Statistics 29, equations 2.11-2.13 (the three terms, each with its own G/(G-1), and the
repair of eigenvalues). MacKinnon, Nielsen & Webb (2021), Wild bootstrap and asymptotic inference
with multiway clustering, same journal 39 (draws along one way). MacKinnon, Nielsen & Webb (2024),
Jackknife inference with two-way clustering, arXiv 2406.08880 (the same three terms of CRV3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.absorb import MAX_DUMMIES, first_of_components, levels, nested, within
from ikm_pmi.inference.fits import Codes, FittedRows, Floats, Hypothesis
from ikm_pmi.inference.nesting import independent, nested_effect
from ikm_pmi.inference.wild_blocks import Statistics, bootstrapped
from ikm_pmi.inference.wild_bootstrap import WildBootstrap

#: Largest table of rows by clusters that are drawn.
MAX_CELLS = 50_000_000
#: Largest cluster whose own matrix of leverages is made where an effect cuts across it.
MAX_BLOCK = 400
#: Share of a direction that the other clusters must hold.
NOTHING = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class TwoWay:
    """What :func:`two_way` finds; ``parameters`` is K, ``repaired`` says whether a variance was."""

    wild: WildBootstrap
    crv3: float
    parameters: int
    repaired: bool


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Regression:
    """Rows multiplied by the root of their weight.

    ``Q`` of shape (n, q) is an orthonormal basis of the columns, demeaned by ``inner`` where an
    effect was absorbed; ``on`` is the hypothesis on that basis, and ``w = Q on``.
    """

    Q: Floats
    on: Floats
    w: Floats
    u: Floats
    y: Floats
    root: Floats
    inner: Codes | None

    def residual(self, values: Floats) -> Floats:
        """Columns less their projection on effects and regressors."""
        out = self.demeaned(values)
        return out - self.Q @ (self.Q.T @ out)

    def demeaned(self, values: Floats) -> Floats:
        """Columns less their means in the absorbed effect."""
        if self.inner is None:
            return values
        root = self.root[:, None]
        return within(values / root, [self.inner], self.root**2) * root


def _regression(rows: FittedRows, hypothesis: Hypothesis) -> _Regression:
    root = np.ones(len(rows.y)) if rows.weights is None else np.sqrt(rows.weights)
    X, inner = rows.X, None
    if rows.absorbed is not None:
        inner, *others = sorted(rows.absorbed.codes, key=levels, reverse=True)
        for other in others:
            X = np.column_stack([X, _dummies(other, inner, rows.weights)])
    X, y = X * root[:, None], rows.y * root
    names = [*rows.names, *("effect",) * (X.shape[1] - len(rows.names))]
    r = np.concatenate([hypothesis.r, np.zeros(len(names) - len(hypothesis.r))])
    chosen, r = independent(X, r, names)
    Q, triangle = np.linalg.qr(X[:, chosen])
    on = np.linalg.solve(triangle.T, r)
    return _Regression(Q=Q, on=on, w=Q @ on, u=y - Q @ (Q.T @ y), y=y, root=root, inner=inner)


def _dummies(codes: Codes, inner: Codes, weights: Floats | None) -> Floats:
    """Dummies of the smaller effect without those that the larger one spans, demeaned by it."""
    if levels(codes) > MAX_DUMMIES:
        raise EstimationError(
            "two-way clusters need the dummies of the smaller effect",
            expected=f"an effect of at most {MAX_DUMMIES} levels",
            found=f"{levels(codes):,} levels",
            todo="cluster one way, by what contains the units",
        )
    table = np.equal.outer(codes, np.arange(levels(codes))).astype(float)
    return within(np.delete(table, first_of_components(inner, codes), axis=1), [inner], weights)


def two_way(
    rows: FittedRows,
    ways: tuple[Codes, Codes],
    hypothesis: Hypothesis,
    how: dict[str, Any],
) -> TwoWay:
    """CRV1, CRV3 and the wild bootstrap with two-way clusters.

    CRV1 is ``V_G + V_H - V_GH``, each with its ``G/(G-1) (n-1)/(n-K)``. Effects nested in either
    way count together as one intercept in K (as in pyfixest and reghdfe). Where the hypothesis' own
    variance is not positive, the negative eigenvalues of the covariance (of an orthonormal basis of
    the regressors) are set to zero, and the bootstrap studentises by ``V_G + V_H``; a CRV3 that is
    not positive becomes the larger of its two ways. The bootstrap draws along the way with fewer
    clusters; a draw whose variance is not positive counts as further out than the data.

    Parameters
    ----------
    rows : FittedRows
        n rows.
    ways : pair of ndarray of shape (n,)
        Codes of the clusters.
    how : dict
        ``draws, kind, rng, level, interval`` of the bootstrap.

    Raises
    ------
    EstimationError
        When the hypothesis is not identified without one of the clusters, or memory does not serve.
    """
    it = _regression(rows, hypothesis)
    both = np.unique(ways[0] * (int(ways[1].max()) + 1) + ways[1], return_inverse=True)[1]
    parts = ((1.0, ways[0]), (1.0, ways[1]), (-1.0, both.astype(np.intp)))
    K, n = _counted(rows, it, ways), len(it.y)
    factor = [sign * levels(c) / (levels(c) - 1) * (n - 1) / (n - K) for sign, c in parts]
    variance = sum(
        f * float((np.bincount(c, it.w * it.u) ** 2).sum())
        for f, (_, c) in zip(factor, parts, strict=True)
    )
    repaired = not variance > 0
    if repaired:
        variance = _repaired(it, factor, [c for _, c in parts])
        factor[2] = 0.0
    drawn = min(ways, key=levels)
    wild = bootstrapped(
        _statistics(it, drawn, factor, [c for _, c in parts]),
        estimate=float(it.on @ (it.Q.T @ it.y)),
        error=float(np.sqrt(variance)),
        null=hypothesis.value,
        n_clusters=levels(drawn),
        **how,
    )
    jackknife = [sign * _jackknife(it, codes, hypothesis) for sign, codes in parts]
    third = sum(jackknife)
    if not third > 0:
        third, repaired = max(jackknife), True
    return TwoWay(wild=wild, crv3=float(np.sqrt(third)), parameters=K, repaired=repaired)


def _counted(rows: FittedRows, it: _Regression, ways: tuple[Codes, Codes]) -> int:
    """K: all parameters, those of nested effects as one."""
    total = int(it.Q.shape[1]) + (0 if it.inner is None else levels(it.inner))
    if rows.absorbed is not None:
        effects = [c for c in rows.absorbed.codes if any(nested(c, way) for way in ways)]
    else:
        effects = [c for way in ways if (c := nested_effect(rows, way)) is not None]
    if not effects:
        return total
    spanned = sum(map(levels, effects))
    if len(effects) == 2:
        spanned -= len(first_of_components(*effects))
    return int(total - spanned + 1)


def _repaired(it: _Regression, factor: list[float], ways: list[Codes]) -> float:
    """The variance with the negative eigenvalues of the basis' covariance set to zero."""
    scores = it.Q * it.u[:, None]
    total = np.zeros((len(it.on), len(it.on)))
    for f, codes in zip(factor, ways, strict=True):
        sums = np.zeros((levels(codes), len(it.on)))
        np.add.at(sums, codes, scores)
        total += f * sums.T @ sums
    values, vectors = np.linalg.eigh(total)
    return float(np.maximum(values, 0.0) @ (vectors.T @ it.on) ** 2)


def _statistics(it: _Regression, drawn: Codes, factor: list[float], ways: list[Codes]) -> Any:
    """Statistics of draws: numerators ``v'a`` and variances ``v'Mv``, as functions of the null."""
    n, G = len(it.y), levels(drawn)
    if n * G > MAX_CELLS:
        raise EstimationError(
            "too many clusters to bootstrap two ways",
            expected=f"rows x clusters of the way with fewer up to {MAX_CELLS:,}",
            found=f"{n:,} rows, {G:,} clusters",
            todo="cluster by the way with fewer clusters alone, or by something wider",
        )
    on = np.equal.outer(drawn, np.arange(G))
    size = float(it.on @ it.on)
    free, step = (it.residual(one[:, None] * on) for one in (it.u, -it.w / size))
    forms = np.zeros((3, G, G))
    for f, codes in zip(factor, ways, strict=True):
        a, b = (_sums(it.w[:, None] * part, codes) for part in (free, step))
        forms += f * np.stack([a.T @ a, a.T @ b + b.T @ a, b.T @ b])
    linear = np.column_stack(
        [np.bincount(drawn, it.w * it.u), np.bincount(drawn, -(it.w**2) / size)]
    )

    def statistics(v: Floats) -> Statistics:
        quadratic = np.column_stack([np.einsum("ij,ij->i", v @ form, v) for form in forms])
        return Statistics(linear=v @ linear, quadratic=quadratic)

    return statistics


def _sums(values: Floats, codes: Codes) -> Floats:
    """Sums of the columns by cluster, shape (G, k)."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return np.asarray(np.add.reduceat(values[order], starts, axis=0))


def _jackknife(it: _Regression, codes: Codes, hypothesis: Hypothesis) -> float:
    """``(G-1)/G sum_g (r'b_(g) - r'b)^2``."""
    G = levels(codes)
    across = it.inner is not None and not nested(it.inner, codes)
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    share = np.zeros(len(codes))  # of a row in the weight of its level
    if across and it.inner is not None:
        share = it.root**2 / np.bincount(it.inner, it.root**2)[it.inner]
    if len(groups) == len(codes):  # one row each
        left = 1 - np.einsum("ij,ij->i", it.Q, it.Q) - share
        found = _solved(left, it.w, it.u, hypothesis)
        return (G - 1) / G * float((found**2).sum())
    change = [_change(it, rows, np.sqrt(share[rows]), hypothesis) for rows in groups]
    return (G - 1) / G * float(np.square(change).sum())


def _change(it: _Regression, rows: Codes, share: Floats, hypothesis: Hypothesis) -> float:
    """How far the estimate moves when these rows are left out (its sign does not matter).

    ``share`` is the root of each row's share in its level of an effect that cuts across the
    clusters, or zero.
    """
    Q, w, u = it.Q[rows], it.w[rows], it.u[rows]
    across = bool(share.any())
    if across and len(rows) > MAX_BLOCK:
        return _refitted(it, rows)
    if not across and len(rows) > Q.shape[1]:
        values, vectors = np.linalg.eigh(np.eye(Q.shape[1]) - Q.T @ Q)
        parts = _solved(values, vectors.T @ (Q.T @ w), vectors.T @ (Q.T @ u), hypothesis)
        return float(w @ u + parts.sum())
    leverage = Q @ Q.T
    if across and it.inner is not None:
        own = it.inner[rows]
        leverage += np.equal.outer(own, own) * np.outer(share, share)
    values, vectors = np.linalg.eigh(np.eye(len(rows)) - leverage)
    return float(_solved(values, vectors.T @ w, vectors.T @ u, hypothesis).sum())


def _solved(left: Floats, w: Floats, u: Floats, hypothesis: Hypothesis) -> Floats:
    """``w u / left``, direction by direction, without those that only these rows hold."""
    held = left > NOTHING
    if np.abs(w[~held]).max(initial=0.0) > 1e-6 * np.abs(w).max():
        raise EstimationError(
            "the hypothesis is not identified without one of the clusters",
            expected="coefficients that the other clusters still decide when one is left out",
            found="a cluster, or a cell of both ways, that alone decides it",
            where=hypothesis.words,
            todo="test a regressor that varies within clusters, or cluster one way",
        )
    return np.where(held, w * u / np.where(held, left, 1.0), 0.0)


def _refitted(it: _Regression, out: Codes) -> float:
    """The change by a regression without these rows, its effects demeaned anew."""
    kept = np.delete(np.arange(len(it.y)), out)
    assert it.inner is not None  # noqa: S101 (for the type checker)
    inner, root = np.unique(it.inner[kept], return_inverse=True)[1], it.root[kept][:, None]
    block = np.column_stack([it.y, it.Q])[kept] / root
    block = within(block, [inner], it.root[kept] ** 2) * root
    b = np.linalg.lstsq(block[:, 1:], block[:, 0], rcond=None)[0]
    return float(it.on @ b - it.on @ (it.Q.T @ it.y))
