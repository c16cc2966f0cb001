"""Rank tests for an episode of a few months, and the checks of their arrays.

The episode is compared with blocks of the same length elsewhere in the same series; every p-value
counts the episode itself, so its floor is 1 / (1 + blocks). No library has these tests.

References
----------
Andrews (2003), "End-of-sample instability tests", Econometrica 71.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.placebo import rank_p_value
from ikm_pmi.inference.regression import size
from ikm_pmi.results import TestResult

__all__ = ["check_arrays", "check_rank", "end_of_sample", "placebo_time"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def end_of_sample(
    y: ArrayLike,
    X: ArrayLike,
    treated: ArrayLike,
    *,
    usable: ArrayLike | None = None,
    name: str = "end_of_sample",
    null: str = "the model of the months before the episode also holds in it",
) -> TestResult:
    r"""Andrews' (2003) test that a model breaks in its last m periods.

    With residuals :math:`u` and the covariance :math:`\Sigma` of blocks of length m, the statistic
    is :math:`P = u'\Sigma^{-1}u`, or its projection on X when m exceeds the number of regressors
    (his S). It is ranked among all blocks before the episode, each with the coefficients estimated
    without the first half of that block. The p-value counts the episode itself,
    (1 + #)/(1 + blocks), so that it is never zero. Periods after the episode are not used.

    Parameters
    ----------
    y, X, treated, usable
        As in :func:`conformal`; the treated periods must follow each other.
    name, null : str
        Of the :class:`TestResult`.

    Raises
    ------
    EstimationError
        As :func:`conformal`; also for an episode with a hole and for fewer blocks than periods.
    """
    outcome, design, mask, keep = check_arrays(y, X, treated, usable)
    first, last = np.flatnonzero(mask)[[0, -1]]
    m, k = last - first + 1, design.shape[1]
    if not mask[first : last + 1].all():
        raise EstimationError(
            "the end-of-sample test needs an episode without a hole",
            expected=f"all periods {first} to {last} treated",
            found=f"{int(mask.sum())} of {m} treated",
            todo="test each spell on its own",
        )
    keep = keep & (np.arange(len(outcome)) <= last)
    outcome = np.where(keep, outcome, 0.0)  # what is not kept is in no block and no fit
    starts = np.array([s for s in range(first - m + 1) if keep[s : s + m].all()], dtype=int)
    if len(starts) <= max(m, k):
        raise EstimationError(
            "too few blocks before the episode for the end-of-sample test",
            expected=f"more than {max(m, k)} blocks of {m} periods",
            found=f"{len(starts)} blocks",
            todo="start the sample earlier",
        )
    before = keep & ~mask
    check_rank(design[before], 0)
    # Coordinates in which the regressors before the episode are orthonormal.
    Z = np.linalg.solve(np.linalg.qr(design[before])[1].T, design.T).T
    whole = np.linalg.lstsq(Z[keep], outcome[keep], rcond=None)[0]
    residuals = np.where(keep, outcome - Z @ whole, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(residuals[: last + 1], m)
    windows = windows[np.isfinite(windows).all(axis=1)]
    weight = np.linalg.inv(windows.T @ windows / len(windows))
    blocks = starts[:, None] + np.arange(m)
    errors = outcome[blocks] - _without_first_half(outcome, Z, before, blocks)
    placebos = _statistic(errors, Z[blocks], weight)
    actual = _statistic(residuals[None, first : last + 1], Z[None, first : last + 1], weight)[0]
    return _ranked(
        float(actual),
        placebos,
        name=name,
        null=null,
        distribution=f"{len(starts)} earlier blocks of {m} months, coefficients without half the "
        f"block ({'P' if m <= k else 'S'} statistic)",
        n=int(keep.sum()),
    )


def placebo_time(
    effect: float, placebos: ArrayLike, *, name: str, null: str, how: str, n: int | None = None
) -> TestResult:
    """Rank an episode's mean effect among the "effects" of windows where nothing happened.

    Parameters
    ----------
    effect : float
        Mean effect of the episode.
    placebos : array, shape (W,)
        Mean forecast errors of every admissible window of the same length.
    name, null, how : str
        Name and null of the test, and how the placebos were made.

    Raises
    ------
    EstimationError
        When there is no window, or a placebo is not finite.
    """
    values = np.asarray(placebos, float)
    if not len(values) or not np.isfinite(values).all():
        raise EstimationError(
            f"{name}: no placebo in time",
            expected="at least one window of the episode's length with finite forecast errors",
            found=f"{len(values)} windows, {int((~np.isfinite(values)).sum())} not finite",
            todo="start the sample earlier or lower min_training",
        )
    return _ranked(
        effect,
        values,
        name=name,
        null=null,
        distribution=f"{len(values)} windows of the same length, {how}",
        n=n,
    )


def _ranked(
    actual: float, placebos: Array, *, name: str, null: str, distribution: str, n: int | None
) -> TestResult:
    """The two-sided rank p-value, the episode itself counted."""
    return TestResult(
        name=name,
        null=null,
        statistic=float(actual),
        p_value=rank_p_value(actual, placebos),
        distribution=distribution,
        n=n,
        minimum_p=1 / (1 + len(placebos)),
    )


def check_arrays(
    y: ArrayLike, X: ArrayLike, treated: ArrayLike, usable: ArrayLike | None
) -> tuple[Array, Array, Mask, Mask]:
    """Arrays of one length, with the episode inside the sample and no gap that counts."""
    outcome, design = np.asarray(y, float), np.asarray(X, float)
    design = design[:, None] if design.ndim == 1 else design
    T = len(outcome)
    where = np.asarray(treated)
    mask = np.zeros(T, bool)
    if where.dtype == bool and where.shape == (T,):
        mask = where.copy()
    elif where.dtype != bool and len(where) and where.min() >= 0 and where.max() < T:
        mask[where.astype(int)] = True
    keep = np.ones(T, bool) if usable is None else np.asarray(usable, bool)
    if len(design) != T or keep.shape != (T,):
        raise EstimationError(
            "y, X and usable differ in length",
            expected=f"{T} rows",
            found=f"X {len(design)}, usable {len(keep)}",
        )
    if not mask.any() or (mask & ~keep).any():
        raise EstimationError(
            "the episode is not inside the sample",
            expected=f"treated periods among the {int(keep.sum())} usable of 0 to {T - 1}",
            found="treated "
            + (", ".join(map(str, np.flatnonzero(mask & ~keep))) or str(where.tolist()))[:80],
            todo="lengthen the sample or name another episode",
        )
    bad = keep & ~(np.isfinite(outcome) & np.isfinite(design).all(axis=1))
    if bad.any():
        raise EstimationError(
            "the series has gaps",
            expected="a finite outcome and regressors in every usable period",
            found=f"{int(bad.sum())} of {T} periods without",
            where="positions " + ", ".join(map(str, np.flatnonzero(bad)[:12])),
            todo="name them as not usable; nothing is filled in",
        )
    return outcome, design, mask, keep


def check_rank(design: Array, treated: int) -> None:
    """Refuse collinear regressors, and more of them than the untreated rows can carry."""
    rows, columns = design.shape
    scaled = design / size(design)
    lengths = np.linalg.norm(scaled, axis=0)
    # In columns of one length; beyond a condition number of 1e8 fewer than eight digits hold.
    rank = int(np.linalg.matrix_rank(scaled / np.where(lengths > 0, lengths, 1.0), rtol=1e-8))
    if rank < columns or rows - treated < columns + 2:
        raise EstimationError(
            "the regressors are collinear or too many",
            expected=f"{columns} independent regressors and more untreated periods",
            found=f"rank {rank} of {columns}, {rows - treated} untreated periods",
            where=f"{rows} periods",
            todo="leave out a regressor or lengthen the sample",
        )


def _without_first_half(y: Array, Z: Array, before: Mask, blocks: NDArray[np.int_]) -> Array:
    """Fitted values (N, m) of each block by the regression without the block's first half."""
    half = blocks[:, : (blocks.shape[1] + 1) // 2]
    inner = np.eye(Z.shape[1]) - np.einsum("nhk,nhl->nkl", Z[half], Z[half])
    if np.linalg.eigvalsh(inner)[:, 0].min() < 1e-10:
        raise EstimationError(
            "a regressor is identified by half a block alone",
            expected="regressors that keep their rank without any half block",
            todo="leave out the regressor that differs only there",
        )
    outer = Z[before].T @ y[before] - np.einsum("nhk,nh->nk", Z[half], y[half])
    slopes = np.linalg.solve(inner, outer[:, :, None])
    return np.asarray((Z[blocks] @ slopes)[:, :, 0], float)


def _statistic(u: Array, Z: Array, weight: Array) -> Array:
    """P of blocks (N, m), or S where a block is longer than its row of regressors."""
    weighted = u @ weight
    if u.shape[1] <= Z.shape[2]:
        return np.asarray((weighted * u).sum(axis=1), float)
    score = np.einsum("nmk,nm->nk", Z, weighted)
    middle = np.einsum("nmk,mj,njl->nkl", Z, weight, Z)
    return np.asarray(np.einsum("nk,nkl,nl->n", score, np.linalg.pinv(middle), score), float)
