"""Samples of the study's own sizes whose truth is known, for every estimator and interval.

Months, restrictions, controls, peers, units and countries are the study's; only the outcome is
made anew. Monthly errors are AR(1) with the standard deviation of the study's residuals. Panel
errors are the study's residual paths, dealt to the units anew with random signs. Each sample is
judged twice, without an effect (size) and with the true one (bias, power, coverage).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.shift import shift_test
from ikm_pmi.inference.simulate import ALPHA, Draw, Experiment, ar1, judge, monte_carlo
from ikm_pmi.models import counterfactual, impact, study
from ikm_pmi.models.known_truth_panels import countries, elasticity, survey_errors
from ikm_pmi.models.peers import select_sample, wide_frame
from ikm_pmi.models.synthetic_donors import months_used, screen, spell, wide
from ikm_pmi.models.synthetic_fit import VARIANTS, fit
from ikm_pmi.models.synthetic_placebo import conformal_p, placebo_space, rank_p
from ikm_pmi.parameters import (
    CounterfactualParameters,
    Episode,
    ImpactParameters,
    SyntheticParameters,
)
from ikm_pmi.results import Estimate

if TYPE_CHECKING:
    from ikm_pmi.parameters import ValidationParameters

__all__ = ["MONTHLY", "TABLES", "experiments", "full_table", "persistence_of_errors"]

#: Tables of the data package that :func:`experiments` reads.
TABLES = (*study.TABLES, "imk_panel")
#: Experiments whose errors have the persistence of the parameters.
MONTHLY = ("event study", "dose-response", "counterfactual", "synthetic control")
#: Simulated paths of a counterfactual: enough for a 95 percent interval.
PATHS = 500
EPISODE = "ppkm_2021:2021-07:2021-08"
Tables = Mapping[str, pd.DataFrame]


def experiments(tables: Tables, parameters: ValidationParameters) -> dict[str, Experiment]:
    """The experiments by name, in the order of the chapters.

    Parameters
    ----------
    tables : mapping of name to DataFrame
        Those of ``TABLES``.

    Raises
    ------
    EstimationError
        When the study itself cannot be computed from the tables.
    """
    return {
        "event study": _event(tables, parameters),
        "dose-response": _dose(tables, parameters),
        "counterfactual": _counterfactual(tables, parameters),
        "synthetic control": _synthetic(tables, parameters),
        "country panel": countries(tables, parameters),
        "elasticity": elasticity(tables, parameters),
        "elasticity, survey errors": survey_errors(tables, parameters),
    }


def full_table(
    tables: Tables, parameters: ValidationParameters, tell: Callable[[str], None] = lambda _: None
) -> pd.DataFrame:
    """Every experiment, and those on months once more with errors as persistent as the study's.

    Returns
    -------
    DataFrame
        See :func:`~ikm_pmi.inference.simulate.summarise`; first columns ``persistence`` (missing
        where residual paths are dealt out) and ``seed``.
    """
    measured = round(persistence_of_errors(tables), 2)
    parts = []
    for persistence in (parameters.persistence, measured):
        chosen = parameters.model_copy(update={"persistence": persistence})
        wanted = {
            name: experiment
            for name, experiment in experiments(tables, chosen).items()
            if name in MONTHLY or persistence == parameters.persistence
        }
        part = monte_carlo(wanted, parameters.replications, parameters.seed, tell)
        monthly = part["experiment"].isin(MONTHLY)
        part.insert(0, "seed", parameters.seed)
        part.insert(0, "persistence", np.where(monthly, persistence, np.nan))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _dose_rows(tables: Tables) -> tuple[pd.Series, pd.DataFrame, pd.Series]:
    """Outcome, regressors and fitted coefficients of chapter 03's dose-response."""
    p = ImpactParameters.parse({})
    y, X, _ = study.dose_design(
        study.assemble(tables, p), p.intensity, p.controls, p.start_month, p.end_month
    )
    return y, X, har_fits(y, X, methods=["ols"])["ols"].params


def persistence_of_errors(tables: Tables) -> float:
    """The AR(1) coefficient of the dose-response's errors, by Prais-Winsten."""
    y, X, _ = _dose_rows(tables)
    return har_fits(y, X, methods=["prais_winsten"])["prais_winsten"].extra["rho"]


def _event(tables: Tables, parameters: ValidationParameters) -> Experiment:
    p = ImpactParameters.parse({})
    frame = study.assemble(tables, p)
    y, X, params = _dose_rows(tables)
    quiet = frame["pmi"].copy()
    quiet[y.index] = X.drop(columns=["change", "before"]) @ params.drop(["change", "before"])
    sd, on = float((y - X @ params).std()), quiet.index.isin(spell(Episode.parse(EPISODE)))

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = quiet + ar1(rng, len(quiet), parameters.persistence, sd)
        hit = calm - parameters.effect * on
        null, other = (
            impact.evaluate(frame.assign(pmi=pmi), [EPISODE], p).estimates[0] for pmi in (calm, hit)
        )
        yield judge("mean effect, placebo windows", null, other, -parameters.effect)

    return experiment


