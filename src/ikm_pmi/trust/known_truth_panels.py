"""Samples of the study's panels whose truth is known: countries by months, units by years."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.jobs.bounds import bounds, shared_weights
from ikm_pmi.jobs.regressions import by_unit, fit, residuals, sample
from ikm_pmi.language import joined, say
from ikm_pmi.parameters import CrossCountryParameters, ElasticityParameters, ValidationParameters
from ikm_pmi.pmi.country_panel import CountryPanel, assemble, regress
from ikm_pmi.pmi.local_projections import project
from ikm_pmi.results import Estimate
from ikm_pmi.trust.monte_carlo import ALPHA, Draw, Experiment, deal, judge

Tables = Mapping[str, pd.DataFrame]
Floats = NDArray[np.float64]
#: Rows of chapter 06 judged as estimates of the elasticity within units.
SPECS = ("pooled", "twfe", "without_flagged", "first_difference", "intensive")


def countries(tables: Tables, parameters: ValidationParameters) -> Experiment:
    """Chapter 05: change and level under every kind of inference, and the local projections."""
    p = CrossCountryParameters.parse({"draws": parameters.draws})
    panel = assemble(tables["country_monthly"], p)
    formula = f"pmi ~ change + level + {' + '.join(p.controls)} | country + month"
    actual = regress(panel.sample(), formula)
    where = pd.MultiIndex.from_frame(panel.rows[["country", "month"]])
    left = actual.fit.resid.set_axis(where[actual.fit.resid.index])
    paths = left.unstack("month")  # noqa: PD010 (rows are countries)
    cells = pd.MultiIndex.from_product([paths.index, paths.columns])
    controls = panel.rows[p.controls] @ actual.fit.params[p.controls]
    truth = -parameters.response

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        dealt = pd.Series(deal(rng, paths.to_numpy()).ravel(), cells).reindex(where)
        calm = panel.rows["pmi"] * 0 + controls + dealt.to_numpy()
        moved = panel.rows["change"] + panel.rows["level"]
        worlds = [_with_pmi(panel, calm + truth * effect) for effect in (0.0, moved)]
        fits = [regress(world.sample(), formula) for world in worlds]
        for term in ("change", "level"):
            kinds = [fit.clusters(term, p).estimates for fit in fits]
            for null, other in zip(*kinds, strict=True):
                yield judge(joined(", ", (term, null.name.split()[0])), null, other, truth)
        shocked = _with_pmi(panel, calm + truth * panel.rows["change"])
        responses = [project(world, p) for world in (worlds[0], shocked)]
        first, last = responses[0].estimates[0], responses[0].estimates[p.horizons]
        yield judge("local projection, month 0", first, responses[1].estimates[0], truth)
        yield Draw(
            say("local projection, month {}", p.horizons),
            error=last.value,
            size=(last.p_value or 0.0) <= ALPHA,
        )
        band = responses[0].path
        outside = bool(((band["band_low"] > 0) | (band["band_high"] < 0)).any())
        yield Draw("local projection, sup-t band", size=outside, coverage=not outside)

    return experiment


def _with_pmi(panel: CountryPanel, pmi: pd.Series) -> CountryPanel:
    return replace(panel, rows=panel.rows.assign(pmi=pmi))


def _row(row: Any) -> Estimate:
    names = ("value", "ci_low", "ci_high", "p_value")
    found: dict[str, Any] = {
        name: None if pd.isna(row[name]) else float(row[name]) for name in names
    }
    return Estimate(name="row", unit="", method="", **found)


def elasticity(tables: Tables, parameters: ValidationParameters) -> Experiment:
    """Chapter 06: the printed rows by CRV1, CRV3 and the wild bootstrap, and the lower bound.

    The interval of the lower bound is judged by the bound itself, ``(b - b_e) / (1 - b_e)`` with
    b_e of log establishments on log output, which is not the elasticity.
    """
    p = ElasticityParameters.parse({"draws": parameters.draws})
    rows = sample(tables["imk_panel"], p)
    total = rows[rows["scale"] == "total"].reset_index(drop=True)
    truth, make = parameters.elasticity, _workers(total)
    extensive = float(fit("margin.extensive", total)[0].params["log_output"])
    bound = (truth - extensive) / (1 - extensive)

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = make(rng)
        frames = [total.assign(log_workers=calm + b * total["log_output"]) for b in (0.0, truth)]
        for name in SPECS:
            null, other = (by_unit(name, frame, p).table() for frame in frames)
            label = name.replace("twfe", "two-way").replace("_", " ")
            for kind in null.index:
                pair = _row(null.loc[kind]), _row(other.loc[kind])
                yield judge(joined(", ", (label, kind.split()[0])), *pair, truth)
        per = frames[1]["log_workers"] - total["log_establishments"]
        low = shared_weights(frames[1].assign(log_workers_per=per), p)
        yield replace(judge("lower bound, Fieller", low, low, bound), size=None, power=None)

    return experiment


def _workers(total: pd.DataFrame) -> Callable[[np.random.Generator], pd.Series]:
    """Log workers without output: the study's own effects, its residual paths dealt out anew."""
    found, _ = fit("twfe", total)
    left = pd.Series(np.asarray(found.resid))
    effects = total["log_workers"] - total["log_output"] * found.params["log_output"] - left
    paths = np.asarray(left, float).reshape(total["unit"].nunique(), -1)  # balanced, by unit
    return lambda rng: effects + deal(rng, paths).ravel()


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
        twfe = by_unit("twfe", sample(observed, p), p)
        low, high = twfe.wild.ci_low, twfe.wild.ci_high
        inside = (low or -np.inf) <= truth <= (high or np.inf)
        yield Draw("two-way, wild", error=twfe.value - truth, coverage=bool(inside))
        stated = bounds(observed, p)
        low, high = stated.low, stated.high
        inside = (low is None or low <= truth) and (high is None or truth <= high)
        yield Draw("stated range of the bounds", coverage=inside)

    return experiment
