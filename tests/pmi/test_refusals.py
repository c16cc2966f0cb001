"""What the models cannot do is refused with the counts, months or countries that say why."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference import absorb
from ikm_pmi.inference.absorb import redundant
from ikm_pmi.jobs import claims
from ikm_pmi.jobs.links import Link
from ikm_pmi.jobs.regressions import deflator_index
from ikm_pmi.parameters import (
    CounterfactualParameters,
)
from ikm_pmi.pmi import sample
from ikm_pmi.pmi.country_panel import regress
from ikm_pmi.pmi.synthetic_fit import fit
from ikm_pmi.pmi.synthetic_placebo import conformal_set, placebo_space
from ikm_pmi.results import Estimate

RNG = np.random.default_rng(8)
MONTHS = pd.period_range("2019-01", "2021-08", freq="M")


def test_a_year_without_a_survey_is_named():
    tables = package.load_many(["imk_province", "imk_kbli"])
    with pytest.raises(DataError, match="no total workers of micro and small industry in 2016"):
        claims.imk(tables, 2016, "workers")
    with pytest.raises(DataError, match="no units of large and medium industry in 1999"):
        claims.larger(tables, 1999, "units")


def test_an_index_the_deflator_table_lacks_is_named():
    table = pd.DataFrame({"measure": ["cpi_index"], "year": [2019], "value": [100.0]})
    with pytest.raises(DataError) as caught:
        deflator_index(table, "gdp")
    assert caught.value.expected == "rows of measure gdp_deflator_index"
    assert caught.value.found == "cpi_index"
    assert deflator_index(table, "none") is None


def test_an_open_interval_is_nothing_to_draw_from():
    known = Estimate(
        name="e", value=1.0, unit="", method="", ci_low=0.0, ci_high=2.0, ci_level=0.95
    )
    assert Link.estimated("gap", known).sd == pytest.approx(1 / 1.959964, rel=1e-6)
    with pytest.raises(EstimationError) as caught:
        Link.estimated("gap", replace(known, ci_high=None))
    assert caught.value.found == "0.0 to None"


def test_too_few_countries_are_counted():
    keys = pd.MultiIndex.from_product([["AAA", "BBB", "CCC", "DDD", "EEE"], MONTHS])
    rows = keys.to_frame(index=False, name=["country", "month"])
    rows[["pmi", "level"]] = RNG.standard_normal((len(rows), 2))
    with pytest.raises(EstimationError) as caught:
        regress(rows, "pmi ~ level | country + month")
    assert caught.value.expected == "at least 6"
    assert caught.value.found == f"5 with {5 * len(MONTHS)} rows"


def test_two_effects_across_the_clusters_are_refused():
    f = pd.DataFrame(RNG.standard_normal((40, 2)), columns=["y", "x"])
    f["unit"], f["year"], f["month"] = np.arange(40) // 5, np.arange(40) % 5, np.arange(40) % 4
    with pytest.raises(EstimationError) as caught:
        absorb.moments(absorb.design(f, "y", ["x"], effects=["unit", "year", "month"]))
    assert caught.value.found == "5 levels, 4 levels"
    with pytest.raises(EstimationError) as caught:
        redundant([f["unit"].to_numpy()] * 3)
    assert caught.value.found == "3 effects"
    assert redundant([f["unit"].to_numpy(), f["year"].to_numpy()]) == 1
    assert redundant([f["unit"].to_numpy()]) == 0


def test_no_complete_month_is_said_with_the_span():
    frame = pd.DataFrame({"pmi": [np.nan, 50.0], "peers": [50.0, np.nan]}, MONTHS[:2])
    with pytest.raises(EstimationError) as caught:
        sample.select_months(frame, ["pmi", "peers"], "2019-01", "2019-02")
    assert caught.value.found == "0 of 2 months from 2019-01 to 2019-02"
    rows, excluded = sample.select_months(frame, ["pmi"], "2019-01", "2019-02")
    assert rows["pmi"].tolist() == [50]
    assert excluded == {"2019-01": "pmi missing"}


def test_a_placebo_in_space_needs_three_donors():
    table = pd.DataFrame(50 + RNG.standard_normal((len(MONTHS), 3)), MONTHS, ["AAA", "BBB", "IDN"])
    model = fit(table, "IDN", list(MONTHS[-2:]))
    with pytest.raises(EstimationError) as caught:
        placebo_space(model, table)
    assert (caught.value.found, caught.value.where) == ("2 donors", "IDN")
    third = table.assign(CCC=50 + RNG.standard_normal(len(MONTHS)))
    assert len(placebo_space(fit(third, "IDN", list(MONTHS[-2:])), third)) == 4


def test_a_level_finer_than_the_periods_allow_is_unbounded():
    table = pd.DataFrame(50 + RNG.standard_normal((len(MONTHS), 3)), MONTHS, ["AAA", "BBB", "IDN"])
    model = fit(table, "IDN", list(MONTHS[-2:]))
    found = conformal_set(model, table, 0.99)
    assert (found.low, found.high, found.shape) == (None, None, "unbounded")
    assert found.minimum_p == 1 / len(MONTHS)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "does not hold the sample"),
        ({"pmi": 50.0, "ASN": np.nan}, "no peer has a PMI"),
        ({"pmi": np.nan, "ASN": 50.0}, "not wholly observed"),
    ],
)
def test_a_frame_without_the_sample_is_refused(columns, words):
    months = pd.period_range("2012-05", "2023-12", freq="M")
    frame = pd.DataFrame(columns, index=months)
    chosen = CounterfactualParameters(peers=["ASN"])
    with pytest.raises(EstimationError, match=words):
        sample.select_sample(frame, chosen)


def test_a_missing_peer_is_left_out_by_name_and_the_rest_averaged():
    months = pd.period_range("2012-05", "2023-12", freq="M")
    frame = pd.DataFrame({"pmi": 50.0, "ASN": 51.0, "CHN": 53.0, "JPN": 50.0}, index=months)
    frame.loc["2016-05":"2016-06", "JPN"] = np.nan
    chosen = CounterfactualParameters(peers=["ASN", "CHN", "JPN", "XXX"], peers_as="mean")
    found = sample.select_sample(frame, chosen)
    assert found.peers["peers"].unique().tolist() == [52]
    assert found.excluded["XXX"] == "not in the frame"
    rows = len(found.pmi)
    assert found.excluded["JPN"] == f"no value in 2 of {rows} months, first 2016-05"
