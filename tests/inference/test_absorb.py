"""The within transformation against dummy variables, and its degrees of freedom."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.absorb import design, fit, moments, within


def panel(seed, G=8, T=6, keep=0.75):
    rng = np.random.default_rng(seed)
    f = pd.DataFrame({"unit": np.repeat(np.arange(G), T), "year": np.tile(np.arange(T), G)})
    f["x"], f["z"], f["y"] = rng.normal(size=(3, len(f))) + 0.2 * f["unit"].to_numpy()
    f["w"] = rng.uniform(0.2, 3, len(f))
    return f[rng.random(len(f)) < keep].reset_index(drop=True)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 5000),
    effects=st.sampled_from([("unit",), ("year",), ("unit", "year")]),
    weights=st.sampled_from([None, "w"]),
)
@pytest.mark.property
def test_within_equals_the_regression_on_dummies(seed, effects, weights):
    import statsmodels.api as sm

    f = panel(seed)
    dummies = [pd.get_dummies(f[e], prefix=e, drop_first=True, dtype=float) for e in effects]
    X = pd.concat([f[["x", "z"]], pd.DataFrame({"const": 1.0}, index=f.index), *dummies], axis=1)
    lsdv = sm.WLS(f["y"], X, weights=f[weights] if weights else 1.0).fit()
    found = fit(design(f, "y", ["x", "z"], effects=effects, weights=weights))
    assert found.df_resid == lsdv.df_resid
    np.testing.assert_allclose(found.params, lsdv.params[:2], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.bse, lsdv.bse[:2], rtol=0, atol=1e-8)
    reduced = moments(design(f, "y", ["x", "z"], effects=effects, weights=weights))
    np.testing.assert_allclose(reduced.params[:2], lsdv.params[:2], rtol=0, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 5000))
@pytest.mark.property
def test_within_twice_is_within_once_and_leaves_no_means(seed):
    f = panel(seed)
    effects = [f["unit"].factorize()[0], f["year"].factorize()[0]]
    once = within(f[["x", "y"]].to_numpy(), effects)
    np.testing.assert_allclose(within(once, effects), once, atol=1e-10)
    for codes in effects:
        assert np.abs(np.bincount(codes, once[:, 0])).max() < 1e-10


def test_two_separate_blocks_cost_one_degree_of_freedom_less():
    f = panel(1, keep=1.0)
    f["year"] += 100 * (f["unit"] >= 4)
    found = fit(design(f, "y", ["x"], effects=["unit", "year"]))
    assert found.df_resid == len(f) - 1 - (8 + 12 - 2)


def test_what_does_not_vary_within_is_refused_by_name():
    f = panel(2).assign(fixed=lambda f: f["unit"] * 1.7)
    with pytest.raises(EstimationError, match="fixed does not vary"):
        fit(design(f, "y", ["fixed"], effects=["unit", "year"]))
    with pytest.raises(EstimationError, match="collinear"):
        moments(design(f.assign(copy=2 * f["x"]), "y", ["x", "copy"], effects=["unit"]))


def test_missing_values_and_a_saturated_regression_are_refused():
    f = panel(3)
    with pytest.raises(EstimationError, match="x is missing or infinite in 1 of"):
        design(f.assign(x=f["x"].where(f.index != 4)), "y", ["x"])
    with pytest.raises(EstimationError, match="no degrees of freedom"):
        fit(design(f.head(3), "y", ["x", "z"], effects=["unit", "year"]))
