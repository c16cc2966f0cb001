"""Dose-response, its checks, the horse race and the implied level on frames of known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from ikm_pmi.errors import EstimationError
from ikm_pmi.models.dose import dose_response
from ikm_pmi.models.dose_checks import confounder_steps, distributed_lag
from ikm_pmi.models.horse_race import horse_race
from ikm_pmi.models.implied_level import implied_level
from ikm_pmi.models.study import dose_design
from ikm_pmi.parameters import ImpactParameters

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
    for name, mean in (("log_cases_now", 8), ("log_deaths_now", 5)):
        frame[name] = np.where(pandemic, mean + rng.standard_normal(len(INDEX)), 0.0)
    return frame


@pytest.mark.truth
def test_change_and_level_are_told_apart() -> None:
    found = dose_response(_frame(-15, -3, sd=0.2), P).table().set_index("name")["value"]
    assert found["pmi.dose.change"] == pytest.approx(-15, abs=0.6)
    assert found["pmi.dose.level"] == pytest.approx(-3, abs=0.6)
    assert found["pmi.dose.tightening"] == pytest.approx(-15, abs=1)
    assert found["pmi.dose.easing"] == pytest.approx(-15, abs=1)
    assert found["pmi.dose.long_run"] == pytest.approx(-3, abs=0.8)
    assert found["pmi.dose.change.logit"] == pytest.approx(-15, abs=2)


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
    result = dose_response(_frame(-15, 0, sd=0.2), P)
    tests = {t.name: t for t in result.tests}
    assert tests["pmi.dose.level_is_zero"].detail["minimum_detectable"] > 0
    assert tests["pmi.dose.level_is_material"].p_value < 0.05  # no lasting effect of two points
    assert tests["pmi.dose.symmetric"].p_value > 0.01
    lasting = {t.name: t for t in dose_response(_frame(-15, -10, sd=0.2), P).tests}
    assert lasting["pmi.dose.level_is_zero"].p_value < 0.01
    assert lasting["pmi.dose.level_is_material"].p_value > 0.95
    uneven = _frame(-15, 0, sd=0.2)
    uneven["pmi"] += 10 * uneven["level"].diff().clip(upper=0)
    assert {t.name: t for t in dose_response(uneven, P).tests}["pmi.dose.symmetric"].p_value < 0.01


def test_newey_west_and_shift_can_each_be_the_main_inference() -> None:
    frame = _frame()
    main = dose_response(frame, P.model_copy(update={"dose_inference": "newey_west"}))
    other = dose_response(frame, P.model_copy(update={"dose_inference": "shift"}))
    assert other.estimates[0].value == main.estimates[0].value
    assert other.estimates[0].ci_low == main.estimates[0].detail["shift_low"]
    assert other.tests[0].minimum_p == 1 / other.n
    assert set(main.har["inference"]) == {
        *("ols", "newey_west", "cosine", "prais_winsten", "structural", "shift")
    }
    assert main.har["name"].tolist() == ["pmi.dose.change"] * 6 + ["pmi.dose.level"] * 6
    assert main.har["inference"].tolist()[:6] == main.har["inference"].tolist()[6:]
    assert set(main.har["unit"]) == {main.estimates[0].unit}
    assert isinstance(main.har.index, pd.RangeIndex)


def test_delta_method_of_the_long_run_by_finite_differences() -> None:
    from ikm_pmi.inference.har import har_fits

    frame = _frame(sd=1.0)
    ardl = distributed_lag(frame, P)[1]
    s = frame["level"]
    lags = {f"lag_{j}": s.shift(j) for j in range(P.lags + 1)}
    rows = frame.assign(own=frame["pmi"].shift(), **lags)[["pmi", *lags, "own", "peers_pmi"]]
    rows = rows.loc[P.start_month : P.end_month].dropna()
    X = rows.drop(columns="pmi").assign(const=1.0)
    fit = har_fits(rows["pmi"], X, methods=["newey_west"])["newey_west"]

    def long_run(b: pd.Series) -> float:
        return float(b[list(lags)].sum() / (1 - b["own"]))

    step = 1e-6
    gradient = np.array(
        [
            (long_run(fit.params + step * e) - long_run(fit.params - step * e)) / (2 * step)
            for e in np.eye(len(fit.params))
        ]
    )
    assert ardl.value == pytest.approx(long_run(fit.params), rel=1e-9)
    assert ardl.std_error == pytest.approx(np.sqrt(gradient @ fit.cov @ gradient), rel=1e-5)


def test_confounder_steps_share_their_months() -> None:
    steps = confounder_steps(_frame(), P)
    ladder = steps[steps["role"] == "confounder"]
    assert set(ladder["n"]) == {129}  # 130 months, one without a PMI
    assert list(ladder["step"])[-1] == "+ log_deaths"
    mediator = steps[steps["role"] == "mediator"].iloc[0]
    assert mediator["n"] == steps[steps["role"] == "sample"].iloc[0]["n"] == 24
    assert abs(mediator["change"]) < abs(steps.iloc[-2]["change"])  # it takes part of the way
    assert list(steps["role"]).count("confounder, partly a result") == 2
    assert pd.isna(steps.iloc[7]["movement"])  # another sample: no movement is claimed


def test_horse_race_finds_the_horse() -> None:
    frame = _frame(-15, 0)
    race = horse_race(frame, P, ["level", "industry_closure", "oxcgrt"])
    assert race.ranking.iloc[0]["intensity"] == "level"
    assert race.n == 129
    pairs = race.pairs.set_index(["model", "rival"])
    assert pairs.loc[("oxcgrt", "level"), "j_p_har"] < 0.01
    assert pairs.loc[("oxcgrt", "level"), "encompassing_p"] < 0.01
    assert pairs.loc[("level", "oxcgrt"), "j_p"] > 0.01
    short = horse_race(frame, P, ["level", "mobility"])
    assert short.n == 23
    assert short.excluded_months["2019-01"] == "mobility missing"


@pytest.mark.second
def test_encompassing_against_statsmodels() -> None:
    import statsmodels.api as sm
    from statsmodels.stats.diagnostic import compare_encompassing

    from ikm_pmi.inference.har import truncation

    frame = _frame()
    pairs = horse_race(frame, P, ["level", "industry_closure"]).pairs
    y, X, _ = dose_design(frame, "level", ["peers_pmi"], "2012-03", "2022-12")
    Z = dose_design(frame, "industry_closure", ["peers_pmi"], "2012-03", "2022-12")[1]
    own, other = sm.OLS(y, X).fit(), sm.OLS(y, Z[["change", "before"]]).fit()
    robust = {"cov_type": "HAC", "cov_kwds": {"maxlags": truncation(len(y)) - 1}}
    expected = compare_encompassing(own, other, **robust).loc["x", "pvalue"]
    assert pairs.iloc[0]["encompassing_p"] == pytest.approx(expected, rel=1e-6)


def test_horse_race_needs_months_to_learn_from() -> None:
    early = P.model_copy(update={"forecast_from": "2012-04"})
    with pytest.raises(EstimationError, match="too few months to forecast"):
        horse_race(_frame(), early, ["level", "oxcgrt"])


def test_an_intensity_that_never_moves_is_singular() -> None:
    before = P.model_copy(update={"end_month": "2019-12"})
    with pytest.raises(EstimationError, match="singular") as caught:
        dose_response(_frame(), before)
    assert "change" in caught.value.found


def test_implied_level_by_hand() -> None:
    months = pd.period_range("2021-06", periods=6, freq="M")
    pmi = pd.Series([53.0, 40.0, 45.0, 52.0, 58.0, 56.0], months)
    result = implied_level(pmi, "2021-06")
    assert result.path["level"].tolist() == [-10.0, -15.0, -13.0, -5.0, 1.0]
    assert [e.value for e in result.estimates] == [-15.0, -43.0, 4.0]
    assert result.recovered == pd.Period("2021-11")
    higher = implied_level(pmi, "2021-06", pd.Series(52.0, months))
    assert higher.recovered is None
    assert "not made up" in higher.sentence()


def test_implied_level_stops_at_a_gap_and_at_no_loss() -> None:
    months = pd.period_range("2021-06", periods=5, freq="M")
    with pytest.raises(EstimationError, match="cannot be followed") as caught:
        implied_level(pd.Series([53.0, 40.0, np.nan, 60.0, 60.0], months), "2021-06")
    assert "2021-08" in caught.value.found
    with pytest.raises(EstimationError, match="nothing was lost"):
        implied_level(pd.Series(55.0, months), "2021-06")
