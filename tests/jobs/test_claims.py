import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError
from ikm_pmi.jobs import claims
from ikm_pmi.parameters import ClaimsParameters

DEFAULTS = ClaimsParameters.parse({})


@pytest.fixture(scope="module")
def tables():
    return {name: package.load(name) for name in claims.TABLES}


@pytest.fixture(scope="module")
def result(tables):
    return claims.compare(tables, DEFAULTS)


def by_claim(result):
    return {finding.claim: finding for finding in result.findings}


def test_every_figure_of_the_announcement_has_a_verdict_and_a_reason(tables, result):
    found = by_claim(result)
    assert set(tables["announcement"]["claim"]) <= set(found)
    assert {"pmi_change_2021_07", "pmi_change_2021_08", "workers_per_unit"} <= set(found)
    assert all(f.verdict in {"confirmed", "differs", "cannot be checked"} for f in found.values())
    assert all(f.why and f.source_said and f.source_found for f in found.values())


@pytest.mark.published
def test_bps_counts_of_2021_are_the_published_ones(result):
    # BPS, IMK 2021: 4,162,688 establishments and 9,109,297 workers, as in the table by industry.
    found = by_claim(result)
    assert found["units"].found == 4_162_688
    assert found["workers"].found == 9_109_297
    assert found["workers"].verdict == "differs"
    assert result.workers["persons"].sum() == 9_109_297 + 6_009_194


def test_the_two_changes_are_differences_of_the_three_months(result):
    found = by_claim(result)
    july = found["pmi_2021_07"].found - found["pmi_2021_06"].found
    assert found["pmi_change_2021_07"].found == pytest.approx(july)
    assert found["pmi_change_2021_07"].verdict == "confirmed"


def test_six_figures_were_announced_and_the_others_follow(result):
    announced = {f.claim for f in result.findings if f.announced}
    pmi = {"pmi_2021_07", "pmi_2021_08"}
    assert announced == {"units", "workers", "growth_contribution", "bumn"} | pmi
    assert "Of the 6 figures announced, 2 are confirmed" in result.sentence()


def test_years_that_could_be_cited_stand_beside_the_year_compared(result):
    years = result.years.set_index(["claim", "year"])["verdict"]
    assert years["units"].to_dict() == {
        2018: "differs", 2019: "confirmed", 2020: "differs", 2021: "differs",
    }  # fmt: skip
    assert set(years["workers"]) == {"differs"}


@pytest.mark.published
def test_a_match_is_the_best_of_all_counts_that_could_be_meant(result):
    # Economic Census 2016: 4.41 and 15.99 million, printed (detik, 27 April 2017).
    units, workers = result.nearest["units"], result.nearest["workers"]
    first = units.iloc[0]
    assert (first["counted"], first["off_pct"]) == ("all sizes (Economic Census)", 0.0)
    assert units["off_pct"].abs().is_monotonic_increasing
    assert (units["off_pct"].abs() < 0.1).sum() == 3  # a census, a sum of two surveys, a later IMK
    census = workers[workers["counted"] == "all sizes (Economic Census)"]
    assert census["count"].tolist() == [15_990_000]
    assert f"nearest of {len(units)} counts tried" in by_claim(result)["units"].why


def test_the_contribution_is_a_share_without_coal_and_refining_and_not_judged(tables, result):
    finding = by_claim(result)["growth_contribution"]
    assert finding.verdict == "cannot be checked"
    kbli = tables["imk_kbli"].query("year == 2021 and kbli2 != '19' and kbli2 != 19")
    sums = kbli.groupby("scale")["value_added_mn_idr"].sum()
    share = 100 * sums["total"] / (sums["total"] + sums["large_medium"])
    assert finding.found == pytest.approx(share)
    rises = result.contribution["share_of_rise"].dropna()
    assert rises.min() < 0 < rises.max()  # noise: no reading


def test_a_wider_tolerance_can_only_confirm_more(tables, result):
    wide = claims.compare(tables, ClaimsParameters.parse({"tolerance_pct": 50}))
    for strict, loose in zip(result.findings, wide.findings, strict=True):
        assert strict.verdict != "confirmed" or loose.verdict == "confirmed"
    assert by_claim(wide)["units"].verdict == "confirmed"


def test_estimates_carry_claim_difference_and_verdict(result):
    rows = {e.name: e.to_dict() for e in result.estimates}
    workers = rows["claim.workers"]
    assert workers["difference"] == workers["value"] - workers["claimed"]
    assert workers["verdict"] == "differs"
    assert len(result.table()) == len(result.findings)
    assert "differ" in result.sentence()


def test_a_missing_month_is_named(tables):
    pmi = tables["pmi_headline"]
    cut = pmi[~((pmi["country_iso3"] == "IDN") & (pmi["month"] == "2021-07"))]
    with pytest.raises(DataError, match="PMI of a month") as caught:
        claims.compare(tables | {"pmi_headline": cut}, DEFAULTS)
    assert "2021-07" in str(caught.value)
