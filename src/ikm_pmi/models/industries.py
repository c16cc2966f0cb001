"""The elasticity across two-digit industries, 2017-2021: a contrast with the provinces.

Log workers on log value added, for micro and small (IMK) and for large and medium industry, with
the machinery of the provinces. **Weak data**: the value added of IMK by industry jumps without
workers moving, four cells are flagged in the source, and an error in the regressor pulls the slope
toward 0. Five years and 24 industries are a contrast, not an estimate to build on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from ikm_pmi.errors import DataError
from ikm_pmi.language import spoken
from ikm_pmi.models import elasticity
from ikm_pmi.models.elasticity_sample import sample
from ikm_pmi.models.elasticity_specs import Spec, infer
from ikm_pmi.results import Estimate, Findings, TestResult

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

__all__ = ["IndustriesResult", "contrast", "industry_panel"]

YEARS = (2017, 2021)
#: Scale of the raw table by the name used here.
SCALES = {"imk": "total", "large_medium": "large_medium"}
ESTIMATORS: tuple[str, ...] = ("pooled", "between", "fe", "twfe", "first_difference")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class IndustriesResult(Findings):
    """Elasticities by industry and, over the same years, by province; one test of equality."""

    @spoken
    def sentence(self) -> str:
        """The two-way elasticities side by side."""
        return " ".join(e.sentence() for e in self.estimates if ".twfe" in e.name)


def industry_panel(kbli: pd.DataFrame, size: str) -> pd.DataFrame:
    """Industries as a panel of units; ``output_idr_mn`` holds value added (million IDR).

    Parameters
    ----------
    kbli : DataFrame
        The raw table ``imk_kbli``.
    size : {"imk", "large_medium"}

    Returns
    -------
    DataFrame
        Rows of 2017-2021 in which the industry exists; columns of
        :func:`~ikm_pmi.models.elasticity_sample.check_panel` and ``flagged``.

    Raises
    ------
    DataError
        When an industry has workers but no value added, or the reverse.
    """
    rows = kbli[(kbli["scale"] == SCALES[size]) & kbli["year"].between(*YEARS)]
    workers, value = (rows[c].fillna(0) > 0 for c in ("workers", "value_added_mn_idr"))
    if (workers != value).any():
        row = rows[workers != value].iloc[0]
        raise DataError(
            "an industry has workers without value added, or the reverse",
            expected="both positive, or both zero",
            found=f"{row['workers']} workers, value added {row['value_added_mn_idr']}",
            where=f"imk_kbli.csv: {row['kbli2']}, {row['year']}, {row['scale']}",
            todo="correct the row",
        )
    names = {"kbli2": "unit", "value_added_mn_idr": "output_idr_mn"}
    panel = rows[workers].rename(columns=names)
    columns = ["unit", "year", "establishments", "workers", "output_idr_mn"]
    return panel[columns].assign(scale="total", java=False, flagged=panel["flag"].notna())


def contrast(
    kbli: pd.DataFrame,
    provinces: pd.DataFrame,
    parameters: ElasticityParameters,
    *,
    deflator: pd.Series | None = None,
) -> IndustriesResult:
    """Elasticities by industry beside those of the IMK provinces in the same years.

    Parameters
    ----------
    kbli : DataFrame
        The raw table ``imk_kbli``.
    provinces : DataFrame
        From :func:`ikm_pmi.data.frames.imk_panel`.
    parameters : ElasticityParameters
        Bootstrap, coverage, seed; its years and weighting do not apply here.
    deflator : Series, optional
        Price index by year, for the estimate without year effects.

    Returns
    -------
    IndustriesResult
        ``elasticity.industry.<imk|large_medium|provinces>.<estimator>``, for IMK also
        ``twfe_unflagged``; test ``elasticity.industry.imk_equals_large_medium``.

    Raises
    ------
    DataError
        As :func:`industry_panel`.
    """
    own = {"first_year": YEARS[0], "last_year": YEARS[1], "weighting": "none"}
    whole = parameters.model_copy(update=own | {"drop_flagged": False})
    panels = {size: industry_panel(kbli, size) for size in SCALES}
    clean = whole.model_copy(update={"drop_flagged": True})
    runs = [
        *((f"{size}.", panel, whole, ESTIMATORS) for size, panel in panels.items()),
        ("imk.", panels["imk"], clean, ("twfe",)),
        ("provinces.", provinces[provinces["scale"] == "total"], whole, ESTIMATORS),
    ]
    estimates: list[Estimate] = []
    for prefix, panel, settings, only in runs:
        found = elasticity.estimate(panel, settings, deflator=deflator, only=only)
        estimates += [_renamed(e, prefix, settings.drop_flagged) for e in found.estimates]
    return IndustriesResult(
        estimates=tuple(estimates),
        tests=(_equality(panels, whole),),
        notes=tuple(_notes(kbli, panels)),
    )


def _renamed(e: Estimate, prefix: str, unflagged: bool) -> Estimate:
    name = e.name.removeprefix("elasticity.") + ("_unflagged" if unflagged else "")
    name = f"elasticity.industry.{prefix}{name}"
    if prefix == "provinces.":
        return replace(e, name=name)
    unit, method = (text.replace("output", "value added") for text in (e.unit, e.method))
    return replace(e, name=name, unit=unit, method=method)


def _equality(panels: dict[str, pd.DataFrame], parameters: ElasticityParameters) -> TestResult:
    """Two regressions in one: each size has its own effects, clusters are the industries."""
    parts = [sample(panel, parameters).assign(size=size) for size, panel in panels.items()]
    f = pd.concat(parts, ignore_index=True)
    f = f.assign(
        difference=f["log_output"] * (f["size"] == "imk"),
        unit_size=f["unit"] + "|" + f["size"],
        year_size=f["year"].astype(str) + "|" + f["size"],
    )
    name = "elasticity.industry.imk_equals_large_medium"
    spec = Spec(
        name=name,
        words="stacked",
        frame=f,
        regressors=("difference", "log_output"),
        effects=("unit_size", "year_size"),
    )
    m = spec.moments()
    found = infer(m, 0, parameters, interval=False)
    return TestResult(
        name=name,
        null="The two-way elasticity by industry is the same in IMK and in large and medium.",
        statistic=found.statistic,
        p_value=found.p_value,
        distribution=found.distribution,
        n=m.nobs,
        minimum_p=found.minimum_p,
        detail={"value": found.value, "std_error": found.std_error},
    )


def _notes(kbli: pd.DataFrame, panels: dict[str, pd.DataFrame]) -> Iterator[str]:
    yield "Value added of IMK by industry is weak: read these as a contrast only."
    for size, panel in panels.items():
        rows = kbli[(kbli["scale"] == SCALES[size]) & kbli["year"].between(*YEARS)]
        left = sorted(set(rows["kbli2"]) - set(panel["unit"]))
        if left:
            yield f"KBLI {', '.join(left)} has no establishment in {size}: left out."
        flagged = panel[panel["flagged"]]
        if len(flagged):
            cells = ", ".join(
                f"{u} {y}" for u, y in zip(flagged["unit"], flagged["year"], strict=True)
            )
            yield f"Flagged cells of {size} (KBLI, year): {cells}; twfe_unflagged is without them."
