"""Industries as a panel of units, and the contrast of two sizes."""

import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError
from ikm_pmi.jobs.industries import contrast, industry_panel
from ikm_pmi.parameters import ElasticityParameters


@pytest.fixture(scope="module")
def kbli():
    return package.load("imk_kbli")


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


def test_two_rows_and_a_difference_that_is_theirs(kbli):
    found = contrast(kbli, ElasticityParameters(draws=999))
    imk, large = found.estimates
    assert (imk.n, large.n) == (115, 120)
    assert "value added" in imk.unit
    gap = imk.value - large.value
    assert found.tests[0].detail["value"] == pytest.approx(gap, abs=1e-10)
    assert "weak" in found.notes[0]


def test_workers_without_value_added_are_refused(kbli):
    broken = kbli.copy()
    row = broken.index[(broken["scale"] == "total") & (broken["year"] == 2019)][0]
    broken.loc[row, "value_added_mn_idr"] = 0
    with pytest.raises(DataError, match="without value added") as caught:
        industry_panel(broken, "imk")
    assert caught.value.found.endswith("workers, value added 0")
