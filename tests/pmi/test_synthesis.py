"""All answers side by side, and their range."""

import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError
from ikm_pmi.parameters import CounterfactualParameters, Episode, ImpactParameters
from ikm_pmi.pmi import counterfactual, sample, synthetic
from ikm_pmi.pmi.event_study import event_study
from ikm_pmi.pmi.synthesis import ARMS, gap, of_months, synthesis
from ikm_pmi.results import Estimate


def estimate(name, value, p=0.5):
    return Estimate(
        name=name, value=value, unit="index points", method="m", ci_low=value - 2,
        ci_high=value + 1, p_value=p,
    )  # fmt: skip


def test_each_estimator_has_interval_and_p_of_its_own_test():
    found = [estimate(a.name.format(episode="x"), -k, k / 100) for k, a in enumerate(ARMS, 1)]
    table = synthesis("x", found[::-1])
    assert list(table["estimator"]) == [arm.estimator for arm in ARMS]
    assert list(table["estimate"]) == [-place for place in range(1, len(ARMS) + 1)]
    assert list(table["p"]) == [place / 100 for place in range(1, len(ARMS) + 1)]
    assert table["assumes"].str.len().min() > 20


def test_the_range_has_the_three_methods_and_no_more():
    found = [estimate(a.name.format(episode="flood_x"), -k) for k, a in enumerate(ARMS, 8)]
    said = gap("flood_x", found)
    assert [e.name for e in said.estimates] == [
        f"gap.flood_x.{key}" for key in ("event_study", "structural", "twin")
    ]
    assert said.sentence().startswith(
        "flood x: the PMI stood 8.0 to 10.0 points below its expected path: event study −8.0 "
        "(−10.0 to −7.0), structural"
    )
    mixed = [estimate("pmi.x.mean", -1.0), estimate("counterfactual.ucm.x.mean", 2.0)]
    assert "stood −1.0 to 2.0 points from its" in gap("x", mixed).sentence()


def test_an_episode_nobody_has_is_refused():
    with pytest.raises(EstimationError, match="no estimator answers"):
        synthesis("y", [estimate("pmi.x.mean", -9)])


@pytest.mark.parametrize("country", ["IDN", "VNM", "THA", "DEU"])
def test_the_country_moves_every_row(country):
    table = package.load("country_monthly")
    p = CounterfactualParameters.parse({"treated_country": country})
    frame = sample.wide_frame(table, country=country)
    parts = [
        of_months(table, p),
        counterfactual.estimate(frame, p),
        synthetic.synthetic_control(table, p),
    ]
    found = gap("ppkm_2021", [e for part in parts for e in part.estimates])
    assert len(found.estimates) == 3
    assert all(e.ci_low < e.value < e.ci_high for e in found.estimates)
    own = table[table["country_iso3"] == country].set_index("month")["pmi"]
    observed = parts[1].paths.set_index("month")["observed"]
    assert observed["2021-07"].tolist() == pytest.approx([own["2021-07"]] * 2)


def test_another_country_has_the_event_study_with_its_peers_and_the_months_around():
    table = package.load("country_monthly")
    p = CounterfactualParameters.parse({"treated_country": "VNM"})
    chosen = sample.select_sample(sample.wide_frame(table, country="VNM"), p)
    rows = chosen.pmi.to_frame().join(chosen.peers.mean(axis=1).rename("peers"))
    own, months = [*map(Episode.parse, p.episodes)], ImpactParameters()
    around = {"leads": months.leads, "after": months.after, "level": p.confidence_level}
    direct = event_study(rows, "pmi", own, controls=["peers"], **around)
    found = {e.name: e for e in of_months(table, p).estimates}
    for one in direct.estimates:
        again = found[one.name]
        assert (again.value, again.ci_low) == pytest.approx((one.value, one.ci_low), rel=1e-12)
    bare = event_study(rows, "pmi", own, **around)
    assert bare.estimates[0].value != pytest.approx(direct.estimates[0].value, rel=1e-3)
