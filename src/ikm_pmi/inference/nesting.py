"""A fitted regression reduced to its clusters, with effects nested in them taken out.

Leaving out or reweighting a whole cluster commutes with removing what lies in one cluster only, so
such effects are demeaned away; dummies that cut across clusters stay columns, because every
leave-one-out sample estimates them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.absorb import Design, levels, moments, nested, within
from ikm_pmi.inference.clusters import ClusterMoments, cluster_moments
from ikm_pmi.inference.fits import Codes, FittedRows, Floats, Hypothesis

#: Share of its size below which a column is nothing but rounding.
NOTHING = 1e-10
#: Largest table of the clusters' normal matrices, G x k x k numbers.
MAX_CELLS = 50_000_000
_PROBE = 1000  # rows looked at before a term is sorted


def reduced(
    rows: FittedRows, codes: Codes, names: Sequence[str], hypothesis: Hypothesis
) -> tuple[ClusterMoments, Floats]:
    """The regression cluster by cluster, and the hypothesis on its columns.

    Parameters
    ----------
    rows : FittedRows
        n rows, k columns.
    codes : ndarray of shape (n,)
        Clusters.
    names : sequence of str
        Their names, by code.

    Returns
    -------
    ClusterMoments
        Of the columns that are left once nested effects are out. ``absorbed`` counts one intercept
        for all nested effects, and each further column that lives in one cluster (a trend of a
        unit's own).
    restriction : ndarray of shape (k',)

    Raises
    ------
    EstimationError
        When the hypothesis is about what the clusters contain, is not decided by collinear columns,
        or the fit has too many columns.
    """
    if rows.absorbed is not None:
        return _absorbed(rows, codes, names, hypothesis)
    effect = nested_effect(rows, codes)
    root = np.ones(1) if rows.weights is None else np.sqrt(rows.weights)
    block = np.column_stack([rows.y, rows.X])
    nothing = NOTHING * root.max() * np.abs(rows.X).max(axis=0)
    if effect is not None:
        block = within(block, [effect], rows.weights)
    block *= root[:, None]
    lone = _in_one_cluster(block[:, 1:], codes, nothing)
    extra = _take_out(block, codes, lone)
    gone = (lone >= 0) | (np.abs(block[:, 1:]).max(axis=0) <= nothing)
    _require_across(rows, gone, hypothesis)
    X, kept = block[:, 1:], np.flatnonzero(~gone)
    chosen, r = independent(X[:, kept], hypothesis.r[kept], [rows.names[i] for i in kept])
    columns = kept[chosen]
    _require_room(len(names), len(columns))
    absorbed = extra + (effect is not None)
    return cluster_moments(block[:, 0], X[:, columns], codes, labels=names, absorbed=absorbed), r


def _absorbed(
    rows: FittedRows, codes: Codes, names: Sequence[str], hypothesis: Hypothesis
) -> tuple[ClusterMoments, Floats]:
    """The same for a fit whose effects :func:`ikm_pmi.inference.absorbed.absorb` removed."""
    assert rows.absorbed is not None  # noqa: S101 (for the type checker)
    design = Design(
        outcome=rows.outcome,
        names=rows.names,
        y=rows.y,
        X=rows.X,
        weights=np.ones(len(rows.y)) if rows.weights is None else rows.weights,
        effects=rows.absorbed.codes,
        clusters=codes,
        labels=tuple(names),
    )
    found = moments(design)
    _require_room(found.n_clusters, found.gram.shape[1])
    return found, np.concatenate([hypothesis.r, np.zeros(found.gram.shape[1] - len(hypothesis.r))])


def nested_effect(rows: FittedRows, clusters: Codes) -> Codes | None:
    """Levels of the finest effect of a fit whose every level lies in one cluster, or None.

    A term of a formula is an effect when its columns, with the constant, are the dummies of its
    distinct rows, whatever their coding. Columns of arrays count where they are zero or one and
    are on in one cluster only.
    """
    on = _in_one_cluster(rows.X, clusters, np.zeros(rows.X.shape[1])) >= 0
    dummies = on & ((rows.X == 0) | (rows.X == 1)).all(axis=0) if on.any() else on
    best: Codes | None = None
    for columns in _candidates(rows, dummies):
        codes = _effect(columns, rows.constant)
        if codes is not None and nested(codes, clusters):
            best = codes if best is None or levels(codes) > levels(best) else best
    return best


def _candidates(rows: FittedRows, dummies: NDArray[np.bool_]) -> Iterator[Floats]:
    for part in rows.terms.values():
        if rows.X[:, part].shape[1]:
            yield rows.X[:, part]
    if dummies.any():
        yield rows.X[:, dummies]


def _effect(columns: Floats, constant: bool) -> Codes | None:
    """Levels of the distinct rows, where the columns (and a constant) span their dummies."""
    most = columns.shape[1] + constant
    if len(np.unique(columns[:_PROBE, 0])) > most:
        return None
    packed = np.ascontiguousarray(columns + 0.0)  # no negative zeros: rows compare as bytes
    keys = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1]))).ravel()
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) > most:
        return None
    table = columns[first]
    on = table.sum(axis=1)
    if (on <= 1).all() and ((table == 0) | (table == 1)).all():  # plain dummies
        spans = constant or bool((on == 1).all())
    else:
        with_constant = np.column_stack([np.ones(len(first)), table]) if constant else table
        spans = bool(np.linalg.matrix_rank(with_constant) == len(first))
    return codes.astype(np.intp) if spans else None


def _in_one_cluster(X: Floats, codes: Codes, nothing: Floats) -> Codes:
    """The cluster a column lives in, for each column; -1 where it lives in several or none."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    live = np.logical_or.reduceat((np.abs(X) > nothing)[order], starts, axis=0)
    return np.where(live.sum(axis=0) == 1, live.argmax(axis=0), -1)


def _take_out(block: Floats, codes: Codes, lone: Codes) -> int:
    """Remove columns that live in one cluster from its rows, in place; how many they were."""
    total = 0
    for g in np.unique(lone[lone >= 0]):
        own = np.flatnonzero(codes == g)
        columns = block[np.ix_(own, 1 + np.flatnonzero(lone == g))]
        left, size, _ = np.linalg.svd(columns, full_matrices=False)
        left = left[:, size > NOTHING * size[0]]
        block[own] -= left @ (left.T @ block[own])
        total += left.shape[1]
    return total


def _require_across(rows: FittedRows, gone: NDArray[np.bool_], hypothesis: Hypothesis) -> None:
    bad = [name for name, out, c in zip(rows.names, gone, hypothesis.r, strict=True) if out and c]
    if bad:
        raise EstimationError(
            "the hypothesis is about something that lies within single clusters",
            expected="coefficients that the other clusters still decide when one is left out",
            found=f"{bad[0]}: the clusters contain it, or nothing is left of it",
            where=hypothesis.words,
            todo="test a regressor that varies within clusters, or cluster by something wider",
        )


def independent(X: Floats, r: Floats, names: Sequence[str]) -> tuple[NDArray[np.intp], Floats]:
    """Columns that span X, and the hypothesis written on them.

    Raises
    ------
    EstimationError
        When coefficients of collinear columns enter the hypothesis that the data do not decide.
    """
    from scipy.linalg import qr

    scale = np.linalg.norm(X, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    gram = X.T @ X / np.outer(scale, scale)
    values = np.linalg.eigvalsh(gram) if len(gram) else np.ones(1)
    if values[0] > 1e-10 * values[-1]:
        return np.arange(X.shape[1]), r
    _, triangle, order = qr(X / scale, mode="economic", pivoting=True)
    size = np.abs(np.diagonal(triangle))
    rank = int((size > 1e-9 * size[0]).sum())
    chosen = np.sort(order[:rank])
    spanned = np.linalg.lstsq(X[:, chosen] / scale[chosen], X / scale, rcond=None)[0]
    on = r / scale
    missed = np.abs(spanned.T @ on[chosen] - on) > 1e-7 * np.abs(on).max()
    if missed.any():
        missed[chosen] |= (np.abs(spanned[:, missed]) > 1e-7).any(axis=1)
        involved = [name for name, bad in zip(names, missed, strict=True) if bad]
        raise EstimationError(
            "the data do not decide this hypothesis",
            expected="a combination of coefficients that is the same in every least-squares fit",
            found=f"collinear columns: {', '.join(involved[:6])}",
            where=f"{len(X)} rows, {X.shape[1]} columns of rank {rank}",
            todo="leave one of these columns out of the fit, or test a combination that is decided",
        )
    return chosen, r[chosen]


def _require_room(n_clusters: int, columns: int) -> None:
    if n_clusters * columns**2 > MAX_CELLS:
        raise EstimationError(
            "the fit has too many columns for so many clusters",
            expected=f"clusters x columns x columns up to {MAX_CELLS:,}",
            found=f"{n_clusters:,} clusters, {columns:,} columns across them",
            todo="remove the effects with absorb('y ~ x | unit + year', data) instead of C(unit)",
        )
