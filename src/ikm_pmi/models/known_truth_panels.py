"""Samples of the study's panels whose truth is known: countries by months, units by years."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.inference.clusters import critical_t, crv1, crv3, p_t
from ikm_pmi.inference.simulate import ALPHA, Draw, Experiment, deal, judge
from ikm_pmi.models.country_inference import side_by_side
from ikm_pmi.models.country_panel import assemble, regress
from ikm_pmi.models.elasticity_bounds import bounds
from ikm_pmi.models.elasticity_sample import residuals, sample
from ikm_pmi.models.elasticity_specs import Spec, infer, specs
from ikm_pmi.models.local_projections import project
from ikm_pmi.models.panel import Design, design, fit
from ikm_pmi.models.within import within
from ikm_pmi.parameters import CrossCountryParameters, ElasticityParameters
from ikm_pmi.results import Estimate

if TYPE_CHECKING:
    from ikm_pmi.parameters import ValidationParameters

__all__ = ["countries", "elasticity", "survey_errors"]

Tables = Mapping[str, pd.DataFrame]
Floats = NDArray[np.float64]
#: Estimators of chapter 06 judged as estimates of the elasticity within units.
SPECS = ("pooled", "twfe", "first_difference", "long_difference")


def countries(tables: Tables, parameters: ValidationParameters) -> Experiment:
    """Chapter 05: change and level under every kind of inference, and the local projections."""
    p = CrossCountryParameters.parse({"draws": parameters.draws})
    panel = assemble(tables["country_monthly"], p)
    terms = {name: panel.wide[name] for name in ("change", "level", *p.controls)}
    actual = regress(panel, panel.wide["pmi"], terms)
    shape, months = panel.wide["pmi"].shape, panel.wide["pmi"].index
    use = np.isfinite([panel.wide["pmi"], *terms.values()]).all(axis=0)
    use &= np.asarray((months >= panel.first) & (months <= panel.last))[:, None]
    paths = np.full(shape, np.nan)
    paths[use] = _left_over(actual.design, actual.params)  # rows run month by month, as there
    by_name = dict(zip(terms, actual.params, strict=True))
    controls = np.sum([terms[name] * by_name[name] for name in p.controls], axis=0)
    truth = -parameters.response

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = panel.wide["pmi"] * 0 + controls + deal(rng, paths.T).T
        kinds = [
            side_by_side(regress(panel, calm + truth * moved, terms), ["change", "level"], p)
            for moved in (0.0, terms["change"] + terms["level"])
        ]
        rows = (table.to_dict("records") for table in kinds)
        for null, other in zip(*rows, strict=True):
            label = f"{null['coefficient']}, {null['kind'].split(',')[0]}"
            yield judge(label, _row(null), _row(other), truth)
        responses = [
            project(replace(panel, wide={**panel.wide, "pmi": made}), p)
            for made in (calm, calm + truth * terms["change"])
        ]
        first, last = responses[0].estimates[0], responses[0].estimates[p.horizons]
        yield judge("local projection, month 0", first, responses[1].estimates[0], truth)
        yield Draw(
            f"local projection, month {p.horizons}",
            error=last.value,
            size=(last.p_value or 0.0) <= ALPHA,
        )
        band = responses[0].path
        outside = bool(((band["band_low"] > 0) | (band["band_high"] < 0)).any())
        yield Draw("local projection, sup-t band", size=outside, coverage=not outside)

    return experiment


def _left_over(d: Design, params: Floats) -> Floats:
    """Residuals of a regression with its effects removed, row by row."""
    return within(d.y, d.effects) - within(d.X, d.effects) @ params[: d.X.shape[1]]


def _row(row: Mapping[str, Any]) -> Estimate:
    names = ("value", "ci_low", "ci_high", "p_value")
    return Estimate(name="row", unit="", method="", **{name: row[name] for name in names})


def elasticity(tables: Tables, parameters: ValidationParameters) -> Experiment:
    """Chapter 06: estimators of the elasticity, each by CRV1, CRV3 and the wild bootstrap."""
    p = ElasticityParameters.parse({"draws": parameters.draws})
    rows = sample(tables["imk_panel"], p)
    total = rows[rows["scale"] == "total"].reset_index(drop=True)
    truth, make = parameters.elasticity, _workers(total)

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = make(rng)
        frames = (total.assign(log_workers=calm + b * total["log_output"]) for b in (0.0, truth))
        chosen = [
            [spec for spec in specs(frame, "") if spec.name.rpartition(".")[2] in SPECS]
            for frame in frames
        ]
        for null, other in zip(*chosen, strict=True):
            yield from _three_ways(null, other, p, truth)

    return experiment


def _workers(total: pd.DataFrame) -> Callable[[np.random.Generator], pd.Series]:
    """Log workers without output: the study's own effects, its residual paths dealt out anew."""
    d = design(total, "log_workers", ["log_output"], effects=["unit", "year"])
    slope = fit(d).params
    left = pd.Series(_left_over(d, slope))
    effects = total["log_workers"] - total["log_output"] * slope[0] - left
    paths = np.asarray(left, float).reshape(total["unit"].nunique(), -1)  # balanced, by unit
    return lambda rng: effects + deal(rng, paths).ravel()


