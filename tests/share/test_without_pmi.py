"""A package and an export without the PMI, and a reader's own file in its place."""

import csv
import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ikm_pmi.data.package import RAW, find_root, load
from ikm_pmi.engine import own_file
from ikm_pmi.engine.processed import check
from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.share import exports
from ikm_pmi.share.exports import chosen, leave_out, statement

ROOT = find_root(Path(__file__))
PMI = "data/raw/pmi_headline.csv"


@pytest.fixture
def project(tmp_path):
    """The data of the project, to be changed."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    return tmp_path


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_values_are_blank_and_months_sources_and_hashes_stay():
    names = [PMI, "data/processed/country_monthly.csv", "data/raw/lebaran.csv"]
    found = {name: (ROOT / name).read_bytes() for name in names}
    found |= {
        "results/04/tables/paths.csv": b"month,observed,expected\n2021-07,40.1,50\n",
        "notebooks/03.ipynb": b"pmi",
    }
    less = leave_out(found, ["pmi"])
    assert set(found) == set(less)
    assert less["results/04/tables/paths.csv"] == b"month,observed,expected\n2021-07,,50\n"
    for name in names[:2]:
        assert {row["pmi"] for row in rows(less[name])} == {""}
        for old, new in zip(rows(found[name]), rows(less[name]), strict=True):
            assert {**old, "pmi": ""} == new
    assert less["data/raw/lebaran.csv"] == found["data/raw/lebaran.csv"]
    assert leave_out(found, []) == found
    assert "S&P Global" in statement(["pmi"])
    assert statement([]) == ""
    with pytest.raises(ParameterError, match="one of pmi"):
        chosen(["imk"])


def test_an_export_has_no_column_of_the_pmi():
    every = {table.name: table for table in exports.data_tables(ROOT, without=["pmi"])}
    assert set(every) == {table.name for table in exports.data_tables(ROOT)}
    for table in every.values():
        assert not {"pmi", "observed"} & {*table.data, *table.labels}


def test_a_file_of_ones_own_is_checked_recorded_and_said(project, tmp_path):
    path = project / PMI
    path.write_bytes(leave_out({PMI: path.read_bytes()}, ["pmi"])[PMI])
    mine = tmp_path / "mine.csv"
    mine.write_text("country_iso3,month,pmi\nIDN,2021-07,40.2\nIDN,2021-08,43.5\n")
    used = own_file.use(project, "pmi", mine)
    assert (used.taken, used.kept, used.whole) == (2, 0, False)
    assert used.left_out == len(load("pmi_headline", ROOT)) - 2
    table = load("pmi_headline", project)
    assert table["pmi"].tolist() == [40.2, 43.5]
    assert table["source"].str.contains(used.hash).all()
    assert load("indonesia_monthly", project)["pmi"].tolist() == [40.2, 43.5]
    package = json.loads((project / RAW / "datapackage.json").read_text(encoding="utf-8"))
    entry = next(e for e in package["resources"] if e["name"] == "pmi_headline")
    assert entry["ownFile"] == {"name": "mine.csv", "hash": used.hash, "rows": 2}
    assert own_file.notes(ROOT) == []
    (note,) = own_file.notes(project)
    assert used.hash in note
    assert check(project).ok


def test_the_whole_table_back_is_the_table_that_was_sealed(project, tmp_path):
    mine = Path(shutil.copy(project / PMI, tmp_path / "whole.csv"))
    path = project / PMI
    path.write_bytes(leave_out({PMI: path.read_bytes()}, ["pmi"])[PMI])
    assert own_file.use(project, "pmi", mine).whole
    assert own_file.notes(project) == []
    pd.testing.assert_frame_equal(load("pmi_headline", project), load("pmi_headline", ROOT))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("country_iso3,month,pmi\nIDN,2021-07,40,2\n", "row 2"),
        ("country_iso3,month,pmi\nIDN,2021-07,401\n", "column pmi"),
        ("country_iso3,month,pmi\nIDN,July,40.1\n", "column month"),
        ("country_iso3,month,pmi\nIndonesia,2021-07,40.1\n", "column country_iso3"),
        ("country_iso3,month,pmi\nIDN,2021-07,40.1\nIDN,2021-07,40.1\n", "row 3"),
        ("country,month,pmi\nIDN,2021-07,40.1\n", "mine.csv"),
        ("", "mine.csv"),
    ],
)
def test_a_file_that_is_none_changes_nothing(project, tmp_path, text, where):
    mine = tmp_path / "mine.csv"
    mine.write_text(text)
    before = (project / PMI).read_bytes()
    with pytest.raises(DataError) as caught:
        own_file.use(project, "pmi", mine)
    assert where in caught.value.where
    assert caught.value.todo
    assert (project / PMI).read_bytes() == before


def test_a_country_that_is_none_is_refused_by_the_table(project, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("country_iso3,month,pmi\nXXX,2021-07,40.1\n")
    with pytest.raises(DataError, match="country_iso3"):
        own_file.use(project, "pmi", mine)


def test_nothing_else_takes_a_file(project, tmp_path):
    with pytest.raises(ParameterError, match="one of pmi"):
        own_file.use(project, "imk", tmp_path / "mine.csv")
