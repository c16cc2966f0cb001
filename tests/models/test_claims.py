import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError
from ikm_pmi.models import claims
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
    # All size classes of 2019 give the announced 4.41 million units.
    assert "in 2019, 4,410,248" in found["units"].why
    assert found["workers"].found == 9_109_297
    assert found["workers"].verdict == "differs"
    assert result.workers["persons"].sum() == 9_109_297 + 6_009_194


def test_the_two_changes_are_differences_of_the_three_months(result):
    found = by_claim(result)
    july = found["pmi_2021_07"].found - found["pmi_2021_06"].found
    assert found["pmi_change_2021_07"].found == pytest.approx(july)
    assert found["pmi_change_2021_07"].verdict == "confirmed"


def test_the_growth_contribution_is_bracketed_not_judged(result):
    finding = by_claim(result)["growth_contribution"]
    assert finding.verdict == "cannot be checked"
    assert set(result.readings) == {"as_share", "as_growth"}
    assert all(0 < value < 100 for value in result.readings.values())


def test_a_wider_tolerance_can_only_confirm_more(tables, result):
    wide = claims.compare(tables, ClaimsParameters.parse({"tolerance_pct": 50}))
    for strict, loose in zip(result.findings, wide.findings, strict=True):
        assert strict.verdict != "confirmed" or loose.verdict == "confirmed"
    assert by_claim(wide)["units"].verdict == "confirmed"


def test_estimates_carry_claim_difference_and_verdict(result):
    rows = {e.name: e.to_dict() for e in result.estimates()}
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