def _three_ways(null: Spec, other: Spec, p: ElasticityParameters, truth: float) -> Iterator[Draw]:
    column = 0 if other.effects else 1
    draws = {}
    for spec in (null, other):
        m, found = spec.moments(), infer(spec.moments(), column, p)
        draws[spec is other] = {"wild": (found.ci_low, found.ci_high, found.p_value)}
        for kind, cov in (("CRV1", crv1(m)), ("CRV3", crv3(m))):
            error = float(np.sqrt(cov[column, column]))
            half = critical_t(p.confidence_level, m.n_clusters) * error
            ends = (found.value - half, found.value + half)
            draws[spec is other][kind] = (*ends, p_t(found.value / error, m.n_clusters))
    label, value = (
        other.name.rpartition(".")[2].replace("twfe", "two-way").replace("_", " "),
        found.value,
    )
    for kind in ("CRV1", "CRV3", "wild"):
        pair = [
            _row({"value": value, "ci_low": low, "ci_high": high, "p_value": p_value})
            for low, high, p_value in (draws[False][kind], draws[True][kind])
        ]
        yield judge(f"{label}, {kind}", pair[0], pair[1], truth)


def survey_errors(tables: Tables, parameters: ValidationParameters) -> Experiment:
    """Chapter 06's bounds, where the survey errs: shared weights, and output besides.

    Weights multiply workers, establishments and output of a cell alike.
    """
    p = ElasticityParameters.parse({"draws": parameters.draws})
    rows = sample(tables["imk_panel"], p)
    total = rows[rows["scale"] == "total"].reset_index(drop=True)
    truth, make = parameters.elasticity, _workers(total)
    sd = parameters.error_share * float(residuals(tables["imk_panel"], p)["log_output"].std())

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        weights, noise = sd * rng.standard_normal((2, len(total)))
        logs = {
            "workers": make(rng) + truth * total["log_output"] + weights,
            "establishments": total["log_establishments"] + weights,
            "output_idr_mn": total["log_output"] + weights + noise,
        }
        observed = total.assign(**{name: np.exp(log) for name, log in logs.items()})
        (twfe,) = (s for s in specs(sample(observed, p), "") if s.name == "elasticity.twfe")
        found = infer(twfe.moments(), 0, p)
        inside = (found.ci_low or -np.inf) <= truth <= (found.ci_high or np.inf)
        yield Draw("two-way, wild", error=found.value - truth, coverage=bool(inside))
        stated = bounds(observed, p)
        low, high = stated.low, stated.high
        inside = (low is None or low <= truth) and (high is None or truth <= high)
        yield Draw("stated range of the bounds", coverage=inside)

    return experiment
