import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError, ParameterError
from ikm_pmi.inference.har import har_fits
from ikm_pmi.models import bridge, elasticity, study, transmission
from ikm_pmi.models.drivers import tornado, variance_shares
from ikm_pmi.models.links import WITHIN, draw_elasticity
from ikm_pmi.parameters import ElasticityParameters, JobsParameters

WORKERS = 1_000_000.0


@pytest.fixture(scope="module")
def inputs():
    raw = package.load_many([*study.TABLES, "imk_panel", "manufacturing_growth"])
    frame = study.assemble(raw, JobsParameters().impact())
    growth = raw["manufacturing_growth"].set_index("quarter")["growth_yoy_pct"]
    return frame, growth, elasticity.estimate(raw["imk_panel"], ElasticityParameters(draws=199))


def run(inputs, **changes):
    parameters = JobsParameters.parse({"draws": 4000} | changes)
    return transmission.chain(*inputs, WORKERS, parameters)


def test_without_uncertainty_the_chain_is_the_product_of_its_parts(inputs):
    frame, growth, elasticities = inputs
    found = run(inputs, uncertain=[], pass_through=0.8)
    impact = JobsParameters().impact()
    y, X, _ = study.dose_design(
        frame, "level", list(impact.controls), impact.start_month, impact.end_month
    )
    b, c = har_fits(y, X, methods=["ols"])["ols"].params[["change", "before"]]
    s = frame["level"]
    d = [s[m] - s["2021-06"] for m in ("2021-07", "2021-08", "2021-09")]
    pmi = [b * d[0], b * (d[1] - d[0]) + c * d[0], b * (d[2] - d[1]) + c * d[1]]
    rows, _ = bridge.bridge_rows(frame["pmi"], growth)
    g = np.polyfit(rows["pmi"], rows["growth"], 1)[0]
    output = 0.8 * g / 4 * np.mean(pmi)
    jobs = WORKERS * elasticities["elasticity.twfe"].value * output / 100
    expected = {"pmi_points": np.mean(pmi), "growth_points": g / 4 * np.mean(pmi)}
    for name, value in (expected | {"output_pct": output, "workers": jobs}).items():
        estimate = found[f"chain.{name}"]
        assert estimate.value == pytest.approx(value, rel=1e-10)
        assert estimate.ci_low == pytest.approx(estimate.value, rel=1e-12)
        assert estimate.ci_high == pytest.approx(estimate.value, rel=1e-12)
    assert found.shares.empty


def test_the_fan_has_an_interval_for_each_month(inputs):
    found = run(inputs)
    for name, fan in found.fan.groupby("quantity"):
        ends = fan[["low", "q25", "q75", "high"]]
        assert (ends.diff(axis=1).iloc[:, 1:] > 0).all(axis=None), name
        assert (ends.nunique() == len(fan)).all(), name


def test_only_uncertainty_that_is_named_is_drawn(inputs):
    value = run(inputs)["chain.workers"]
    only = run(inputs, uncertain=["pass_through"])["chain.workers"]
    assert only.value == value.value
    assert value.ci_low < only.ci_low < only.ci_high < value.ci_high
    low, high = (value.value * (1.5 - x) for x in (0.0, 1.0))
    assert low <= only.ci_low < only.ci_high <= high


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(inputs):
    assert run(inputs).to_dict() == run(inputs).to_dict()
    assert run(inputs).to_dict() != run(inputs, seed=1).to_dict()


def test_a_path_that_stays_at_the_reference_costs_nothing(inputs):
    stay = inputs[0]["level"]["2021-06"]
    found = run(inputs, path=[f"2021-07:{stay}", f"2021-08:{stay}"])
    assert found["chain.workers"].value == 0
    assert found["chain.workers"].ci_low == found["chain.workers"].ci_high == 0


def test_twice_the_deviation_costs_twice_as_much(inputs):
    stay = inputs[0]["level"]["2021-06"]
    once, twice = (run(inputs, path=[f"2021-07:{stay + k * 0.25}"]) for k in (1, 2))
    assert twice["chain.workers"].value == pytest.approx(2 * once["chain.workers"].value)


