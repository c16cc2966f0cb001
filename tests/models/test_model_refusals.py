"""What the models cannot do is refused with the counts, months or countries that say why."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference.clusters import cluster_moments, critical_t, crv1, p_t
from ikm_pmi.models import claims_counts, elasticity_specs, known_truth, panel, peers, study
from ikm_pmi.models.country_panel import CountryPanel, regress
from ikm_pmi.models.elasticity_sample import deflator_index
from ikm_pmi.models.implied_level import implied_level
from ikm_pmi.models.links import _spread
from ikm_pmi.models.synthetic_fit import fit
from ikm_pmi.models.synthetic_placebo import conformal_set, placebo_space
from ikm_pmi.models.within import redundant
from ikm_pmi.parameters import (
    CounterfactualParameters,
    ElasticityParameters,
    ValidationParameters,
)
from ikm_pmi.results import Estimate

RNG = np.random.default_rng(8)
MONTHS = pd.period_range("2019-01", "2021-08", freq="M")


def test_a_year_without_a_survey_is_named():
    tables = package.load_many(["imk_province", "imk_kbli"])
    with pytest.raises(DataError, match="no total workers of micro and small industry in 2016"):
        claims_counts.imk(tables, 2016, "workers")
    with pytest.raises(DataError, match="no units of large and medium industry in 1999"):
        claims_counts.larger(tables, 1999, "units")


def test_an_index_the_deflator_table_lacks_is_named():
    table = pd.DataFrame({"measure": ["cpi_index"], "year": [2019], "value": [100.0]})
    with pytest.raises(DataError) as caught:
        deflator_index(table, "gdp")
    assert caught.value.expected == "rows of measure gdp_deflator_index"
    assert caught.value.found == "cpi_index"
    assert deflator_index(table, "none") is None


def path(*values):
    return pd.Series(values, pd.period_range("2021-07", periods=len(values), freq="M"), dtype=float)


@pytest.mark.parametrize(
    ("pmi", "reference", "words", "part"),
    [
        (path(40, 41), "2021-08", "no PMI after", ("expected", "a PMI in 2021-09")),
        (path(np.nan, 41), "2021-06", "no PMI after", ("expected", "a PMI in 2021-07")),
        (path(40, np.nan, 70), "2021-06", "followed to its return", ("found", "none in 2021-08")),
        (path(51, 40), "2021-06", "nothing was lost", ("found", "+1.0 points")),
    ],
)
def test_a_level_that_cannot_be_followed(pmi, reference, words, part):
    with pytest.raises(EstimationError, match=words) as caught:
        implied_level(pmi, reference)
    assert getattr(caught.value, part[0]) == part[1]


def test_the_implied_level_by_hand():
    found = implied_level(path(40, 45, 52, 68, 50), "2021-06")
    assert found.path["level"].tolist() == [-10, -15, -13, 5, 5]
    assert str(found.recovered) == "2021-10"
    values = {e.name.rpartition(".")[2]: e.value for e in found.estimates}
    assert min(values.values()) <= -15
    cut = implied_level(path(40, 45, np.nan, 68), "2021-06", end="2021-08")
    assert cut.recovered is None
    assert "not made up before the data end" in cut.sentence()


def test_an_open_interval_is_nothing_to_draw_from():
    known = Estimate(
        name="e", value=1.0, unit="", method="", ci_low=0.0, ci_high=2.0, ci_level=0.95
    )
    assert _spread(known) == pytest.approx(1 / 1.959964, rel=1e-6)
    with pytest.raises(EstimationError) as caught:
        _spread(replace(known, ci_high=None))
    assert caught.value.found == "0.0 to None"


def test_too_few_countries_are_counted():
    names = ("AAA", "BBB", "CCC", "DDD", "EEE")
    wide = {
        name: pd.DataFrame(RNG.standard_normal((len(MONTHS), 5)), MONTHS, list(names))
        for name in ("pmi", "level")
    }
    none = pd.DataFrame()
    few = CountryPanel(wide=wide, first=MONTHS[0], last=MONTHS[-1], excluded=none, gaps=none)
    with pytest.raises(EstimationError) as caught:
        regress(few, wide["pmi"], {"level": wide["level"]})
    assert caught.value.expected == "at least 6"
    assert caught.value.found == f"5 with {5 * len(MONTHS)} rows"


def test_two_effects_across_the_clusters_are_refused():
    f = pd.DataFrame(RNG.standard_normal((40, 2)), columns=["y", "x"])
    f["unit"], f["year"], f["month"] = np.arange(40) // 5, np.arange(40) % 5, np.arange(40) % 4
    with pytest.raises(EstimationError) as caught:
        panel.moments(panel.design(f, "y", ["x"], effects=["unit", "year", "month"]))
    assert caught.value.found == "5 levels, 4 levels"
    with pytest.raises(EstimationError) as caught:
        redundant([f["unit"].to_numpy()] * 3)
    assert caught.value.found == "3 effects"
    assert redundant([f["unit"].to_numpy(), f["year"].to_numpy()]) == 1
    assert redundant([f["unit"].to_numpy()]) == 0


def test_no_complete_month_is_said_with_the_span():
    frame = pd.DataFrame({"pmi": [np.nan, 50.0], "peers": [50.0, np.nan]}, MONTHS[:2])
    with pytest.raises(EstimationError) as caught:
        study.select_months(frame, ["pmi", "peers"], "2019-01", "2019-02")
    assert caught.value.found == "0 of 2 months from 2019-01 to 2019-02"
    rows, excluded = study.select_months(frame, ["pmi"], "2019-01", "2019-02")
    assert rows["pmi"].tolist() == [50]
    assert excluded == {"2019-01": "pmi missing"}


def test_a_placebo_in_space_needs_three_donors():
    table = pd.DataFrame(50 + RNG.standard_normal((len(MONTHS), 3)), MONTHS, ["AAA", "BBB", "IDN"])
    model = fit(table, "IDN", list(MONTHS[-2:]))
    with pytest.raises(EstimationError) as caught:
        placebo_space(model, table)
    assert (caught.value.found, caught.value.where) == ("2 donors", "IDN")
    third = table.assign(CCC=50 + RNG.standard_normal(len(MONTHS)))
    assert len(placebo_space(fit(third, "IDN", list(MONTHS[-2:])), third)) == 4


def test_a_level_finer_than_the_periods_allow_is_unbounded():
    table = pd.DataFrame(50 + RNG.standard_normal((len(MONTHS), 3)), MONTHS, ["AAA", "BBB", "IDN"])
    model = fit(table, "IDN", list(MONTHS[-2:]))
    found = conformal_set(model, table, 0.99)
    assert (found.low, found.high, found.shape) == (None, None, "unbounded")
    assert found.minimum_p == 1 / len(MONTHS)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "does not hold the sample"),
        ({"pmi": 50.0, "ASN": np.nan}, "no peer has a PMI"),
        ({"pmi": np.nan, "ASN": 50.0}, "not wholly observed"),
    ],
)
def test_a_frame_without_the_sample_is_refused(columns, words):
    months = pd.period_range("2012-05", "2023-12", freq="M")
    frame = pd.DataFrame(columns, index=months)
    chosen = CounterfactualParameters(peers=["ASN"])
    with pytest.raises(EstimationError, match=words):
        peers.select_sample(frame, chosen)


def test_a_missing_peer_is_left_out_by_name_and_the_rest_averaged():
    months = pd.period_range("2012-05", "2023-12", freq="M")
    frame = pd.DataFrame({"pmi": 50.0, "ASN": 51.0, "CHN": 53.0, "JPN": 50.0}, index=months)
    frame.loc["2016-05":"2016-06", "JPN"] = np.nan
    chosen = CounterfactualParameters(peers=["ASN", "CHN", "JPN", "XXX"], peers_as="mean")
    found = peers.select_sample(frame, chosen)
    assert found.peers["peers"].unique().tolist() == [52]
    assert found.excluded["XXX"] == "not in the frame"
    rows = len(found.pmi)
    assert found.excluded["JPN"] == f"no value in 2 of {rows} months, first 2016-05"


def test_with_many_clusters_the_elasticity_is_tested_by_t():
    G = elasticity_specs.MANY_CLUSTERS + 1
    codes = np.repeat(np.arange(G), 3)
    x = RNG.standard_normal(len(codes))
    m = cluster_moments(0.4 * x + RNG.standard_normal(len(codes)), x[:, None], codes)
    found = elasticity_specs.infer(m, 0, ElasticityParameters(), null=0.1)
    error = float(np.sqrt(crv1(m)[0, 0]))
    assert found.value == pytest.approx(m.params[0])
    assert found.std_error == pytest.approx(error)
    assert found.statistic == pytest.approx((found.value - 0.1) / error)
    assert found.p_value == pytest.approx(p_t(found.statistic, G))
    reach = critical_t(0.95, G) * error
    assert found.ci_low == pytest.approx(found.value - reach)
    assert found.ci_high == pytest.approx(found.value + reach)
    assert (found.distribution, found.minimum_p) == (f"t({G - 1})", None)


def test_the_full_table_repeats_the_months_at_the_measured_persistence(monkeypatch):
    monkeypatch.setattr(known_truth, "persistence_of_errors", lambda _: 0.876)
    names = (*known_truth.MONTHLY, "elasticity")
    monkeypatch.setattr(known_truth, "experiments", lambda _, p: dict.fromkeys(names, p))
    seen = []

    def run(wanted, replications, seed, tell):
        seen.append((list(wanted), replications, seed, tell))
        return pd.DataFrame({"experiment": list(wanted)})

    monkeypatch.setattr(known_truth, "monte_carlo", run)
    p = ValidationParameters(replications=60, seed=5)
    table = known_truth.full_table({}, p)
    assert [wanted for wanted, *_ in seen] == [list(names), list(known_truth.MONTHLY)]
    assert {(r, s) for _, r, s, _ in seen} == {(60, 5)}
    assert list(table.columns) == ["persistence", "seed", "experiment"]
    by_name = table.groupby("experiment")["persistence"].agg(list)
    assert by_name[known_truth.MONTHLY[0]] == [p.persistence, 0.88]
    assert np.isnan(by_name["elasticity"]).all()
    assert set(table["seed"]) == {5}
