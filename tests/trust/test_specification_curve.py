"""Many regressions at once against one at a time; the joint tests under a true null."""

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.absorb import design, moments
from ikm_pmi.inference.clusters import crv1
from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.shift import shift_in_time
from ikm_pmi.trust.specification_curve import (
    explained,
    joint_tests,
    panel_fits,
    searcher,
    series_fits,
    significant,
)

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def series():
    T = 70
    W = np.column_stack([np.ones(T), RNG.normal(size=(T, 2))])
    D = RNG.normal(size=(2, T, 2)) + 0.4 * W[:, 1:]
    y = np.column_stack([D[0, :, 0] + np.cumsum(RNG.normal(size=T)) / 4, RNG.normal(size=T)])
    return y, D, W, series_fits(y[None], D[None], W[None], 0.95)


@pytest.mark.second
@pytest.mark.parametrize(("c", "m"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_series_agree_with_statsmodels_one_at_a_time(series, c, m):
    y, D, W, fits = series
    X = pd.DataFrame(np.column_stack([D[c], W]), columns=list("abcde"))
    outcome = pd.Series(y[:, m])
    for method, fit in har_fits(outcome, X, methods=("ols", "newey_west", "cosine")).items():
        value, error = fit.linear("a")
        assert fits.value[0, c, m] == pytest.approx(value, abs=1e-12)
        assert fits.std_error[method][0, c, m] == pytest.approx(error, abs=1e-12)
        assert fits.critical[method] == pytest.approx(fit.reference.critical(0.95))
    shift = shift_in_time(outcome, X, "a")
    assert fits.std_error["shift"][0, c, m] == pytest.approx(shift.std_error, abs=1e-12)
    assert fits.p_shift[0, c, m] == shift.p_value


def test_blocks_do_not_touch_each_other(series):
    y, D, W, alone = series
    other = RNG.normal(size=(1, 2, 70, 2))
    both = series_fits(
        np.stack([y[::-1], y]), np.concatenate([other, D[None]]), np.stack([W, W]), 0.95
    )
    assert both.value[1] == pytest.approx(alone.value[0], abs=1e-12)
    assert both.weights[1] == pytest.approx(alone.weights[0], abs=1e-12)


def test_weights_give_the_coefficient_of_any_outcome(series):
    y, D, W, fits = series
    other = RNG.normal(size=y.shape)
    again = series_fits(other[None], D[None], W[None], 0.95)
    assert fits.weights[0] @ other == pytest.approx(again.value[0], abs=1e-12)


def test_a_treatment_that_is_a_control_is_refused(series):
    y, _, W, _ = series
    with pytest.raises(EstimationError, match="singular"):
        series_fits(y[None], W[None, None, :, 1:2], W[None], 0.95)


@pytest.fixture(scope="module")
def panel():
    units, years = 9, 7
    index = pd.MultiIndex.from_product([range(units), range(years)], names=["unit", "year"])
    frame = pd.DataFrame(RNG.normal(size=(len(index), 3)), index, ["y", "x", "z"]).reset_index()
    frame["y"] += 0.5 * frame["x"]
    frame["weight"] = frame["unit"].map(dict(enumerate(RNG.uniform(0.2, 3, units))))
    frame["part"] = frame["unit"].astype(str) + (frame["year"] > 2).astype(str)
    return frame, RNG.uniform(size=len(frame)) > 0.15


@pytest.mark.parametrize("effects", [("unit", "year"), ("part", "year"), ("unit",), ("year",)])
@pytest.mark.parametrize("regressors", [("x",), ("x", "z")])
def test_panels_agree_with_cluster_moments(panel, effects, regressors):
    frame, kept = panel
    m = moments(design(frame[kept], "y", regressors, effects=effects, weights="weight"))
    groups = np.array([[True] * 3 + [False] * 4, [False] * 3 + [True] * 4])
    split = groups if "part" in effects else np.ones((1, 7), bool)
    shape = (1, 9, len(split), 7)
    values = [
        np.broadcast_to(frame[c].to_numpy().reshape(1, 9, 1, 7), shape) for c in ("y", *regressors)
    ]
    mask = kept.reshape(1, 9, 1, 7) & split
    weights = frame["weight"].to_numpy().reshape(1, 9, 7)[:, :, 0]
    # Two panels at once: the second is not to move the first.
    double = [np.concatenate([v, v[:, ::-1]]) for v in values]
    fits = panel_fits(
        double,
        np.concatenate([mask, mask]),
        np.concatenate([weights, weights]),
        unit=effects[0] in ("unit", "part"),
        year="year" in effects,
    )
    assert fits.value[0] == pytest.approx(m.params[0], abs=1e-10)
    assert fits.std_error[0] == pytest.approx(np.sqrt(crv1(m)[0, 0]), abs=1e-10)
    assert fits.parts[0].sum() == pytest.approx(fits.value[0], abs=1e-12)
    assert (fits.nobs[0], fits.clusters[0]) == (kept.sum(), 9)


def test_a_regressor_that_the_effects_take_is_refused(panel):
    frame, _ = panel
    constant = np.broadcast_to(np.arange(9.0)[None, :, None, None], (1, 9, 1, 7))
    y = frame["y"].to_numpy().reshape(1, 9, 1, 7)
    mask, weights = np.ones(y.shape, bool), np.ones((1, 9))
    with pytest.raises(EstimationError, match="does not vary"):
        panel_fits([y, constant], mask, weights, unit=True, year=True)


@pytest.mark.truth
def test_joint_tests_keep_their_size_under_exchangeability():
    p = []
    for _ in range(400):
        common = RNG.normal(size=(100, 1))
        null = common + 0.5 * RNG.normal(size=(100, 30))
        p.append([t.p_value for t in joint_tests(null, "x", "", 0.95)])
    share = (np.array(p) <= 0.05).mean(axis=0)
    assert (share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)).all()
    assert share[[0, 2]].min() >= 0.05 - 3 * np.sqrt(0.05 * 0.95 / 400)


def test_joint_tests_find_a_common_effect_and_name_the_smallest_p():
    null = RNG.normal(size=(200, 40))
    null[0] += 3
    for test in joint_tests(null, "multiverse.x", "", 0.95):
        assert test.p_value == test.minimum_p == 1 / 200
        assert test.null.startswith("no effect in any specification")


@pytest.mark.truth
def test_explained_variance_of_a_known_sum_of_choices():
    table = pd.DataFrame(
        [(a, b, c) for a in "pq" for b in "rst" for c in "uv"], columns=["one", "two", "none"]
    )
    one, two = table["one"].eq("p") * 2.0, table["two"].map({"r": 0.0, "s": 1.0, "t": 2.0})
    out = explained(table.assign(estimate=one + two), ["one", "two", "none"]).set_index("choice")
    assert out.loc["one", "alone"] == pytest.approx(1 / (1 + 2 / 3), abs=1e-12)
    assert out.loc["two", "beyond the others"] == pytest.approx(2 / 3 / (1 + 2 / 3), abs=1e-12)
    assert out.loc["none", "alone"] == pytest.approx(0, abs=1e-12)
    assert out.loc["all choices", "alone"] == pytest.approx(1, abs=1e-12)
    assert out.loc["two", "highest"].startswith("t ")


def test_a_searcher_finds_more_the_more_is_tried_and_all_when_all_are():
    null = RNG.normal(size=(300, 1)) + 0.5 * RNG.normal(size=(300, 60))
    share = searcher(null, 0.95, (1, 5, 20, 60, 100))
    found = significant(null, 0.95)
    assert share[0] == pytest.approx(found.mean(), abs=1e-12)
    assert share[3] == share[4] == pytest.approx(found.any(axis=1).mean(), abs=1e-12)
    orders = np.array([[RNG.permutation(row)[:5].any() for row in found] for _ in range(200)])
    assert share[1] == pytest.approx(orders.mean(), abs=0.01)
    assert (np.diff(share[:4]) > 0).all()


def test_copies_of_one_specification_bring_a_searcher_no_luck():
    null = np.repeat(RNG.normal(size=(200, 1)), 50, axis=1)
    assert searcher(null, 0.95) == pytest.approx(0.05, abs=1e-9)
