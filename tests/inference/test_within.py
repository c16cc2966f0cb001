"""Removing two effects at once and by alternating projections: the same, however thin the panel."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference import absorb as module
from ikm_pmi.inference.absorb import within


def thin(seed, units=40, years=12, keep=0.25):
    """Codes of an unbalanced panel, often in several components, its rows in any order."""
    rng = np.random.default_rng(seed)
    kept = np.flatnonzero(rng.random(units * years) < keep)
    rng.shuffle(kept)
    unit, year = pd.factorize(kept // years)[0], pd.factorize(kept % years)[0]
    values = rng.normal(size=(len(kept), 2)) + 50
    return values, [unit, year], rng.uniform(0.1, 5, len(kept))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 5000), keep=st.sampled_from([0.06, 0.15, 0.5]), weighted=st.booleans())
@pytest.mark.property
def test_at_once_equals_the_projection_on_dummies(seed, keep, weighted):
    values, effects, w = thin(seed, keep=keep)
    w = w if weighted else np.ones(len(values))
    dummies = np.column_stack([np.equal.outer(c, np.arange(c.max() + 1)) for c in effects]) * 1.0
    root = np.sqrt(w)[:, None]
    expected = values - dummies @ np.linalg.lstsq(root * dummies, root * values, rcond=None)[0]
    found = within(values, effects, w if weighted else None)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_a_table_too_wide_goes_through_sweeps_with_the_same_result(monkeypatch):
    values, effects, w = thin(1, keep=0.5)
    at_once = within(values, effects, w)
    monkeypatch.setattr(module, "MAX_COLUMNS", 1)
    np.testing.assert_allclose(within(values, effects, w), at_once, rtol=0, atol=1e-10)


def test_a_chain_of_units_that_barely_connects_is_solved_at_once(monkeypatch):
    # Each unit is seen in two neighbouring years: sweeps would pass news one year at a time.
    unit = np.repeat(np.arange(120), 2)
    year = unit // 2 + np.tile([0, 1], 120)
    x = np.random.default_rng(1).normal(size=240) + year
    left = within(x, [unit, year])
    for codes in (unit, year):
        assert np.abs(np.bincount(codes, left)).max() < 1e-11
    monkeypatch.setattr(module, "MAX_COLUMNS", 1)
    monkeypatch.setattr(module, "MAX_SWEEPS", 100)
    with pytest.raises(EstimationError, match="barely connected"):
        within(x, [unit, year])


def test_one_column_and_several_give_the_same_and_leave_the_input_alone():
    values, effects, w = thin(2, keep=0.5)
    before = values.copy()
    together = within(values, effects, w)
    np.testing.assert_array_equal(values, before)
    np.testing.assert_array_equal(within(values[:, 1], effects, w), together[:, 1])
