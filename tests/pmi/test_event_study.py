"""Event study: known effects come back, every exclusion is named, bad input is refused."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.pmi.event_study import FORMS, by_controls, evaluate, event_study
from ikm_pmi.pmi.sample import lagged, study_frame

EPISODES = ["psbb_2020:2020-04:2020-06", "ppkm_2021:2021-07:2021-08"]
PARAMETERS = ImpactParameters(controls=["lebaran_share", "peers_pmi"], leads=2)


def _frame(seed: int = 1, effect: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.period_range("2012-01", "2023-12", freq="M")
    noise = lfilter([1.0], [1.0, -0.67], 1.5 * rng.standard_normal(len(index) + 80))[80:]
    peers = 52 + lfilter([1.0], [1.0, -0.8], rng.standard_normal(len(index)))
    frame = pd.DataFrame(
        {"lebaran_share": 0.3 * (index.month == 6), "peers_pmi": peers}, index=index
    )
    frame["pmi"] = 25 + 0.5 * peers - 4 * frame["lebaran_share"] + noise
    for first, last in (("2020-04", "2020-06"), ("2021-07", "2021-08")):
        frame.loc[first:last, "pmi"] += effect
    frame.loc[[pd.Period("2012-07"), pd.Period("2017-09")], "pmi"] = np.nan
    return frame


def test_names_minimum_p_and_excluded_months() -> None:
    result = evaluate(_frame(effect=-20), EPISODES, PARAMETERS)
    names = [e.name for e in result.estimates]
    for name in ("mean", "after.2021-09", "2021-07", "2021-08", "lead.2021-05", "lead.2021-06"):
        assert f"pmi.ppkm_2021.{name}" in names
    assert {t.name for t in result.tests} == {
        f"pmi.{e}.{t}" for e in ("psbb_2020", "ppkm_2021") for t in ("no_effect", "no_anticipation")
    }
    assert result.excluded_months == {"2012-07": "pmi missing", "2017-09": "pmi missing"}
    assert "2012-07 (pmi missing)" in result.sentence()
    mean = result.table().set_index("name").loc["pmi.ppkm_2021.mean"]
    assert mean["minimum_p"] == 1 / (1 + mean["windows"])
    assert mean["p_value"] == mean["minimum_p"]
    assert mean["value"] == pytest.approx(-20, abs=4)
    assert result.n == 135 - 2


def test_equals_the_regression_with_month_dummies() -> None:
    frame = _frame(effect=-10)
    result = evaluate(frame, EPISODES, PARAMETERS)
    rows = frame.loc["2012-03":"2023-05"].dropna()
    X = sm.add_constant(rows[["lebaran_share", "peers_pmi"]])
    spans = (("2020-02", "2020-10"), ("2021-05", "2021-12"))
    switched = [m for first, last in spans for m in pd.period_range(first, last, freq="M")]
    X = X.assign(**{str(m): (rows.index == m).astype(float) for m in switched})
    expected = sm.OLS(rows["pmi"], X).fit().params
    found = result.table().set_index("name")["value"]
    assert found["pmi.ppkm_2021.2021-07"] == pytest.approx(expected["2021-07"], abs=1e-9)
    after = found["pmi.ppkm_2021.after.2021-09"]
    assert after == pytest.approx(expected["2021-09"], abs=1e-9)
    assert found["pmi.psbb_2020.lead.2020-02"] == pytest.approx(expected["2020-02"], abs=1e-9)
    months = expected[["2020-04", "2020-05", "2020-06"]]
    assert found["pmi.psbb_2020.mean"] == pytest.approx(months.mean(), abs=1e-9)


def test_band_is_wider_than_the_interval_and_holm_never_below_p() -> None:
    result = evaluate(_frame(), EPISODES, PARAMETERS)
    table = result.table().dropna(subset=["band_low"])
    assert len(table) == 5
    assert (table["band_low"] <= table["ci_low"]).all()
    assert (table["band_high"] >= table["ci_high"]).all()
    effects = [t for t in result.tests if t.name.endswith("no_effect")]
    assert all(t.detail["holm_p"] >= t.p_value for t in effects)


def test_deterministic() -> None:
    frame = _frame(effect=-5)
    first, second = (evaluate(frame, EPISODES, PARAMETERS).to_dict() for _ in range(2))
    assert first == second


def test_a_missing_month_inside_an_episode_is_named_and_windows_take_its_shape() -> None:
    frame = _frame(effect=-10)
    frame.loc[pd.Period("2020-05"), "pmi"] = np.nan
    result = evaluate(frame, EPISODES, PARAMETERS)
    names = [e.name for e in result.estimates]
    assert "pmi.psbb_2020.2020-05" not in names
    assert any("psbb_2020: no effect for 2020-05" in note for note in result.notes)
    assert result.excluded_months["2020-05"] == "pmi missing"
    assert result.placebos["psbb_2020"].errors.shape[1] == 2
    test = next(t for t in result.tests if t.name == "pmi.psbb_2020.no_effect")
    assert "without 2020-05" in test.distribution


def test_a_lead_that_belongs_to_another_episode_is_no_lead() -> None:
    episodes = ["mikro:2021-02:2021-06", "ppkm_2021:2021-07:2021-08"]
    result = evaluate(_frame(), episodes, PARAMETERS)
    assert not [e for e in result.estimates if e.name.startswith("pmi.ppkm_2021.lead")]
    assert "2021-06 is no lead of ppkm_2021: it belongs to mikro" in result.notes
    assert any("anticipation is not tested" in note for note in result.notes)


def test_too_few_windows_leave_the_interval_open_and_say_the_floor() -> None:
    short = ImpactParameters(start_month="2020-09", end_month="2021-12", controls=[], leads=0)
    result = evaluate(_frame(effect=-15), EPISODES[1:], short)
    mean = result.estimates[0]
    assert mean.ci_low is None
    assert mean.detail["minimum_p"] > 0.05


@pytest.mark.parametrize("episode", ["late:2023-05:2023-07", "early:2010-01:2010-02"])
def test_episode_outside_the_sample_is_refused(episode: str) -> None:
    with pytest.raises(EstimationError, match="not in the sample") as caught:
        evaluate(_frame(), [episode], PARAMETERS)
    assert "2012-03 to 2023-05" in caught.value.expected


def test_singular_design_names_the_columns() -> None:
    frame = _frame()
    frame["lebaran_share"] = 0.0
    with pytest.raises(EstimationError, match="singular") as caught:
        evaluate(frame, PARAMETERS.episodes, PARAMETERS)
    assert "lebaran_share" in caught.value.found


def test_sample_outside_the_data_is_refused() -> None:
    late = PARAMETERS.model_copy(update={"end_month": "2024-06"})
    with pytest.raises(EstimationError, match="reaches outside the data"):
        evaluate(_frame(), late.episodes, late)


def test_the_epidemic_in_every_form_and_a_control_beyond_its_range_is_named() -> None:
    frame = _frame(effect=-10)
    wave = pd.Series(0.0, frame.index)
    wave["2020-03":] = np.random.default_rng(1).uniform(0, 1, len(wave["2020-03":]))
    names = {c.partition(":")[0] for controls in FORMS.values() for c in controls}
    frame = frame.assign(**dict.fromkeys(names - {"pandemic"}, wave))
    frame["pandemic"] = (frame.index >= "2020-03").astype(float)
    frame.loc["2021-07", "root_deaths"] = 4.0
    frame["log_cases"] = wave.sample(frac=1, random_state=1).to_numpy()
    frame["log_deaths"] = wave.sample(frac=1, random_state=2).to_numpy()
    table = by_controls(frame, PARAMETERS, "ppkm_2021")
    assert table["epidemic"].tolist() == list(FORMS)
    assert (
        table["value"].iloc[0]
        == evaluate(frame, PARAMETERS.episodes, PARAMETERS)["ppkm_2021"].value
    )
    own = PARAMETERS.model_copy(update={"controls": ["root_deaths"]})
    notes = evaluate(frame, EPISODES, own).notes
    assert any(
        n.startswith("ppkm_2021: root_deaths reaches 4.00 in 2021-07, outside") for n in notes
    )


@pytest.mark.property
@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-30, 30), scale=st.floats(0.2, 5))
def test_shift_and_scale_of_the_pmi(shift: float, scale: float) -> None:
    frame = _frame(effect=-8)
    moved = frame.assign(pmi=shift + scale * frame["pmi"])
    before, after = (evaluate(f, EPISODES, PARAMETERS) for f in (frame, moved))
    for a, b in zip(before.estimates, after.estimates, strict=True):
        assert b.value == pytest.approx(scale * a.value, rel=1e-7, abs=1e-7)
        assert b.p_value == a.p_value
        assert b.ci_high == pytest.approx(scale * (a.ci_high or 0), rel=1e-7, abs=1e-7)


@pytest.mark.property
@settings(max_examples=10, deadline=None)
@given(order=st.permutations(EPISODES))
def test_order_of_the_episodes_does_not_matter(order: list[str]) -> None:
    frame = _frame(effect=-8)
    a, b = (evaluate(frame, e, PARAMETERS).table().set_index("name") for e in (EPISODES, order))
    pd.testing.assert_series_equal(a["value"], b["value"].loc[a.index], check_exact=False)


def test_study_frame_has_every_column_and_never_fills_a_peer() -> None:
    index = pd.period_range("2020-01", "2020-04", freq="M")
    monthly = pd.DataFrame(
        {
            "pmi": [50.0, 49.0, np.nan, 30.0],
            "new_cases": [0.0, 9.0, 99.0, 999.0],
            "new_deaths": 0.0,
            "stringency": [0.0, 10.0, 40.0, 70.0],
            "workplaces": [np.nan, -5.0, -20.0, -40.0],
        },
        index=index,
    )
    rules = pd.DataFrame({"level": [0.4], "industry_cap": [0.9]}, index=index[3:])
    peers = pd.DataFrame(
        {
            "country_iso3": ["AAA", "BBB", "AAA"],
            "month": [index[0], index[0], index[1]],
            "pmi": [50.0, 60.0, 40.0],
        }
    )
    parameters = ImpactParameters(peers=["AAA", "BBB"])
    frame = study_frame(monthly, rules, pd.Series(0.0, index), peers, parameters)
    assert frame["peers_pmi"].iloc[0] == 55.0
    assert frame["peers_pmi"].iloc[1:].isna().all()  # not the mean of the one that is left
    assert frame["log_cases"].iloc[2] == pytest.approx(np.log(100))
    assert lagged(frame, ["new_cases:2"])["new_cases:2"].iloc[3] == 9
    assert frame["pandemic"].tolist() == [0, 0, 1, 1]
    assert frame["level"].tolist() == [0, 0, 0, 0.4]
    assert frame["industry_closure"].iloc[3] == pytest.approx(0.1)
    assert frame["mobility"].iloc[3] == pytest.approx(0.4)
    with pytest.raises(EstimationError, match="no PMI for peer country ZZZ"):
        study_frame(
            monthly, rules, pd.Series(0.0, index), peers, ImpactParameters(peers=["AAA", "ZZZ"])
        )


def _retail():
    """A series of somebody else's: other column, text for months, a flood and a strike."""
    rng = np.random.default_rng(4)
    months = [f"{month:02d}/{year}" for year in range(2012, 2020) for month in range(1, 13)]
    wages = rng.normal(0, 1, len(months)).cumsum()
    index = pd.Series(100 + 0.5 * wages + rng.normal(0, 0.5, len(months)), months)
    index["03/2015":"04/2015"] -= 8
    index["09/2018"] -= 3
    return pd.DataFrame({"index": index, "wages": wages})