@pytest.mark.parametrize("path", [["2021-07:0.8", "2021-09:0.6"], ["2021-08:0.8", "2021-07:0.8"]])
def test_a_path_with_a_gap_is_refused(inputs, path):
    with pytest.raises(EstimationError, match="not whole"):
        run(inputs, path=path)


def test_a_path_beyond_the_data_is_refused(inputs):
    with pytest.raises(EstimationError, match="not whole"):
        run(inputs, path_last="2035-01")


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ["July:0.8"]},
        {"path_last": "2021-06"},
        {"reference_month": "2021-07"},
        {"ranges": ["pass_through:0:1"]},
        {"pass_through": 2.0},
        {"uncertain": ["weather"]},
    ],
)
def test_parameters_out_of_range_are_refused(changes):
    with pytest.raises(ParameterError):
        JobsParameters.parse(changes)


@pytest.mark.truth
def test_the_bridge_moves_the_level_by_a_quarter_of_its_slope():
    """With h = a/4 + (g/4) P each quarter, yearly growth is a + g times the four-quarter mean."""
    rng = np.random.default_rng(1)
    months = pd.period_range("2010-01", "2020-12", freq="M")
    pmi = pd.Series(50 + rng.normal(size=len(months)), months)
    quarterly = (pmi - 50).groupby(months.asfreq("Q")).mean()
    g = 0.9
    growth = (0.5 + g / 4 * quarterly).rolling(4).sum()
    rows, notes = bridge.bridge_rows(pmi, growth)
    assert bridge.slope(rows["growth"], rows["pmi"]).linear("slope")[0] == pytest.approx(g)
    assert notes == []


def test_the_bridge_names_what_is_thin_and_what_is_missing(inputs):
    frame, growth, _ = inputs
    rows, notes = bridge.bridge_rows(frame["pmi"], growth)
    assert "2017Q3" in notes[0]
    assert "2024Q4" in notes[1]
    assert pd.Period("2024Q4") not in rows.index
    assert rows["pandemic"].sum() == 8
    assert len(bridge.bridge_rows(frame["pmi"], growth, "without_pandemic")[0]) == len(rows) - 8


def test_draws_of_the_elasticity_have_the_width_of_its_interval(inputs):
    e = inputs[2]["elasticity.twfe"]
    drawn = draw_elasticity(inputs[2], JobsParameters(draws=200_000, elasticity_spread="sampling"))[
        1:, 0
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert high - low == pytest.approx(e.ci_high - e.ci_low, rel=0.01)
    every = draw_elasticity(inputs[2], JobsParameters(draws=200_000))[1:, 0]
    mean = np.mean([inputs[2][f"elasticity.{name}"].value for name in WITHIN])
    assert every.mean() == pytest.approx(mean, abs=0.002)


@pytest.mark.truth
def test_variance_shares_of_a_linear_and_of_a_product_model():
    rng = np.random.default_rng(2)
    x = pd.DataFrame(rng.normal(size=(200_000, 3)), columns=["a", "b", "idle"])
    x["fixed"] = 1.0
    shares = variance_shares(x, (2 * x["a"] + x["b"]).to_numpy())
    assert shares["a"] == pytest.approx(0.8, abs=0.01)
    assert shares["b"] == pytest.approx(0.2, abs=0.01)
    assert shares["idle"] < 0.002
    assert shares["fixed"] == 0
    assert shares.name == "share"
    assert list(shares.index[:2]) == ["a", "b"]
    assert shares.is_monotonic_decreasing
    assert variance_shares(x, (x["a"] * x["b"]).to_numpy())["jointly"] > 0.98
    with pytest.raises(EstimationError, match="no variance"):
        variance_shares(x, np.ones(len(x)))


def test_the_tornado_is_sorted_and_moves_one_input_at_a_time():
    table = tornado(
        lambda i: i["a"] + 10 * i["b"], {"a": 1.0, "b": 1.0}, {"a": (0, 4), "b": (1, 2)}
    )
    assert table["input"].tolist() == ["b", "a"]
    assert table["at_low"].tolist() == [11, 10]
    assert table["at_high"].tolist() == [21, 14]
