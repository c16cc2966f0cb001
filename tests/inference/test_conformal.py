"""Conformal set, end-of-sample test and placebo in time against loops, and on known truth."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.conformal import conformal_by_shifts
from ikm_pmi.inference.inversion import pieces
from ikm_pmi.inference.windows import end_of_sample, placebo_time

T = 112  # 2012-05 to 2021-08
EPISODE = np.array([T - 2, T - 1])


def ar1(rng, length, rho=0.67, sd=1.34, burn=60):
    """An AR(1) with the persistence and innovations of the Indonesian PMI."""
    shocks = rng.normal(size=length + burn) * sd
    series = np.zeros(length + burn)
    for t in range(1, length + burn):
        series[t] = rho * series[t - 1] + shocks[t]
    return series[burn:]


def sample(seed, effect=0.0, length=T, episode=EPISODE):
    rng = np.random.default_rng(seed)
    y = 50 + ar1(rng, length)
    y[episode] += effect
    return y, np.column_stack([np.ones(length), ar1(rng, length)])


def p_by_refitting(y, X, treated, effect, lags):
    """One candidate the slow way: refit with statsmodels, then move the block step by step."""
    null = y - effect * np.isin(np.arange(len(y)), treated)
    rows = np.arange(lags, len(y))
    design = np.column_stack([X[rows], *[null[rows - lag] for lag in range(1, lags + 1)]])
    u = sm.OLS(null[rows], design).fit().resid
    n, block = len(u), treated - lags
    actual = abs(u[block].mean())
    moved = [abs(u[(block + shift) % n].mean()) for shift in range(n)]
    return sum(m >= actual * (1 - 1e-9) for m in moved) / n


@pytest.mark.second
@pytest.mark.parametrize("lags", [0, 1, 2])
@pytest.mark.parametrize("treated", [EPISODE, np.array([40, 41, 42]), np.array([30, 33])])
def test_p_values_equal_a_loop_of_refits(lags, treated):
    y, X = sample(3, -4.0, episode=treated)
    result = conformal_by_shifts(y, X, treated, lags=lags, candidates=15)
    slow = [p_by_refitting(y, X, treated, effect, lags) for effect in result.candidates]
    assert result.p_values == pytest.approx(slow, abs=1e-12)
    shown, test = result.estimate("e"), result.test("e", "no effect")
    assert shown.n == test.n == result.n == T - lags
    assert (shown.ci_low, shown.ci_high) == (result.low, result.high)
    assert (shown.p_value, test.p_value) == (result.p_value, result.p_value)
    assert shown.detail["minimum_p"] == test.minimum_p == result.minimum_p
    assert result.table().to_dict("list") == {
        "effect": result.candidates.tolist(), "p_value": result.p_values.tolist()
    }  # fmt: skip
    assert result.p_value == pytest.approx(p_by_refitting(y, X, treated, 0.0, lags), abs=1e-12)


@pytest.mark.second
def test_effect_without_lags_is_the_dummy_coefficient():
    y, X = sample(4, -10.0)
    dummy = np.isin(np.arange(T), EPISODE).astype(float)
    fitted = sm.OLS(y, np.column_stack([X, dummy])).fit()
    assert conformal_by_shifts(y, X, EPISODE).effect == pytest.approx(fitted.params[-1], abs=1e-9)


@pytest.mark.parametrize("lags", [0, 1])
def test_set_holds_the_estimate_and_excludes_what_is_refused(lags):
    y, X = sample(5, -10.0)
    result = conformal_by_shifts(y, X, EPISODE, lags=lags)
    assert result.low < result.effect < result.high < 0
    assert result.p_value == result.minimum_p == 1 / result.n
    kept = result.candidates[result.p_values > 0.05]
    assert kept.min() >= result.low
    assert kept.max() <= result.high
    record = result.estimate("x.mean").to_dict()
    assert (record["ci_low"], record["ci_high"]) == (result.low, result.high)
    assert result.test("conformal.x", "nothing happened").minimum_p == result.minimum_p


@pytest.mark.truth
def test_size_and_coverage_on_the_studys_own_kind_of_series(tries):
    runs = tries(600, 200)
    p, covered = np.empty(runs), np.empty(runs, bool)
    for i in range(runs):
        y, X = sample(10_000 + i, -10.0)
        result = conformal_by_shifts(y, X, EPISODE, candidates=41)
        covered[i] = any(low <= -10.0 <= high for low, high in result.intervals)
        y[EPISODE] += 10.0
        p[i] = conformal_by_shifts(y, X, EPISODE, candidates=3).p_value
    error = 2 * np.sqrt(0.05 * 0.95 / runs)  # two Monte-Carlo standard errors
    assert 0.03 - error < np.mean(p <= 0.05) < 0.07 + error
    assert 0.93 - error < covered.mean() < 0.97 + error


@pytest.mark.truth
def test_end_of_sample_size_and_power(tries):
    runs = tries(400, 200)
    null = [end_of_sample(*sample(20_000 + i), EPISODE).p_value for i in range(runs)]
    error = 2 * np.sqrt(0.05 * 0.95 / runs)
    assert 0.03 - error < np.mean(np.array(null) <= 0.05) < 0.07 + error
    shifted = [end_of_sample(*sample(30_000 + i, -10.0), EPISODE).p_value for i in range(60)]
    assert np.mean(np.array(shifted) <= 0.05) > 0.95


@pytest.mark.truth
def test_power_at_minus_ten_points():
    p = [
        conformal_by_shifts(*sample(40_000 + i, -10.0), EPISODE, candidates=3).p_value
        for i in range(100)
    ]
    assert np.mean(np.array(p) <= 0.05) > 0.95


@pytest.mark.second
@pytest.mark.parametrize(("columns", "m"), [(1, 3), (2, 2), (2, 3)])
def test_end_of_sample_equals_a_loop_of_refits(columns, m):
    y, X = sample(6, -3.0)
    X = X[:, :columns]
    n = T - m
    full = sm.OLS(y, X).fit()
    sigma = sum(np.outer(full.resid[j : j + m], full.resid[j : j + m]) for j in range(n + 1))
    weight = np.linalg.inv(sigma / (n + 1))

    def statistic(j, beta):
        u, Z = y[j : j + m] - X[j : j + m] @ beta, X[j : j + m]
        if m <= columns:
            return u @ weight @ u
        a = Z.T @ weight @ u
        return a @ np.linalg.solve(Z.T @ weight @ Z, a)

    placebos = []
    for j in range(n - m + 1):
        left_out = np.arange(j, j + -(-m // 2))
        rest = np.setdiff1d(np.arange(n), left_out)
        placebos.append(statistic(j, sm.OLS(y[rest], X[rest]).fit().params))
    actual = statistic(n, full.params)
    result = end_of_sample(y, X, np.arange(n, T))
    assert result.statistic == pytest.approx(actual, rel=1e-9)
    assert result.p_value == pytest.approx((1 + np.sum(placebos >= actual)) / (len(placebos) + 1))
    assert result.minimum_p == pytest.approx(1 / (len(placebos) + 1))


def test_end_of_sample_does_not_look_past_the_episode():
    y, X = sample(7)
    before = end_of_sample(y, X, [90, 91])
    y[92:] += 30.0
    assert end_of_sample(y, X, [90, 91]) == before


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shift=st.floats(-100, 100),
    scale=st.floats(0.1, 10),
    lags=st.integers(0, 1),
)
def test_a_constant_or_a_unit_changes_nothing(seed, shift, scale, lags):
    y, X = sample(seed, -5.0)
    a = conformal_by_shifts(y, X, EPISODE, lags=lags, candidates=21)
    b = conformal_by_shifts(shift + scale * y, X, EPISODE, lags=lags, candidates=21)
    assert b.effect == pytest.approx(scale * a.effect, rel=1e-5, abs=1e-6)
    assert b.p_value == a.p_value


def test_months_set_aside_are_as_good_as_absent():
    y, X = sample(8, -6.0)
    usable = np.ones(T, bool)
    usable[[3, 50, 51]] = False
    gappy = y.copy()
    gappy[~usable] = np.nan
    with_gaps = conformal_by_shifts(gappy, X, EPISODE, usable=usable)
    without = conformal_by_shifts(y[usable], X[usable], EPISODE - 3)
    assert with_gaps.intervals == without.intervals
    assert (with_gaps.n, with_gaps.dropped) == (T - 3, 3)
    # With one lag, each hole costs the month after it as well; two of them are neighbours.
    assert conformal_by_shifts(gappy, X, EPISODE, usable=usable, lags=1).n == T - 3 - 2 - 1


def test_the_same_call_gives_the_same_numbers():
    y, X = sample(9, -6.0)
    assert (
        conformal_by_shifts(y, X, EPISODE).to_dict() == conformal_by_shifts(y, X, EPISODE).to_dict()
    )


def test_a_set_no_rank_can_bound_is_said_to_have_no_ends():
    y, X = sample(11, -6.0)
    result = conformal_by_shifts(y, X, EPISODE, level=0.995)  # 1/112 is more than 0.005
    assert result.intervals == ((None, None),)
    assert result.estimate("x").ci_low is None
    assert "−∞ to ∞" in result.sentence()


def test_pieces_of_a_set_are_reported_apart():
    def kept(effects):
        return (np.abs(effects) < 1) | ((effects > 3) & (effects < 4))

    grid = np.linspace(-6, 6, 121)
    for how in ({"parts": 40, "atol": 1 / 300}, {"atol": 0.01}):
        found = np.array(pieces(kept, grid, endless=(False, False), **how))
        assert found == pytest.approx(np.array([[-1, 1], [3, 4]]), abs=0.01)
    assert pieces(kept, grid[50:95], atol=0.01)[1][1] is None
    assert pieces(kept, grid[50:95], atol=0.01, endless=(True, False))[1][1] == grid[94]


def test_placebo_time_counts_ties_and_the_episode_itself():
    result = placebo_time(-2.0, [1.0, 2.0, -3.0, 0.5], name="placebo_time.x", null="none", how="-")
    assert result.p_value == 3 / 5
    assert result.minimum_p == 1 / 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treated": [T, T + 1]}, "not inside the sample"),
        ({"treated": []}, "not inside the sample"),
        ({"usable": np.arange(T) < T - 1}, "not inside the sample"),
        ({"gap": 10}, "gaps"),
        ({"X": np.ones((T, 2))}, "collinear"),
        ({"X": np.ones((T - 1, 1))}, "length"),
        ({"X": np.column_stack([np.ones(T), np.isin(np.arange(T), EPISODE)])}, "dummy"),
    ],
)
def test_what_cannot_be_tested_is_refused(change, message):
    y, X = sample(12)
    if "gap" in change:
        y[change["gap"]] = np.nan
    with pytest.raises(EstimationError, match=message) as caught:
        conformal_by_shifts(
            y, change.get("X", X), change.get("treated", EPISODE), usable=change.get("usable")
        )
    assert caught.value.expected


def test_end_of_sample_refuses_a_hole_and_a_short_past():
    y, X = sample(13)
    with pytest.raises(EstimationError, match="without a hole"):
        end_of_sample(y, X, [80, 82])
    with pytest.raises(EstimationError, match="too few blocks"):
        end_of_sample(y, X, [3, 4])
    with pytest.raises(EstimationError, match="no placebo"):
        placebo_time(1.0, [], name="placebo_time.x", null="none", how="-")
