import pytest

from ikm_pmi.errors import EstimationError
from ikm_pmi.models.synthesis import ARMS, synthesis
from ikm_pmi.results import Estimate, TestResult


def estimate(name, value):
    return Estimate(name=name, value=value, unit="index points", method="m", ci_low=-20, ci_high=-1)


def a_test(name, p):
    return TestResult(name=name, null="n", statistic=1, p_value=p, distribution="d", minimum_p=0.01)


def test_each_estimator_stands_beside_its_own_test_and_assumption():
    found = [estimate(arm[1].format(episode="x"), -place) for place, arm in enumerate(ARMS, 1)]
    ranked = [a_test(arm[2].format(episode="x"), place / 100) for place, arm in enumerate(ARMS, 1)]
    table = synthesis("x", found[::-1], ranked)
    assert list(table["estimator"]) == [arm[0] for arm in ARMS]
    assert list(table["estimate"]) == [-place for place in range(1, len(ARMS) + 1)]
    assert list(table["p"]) == [place / 100 for place in range(1, len(ARMS) + 1)]
    assert table["assumes"].str.len().min() > 20


def test_an_estimator_without_this_episode_is_left_out():
    table = synthesis("x", [estimate("pmi.x.mean", -9)], [a_test("pmi.x.no_effect", 0.01)])
    assert list(table["estimator"]) == ["event study"]


def test_an_episode_nobody_has_is_refused():
    with pytest.raises(EstimationError, match="no estimator answers"):
        synthesis("y", [estimate("pmi.x.mean", -9)], [a_test("pmi.x.no_effect", 0.01)])
