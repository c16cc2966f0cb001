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

__all__ = ["UNIT", "Spec", "fit_spec", "margins_exist", "specs"]

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
    return bool(f.groupby("unit")["establishments"].agg(np.ptp).max() > 0)


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


def fit_spec(spec: Spec, parameters: ElasticityParameters) -> Estimate:
    """One regression as an estimate: CRV1 standard error, wild interval and p, CRV3 in detail."""
    m = spec.moments()
    r = np.eye(m.gram.shape[1])[1 if not spec.effects else 0]
    value, error = float(r @ m.params), float(np.sqrt(r @ crv1(m) @ r))
    level, G = parameters.confidence_level, m.n_clusters
    detail: dict[str, Any] = {"n_units": G, **_years(spec.frame)}
    if G > MANY_CLUSTERS:
        reach = critical_t(level, G) * error
        low: float | None = value - reach
        high: float | None = value + reach
        p, how = p_t(value / error, G), f"t({G - 1})"
    else:
        wild = wild_bootstrap(
            m,
            r,
            draws=parameters.draws,
            kind=parameters.weights,
            level=level,
            rng=np.random.default_rng(parameters.seed),
        )
        jackknife = float(np.sqrt(r @ crv3(m) @ r))
        low, high, p, how = wild.ci_low, wild.ci_high, wild.p_value, wild.distribution
        detail |= {
            "crv3_std_error": jackknife,
            "crv3_p_value": p_t(value / jackknife, G),
            "wild_p_value": p,
            "minimum_p": wild.minimum_p,
        }
    return Estimate(
        name=spec.name,
        value=value,
        unit=UNIT,
        n=m.nobs,
        std_error=error,
        p_value=p,
        ci_low=low,
        ci_high=high,
        ci_level=level,
        detail=detail,
        method=f"{spec.words}; standard error CRV1 by unit, interval and p: {how}",
    )


def _years(frame: pd.DataFrame) -> dict[str, int]:
    if "year" not in frame:
        return {}
    return {"first_year": int(frame["year"].min()), "last_year": int(frame["year"].max())}
