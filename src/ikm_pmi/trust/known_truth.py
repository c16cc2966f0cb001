"""Samples of the study's own sizes whose truth is known, for every estimator and interval.

Months, restrictions, controls, peers, units and countries are the study's; only the outcome is
made anew. Monthly errors come from five worlds, which differ in what the months of a crisis have in
common with others; the spread is that of the study's residuals. Panel errors are the study's
residual paths, dealt to the units anew with random signs. Each sample is judged twice, without an
effect (size) and with the true one (bias, power, coverage).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.shift import shift_in_time
from ikm_pmi.inference.windows import half_width, rank_p_value
from ikm_pmi.language import joined, say
from ikm_pmi.parameters import (
    CounterfactualParameters,
    Episode,
    ImpactParameters,
    SyntheticParameters,
    ValidationParameters,
)
from ikm_pmi.pmi import counterfactual, event_study, sample
from ikm_pmi.pmi.sample import select_sample, wide_frame
from ikm_pmi.pmi.state_space import fit as structural_fit
from ikm_pmi.pmi.state_space import regressors
from ikm_pmi.pmi.synthetic_fit import VARIANTS, fit, months_used, screen, spell, wide
from ikm_pmi.pmi.synthetic_placebo import conformal_p, placebo_space, rank_p
from ikm_pmi.results import Estimate
from ikm_pmi.trust.known_truth_panels import countries, elasticity, survey_errors
from ikm_pmi.trust.monte_carlo import ALPHA, Draw, Experiment, ar1, judge, monte_carlo

#: Tables of the data package that :func:`experiments` reads.
TABLES = (*sample.TABLES, "imk_panel")
EPISODE = "ppkm_2021:2021-07:2021-08"
#: AR(1) coefficients of the first two worlds.
PERSISTENCE = (0.67, 0.85)
#: Months whose errors have twice the variance in the last world.
UNEVEN = ("2020-03", "2022-03")
#: Samples of each kind in the printed table; where a likelihood is searched they take longer.
REPLICATIONS = {"event study": 2000, "counterfactual": 200, "country panel": 200}
FEWER = 400
#: Experiments on months, and in how many of the worlds they are run.
MONTHLY = {"event study": 5, "dose-response": 2, "counterfactual": 5, "synthetic control": 2}
Tables = Mapping[str, pd.DataFrame]
#: Errors of some months in one world.
Errors = Callable[[np.random.Generator, pd.PeriodIndex], NDArray[np.float64]]


def worlds(tables: Tables) -> dict[str, Errors]:
    """Ways in which monthly errors may come about, by name.

    Two AR(1); the structural model that chapter 04 fits before the episode, whose level wanders;
    a mean that shifts with the first month after the episodes, by as much as the residuals do; a
    variance that doubles in the pandemic. The last two keep the first persistence.
    """
    low, high = PERSISTENCE
    left = _clean_residuals(tables)
    before, since = left[:"2019-12"], left["2020-07":]
    sd, step = float(left.std()), float(since.mean() - before.mean())
    within = float(pd.concat([before - before.mean(), since - since.mean()]).std())
    level, autoregression, spread = _fitted_structure(tables)

    def stationary(persistence: float) -> Errors:
        return lambda rng, months: ar1(rng, len(months), persistence, sd)

    def wandering(rng: np.random.Generator, months: pd.PeriodIndex) -> NDArray[np.float64]:
        walk = level * rng.standard_normal(len(months)).cumsum()
        return np.asarray(walk + ar1(rng, len(months), autoregression, spread))

    def shifted(rng: np.random.Generator, months: pd.PeriodIndex) -> NDArray[np.float64]:
        return ar1(rng, len(months), low, within) + step * np.asarray(months >= since.index[0])

    def uneven(rng: np.random.Generator, months: pd.PeriodIndex) -> NDArray[np.float64]:
        wide = (months >= pd.Period(UNEVEN[0], "M")) & (months <= pd.Period(UNEVEN[1], "M"))
        return ar1(rng, len(months), low, sd) * np.where(wide, np.sqrt(2), 1.0)

    return {
        say("AR(1) {}", low): stationary(low),
        say("AR(1) {}", high): stationary(high),
        "wandering level": wandering,
        "shifted mean": shifted,
        "uneven variance": uneven,
    }


def _headline(tables: Tables) -> tuple[pd.DataFrame, ImpactParameters]:
    p = ImpactParameters.parse({})
    return sample.assemble(tables, p), p


def _clean_residuals(tables: Tables) -> pd.Series:
    """What chapter 03's event study leaves of the months that no episode touches."""
    frame, p = _headline(tables)
    found = event_study.evaluate(frame, p.episodes, p)
    touched = {e.name[-7:] for e in found.estimates}
    months = [m for m in found.baseline.index if str(m) not in touched]
    return frame["pmi"][months] - found.baseline[months]


