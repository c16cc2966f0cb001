"""Sixteen industries: known truth, a second implementation, other quarters."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError, EstimationError, ParameterError
from ikm_pmi.parameters import YardsticksParameters
from ikm_pmi.pmi import industries
from ikm_pmi.restrictions import daily_intensity

SHUT = np.array([0.0, 0, 0, 0, 0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5, 0.6])


@pytest.fixture(scope="module")
def tables():
    return package.load_many(industries.TABLES)


@pytest.fixture(scope="module")
def found(tables):
    return industries.industries(tables, parsed())


def parsed(**values):
    return YardsticksParameters.parse({"draws": 999} | values)


def frame_of(growth, shut=SHUT):
    return pd.DataFrame({"growth": growth, "shut": shut}, [f"i{k:02d}" for k in range(len(shut))])


def test_a_full_bite_is_found_and_no_other():
    """Output that falls by what is shut has the slope -100, whatever else moves all industries."""
    frame = frame_of(7 - 100 * SHUT + np.tile([0.5, -0.5], 8))
    result = industries.slope(frame, parsed())
    assert result.value == pytest.approx(-100, abs=2)
    assert result.wild.ci_low < -100 < result.wild.ci_high < -90


def test_the_slope_is_that_of_least_squares_by_hand(found):
    x, y = found.frame["shut"].to_numpy(), found.frame["growth"].to_numpy()
    slope, intercept = np.polyfit(x, y, 1)
    e = found["industries.slope"]
    assert e.value == pytest.approx(slope)
    # CRV3 of clusters of one row is HC3, but for the factor of the jackknife.
    d = x - x.mean()
    leverage = 1 / len(x) + d**2 / (d @ d)
    hc3 = np.sqrt(np.sum((d * (y - intercept - slope * x) / (1 - leverage)) ** 2)) / (d @ d)
    assert e.detail["crv3_std_error"] == pytest.approx(hc3 * np.sqrt(15 / 16), rel=0.01)
    without = found.left_out.set_index("left_out")["change"]
    for name in found.frame.index[:3]:
        rest = found.frame.drop(name)
        assert without[name] == pytest.approx(np.polyfit(rest["shut"], rest["growth"], 1)[0])


@pytest.mark.parametrize("null", [0.0, industries.FULL_BITE])
def test_a_true_null_is_rejected_as_often_as_it_may_be(null, tries):
    """Five in a hundred, within three Monte-Carlo standard errors."""
    draw, times = np.random.default_rng(17), tries(2000, 400)
    rejected = 0
    for seed in range(times):
        frame = frame_of(null * SHUT + draw.standard_t(3, 16))
        test = industries.permutation_test(frame, null, draws=199, seed=seed, name="x", words="y")
        rejected += test.p_value <= 0.05
    assert rejected / times == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / times))


def test_every_permutation_of_few_industries():
    """With four, the drawn p is close to the share of all 24 permutations."""
    frame = frame_of(np.array([1.0, 5.0, 2.0, -3.0]), np.array([0.0, 0.1, 0.4, 0.6]))
    d = frame["shut"] - frame["shut"].mean()
    products = [abs(np.dot(d, p)) for p in itertools.permutations(frame["growth"])]
    exact = np.mean([one >= abs(d @ frame["growth"]) - 1e-9 for one in products])
    test = industries.permutation_test(frame, 0.0, draws=20_000, seed=1, name="x", words="y")
    assert test.p_value == pytest.approx(exact, abs=0.012)
    assert test.statistic == pytest.approx(np.polyfit(frame["shut"], frame["growth"], 1)[0])


def test_the_shares_add_up_to_the_cap(tables):
    """Were every industry spread over the areas like the whole, they would add up to the cap."""
    p, classes = parsed().intensity, tables["industry_classes"]
    places = {"Jawa Barat": p.java_bali_weight, "Aceh": 1 - p.java_bali_weight}
    even = pd.DataFrame(
        [
            {"subsector": name, "province": place, "value_added_mn_idr": part}
            for name in classes["subsector"].unique()
            for place, part in places.items()
        ]
    )
    same = {**tables, "province_industry_va_2016": even}
    shares = industries.share_shut(same, p, "2021Q3")
    value = classes.groupby("subsector")["value_added_bn_idr_2020"].first()
    daily = daily_intensity(tables["regime_spells"], tables["industry_rules"], classes, p)
    closed = 1 - daily.loc["2021-07-01":"2021-09-30", "industry_cap"].mean()
    for coding in ("as coded", "by trade"):  # trade moves the export class between industries only
        assert (shares[coding] * value).sum() / value.sum() == pytest.approx(closed, rel=1e-6)
    own = industries.share_shut(tables, p, "2021Q3")["as coded"]
    assert own.between(0, 1).all()
    assert own["Tobacco Products"] > shares.loc["Tobacco Products", "as coded"]  # 94 percent Java


def test_growth_is_chained(tables):
    gdp = tables["subsector_gdp_quarterly"]
    two, one = (industries.growth_since(gdp, "2021Q3", year) for year in (2019, 2020))
    before = industries.growth_since(gdp, "2020Q3", 2019)
    assert two.to_numpy() == pytest.approx((100 + one) * (100 + before) / 100 - 100)
    assert one["Transport Equipment"] == pytest.approx(27.84)
    with pytest.raises(DataError, match="growth of an industry is missing"):
        industries.growth_since(gdp[gdp["quarter"] != pd.Period("2020Q3", "Q")], "2021Q3", 2019)


def test_the_finding_of_the_review(found):
    """Full bite is rejected under every form and no slope under none; the bound is in the sets."""
    assert (found.forms["low"] > industries.FULL_BITE).all()
    assert (found.forms["p"] > 0.05).all()
    assert found.test("industries.full_bite").p_value < 0.01 < found.test("industries.none").p_value
    assert found.most == pytest.approx(-found.forms["low"].min() / 100)
    assert list(found.frame.index[:2]) == ["Tobacco Products", "Transport Equipment"]
    assert found["industries.slope"].detail["minimum_detectable"] > 20


def test_other_quarters_work_or_say_what_would(tables):
    spring = industries.industries(tables, parsed(quarter="2020Q2"))
    assert len(spring.forms) == 4  # the base year is the year before
    assert spring.most is None
    assert "do not exclude that all of it shows" in spring.sentence()
    with pytest.raises(EstimationError, match="no industry was shut") as error:
        industries.industries(tables, parsed(quarter="2021Q2"))
    assert "reading=low" in error.value.todo
    low = industries.industries(tables, parsed(quarter="2021Q2", coding=["reading=low"]))
    assert set(low.forms["reading"]) == {"low"}


@pytest.mark.parametrize(
    "values",
    [{"base_year": 2021}, {"coding": ["critical_shift=0.1"]}, {"quarter": "2021-07"}],
)
def test_refused_before_anything_is_computed(values):
    with pytest.raises(ParameterError, match=next(iter(values))):
        parsed(**values)
