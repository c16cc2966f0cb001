"""Whoever repeats chapter 07's arithmetic on the explorer's inputs gets the chapter's numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from ikm_pmi.models.explorer import BRIDGES, MEASURES, explorer_inputs
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.pipeline.explorer import explorer_tables

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads((ROOT / "reference/07_jobs_and_supply_chain.json").read_text("utf-8"))
KNOWN = {entry["name"]: entry for entry in REFERENCE["estimates"]}
DEFAULT = JobsParameters()


@pytest.fixture(scope="module")
def inputs():
    return explorer_inputs(*explorer_tables(ROOT))


def agrees(name, point, draws):
    known, ends = KNOWN[name], np.quantile(draws, [0.025, 0.975])
    assert point == pytest.approx(known["value"], rel=1e-9)
    assert ends == pytest.approx([known["ci_low"], known["ci_high"]], rel=1e-9)


def test_the_chain_from_its_inputs(inputs):
    v, draws = inputs.values, inputs.draws
    own = v["measures"][DEFAULT.intensity]
    d = np.array(own["path"][: v["length"]]) - own["reference"]
    before = np.r_[0.0, d[:-1]]
    z = np.column_stack([draws["z_change"], draws["z_before"]])
    moved = np.array(own["coefficients"]) + z @ np.array(own["root"]).T
    coefficients = np.vstack([own["coefficients"], moved])
    pmi = coefficients @ np.vstack([d - before, before])
    agrees("chain.pmi_points", pmi[0].mean(), pmi[1:].mean(axis=1))

    bridge = v["bridges"][DEFAULT.bridge_sample]
    slope = bridge["slope"] + bridge["root"] * np.r_[0.0, draws["z_bridge"]]
    passed = np.r_[v["pass_through"], draws["pass_through"]]
    output = pmi.sum(axis=1) * slope / 12 * passed
    agrees("chain.output_pct", output[0], output[1:])
    jobs = v["workers"] * np.r_[v["elasticity"], draws["elasticity"]] * output / 100
    agrees("chain.workers", jobs[0], jobs[1:])
    assert v["months"][v["length"] - 1] == DEFAULT.path_last
    assert (v["months"][0], v["months"][-1]) == (DEFAULT.path_first, DEFAULT.follow_until)


def triangular(u, low, mode, high):
    """Where a uniform draw falls in a triangular distribution."""
    cut = (mode - low) / (high - low)
    left = low + np.sqrt(u * (high - low) * (mode - low))
    return np.where(u < cut, left, high - np.sqrt((1 - u) * (high - low) * (high - mode)))


def test_the_orders_from_their_inputs(inputs):
    v, draws = inputs.values, inputs.draws
    assert v["orders"][0]["name"] == "pilot"
    assert len(v["orders"]) == sum(name.endswith(".output_idr_mn") for name in KNOWN)
    multiplier = triangular(
        draws["u_multiplier"], v["multiplier_range"][0], v["multiplier"], v["multiplier_range"][1]
    )
    for order in v["orders"]:
        share = np.full(1 + len(multiplier), order["share"])
        if order["spread"]:
            low, high = v["share_range"]
            share[1:] = triangular(draws["u_share"], low, order["share"], high)
        leak, indirect = (
            np.r_[v[name], draws[name]] for name in ("import_leakage", "indirect_share")
        )
        reach = share * (1 - leak) * (1 + (np.r_[v["multiplier"], multiplier] - 1) * indirect)
        output = order["order_idr_mn"] * v["additional"] * reach / v["horizon_years"]
        jobs = output * order["workers"] * v["labour_intensity"] / order["output_idr_mn"]
        jobs = jobs * np.r_[v["elasticity"], draws["elasticity"]]
        name = f"bumn.{order['name']}"
        assert output[0] == pytest.approx(KNOWN[f"{name}.output_idr_mn"]["value"], rel=1e-9)
        assert jobs[0] == pytest.approx(KNOWN[f"{name}.workers"]["value"], rel=1e-9)
        for what, values in (("output_idr_mn", output), ("workers", jobs)):
            ends = [KNOWN[f"{name}.{what}"][end] for end in ("ci_low", "ci_high")]
            assert np.quantile(values[1:], [0.025, 0.975]) == pytest.approx(ends, rel=1e-9)
        assert order["what"]


def test_every_measure_and_bridge_is_there(inputs):
    assert tuple(inputs.values["measures"]) == MEASURES
    assert tuple(inputs.values["bridges"]) == BRIDGES
    assert inputs.values["level"] == DEFAULT.confidence_level
    assert inputs.values["reference_month"] == DEFAULT.reference_month
    lengths = {len(one["path"]) for one in inputs.values["measures"].values()}
    assert lengths == {len(inputs.values["months"])}
    assert {values.shape for values in inputs.draws.values()} == {(DEFAULT.draws,)}
    assert json.dumps(inputs.values, allow_nan=False)
