"""Statistics small enough to be computed by hand, or by the textbook's own formula."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.clusters import cluster_moments, critical_t, crv1, p_t
from ikm_pmi.inference.diagnostics import residual_checks
from ikm_pmi.inference.har import har_table
from ikm_pmi.inference.ratio import RatioSet, ratio_set
from ikm_pmi.inference.regression import check_design
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.results import Estimate
from ikm_pmi.trust.monte_carlo import estimates, judge
from ikm_pmi.trust.specification_curve import joint_tests


def ols(y, X):
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    return y - X @ beta


def test_joint_statistics_of_four_resamples_of_two_specifications():
    null = np.array([[3.0, 1.0], [-1.0, 2.0], [1.0, -1.0], [-2.0, -2.0]])
    found = {t.name: t for t in joint_tests(null, "x", "shifts", 0.75)}
    assert list(found) == ["x.joint.median", "x.joint.significant", "x.joint.standardised"]
    # One of four draws is significant at 75 percent: the largest of each column (2 ties in one).
    assert found["x.joint.median"].statistic == 2
    assert found["x.joint.median"].p_value == 2 / 4  # 2 and -2
    assert found["x.joint.significant"].statistic == 1 / 2
    assert found["x.joint.significant"].p_value == 3 / 4
    spread = np.sqrt((null**2).mean(axis=0))
    means = (null / spread).mean(axis=1)
    assert found["x.joint.standardised"].statistic == pytest.approx(means[0])
    share = (np.abs(means) >= abs(means[0]) - 1e-12).mean()
    assert found["x.joint.standardised"].p_value == share
    for test in found.values():
        assert (test.n, test.minimum_p, test.distribution) == (2, 1 / 4, "shifts")
    flipped = joint_tests(-null, "x", "shifts", 0.75)
    assert [t.p_value for t in flipped] == [t.p_value for t in found.values()]
    assert joint_tests(null, "x", "", 0.99)[1].statistic == 0  # no rank to be beyond


def test_residual_checks_are_those_of_the_textbook():
    rng = np.random.default_rng(4)
    n, lags = 90, 3
    frame = pd.DataFrame({"const": 1.0, "x": rng.standard_normal(n), "z": rng.uniform(size=n)})
    X = frame.to_numpy()
    y = X @ [1.0, 2.0, -1.0] + rng.standard_normal(n) * (1 + X[:, 2])
    found = {t.name: t for t in residual_checks(sm.OLS(pd.Series(y), frame).fit(), "m", lags=lags)}
    u = ols(y, X)

    lagged = np.column_stack([np.r_[np.zeros(j), u[:-j]] for j in range(1, lags + 1)])
    godfrey = n * (1 - (ols(u, np.hstack([X, lagged])) ** 2).sum() / (u**2).sum())
    assert found["m.breusch_godfrey"].statistic == pytest.approx(godfrey, rel=1e-8)
    assert found["m.breusch_godfrey"].p_value == pytest.approx(stats.chi2.sf(godfrey, lags))
    assert found["m.breusch_godfrey"].distribution == "chi2(3)"
    watson = (np.diff(u) ** 2).sum() / (u**2).sum()
    assert found["m.breusch_godfrey"].detail == {"durbin_watson": pytest.approx(watson)}

    square = u**2
    pagan = n * (1 - (ols(square, X) ** 2).sum() / ((square - square.mean()) ** 2).sum())
    assert found["m.breusch_pagan"].statistic == pytest.approx(pagan, rel=1e-8)
    assert found["m.breusch_pagan"].p_value == pytest.approx(stats.chi2.sf(pagan, 2))
    assert found["m.breusch_pagan"].distribution == "chi2(2)"

    bera = n / 6 * (stats.skew(u) ** 2 + stats.kurtosis(u) ** 2 / 4)
    assert found["m.jarque_bera"].statistic == pytest.approx(bera, rel=1e-8)
    assert found["m.jarque_bera"].p_value == pytest.approx(stats.chi2.sf(bera, 2))

    fitted = y - u
    more = ols(y, np.column_stack([X, fitted**2, fitted**3]))
    reset = ((u**2).sum() - (more**2).sum()) / 2 / ((more**2).sum() / (n - 5))
    assert found["m.reset"].statistic == pytest.approx(reset, rel=1e-6)
    assert found["m.reset"].p_value == pytest.approx(stats.f.sf(reset, 2, n - 5))
    assert found["m.reset"].distribution == f"F(2, {n - 5})"
    assert {t.n for t in found.values()} == {n}


@pytest.mark.truth
def test_a_regressor_of_another_size_is_not_a_dependence():
    X = pd.DataFrame(np.random.default_rng(1).standard_normal((30, 3)), columns=list("abc"))
    check_design(X * [1, 1e-14, 1e9])
    with pytest.raises(EstimationError) as caught:
        check_design(X.assign(d=X["a"] - 2 * X["c"]) * [1, 1e-9, 1, 1])
    assert caught.value.found == "1 exact dependence(s) among: a, c, d"


def test_p_and_critical_value_of_t_belong_to_one_degree_less_than_clusters():
    assert p_t(2.1, 11) == pytest.approx(2 * stats.t.sf(2.1, 10))
    assert p_t(-2.1, 11) == p_t(2.1, 11)
    assert p_t(critical_t(0.9, 11), 11) == pytest.approx(0.1)


def test_two_clusters_are_enough_and_the_covariance_is_that_of_the_formula():
    rng = np.random.default_rng(6)
    y, x, codes = rng.standard_normal(12), rng.standard_normal(12), np.arange(12) % 2
    m = cluster_moments(y, x[:, None], codes, absorbed=1)
    u = y - x * (x @ y) / (x @ x)
    scores = [(x * u)[codes == g].sum() for g in (0, 1)]
    expected = 2 / 1 * 11 / 10 * sum(s**2 for s in scores) / (x @ x) ** 2
    assert crv1(m)[0, 0] == pytest.approx(expected)
    assert m.labels == ("0", "1")


def test_ends_belong_to_the_set():
    closed = RatioSet(value=1.5, std_error=0.1, kind="interval", low=1.0, high=2.0)
    assert 1.0 in closed
    assert 2.0 in closed
    assert 0.999 not in closed
    rays = RatioSet(value=3.0, std_error=0.1, kind="rays", low=1.0, high=2.0)
    assert 1.0 in rays
    assert 2.0 in rays
    assert 1.5 not in rays
    line = ratio_set(1.0, 0.1, np.diag([4.0, 4.0]), 2.0)
    assert (line.kind, line.low, line.high) == ("line", None, None)
    assert 7.0 in line
    assert str(line) == "unbounded: no value is rejected"


def test_smallest_p_of_drawn_weights_counts_the_data_as_a_draw():
    rng = np.random.default_rng(7)
    x = rng.standard_normal(60)
    m = cluster_moments(x + rng.standard_normal(60), x[:, None], np.arange(60) // 3)
    drawn = wild_bootstrap(m, np.ones(1), draws=99, rng=rng, interval=False)
    assert (drawn.minimum_p, drawn.enumerated, drawn.weights) == (1 / 100, False, "Webb")
    assert (drawn.ci_low, drawn.ci_high) == (None, None)
    assert drawn.p_value == round(drawn.p_value * 100) / 100
    assert drawn.statistic == pytest.approx(drawn.value / drawn.std_error)
    other = wild_bootstrap(m, np.ones(1), 0.5, draws=99, rng=rng, interval=False)
    assert other.statistic == pytest.approx((other.value - 0.5) / other.std_error)
    few = cluster_moments(x + rng.standard_normal(60), x[:, None], np.arange(60) // 12)
    every = wild_bootstrap(few, np.ones(1), draws=99, rng=rng)
    assert (every.minimum_p, every.enumerated) == (2 / 32, True)
    assert every.distribution == (
        "restricted wild cluster bootstrap, Rademacher, 32 all, 5 clusters"
    )


def test_table_of_methods_has_unit_and_level_asked_for_or_none_and_95_percent():
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"const": 1.0, "x": rng.standard_normal(50)})
    y = pd.Series(X["x"] + rng.standard_normal(50))
    (plain,) = har_table(y, X, ["x"], methods=["ols"])
    assert (plain.unit, plain.ci_level, plain.name) == ("", 0.95, "x")
    assert plain.ci_high - plain.value == pytest.approx(stats.t.ppf(0.975, 48) * plain.std_error)
    named = {"twice": {"x": 2.0}}
    (twice,) = har_table(y, X, named, methods=["ols"], unit="points", level=0.9)
    assert (twice.unit, twice.ci_level) == ("points", 0.9)
    assert twice.value == pytest.approx(2 * plain.value)
    assert twice.p_value == pytest.approx(plain.p_value)


def test_a_method_is_judged_by_its_p_values_and_its_interval():
    def one(p, low=None, high=None, **detail):
        return Estimate(
            name="e", value=1.5, unit="", method="", p_value=p, ci_low=low, ci_high=high,
            detail=detail,
        )  # fmt: skip

    found = judge("m", one(0.05, minimum_p=0.02), one(0.051, low=1.0), truth=1.0)
    assert (found.error, found.size, found.power, found.coverage) == (0.5, True, False, True)
    assert found.minimum_p == 0.02
    blind = judge("m", one(None), one(0.01, high=0.9), truth=1.0)
    assert (blind.size, blind.power, blind.coverage, blind.minimum_p) == (None, None, False, 0.0)


def test_rates_are_estimates_with_their_nominal_value():
    row = {"experiment": "Dose, AR(1)", "method": "OLS", "replications": 60, "verdict": "x"}
    row |= {"size": 0.1, "size_mc": 0.03, "coverage": np.nan, "coverage_mc": np.nan}
    other = row | {"size": np.nan, "coverage": 0.9, "coverage_mc": 0.02}
    first, second = estimates(pd.DataFrame([row, other]))
    assert (first.name, first.value, first.std_error, first.n) == (
        "validation.dose_ar_1.ols.size", 0.1, 0.03, 60,
    )  # fmt: skip
    assert first.detail == {"nominal": 0.05, "verdict": "x"}
    assert (second.name, second.value) == ("validation.dose_ar_1.ols.coverage", 0.9)
    assert second.detail["nominal"] == 0.95
