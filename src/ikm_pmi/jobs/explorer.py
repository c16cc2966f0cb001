"""What a page needs to run chapter 07 for any setting of its controls: the links, not answers.

The chain and the orders are products of links at the points of one lattice. This module hands over
each link's value and width, from the functions that the chapter itself calls; whoever repeats
:mod:`~ikm_pmi.jobs.links` on them gets the chapter's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ikm_pmi.inference.regression import Normal
from ikm_pmi.jobs import orders
from ikm_pmi.jobs.chain import TABLES as CHAIN_TABLES
from ikm_pmi.jobs.chain import Links, dose_fit, links
from ikm_pmi.jobs.links import COLUMNS, POINTS, Link, steps
from ikm_pmi.jobs.orders import imk_year, industry_mix
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.pmi import sample

#: Tables that :func:`explorer_inputs` reads.
TABLES = (*CHAIN_TABLES, *orders.TABLES)
MEASURES = ("level", "industry_closure", "oxcgrt")
#: Months to which a path can be followed.
LENGTH = 12
_RANGED = ("pass_through", "additional", "share_manufacturing", "import_leakage", "indirect_share")


def default_links(raw: Mapping[str, pd.DataFrame]) -> Links:
    """The links of chapter 07 with its default parameters, from the tables of ``TABLES``."""
    return links(raw, JobsParameters.parse({}))


def explorer_inputs(raw: Mapping[str, pd.DataFrame], found: Links) -> dict[str, Any]:
    """Collect what chapter 07 computes with by default, for all measures, links and orders.

    Parameters
    ----------
    raw : mapping
        The tables named in ``TABLES``.
    found : Links
        From :func:`ikm_pmi.jobs.chain.links` with the default parameters.

    Returns
    -------
    dict
        JSON-safe. A link is ``[value, sd]`` when it is normal, ``[value, low, high]`` when it is
        stated.

    Raises
    ------
    DataError, EstimationError
        Where the chapter itself could not be computed.
    """
    parameters = JobsParameters.parse({})
    frame = sample.assemble(raw, parameters.impact())
    months = pd.period_range(parameters.first_month, periods=LENGTH, freq="M")
    mix = industry_mix(raw["imk_kbli"], raw["io_multipliers"], parameters)
    measures = {}
    for name in MEASURES:
        fit = dose_fit(frame, parameters.model_copy(update={"intensity": name}))
        columns = ["tightening", "easing", "before"]
        widen = fit.reference.critical(0.95) / Normal().critical(0.95)
        measures[name] = {
            "reference": float(frame[name][parameters.reference_month]),
            "path": frame[name].reindex(months).astype(float).tolist(),
            "coefficients": fit.params[columns].tolist(),
            "covariance": (fit.cov.loc[columns, columns] * widen**2).to_numpy().tolist(),
        }
    return {
        "level": parameters.confidence_level,
        "points": POINTS,
        "steps": dict(zip(COLUMNS, steps(), strict=True)),
        "months": [str(month) for month in months],
        "length": len(parameters.months()),
        "gap": _normal(Link.estimated("gap", found.gaps["event_study"])),
        "measures": measures,
        "bridges": {k: _normal(Link.estimated("bridge", e)) for k, e in found.bridges.items()},
        "elasticities": {
            k: _normal(Link.estimated("elasticity", e)) for k, e in found.elasticities.items()
        },
        "workers": found.workers,
        **{name: [getattr(parameters, name), *parameters.span(name)] for name in _RANGED},
        "multiplier": [mix.multiplier, *mix.span],
        "labour_intensity": mix.intensity,
        "horizon_years": parameters.horizon_years,
        "orders": _orders(raw, parameters),
        "start": {"bridge": parameters.bridge_sample, "elasticity": parameters.estimator,
                  "order_elasticity": parameters.order_estimator},
    }  # fmt: skip


def _normal(link: Link) -> list[float]:
    return [link.value, link.sd]


def _orders(raw: Mapping[str, pd.DataFrame], parameters: JobsParameters) -> list[dict[str, Any]]:
    """The scenarios; ``share`` where a scenario has its own."""
    rows = []
    for s in orders.scenarios(raw["bumn_umkm"], parameters):
        workers, output, _ = imk_year(raw["imk_panel"], s.year)
        rows.append(
            {"name": s.name, "what": s.what, "order_idr_mn": s.order_idr_mn, "workers": workers,
             "output_idr_mn": output, "share": s.share}
        )  # fmt: skip
    return rows