def _fitted_structure(tables: Tables) -> tuple[float, float, float]:
    """Spread of the level's steps, AR coefficient and spread of the rest, in points."""
    p, first = CounterfactualParameters.parse({}), Episode.parse(EPISODE).first
    chosen = select_sample(wide_frame(tables["country_monthly"]), p)
    training = chosen.pmi[: pd.Period(first, "M") - 1].copy()
    for masked in map(Episode.parse, p.masked):
        training[masked.first : masked.last] = np.nan
    X = regressors("ucm", chosen.peers, training.index)
    fitted = structural_fit("ucm", training, None if X is None else X.loc[training.index])
    known = dict(zip(fitted.model.param_names, map(float, fitted.params), strict=True))
    phi = known["ar.L1"]
    sds = np.sqrt([known["sigma2.level"], known["sigma2.ar"] / (1 - phi**2)])
    return float(sds[0]), phi, float(sds[1])


def experiments(
    tables: Tables,
    parameters: ValidationParameters,
    errors: Errors | None = None,
    *,
    names: Collection[str] = (),
) -> dict[str, Experiment]:
    """The experiments by name, in the order of the chapters.

    Parameters
    ----------
    tables : mapping of name to DataFrame
        Those of ``TABLES``.
    errors : callable, optional
        One of :func:`worlds`, the first if not given.
    names : collection of str
        Those wanted; all if none is named. What an experiment keeps fixed is made with it.

    Raises
    ------
    EstimationError
        When the study itself cannot be computed from the tables.
    """
    errors = errors or next(iter(worlds(tables).values()))
    make: dict[str, Callable[[], Experiment]] = {
        "event study": lambda: _event(tables, parameters, errors),
        "dose-response": lambda: _dose(tables, parameters, errors),
        "counterfactual": lambda: _counterfactual(tables, errors),
        "synthetic control": lambda: _synthetic(tables, parameters),
        "country panel": lambda: countries(tables, parameters),
        "elasticity": lambda: elasticity(tables, parameters),
        "elasticity, survey errors": lambda: survey_errors(tables, parameters),
    }
    return {name: made() for name, made in make.items() if not names or name in names}


def data_hash(tables: Tables) -> str:
    """What tells the tables of one printed table from those of another, twelve hexadecimals."""
    whole = sha256()
    for name in TABLES:
        whole.update(pd.util.hash_pandas_object(tables[name]).to_numpy().tobytes())
    return whole.hexdigest()[:12]


def full_table(
    tables: Tables, parameters: ValidationParameters, tell: Callable[[str], None] = lambda _: None
) -> pd.DataFrame:
    """Every experiment, those on months in each world they are run in.

    Returns
    -------
    DataFrame
        See :func:`~ikm_pmi.trust.monte_carlo.summarise`; first columns ``world`` (empty where
        residual paths are dealt out), ``seed`` and ``data``, the hash of the tables.
    """
    parts = []
    for place, (world, errors) in enumerate(worlds(tables).items()):
        again = [name for name, count in MONTHLY.items() if count > place] if place else ()
        for name, experiment in experiments(tables, parameters, errors, names=again).items():
            own, count = world if name in MONTHLY else "", REPLICATIONS.get(name, FEWER)
            tell(f"{name}, {own}, {count} samples" if own else f"{name}, {count} samples")
            part = monte_carlo({name: experiment}, count, parameters.seed)
            part.insert(0, "world", own)
            parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table.insert(1, "seed", parameters.seed)
    table.insert(2, "data", data_hash(tables))
    return table


def dose_rows(tables: Tables) -> tuple[pd.Series, pd.DataFrame, pd.Series]:
    """Outcome, regressors and fitted coefficients of chapter 03's dose-response."""
    p = ImpactParameters.parse({})
    y, X, _ = sample.dose_design(
        sample.assemble(tables, p), p.intensity, p.controls, p.start_month, p.end_month
    )
    return y, X, har_fits(y, X, methods=["ols"])["ols"].params


