"""Panel regressions: effects removed by demeaning, statsmodels on what is left.

References
----------
Baltagi (2021), Econometric Analysis of Panel Data, chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.clusters import ClusterMoments, cluster_moments, require_full_rank
from ikm_pmi.models.within import first_of_components, levels, nested, redundant, within

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Design", "PanelFit", "design", "fit", "moments", "random_effects"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Largest number of levels of an effect that cuts across clusters and so becomes columns.
MAX_DUMMIES = 200


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Design:
    """Arrays of one regression: n rows, k regressors.

    ``effects`` and ``clusters`` are codes 0 .. levels-1; ``weights`` are frequency-like, of mean 1.
    """

    outcome: str
    names: tuple[str, ...]
    y: Floats
    X: Floats
    weights: Floats
    effects: tuple[Codes, ...]
    clusters: Codes
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PanelFit:
    """Coefficients with classical standard errors; cluster-robust ones come from the moments.

    ``df_resid`` counts the absorbed effects; ``rsquared`` is that of the demeaned data.
    """

    names: tuple[str, ...]
    params: Floats
    bse: Floats
    nobs: int
    df_resid: int
    rsquared: float
    scale: float

    def __getitem__(self, name: str) -> tuple[float, float]:
        """Coefficient and classical standard error of a regressor."""
        i = self.names.index(name)
        return float(self.params[i]), float(self.bse[i])


def design(
    frame: pd.DataFrame,
    outcome: str,
    regressors: Sequence[str],
    *,
    effects: Sequence[str] = (),
    weights: str | None = None,
    cluster: str = "unit",
) -> Design:
    """Take the columns of a regression from a frame.

    Parameters
    ----------
    frame : DataFrame
        One row per observation; no missing value in the columns used.
    outcome, regressors, weights : str
        Numeric columns. Weights are positive; they are scaled to mean 1.
    effects : sequence of str
        Columns whose every level gets an intercept. Without any, one constant ``const`` is added.
    cluster : str
        Column of the clusters.

    Raises
    ------
    EstimationError
        When a value is missing or infinite, with column and row.
    """
    import pandas as pd

    columns = [outcome, *regressors, *([weights] if weights else [])]
    for column in columns:
        bad = ~np.isfinite(frame[column].to_numpy(dtype=float, na_value=np.nan))
        if bad.any():
            raise EstimationError(
                f"{column} is missing or infinite in {int(bad.sum())} of {len(frame)} rows",
                expected="finite numbers",
                found=str(frame[column].iloc[int(np.argmax(bad))]),
                where=f"row {frame.index[int(np.argmax(bad))]}",
                todo="restrict the sample to rows that have it, and say so",
            )
    w = frame[weights].to_numpy(float) if weights else np.ones(len(frame))
    X = frame[list(regressors)].to_numpy(float)
    names = tuple(regressors)
    if not effects:
        X, names = np.column_stack([np.ones(len(frame)), X]), ("const", *names)
    codes, labels = pd.factorize(frame[cluster], sort=True)
    return Design(
        outcome=outcome,
        names=names,
        y=frame[outcome].to_numpy(float),
        X=X,
        weights=w / w.mean(),
        effects=tuple(pd.factorize(frame[effect])[0] for effect in effects),
        clusters=codes,
        labels=tuple(map(str, labels)),
    )


def fit(d: Design) -> PanelFit:
    """Least squares of the demeaned data (statsmodels), with the right degrees of freedom.

    Equal to the regression on dummy variables: ``df_resid = n - k - rank of the effects``.

    Raises
    ------
    EstimationError
        When the regressors are collinear with the effects or no degree of freedom is left.
    """
    import statsmodels.api as sm

    weights = None if np.all(d.weights == 1) else d.weights
    y, X = within(d.y, d.effects, weights), within(d.X, d.effects, weights)
    df = len(y) - X.shape[1] - sum(map(levels, d.effects)) + redundant(d.effects)
    if df < 1:
        raise EstimationError(
            f"the regression of {d.outcome} has no degrees of freedom left",
            expected="more rows than parameters",
            found=f"{len(y)} rows, {len(y) - df} parameters",
            todo="use more years, or fewer effects",
        )
    _require_variation(d, X)
    model = sm.OLS(y, X) if weights is None else sm.WLS(y, X, weights=weights)
    model.df_resid = df  # statsmodels cannot know what was absorbed
    result = model.fit(method="qr")
    return PanelFit(
        names=d.names,
        params=np.asarray(result.params),
        bse=np.asarray(result.bse),
        nobs=len(y),
        df_resid=df,
        rsquared=float(result.rsquared),
        scale=float(result.scale),
    )


def moments(d: Design) -> ClusterMoments:
    """The regression reduced to its clusters, for CRV1, CRV3 and the wild bootstrap.

    An effect nested in the clusters is demeaned away; one that cuts across them becomes dummy
    columns after the regressors, since every leave-one-out sample estimates it anew.

    Raises
    ------
    EstimationError
        When more than one effect cuts across the clusters, or one has too many levels.
    """
    inner = [codes for codes in d.effects if nested(codes, d.clusters)]
    across = [codes for codes in d.effects if not nested(codes, d.clusters)]
    if len(across) > 1 or (across and levels(across[0]) > MAX_DUMMIES):
        raise EstimationError(
            "cluster inference cannot absorb these effects",
            expected=f"at most one effect across clusters, of at most {MAX_DUMMIES} levels",
            found=", ".join(f"{levels(codes)} levels" for codes in across),
            todo="cluster by the unit, so that its effects are nested",
        )
    columns = [d.y[:, None], d.X]
    intercepts = min(len(inner), 1)
    if across:
        dummies = np.equal.outer(across[0], np.arange(levels(across[0]))).astype(float)
        if inner:
            drop = first_of_components(inner[0], across[0])
            dummies, intercepts = np.delete(dummies, drop, axis=1), len(drop)
        columns.append(dummies)
    block = np.column_stack(columns)
    weights = None if np.all(d.weights == 1) else d.weights
    if inner:
        block = within(block, inner, weights)
    _require_variation(d, block[:, 1 : 1 + d.X.shape[1]])
    block *= np.sqrt(d.weights)[:, None]
    return cluster_moments(
        block[:, 0], block[:, 1:], d.clusters, labels=d.labels, absorbed=intercepts
    )


def random_effects(d: Design) -> PanelFit:
    """Random effects of the unit by quasi-demeaning, variances after Swamy & Arora (1972).

    ``theta_i = 1 - sqrt(s_e^2 / (T_i s_u^2 + s_e^2))``; statsmodels on ``y - theta_i ybar_i``.
    """
    (unit,) = d.effects
    counts = np.bincount(unit)
    X = np.column_stack([np.ones(len(d.y)), d.X])
    means = np.stack([np.bincount(unit, x) for x in (d.y, *X.T)], axis=1) / counts[:, None]
    left = means[:, 0] - means[:, 1:] @ np.linalg.lstsq(means[:, 1:], means[:, 0])[0]
    s_e = fit(d).scale
    between = float(left @ left) / (len(counts) - X.shape[1])
    s_u = max(between - s_e * float((1 / counts).mean()), 0.0)
    theta = (1 - np.sqrt(s_e / (counts * s_u + s_e)))[unit]
    moved = np.column_stack([d.y, X]) - theta[:, None] * means[unit]
    names = ("const", *d.names)
    return fit(replace(d, names=names, y=moved[:, 0], X=moved[:, 1:], effects=()))


def _require_variation(d: Design, X: Floats) -> None:
    """Refuse regressors that the effects leave without variation, or that are collinear."""
    for name, before, after in zip(d.names, d.X.T, X.T, strict=True):
        if np.abs(after).max() <= 1e-10 * np.abs(before).max():
            raise EstimationError(
                f"{name} does not vary once the effects are removed",
                expected="variation within the effects",
                found=f"none in {len(before)} rows",
                todo=f"drop {name}, or an effect",
            )
    require_full_rank(X.T @ X, f"{len(X)} rows, regressors {', '.join(d.names)}")
