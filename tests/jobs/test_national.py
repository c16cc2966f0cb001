"""The national sample and its one row: conserved levels, known truth, gaps refused."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.ardl import UECM

from ikm_pmi.data import package
from ikm_pmi.errors import DataError
from ikm_pmi.jobs.national import estimate, half_years, sentence, verdict


@pytest.fixture(scope="module")
def tables():
    return package.load_many(["manufacturing_employment", "manufacturing_quarterly"])


@pytest.fixture(scope="module")
def frame(tables):
    return half_years(tables)


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


def test_thirty_rounds_without_a_season_and_the_one_on_a_derived_quarter(frame):
    assert len(frame) == 30
    seasons = frame["log_workers"].groupby(frame.index.quarter).mean()
    assert seasons[1] == pytest.approx(seasons[3], abs=1e-12)
    assert [str(q) for q in frame.index[frame["derived"]]] == ["2025Q1"]
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


def test_the_row_is_that_of_the_lowest_bic_with_its_verdict_in_words(frame):
    found, rows = estimate(frame), frame.reset_index(drop=True)
    assert (found.name, found.n, found.ci_low) == ("elasticity.national.long_run", 28, None)
    fits = {
        f"({p}, {q})": UECM(
            rows["log_workers"], p, rows[["log_output"]], {"log_output": q}, hold_back=2
        ).fit()
        for p in (1, 2)
        for q in (1, 2)
    }
    best = min(fits, key=lambda lags: fits[lags].bic)
    assert f"ARDL{best}" in found.method
    assert found.value == pytest.approx(-fits[best].ci_params["log_output"], rel=1e-10)
    assert set(found.detail["verdicts"]) == set(fits)
    assert len(set(found.detail["verdicts"].values())) > 1  # the lags decide, and it is said
    assert found.detail["verdict"] in sentence(found)


def test_the_long_run_of_a_simulated_relationship_is_found():
    rng, found = np.random.default_rng(11), []
    for _ in range(20):
        y = np.cumsum(0.02 + 0.03 * rng.standard_normal(60))
        w = np.zeros(60)
        for i in range(1, 60):
            w[i] = w[i - 1] - 0.5 * (w[i - 1] - 0.6 * y[i - 1]) + 0.01 * rng.standard_normal()
        found.append(estimate(pd.DataFrame({"log_workers": w, "log_output": y})))
    assert np.mean([e.value for e in found]) == pytest.approx(0.6, abs=0.03)
    assert {e.detail["verdict"] for e in found} == {"a level relationship"}


def test_between_the_bounds_nothing_is_said():
    assert verdict(0.01, 0.04) == "a level relationship"
    assert verdict(0.01, 0.06) == "inconclusive"
    assert verdict(0.06, 0.2) == "no level relationship found"
