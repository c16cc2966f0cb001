"""The regressions behind the elasticity, and how each becomes an estimate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.inference.clusters import ClusterMoments, critical_t, crv1, crv3, p_t
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.models.elasticity_sample import differences
from ikm_pmi.models.panel import design, moments
from ikm_pmi.results import Estimate

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

__all__ = ["UNIT", "Inference", "Spec", "fit_spec", "infer", "margins_exist", "specs"]

#: With more clusters than this the normal approximation needs no bootstrap.
MANY_CLUSTERS = 500
UNIT = "percent of workers per percent of output"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Spec:
    """One regression: the elasticity is the coefficient of the first regressor."""

    name: str
    words: str
    frame: pd.DataFrame
    outcome: str = "log_workers"
    regressors: tuple[str, ...] = ("log_output",)
    effects: tuple[str, ...] = ("unit", "year")

    def moments(self) -> ClusterMoments:
        """The regression reduced to its clusters, the units."""
        return moments(
            design(
                self.frame, self.outcome, self.regressors, effects=self.effects, weights="weight"
            )
        )


def specs(f: pd.DataFrame, suffix: str) -> Iterator[Spec]:
    """The regressions of one scale, in the order they are shown."""

    def spec(name: str, words: str, frame: pd.DataFrame = f, **how: Any) -> Spec:
        return Spec(name=f"elasticity.{name}{suffix}", words=words, frame=frame, **how)

    twfe = spec("twfe", "two-way fixed effects")
    yield spec("pooled", "pooled with year effects", effects=("year",))
    means = f.groupby("unit", as_index=False)[["log_workers", "log_output", "weight"]].mean()
    yield spec("between", "between units (means over the years)", means, effects=())
    real = f[np.isfinite(f["log_real_output"])]
    yield spec(
        "fe",
        "unit effects, output at constant prices where a deflator is given",
        real,
        regressors=("log_real_output",),
        effects=("unit",),
    )
    yield twfe
    moved = ("log_workers", "log_output")
    yield spec(
        "first_difference",
        "changes between consecutive years, year effects",
        differences(f, moved),
        outcome="d_log_workers",
        regressors=("d_log_output",),
        effects=("year",),
    )
    yield spec(
        "long_difference",
        "mean of the last two years less mean of the first two",
        _ends(f),
        effects=(),
    )
    yield spec(
        "mundlak",
        "pooled with year effects and the unit's mean output",
        regressors=("log_output", "mean_log_output"),
        effects=("year",),
    )
    if margins_exist(f):
        yield from _margins(spec)
    if f["frame"].nunique() > f["unit"].nunique():
        yield replace(
            twfe,
            name=f"elasticity.twfe.within_frames{suffix}",
            words="two-way fixed effects, unit effects anew in each sampling frame "
            "(2013, 2014-15, 2017 on)",
            effects=("frame", "year"),
        )


def margins_exist(f: pd.DataFrame) -> bool:
    """Whether any unit has more than one count of establishments (firms are one each)."""
    counts = f.groupby("unit")["establishments"]
    return bool((counts.max() > counts.min()).any())


def _margins(spec: Callable[..., Spec]) -> Iterator[Spec]:
    yield spec(
        "intensive",
        "two-way fixed effects, log establishments held constant",
        regressors=("log_output", "log_establishments"),
    )
    margin = "two-way fixed effects; adds up to the elasticity with the other margin"
    for name in ("extensive", "margin.extensive"):
        yield spec(name, f"log establishments, {margin}", outcome="log_establishments")
    yield spec(
        "margin.intensive", f"log workers per establishment, {margin}", outcome="log_workers_per"
    )


def _ends(f: pd.DataFrame) -> pd.DataFrame:
    """Unit means of the last two survey years less those of the first two, if it has all four."""
    years = sorted(set(f["year"]))
    columns = ["log_workers", "log_output"]
    group = [f[f["year"].isin(span)].groupby("unit") for span in (years[:2], years[-2:])]
    first, last = (g[columns].mean()[g.size() == 2] for g in group)
    weight = f.groupby("unit")["weight"].first()
    return (last - first).dropna().join(weight).reset_index()


@dataclass(frozen=True, kw_only=True, slots=True)
class Inference:
    """One coefficient against one value: CRV1, wild bootstrap where clusters are few, CRV3."""

    value: float
    std_error: float
    statistic: float
    p_value: float
    ci_low: float | None
    ci_high: float | None
    distribution: str
    minimum_p: float | None
    detail: dict[str, Any]


def infer(
    m: ClusterMoments,
    column: int,
    parameters: ElasticityParameters,
    null: float = 0.0,
    interval: bool = True,
) -> Inference:
    """Test a coefficient and give its interval: t(G-1) with many clusters, wild with few."""
    r, G = np.eye(m.gram.shape[1])[column], m.n_clusters
    jackknife = float(np.sqrt(crv3(m)[column, column]))
    t = (float(m.params[column]) - null) / jackknife
    detail = {"crv3_std_error": jackknife, "crv3_t": t, "crv3_p_value": p_t(t, G)}
    if G > MANY_CLUSTERS:
        value, error = float(m.params[column]), float(np.sqrt(crv1(m)[column, column]))
        reach = critical_t(parameters.confidence_level, G) * error
        statistic = (value - null) / error
        return Inference(
            value=value,
            std_error=error,
            statistic=statistic,
            p_value=p_t(statistic, G),
            ci_low=value - reach,
            ci_high=value + reach,
            distribution=f"t({G - 1})",
            minimum_p=None,
            detail=detail,
        )
    wild = wild_bootstrap(
        m,
        r,
        null,
        draws=parameters.draws,
        kind=parameters.weights,
        rng=np.random.default_rng(parameters.seed),
        level=parameters.confidence_level,
        interval=interval,
    )
    return Inference(
        value=wild.value,
        std_error=wild.std_error,
        statistic=wild.statistic,
        p_value=wild.p_value,
        ci_low=wild.ci_low,
        ci_high=wild.ci_high,
        distribution=wild.distribution,
        minimum_p=wild.minimum_p,
        detail=detail | {"wild_p_value": wild.p_value, "minimum_p": wild.minimum_p},
    )


def fit_spec(spec: Spec, parameters: ElasticityParameters) -> Estimate:
    """One regression as an estimate: CRV1 standard error, wild interval and p, CRV3 in detail."""
    m = spec.moments()
    found = infer(m, 0 if spec.effects else 1, parameters)
    return Estimate(
        name=spec.name,
        value=found.value,
        unit=UNIT,
        n=m.nobs,
        std_error=found.std_error,
        p_value=found.p_value,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        ci_level=parameters.confidence_level,
        detail={"n_units": m.n_clusters, **_years(spec.frame), **found.detail},
        method=f"{spec.words}; standard error CRV1 by unit, interval and p: {found.distribution}",
    )


def _years(frame: pd.DataFrame) -> dict[str, int]:
    if "year" not in frame:
        return {}
    return {"first_year": int(frame["year"].min()), "last_year": int(frame["year"].max())}
