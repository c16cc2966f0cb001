"""Weights of a synthetic control and the gap they leave: classic, augmented, penalised.

The quadratic programme goes to scipy's non-negative least squares, which is exact. pysyncon, whose
optimiser (SLSQP with numerical derivatives) can stop a little short of the optimum, is the second
implementation in the tests: placebos, conformal refits and cross-validation need hundreds of fits,
and one decomposition serves every ridge penalty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError

__all__ = ["VARIANTS", "SyntheticFit", "Variant", "fit", "solve"]

Variant = Literal["classic", "augmented", "penalised", "difference"]
VARIANTS: tuple[Variant, ...] = ("classic", "augmented", "penalised", "difference")

Array = NDArray[np.float64]
_PENALTIES = np.geomspace(1e-3, 10, 9)  # of the penalised variant; free of units


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SyntheticFit:
    """A treated unit beside its synthetic control.

    Parameters
    ----------
    weights : Series, shape (donors,)
        Sum to one; not negative except in the augmented variant.
    penalty : float or None
        Ridge penalty (augmented, squared outcome units) or pairwise penalty (penalised, no unit).
    gaps : Series, shape (periods,)
        Observed minus synthetic, in outcome units, less the intercept of ``difference``.
    post : ndarray of bool, shape (periods,)
        The periods whose gap is the effect; the weights saw only the others.
    """

    variant: Variant
    treated: str
    weights: pd.Series
    penalty: float | None
    gaps: pd.Series
    post: NDArray[np.bool_]

    @property
    def effects(self) -> pd.Series:
        """Gap of each treated period."""
        return self.gaps[self.post]

    @property
    def mean(self) -> float:
        """Mean gap over the treated periods."""
        return float(self.effects.mean())

    @property
    def pre_rmspe(self) -> float:
        """Root mean squared gap over the periods the weights were fitted on."""
        return float(np.sqrt((self.gaps[~self.post] ** 2).mean()))

    @property
    def rmspe_ratio(self) -> float:
        """Root mean squared gap after over before (Abadie, Diamond & Hainmueller 2010).

        Raises
        ------
        EstimationError
            When the fit before is exact, so that the ratio has no value.
        """
        before = self.pre_rmspe
        if before <= 1e-9 * float(np.abs(self.gaps).max()) or before == 0:
            raise EstimationError(
                f"the RMSPE ratio of {self.treated} has no value",
                expected="a synthetic control that does not fit the pre-period exactly",
                found=f"pre-period RMSPE {before:.2g} with {len(self.weights)} donors",
                where=f"{self.variant} synthetic control",
                todo="lengthen the pre-period or leave out donors",
            )
        return float(np.sqrt((self.effects**2).mean())) / before


def fit(
    outcomes: pd.DataFrame,
    treated: str,
    post: Iterable[Any],
    *,
    variant: Variant = "classic",
    penalty: float | None = None,
) -> SyntheticFit:
    """Fit one synthetic control on all periods outside ``post``.

    Classic: ``min_w ||y_1 - Y_0 w||²`` over the simplex, every pre-period outcome a predictor of
    equal importance. Augmented: the same plus a ridge correction of what imbalance is left.
    Penalised: plus ``λ Σ_j w_j ||y_1 - y_j||²``, which prefers donors that are alike one by one.
    Difference: equal weights and a constant, the two-way difference in differences.

    Parameters
    ----------
    outcomes : DataFrame, shape (periods, units)
        Complete, in time order; all columns other than ``treated`` are donors.
    treated : str
        Column of the treated unit.
    post : index labels
        Treated periods.
    variant : {"classic", "augmented", "penalised", "difference"}
    penalty : float, optional
        Chosen from the data when left out: augmented by leaving out one pre-period at a time
        (largest within one standard error), penalised by predicting each donor in ``post`` from
        the others (Abadie & L'Hour 2021, section 4).

    Raises
    ------
    EstimationError
        For missing or infinite outcomes, donors that are all alike, fewer than two donors, no
        treated or no other period (three others where a ridge penalty is chosen), or weights that
        are not the optimum.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010); Ben-Michael, Feller & Rothstein (2021); Abadie & L'Hour
    (2021).

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"A": [5.0, 1, 3, 0], "B": [1.0, 3, 2, 5], "C": [7.0, 0, 5, 6]})
    >>> wide["T"] = (wide["A"] + wide["B"]) / 2 + [0, 0, 0, -2]
    >>> round(fit(wide, "T", [3]).mean, 3)
    -2.0
    """
    mask = np.asarray(outcomes.index.isin(list(post)))
    _check(outcomes, treated, mask, 3 if variant == "augmented" and penalty is None else 1)
    donors = outcomes.drop(columns=treated)
    y0, y1 = donors.to_numpy(float), outcomes[treated].to_numpy(float)
    if penalty is None and variant == "augmented":
        penalty = _ridge_penalty(y0[~mask], y1[~mask])
    elif penalty is None and variant == "penalised":
        penalty = _pairwise_penalty(y0, mask)
    weights, intercept = solve(y0[~mask], y1[~mask], variant=variant, penalty=penalty)
    return SyntheticFit(
        variant=variant,
        treated=treated,
        weights=pd.Series(weights, index=donors.columns, name=variant),
        penalty=penalty,
        gaps=pd.Series(y1 - y0 @ weights - intercept, index=outcomes.index, name=variant),
        post=mask,
    )


def _check(outcomes: pd.DataFrame, treated: str, post: NDArray[np.bool_], least: int) -> None:
    holes = outcomes.columns[outcomes.isna().any()]
    values = outcomes.drop(columns=treated).to_numpy(float)[~post]
    endless = outcomes.columns[np.isinf(outcomes.to_numpy(float)).any(axis=0)]
    apart = float(np.ptp(values, axis=1).max()) if values.size and not len(holes) else 1.0
    n_donors, n_before = outcomes.shape[1] - 1, int((~post).sum())
    for wrong, expected, found in (
        (len(holes) > 0, "complete outcomes", f"missing periods in {', '.join(map(str, holes))}"),
        (len(endless) > 0, "finite outcomes", f"infinite ones in {', '.join(map(str, endless))}"),
        (n_donors < 2, "at least 2 donors", f"{n_donors} donor(s)"),
        (not post.any(), "treated periods among the rows", "none of them"),
        (n_before < least, f"at least {least} period(s) outside the treated ones", f"{n_before}"),
        (
            not 1e-75 < apart < 1e75 or apart <= 1e-12 * np.abs(values).max(),
            "donors that differ before, by numbers whose fourth powers are numbers",
            f"differences of up to {apart:.2g}",
        ),
    ):
        if wrong:
            raise EstimationError(
                "no synthetic control can be fitted",
                expected=expected,
                found=found,
                where=f"{treated}, {outcomes.shape[0]} periods",
                todo="choose another window or other donors",
            )


def solve(
    y0: Array, y1: Array, *, variant: Variant = "classic", penalty: float | None = None
) -> tuple[Array, float]:
    """Weights and intercept from outcome arrays of shape (periods, donors) and (periods,).

    Raises
    ------
    EstimationError
        When the optimiser stops short of the optimum.
    """
    level = y0.mean(axis=1)
    if variant == "difference":
        return np.full(y0.shape[1], 1 / y0.shape[1]), float((y1 - level).mean())
    scale = float(np.sqrt(((y0 - level[:, None]) ** 2).mean())) or 1.0
    x0, x1 = (y0 - level[:, None]) / scale, (y1 - level) / scale
    weights = _simplex(x0, x1, penalty or 0.0 if variant == "penalised" else 0.0)
    if variant == "augmented":
        ridge = max((penalty or 0.0) / scale**2, 1e-12)
        weights = weights + _ridge(x0, x1 - x0 @ weights, np.array([ridge]))[0]
    return weights, 0.0


def _simplex(x0: Array, x1: Array, pairwise: float) -> Array:
    """Minimise ``||x1 - x0 w||² + pairwise Σ_j w_j ||x1 - x0_j||²`` over the simplex.

    On the simplex ``x1 - x0 w = -B w`` with ``B = x0 - x1 1'``, and the minimiser of
    ``||B u||² + (1'u - 1)²`` over ``u >= 0`` is a multiple of the one sought: one call of
    non-negative least squares. The pairwise term is brought to that form by completing the square.
    """
    from scipy.optimize import nnls

    rows = x0 - x1[:, None]
    apart = (rows**2).sum(axis=0)
    if pairwise > 0:
        gram = rows.T @ rows
        gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) / len(gram)
        root = np.linalg.cholesky(gram).T
        shift = np.linalg.solve(root.T, pairwise / 2 * apart)
        rows = np.asarray(root + shift[:, None], dtype=np.float64)
    size = float(np.sqrt((rows**2).sum(axis=0).mean())) or 1.0
    target = np.append(np.zeros(len(rows)), 1.0)
    raw, _ = nnls(np.vstack([rows / size, np.ones(rows.shape[1])]), target)
    weights: Array = raw / raw.sum()
    # The Frank-Wolfe gap bounds the distance of half the objective to its minimum from above.
    gradient = x0.T @ (x0 @ weights - x1) + pairwise / 2 * apart
    gap = float(gradient @ weights - gradient.min())
    if not gap <= 1e-6 * float(x1 @ x1 + len(x1) + pairwise * apart.mean()):
        raise EstimationError(
            "the weights of a synthetic control did not converge",
            expected="an objective within one millionth of its minimum",
            found=f"up to {gap:.2g} above it",
            where=f"{x0.shape[1]} donors, {x0.shape[0]} periods",
            todo="check the outcomes for units of very different size",
        )
    return weights


def _ridge(x0: Array, left: Array, penalties: Array) -> Array:
    """Corrections ``(x0'x0 + λ)⁻¹ x0' left`` of shape (penalties, donors); x0 without row means."""
    u, size, v = np.linalg.svd(x0, full_matrices=False)
    corrections: Array = (left @ u) * size / (size**2 + penalties[:, None]) @ v
    # Rows of x0 sum to zero, and so do the corrections: what they do not is rounding over λ.
    corrections -= corrections.mean(axis=1, keepdims=True)
    return corrections


def _ridge_penalty(y0: Array, y1: Array) -> float:
    """Ridge penalty by leaving out one period at a time, largest within one standard error.

    Grid and periods left out (all but the last) are those of Ben-Michael, Feller & Rothstein's own
    program, augsynth.
    """
    level = y0.mean(axis=1)
    x0, x1 = y0 - level[:, None], y1 - level
    largest = np.linalg.svd(x0, compute_uv=False)[0] ** 2
    penalties = largest * 1e-8 ** ((np.arange(21) - 1) / 20)
    errors = np.empty((len(x1) - 1, len(penalties)))
    for period in range(len(errors)):
        kept = np.arange(len(x1)) != period
        weights = _simplex(x0[kept], x1[kept], 0.0)
        every = weights + _ridge(x0[kept], x1[kept] - x0[kept] @ weights, penalties)
        errors[period] = (x1[period] - every @ x0[period]) ** 2
    mean, error = errors.mean(axis=0), errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    best = int(mean.argmin())
    return float(penalties[mean <= mean[best] + error[best]].max())


def _pairwise_penalty(y0: Array, post: NDArray[np.bool_]) -> float:
    """Pairwise penalty that best predicts each donor in the treated periods from the others."""
    errors = np.zeros(len(_PENALTIES))
    for unit in range(y0.shape[1]):
        others, own = np.delete(y0, unit, axis=1), y0[:, unit]
        for i, choice in enumerate(_PENALTIES):
            weights, _ = solve(others[~post], own[~post], variant="penalised", penalty=choice)
            errors[i] += ((own[post] - others[post] @ weights) ** 2).sum()
    return float(_PENALTIES[int(errors.argmin())])
