"""Two-way clusters from a statsmodels result: by hand, against pyfixest, and what is refused."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference import two_way
from ikm_pmi.inference.absorbed import absorb
from ikm_pmi.inference.few_clusters import few_clusters

BOTH = ["unit", "year"]
DUMMIES = "y ~ x + z + C(unit) + C(year)"


def panel(units=9, years=6, seed=4, share=0.9, twice=1):
    rng = np.random.default_rng(seed)
    unit, year = np.repeat(np.arange(units), years), np.tile(np.arange(years), units)
    unit, year = np.tile(unit, twice), np.tile(year, twice)
    frame = pd.DataFrame({"unit": [f"u{i:04d}" for i in unit], "year": 2000 + year})
    both = rng.normal(size=units)[unit] + rng.normal(size=years)[year]
    frame["x"] = rng.normal(size=len(frame)) + both
    frame["z"] = rng.normal(size=len(frame))
    frame["w"] = rng.uniform(0.5, 3, size=len(frame))
    frame["y"] = 0.2 * frame["x"] + both + rng.normal(size=len(frame))
    return frame.sample(frac=share, random_state=seed).sort_index()


def crv3_by_hand(frame, formula, ways):
    """Three jackknifes, each refitting."""
    value = smf.ols(formula, frame).fit().params["x"]
    total = 0.0
    for sign, way in ((1, ways[:1]), (1, ways[1:]), (-1, ways)):
        names = [rows.index for _, rows in frame.groupby(list(way))]
        moves = [smf.ols(formula, frame.drop(rows)).fit().params["x"] - value for rows in names]
        total += sign * (len(names) - 1) / len(names) * np.square(moves).sum()
    return np.sqrt(total)


@pytest.mark.parametrize("twice", [1, 3])
@pytest.mark.parametrize("formula", ["y ~ x + z", "y ~ x + C(year)", DUMMIES])
def test_crv3_is_the_three_jackknifes_by_hand(formula, twice):
    frame = panel(twice=twice)
    found = few_clusters(smf.ols(formula, frame).fit(), "x", groups=frame[BOTH], interval=False)
    assert not found.repaired
    assert found.crv3 == pytest.approx(crv3_by_hand(frame, formula, BOTH), rel=1e-9)


@pytest.mark.parametrize("null", [0.0, 0.25])
def test_the_bootstrap_is_that_of_refitting_every_draw(null):
    frame = panel()
    fit = smf.ols(DUMMIES, frame).fit()
    found = few_clusters(fit, f"x = {null}", groups=frame[BOTH], interval=False)

    X = fit.model.exog
    at, other = fit.model.exog_names.index("x"), np.delete(X, fit.model.exog_names.index("x"), 1)
    year, unit = (pd.factorize(frame[name])[0] for name in ("year", "unit"))
    cells = pd.factorize(year * 100 + unit)[0]
    bread = np.linalg.pinv(X.T @ X)[at]

    def t(y):
        b = np.linalg.lstsq(X, y, rcond=None)[0]
        parts = (X @ bread) * (y - X @ b)
        sums = [np.bincount(codes, parts) for codes in (year, unit, cells)]
        terms = [len(s) / (len(s) - 1) * (s @ s) for s in sums]
        variance = terms[0] + terms[1] - terms[2]
        return abs(b[at] - null) / np.sqrt(variance) if variance > 0 else np.inf

    held = frame["y"].to_numpy() - null * X[:, at]
    expected = other @ np.linalg.lstsq(other, held, rcond=None)[0] + null * X[:, at]
    left = frame["y"].to_numpy() - expected
    draws = [t(expected + np.array(v)[year] * left) for v in product([-1, 1], repeat=6)]
    assert found.wild.enumerated
    assert found.wild.p_value == np.mean(np.array(draws) >= t(frame["y"].to_numpy()) - 1e-9)


def test_the_set_holds_what_is_not_rejected():
    frame = panel(years=9)
    fit = smf.ols(DUMMIES, frame).fit()
    wild = few_clusters(fit, "x", groups=frame[BOTH]).wild
    for end, inside in ((wild.ci_low, 1), (wild.ci_high, -1)):
        for side in (1, -1):
            value = end + side * inside * 1e-5
            again = few_clusters(fit, f"x = {value!r}", groups=frame[BOTH], interval=False).wild
            assert (again.p_value > 0.05) == (side == 1)


@pytest.mark.parametrize("weights", [None, "w"])
def test_absorbed_effects_give_the_numbers_of_dummies(weights):
    frame = panel()
    plain = (
        smf.ols(DUMMIES, frame) if weights is None else smf.wls(DUMMIES, frame, weights=frame["w"])
    )
    one = few_clusters(plain.fit(), "x = 0.1", groups=frame[BOTH])
    fit = absorb("y ~ x + z | unit + year", frame, weights=weights)
    other = few_clusters(fit, "x = 0.1", groups=frame[BOTH])
    for name in ("value", "crv1", "crv3", "parameters"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9), name
    assert other.wild.p_value == one.wild.p_value
    assert other.wild.ci_low == pytest.approx(one.wild.ci_low, rel=1e-6)


def test_years_left_out_one_by_one_where_units_are_too_many_for_dummies(monkeypatch):
    frame = panel(units=30)
    fit = absorb("y ~ x + z | unit + year", frame)
    one = few_clusters(fit, "x", groups=frame[BOTH], interval=False)
    monkeypatch.setattr(two_way, "MAX_BLOCK", 5)
    other = few_clusters(fit, "x", groups=frame[BOTH], interval=False)
    assert other.crv3 == pytest.approx(one.crv3, rel=1e-9)


def test_the_way_with_fewer_clusters_is_drawn_whatever_the_order():
    frame = panel()
    fit = smf.ols(DUMMIES, frame).fit()
    one = few_clusters(fit, "x", groups=frame[BOTH])
    other = few_clusters(fit, "x", groups=frame[BOTH[::-1]])
    assert one.wild.n_clusters == other.wild.n_clusters == 6
    assert one.table().loc["CRV1", "reference"] == "t(5)"
    assert one.wild.p_value == other.wild.p_value
    assert one.crv3 == pytest.approx(other.crv3, rel=1e-12)
    assert "9 clusters of unit and 6 clusters of year" in one.sentence()


def test_a_variance_that_is_not_positive_is_repaired_and_said():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):  # no clusters at all: the intersection may exceed both ways
        frame = panel(units=4, years=4, seed=int(rng.integers(1e6)), share=1.0)
        frame["y"] = rng.normal(size=len(frame))
        frame["x"] = rng.normal(size=len(frame))
        fit = smf.ols("y ~ x + C(unit) + C(year)", frame).fit()
        found.append(few_clusters(fit, "x", groups=frame[BOTH], interval=False))
    assert any(one.repaired for one in found)
    assert all(one.crv1 > 0 and one.crv3 > 0 and 0 < one.wild.p_value <= 1 for one in found)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), units=st.integers(5, 12), years=st.integers(4, 7))
@pytest.mark.property
@pytest.mark.second
@pytest.mark.filterwarnings("ignore")
def test_crv1_is_that_of_pyfixest(seed, units, years):
    import pyfixest as pf

    frame = panel(units, years, seed)
    ssc = pf.ssc(G_df="conventional")
    theirs = pf.feols(
        "y ~ x + z | unit + year", frame, {"CRV1": "unit+year"}, ssc=ssc, fixef_rm="none",
        fixef_tol=1e-12,  # its own demeaning is an iteration
    )  # fmt: skip
    found = few_clusters(smf.ols(DUMMIES, frame).fit(), "x", groups=frame[BOTH], interval=False)
    if not found.repaired:
        assert found.crv1 == pytest.approx(theirs.se()["x"], rel=1e-9)


@pytest.mark.parametrize(
    ("formula", "term", "groups", "match"),
    [
        ("y ~ x", "x", lambda f: f[[*BOTH, "z"]], "one way or two"),
        ("y ~ x", "x", lambda f: f[BOTH][1:], "cannot be matched"),
        (DUMMIES, "C(unit)[T.u0003]", lambda f: f[BOTH], "not identified"),
        (DUMMIES, "C(year)[T.2003]", lambda f: f[BOTH], "not identified"),
    ],
)
def test_refusals(formula, term, groups, match):
    frame = panel()
    with pytest.raises(EstimationError, match=match) as caught:
        few_clusters(smf.ols(formula, frame).fit(), term, groups=groups(frame))
    assert all((caught.value.expected, caught.value.found, caught.value.todo))


def test_too_many_of_both(monkeypatch):
    monkeypatch.setattr(two_way, "MAX_CELLS", 100)
    frame = panel()
    with pytest.raises(EstimationError, match="bootstrap two ways"):
        few_clusters(smf.ols("y ~ x", frame).fit(), "x", groups=frame[BOTH])
    monkeypatch.setattr(two_way, "MAX_DUMMIES", 2)
    with pytest.raises(EstimationError, match="dummies of the smaller effect"):
        few_clusters(absorb("y ~ x | unit + year", frame), "x", groups=frame[BOTH])
