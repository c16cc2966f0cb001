"""The restricted wild cluster bootstrap: exact by hand, against others, size, intervals."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.clusters import cluster_moments
from ikm_pmi.inference.wild_bootstrap import draw_weights, wild_bootstrap


def data(G=7, n=6, slope=0.0, seed=3):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(G), n)
    x = rng.normal(size=G)[codes] + rng.normal(size=G * n)
    y = slope * x + rng.normal(size=G)[codes] + rng.normal(size=G * n)
    return y, np.column_stack([np.ones(G * n), x]), codes


def crv1_t(y, X, codes, value):
    """Textbook statistic, up to the factor common to all draws."""
    bread = np.linalg.inv(X.T @ X)
    b = bread @ X.T @ y
    u = y - X @ b
    scores = np.stack([X[codes == g].T @ u[codes == g] for g in np.unique(codes)])
    return (b[1] - value) / np.sqrt((bread @ scores.T @ scores @ bread)[1, 1])


@pytest.mark.parametrize("null", [0.0, 0.3])
def test_enumerated_p_is_that_of_refitting_every_draw(null):
    y, X, codes = data()
    slope = np.array([0.0, 1.0])
    restricted = (y - null * X[:, 1]).mean() + null * X[:, 1]
    observed = abs(crv1_t(y, X, codes, null))
    draws = [
        abs(crv1_t(restricted + np.array(v)[codes] * (y - restricted), X, codes, null))
        for v in product([-1, 1], repeat=7)
    ]
    by_hand = np.mean(np.array(draws) >= observed - 1e-9)
    m = cluster_moments(y, X, codes)
    test = wild_bootstrap(m, slope, null, rng=np.random.default_rng(0))
    assert test.enumerated
    assert test.p_value == by_hand
    assert test.minimum_p == 2 / 2**7


def theirs(y, X, codes, draws, kind):
    import statsmodels.api as sm
    from wildboottest.wildboottest import wildboottest

    frame = pd.DataFrame(X, columns=["const", "x"])
    table = wildboottest(
        sm.OLS(y, frame), param="x", cluster=codes, B=draws, weights_type=kind, seed=5,
        parallel=False, show=False,
    )  # fmt: skip
    return float(table["p-value"].iloc[0])


@pytest.mark.second
def test_enumerated_p_equals_that_of_wildboottest():
    y, X, codes = data(slope=0.3)
    test = wild_bootstrap(cluster_moments(y, X, codes), np.array([0, 1.0]), rng=_rng())
    # The data and their mirror image are ties, which rounding lets theirs count or not.
    ties = [test.p_value - count / 2**7 for count in (0, 1, 2)]
    assert theirs(y, X, codes, 9999, "rademacher") in ties


@pytest.mark.second
def test_drawn_p_agrees_with_wildboottest_within_simulation_error():
    kind = "webb"
    y, X, codes = data(G=20, slope=0.1, seed=8)
    test = wild_bootstrap(cluster_moments(y, X, codes), np.array([0, 1.0]), kind=kind, rng=_rng())
    error = np.sqrt(2 * test.p_value * (1 - test.p_value) / 9999)
    assert 0.01 < test.p_value < 0.99
    assert test.p_value == pytest.approx(theirs(y, X, codes, 9999, kind), abs=4 * error)


def _rng():
    return np.random.default_rng(20210903)


def test_the_same_generator_gives_the_same_answer():
    m = cluster_moments(*data(G=20))
    first, second = (wild_bootstrap(m, np.array([0, 1.0]), rng=_rng()) for _ in range(2))
    assert first == second


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["rademacher", "webb"]))
@pytest.mark.property
def test_p_is_at_the_error_rate_at_the_ends_and_above_it_inside(seed, kind):
    m = cluster_moments(*data(G=15, seed=seed))
    r = np.array([0, 1.0])

    def run(value=0.0):
        return wild_bootstrap(m, r, value, draws=999, kind=kind, rng=np.random.default_rng(seed))

    test = run()
    width = test.ci_high - test.ci_low
    for end, sign in ((test.ci_low, -1), (test.ci_high, 1)):
        assert run(end - sign * 1e-6 * width).p_value > 0.05 - 1e-9
        assert run(end + sign * 1e-6 * width).p_value <= 0.05
    assert test.ci_low < test.value < test.ci_high


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.01, 100), shift=st.floats(-5, 5))
@pytest.mark.property
def test_rescaling_the_outcome_rescales_the_interval(scale, shift):
    y, X, codes = data(G=12)
    r = np.array([0, 1.0])
    a = wild_bootstrap(cluster_moments(y, X, codes), r, draws=999, rng=_rng())
    moved = cluster_moments(scale * y + shift * X[:, 1], X, codes)
    b = wild_bootstrap(moved, r, shift, draws=999, rng=_rng())
    assert b.p_value == a.p_value
    assert b.ci_low == pytest.approx(scale * a.ci_low + shift, abs=1e-6 * scale)
    assert b.ci_high == pytest.approx(scale * a.ci_high + shift, abs=1e-6 * scale)


def test_a_restriction_on_two_coefficients_is_the_reparametrised_one():
    y, X, codes = data(G=10)
    X = np.column_stack([X, np.sin(5 * X[:, 1])])
    difference = wild_bootstrap(cluster_moments(y, X, codes), np.array([0, 1.0, -1.0]), rng=_rng())
    other = np.column_stack([X[:, 0], X[:, 1], X[:, 1] + X[:, 2]])
    single = wild_bootstrap(cluster_moments(y, other, codes), np.array([0, 1.0, 0]), rng=_rng())
    assert difference.p_value == single.p_value
    assert difference.ci_high == pytest.approx(single.ci_high)


def test_too_few_clusters_leave_the_interval_without_ends():
    m = cluster_moments(*data(G=5))
    test = wild_bootstrap(m, np.array([0, 1.0]), rng=_rng())
    assert test.minimum_p == 2 / 32 > 0.05
    assert test.ci_low is None
    assert test.ci_high is None


def test_a_perfect_fit_is_refused():
    _, X, codes = data()
    with pytest.raises(EstimationError, match="no sampling variation"):
        wild_bootstrap(cluster_moments(X[:, 1], X, codes), np.array([0, 1.0]), rng=_rng())


def test_webb_weights_have_mean_zero_and_variance_one():
    v, name, enumerated = draw_weights(30, 20_000, "webb", _rng())
    assert name == "Webb"
    assert not enumerated
    assert abs(v.mean()) < 0.01
    assert v.var() == pytest.approx(1, abs=0.01)


@pytest.mark.truth
def test_size_is_five_percent_where_a_t_test_over_rejects():
    r = np.array([0, 1.0])
    replications = 600
    rejections = [
        wild_bootstrap(
            cluster_moments(*data(G=12, seed=seed)), r, draws=399, rng=_rng(), interval=False
        ).p_value
        <= 0.05
        for seed in range(replications)
    ]
    # 3-7%, widened by two standard errors of the simulation.
    margin = 2 * np.sqrt(0.05 * 0.95 / replications)
    assert 0.03 - margin < np.mean(rejections) < 0.07 + margin
