"""HAR inference: agreement, invariance, refusals, and how often a true null is rejected."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.har import METHODS, har_fits, har_table
from ikm_pmi.inference.regression import FixedB, Normal, StudentT

T = 120


def _ar1(rng: np.random.Generator, size: int, phi: float = 0.67) -> np.ndarray:
    return np.asarray(lfilter([1.0], [1.0, -phi], rng.standard_normal(size + 80))[80:])


@pytest.fixture
def sample() -> tuple[pd.Series, pd.DataFrame]:
    rng = np.random.default_rng(5)
    index = pd.period_range("2010-01", periods=T, freq="M")
    X = pd.DataFrame({"const": 1.0, "x": _ar1(rng, T), "z": rng.standard_normal(T)}, index)
    return 1 + 2 * X["x"] - X["z"] + _ar1(rng, T), X


def test_all_methods_stand_side_by_side(sample: tuple[pd.Series, pd.DataFrame]) -> None:
    table = har_table(*sample, ["x", "z"])
    assert [e.detail["inference"] for e in table] == [*METHODS, *METHODS]
    # The first three share the OLS estimate and differ in what they say about it.
    assert len({round(e.value, 10) for e in table[:3]}) == 1
    assert len({round(e.std_error or 0, 10) for e in table[:5]}) == 5
    for estimate in table:
        assert estimate.std_error is not None
        assert estimate.ci_low is not None
        assert estimate.ci_high is not None
        assert estimate.p_value is not None
        assert estimate.ci_low < estimate.value < estimate.ci_high
        # Between 4 and 5 percent the published fixed-b value and the exact p may differ.
        if estimate.p_value < 0.04:
            assert not estimate.ci_low <= 0 <= estimate.ci_high


@pytest.mark.second
def test_newey_west_by_the_formula(sample: tuple[pd.Series, pd.DataFrame]) -> None:
    y, X = sample
    fit = har_fits(y, X, methods=["newey_west"])["newey_west"]
    scores = X.to_numpy() * (y - X @ fit.params).to_numpy()[:, None]
    middle = scores.T @ scores
    S = int(fit.extra["lags"]) + 1
    for j in range(1, S):
        gamma = scores[j:].T @ scores[:-j]
        middle += (1 - j / S) * (gamma + gamma.T)
    bread = np.linalg.inv(X.to_numpy().T @ X.to_numpy())
    np.testing.assert_allclose(fit.cov, bread @ middle @ bread, rtol=1e-10)


@pytest.mark.second
def test_cosine_by_the_formula_with_scipy(sample: tuple[pd.Series, pd.DataFrame]) -> None:
    from scipy.fft import dct

    y, X = sample
    fit = har_fits(y, X, methods=["cosine"])["cosine"]
    scores = X.to_numpy() * (y - X @ fit.params).to_numpy()[:, None]
    nu = int(fit.extra["nu"])
    terms = dct(scores, type=2, axis=0)[1 : nu + 1] / np.sqrt(2 * T)  # sqrt(2/T) sum z cos
    bread = np.linalg.inv(X.to_numpy().T @ X.to_numpy() / T)
    np.testing.assert_allclose(fit.cov, bread @ (terms.T @ terms / nu) @ bread / T, rtol=1e-10)


def test_prais_winsten_across_a_gap_is_gls(sample: tuple[pd.Series, pd.DataFrame]) -> None:
    import statsmodels.api as sm

    y, X = (part.drop(part.index[[40, 41, 90]]) for part in sample)
    fit = har_fits(y, X, methods=["prais_winsten"])["prais_winsten"]
    months = pd.PeriodIndex(y.index).asi8
    sigma = fit.extra["rho"] ** np.abs(np.subtract.outer(months, months))
    np.testing.assert_allclose(fit.params, sm.GLS(y, X, sigma=sigma).fit().params, rtol=1e-8)


def test_structural_model_skips_a_missing_month(sample: tuple[pd.Series, pd.DataFrame]) -> None:
    y, X = sample
    whole = har_fits(y, X, methods=["structural"])["structural"]
    gap = har_fits(y.drop(y.index[50]), X.drop(X.index[50]), methods=["structural"])["structural"]
    assert gap.n == T - 1
    assert gap.linear("x")[0] == pytest.approx(whole.linear("x")[0], abs=0.1)
    assert "const" not in gap.params  # the level takes its place


@pytest.mark.second
def test_structural_model_is_that_of_statsmodels_on_every_month(
    sample: tuple[pd.Series, pd.DataFrame],
) -> None:
    y, X = sample
    moving = X.loc[:, np.ptp(X.to_numpy(), axis=0) > 0]
    model = sm.tsa.UnobservedComponents(
        y.to_numpy(),
        level="rwalk",
        autoregressive=1,
        exog=moving.to_numpy(),
        mle_regression=False,
        use_exact_diffuse=True,
    )
    smoothed = model.fit(disp=0, maxiter=500).smoother_results
    fit = har_fits(y, X, methods=["structural"])["structural"]
    k = moving.shape[1]
    beta = smoothed.smoothed_state[-k:, -1]
    assert fit.params[moving.columns].to_numpy() == pytest.approx(beta, abs=1e-6)
    variances = np.diag(smoothed.smoothed_state_cov[-k:, -k:, -1])
    assert list(fit.cov.columns) == list(fit.cov.index) == list(moving.columns)
    assert np.diag(fit.cov) == pytest.approx(variances, rel=1e-5)
    assert fit.n == len(y)


@pytest.mark.truth
@pytest.mark.parametrize("b", [0.05, 0.125, 0.3, 1.0])
def test_fixed_b_p_against_simulation(b: float) -> None:
    # t = W(1) / sqrt(Q): simulate Q from random walks, integrate W(1) out exactly.
    rng = np.random.default_rng(11)
    points, draws = 400, 4000
    noise = rng.standard_normal((draws, points))
    noise -= noise.mean(axis=1, keepdims=True)
    lag = np.abs(np.subtract.outer(np.arange(points), np.arange(points)))
    kernel = np.clip(1 - lag / (b * points), 0, None)
    q = np.einsum("ij,ij->i", noise @ kernel, noise) / points
    values = [Normal().p_value(2.5 * np.sqrt(x)) for x in q]
    error = np.std(values) / np.sqrt(draws)
    assert FixedB(b).p_value(2.5) == pytest.approx(np.mean(values), abs=4 * error)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.9499999, 0.99])
def test_fixed_b_has_one_law_and_the_printed_polynomial_is_slightly_wide_of_it(level) -> None:
    for b in (0.05, 0.125, 0.3, 1.0):
        reference = FixedB(b)
        assert reference.p_value(reference.critical(level)) == pytest.approx(1 - level, abs=1e-9)
        printed = 1.96 + 2.9694 * b + 0.416 * b**2 - 0.5324 * b**3
        assert 0.045 < reference.p_value(printed) < 0.0505


def test_fixed_b_tends_to_the_normal() -> None:
    assert FixedB(0.005).p_value(1.96) == pytest.approx(0.05, abs=0.003)
    assert FixedB(0.1).critical(0.99) > FixedB(0.1).critical(0.95) > Normal().critical(0.95)
    assert StudentT(9).p_value(2.262) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.truth
def test_fixed_b_repairs_most_of_the_size_of_newey_west() -> None:
    rng = np.random.default_rng(7)
    index, reps = pd.period_range("2010-01", periods=T, freq="M"), 300
    counts = {"fixed_b": 0, "normal": 0, "cosine": 0}
    for _ in range(reps):
        X = pd.DataFrame({"const": 1.0, "x": _ar1(rng, T, 0.5)}, index)
        fits = har_fits(pd.Series(_ar1(rng, T, 0.5), index), X, methods=["newey_west", "cosine"])
        value, error = fits["newey_west"].linear("x")
        t, reference = abs(value / error), fits["newey_west"].reference
        counts["fixed_b"] += t > reference.critical(0.95)
        counts["normal"] += t > Normal().critical(0.95)
        value, error = fits["cosine"].linear("x")
        counts["cosine"] += abs(value / error) > fits["cosine"].reference.critical(0.95)
    # Monte-Carlo standard error at 5 percent: 1.3 points.
    assert counts["normal"] / reps > 0.085
    assert counts["fixed_b"] / reps < 0.095
    assert counts["cosine"] / reps < 0.095


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-100, 100), scale=st.floats(0.1, 10))
def test_shift_and_scale_of_the_outcome(shift: float, scale: float) -> None:
    rng = np.random.default_rng(5)
    X = pd.DataFrame({"const": 1.0, "x": rng.standard_normal(60)})
    y = pd.Series(_ar1(rng, 60))
    methods = ["ols", "newey_west", "cosine", "prais_winsten"]
    before = har_table(y, X, ["x"], methods=methods)
    after = har_table(shift + scale * y, X, ["x"], methods=methods)
    for a, b in zip(before, after, strict=True):
        assert b.value == pytest.approx(scale * a.value, rel=1e-6, abs=1e-8)
        assert b.std_error == pytest.approx(scale * (a.std_error or 0), rel=1e-6)


def test_singular_design_names_the_columns(sample: tuple[pd.Series, pd.DataFrame]) -> None:
    y, X = sample
    with pytest.raises(EstimationError, match="singular") as caught:
        har_fits(y, X.assign(double=2 * X["x"]))
    assert "x" in caught.value.found
    assert "double" in caught.value.found
    assert "z" not in caught.value.found.replace("exact", "")


def test_missing_values_and_short_samples_are_refused(
    sample: tuple[pd.Series, pd.DataFrame],
) -> None:
    y, X = sample
    with pytest.raises(EstimationError, match="missing") as caught:
        har_fits(y.mask(y.index == y.index[3]), X)
    assert caught.value.found == "1 missing values"
    with pytest.raises(EstimationError, match="too few rows"):
        har_fits(y.iloc[:3], X.iloc[:3])
    with pytest.raises(EstimationError, match="no coefficient is called"):
        har_table(y, X, ["absent"], methods=["ols"])
