"""Few clusters from a statsmodels result: the study's numbers, other packages', and every trap."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.few_clusters import few_clusters
from ikm_pmi.inference.wild_blocks import wild_blocks
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.jobs.regressions import FORMULAS, by_unit, sample
from ikm_pmi.language import using
from ikm_pmi.parameters import ElasticityParameters

ROOT = Path(__file__).parents[2]
#: The table of formulas with its effects as dummies: what statsmodels fits without a line of ours.
DUMMIES = {
    name: one.formula.replace("| ", "+ ").replace("unit", "C(unit)").replace("year", "C(year)")
    for name, one in FORMULAS.items()
    if name != "twfe.within_frames"
}


@pytest.fixture(scope="module")
def study():
    frame = sample(package.load("imk_panel"), ElasticityParameters())
    return frame[frame["scale"] == "total"].reset_index(drop=True)


@pytest.fixture(scope="module")
def panel(study):
    return study


@pytest.fixture(scope="module")
def twfe(panel):
    return smf.ols(DUMMIES["twfe"], panel).fit()


def refused(match, *call, **kwargs):
    with pytest.raises(EstimationError, match=match) as caught:
        few_clusters(*call, **kwargs)
    error = caught.value
    assert all((error.expected, error.found, error.todo))
    return error


@pytest.mark.parametrize("name", DUMMIES)
def test_the_table_of_formulas_is_statsmodels_with_dummies(study, name):
    rows = FORMULAS[name].rows(study)
    fit = smf.ols(DUMMIES[name], rows).fit()
    found = few_clusters(fit, FORMULAS[name].term, groups=rows["unit"])
    theirs = by_unit(name, study, ElasticityParameters())
    tolerance = 1e-12
    assert found.value == pytest.approx(theirs.value, rel=tolerance)
    assert found.crv1 == pytest.approx(theirs.crv1, rel=tolerance)
    assert found.crv3 == pytest.approx(theirs.crv3, rel=tolerance)
    assert found.wild.p_value == theirs.wild.p_value
    assert found.wild.ci_low == pytest.approx(theirs.wild.ci_low, rel=1e-6)
    assert found.wild.ci_high == pytest.approx(theirs.wild.ci_high, rel=1e-6)


def test_the_elasticity_is_that_of_the_committed_reference(twfe, panel):
    content = json.loads((ROOT / "reference/06_ikm_elasticity.json").read_text(encoding="utf-8"))
    (known,) = (e for e in content["estimates"] if e["name"] == "elasticity.twfe")
    found = few_clusters(twfe, "log_output", groups=panel["unit"])
    said = found.estimate("elasticity.twfe", known["unit"]).to_dict()
    for key in ("value", "std_error", "ci_low", "ci_high", "crv3_std_error", "crv3_p_value"):
        assert said[key] == pytest.approx(known[key], rel=1e-8), key
    assert said["p_value"] == known["p_value"]
    assert known["method"].endswith(said["method"])
    assert found.parameters == 9
    test = found.test("elasticity.none", "Workers do not move with output.")
    assert (test.p_value, test.minimum_p, test.n) == (known["p_value"], 0.0001, 256)


def test_statsmodels_counts_every_dummy(twfe, panel):
    theirs = twfe.get_robustcov_results("cluster", groups=pd.factorize(panel["unit"])[0])
    at = twfe.model.exog_names.index("log_output")
    found = few_clusters(twfe, "log_output", groups=panel["unit"], interval=False)
    assert theirs.bse[at] / found.crv1 == pytest.approx(np.sqrt((256 - 9) / (256 - 40)), rel=1e-10)


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
@pytest.mark.parametrize(
    "formula",
    [
        "log_workers ~ log_output + C(unit, Sum) + C(year)",
        "log_workers ~ log_output + C(unit, Helmert) + C(year, Sum)",
        "log_workers ~ 0 + log_output + C(unit) + C(year)",
        "log_workers ~ C(year) + C(unit) + C(island) + log_output",
    ],
)
def test_effects_are_found_whatever_their_coding(twfe, panel, formula):
    one = few_clusters(twfe, "log_output", groups=panel["unit"], draws=999)
    with_other = smf.ols(formula, panel).fit()
    other = few_clusters(with_other, "log_output", groups=panel["unit"], draws=999)
    assert other.crv1 == pytest.approx(one.crv1, rel=1e-10)
    assert other.crv3 == pytest.approx(one.crv3, rel=1e-10)
    assert other.wild.p_value == one.wild.p_value
    assert other.parameters == one.parameters


def test_the_same_from_arrays_and_by_the_other_engine_of_formulas(twfe, panel):
    import statsmodels.formula

    one = few_clusters(twfe, "log_output", groups=panel["unit"], draws=999)
    X = twfe.model.exog
    at = twfe.model.exog_names.index("log_output")
    arrays = sm.OLS(twfe.model.endog, X).fit()
    others = [few_clusters(arrays, f"x{at}", groups=panel["unit"].to_numpy(), draws=999)]
    before = statsmodels.formula.options.formula_engine
    try:
        statsmodels.formula.options.formula_engine = "formulaic"
        fit = smf.ols(DUMMIES["twfe"], panel).fit()
        others.append(few_clusters(fit, "log_output = 0", groups=panel["unit"], draws=999))
        refused("cannot be read", fit, "log_output = log_output = 0", groups=panel["unit"])
        refused("cannot be read", fit, "log_output = log_output", groups=panel["unit"])
    finally:
        statsmodels.formula.options.formula_engine = before
    for other in others:
        assert other.crv3 == pytest.approx(one.crv3, rel=1e-10)
        assert other.wild.p_value == one.wild.p_value


def test_weights_are_those_of_the_study():
    parameters = ElasticityParameters(weighting="establishments", draws=999)
    frame = sample(package.load("imk_panel"), parameters)
    total = frame[frame["scale"] == "total"].reset_index(drop=True)
    theirs = by_unit("twfe", total, parameters)
    fit = smf.wls(DUMMIES["twfe"], total, weights=7 * total["weight"]).fit()
    found = few_clusters(fit, "log_output", groups=total["unit"], draws=999)
    assert found.value == pytest.approx(theirs.value, rel=1e-11)
    assert found.crv1 == pytest.approx(theirs.crv1, rel=1e-11)
    assert found.crv3 == pytest.approx(theirs.crv3, rel=1e-11)
    assert found.wild.p_value == theirs.wild.p_value


def data(G=12, n=6, seed=3):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(G), n)
    x = rng.normal(size=G)[g] + rng.normal(size=G * n)
    frame = pd.DataFrame({"g": [f"c{i:02d}" for i in g], "t": np.tile(np.arange(n), G), "x": x})
    frame["z"] = rng.normal(size=G * n)
    frame["y"] = 0.3 * x + rng.normal(size=G)[g] + rng.normal(size=G * n)
    return frame


def test_a_restriction_is_the_reparametrised_coefficient():
    frame = data()
    fit = smf.ols("y ~ x + z", frame).fit()
    one = few_clusters(fit, "x + z = 1", groups=frame["g"])
    moved = smf.ols("y ~ x + w", frame.assign(w=frame["z"] - frame["x"])).fit()
    other = few_clusters(moved, "x = 1", groups=frame["g"])
    assert one.wild.p_value == other.wild.p_value
    assert one.crv3 == pytest.approx(other.crv3)
    assert (one.term, one.null) == ("x + z", 1.0)
    assert few_clusters(fit, "2*x - 1 = z", groups=frame["g"], interval=False).term == "2*x - z"


def test_a_name_is_a_term_before_it_is_parsed():
    frame = data().rename(columns={"x": "x + z"})
    frame["x"], frame["a=b"] = np.cos(np.arange(len(frame))), np.arange(len(frame)) % 5
    X = sm.add_constant(frame[["x", "z", "x + z", "a=b"]])
    fit = sm.OLS(frame["y"], X).fit()
    found = few_clusters(fit, "x + z", groups=frame["g"], interval=False)
    assert found.value == pytest.approx(fit.params["x + z"])
    found = few_clusters(fit, "a=b", groups=frame["g"], interval=False)
    assert found.value == pytest.approx(fit.params["a=b"])
    with_log = smf.ols("y ~ np.log(x + 2) + C(g)", frame).fit()
    found = few_clusters(with_log, "np.log(x + 2) = 1", groups=frame["g"], interval=False)
    assert found.value == pytest.approx(with_log.params["np.log(x + 2)"])


@pytest.mark.parametrize(
    ("text", "found", "todo"),
    [
        ("x == 1", "==", "one sign"),
        ("x > 0", ">", "one sign"),
        ("x = x", "no coefficient|cannot|nothing", ""),
        ("x = z = 0", "several", "one restriction"),
        ("x = 0, z = 0", "several", "one restriction"),
        ("log_outptu = 1", "log_outptu", "did you mean 'log_output'"),
        ("log_outptu", "log_outptu", "did you mean 'log_output'"),
        ("", "", ""),
        (3, "3", "text"),
    ],
)
def test_hypotheses_that_cannot_be_read(text, found, todo):
    frame = data().assign(log_output=np.cos(np.arange(72)))
    fit = smf.ols("y ~ x + z + log_output", frame).fit()
    error = refused("cannot be read", fit, text, groups=frame["g"])
    assert any(part in error.found for part in found.split("|"))
    assert todo in error.todo


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
def test_what_the_data_do_not_decide_is_refused_and_what_they_decide_is_not():
    frame = data()
    frame["twice"] = 2 * frame["x"]
    fit = smf.ols("y ~ x + twice + z", frame).fit()
    error = refused("do not decide", fit, "x", groups=frame["g"])
    assert "twice" in error.found
    plain = few_clusters(smf.ols("y ~ x + z", frame).fit(), "x", groups=frame["g"])
    both = few_clusters(fit, "x + 2*twice", groups=frame["g"])
    assert both.value == pytest.approx(plain.value)
    assert both.crv3 == pytest.approx(plain.crv3)
    assert few_clusters(fit, "z", groups=frame["g"]).parameters == 3


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
@pytest.mark.parametrize("text", ["C(g)[T.c03]", "Intercept", "C(g)[T.c03] = C(g)[T.c04]", "level"])
def test_what_the_clusters_contain_is_refused(text):
    frame = data()
    frame["level"] = frame.groupby("g")["x"].transform("mean")
    fit = smf.ols("y ~ x + level + C(g) + C(t)", frame).fit()
    refused("lies within single clusters", fit, text, groups=frame["g"])


def test_a_dummy_of_one_cluster_and_trends_of_units_are_taken_out_and_counted():
    frame = data()
    frame["capital"] = (frame["g"] == "c03").astype(float)
    fit = smf.ols("y ~ x + capital", frame).fit()
    found = few_clusters(fit, "x", groups=frame["g"])
    rest = smf.ols("y ~ x", frame[frame["g"] != "c00"]).fit()  # a leave-one-out sample by hand
    assert np.isfinite(rest.params["x"])
    assert found.value == pytest.approx(fit.params["x"])
    assert found.parameters == 3
    refused("lies within single clusters", fit, "capital", groups=frame["g"])
    trends = smf.ols("y ~ x + C(g) + C(g):t", frame).fit()
    found = few_clusters(trends, "x", groups=frame["g"])
    assert found.value == pytest.approx(trends.params["x"])
    assert found.parameters == 2 + 12
    without = [
        smf.ols("y ~ x + C(g) + C(g):t", frame[frame["g"] != g]).fit().params["x"]
        for g in sorted(set(frame["g"]))
    ]
    by_hand = np.sqrt(11 / 12 * ((np.array(without) - found.value) ** 2).sum())
    assert found.crv3 == pytest.approx(by_hand, rel=1e-9)


def test_groups_are_matched_by_label_never_by_position():
    frame = data()
    fit = smf.ols("y ~ x", frame).fit()
    right = few_clusters(fit, "x", groups=frame["g"], interval=False).crv1
    shuffled = frame["g"].sample(frac=1, random_state=1)
    assert few_clusters(fit, "x", groups=shuffled, interval=False).crv1 == right
    longer = pd.concat([frame["g"], pd.Series(["c99"], index=[999])])
    assert few_clusters(fit, "x", groups=longer, interval=False).crv1 == right
    assert few_clusters(fit, "x", groups=frame["g"].to_numpy(), interval=False).crv1 == right
    assert (
        few_clusters(fit, "x", groups=frame["g"].astype("category"), interval=False).crv1 == right
    )
    moved = frame["g"].set_axis(frame.index + 1)
    assert "0" in refused("cannot be matched", fit, "x", groups=moved).found
    refused("another length", fit, "x", groups=frame["g"].to_numpy()[1:])
    refused("another length", fit, "x", groups="g")
    holes = frame["g"].mask(frame.index == 5)
    assert refused("have no cluster", fit, "x", groups=holes).where == "row 5"


def test_subsets_and_missing_rows_keep_their_clusters():
    frame = data()
    frame.loc[[3, 40], "x"] = np.nan
    kept = frame[(frame["t"] > 0) & frame["x"].notna()]
    right = few_clusters(smf.ols("y ~ x", kept).fit(), "x", groups=kept["g"], interval=False).crv1
    fit = smf.ols("y ~ x", frame, subset=frame["t"] > 0).fit()
    assert few_clusters(fit, "x", groups=frame["g"], interval=False).crv1 == right
    refused("another length", fit, "x", groups=frame["g"].to_numpy())
    part = frame.loc[frame["t"] > 0, "g"]
    assert few_clusters(fit, "x", groups=part.to_numpy(), interval=False).crv1 == right
    whole = smf.ols("y ~ x", frame.set_axis(frame["g"], axis=0)).fit()  # labels stand twice
    full = smf.ols("y ~ x", frame).fit()
    right = few_clusters(full, "x", groups=frame["g"], interval=False).crv1
    repeated = frame["g"].set_axis(frame["g"])
    assert few_clusters(whole, "x", groups=repeated, interval=False).crv1 == right
    arrays = sm.OLS(frame["y"], sm.add_constant(frame["x"]), missing="drop").fit()
    assert few_clusters(arrays, "x", groups=frame["g"], interval=False).crv1 == right
    refused("cannot be matched", whole, "x", groups=repeated[::-1])


@pytest.mark.parametrize(
    "make",
    [
        lambda f: smf.ols("y ~ x", f).fit_regularized(alpha=0.1),
        lambda f: smf.glm("y ~ x", f).fit(),
        lambda f: smf.gls("y ~ x", f).fit(),
        lambda f: smf.ols("y ~ x", f),
        lambda _: "y ~ x",
        lambda f: smf.rlm("y ~ x", f).fit(),
    ],
)
def test_other_fits_are_refused_by_type(make):
    frame = data()
    refused("not a fitted OLS or WLS", make(frame), "x", groups=frame["g"])


@pytest.mark.parametrize("bad", [{"level": 95}, {"draws": 5}, {"weights": "mammen"}])
def test_options_out_of_range(bad):
    frame = data()
    refused("out of range", smf.ols("y ~ x", frame).fit(), "x", groups=frame["g"], **bad)


def test_one_cluster_and_a_perfect_fit():
    frame = data()
    fit = smf.ols("y ~ x", frame).fit()
    refused("several clusters", fit, "x", groups=frame["g"].str[:1])
    perfect = smf.ols("x ~ x + z", frame.assign(y=1)).fit()
    refused("no sampling variation", perfect, "z", groups=frame["g"])


def test_the_block_products_give_the_product_of_clusters(twfe, panel):
    from ikm_pmi.inference.fits import cluster_codes, fitted_rows, hypothesis_of
    from ikm_pmi.inference.nesting import reduced

    rows, wanted = fitted_rows(twfe), hypothesis_of(twfe, "log_output")
    moments, r = reduced(rows, *cluster_codes(rows, panel["unit"]), wanted)
    for null in (0.0, 0.2):
        one, other = (
            engine(moments, r, null, draws=1999, kind="auto", rng=np.random.default_rng(1))
            for engine in (wild_bootstrap, wild_blocks)
        )
        assert other.p_value == one.p_value
        assert other.ci_low == pytest.approx(one.ci_low, rel=1e-9)
        assert other.ci_high == pytest.approx(one.ci_high, rel=1e-9)


def test_many_clusters_are_drawn_in_blocks():
    frame = data(G=3000, n=3)
    found = few_clusters(smf.ols("y ~ x + z", frame).fit(), "z", groups=frame["g"])
    table = found.table()
    assert found.wild.draws == 9999
    assert table.loc["wild bootstrap", "p_value"] == pytest.approx(
        table.loc["CRV3", "p_value"], abs=0.02
    )
    assert table.loc["wild bootstrap", "ci_low"] == pytest.approx(
        table.loc["CRV3", "ci_low"], abs=2e-3
    )


@pytest.mark.filterwarnings("ignore")  # of their versions of pandas
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), G=st.integers(4, 15), n=st.integers(3, 6))
@pytest.mark.property
@pytest.mark.second
def test_crv1_is_that_of_pyfixest_and_the_elasticity_that_of_linearmodels(seed, G, n):
    import pyfixest as pf
    from linearmodels import PanelOLS

    frame = data(G, n, seed).sample(frac=0.9, random_state=seed).sort_index()
    fit = smf.ols("y ~ x + z + C(g) + C(t)", frame).fit()
    found = few_clusters(fit, "x", groups=frame["g"], draws=99, interval=False)
    theirs = pf.feols("y ~ x + z | g + t", frame, vcov={"CRV1": "g"}, fixef_rm="none")
    assert found.value == pytest.approx(theirs.coef()["x"], rel=1e-6)
    assert found.crv1 == pytest.approx(theirs.se()["x"], rel=1e-6)
    panel = PanelOLS.from_formula(
        "y ~ x + z + EntityEffects + TimeEffects", frame.set_index(["g", "t"])
    )
    other = panel.fit(cov_type="clustered", cluster_entity=True, debiased=True, group_debias=True)
    counted = np.sqrt((len(frame) - fit.df_model - 1) / (len(frame) - found.parameters))
    assert found.value == pytest.approx(other.params["x"], rel=1e-8)
    # linearmodels counts every dummy.
    assert found.crv1 == pytest.approx(other.std_errors["x"] * counted, rel=1e-8)


def test_words(twfe, panel):
    found = few_clusters(twfe, "log_output = 1", groups=panel["unit"])
    said = found.sentence()
    assert said.startswith("log_output: 0.271 (95% set 0.121 to 0.430), p < 0.001")
    assert "256 rows, 32 clusters of unit" in said
    assert repr(found) == said
    assert list(found.table().index) == ["CRV1", "CRV3", "wild bootstrap"]
    assert "<table" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict()))["n_clusters"] == [32]
    alone = few_clusters(twfe, "log_output", groups=panel["unit"], interval=False)
    assert "set" not in alone.sentence()
    assert alone.estimate("a.b", "").ci_low is None
    with using("id"):
        assert "0,271" in found.sentence()
        assert not {"the", "clusters", "rows", "of"} & set(found.sentence().split())
        assert "wild bootstrap" in " ".join(found.reading().index)


def test_effects_of_many_levels_are_better_absorbed(monkeypatch):
    from ikm_pmi.inference import few_clusters as module
    from ikm_pmi.inference import nesting
    from ikm_pmi.inference.absorbed import absorb

    frame = data(G=20)
    fit = smf.ols("y ~ x + C(g) + C(t)", frame).fit()
    one = few_clusters(fit, "x", groups=frame["g"], draws=999)
    absorbed = absorb("y ~ x | g + t", frame)
    other = few_clusters(absorbed, "x", groups=frame["g"], draws=999)
    assert other.crv3 == pytest.approx(one.crv3, rel=1e-10)
    assert other.wild.p_value == one.wild.p_value
    monkeypatch.setattr(module, "MANY_COLUMNS", 20)
    with pytest.warns(UserWarning, match="absorb"):
        few_clusters(fit, "x", groups=frame["g"], interval=False)
    monkeypatch.setattr(nesting, "MAX_CELLS", 100)
    assert "absorb" in refused("too many columns", absorbed, "x", groups=frame["g"]).todo


def test_the_elasticity_clustered_two_ways(twfe, panel):
    found = few_clusters(twfe, "log_output", groups=panel[["unit", "year"]])
    assert found.n_clusters == (32, 8)
    assert found.crv1 == pytest.approx(0.0900708, rel=1e-5)  # pyfixest's
    assert found.wild.p_value == 2 / 256
    assert (found.wild.ci_low, found.wild.ci_high) == pytest.approx((0.058, 0.498), abs=5e-4)
