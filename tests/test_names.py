"""A misspelt name is met with the nearest one, wherever a result or a table is asked by name."""

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError, named
from ikm_pmi.inference import absorb
from ikm_pmi.jobs import elasticity
from ikm_pmi.parameters import ElasticityParameters
from ikm_pmi.pmi import sample, state_space
from ikm_pmi.pmi.synthetic_fit import fit
from ikm_pmi.pmi.synthetic_placebo import conformal_p, conformal_set, placebo_space
from ikm_pmi.results import Estimate, Findings, TestResult
from ikm_pmi.trust import published

MONTHS = pd.period_range("2019-01", "2021-08", freq="M")


def found(*names):
    records = [Estimate(name=n, value=1.0, unit="points", method="by hand") for n in names]
    test = TestResult(name="pmi.a.no_effect", null="x", statistic=1, p_value=0.5, distribution="t")
    return Findings(estimates=tuple(records), tests=(test,))


@pytest.fixture(scope="module")
def one_estimator():
    return elasticity.elasticity(
        package.load("imk_panel"), ElasticityParameters(draws=999), only={"twfe", "pooled"}
    )


def test_a_result_says_which_name_was_meant():
    result = found("pmi.ppkm_2021.mean", "pmi.ppkm_2021.2021-07")
    assert result["pmi.ppkm_2021.mean"].value == 1
    assert "pmi.ppkm_2021.mean" in result
    assert "pmi.ppkm_2021.maen" not in result
    with pytest.raises(EstimationError) as caught:
        result["pmi.ppkm_2021.maen"]
    assert caught.value.summary == "there is no estimate called 'pmi.ppkm_2021.maen'"
    assert caught.value.expected == "one of pmi.ppkm_2021.mean, pmi.ppkm_2021.2021-07"
    assert caught.value.todo == "did you mean 'pmi.ppkm_2021.mean'?"
    with pytest.raises(EstimationError, match="no test called") as caught:
        result.test("pmi.a.no_efect")
    assert caught.value.todo == "did you mean 'pmi.a.no_effect'?"


def test_of_many_names_the_nearest_few_are_listed():
    result = found(*(f"pmi.spell_{i}.mean" for i in range(30)))
    with pytest.raises(EstimationError) as caught:
        result["pmi.spell_31.mean"]
    assert caught.value.expected.endswith("(of 30 in all)")
    assert caught.value.expected.count("pmi.spell_") == 8
    with pytest.raises(EstimationError) as caught:
        result[["pmi.spell_1.mean"]]  # a list is no name, and no crash
    assert "['pmi.spell_1.mean']" in caught.value.found
    with pytest.raises(EstimationError, match="nothing here"):
        Findings(estimates=())["pmi"]
    assert named({3: "x"}, 3, what="year") == "x"


def test_an_estimator_or_a_scale_that_is_none(one_estimator):
    assert {e.name.split(".")[1] for e in one_estimator.estimates} == {"twfe", "pooled"}
    with pytest.raises(EstimationError, match=r"no estimate called 'elasticity\.between\.micro'"):
        one_estimator["elasticity.between.micro"]  # this estimator was not asked for
    with pytest.raises(EstimationError) as caught:
        elasticity.elasticity(
            package.load("imk_panel"), ElasticityParameters(), only={"first_diference"}
        )
    assert (caught.value.where, caught.value.todo) == ("only", "did you mean 'first_difference'?")


def test_flagged_rows_cannot_be_dropped_without_the_flag():
    frame = package.load("imk_panel").drop(columns="flagged")
    with pytest.raises(EstimationError, match="no column called 'flagged'") as caught:
        elasticity.elasticity(frame, ElasticityParameters(drop_flagged=True))
    assert caught.value.where == "drop_flagged"


def monthly():
    rng = np.random.default_rng(1)
    columns = ["pmi", "peers_pmi", "level", "oxcgrt"]
    return pd.DataFrame(rng.standard_normal((len(MONTHS), 4)), MONTHS, columns)


def panel_of(column="output"):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.standard_normal((12, 2)), columns=["workers", "output"])
    frame["unit"] = np.repeat(["a", "b", "c"], 4)
    return absorb.design(frame, "workers", [column], effects=["unit"])


@pytest.mark.parametrize(
    ("ask", "near"),
    [
        (lambda: sample.select_months(monthly(), ["pmi_"], "2019-01", "2020-01"), "pmi"),
        (lambda: sample.dose_design(monthly(), "levle", [], "2019-02", "2020-01"), "level"),
        (lambda: state_space.fit("ucmm", monthly()["pmi"], None), "ucm"),
        (lambda: published.compare(["critical value"]), "critical values"),
        (lambda: panel_of("outputs"), "output"),
        (lambda: absorb.fit(panel_of())["outpt"], "output"),
        (lambda: fit(monthly(), "pim", MONTHS[-2:]), "pmi"),
        (lambda: fit(monthly(), "pmi", MONTHS[-2:], variant="augmentd"), "augmented"),
    ],
)
def test_a_table_or_a_model_says_which_name_was_meant(ask, near):
    with pytest.raises(EstimationError, match="there is no ") as caught:
        ask()
    assert caught.value.todo == f"did you mean {near!r}?"


def test_several_clusters_are_refused_as_no_column():
    frame = pd.DataFrame({"y": [1.0, 2.0], "x": [0.0, 1.0], "unit": [1, 2], "year": [1, 2]})
    with pytest.raises(EstimationError, match="no column called"):
        absorb.design(frame, "y", ["x"], cluster=["unit", "year"])


def test_the_monthly_frame_is_in_order():
    frame = monthly()
    with pytest.raises(EstimationError, match="not in order"):
        sample.dose_design(frame.iloc[::-1], "level", [], "2019-02", "2020-01")
    with pytest.raises(EstimationError, match="not in order"):
        sample.select_months(frame.iloc[[0, 0, 1]], ["pmi"], "2019-01", "2019-02")


def test_placebos_are_of_the_rows_of_the_fit():
    outcomes = monthly()
    model = fit(outcomes, "pmi", MONTHS[-2:])
    assert conformal_p(model, outcomes) >= 1 / len(MONTHS)
    for judge in (conformal_p, lambda m, o: conformal_set(m, o, 0.9), placebo_space):
        with pytest.raises(EstimationError, match="not in the same rows"):
            judge(model, outcomes.iloc[::-1])
    middle = fit(outcomes, "pmi", MONTHS[9:11])
    with pytest.raises(EstimationError, match="not the last rows"):
        conformal_p(middle, outcomes)
