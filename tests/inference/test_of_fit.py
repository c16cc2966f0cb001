"""Inference in time from a statsmodels result: the study's functions, bit for bit; the traps."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from ikm_pmi.errors import DataError, EstimationError, IkmPmiError
from ikm_pmi.inference.conformal import conformal_by_shifts
from ikm_pmi.inference.har import METHODS, har_fits
from ikm_pmi.inference.of_fit import conformal, har, placebo_windows, shift_test
from ikm_pmi.inference.shift import shift_in_time
from ikm_pmi.language import using
from ikm_pmi.pmi.event_study import event_study

T = 84


@pytest.fixture
def months():
    rng = np.random.default_rng(2)
    index = pd.period_range("2015-01", periods=T, freq="M")
    frame = pd.DataFrame({"x": rng.normal(size=T), "z": rng.normal(size=T)}, index)
    frame["y"] = (
        50 - 2 * frame["x"] + frame["z"] + np.convolve(rng.normal(size=T + 4), [1] * 5)[4:-4]
    )
    return frame


def test_bit_for_bit_what_the_functions_of_the_study_give(months):
    found = har(smf.ols("y ~ x + z", months).fit(), "x", methods=METHODS)
    X = pd.DataFrame({"Intercept": 1.0, "x": months["x"], "z": months["z"]})
    for name, fit in har_fits(months["y"], X).items():
        theirs = fit.estimate("a.b", "x", unit="points")
        assert found.estimate("a.b", "points", method=name) == theirs


def test_a_restriction_is_tested_against_its_value(months):
    fit = smf.ols("y ~ x + z", months).fit()
    found = har(fit, "x + z = -1", methods=["ols"])
    theirs = fit.t_test("x + z = -1")
    test = found.test("a.b", method="ols")
    assert found.null == -1
    assert test.p_value == pytest.approx(float(theirs.pvalue), rel=1e-9)
    assert test.statistic == pytest.approx(float(theirs.tvalue.squeeze()), rel=1e-9)
    assert found.estimate("a.b", "", "ols").value == pytest.approx(theirs.effect[0])


def test_a_weighted_fit_is_read_in_its_weighted_rows(months):
    weights = np.linspace(0.2, 3, T)
    fit = smf.wls("y ~ x + z", months, weights=weights).fit()
    found = har(fit, "x").estimate("a.b", "", "ols")
    assert found.value == pytest.approx(fit.params["x"], rel=1e-12)
    assert found.std_error == pytest.approx(fit.bse["x"], rel=1e-12)
    hac = smf.wls("y ~ x + z", months, weights=weights).fit(
        cov_type="HAC", cov_kwds={"maxlags": 11, "use_correction": False}
    )
    found = har(fit, "x", lags=11).estimate("a.b", "")
    assert found.std_error == pytest.approx(hac.bse["x"], rel=1e-12)
    unweighted = har(smf.ols("y ~ x + z", months).fit(), "x").estimate("a.b", "")
    assert abs(found.value - unweighted.value) > 1e-3


@pytest.mark.parametrize(
    "write",
    [
        lambda index: index.to_timestamp(),
        lambda index: index.to_timestamp(how="end"),
        lambda index: index.strftime("%Y-%m"),
        lambda index: index.strftime("%b %Y"),
        lambda index: index.strftime("%YM%m"),
        lambda index: pd.Index(index.year * 100 + index.month),
        lambda index: pd.RangeIndex(len(index)),
        lambda index: pd.period_range("1950Q1", periods=len(index), freq="Q"),
        lambda index: pd.period_range("1950Q1", periods=len(index), freq="Q").astype(str),
        lambda index: pd.date_range("1950-01", periods=len(index), freq="QS"),
    ],
)
def test_periods_in_any_writing(months, write):
    right = har(smf.ols("y ~ x", months).fit(), "x").table()
    same = months.set_axis(write(months.index))
    pd.testing.assert_frame_equal(har(smf.ols("y ~ x", same).fit(), "x").table(), right)
    without = months.drop(months.index[[30, 31]])
    with_gaps = har(smf.ols("y ~ x", without).fit(), "x", gaps=True)
    assert with_gaps.gaps == 2
    holes = same.assign(x=same["x"].mask(np.isin(np.arange(T), [30, 31])))
    fit = smf.ols("y ~ x", holes).fit()
    with pytest.raises(EstimationError, match="periods are missing") as caught:
        har(fit, "x")
    assert caught.value.found.startswith("2 missing")
    pd.testing.assert_frame_equal(har(fit, "x", gaps=True).table(), with_gaps.table())
    backwards = smf.ols("y ~ x", same[::-1]).fit()
    with pytest.raises(IkmPmiError, match=r"in order|order of time"):
        har(backwards, "x")


def test_an_index_without_time_is_refused(months):
    units = pd.MultiIndex.from_product([["a", "b"], months.index[: T // 2]])
    with pytest.raises(EstimationError, match="order of time"):
        har(smf.ols("y ~ x", months.set_axis(units)).fit(), "x")
    with pytest.raises(DataError, match="month cannot be read"):
        har(smf.ols("y ~ x", months.set_axis([f"r{i}" for i in range(T)])).fit(), "x")


def test_other_fits_and_singular_designs_are_refused(months):
    with pytest.raises(EstimationError, match="not a fitted OLS or WLS"):
        har(smf.glm("y ~ x", months).fit(), "x")
    with pytest.raises(EstimationError, match="cannot be read") as caught:
        har(smf.ols("y ~ x", months).fit(), "xx")
    assert "did you mean" in caught.value.todo or "names" in caught.value.todo
    with pytest.warns(UserWarning, match="rank-deficient"):
        twice = smf.ols("y ~ x + w", months.assign(w=2 * months["x"])).fit()
    with pytest.raises(EstimationError, match=r"singular|collinear"):
        har(twice, "x")


def test_arrays_are_rows_in_their_order(months):
    fit = sm.OLS(months["y"].to_numpy(), sm.add_constant(months["x"].to_numpy())).fit()
    found = har(fit, "x1").estimate("a.b", "points")
    theirs = har(smf.ols("y ~ x", months).fit(), "x").estimate("a.b", "points")
    assert found == theirs


def test_words(months):
    found = har(smf.ols("y ~ x + z", months).fit(), "x")
    assert found.sentence().startswith("x: −1.84 (95% interval")
    assert "fixed-b" in found.sentence()
    assert list(found.table().index) == ["ols", "newey_west", "cosine", "prais_winsten"]
    assert "<table" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict()))["estimates"][1]["name"] == "newey_west"
    with pytest.raises(EstimationError, match="no method called"):
        found.estimate("a.b", "", method="newey")
    with using("id"):
        assert not {"of", "the", "to"} & set(found.sentence().split())


def monthly(T=72, seed=5):
    rng = np.random.default_rng(seed)
    months = pd.period_range("2015-01", periods=T, freq="M", name="month")
    frame = pd.DataFrame({"x": rng.normal(size=T), "on": 0.0}, months)
    frame.loc["2018-03":"2018-04", "on"] = 1.0
    frame["y"] = 50 + frame["x"] - 6 * frame["on"] + rng.normal(size=T)
    return frame


def test_placebo_windows_are_dummies_of_other_windows():
    frame = monthly()
    fit = smf.ols("y ~ x + on", frame).fit()
    found = placebo_windows(fit, "on", unit="points")
    assert found.value == fit.params["on"]
    calm = frame[frame["on"] == 0]
    months = calm.index
    values = []
    for first in months:
        inside = months.isin([first, first + 1])
        if inside.sum() == 2:
            one = smf.ols("y ~ x + d", calm.assign(d=inside.astype(float))).fit()
            values.append(one.params["d"])
    assert found.detail["windows"] == len(values)
    assert found.std_error == pytest.approx(np.sqrt(np.mean(np.square(values))), rel=1e-10)
    reached = np.sum(np.abs(values) >= abs(found.value))
    assert found.p_value == pytest.approx((1 + reached) / (1 + len(values)))
    assert found.ci_low < -6 < found.ci_high
    assert "points" in found.sentence()


def test_placebo_windows_of_one_month_are_the_event_study():
    frame = monthly()
    frame["one"] = (frame.index == "2018-03").astype(float)
    calm = frame.drop(index=pd.Period("2018-04", "M"))
    found = placebo_windows(smf.ols("y ~ x + one", calm).fit(), "one")
    episode = {"e": ("2018-03", "2018-03")}
    beside = event_study(calm, "y", episode, controls=["x"])["e"]
    for key in ("value", "std_error", "ci_low", "ci_high", "p_value"):
        assert getattr(found, key) == pytest.approx(getattr(beside, key), rel=1e-10)


@pytest.mark.parametrize("term", ["x", "nothing"])
def test_a_regressor_that_is_no_dummy_is_refused(term):
    frame = monthly().assign(nothing=0.0)
    with pytest.raises(EstimationError, match="is not the dummy") as caught:
        placebo_windows(smf.ols(f"y ~ {term}", frame).fit(), term)
    assert caught.value.todo


def test_shifts_and_conformal_sets_are_those_of_the_arrays():
    frame = monthly()
    X = frame[["x", "on"]].assign(const=1.0)
    fit = smf.ols("y ~ x + on", frame).fit()
    found, plain = shift_test(fit, "on"), shift_in_time(frame["y"], X, "on")
    assert (found.value, found.p_value) == pytest.approx((plain.value, plain.p_value), rel=1e-10)
    assert (found.ci_low, found.ci_high) == pytest.approx((plain.ci_low, plain.ci_high), rel=1e-8)
    without = smf.ols("y ~ x", frame).fit()
    exact = conformal(without, ("Mar 2018", "Apr 2018"))
    arrays = conformal_by_shifts(frame["y"], X[["const", "x"]], frame["on"] == 1)
    assert exact.effect == pytest.approx(fit.params["on"], rel=1e-10)
    assert exact.p_value == arrays.p_value
    assert exact.low == pytest.approx(arrays.low, rel=1e-6)


def test_months_that_the_fit_dropped_are_not_made_up():
    frame = monthly()
    frame.loc["2016-05", "y"] = np.nan
    exact = conformal(smf.ols("y ~ x", frame).fit(), ("2018-03", "2018-04"), lags=1)
    assert exact.n == len(frame) - 1 - 2  # the month, the one after it, and the first
    with pytest.raises(EstimationError, match="not in the rows of the fit"):
        conformal(smf.ols("y ~ x", frame).fit(), ("2016-05", "2016-06"))


@pytest.mark.parametrize("ask", [shift_test, placebo_windows])
def test_weights_are_refused_and_misspelt_regressors_named(ask):
    frame = monthly()
    with pytest.raises(EstimationError, match="different weight"):
        ask(smf.wls("y ~ x + on", frame, weights=1 + frame["x"] ** 2).fit(), "on")
    with pytest.raises(EstimationError, match="there is no") as caught:
        ask(smf.ols("y ~ x + on", frame).fit(), "onn")
    assert caught.value.todo == "did you mean 'on'?"
