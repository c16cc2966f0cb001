"""Residual checks find what is there, and say what they test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.signal import lfilter

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.diagnostics import residual_checks
from ikm_pmi.inference.sensitivity import benchmarks, robustness_value
from ikm_pmi.results import TestResult


@pytest.fixture
def design() -> pd.DataFrame:
    return pd.DataFrame({"const": 1.0, "x": np.random.default_rng(1).standard_normal(300)})


def _checks(y: pd.Series, X: pd.DataFrame) -> dict[str, TestResult]:
    return {t.name.removeprefix("m."): t for t in residual_checks(sm.OLS(y, X).fit(), "m")}


def test_clean_errors_pass(design: pd.DataFrame) -> None:
    noise = np.random.default_rng(2).standard_normal(300)
    found = _checks(1 + design["x"] + noise, design)
    assert set(found) == {"breusch_godfrey", "breusch_pagan", "jarque_bera", "reset"}
    assert all(t.p_value > 0.01 for t in found.values())
    assert all(" " in t.null for t in found.values())
    assert found["breusch_godfrey"].detail["durbin_watson"] == pytest.approx(2, abs=0.3)


def test_each_check_finds_its_own_fault(design: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    x, noise = design["x"], rng.standard_normal(300)
    serial = lfilter([1.0], [1.0, -0.6], noise)
    assert _checks(x + serial, design)["breusch_godfrey"].p_value < 1e-6
    assert _checks(x + noise * np.exp(x), design)["breusch_pagan"].p_value < 1e-3
    assert _checks(x + rng.standard_t(2, 300), design)["jarque_bera"].p_value < 1e-6
    assert _checks(x + x**2 + noise, design)["reset"].p_value < 1e-6


def test_singular_design_is_refused(design: pd.DataFrame) -> None:
    twice = sm.OLS(design["x"], design.assign(again=design["x"])).fit()
    with pytest.raises(EstimationError, match="singular"):
        residual_checks(twice)


@pytest.mark.truth
def test_robustness_value_is_what_brings_the_estimate_to_zero() -> None:
    # A confounder that explains RV of both residual variances shifts the estimate by exactly
    # |estimate|: bias = se sqrt(df) sqrt(RV * RV / (1 - RV)) (Cinelli and Hazlett 2020, eq. 12).
    t, df = 3.7, 120
    rv = robustness_value(t, df)
    assert np.sqrt(df) * np.sqrt(rv * rv / (1 - rv)) == pytest.approx(t, rel=1e-10)


@pytest.mark.truth
def test_benchmark_bounds_the_bias_of_a_twin_of_the_covariate() -> None:
    # z and its unobserved twin w drive treatment and outcome equally; w is left out.
    rng, n = np.random.default_rng(4), 20_000
    z, w = rng.standard_normal((2, n))
    d = 0.5 * z + 0.5 * w + rng.standard_normal(n)
    y = pd.Series(1.0 * d + z + w + rng.standard_normal(n))
    X = pd.DataFrame({"const": 1.0, "d": d, "z": z})
    (bound,) = benchmarks(y, X, "d")
    assert bound.covariate == "z"
    assert bound.adjusted == pytest.approx(1.0, abs=0.05)