def linear_maps(tables: Tables) -> tuple[pd.PeriodIndex, NDArray[np.float64], NDArray[np.float64]]:
    """What chapter 03's event study does to an outcome, as weights on its T months.

    The study's own function is asked, for T outcomes that are orthogonal, so that a thousand
    samples cost one product. Months, weights (T,) of the episode's mean effect, and (N, T) of
    the mean error in each of its N placebo windows.
    """
    frame, p = _headline(tables)
    name = Episode.parse(EPISODE).name
    months = pd.PeriodIndex(event_study.evaluate(frame, p.episodes, p).baseline.index)
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(len(months), len(months))))[0]
    effects, windows = [], []
    for column in basis.T:
        made = frame.assign(pmi=pd.Series(column, months).reindex(frame.index))
        found = event_study.evaluate(made, p.episodes, p)
        effects.append(found[name].value)
        windows.append(found.placebos[name].mean)
    return months, basis @ np.array(effects), np.array(windows).T @ basis.T


def _event(tables: Tables, parameters: ValidationParameters, errors: Errors) -> Experiment:
    months, effect, windows = linear_maps(tables)

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        made = errors(rng, months)
        error, placebos = float(effect @ made), windows @ made
        half = half_width(placebos, 1 - ALPHA)
        yield Draw(
            "mean effect, placebo windows",
            error=error,
            size=rank_p_value(error, placebos) <= ALPHA,
            power=rank_p_value(error - parameters.effect, placebos) <= ALPHA,
            coverage=half is None or abs(error) <= half * (1 + 1e-9),
            minimum_p=1 / (1 + len(placebos)),
        )

    return experiment


def _dose(tables: Tables, parameters: ValidationParameters, errors: Errors) -> Experiment:
    y, X, params = dose_rows(tables)
    controls = params.drop(["change", "before"])
    base = X[controls.index] @ controls
    months = pd.period_range(y.index[0], y.index[-1], freq="M")
    place, truth = months.get_indexer(pd.PeriodIndex(y.index)), -parameters.effect

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = base + errors(rng, months)[place]
        nulls = har_fits(calm, X)
        for column, words in (("change", "change"), ("before", "level")):
            for null in nulls.values():
                # A known multiple of a regressor moves its coefficient and nothing else.
                other = replace(null, params=null.params + truth * (null.params.index == column))
                pair = [one.estimate(column, column) for one in (null, other)]
                yield judge(
                    joined(", ", (words, null.label.partition(" (")[0])), pair[0], pair[1], truth
                )
            shifted = [_shifted(made, X, column) for made in (calm, calm + truth * X[column])]
            yield judge(say("{}, shifts in time", words), shifted[0], shifted[1], truth)

    return experiment


def _shifted(y: pd.Series, X: pd.DataFrame, column: str) -> Estimate:
    found = shift_in_time(y, X, column)
    return Estimate(
        name=column,
        value=found.value,
        unit="",
        method="",
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        p_value=found.p_value,
    )


def _counterfactual(tables: Tables, errors: Errors) -> Experiment:
    """Without an effect only: the model is fitted before the episode, so an effect moves no end."""
    p = CounterfactualParameters.parse({"episodes": [EPISODE], "models": ["ucm"]})
    frame = wide_frame(tables["country_monthly"])
    chosen = select_sample(frame, p)
    X, known = chosen.peers.assign(const=1.0), chosen.pmi.notna()
    slopes = har_fits(chosen.pmi[known], X[known], methods=["ols"])["ols"].params
    base = (X @ slopes).where(known)
    words = {"ucm": "structural, normal errors", "conformal": "conformal set"}

    def experiment(rng: np.random.Generator) -> Iterator[Draw]:
        calm = base + errors(rng, pd.PeriodIndex(base.index))
        result = counterfactual.estimate(frame.assign(pmi=calm), p)
        by_name = {e.name: e for e in result.estimates}
        for model, label in words.items():
            found = by_name[f"counterfactual.{model}.ppkm_2021.mean"]
            yield _of_null(label, found)
            if model == "ucm":
                yield _of_null("structural, placebo windows", _placebo(found))
        for test in result.tests:
            if test.name.startswith("end_of_sample"):
                yield Draw("end-of-sample test", size=test.p_value <= ALPHA)

    return experiment


def _of_null(method: str, e: Estimate) -> Draw:
    held = judge(method, e, e, 0.0)
    return replace(held, power=None)


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
        own = [ar1(rng, len(outcomes), PERSISTENCE[0], sd) for sd in sds]
        calm = pd.DataFrame(50 + common + np.array(own).T, outcomes.index, outcomes.columns)
        hit = calm.copy()
        hit.loc[post, treated] -= parameters.effect
        for variant in VARIANTS:
            null = fit(calm, treated, post, variant=variant)
            # No penalty looks at the treated unit's episode, so it is chosen once.
            other = fit(hit, treated, post, variant=variant, penalty=null.penalty)
            yield Draw(
                say("{}, conformal", variant),
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
