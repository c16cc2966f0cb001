"""CRV1 and CRV3 from normal matrices against refitting and against pyfixest and linearmodels."""

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.absorb import design, moments
from ikm_pmi.inference.clusters import cluster_moments, crv1, crv3, leave_one_out


def panel(G=9, T=6, drop=0.2, seed=1):
    rng = np.random.default_rng(seed)
    f = pd.DataFrame(
        {"unit": np.repeat([f"u{g}" for g in range(G)], T), "year": np.tile(np.arange(T), G)}
    )
    f["x"] = rng.normal(size=len(f)) + 0.1 * f["year"]
    f["z"] = rng.normal(size=len(f))
    f["y"] = 0.5 * f["x"] + rng.normal(size=len(f)) * (1 + f["year"] / T)
    f["w"] = rng.uniform(0.5, 2, G)[f["unit"].factorize()[0]]
    return f[rng.random(len(f)) >= drop].reset_index(drop=True)


@pytest.mark.second
@pytest.mark.parametrize("weights", [None, "w"])
def test_crv1_and_crv3_agree_with_pyfixest(weights):
    import pyfixest

    f = panel()
    m = moments(design(f, "y", ["x", "z"], effects=["unit", "year"], weights=weights))
    formula = "y ~ x + z | unit + year"
    first = pyfixest.feols(formula, f, vcov={"CRV1": "unit"}, weights=weights)
    np.testing.assert_allclose(m.params[:2], first.coef(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(crv1(m)))[:2], first.se(), rtol=0, atol=1e-8)
    # pyfixest leaves (G-1)/G out of CRV3 and multiplies by its small-sample factors instead.
    plain = pyfixest.ssc(k_adj=False, G_adj=False)
    jack = pyfixest.feols(formula, f, vcov={"CRV3": "unit"}, weights=weights, ssc=plain)
    G = m.n_clusters
    expected = jack.se() * np.sqrt((G - 1) / G)
    np.testing.assert_allclose(np.sqrt(np.diag(crv3(m)))[:2], expected, rtol=0, atol=1e-6)


@pytest.mark.second
def test_crv1_agrees_with_linearmodels_up_to_the_count_of_absorbed_effects():
    from linearmodels.panel import PanelOLS

    f = panel()
    m = moments(design(f, "y", ["x", "z"], effects=["unit", "year"]))
    data = f.set_index(["unit", "year"])
    model = PanelOLS(data["y"], data[["x", "z"]], entity_effects=True, time_effects=True)
    other = model.fit(cov_type="clustered", cluster_entity=True, group_debias=True)
    n, nested = m.nobs, m.gram.shape[1] + m.absorbed
    every = nested - 1 + m.n_clusters
    ours = np.sqrt(np.diag(crv1(m))[:2] * (n - nested) / (n - every))
    np.testing.assert_allclose(m.params[:2], other.params, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours, other.std_errors, rtol=0, atol=1e-8)


@pytest.mark.second
def test_crv1_without_effects_has_the_factors_of_statsmodels():
    import statsmodels.api as sm

    f = panel()
    d = design(f, "y", ["x", "z"])
    fit = sm.OLS(d.y, d.X).fit(cov_type="cluster", cov_kwds={"groups": d.clusters})
    np.testing.assert_allclose(crv1(moments(d)), fit.cov_params(), rtol=0, atol=1e-12)


def test_leaving_one_cluster_out_is_refitting_without_it():
    f = panel()
    m = moments(design(f, "y", ["x"], effects=["unit", "year"]))
    for g, label in enumerate(m.labels):
        refit = moments(design(f[f["unit"] != label], "y", ["x"], effects=["unit", "year"]))
        assert leave_one_out(m)[g, 0] == pytest.approx(refit.params[0], abs=1e-10)


def test_one_cluster_and_an_unidentified_leave_out_are_refused_by_name():
    x = np.ones((4, 1))
    with pytest.raises(EstimationError, match="several clusters"):
        cluster_moments(np.arange(4.0), x, np.zeros(4, dtype=np.intp))
    only_b = np.column_stack([np.ones(6), [0, 0, 1, 2, 0, 0]])
    m = cluster_moments(np.arange(6.0), only_b, np.repeat([0, 1, 2], 2), labels=["a", "b", "c"])
    with pytest.raises(EstimationError, match="without cluster b"):
        crv3(m)
    with pytest.raises(EstimationError, match="collinear"):
        cluster_moments(np.arange(6.0), np.ones((6, 2)), np.repeat([0, 1, 2], 2))