SPELLS = {"flood": ("Maret 2015", "2015-04"), "strike": ("2018-09", "Sep 2018")}


def test_a_series_of_somebody_else():
    data = _retail()
    found = event_study(data, "index", SPELLS, controls=["wages"], leads=1, after=1, unit="percent")
    assert found["flood"].value == pytest.approx(-8, abs=1)
    assert found["strike"].value == pytest.approx(-3, abs=1.5)
    assert found["flood"].unit == "percent"
    assert {"index.flood.lead.2015-02", "index.flood.after.2015-05"} <= set(found.table()["name"])
    assert found.test("index.flood.no_effect").null == (
        "the mean effect of flood on the index is zero"
    )
    assert "PMI" not in found.sentence()


def test_months_may_come_as_text_dates_or_periods_and_a_series_as_itself():
    data = _retail()
    by_text = event_study(data, "index", SPELLS)
    months = pd.period_range("2012-01", periods=len(data), freq="M")
    for index in (months, months.to_timestamp(), months.to_timestamp("M").date):
        other = event_study(data["index"].set_axis(index), "index", SPELLS)
        assert other.to_dict() == by_text.to_dict()


def test_months_after_an_episode_are_no_placebos():
    data = _retail()
    data.loc["05/2015", "index"] += 30  # a rebound
    plain, apart = (event_study(data, "index", SPELLS, after=after) for after in (0, 1))
    assert np.abs(plain.placebos["flood"].errors).max() > 20
    assert np.abs(apart.placebos["flood"].errors).max() < 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.iloc[::-1], "12/2019|2019-11 after 2019-12"),
        (lambda d: d.reset_index(drop=True), "96 rows, counted"),
        (lambda d: pd.concat([d, d.iloc[-1:]]), "2019-12 twice"),
        (lambda d: d.rename(columns={"wages": "pay"}), "wages"),
    ],
)
def test_data_that_cannot_be_read_say_where(change, message):
    with pytest.raises((DataError, EstimationError)) as error:
        event_study(change(_retail()), "index", SPELLS, controls=["wages"])
    assert re.search(message, error.value.found)
    assert error.value.todo


