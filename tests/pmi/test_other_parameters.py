"""Parameters other than the defaults, on the study's own data: each works, or says what would."""

import math
import re

import pandas as pd
import pytest

from ikm_pmi import restrictions
from ikm_pmi.data import package
from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.parameters import (
    CounterfactualParameters,
    Episode,
    RestrictionsParameters,
)
from ikm_pmi.pmi import counterfactual, synthetic
from ikm_pmi.pmi.sample import around, select_sample, wide_frame
from ikm_pmi.restrictions import outside

DELTA = {"treated_country": "VNM", "episodes": ["delta_2021:2021-06:2021-09"]}
GAP = {"masked": ["no_pmi_2019_02:2019-02:2019-03"]}


@pytest.fixture(scope="module")
def countries():
    return package.load("country_monthly")


def parsed(**values):
    return CounterfactualParameters.parse(values)


@pytest.fixture(scope="module")
def vietnam(countries):
    p = parsed(**DELTA, **GAP)
    return counterfactual.estimate(wide_frame(countries, country="VNM"), p)


@pytest.mark.parametrize(
    ("first", "last", "months"), [("2019-01", "2020-03", 15), ("2021-07", "2021-07", 1)]
)
def test_intensities_that_do_not_move_have_no_correlation(first, last, months):
    p = RestrictionsParameters.parse({"start_month": first, "end_month": last})
    rules = [package.load(t) for t in ("regime_spells", "industry_rules", "industry_classes")]
    monthly = restrictions.monthly_intensity(restrictions.daily_intensity(*rules, p), p)
    found = outside.compare(monthly, package.load("indonesia_monthly").set_index("month"), p)
    assert [e.name for e in found.estimates] == [
        f"intensity.{measure}.{first}" for measure in ("level", "industry_cap")
    ]
    assert f"no correlation with oxcgrt: in {months} common month" in found.sentence()
    assert ("No rule is in force" in found.sentence()) == (first == "2019-01")
    assert all(math.isfinite(e.value) for e in found.estimates)


def test_vietnam_runs_as_printed_and_its_months_without_an_index_are_named(countries):
    twin = synthetic.synthetic_control(countries, parsed(**DELTA))
    assert "delta_2021: VNM has no PMI in 2019-02, 2019-03; left out." in twin.notes
    mean = twin["counterfactual.synthetic.delta_2021.mean"]
    assert (mean.n, mean.value < -5) == (27 + 4, True)
    assert not twin.paths["observed"].isna().any()
    by_name = synthetic.synthetic_control(countries, parsed(**DELTA, **GAP))
    assert by_name["counterfactual.synthetic.delta_2021.mean"] == mean
    assert not [note for note in by_name.notes if "no PMI" in note]


@pytest.mark.parametrize("country", ["MYS", "THA", "VNM", "IND", "USA", "KOR"])
def test_the_country_alone_may_be_said(countries, country):
    p = parsed(treated_country=country)
    found = counterfactual.estimate(wide_frame(countries, country=country), p)
    assert "counterfactual.ucm.ppkm_2021.mean" in found
    assert any(f"time series are those of {country}" in note for note in found.notes)
    assert "counterfactual.synthetic.ppkm_2021.mean" in synthetic.synthetic_control(countries, p)


def test_too_few_months_are_met_with_the_fewest_that_there_are(countries):
    late = DELTA | {"synthetic_start_month": "2019-07"}
    with pytest.raises(EstimationError) as caught:
        synthetic.synthetic_control(countries, parsed(**late))
    assert caught.value.todo.startswith("set minimum_pre_months=23, or take an earlier")
    synthetic.synthetic_control(countries, parsed(**late, minimum_pre_months=23))
    short = parsed(**late, masked=["x:2019-07:2021-03"])
    with pytest.raises(EstimationError) as caught:
        synthetic.synthetic_control(countries, short)
    assert "another country" in caught.value.todo
    unseen = parsed(**DELTA | {"episodes": ["later:2024-09:2024-10"]})
    with pytest.raises(EstimationError) as caught:
        synthetic.synthetic_control(countries, unseen)
    assert caught.value.found.endswith("months before 2024-09, no PMI in 2024-10")
    assert caught.value.todo == "choose an episode without 2024-10"


