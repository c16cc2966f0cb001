"""A new month from the command to the chapter, on a copy of the project."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from ikm_pmi.cli import main
from ikm_pmi.data.package import PROCESSED, RAW, find_root, load, read_descriptor
from ikm_pmi.data.series import register
from ikm_pmi.engine import processed
from ikm_pmi.engine.build import build
from ikm_pmi.engine.manifest import file_hashes

MONTH = ("data", "add", "pmi", "2026-08", "51,2", "--source", "a trial, not a figure")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The project's data, notebooks and numbers, in a folder with a blank in its name."""
    copy = tmp_path / "a project"
    for part in ("data", "notebooks", "params", "reference"):
        shutil.copytree(find_root(Path(__file__)) / part, copy / part)
    monkeypatch.setenv("IKM_PMI_ROOT", str(copy))
    return copy


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ikm-pmi", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return run


def test_table_hashes_and_what_is_built_change_together(root, call):
    before = file_hashes(root)
    status, shown, _ = call(*MONTH, "--dry-run", "--json")
    assert status == 0
    assert file_hashes(root) == before
    status, _, _ = call(*MONTH, "--date", "2026-09-01")
    assert status == 0
    changed = {path for path, value in file_hashes(root).items() if before.get(path) != value}
    assert changed == set(json.loads(shown)["files"])
    assert changed == {
        "data/raw/pmi_headline.csv",
        "data/raw/datapackage.json",
        "data/processed/indonesia_monthly.csv",
        "data/processed/country_monthly.csv",
        "data/processed/datapackage.json",
    }
    assert processed.check(root).ok
    assert load("indonesia_monthly", root).set_index("month").pmi["2026-08"] == 51.2
    assert call(*MONTH)[0] == 2  # it is on record now


@pytest.mark.usefixtures("root")
def test_says_which_windows_end_before_the_month(call):
    status, shown, _ = call(*MONTH, "--dry-run")
    assert status == 0
    assert "03_pmi_impact: window to 2023-05, ends before it; " in shown
    assert "ikm-pmi run 03 -p end_month=2026-08" in shown
    assert "06_ikm_elasticity" not in shown  # reads no PMI
    assert "Nothing was written" in shown


def test_a_table_edited_by_hand_is_not_sealed_in_passing(root, call):
    path = root / RAW / "lebaran.csv"
    path.write_bytes(path.read_bytes() + b"2027,2027-03-09,2027-03-10,0,,reference,\n")
    before = file_hashes(root)
    status, _, error = call(*MONTH)
    assert status == 2
    assert "lebaran.csv is not the table that was sealed" in error
    assert file_hashes(root) == before


@pytest.mark.parametrize("value", ["101", "-3"])
def test_what_the_schema_refuses_is_not_written_even_with_force(root, call, value):
    before = file_hashes(root)
    status, _, error = call(*MONTH[:4], value, *MONTH[5:], "--force")
    assert status == 2
    assert "not sealed" in error
    assert file_hashes(root) == before


def test_help_names_every_series(call):
    shown = " ".join(call("data", "add", "--help")[1].split())
    for name in register(read_descriptor(find_root() / RAW)):
        assert name in shown


def test_processed_folder_may_be_missing(root, call):
    shutil.rmtree(root / PROCESSED)
    assert call(*MONTH)[0] == 0
    assert processed.check(root).ok


def test_from_the_command_to_the_chapter_and_what_moved(root, call):
    assert call(*MONTH)[0] == 0
    assert call("data", "add", "pmi", "2017-09", "50.4", "--source", "a trial")[0] == 0
    done = build(root, chapters=["01_data"], jobs=1)
    assert not done.failed
    moved = {one.name: one for one in done.moved}
    months = moved["data.pmi.months"]  # to July 2026, where the default window ends
    assert (months.old, months.new) == (170, 171)
    assert "pmi_headline.csv" in months.cause
    kept = json.loads((root / "results/changes.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in kept["changed"]] == [one.name for one in done.moved]
    assert build(root, chapters=["01_data"], jobs=1).moved == ()
    status, shown, _ = call("run", "01", "-p", "end_month=2026-08", "--json")
    assert status == 0
    beside = {one["name"]: one for one in json.loads(shown)["beside_defaults"]}
    assert (beside["data.pmi.months"]["old"], beside["data.pmi.months"]["new"]) == (171, 172)
