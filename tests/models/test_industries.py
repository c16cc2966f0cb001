"""Industries as a panel of units, and their contrast with the provinces."""

import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError
from ikm_pmi.models.elasticity_sample import deflator_index
from ikm_pmi.models.industries import contrast, industry_panel
from ikm_pmi.parameters import ElasticityParameters

FEW = ElasticityParameters(draws=999)


@pytest.fixture(scope="module")
def kbli():
    return package.load("imk_kbli")


@pytest.fixture(scope="module")
def result(kbli):
    index = deflator_index(package.load("deflators"), "cpi")
    return contrast(kbli, package.load("imk_panel"), FEW, deflator=index)


@pytest.mark.parametrize(("size", "units"), [("imk", 23), ("large_medium", 24)])
def test_panels_are_balanced_and_positive(kbli, size, units):
    panel = industry_panel(kbli, size)
    assert panel.groupby("unit").size().eq(5).all()
    assert len(set(panel["unit"])) == units
    assert (panel[["workers", "output_idr_mn"]] > 0).all().all()


def test_workers_of_imk_add_up_to_the_province_totals(kbli):
    totals = industry_panel(kbli, "imk").groupby("year")["workers"].sum()
    imk = package.load("imk_panel")
    provinces = imk[imk["scale"] == "total"].groupby("year")["workers"].sum()
    assert totals.to_dict() == provinces.reindex(totals.index).to_dict()


def test_names_samples_and_what_is_weak_is_said(result):
    e = {x.name.removeprefix("elasticity.industry."): x for x in result.estimates}
    assert {n.rpartition(".")[0] for n in e} == {"imk", "large_medium", "provinces"}
    assert (e["imk.twfe"].n, e["large_medium.twfe"].n, e["provinces.twfe"].n) == (115, 120, 160)
    assert e["imk.twfe_unflagged"].n == 111
    assert "value added" in e["imk.twfe"].unit
    assert "value added" not in e["provinces.twfe"].unit
    assert any("weak" in note for note in result.notes)
    assert any("KBLI 19" in note for note in result.notes)


def test_the_difference_is_that_of_the_two_regressions(result):
    e = {x.name: x.value for x in result.estimates}
    gap = e["elasticity.industry.imk.twfe"] - e["elasticity.industry.large_medium.twfe"]
    assert result.tests[0].detail["value"] == pytest.approx(gap, abs=1e-10)


def test_workers_without_value_added_are_refused(kbli):
    broken = kbli.copy()
    row = broken.index[(broken["scale"] == "total") & (broken["year"] == 2019)][0]
    broken.loc[row, "value_added_mn_idr"] = 0
    with pytest.raises(DataError, match="without value added") as caught:
        industry_panel(broken, "imk")
    assert caught.value.found.endswith("workers, value added 0")
