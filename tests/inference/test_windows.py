"""Placebo windows, shifts in time, and several effects at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.bands import holm, sup_t_critical, sup_t_half_widths
from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.shift import shift_in_time
from ikm_pmi.inference.windows import half_width, leave_window_out, rank_p_value

T = 130
INDEX = pd.period_range("2012-03", periods=T, freq="M")


def _ar1(rng: np.random.Generator, phi: float = 0.67) -> np.ndarray:
    return np.asarray(lfilter([1.0], [1.0, -phi], 2 * rng.standard_normal(T + 80))[80:])


def _sample(rng: np.random.Generator) -> tuple[pd.Series, pd.DataFrame]:
    X = pd.DataFrame({"const": 1.0, "x": _ar1(rng, 0.5)}, INDEX)
    return pd.Series(50 + _ar1(rng), INDEX), X


def test_leaving_out_a_window_is_fitting_dummies_for_it() -> None:
    y, X = _sample(np.random.default_rng(3))
    y, X = y.drop(y.index[[20, 60]]), X.drop(X.index[[20, 60]])
    offsets = np.array([0, 1, 3])
    placebo = leave_window_out(y, X, offsets)
    for w in (0, 40, placebo.windows - 1):
        months = [placebo.first_months[w] + int(o) for o in offsets]
        dummies = {str(m): (y.index == m).astype(float) for m in months}
        refit = sm.OLS(y, X.assign(**dummies)).fit()
        np.testing.assert_allclose(placebo.errors[w], refit.params[list(dummies)], atol=1e-9)


def test_windows_never_touch_a_missing_month() -> None:
    y, X = _sample(np.random.default_rng(3))
    y, X = y.drop(y.index[20]), X.drop(X.index[20])
    first = leave_window_out(y, X, np.array([0, 1])).first_months
    assert len(first) == T - 1 - 2
    assert not {INDEX[19], INDEX[20], INDEX[-1]} & set(first)


def test_no_window_and_a_regressor_of_one_window_are_refused() -> None:
    y, X = _sample(np.random.default_rng(3))
    with pytest.raises(EstimationError, match="no placebo window"):
        leave_window_out(y.iloc[:3], X.iloc[:3], np.arange(4))
    lone = X.assign(lone=(INDEX[30] == INDEX).astype(float))
    with pytest.raises(EstimationError, match="identified by one placebo window") as caught:
        leave_window_out(y, lone, np.array([0]))
    assert f"{INDEX[30]}: lone" in caught.value.found


def test_rank_p_counts_ties_against_and_has_a_floor() -> None:
    errors = np.array([1.0, -2.0, 3.0])
    assert rank_p_value(2.0, errors) == 3 / 4
    assert rank_p_value(99.0, errors) == 1 / 4
    assert half_width(errors, 0.95) is None
    assert half_width(np.arange(1.0, 20.0), 0.95) == 19.0


@pytest.mark.property
@settings(deadline=None)
@given(effect=st.floats(-6, 6), seed=st.integers(0, 50))
def test_the_interval_inverts_the_rank_test(effect: float, seed: int) -> None:
    errors = np.random.default_rng(seed).standard_normal(60)
    half = half_width(errors, 0.9)
    assert half is not None
    if abs(abs(effect) - half) > 1e-6:
        assert (rank_p_value(effect, errors) <= 0.1) == (abs(effect) > half)


@pytest.mark.truth
def test_size_and_coverage_for_a_two_month_episode_and_how_newey_west_fails() -> None:
    rng, reps = np.random.default_rng(20210903), 1000
    episode = slice(112, 114)
    keep = np.ones(T, dtype=bool)
    keep[111:114] = False  # the episode and one lead
    rejected = covered = newey_west = 0
    for r in range(reps):
        y, X = _sample(rng)
        beta = np.linalg.lstsq(X[keep].to_numpy(), y[keep].to_numpy(), rcond=None)[0]
        effect = float((y.to_numpy() - X.to_numpy() @ beta)[episode].mean())
        means = leave_window_out(y[keep], X[keep], np.arange(2)).mean
        rejected += rank_p_value(effect, means) <= 0.05
        # A true effect of -10 points moves the estimate and its interval alike.
        covered += abs((effect - 10) + 10) <= (half_width(means, 0.95) or 0)
        if r < 100:
            on = X.assign(on=((np.arange(T) >= 112) & (np.arange(T) < 114)).astype(float))
            fit = har_fits(y, on, methods=["newey_west"])["newey_west"]
            value, error = fit.linear("on")
            newey_west += abs(value / error) > fit.reference.critical(0.95)
    # Monte-Carlo standard error at 5 percent with 1,000 replications: 0.7 points.
    assert 0.03 <= rejected / reps <= 0.07
    assert 0.93 <= covered / reps <= 0.97
    assert newey_west / 100 > 0.4


def _spikes() -> pd.DataFrame:
    """A change and a level like the restrictions': two spikes in ten years."""
    s = np.zeros(T)
    s[97:100], s[100:112], s[112:114], s[114:125] = 0.45, 0.2, 0.8, 0.6
    s = pd.Series(s, INDEX)
    return pd.DataFrame(
        {"const": 1.0, "change": s.diff().fillna(0.0), "before": s.shift(fill_value=0)}
    )


