"""What a new figure must be before it becomes a row."""

import dataclasses
import datetime
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikm_pmi.data.package import RAW, find_root, read_descriptor
from ikm_pmi.data.series import (
    NO_ADDRESS,
    Entry,
    add_row,
    csv_line,
    find_series,
    parse_date,
    read_number,
    register,
)
from ikm_pmi.errors import DataError

PACKAGE = read_descriptor(find_root() / RAW)
ENTRY = Entry(
    period="2026-08",
    value="51,2",
    source="a release",
    address="",
    read_on=datetime.date(2026, 9, 2),
    settings={},
)


def add(name="pmi", *, settings=None, edit=lambda content: content, **given):
    series = find_series(PACKAGE, name, settings or {})
    content = edit((find_root() / RAW / series.table["path"]).read_bytes())
    return add_row(series, dataclasses.replace(ENTRY, **given), content), content


def test_one_line_is_new_and_stands_behind_the_last_month_of_its_series():
    added, before = add()
    old, new = before.decode().splitlines(), added.content.decode().splitlines()
    place = next(number for number, line in enumerate(new) if line not in set(old))
    assert new[place] == f"IDN,2026-08,51.2,first,a release,{NO_ADDRESS}"
    assert new[place - 1].startswith("IDN,2026-07,")
    assert new[:place] + new[place + 1 :] == old


def test_quarters_and_years_go_to_their_own_series():
    quarter, before = add("manufacturing_growth", period="2026q1", value="4.9")
    frame = pd.read_csv(io.BytesIO(quarter.content), dtype=str, keep_default_na=False)
    row = frame[(frame.year == "2026") & (frame.quarter == "1")].iloc[0]
    assert (row.series, row.measure, row.value) == (
        "manufacturing, constant 2010 prices",
        "yoy_growth_pct",
        "4.9",
    )
    assert len(quarter.content.splitlines()) == len(before.splitlines()) + 1
    year, _ = add("cpi_inflation", period="2026", value="2.5", read_on=datetime.date(2027, 1, 5))
    assert b"cpi_inflation,2026,Indonesia,2.5,percent,a release," in year.content


def test_another_country_by_setting_its_cell():
    added, _ = add(period="2024-10", value="50.1", settings={"country_iso3": "VNM"})
    assert b"\nVNM,2024-10,50.1,first," in added.content


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value": "51.2%"}, "no plain number"),
        ({"value": "1.051,2"}, "no plain number"),
        ({"value": "nan"}, "no plain number"),
        ({"value": "5e1"}, "no plain number"),
        ({"value": ""}, "no plain number"),
        ({"period": "2026-13"}, "no period"),
        ({"period": "08-2026"}, "no period"),
        ({"period": "2026Q3"}, "no period"),
        ({"period": "2026-10"}, "has not begun"),
        ({"period": "2026-07"}, "on record"),
        ({"source": "  "}, "no source"),
        ({"source": "--"}, "no source"),
        ({"value": "31"}, "unusual"),  # further than in April 2020
        ({"period": "2026-09", "value": "50"}, "unusual"),  # August would be left out
        ({"period": "2011-01", "value": "50"}, "unusual"),  # before the first
    ],
)
def test_refused_with_what_to_do(given, said):
    with pytest.raises(DataError, match=said) as caught:
        add(**given)
    error = caught.value
    assert error.expected
    assert error.found
    assert error.where
    assert error.todo


@pytest.mark.parametrize("given", [{"value": "31"}, {"period": "2026-09", "value": "50"}])
def test_what_looks_unusual_can_be_meant(given):
    added, _ = add(**given, force=True)
    assert added.row["pmi"] == given["value"]


def test_what_is_wrong_cannot_be_forced():
    for wrong in ({"value": "x"}, {"period": "2026-07"}, {"source": ""}):
        with pytest.raises(DataError):
            add(**wrong, force=True)


def test_a_month_missing_between_others_can_be_filled():
    added, _ = add(period="2017-09", value="50.4")
    lines = added.content.decode().splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("IDN,2017-09"))
    assert lines[place - 1].startswith("IDN,2017-08")
    assert lines[place + 1].startswith("IDN,2017-10")
    with pytest.raises(DataError, match="unusual"):
        add(period="2017-09", value="69.4")  # held against the month after it, too


def test_unknown_series_and_cells_name_the_near_ones():
    with pytest.raises(DataError, match="no series") as caught:
        find_series(PACKAGE, "pmii", {})
    assert "'pmi'" in caught.value.todo
    for column in ("pmi", "month", "nonsense"):
        with pytest.raises(DataError, match="no column to be set"):
            find_series(PACKAGE, "pmi", {column: "1"})


def test_every_registered_series_fits_its_table():
    for series in register(PACKAGE).values():
        columns = {item["name"] for item in series.table["schema"]["fields"]}
        assert {*series.period, series.value, *series.row} <= columns
        assert set(series.table["schema"]["primaryKey"]) == {*series.period, *series.key}


@given(st.decimals(-999, 999, places=2, allow_nan=False))
def test_comma_and_point_are_the_same_number(value):
    point = f"{value:.2f}"
    assert read_number(point.replace(".", ",")) == read_number(point) == point
    assert read_number(f" {point.replace('-', '−')} ") == point


@given(st.text(max_size=12))
def test_a_number_is_read_as_what_it_is_or_refused(text):
    try:
        cell = read_number(text)
    except DataError:
        return
    assert cell.isascii()
    assert float(cell) == float(text.strip().replace("−", "-").replace(",", "."))


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))))
def test_a_row_is_read_back_as_it_was(cells):
    import csv

    if cells != [""]:
        assert next(csv.reader([csv_line(cells)]), []) == cells


@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", "9999-01-01"])
def test_date_of_reading(text):
    with pytest.raises(DataError, match="date"):
        parse_date(text)
    assert parse_date("2026-01-31") == datetime.date(2026, 1, 31)
