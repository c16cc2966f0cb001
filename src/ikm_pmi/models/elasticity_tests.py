"""Hypotheses about the elasticity, each with its null in words, a wild p and a CRV3 t."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ikm_pmi.models.elasticity_specs import infer
from ikm_pmi.models.panel import design, moments
from ikm_pmi.results import TestResult

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.inference.clusters import ClusterMoments
    from ikm_pmi.parameters import ElasticityParameters

__all__ = ["run"]


def run(rows: pd.DataFrame, parameters: ElasticityParameters) -> Iterator[TestResult]:
    """The tests that these rows allow.

    Parameters
    ----------
    rows : DataFrame
        From :func:`ikm_pmi.models.elasticity_sample.sample`.

    Notes
    -----
    Comparisons of groups (micro and small, Java and elsewhere) give each group year effects of its
    own, so that the difference is that of two separate regressions. Stability over 2017 gives each
    unit an effect in each sampling frame: the break in level is not part of the null.
    """
    total = rows[rows["scale"] == "total"]
    both = ("unit", "year")
    x = ["log_output"]

    def test(name: str, null: str, m: ClusterMoments, value: float = 0.0) -> TestResult:
        return _test(f"elasticity.{name}", null, m, value, parameters)

    for name, value, words in (
        ("zero", 0.0, "zero: workers do not move with output"),
        ("one", 1.0, "one: workers move in proportion to output"),
    ):
        null = f"The two-way elasticity is {words}."
        yield test(f"is_{name}", null, _moments(total, x, both), value)
    parts = rows[rows["scale"] != "total"]
    if set(parts["scale"]) == {"micro", "small"}:
        null = "The elasticity of micro equals that of small industry."
        yield test("micro_equals_small", null, _by_group(parts, parts["scale"] == "small"))
    if total["java"].nunique() == 2:
        null = "The elasticity is the same in Java and elsewhere."
        yield test("java_equals_elsewhere", null, _by_group(total, total["java"]))
    for year, effects in ((2017, ("frame", "year")), (2020, both)):
        late = total["year"] >= year
        if total.loc[~late, "year"].nunique() >= 2 and total.loc[late, "year"].nunique() >= 2:
            f = total.assign(difference=total["log_output"] * late)
            null = f"The elasticity before {year} equals that from {year} on."
            yield test(f"stable_{year}", null, _moments(f, ["difference", *x], effects))
    null = (
        "The unit's mean output has no coefficient of its own: between and within units the "
        "elasticity is the same (random effects are admissible)."
    )
    yield test("mundlak", null, _moments(total, ["mean_log_output", *x], ("year",)))


def _moments(f: pd.DataFrame, columns: Sequence[str], effects: Sequence[str]) -> ClusterMoments:
    return moments(design(f, "log_workers", columns, effects=effects, weights="weight"))


def _by_group(f: pd.DataFrame, second: pd.Series) -> ClusterMoments:
    """The difference between two groups, each with effects of its own."""
    g = second.astype(int).astype(str)
    stacked = f.assign(
        difference=f["log_output"] * second,
        unit_group=f["unit"].astype(str) + "|" + g,
        year_group=f["year"].astype(str) + "|" + g,
    )
    return _moments(stacked, ["difference", "log_output"], ("unit_group", "year_group"))


def _test(
    name: str, null: str, m: ClusterMoments, value: float, parameters: ElasticityParameters
) -> TestResult:
    found = infer(m, 0, parameters, value, interval=False)
    detail = {key: found.detail[key] for key in ("crv3_std_error", "crv3_t", "crv3_p_value")}
    return TestResult(
        name=name,
        null=null,
        statistic=found.statistic,
        p_value=found.p_value,
        distribution=found.distribution,
        n=m.nobs,
        minimum_p=found.minimum_p,
        detail={"value": found.value, "std_error": found.std_error, **detail},
    )
