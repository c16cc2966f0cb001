"""Instruments for output, with first-stage strength and Anderson-Rubin sets.

Each is a ratio of two coefficients of one regressor with a joint jackknife covariance, so a weak
first stage widens the set, possibly without end, instead of misleading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.inference.clusters import critical_t, crv1, leave_one_out
from ikm_pmi.inference.ratio import RatioSet, ratio_set
from ikm_pmi.models.elasticity_sample import differences
from ikm_pmi.models.elasticity_specs import UNIT
from ikm_pmi.models.panel import design, moments
from ikm_pmi.results import Estimate

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

__all__ = ["from_ratio", "instrumented", "lagged_output", "pair", "shift_share"]


def pair(
    f: pd.DataFrame, outcomes: tuple[str, str], regressors: Sequence[str], effects: Sequence[str]
) -> tuple[float, float, np.ndarray, float, int]:
    """The first regressor's coefficient in two regressions, their joint CRV3, and a CRV1 F.

    The F is of the second regression: the first stage.
    """
    both = [moments(design(f, y, regressors, effects=effects, weights="weight")) for y in outcomes]
    deviations = np.stack([leave_one_out(m)[:, 0] - m.params[0] for m in both], axis=1)
    G = both[0].n_clusters
    covariance = (G - 1) / G * deviations.T @ deviations
    n, d = (float(m.params[0]) for m in both)
    return n, d, covariance, d**2 / float(crv1(both[1])[0, 0]), both[0].nobs


def from_ratio(
    name: str, method: str, ratio: RatioSet, parameters: ElasticityParameters, **detail: Any
) -> Estimate:
    """A ratio and its set as an estimate; ``n`` among the details is the number of rows."""
    n = detail.pop("n")
    return Estimate(
        name=name,
        value=ratio.value,
        unit=UNIT,
        n=n,
        std_error=ratio.std_error,
        ci_low=ratio.low if ratio.bounded else None,
        ci_high=ratio.high if ratio.bounded else None,
        ci_level=parameters.confidence_level,
        method=method,
        detail={"set": str(ratio), **detail},
    )


def instrumented(
    name: str,
    words: str,
    f: pd.DataFrame,
    outcomes: tuple[str, str],
    instrument: str,
    *,
    effects: Sequence[str],
    parameters: ElasticityParameters,
) -> Estimate:
    """Two outcomes (workers, output) on one instrument: their ratio is the elasticity."""
    n, d, covariance, F, nobs = pair(f, outcomes, [instrument], effects)
    G = f["unit"].nunique()
    ratio = ratio_set(n, d, covariance, critical_t(parameters.confidence_level, G))
    method = f"{words}; Anderson-Rubin set with CRV3, t({G - 1}); first-stage F {F:.1f}"
    return from_ratio(
        name, method, ratio, parameters, n=nobs, first_stage_f=F, first_stage=d, reduced_form=n
    )


def lagged_output(total: pd.DataFrame, parameters: ElasticityParameters) -> Estimate:
    """Changes on changes, by the level two years before (Anderson & Hsiao 1982)."""
    group = total.groupby("unit")
    before = group["log_output"].shift(2).where(total["year"] - group["year"].shift(2) == 2)
    f = differences(total.assign(before=before), ("log_workers", "log_output"))
    return instrumented(
        "elasticity.iv.lagged",
        "changes between consecutive years by log output two years before, year effects",
        f[f["before"].notna()],
        ("d_log_workers", "d_log_output"),
        "before",
        effects=("year",),
        parameters=parameters,
    )


def shift_share(rows: pd.DataFrame, parameters: ElasticityParameters) -> Estimate:
    """Changes by initial scale shares times the growth of the scale in all other units.

    The first change is left out: it would share the error of the first year's shares.
    """
    parts = rows[rows["scale"] != "total"].copy()
    everywhere = parts.groupby(["scale", "year"])["output_idr_mn"].transform("sum")
    parts["log_others"] = np.log(everywhere - parts["output_idr_mn"])
    parts = parts.sort_values(["scale", "unit", "year"])
    parts["growth"] = parts.groupby(["scale", "unit"])["log_others"].diff()
    start = parts["year"].min()
    first = parts[parts["year"] == start].set_index(["unit", "scale"])["output_idr_mn"]
    share = (first / first.groupby("unit").transform("sum")).rename("share")
    parts = parts.join(share, on=["unit", "scale"])
    shift = (parts["share"] * parts["growth"]).groupby([parts["unit"], parts["year"]]).sum()
    total = rows[rows["scale"] == "total"].join(shift.rename("shift"), on=["unit", "year"])
    f = differences(total, ("log_workers", "log_output"))
    return instrumented(
        "elasticity.iv.shift_share",
        "changes between consecutive years by initial scale shares times leave-one-out national "
        "growth by scale, year effects",
        f[f["year"] > start + 1],
        ("d_log_workers", "d_log_output"),
        "shift",
        effects=("year",),
        parameters=parameters,
    )