def test_the_time_series_are_those_of_the_country_studied(countries, vietnam):
    own = countries[countries["country_iso3"] == "VNM"].set_index("month")["pmi"]
    path = vietnam.paths[vietnam.paths["model"] == "ucm"].set_index("month")["observed"]
    assert list(path.index.astype(str)) == ["2021-06", "2021-07", "2021-08", "2021-09"]
    assert path.tolist() == pytest.approx(own.loc[path.index].tolist())
    assert {e.name.split(".")[2] for e in vietnam.estimates} == {"delta_2021"}
    told = "The time series are those of VNM, in its own spells: delta_2021:2021-06:2021-09."
    assert told in vietnam.notes
    assert "The sample begins in 2016-08, with the first PMI." in vietnam.notes
    assert not [note for note in vietnam.notes if "Indonesia" in note]


def test_indonesia_is_told_nothing_of_other_countries(countries):
    p = parsed(episodes=["ppkm_2021:2021-07:2021-08"], models=["sarimax"])
    found = counterfactual.estimate(wide_frame(countries), p)
    assert not [note for note in found.notes if "time series are" in note or "begins in" in note]
    assert any("what Indonesia lost beyond them" in note for note in found.notes)


def test_spells_of_indonesia_give_way_and_own_ones_stay():
    p = parsed(**DELTA)
    assert (p.episodes, p.masked) == (DELTA["episodes"], [])
    assert CounterfactualParameters.parse(p.model_dump()) == p
    own = ["first_wave:2020-04:2020-04"]
    assert p.min_training == 24
    kept = parsed(**DELTA, masked=own, min_training=30)
    assert kept.masked == own
    assert kept.min_training == 30
    assert parsed(treated_country="IDN") == parsed()
    assert parsed().min_training == 36
    assert parsed().masked == ["psbb_2020:2020-03:2020-06"]


def test_too_short_a_series_says_how_few_months_would_do(countries):
    india = {"treated_country": "IND", "episodes": ["delta_2021:2021-05:2021-06"]}
    frame = wide_frame(countries, country="IND")
    with pytest.raises(EstimationError) as caught:
        counterfactual.estimate(frame, parsed(**india, min_training=35))
    low, high = re.search(r"min_training to (\d+)\.\.(\d+)", caught.value.todo).groups()
    for value in (int(low), int(high)):
        found = counterfactual.estimate(frame, parsed(**india, min_training=value))
        assert found["counterfactual.ucm.delta_2021.mean"].n == 31
    singapore = wide_frame(countries, country="SGP")
    with pytest.raises(EstimationError) as caught:
        counterfactual.estimate(singapore, parsed(treated_country="SGP"))
    assert caught.value.todo.startswith("start the sample earlier where there is a PMI")


def test_a_frame_of_another_country_is_refused(countries):
    with pytest.raises(EstimationError, match="another country's") as caught:
        counterfactual.estimate(wide_frame(countries), parsed(**DELTA))
    assert caught.value.todo == 'wide_frame(table, country="VNM")'
    with pytest.raises(EstimationError, match="no country with a PMI called 'VNN'"):
        wide_frame(countries, country="VNN")
    with pytest.raises(DataError, match="a month twice"):
        wide_frame(pd.concat([countries, countries.tail(1)]))
    japan = select_sample(wide_frame(countries, country="JPN"), parsed(treated_country="JPN"))
    assert japan.excluded["JPN"] == "it is the country studied"


def test_a_comparison_without_masked_spells_has_no_row_twice(countries):
    p = parsed(**DELTA, models=["sarimax"])
    table = counterfactual.compare(wide_frame(countries, country="VNM"), p)
    assert not table["masked"].any()
    assert not table.duplicated(["name", "peers", "masked"]).any()


def test_the_months_shown_hold_every_spell(countries):
    pmi = wide_frame(countries)["pmi"]
    own = list(map(Episode.parse, parsed().episodes))
    assert around(pmi, own).equals(pmi["2019-06":"2022-06"])
    early = around(pmi, [Episode.parse("x:2018-03:2018-04")])
    assert (str(early.index[0]), str(early.index[-1])) == ("2017-09", "2022-06")
    late = around(pmi, [Episode.parse("x:2023-03:2023-04")])
    assert str(late.index[-1]) == "2023-10"
