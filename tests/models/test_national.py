"""The national sample and error correction: conserved levels, known truth, gaps refused."""

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference.bounds_test import f_and_t
from ikm_pmi.models.error_correction import error_correction
from ikm_pmi.models.national import estimate
from ikm_pmi.models.national_sample import half_years
from ikm_pmi.parameters import ElasticityParameters

FEW = ElasticityParameters(draws=999)


@pytest.fixture(scope="module")
def tables():
    return package.load_many(["manufacturing_employment", "manufacturing_quarterly"])


@pytest.fixture(scope="module")
def frame(tables):
    return half_years(tables)


@pytest.fixture(scope="module")
def result(frame):
    return estimate(frame, FEW, simulations=5000)


def test_the_chained_index_follows_the_printed_annual_levels(tables, frame):
    raw = tables["manufacturing_quarterly"]
    levels = (
        raw[
            (raw["measure"] == "level_bn_idr")
            & (raw["quarter"] == "annual")
            & raw["series"].str.startswith("manufacturing, constant")
        ]
        .groupby("year")["value"]
        .first()
    )
    # A calendar year's mean cannot be had from half-years; two rounds come within a year's third.
    annual = frame["output"].groupby(frame.index.year).mean()
    shift = np.log(levels) - np.log(annual.reindex(levels.index))
    assert shift.std() < 0.01


def test_thirty_rounds_and_the_one_that_rests_on_a_derived_quarter(frame):
    assert len(frame) == 30
    assert frame["log_workers"].notna().all()
    assert [str(q) for q in frame.index[frame["derived"]]] == ["2025Q1"]
    assert (frame["august_2022"].sum(), frame["from_2017"].sum()) == (1, 18)
    # February 2011: mean of 100 (2010Q4) and 104.59 (2011Q1).
    assert frame["output"].iloc[0] == pytest.approx((100 + 104.59) / 2, abs=1e-10)


def test_a_missing_round_or_quarter_is_refused(tables):
    raw = tables["manufacturing_employment"]
    gap = raw[~((raw["year"] == 2019) & (raw["period"] == "August"))]
    with pytest.raises(DataError, match="2019Q3"):
        half_years(tables | {"manufacturing_employment": gap})
    growth = tables["manufacturing_quarterly"]
    bare = growth[growth["measure"] != "yoy_growth_pct_alt"]
    with pytest.raises(DataError, match="2024Q4"):
        half_years(tables | {"manufacturing_quarterly": bare})


def test_names_and_what_is_inconclusive_is_said(result):
    (long_run,) = result.estimates
    assert (long_run.name, long_run.n) == ("elasticity.national.long_run", 28)
    assert [t.name for t in result.tests] == ["elasticity.bounds_f", "elasticity.bounds_t"]
    assert all(t.detail["p_lower"] <= t.p_value for t in result.tests)
    assert len(result.sensitivity) == 24
    assert len(set(result.sensitivity["verdict"])) > 1
    assert long_run.detail["verdict"] in result.sentence()
    assert (long_run.ci_low is None) == long_run.detail["fieller"].startswith("unbounded")


def test_the_headline_is_the_row_of_lowest_bic(frame, result):
    table = result.sensitivity
    plain = table[(table["dummies"] == "season") & ~table["trend"]]
    best = plain.loc[plain["bic"].idxmin()]
    assert result.estimates[0].value == pytest.approx(best["long_run"], abs=1e-12)
    given = estimate(frame, FEW, order=(1, 1), simulations=1000)
    assert "as given" in given.estimates[0].method
    assert given.estimates[0].value == pytest.approx(
        plain.set_index("lags").loc["(1, 1)", "long_run"], abs=1e-12
    )


@pytest.mark.second
def test_statistics_equal_a_least_squares_of_hand_made_columns(frame):
    fixed = ["february"]
    order = {"log_workers": 2, "log_output": 1}
    model = error_correction(frame, "log_workers", order, fixed=fixed)
    w, y = frame["log_workers"], frame["log_output"]
    short = [np.ones(30), frame["february"], w.diff().shift(1), y.diff()]
    f, t = f_and_t(np.column_stack([*short, y.shift(1), w.shift(1), w.diff()])[2:], 2)
    assert (model.f, model.t) == pytest.approx((f, t), rel=1e-8)


@pytest.mark.truth
def test_long_run_and_fieller_set_on_simulated_error_correction():
    rng, found = np.random.default_rng(11), []
    for _ in range(60):
        y = np.cumsum(0.02 + 0.03 * rng.standard_normal(60))
        w = np.zeros(60)
        for i in range(1, 60):
            w[i] = w[i - 1] - 0.5 * (w[i - 1] - 0.6 * y[i - 1]) + 0.01 * rng.standard_normal()
        sample = pd.DataFrame({"w": w, "y": y})
        model = error_correction(sample, "w", {"w": 1, "y": 1})
        ratio = model.long_run["y"]
        found.append((ratio.value, 0.6 in ratio, model.adjustment[0] < 0))
    values, covered, negative = (np.array(column) for column in zip(*found, strict=True))
    assert values.mean() == pytest.approx(0.6, abs=0.02)
    assert covered.mean() >= 0.88  # 95 percent less two standard errors of 60 draws and a margin
    assert negative.all()


def test_orders_below_one_and_too_few_rows_are_refused(frame):
    with pytest.raises(EstimationError, match="cannot be estimated"):
        error_correction(frame, "log_workers", {"log_workers": 1, "log_output": 0})
    with pytest.raises(EstimationError, match="cannot be estimated"):
        error_correction(frame.iloc[:8], "log_workers", {"log_workers": 2, "log_output": 2})
