"""Bounds that hold the truth, and sets that may have no end."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.ratio import ratio_set
from ikm_pmi.jobs.bounds import bounds
from ikm_pmi.jobs.elasticity import elasticity
from ikm_pmi.parameters import ElasticityParameters

FEW = ElasticityParameters(draws=199)


def simulate(rng, beta, sd_weights=0.15, sd_output=0.2, G=32, T=8):
    """Workers on true output; survey weights shared by all three counts; noise in output."""
    shape = (G, T)
    cycle = 0.2 * rng.normal(size=shape)
    for t in range(1, T):
        cycle[:, t] += 0.5 * cycle[:, t - 1]
    firms = 0.1 * rng.normal(size=shape)
    output = rng.normal(14, 1, (G, 1)) + 0.05 * rng.normal(size=(1, T)) + 0.5 * firms + cycle
    workers = beta * output + rng.normal(5, 0.3, (G, 1)) + 0.1 * rng.normal(size=shape)
    shared = sd_weights * rng.normal(size=shape)
    noisy = output + shared + sd_output * rng.normal(size=shape)
    return pd.DataFrame(
        {
            "unit": np.repeat([f"u{g:02d}" for g in range(G)], T),
            "year": np.tile(np.arange(2018, 2018 + T), G),
            "scale": "total",
            "java": np.repeat(np.arange(G) < 6, T),
            "establishments": np.exp(rng.normal(9, 1, (G, 1)) + firms + shared).ravel(),
            "workers": np.exp(workers + shared + 0.05 * rng.normal(size=shape)).ravel(),
            "output_idr_mn": np.exp(noisy).ravel(),
        }
    )


@pytest.mark.truth
@pytest.mark.parametrize(
    ("beta", "sd_weights", "sd_output"), [(0.2, 0.3, 0.2), (0.5, 0.15, 0.0), (0.8, 0.0, 0.2)]
)
def test_the_stated_range_holds_the_truth(beta, sd_weights, sd_output):
    replications = 25
    held = 0
    for seed in range(replications):
        frame = simulate(np.random.default_rng(seed), beta, sd_weights, sd_output)
        found = bounds(frame, FEW)
        low = -np.inf if found.low is None else found.low
        high = np.inf if found.high is None else found.high
        held += low <= beta <= high
    assert held >= 0.95 * replications


@pytest.fixture(scope="module")
def imk():
    return package.load("imk_panel")


@pytest.fixture(scope="module")
def found(imk):
    return bounds(imk, FEW)


def test_the_two_bounds_are_there(found):
    names = ["reverse_bound", "shared_weights_bound"]
    assert [e.name.removeprefix("elasticity.") for e in found.estimates] == names
    assert "between" in found.sentence()


def test_the_bounds_enclose_the_two_way_estimate(imk, found):
    twfe = elasticity(imk, FEW)["elasticity.twfe"].value
    assert found["elasticity.shared_weights_bound"].value < twfe
    assert twfe < found["elasticity.reverse_bound"].value
    assert found.sensitivity["elasticity"].iloc[0] == pytest.approx(twfe, abs=1e-10)
    assert found.sensitivity["elasticity"].iloc[-1] == pytest.approx(
        found["elasticity.shared_weights_bound"].value, abs=1e-10
    )


def test_the_share_of_establishments_that_is_chance_moves_the_elasticity(found):
    table = found.sensitivity
    assert table["share"].tolist() == pytest.approx([i / 20 for i in range(21)])
    assert table["elasticity"].is_monotonic_decreasing


def test_the_reciprocal_of_a_set_around_zero_has_no_ends():
    e = bounds(simulate(np.random.default_rng(0), 0.0, 0.0, 0.5), FEW)["elasticity.reverse_bound"]
    assert abs(e.detail["reverse_slope"]) < 1.5 * e.std_error * e.detail["reverse_slope"] ** 2
    assert (e.ci_low, e.ci_high) == (None, None)


@given(
    n=st.floats(-5, 5),
    d=st.floats(-5, 5).filter(lambda d: abs(d) > 1e-3),
    sd=st.tuples(st.floats(0.01, 3), st.floats(0.01, 3)),
    r=st.floats(-0.95, 0.95),
    b=st.floats(-20, 20),
)
@pytest.mark.property
def test_a_value_is_in_the_set_exactly_when_it_is_not_rejected(n, d, sd, r, b):
    v = np.array([[sd[0] ** 2, r * sd[0] * sd[1]], [r * sd[0] * sd[1], sd[1] ** 2]])
    found = ratio_set(n, d, v, 2.0)
    variance = v[0, 0] - 2 * b * v[0, 1] + b * b * v[1, 1]
    margin = 4.0 * variance - (n - b * d) ** 2
    if abs(margin) > 1e-6 * (1 + b * b) * (n * n + d * d + variance):
        assert (b in found) == (margin > 0)


def test_a_ratio_without_a_denominator_is_refused():
    with pytest.raises(EstimationError, match="denominator of zero"):
        ratio_set(1.0, 0.0, np.eye(2), 2.0)