def test_a_month_without_a_row_is_one_without_values():
    data = _retail().drop("06/2014")
    found = event_study(data, "index", SPELLS)
    assert found.excluded_months == {"2014-06": "index missing"}


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ({"level": 95}, "level"),
        ({"leads": -1}, "leads"),
        ({"after": -2}, "after"),
        ({"controls": ["const"]}, "controls"),
        ({"episodes": {"a": ("2015-03", "2015-05"), "b": ("2015-05", "2015-06")}}, "episodes"),
        ({"episodes": {"Flood 2015": ("2015-03", "2015-04")}}, "episodes"),
        ({"episodes": {"a": ("2015-05", "2015-03")}}, "episodes"),
        ({"episodes": {"a": "2015-05"}}, "episodes"),
        ({"episodes": ["a:2015-03:2015-03", "a:2016-03:2016-03"]}, "episodes"),
        ({"data": [1.0, 2.0]}, "data"),
        ({"data": pd.Series([], dtype=float)}, "data"),
    ],
)
def test_what_makes_no_design_is_refused_in_four_parts(how, where):
    given = {"data": _retail(), "outcome": "index", "episodes": SPELLS} | how
    with pytest.raises(EstimationError) as error:
        event_study(**given)
    assert error.value.where == where
    assert all((error.value.expected, error.value.found, error.value.todo))


def test_one_control_may_be_given_by_its_name_and_the_title_speaks_of_the_outcome():
    data = _retail().rename(columns={"index": "sales.idx"})
    found = event_study(data, "sales.idx", SPELLS, controls="wages", unit="percent")
    assert found["flood"].name == "sales.idx.flood.mean"
    assert " sales.idx stood " in found.headline()
    assert "percent" in found.headline()
