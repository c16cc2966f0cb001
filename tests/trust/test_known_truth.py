"""The study's own samples made anew: what the experiments hold fixed, and what they must show."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.engine.values import validation_table
from ikm_pmi.inference.har import har_fits
from ikm_pmi.jobs import regressions
from ikm_pmi.parameters import ElasticityParameters, ImpactParameters, ValidationParameters
from ikm_pmi.pmi import event_study, sample
from ikm_pmi.trust import known_truth, known_truth_panels
from ikm_pmi.trust.monte_carlo import FIRST, monte_carlo

PARAMETERS = ValidationParameters(draws=99)


@pytest.fixture(scope="module")
def tables():
    return package.load_many(known_truth.TABLES)


@pytest.fixture(scope="module")
def maps(tables):
    return known_truth.linear_maps(tables)


@pytest.fixture(scope="module")
def made(tables, maps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_truth, "linear_maps", lambda _: maps)  # asked for once
        return known_truth.experiments(tables, PARAMETERS)


@pytest.mark.truth
def test_panel_estimators_within_units_are_unbiased_and_the_pooled_one_is_not(made, tries):
    table = monte_carlo({"elasticity": made["elasticity"]}, tries(60, 24), 5).set_index("method")
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
def test_the_printed_sets_of_the_elasticity_hold_the_truth(tables, tries):
    """Chapter 06's rows at the study's sizes: 95 percent sets within 93 to 97 in 2,000 samples."""
    parameters, truth, times = ElasticityParameters(draws=399), 0.3, tries(2000, 40)
    total = regressions.sample(tables["imk_panel"], parameters).query("scale == 'total'")
    total = total.reset_index(drop=True)
    make, rng = known_truth_panels._workers(total), np.random.default_rng(1)
    names = ("twfe", "without_flagged", "first_difference", "intensive")
    held = dict.fromkeys(names, 0)
    for _ in range(times):
        frame = total.assign(log_workers=make(rng) + truth * total["log_output"])
        for name in names:
            null = f"{regressions.formula(name).term} = {truth}"
            found = regressions.by_unit(name, frame, parameters, null, interval=False)
            held[name] += found.wild.p_value > 0.05
    margin = 0.02 if times >= 2000 else 0.1
    for name in names:
        assert held[name] / times == pytest.approx(0.95, abs=margin), name


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


@pytest.fixture(scope="module")
def errors(tables):
    return known_truth.worlds(tables)


def test_linear_maps_are_the_event_study_of_chapter_03(tables, maps):
    p = ImpactParameters.parse({})
    frame = sample.assemble(tables, p)
    months, effect, windows = maps
    found = event_study.evaluate(frame, p.episodes, p)
    pmi = frame["pmi"][months].to_numpy()
    assert effect @ pmi == pytest.approx(found["ppkm_2021"].value, abs=1e-9)
    assert windows @ pmi == pytest.approx(found.placebos["ppkm_2021"].mean, abs=1e-9)


@pytest.mark.truth
def test_worlds_are_what_their_names_say(errors):
    months = pd.period_range("2012-03", "2023-05", freq="M")
    paths = {
        name: np.array([make(np.random.default_rng(k), months) for k in range(800)])
        for name, make in errors.items()
    }
    late, crisis = months >= "2020-07", (months >= "2020-03") & (months <= "2022-03")
    mean = paths["shifted mean"].mean(axis=0)
    assert mean[-12:].mean() > 1
    assert mean[~late].mean() == pytest.approx(0, abs=0.1)
    spread = paths["uneven variance"].var(axis=0)
    assert spread[crisis].mean() / spread[~crisis].mean() == pytest.approx(2, rel=0.1)
    walk = paths["wandering level"].var(axis=0)
    assert walk[-12:].mean() > 3 * walk[:12].mean()
    for persistence in known_truth.PERSISTENCE:
        made = paths[f"AR(1) {persistence}"]
        ratio = (made[:, 1:] * made[:, :-1]).mean() / (made**2).mean()
        assert ratio == pytest.approx(persistence, abs=0.02)


@pytest.fixture(scope="module")
def full():
    return validation_table()


def test_the_printed_table_has_every_method_in_its_worlds(full, made, errors):
    for name, experiment in made.items():
        methods = {draw.method for draw in experiment(np.random.default_rng(1))}
        rows = full[full["experiment"] == name]
        own = list(errors)[: known_truth.MONTHLY[name]] if name in known_truth.MONTHLY else [""]
        assert set(zip(rows["method"], rows["world"], strict=True)) == set(product(methods, own))
        wanted = known_truth.REPLICATIONS.get(name, known_truth.FEWER)
        assert set(rows["replications"]) == {wanted}
    assert known_truth.REPLICATIONS["event study"] >= 2000
    assert not full.duplicated(["experiment", "method", "world"]).any()


def test_the_printed_table_was_made_from_these_data(full, tables):
    assert set(full["data"]) == {known_truth.data_hash(tables)}
    other = tables["indonesia_monthly"].assign(pmi=lambda frame: frame["pmi"] + 0.1)
    assert known_truth.data_hash({**tables, "indonesia_monthly": other}) != full["data"].iloc[0]


@pytest.mark.truth
def test_random_rows_of_the_printed_table_come_again(full, tables, errors, tries):
    rng = np.random.default_rng()  # other rows every time; they are named where one differs
    parameters = ValidationParameters.parse({})
    cheap = full[full["experiment"] != "counterfactual"]
    for _, row in cheap.sample(tries(5, 1), random_state=rng).iterrows():
        name = row["experiment"]
        made = known_truth.experiments(tables, parameters, errors.get(row["world"]), names=[name])
        again = monte_carlo({name: made[name]}, FIRST, int(row["seed"])).set_index("method")
        for rate in ("size", "power", "coverage"):
            found, printed = again.loc[row["method"], f"{rate}_first"], row[f"{rate}_first"]
            same = found == printed if pd.notna(printed) else pd.isna(found)
            assert same, (name, row["method"], row["world"], rate, printed, found)
