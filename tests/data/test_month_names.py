"""Months are read by named patterns, and what is no month is refused."""

import datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikm_pmi.data.frames import as_months, month_of
from ikm_pmi.errors import DataError


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2021-07",
            "2021/7",
            "2021-07-01",
            "2021-07-31",
            "2021M07",
            "2021m7",
            "202107",
            "07/2021",
            "7-2021",
        ),
        *("Jul 2021", "July 2021", "juli 2021", "JUL. 2021", "2021 Jul", "Jul-2021", " 2021-07 "),
        *(202107, datetime.date(2021, 7, 15), pd.Timestamp("2021-07-31"), pd.Period("2021-07")),
    ],
)
def test_july_2021_however_it_is_written(text):
    assert month_of(text) == "2021-07"


@pytest.mark.parametrize(
    ("text", "month"),
    [("Agustus 2021", "2021-08"), ("Okt 2020", "2020-10"), ("Mei 2020", "2020-05"),
     ("Desember 2019", "2019-12"), ("201207", "2012-07")],
)  # fmt: skip
def test_indonesian_names_and_what_a_loose_reader_gets_wrong(text, month):
    assert month_of(text) == month


@pytest.mark.parametrize(
    "text", ["2021-13", "13/2021", "2021", "July", "Q3 2021", "21-07", "2021-07-32", "x", "", None,
             float("nan"), pd.NaT, "2021-00", "Juli"]
)  # fmt: skip
def test_what_is_no_month_is_refused(text):
    with pytest.raises(DataError, match="a month cannot be read") as error:
        month_of(text)
    assert "Juli 2021" in error.value.expected


@given(st.integers(1900, 2099), st.integers(1, 12))
def test_every_month_reads_back(year, month):
    for form in ("{0}-{1:02d}", "{0}M{1:02d}", "{1:02d}/{0}", "{0}{1:02d}"):
        assert month_of(form.format(year, month)) == f"{year}-{month:02d}"


def test_an_index_keeps_its_gaps_and_its_order():
    found = as_months(pd.Index(["2015-01", "2015-02", "2015-04"], name="when"))
    assert list(found.astype(str)) == ["2015-01", "2015-02", "2015-04"]
    assert found.name == "when"
    dates = pd.date_range("2015-01-31", periods=3, freq="ME")
    assert as_months(dates).equals(pd.period_range("2015-01", periods=3, freq="M"))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (["2015-02", "2015-01"], "2015-01 after 2015-02"),
        (["2015-01", "Jan 2015"], "2015-01 twice"),
        (pd.RangeIndex(3), "3 rows, counted"),
        ([], "no rows"),
        (["2015-01", "spring"], "spring"),
    ],
)
def test_an_index_that_is_none_is_refused(index, message):
    with pytest.raises(DataError) as error:
        as_months(pd.Index(index))
    assert message in error.value.found
    assert error.value.todo
