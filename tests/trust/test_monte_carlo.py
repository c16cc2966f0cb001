"""The Monte-Carlo loop: it must find nothing wrong with what is right, and what is wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ikm_pmi.results import Estimate
from ikm_pmi.trust.monte_carlo import (
    Draw,
    ar1,
    deal,
    estimates,
    judge,
    monte_carlo,
    sentence,
    summarise,
)

N = 5


def mean_of(values, critical):
    value, error = values.mean(), values.std(ddof=1) / np.sqrt(N)
    half = critical * error
    p = (
        2 * stats.t.sf(abs(value / error), N - 1)
        if critical > 2
        else 2 * stats.norm.sf(abs(value / error))
    )
    return Estimate(
        name="mean",
        value=value,
        unit="",
        method="",
        ci_low=value - half,
        ci_high=value + half,
        p_value=p,
    )


def means(rng):
    """Five normal values: Student's t is exact, the normal is not."""
    calm = rng.standard_normal(N)
    for name, critical in (("t", stats.t.ppf(0.975, N - 1)), ("normal", 1.96)):
        yield judge(name, mean_of(calm, critical), mean_of(calm + 3, critical), 3.0)
    yield Draw("shifted", error=float(calm.mean() + 0.5))


@pytest.mark.truth
def test_what_is_exact_passes_and_what_is_not_is_named():
    table = monte_carlo({"means": means}, 2000, 1).set_index("method")
    assert table["verdict"].to_dict() == {
        "t": "nothing off",
        "normal": "rejects too often; covers too rarely",
        "shifted": "biased",
    }
    # P(|t(4)| > 1.96) is 12.2 percent; four Monte-Carlo standard errors are 2.9 points.
    assert table.loc["normal", "size"] == pytest.approx(2 * stats.t.sf(1.96, 4), abs=0.029)
    assert table.loc["t", "coverage"] == pytest.approx(0.95, abs=0.02)
    assert table.loc["t", "power"] > 0.95
    assert table.loc["t", "rmse"] == pytest.approx(1 / np.sqrt(N), rel=0.07)
    assert table.loc["shifted", ["size", "coverage"]].isna().all()


def test_a_table_does_not_depend_on_its_neighbours_or_their_order():
    alone = monte_carlo({"means": means}, 10, 3)
    other = {"other": lambda rng: [Draw("one", error=rng.standard_normal())], "means": means}
    beside = monte_carlo(other, 10, 3)
    assert beside[beside["experiment"] == "means"].reset_index(drop=True).equals(alone)
    assert not monte_carlo({"means": means}, 10, 4).equals(alone)


def test_a_test_that_cannot_reject_says_so():
    draws = [("few", Draw("rank", size=False, power=False, minimum_p=0.1))] * 20
    table = summarise(draws)
    assert table.loc[0, "verdict"] == "cannot reject at 5%: smallest p 0.10"
    assert sentence(table).startswith("1 of 1 methods are off: few, rank (cannot reject")
    assert [e.name for e in estimates(table)] == ["validation.few.rank.size"]


def test_an_interval_without_an_end_holds_everything_on_that_side():
    null = Estimate(name="x", value=0.0, unit="", method="")
    open_above = Estimate(name="x", value=1.0, unit="", method="", ci_low=0.5)
    assert judge("m", null, open_above, 100.0).coverage
    assert not judge("m", null, open_above, 0.0).coverage
    assert judge("m", null, open_above, 0.0).size is None  # no p-value, no test


@pytest.mark.truth
def test_ar1_has_the_spread_and_persistence_asked_for():
    rng = np.random.default_rng(2)
    paths = np.array([ar1(rng, 50, 0.8, 3.0) for _ in range(4000)])
    assert paths.std() == pytest.approx(3.0, rel=0.03)
    assert paths[:, 0].std() == pytest.approx(3.0, rel=0.05)  # stationary from the first month
    assert np.corrcoef(paths[:, 10], paths[:, 11])[0, 1] == pytest.approx(0.8, abs=0.03)


@pytest.mark.property
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_dealing_keeps_every_path_up_to_its_sign(seed):
    paths = np.arange(1.0, 13.0).reshape(4, 3)
    dealt = deal(np.random.default_rng(seed), paths)
    assert sorted(np.abs(dealt).tolist()) == paths.tolist()
    assert all(abs(row.sum()) == np.abs(row).sum() for row in dealt)  # one sign a path


def test_dealing_takes_either_sign_as_often():
    rng, paths = np.random.default_rng(2), np.ones((1000, 2))
    assert (deal(rng, paths)[:, 0] < 0).mean() == pytest.approx(0.5, abs=0.05)
