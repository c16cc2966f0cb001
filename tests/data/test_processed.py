import shutil
from pathlib import Path

import pytest

from ikm_pmi.data import package
from ikm_pmi.data.checks import seal
from ikm_pmi.data.package import PROCESSED, RAW, find_root, load
from ikm_pmi.engine import processed
from ikm_pmi.errors import DataError

ROOT = find_root(Path(__file__))


@pytest.fixture
def copy(tmp_path):
    for part in (RAW, PROCESSED):
        shutil.copytree(ROOT / part, tmp_path / part)
    return tmp_path


def contents(root):
    return {path.name: path.read_bytes() for path in (root / PROCESSED).iterdir()}


def test_a_rebuild_equals_the_committed_bytes(copy):
    shutil.rmtree(copy / PROCESSED)
    written = processed.build(copy)
    assert {path.name for path in written} == set(contents(ROOT))
    assert contents(copy) == contents(ROOT)
    processed.build(copy)  # over what is there
    assert contents(copy) == contents(ROOT)


def test_a_sealed_edit_makes_the_processed_tables_stale_until_built(copy):
    path = copy / RAW / "lebaran.csv"
    path.write_bytes(path.read_bytes().replace(b"2011,2011-08-30", b"2011,2011-08-31"))
    assert seal(copy) == ("lebaran",)
    (stale,) = processed.check(copy).problems
    assert stale.file == "processed/datapackage.json"
    assert "ikm-pmi data build" in stale.todo
    processed.build(copy)
    built_from = package.read_descriptor(copy / PROCESSED)["builtFrom"]
    assert built_from == package.fingerprint(package.read_descriptor(copy / RAW))


def test_a_changed_raw_table_stops_the_build_and_leaves_what_was_there(copy):
    path = copy / RAW / "provinces.csv"
    path.write_bytes(path.read_bytes() + b"Atlantis,Atlantis,Java,true,,,,reference\n")
    with pytest.raises(DataError, match=r"provinces\.csv is not the table that was sealed"):
        processed.build(copy)
    assert contents(copy) == contents(ROOT)


def test_an_overlap_in_the_calendar_is_a_problem_of_the_package(copy):
    path = copy / RAW / "regime_spells.csv"
    path.write_bytes(path.read_bytes().replace(b"2020-04-10,2020-04-23", b"2020-04-10,2020-04-25"))
    problems = [p for p in processed.check(copy).problems if p.file.startswith("regime_spells")]
    assert any("sha256" not in p.found for p in problems)


def test_intensities_lie_between_their_bounds_in_every_window():
    monthly = load("intensity_monthly", ROOT)
    assert monthly.groupby("exposure").size().to_dict() == {
        "calendar": 36,
        "fieldwork": 36,
        "since_last": 36,
    }
    before = monthly[monthly.month < "2020-04"]
    assert (before.level == 0).all()
    assert (before.industry_cap == 1).all()
