"""Effects absorbed by a formula: the fit with dummies, its standard errors, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.absorbed import absorb
from ikm_pmi.inference.few_clusters import few_clusters
from ikm_pmi.inference.of_fit import har


def panel(units=12, years=7, seed=4, share=0.85):
    rng = np.random.default_rng(seed)
    unit, year = np.repeat(np.arange(units), years), np.tile(np.arange(years), units)
    frame = pd.DataFrame({"unit": [f"u{i:04d}" for i in unit], "year": 2000 + year})
    frame["x"] = rng.normal(size=len(frame)) + rng.normal(size=units)[unit]
    frame["z"] = rng.normal(size=len(frame))
    frame["w"] = rng.uniform(0.5, 3, size=len(frame))
    frame["y"] = frame["x"] + year / 9 + rng.normal(size=units)[unit] + rng.normal(size=len(frame))
    return frame.sample(frac=share, random_state=seed).sort_index()


def same(one, other, names=("x", "z")):
    names = list(names)
    np.testing.assert_allclose(one.params[names], other.params[names], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(one.bse[names], other.bse[names], rtol=1e-11)
    np.testing.assert_allclose(one.conf_int().loc[names], other.conf_int().loc[names], rtol=1e-9)
    numbers = "df_resid df_model nobs rsquared rsquared_adj fvalue f_pvalue aic bic llf ssr"
    for name in f"{numbers} mse_total centered_tss uncentered_tss".split():
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9), name
    np.testing.assert_allclose(one.fittedvalues, other.fittedvalues, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one.resid, other.resid, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("right", "dummies"),
    [("unit + year", "C(unit) + C(year)"), ("unit", "C(unit)"), ("year + unit", "C(unit)+C(year)")],
)
@pytest.mark.parametrize("weights", [None, "w"])
def test_it_is_the_fit_with_dummies(right, dummies, weights):
    frame = panel()
    one = absorb(f"y ~ x + z | {right}", frame, weights=weights)
    formula = f"y ~ x + z + {dummies}"
    other = (
        smf.ols(formula, frame) if weights is None else smf.wls(formula, frame, weights=frame["w"])
    )
    same(one, other.fit())
    assert "R-squared:" in str(one.summary())
    assert one.t_test("x = z").pvalue == pytest.approx(other.fit().t_test("x = z").pvalue)


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("clusters", ["unit", "year"])
def test_clusters_are_those_of_the_fit_with_dummies(clusters, weights):
    frame = panel()
    one = absorb("y ~ x + z | unit + year", frame, weights=weights)
    formula = "y ~ x + z + C(unit) + C(year)"
    fit = (
        smf.ols(formula, frame) if weights is None else smf.wls(formula, frame, weights=frame["w"])
    )
    mine = few_clusters(one, "x = 1", groups=frame[clusters], draws=999)
    theirs = few_clusters(fit.fit(), "x = 1", groups=frame[clusters], draws=999)
    assert mine.crv1 == pytest.approx(theirs.crv1, rel=1e-10)
    assert mine.crv3 == pytest.approx(theirs.crv3, rel=1e-10)
    assert mine.wild.p_value == theirs.wild.p_value
    assert mine.wild.ci_low == pytest.approx(theirs.wild.ci_low, rel=1e-6)
    assert mine.parameters == theirs.parameters


def test_an_effect_that_cuts_across_the_clusters_is_estimated_anew_without_one():
    frame = panel()
    found = few_clusters(absorb("y ~ x | unit + year", frame), "x", groups=frame["unit"])
    without = [
        smf.ols("y ~ x + C(unit) + C(year)", frame[frame["unit"] != unit]).fit().params["x"]
        for unit in sorted(set(frame["unit"]))
    ]
    by_hand = np.sqrt(11 / 12 * ((np.array(without) - found.value) ** 2).sum())
    assert found.crv3 == pytest.approx(by_hand, rel=1e-9)


def test_rows_with_gaps_keep_their_labels():
    frame = panel()
    first, second, third = frame.index[[3, 20, 33]]
    frame["unit"] = frame["unit"].mask(frame.index == first)
    frame["x"] = frame["x"].mask(frame.index == second)
    frame["w"] = frame["w"].mask(frame.index == third)
    fit = absorb("y ~ x + z | unit + year", frame, weights="w")
    kept = frame.dropna()
    assert list(fit.model.data.row_labels) == list(kept.index)
    plain = smf.wls("y ~ x + z + C(unit) + C(year)", kept, weights=kept["w"]).fit()
    same(fit, plain)
    groups = frame["year"]
    right = few_clusters(plain, "x", groups=kept["year"], draws=99).crv1
    for given_groups in (groups, groups.to_numpy(), groups[::-1], kept["year"]):
        found = few_clusters(fit, "x", groups=given_groups, draws=99)
        assert found.crv1 == pytest.approx(right, rel=1e-10)


def test_functions_and_categories_in_the_formula():
    def double(x):
        return 2 * x

    frame = panel()
    frame["kind"] = np.where(frame["z"] > 0.5, "a", np.where(frame["z"] > -0.5, "b", "c"))
    one = absorb("y ~ np.exp(x / 9) + double(z) + kind | unit + year", frame)
    other = smf.ols("y ~ np.exp(x / 9) + double(z) + kind + C(unit) + C(year)", frame).fit()
    same(one, other, ("double(z)", "kind[T.b]", "np.exp(x / 9)"))
    barred = absorb("y ~ I((x > 0) | (z > 0)) | unit", frame)
    assert len(barred.params) == 1


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("y ~ x", "which effects"),
        ("y ~ x | ", "which effects"),
        ("y ~ x | unit + year + z", "which effects"),
        ("y | unit", "which effects"),
        ("y ~ x | firm", "no column called 'firm'"),
        ("y ~ 1 | unit", "needs a regressor"),
        ("y ~ level | unit", "does not vary"),
        ("y ~ x + twice | unit", "collinear"),
        ("y ~ x | row", "degrees of freedom|does not vary"),
    ],
)
def test_formulas_that_are_refused(formula, match):
    frame = panel()
    frame["level"] = frame.groupby("unit")["x"].transform("mean")
    frame["twice"], frame["row"] = 2 * frame["x"], np.arange(len(frame))
    with pytest.raises(EstimationError, match=match) as caught:
        absorb(formula, frame)
    assert all((caught.value.expected, caught.value.found, caught.value.todo))


def test_weights_above_zero():
    frame = panel()
    with pytest.raises(EstimationError, match="not positive"):
        absorb("y ~ x | unit", frame.assign(w=0.0), weights="w")


@pytest.mark.parametrize("name", ["predict", "get_robustcov_results", "HC3_se", "get_influence"])
def test_what_needs_the_dummies_is_refused(name):
    fit = absorb("y ~ x | unit", panel())
    with pytest.raises(EstimationError, match="needs the dummies"):
        getattr(fit, name)
    with pytest.raises(EstimationError, match="no time series"):
        har(fit, "x")


def test_an_effect_that_was_absorbed_is_no_term():
    fit = absorb("y ~ x | unit", panel())
    with pytest.raises(EstimationError, match="cannot be read"):
        few_clusters(fit, "C(unit)[T.u0001]", groups=panel()["unit"])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), units=st.integers(4, 12), years=st.integers(3, 6))
@pytest.mark.property
def test_any_unbalanced_panel(seed, units, years):
    frame = panel(units, years, seed)
    one = absorb("y ~ x + z | unit + year", frame)
    same(one, smf.ols("y ~ x + z + C(unit) + C(year)", frame).fit())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
@pytest.mark.property
@pytest.mark.second
@pytest.mark.filterwarnings("ignore")
def test_crv1_is_that_of_pyfixest(seed):
    import pyfixest as pf

    frame = panel(seed=seed)
    theirs = pf.feols("y ~ x + z | unit + year", frame, vcov={"CRV1": "unit"}, weights="w")
    fit = absorb("y ~ x + z | unit + year", frame, weights="w")
    found = few_clusters(fit, "z", groups=frame["unit"], draws=99)
    assert found.value == pytest.approx(theirs.coef()["z"], rel=1e-6)
    assert found.crv1 == pytest.approx(theirs.se()["z"], rel=1e-6)