def _dose(tables: Tables, parameters: ValidationParameters) -> Experiment:
    y, X, params = _dose_rows(tables)
    controls = params.drop(["change", "before"])
    base, sd = X[controls.index] @ controls, float((y - X @ params).std())
    months = pd.period_range(y.index[0], y.index[-1], freq="M")
    place, truth = months.get_indexer(pd.PeriodIndex(y.index)), -parameters.effect

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = base + ar1(rng, len(months), parameters.persistence, sd)[place]
        nulls = har_fits(calm, X)
        for column, words in (("change", "change"), ("before", "level")):
            for null in nulls.values():
                # A known multiple of a regressor moves its coefficient and nothing else.
                other = replace(null, params=null.params + truth * (null.params.index == column))
                pair = [one.estimate(column, column) for one in (null, other)]
                yield judge(f"{words}, {null.label.partition(' (')[0]}", pair[0], pair[1], truth)
            shifted = [_shifted(made, X, column) for made in (calm, calm + truth * X[column])]
            yield judge(f"{words}, shifts in time", shifted[0], shifted[1], truth)

    return experiment


def _shifted(y: pd.Series, X: pd.DataFrame, column: str) -> Estimate:
    found = shift_test(y, X, column)
    return Estimate(
        name=column,
        value=found.value,
        unit="",
        method="",
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        p_value=found.p_value,
    )


def _counterfactual(tables: Tables, parameters: ValidationParameters) -> Experiment:
    p = CounterfactualParameters.parse({"draws": PATHS, "episodes": [EPISODE]})
    frame = wide_frame(tables["country_monthly"])
    chosen = select_sample(frame, p)
    X, known = chosen.peers.assign(const=1.0), chosen.pmi.notna()
    slopes = har_fits(chosen.pmi[known], X[known], methods=["ols"])["ols"].params
    y, X_dose, params = _dose_rows(tables)
    base, sd = (X @ slopes).where(known), float((y - X_dose @ params).std())
    on, truth = base.index.isin(spell(Episode.parse(EPISODE))), -parameters.effect

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = base + ar1(rng, len(base), parameters.persistence, sd)
        results = [
            counterfactual.estimate(frame.assign(pmi=pmi), p) for pmi in (calm, calm + truth * on)
        ]
        by_name = [{e.name: e for e in result.estimates} for result in results]
        for model in (*p.models, "conformal"):
            null, other = (e[f"counterfactual.{model}.ppkm_2021.mean"] for e in by_name)
            if model == "conformal":
                yield judge("conformal set", null, other, truth)
                continue
            words = {"ucm": "structural", "sarimax": "SARIMAX"}[model]
            yield judge(f"{words}, simulated paths", null, other, truth)
            yield judge(f"{words}, placebo windows", _placebo(null), _placebo(other), truth)
        breaks = [t for r in results for t in r.tests if t.name.startswith("end_of_sample")]
        found = [t.p_value <= ALPHA for t in breaks]
        yield Draw("end-of-sample test", size=found[0], power=found[1])

    return experiment


def _placebo(e: Estimate) -> Estimate:
    """The same estimate with the interval and p of its placebo windows."""
    low, high, p = (e.detail[f"placebo_{name}"] for name in ("low", "high", "p"))
    return replace(e, ci_low=low, ci_high=high, p_value=p)


def _synthetic(tables: Tables, parameters: ValidationParameters) -> Experiment:
    p = SyntheticParameters.parse({})
    episode, treated = Episode.parse(EPISODE), p.treated_country
    pmi, stringency = (wide(tables["country_monthly"], name) for name in ("pmi", "stringency"))
    months, post = months_used(pmi, episode, p), spell(episode)
    screening = screen(pmi.reindex(months), stringency, episode, p)
    donors = screening.index[screening["role"] == "donor"]
    outcomes = pmi.loc[months, [*donors, treated]]
    # One common factor, the mean of the countries, with the loadings and errors they have.
    centred = (outcomes - outcomes.mean()).to_numpy()
    factor = centred.mean(axis=1)
    common = np.outer(factor, factor @ centred / (factor @ factor))
    sds = (centred - common).std(axis=0)

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        own = [ar1(rng, len(outcomes), parameters.persistence, sd) for sd in sds]
        calm = pd.DataFrame(50 + common + np.array(own).T, outcomes.index, outcomes.columns)
        hit = calm.copy()
        hit.loc[post, treated] -= parameters.effect
        for variant in VARIANTS:
            null = fit(calm, treated, post, variant=variant)
            # No penalty looks at the treated unit's episode, so it is chosen once.
            other = fit(hit, treated, post, variant=variant, penalty=null.penalty)
            yield Draw(
                f"{variant}, conformal",
                error=other.mean + parameters.effect,
                size=conformal_p(null, calm) <= ALPHA,
                power=conformal_p(other, hit) <= ALPHA,
                coverage=conformal_p(other, hit, -parameters.effect) > ALPHA,
                minimum_p=1 / len(calm),
            )
            if variant == "classic":
                size, power = (
                    rank_p(placebo_space(model, made)) <= ALPHA
                    for model, made in ((null, calm), (other, hit))
                )
                floor = 1 / calm.shape[1]
                yield Draw("rank among countries", size=size, power=power, minimum_p=floor)

    return experiment