@pytest.mark.truth
@pytest.mark.parametrize("column", ["change", "before"])
def test_shift_test_keeps_its_size_where_newey_west_does_not(column: str) -> None:
    rng, reps, X = np.random.default_rng(8), 500, _spikes()
    shifts = newey_west = 0
    for r in range(reps):
        y = pd.Series(50 + _ar1(rng), INDEX) - 20 * X["change" if column == "before" else "before"]
        shifts += shift_in_time(y, X, column).p_value <= 0.05
        if r < 100:
            fit = har_fits(y, X, methods=["newey_west"])["newey_west"]
            value, error = fit.linear(column)
            newey_west += abs(value / error) > fit.reference.critical(0.95)
    # Monte-Carlo standard error at 5 percent with 500 replications: 1.0 points.
    assert 0.025 <= shifts / reps <= 0.08
    assert newey_west / 100 > 0.12


def test_shift_interval_holds_the_estimate_and_inverts_the_test() -> None:
    rng, X = np.random.default_rng(9), _spikes()
    y = pd.Series(50 + _ar1(rng), INDEX) - 15 * X["change"]
    result = shift_in_time(y, X, "change")
    assert result.ci_low is not None
    assert result.ci_high is not None
    assert result.ci_low < result.value < result.ci_high
    assert result.minimum_p == 1 / T
    outside = shift_in_time(y - (result.ci_low - 0.01) * X["change"], X, "change")
    inside = shift_in_time(y - (result.ci_low + 0.01) * X["change"], X, "change")
    assert outside.p_value <= 0.05 < inside.p_value
    estimate = sm.OLS(y, X).fit().params["change"]
    assert result.value == pytest.approx(estimate, abs=1e-10)


@pytest.mark.second
def test_holm_against_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    p = {"a": 0.04, "b": 0.001, "c": 0.03, "d": 0.5}
    np.testing.assert_allclose(
        list(holm(p).values()), multipletests(list(p.values()), method="holm")[1]
    )


@pytest.mark.truth
def test_sup_t_band_covers_all_months_at_once() -> None:
    rng = np.random.default_rng(4)
    cov = 0.5 * np.eye(3) + 0.5
    root = np.linalg.cholesky(cov)
    inside = sum(
        bool(np.all(np.abs(root @ rng.standard_normal(3)) <= half))
        for _ in range(600)
        if (half := sup_t_half_widths((root @ rng.standard_normal((3, 200))).T, 0.9)) is not None
    )
    assert 0.87 <= inside / 600 <= 0.93


def test_sup_t_critical_lies_between_one_and_bonferroni() -> None:
    value = sup_t_critical(np.eye(4), 0.95, np.random.default_rng(1))
    assert value == pytest.approx(2.4906, abs=0.03)  # independent: Phi^-1((1 + 0.95^(1/4)) / 2)
