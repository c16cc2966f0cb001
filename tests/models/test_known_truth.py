"""The study's own samples made anew: what the experiments hold fixed, and what they must show."""

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.simulate import monte_carlo
from ikm_pmi.models import known_truth
from ikm_pmi.parameters import ValidationParameters
from ikm_pmi.pipeline.validation import read_full

PARAMETERS = ValidationParameters(draws=99)


@pytest.fixture(scope="module")
def tables():
    return package.load_many(known_truth.TABLES)


@pytest.fixture(scope="module")
def made(tables):
    return known_truth.experiments(tables, PARAMETERS)


@pytest.mark.truth
def test_panel_estimators_within_units_are_unbiased_and_the_pooled_one_is_not(made):
    table = monte_carlo({"elasticity": made["elasticity"]}, 60, 5).set_index("method")
    assert table.loc["pooled, wild", "verdict"] == "biased; rejects too often; covers too rarely"
    for method in ("two-way, wild", "first difference, CRV3"):
        assert "biased" not in table.loc[method, "verdict"]
        assert table.loc[method, "power"] > 0.6


@pytest.mark.truth
def test_survey_errors_bias_the_two_way_slope_and_the_stated_range_holds_it(made):
    name = "elasticity, survey errors"
    table = monte_carlo({name: made[name]}, 60, 5).set_index("method")
    assert table.loc["two-way, wild", "bias"] > 3 * table.loc["two-way, wild", "bias_mc"]
    assert table.loc["stated range of the bounds", "coverage"] > 0.9


@pytest.mark.truth
def test_the_rank_among_countries_cannot_reject(made):
    table = monte_carlo({"synthetic control": made["synthetic control"]}, 2, 5)
    row = table.set_index("method").loc["rank among countries"]
    assert row["size"] == row["power"] == 0
    assert "cannot reject" in row["verdict"]


@pytest.mark.property
def test_a_multiple_of_a_regressor_moves_its_coefficient_and_nothing_else():
    # The experiment on the dose-response uses this instead of a second fit.
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"const": 1.0, "s": rng.standard_normal(90), "z": rng.standard_normal(90)})
    y = pd.Series(rng.standard_normal(90).cumsum() * 0.3)
    calm, hit = har_fits(y, X), har_fits(y - 10 * X["s"], X)
    for method, fit in calm.items():
        close = 1e-3 if method == "structural" else 1e-9  # its optimum is found numerically
        value, error = hit[method].linear("s")
        assert value == pytest.approx(fit.linear("s")[0] - 10, abs=close)
        assert error == pytest.approx(fit.linear("s")[1], rel=close)


def test_every_experiment_makes_its_methods_the_same_way_twice(made):
    for name, experiment in made.items():
        once, again = (list(experiment(np.random.default_rng(1))) for _ in range(2))
        assert once == again, name
        assert len({draw.method for draw in once}) == len(once)


def test_the_printed_table_has_every_method_at_both_persistences(tables, made):
    full = read_full()
    measured = round(known_truth.persistence_of_errors(tables), 2)
    assert sorted(set(full["persistence"].dropna())) == sorted({0.67, measured})
    for name, experiment in made.items():
        methods = {draw.method for draw in experiment(np.random.default_rng(1))}
        rows = full[full["experiment"] == name]
        assert set(rows["method"]) == methods
        assert len(rows) == len(methods) * (2 if name in known_truth.MONTHLY else 1)
    assert (full["replications"] >= 400).all()
