"""What a page needs to run chapter 07 for any setting of its sliders: numbers, not answers.

The chain and the order book are arithmetic on point values and on joint draws. This module hands
over both, from the functions that the chapter itself calls: of an estimated link the coefficients,
the root of their covariance and the standard normal draws; of an input with a slider the uniform
draws; of all others the values drawn. Whoever repeats the arithmetic of
:mod:`~ikm_pmi.models.transmission` and :mod:`~ikm_pmi.models.order_book` on them gets the chapter's
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.models import order_book, study
from ikm_pmi.models.bridge import bridge_rows, slope
from ikm_pmi.models.elasticity import ElasticityResult
from ikm_pmi.models.industry_mix import imk_year, industry_mix
from ikm_pmi.models.links import draw_elasticity, draw_range, stream, widened_root
from ikm_pmi.models.transmission import dose_fit
from ikm_pmi.parameters import JobsParameters

__all__ = ["BRIDGES", "MEASURES", "TABLES", "ExplorerInputs", "explorer_inputs"]

#: Tables that :func:`explorer_inputs` reads.
TABLES = (*study.TABLES, *order_book.TABLES, "manufacturing_growth")
MEASURES = ("level", "industry_closure", "oxcgrt")
BRIDGES = ("all", "without_pandemic")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ExplorerInputs:
    """Point values (JSON-safe) and draws by name, each of shape (draws,).

    ``z_change, z_before, z_bridge`` are standard normal, ``u_share, u_multiplier`` uniform;
    ``pass_through, elasticity, import_leakage, indirect_share`` are the values drawn.
    """

    values: Mapping[str, Any]
    draws: Mapping[str, NDArray[np.float64]]


def explorer_inputs(
    raw: Mapping[str, pd.DataFrame], elasticities: ElasticityResult
) -> ExplorerInputs:
    """Collect what chapter 07 computes with by default, for all measures, bridges and orders.

    Parameters
    ----------
    raw : mapping
        The tables named in ``TABLES``.
    elasticities : ElasticityResult
        From :func:`ikm_pmi.models.elasticity.estimate`.

    Raises
    ------
    DataError, EstimationError
        Where the chapter itself could not be computed.
    """
    parameters = JobsParameters.parse({})
    frame = study.assemble(raw, parameters.impact())
    growth = raw["manufacturing_growth"].set_index("quarter")["growth_yoy_pct"]
    months = pd.period_range(parameters.path_first, parameters.follow_until, freq="M")
    mix = industry_mix(raw["imk_kbli"], raw["io_multipliers"], parameters)
    columns = ["change", "before"]
    measures, bridges = {}, {}
    for name in MEASURES:
        fit = dose_fit(frame, parameters.model_copy(update={"intensity": name}))
        measures[name] = {
            "reference": float(frame[name][parameters.reference_month]),
            "path": frame[name].reindex(months).astype(float).tolist(),
            "coefficients": fit.params[columns].tolist(),
            "root": widened_root(fit, columns, parameters.confidence_level).tolist(),
        }
    for sample in BRIDGES:
        rows, _ = bridge_rows(frame["pmi"], growth, sample)
        fit = slope(rows["growth"], rows["pmi"])
        root = widened_root(fit, ["slope"], parameters.confidence_level)
        bridges[sample] = {"slope": float(fit.params["slope"]), "root": float(root[0, 0])}
    values = {
        "level": parameters.confidence_level,
        "months": [str(month) for month in months],
        "length": len(pd.period_range(parameters.path_first, parameters.path_last, freq="M")),
        "reference_month": parameters.reference_month,
        "measures": measures,
        "bridges": bridges,
        "workers": imk_year(raw["imk_panel"], parameters.base_year)[0],
        "orders": _orders(raw, parameters),
        "multiplier_range": mix.span,
        "share_range": parameters.span("share_manufacturing"),
        "labour_intensity": mix.intensity,
        "horizon_years": parameters.horizon_years,
        "elasticity": elasticities[f"elasticity.{parameters.estimator}"].value,
        "multiplier": mix.multiplier,
        **{
            name: getattr(parameters, name)
            for name in ("pass_through", "additional", "import_leakage", "indirect_share")
        },
    }
    return ExplorerInputs(values=values, draws=_draws(elasticities, parameters))


def _orders(raw: Mapping[str, pd.DataFrame], parameters: JobsParameters) -> list[dict[str, Any]]:
    """The scenarios; ``spread`` says whether the share that reaches IKM is drawn."""
    rows = []
    for s in order_book.scenarios(raw["bumn_umkm"], parameters):
        workers, output, _ = imk_year(raw["imk_panel"], s.year)
        rows.append(
            {"name": s.name, "what": s.what, "order_idr_mn": s.order_idr_mn, "workers": workers,
             "output_idr_mn": output, "spread": s.share is None,
             "share": parameters.share_manufacturing if s.share is None else s.share}
        )  # fmt: skip
    return rows


def _draws(
    elasticities: ElasticityResult, parameters: JobsParameters
) -> dict[str, NDArray[np.float64]]:
    z = stream("pmi", parameters).standard_normal((parameters.draws, 2))
    drawn = {
        "z_change": z[:, 0],
        "z_before": z[:, 1],
        "z_bridge": stream("bridge", parameters).standard_normal(parameters.draws),
        "elasticity": draw_elasticity(elasticities, parameters)[1:, 0],
        "u_share": stream("share_manufacturing", parameters).random(parameters.draws),
        "u_multiplier": stream("multiplier", parameters).random(parameters.draws),
    }
    for name in ("pass_through", "import_leakage", "indirect_share"):
        point = getattr(parameters, name)
        drawn[name] = draw_range(name, point, parameters.span(name), parameters)[1:, 0]
    return drawn
