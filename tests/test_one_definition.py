"""One definition per estimand: who reaches the registered function when it is run, by watching it.

The specifications are many regressions in one pass, by an engine of their own: they take samples
and columns from the functions the chapter takes them from, and their first option is the chapter.
"""

import sys
from dataclasses import replace

import numpy as np
import pytest

from ikm_pmi.data import package
from ikm_pmi.engine.values import read_grids
from ikm_pmi.jobs import chain, elasticity, explorer, regressions
from ikm_pmi.parameters import (
    CounterfactualParameters,
    CrossCountryParameters,
    ElasticityParameters,
    ImpactParameters,
    JobsParameters,
    RobustnessParameters,
    ValidationParameters,
)
from ikm_pmi.pmi import (
    country_panel,
    cross_country,
    dose,
    event_study,
    sample,
    spells,
    synthetic,
    synthetic_fit,
)
from ikm_pmi.trust import known_truth, multiverse_elasticity, multiverse_pmi

#: The function that is the estimand.
ESTIMANDS = {
    "gap": event_study.event_study,
    "dose": sample.dose_design,
    "twin": synthetic_fit.fit,
    "panel slope": country_panel.regress,
    "elasticity": regressions.fit,
}
#: Where the batch engine of the specifications takes its samples and columns.
COLUMNS = {
    "gap": (sample.study_frame, spells.find_spells),
    "dose": (sample.study_frame,),
    "elasticity": (regressions.sample,),
}


@pytest.fixture(scope="module")
def tables():
    names = (*explorer.TABLES, *known_truth.TABLES)
    return package.load_many(list(dict.fromkeys(names)))


@pytest.fixture(scope="module")
def made(tables):
    names = ("synthetic control", "country panel", "elasticity")
    return known_truth.experiments(tables, ValidationParameters(draws=99), names=names)


def thin(grid):
    """Two options of a few forks, the first of the others: seconds instead of minutes."""
    whole = {"measure", "form", "controls"}
    kept = {
        fork: options if fork in whole else options[: 1 + (place < 2)]
        for place, (fork, options) in enumerate(grid.choices.items())
    }
    return replace(grid, choices=kept)


def simulated(made, kind):
    """One sample of an experiment of chapter 09."""
    return lambda: list(made[kind](np.random.default_rng(1)))


@pytest.fixture(scope="module")
def callers(tables, made):
    """For each estimand, who is to reach it: a short run of the real thing."""
    p, panel = ImpactParameters(), tables["imk_panel"]
    frame = sample.assemble(tables, p)
    by_month = tables["country_monthly"]
    jobs, robust = JobsParameters(), RobustnessParameters(draws=99)
    grids = {name: thin(grid) for name, grid in read_grids().items()}
    prices = {n: regressions.deflator_index(tables["deflators"], n) for n in ("cpi", "gdp")}
    few = ElasticityParameters(draws=99)
    return {
        "gap": {
            "chapter": lambda: event_study.evaluate(frame, p.episodes, p),
            "simulation": lambda: known_truth.linear_maps(tables),
            "chain": lambda: chain.gaps(tables, frame, jobs),
            "specifications": lambda: multiverse_pmi.event_curve(tables, grids["event"], robust),
        },
        "dose": {
            "chapter": lambda: dose.dose_response(frame, p),
            "chain": lambda: chain.dose_fit(frame, jobs),
            "simulation": lambda: known_truth.dose_rows(tables),
            "specifications": lambda: multiverse_pmi.dose_curve(tables, grids["dose"], robust),
        },
        "twin": {
            "chapter": lambda: synthetic.synthetic_control(by_month, CounterfactualParameters()),
            "simulation": simulated(made, next(kind for kind in made if "synthetic" in kind)),
        },
        "panel slope": {
            "chapter": lambda: cross_country.country_panel(
                by_month, CrossCountryParameters(draws=99)
            ),
            "simulation": simulated(made, next(kind for kind in made if "countr" in kind)),
        },
        "elasticity": {
            "chapter": lambda: elasticity.elasticity(panel, few, only={"twfe"}),
            "explorer and chain": lambda: chain.elasticities(panel, jobs.seed),
            "simulation": simulated(made, next(kind for kind in made if "elasticity" in kind)),
            "specifications": lambda: multiverse_elasticity.elasticity_curve(
                panel, prices, grids["elasticity"], robust
            ),
        },
    }


class ReachedError(BaseException):
    """Ends a call that has come to where it was to come."""


def reaches(run, function):
    """Whether a call of ``run`` comes to call ``function``; it goes no further."""
    code = function.__code__

    def watch(frame, event, _):
        if event == "call" and frame.f_code is code:
            raise ReachedError

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        run()
    except ReachedError:
        return True
    finally:
        sys.setprofile(before)
    return False


@pytest.mark.parametrize("name", ESTIMANDS)
def test_everyone_reaches_the_one_definition(name, callers):
    alone = {who: run for who, run in callers[name].items() if who != "specifications"}
    assert {who: reaches(run, ESTIMANDS[name]) for who, run in alone.items()} == dict.fromkeys(
        alone, True
    )


@pytest.mark.parametrize("name", COLUMNS)
def test_the_specifications_take_samples_and_columns_from_it(name, callers):
    run = callers[name]["specifications"]
    assert [reaches(run, function) for function in COLUMNS[name]] == [True] * len(COLUMNS[name])


def test_the_first_specification_is_the_chapter(callers):
    for name, answer in (
        ("gap", "pmi.ppkm_2021.mean"),
        ("dose", "pmi.dose.change"),
        ("elasticity", "elasticity.twfe"),
    ):
        chapter = {e.name: e for e in callers[name]["chapter"]().estimates}[answer]
        first = callers[name]["specifications"]().specifications.iloc[0]
        assert first["estimate"] == pytest.approx(chapter.value, rel=1e-10), name
