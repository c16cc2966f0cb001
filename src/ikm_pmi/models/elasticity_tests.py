"""Hypotheses about the elasticity, each with its null in words, a wild p and a CRV3 t."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ikm_pmi.models.elasticity_specs import infer
from ikm_pmi.models.panel import design, moments
from ikm_pmi.results import TestResult

if TYPE_CHECKING:
    import pandas as pd

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

    def test(
        name: str,
        null: str,
        f: pd.DataFrame,
        columns: Sequence[str],
        effects: Sequence[str],
        value: float = 0.0,
    ) -> TestResult:
        return _test(f"elasticity.{name}", null, f, columns, effects, value, parameters)

    yield test(
        "is_zero",
        "The two-way elasticity is zero: workers do not move with output.",
        total,
        x,
        both,
    )
    yield test(
        "is_one",
        "The two-way elasticity is one: workers move in proportion to output.",
        total,
        x,
        both,
        value=1.0,
    )
    parts = rows[rows["scale"] != "total"]
    if set(parts["scale"]) == {"micro", "small"}:
        yield test(
            "micro_equals_small",
            "The elasticity of micro equals that of small industry.",
            *_by_group(parts, parts["scale"] == "small"),
        )
    if total["java"].nunique() == 2:
        yield test(
            "java_equals_elsewhere",
            "The elasticity is the same in Java and elsewhere.",
            *_by_group(total, total["java"]),
        )
    for year, effects in ((2017, ("frame", "year")), (2020, both)):
        late = total["year"] >= year
        if total.loc[~late, "year"].nunique() >= 2 and total.loc[late, "year"].nunique() >= 2:
            f = total.assign(difference=total["log_output"] * late)
            yield test(
                f"stable_{year}",
                f"The elasticity before {year} equals that from {year} on.",
                f,
                ["difference", *x],
                effects,
            )
    yield test(
        "mundlak",
        "The unit's mean output has no coefficient of its own: between and within"
        " units the elasticity is the same (random effects are admissible).",
        total,
        ["mean_log_output", *x],
        ("year",),
    )


def _by_group(
    f: pd.DataFrame, second: pd.Series
) -> tuple[pd.DataFrame, list[str], tuple[str, str]]:
    g = second.astype(int).astype(str)
    stacked = f.assign(
        difference=f["log_output"] * second,
        unit_group=f["unit"].astype(str) + "|" + g,
        year_group=f["year"].astype(str) + "|" + g,
    )
    return stacked, ["difference", "log_output"], ("unit_group", "year_group")


def _test(
    name: str,
    null: str,
    f: pd.DataFrame,
    columns: Sequence[str],
    effects: Sequence[str],
    value: float,
    parameters: ElasticityParameters,
) -> TestResult:
    m = moments(design(f, "log_workers", columns, effects=effects, weights="weight"))
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
