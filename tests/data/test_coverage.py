import pandas as pd
import pytest

from ikm_pmi.data import coverage
from ikm_pmi.errors import DataError
from ikm_pmi.parameters import DataParameters


def frame(**months):
    rows = [(code, month, 50.0) for code, listed in months.items() for month in listed]
    table = pd.DataFrame(rows, columns=["country_iso3", "month", "pmi"])
    return table.assign(month=pd.PeriodIndex(table["month"], freq="M"))


def measured(table, **values):
    return coverage.measure(table, DataParameters.parse(values))


def test_gaps_and_runs_are_counted():
    table = frame(IDN=["2020-01", "2020-02", "2020-04", "2020-05", "2020-06"], JPN=["2020-01"])
    result = measured(table)
    own = result.countries.loc["IDN"]
    assert (own["months"], own["missing"], own["longest_run"]) == (5, 1, 3)
    assert own["missing_months"] == "2020-03"
    assert "2020-03" in result.sentence()
    values = {e.name: e.value for e in result.estimates}
    assert values["data.pmi.country_months"] == 6
    assert list(result.table().index) == ["IDN", "JPN"]


def test_the_span_bounds_the_count():
    table = frame(IDN=["2020-01", "2020-02", "2020-04"])
    assert measured(table, end_month="2020-02").countries.loc["IDN", "months"] == 2


def test_a_country_without_months_is_refused_with_those_there_are():
    with pytest.raises(DataError, match="no PMI of FRA") as caught:
        measured(frame(IDN=["2020-01"]), country="FRA")
    assert "IDN" in caught.value.expected


def test_flagged_cells_show_output_per_worker():
    panel = pd.DataFrame(
        {
            "unit": ["Bali", "Riau"],
            "year": [2019, 2018],
            "scale": ["small", "micro"],
            "workers": [100, 50],
            "output_idr_mn": [5000.0, 100.0],
            "flagged": [True, False],
        }
    )
    odd = coverage.flagged_cells(panel)
    assert list(odd["unit"]) == ["Bali"]
    assert odd["output_per_worker_idr_mn"].item() == 50.0
