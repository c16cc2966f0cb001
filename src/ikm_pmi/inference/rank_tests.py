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
    starts = np.array([s for s in range(first - m + 1) if keep[s : s + m].all()], dtype=int)
    if len(starts) <= max(m, k):
        raise EstimationError(
            "too few blocks before the episode for the end-of-sample test",
            expected=f"more than {max(m, k)} blocks of {m} periods",
            found=f"{len(starts)} blocks",
            todo="start the sample earlier",
        )
    blocks = np.vstack([starts[:, None], [[first]]]) + np.arange(m)
    whole = _coefficients(outcome[keep], design[keep])
    errors = (outcome - design @ whole)[blocks]
    weight = np.linalg.inv(errors.T @ errors / len(blocks))
    before = keep & ~mask

    def statistic(block: NDArray[np.int_], coefficients: Array) -> float:
        u, Z = outcome[block] - design[block] @ coefficients, design[block]
        if m <= k:
            return float(u @ weight @ u)
        score = Z.T @ weight @ u
        return float(score @ np.linalg.lstsq(Z.T @ weight @ Z, score, rcond=None)[0])

    placebos = np.empty(len(starts))
    for i, start in enumerate(starts):
        rest = before.copy()
        rest[start : start + (m + 1) // 2] = False
        placebos[i] = statistic(blocks[i], _coefficients(outcome[rest], design[rest]))
    actual = statistic(blocks[-1], whole)
    return _ranked(
        actual,
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
    rank = int(np.linalg.matrix_rank(design))
    rows, columns = design.shape
    if rank < columns or rows - treated < columns + 2:
        raise EstimationError(
            "the regressors are collinear or too many",
            expected=f"{columns} independent regressors and more untreated periods",
            found=f"rank {rank} of {columns}, {rows - treated} untreated periods",
            todo="leave out a regressor or lengthen the sample",
        )


def _coefficients(y: Array, X: Array) -> Array:
    check_rank(X, 0)
    return np.asarray(np.linalg.lstsq(X, y, rcond=None)[0], dtype=np.float64)
