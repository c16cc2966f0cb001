"""The elasticity across two-digit industries, 2017-2021: a contrast with the provinces.

Log workers on log value added, for micro and small (IMK) and for large and medium industry, with
the formula of the provinces. **Weak data**: the value added of IMK by industry jumps without
workers moving, four cells are flagged in the source, and an error in the regressor pulls the slope
toward 0. Five years and 24 industries are a contrast, not an estimate to build on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from ikm_pmi.errors import DataError
from ikm_pmi.jobs import elasticity
from ikm_pmi.jobs.regressions import by_unit, sample
from ikm_pmi.language import say
from ikm_pmi.results import Findings

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

YEARS = (2017, 2021)
#: Scale of the raw table by the name used here.
SCALES = {"imk": "total", "large_medium": "large_medium"}


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
        :func:`~ikm_pmi.jobs.regressions.check_panel`.

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
    columns = ["unit", "year", "establishments", "workers", "output_idr_mn"]
    return rows[workers].rename(columns=names)[columns].assign(scale="total", java=False)


def contrast(kbli: pd.DataFrame, parameters: ElasticityParameters) -> Findings:
    """The two-way elasticity by industry, micro and small beside large and medium.

    Parameters
    ----------
    kbli : DataFrame
        The raw table ``imk_kbli``.
    parameters : ElasticityParameters
        Bootstrap, coverage, seed; its years and weighting do not apply here.

    Returns
    -------
    Findings
        ``elasticity.industry.imk.twfe`` and ``elasticity.industry.large_medium.twfe``; test
        ``elasticity.industry.imk_equals_large_medium``.

    Raises
    ------
    DataError
        As :func:`industry_panel`.
    """
    own = {"first_year": YEARS[0], "last_year": YEARS[1], "weighting": "none"}
    whole = parameters.model_copy(update=own | {"drop_flagged": False})
    panels = {size: industry_panel(kbli, size) for size in SCALES}
    found = {
        size: elasticity.elasticity(panel, whole, only={"twfe"}).estimates[0]
        for size, panel in panels.items()
    }
    rows = [sample(panel, whole).assign(size=size) for size, panel in panels.items()]
    both = pd.concat(rows, ignore_index=True)
    # Two regressions in one: each size has its own effects, clusters are the industries.
    compared = by_unit(*elasticity.stacked(both, both["size"] == "imk"), whole, interval=False)
    return Findings(
        estimates=tuple(
            replace(
                e,
                name=f"elasticity.industry.{size}.twfe",
                unit=e.unit.replace("output", "value added"),
                method=say("{}; log value added by two-digit industry for log output", e.method),
            )
            for size, e in found.items()
        ),
        tests=(
            compared.test(
                "elasticity.industry.imk_equals_large_medium",
                "The two-way elasticity by industry is the same in IMK and in large and medium.",
            ),
        ),
        notes=("Value added of IMK by industry is weak: read these as a contrast only.",),
    )
