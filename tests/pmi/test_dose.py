"""Dose-response and its checks on frames of known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.pmi.dose import by_reading, cap_against_deaths, dose_response
from ikm_pmi.pmi.sample import TABLES, dose_design

P = ImpactParameters(controls=["peers_pmi"], start_month="2012-03", end_month="2022-12")
INDEX = pd.period_range("2012-01", "2022-12", freq="M")


def _frame(
    change: float = -15.0, level: float = 0.0, seed: int = 2, sd: float = 0.5
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    s = pd.Series(0.0, INDEX)
    s["2020-04":] = np.clip(0.4 + 0.3 * rng.standard_normal(33), 0, 1)
    cap = pd.Series(0.0, INDEX)
    cap["2020-04":"2022-03"] = np.clip(rng.standard_normal(24), 0, 1)
    peers = 52 + lfilter([1.0], [1.0, -0.5], rng.standard_normal(len(INDEX)))
    pandemic = pd.Period("2020-03") <= INDEX
    frame = pd.DataFrame(
        {
            "lebaran_share": 0.3 * (INDEX.month == 6),
            "peers_pmi": peers,
            "log_cases": np.where(pandemic, 8 + rng.standard_normal(len(INDEX)), 0.0),
            "log_deaths": np.where(pandemic, 5 + rng.standard_normal(len(INDEX)), 0.0),
            "level": s,
            "industry_closure": cap,
            "oxcgrt": np.where(pandemic, 0.6 + 0.1 * rng.standard_normal(len(INDEX)), 0.0),
            "mobility": pd.Series(0.5 * s + 0.05 * rng.standard_normal(len(INDEX)), INDEX)[
                "2020-02":"2022-01"
            ],
        },
        index=INDEX,
    )
    frame["pmi"] = 30 + 0.4 * peers + change * s.diff() + level * s.shift()
    frame["pmi"] += sd * rng.standard_normal(len(INDEX))
    frame.loc[pd.Period("2017-09"), "pmi"] = np.nan
    return frame


@pytest.mark.truth
def test_change_and_level_are_told_apart() -> None:
    result = dose_response(_frame(-15, -3, sd=0.2), P)
    found = result.table().set_index("name")["value"]
    assert found["pmi.dose.change"] == pytest.approx(-15, abs=0.6)
    assert found["pmi.dose.level"] == pytest.approx(-3, abs=0.6)
    july = found.filter(like="june_to_july_2021") / result.moved
    assert july.tolist() == pytest.approx([-15, -15, 15], abs=1)


def test_level_is_the_sum_of_the_lag_coefficients() -> None:
    import statsmodels.api as sm

    frame = _frame()
    y, X, excluded = dose_design(frame, "level", ["peers_pmi"], "2012-03", "2022-12")
    assert excluded == {"2017-09": "pmi missing"}
    both = X.drop(columns=["change", "before"]).assign(
        s0=frame["level"].loc[y.index], s1=frame["level"].shift().loc[y.index]
    )
    free = sm.OLS(y, both).fit().params
    found = sm.OLS(y, X).fit().params
    assert found["change"] == pytest.approx(free["s0"], abs=1e-9)
    assert found["before"] == pytest.approx(free["s0"] + free["s1"], abs=1e-9)


def test_a_missing_pmi_does_not_shift_a_lag() -> None:
    frame = _frame()
    _, X, _ = dose_design(frame, "level", [], "2012-03", "2022-12")
    month = pd.Period("2021-03")
    assert X.loc[month, "before"] == frame.loc[pd.Period("2021-02"), "level"]
    assert pd.Period("2017-09") not in X.index


def test_tests_say_what_they_test() -> None:
    tests = {t.name: t for t in dose_response(_frame(-15, 0, sd=0.2), P).tests}
    assert tests["pmi.dose.symmetric"].p_value > 0.01
    lasting = {t.name: t for t in dose_response(_frame(-15, -10, sd=0.2), P).tests}
    assert lasting["pmi.dose.level_is_zero"].p_value < 0.01
    uneven = _frame(-15, 0, sd=0.2)
    uneven["pmi"] += 10 * uneven["level"].diff().clip(upper=0)
    test = {t.name: t for t in dose_response(uneven, P).tests}["pmi.dose.symmetric"]
    assert test.p_value < 0.01
    assert test.detail["ci_low"] < 10 < test.detail["ci_high"]  # easing beyond tightening


def test_effects_are_those_of_the_change_that_happened() -> None:
    frame = _frame()
    found = dose_response(frame, P)
    moved = frame["level"]["2021-07"] - frame["level"]["2021-06"]
    change, july = found["pmi.dose.change"], found["pmi.dose.june_to_july_2021"]
    assert found.moved == moved
    assert july.value == pytest.approx(moved * change.value)
    assert sorted([july.ci_low, july.ci_high]) == [july.ci_low, july.ci_high]
    assert (july.unit, july.p_value) == ("index points", change.p_value)
    frame["level"] = frame["level"].where(frame.index != "2021-06")
    with pytest.raises(EstimationError, match="effects are reported at is not known"):
        dose_response(frame, P)


def test_a_control_is_any_column_with_its_lag_and_a_slip_is_named() -> None:
    frame = _frame()
    own = P.model_copy(update={"controls": ["peers_pmi", "log_deaths:2"]})
    assert dose_response(frame, own).n == dose_response(frame, P).n
    slip = P.model_copy(update={"controls": ["log_deeths:1"]})
    with pytest.raises(EstimationError, match="log_deeths") as caught:
        dose_response(frame, slip)
    assert "log_deaths" in caught.value.todo


def test_cap_against_deaths_by_hand() -> None:
    frame = _frame().assign(deaths=lambda x: x["level"])  # what moves the index, by another name
    found = cap_against_deaths(frame, P).iloc[0]
    assert found["rmse_deaths"] < found["rmse_cap"]
    assert found["t"] > 2
    assert found["months"] == 24
    assert cap_against_deaths(frame, P.model_copy(update={"start_month": "2021-01"})).empty


def test_no_row_where_nothing_moves() -> None:
    still = ImpactParameters(java_bali_weight=0.0)
    table = by_reading(package.load_many(TABLES), still)
    assert 1 <= len(table) < 12  # with the defaults, twelve
    assert table["value"].notna().all()


def test_singular_design_is_refused() -> None:
    before = P.model_copy(update={"end_month": "2019-12"})
    with pytest.raises(EstimationError, match="singular"):
        dose_response(_frame(), before)
