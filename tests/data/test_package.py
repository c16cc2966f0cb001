import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ikm_pmi.data import atomic, checks, package
from ikm_pmi.data.package import PROCESSED, RAW, find_root, load
from ikm_pmi.errors import DataError

ROOT = find_root(Path(__file__))


def names(part):
    return [entry["name"] for entry in package.read_descriptor(ROOT / part)["resources"]]


def test_the_root_is_found_from_inside_by_name_and_from_the_package(tmp_path, monkeypatch):
    assert find_root(ROOT / "src" / "ikm_pmi") == ROOT
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IKM_PMI_ROOT", raising=False)
    assert find_root() == ROOT  # the package's own checkout
    for name in ("elsewhere", "another"):
        (tmp_path / name / RAW).mkdir(parents=True)
    (tmp_path / "elsewhere" / RAW / "datapackage.json").write_text('{"name": "ikm-pmi-raw"}')
    monkeypatch.chdir(tmp_path / "another")
    assert find_root() == ROOT  # not a folder that has a data/raw of its own
    monkeypatch.setenv("IKM_PMI_ROOT", str(tmp_path / "elsewhere"))
    assert find_root() == tmp_path / "elsewhere"


def test_no_root_is_an_error_with_the_place(tmp_path, monkeypatch):
    with pytest.raises(DataError) as caught:
        find_root(tmp_path)
    assert str(tmp_path) in caught.value.where
    monkeypatch.setenv("IKM_PMI_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(DataError) as caught:
        find_root()
    assert "nowhere" in caught.value.where


def test_types_follow_the_description():
    pmi = load("pmi_headline", ROOT)
    assert pmi.month.dtype == "period[M]"
    assert pmi.pmi.dtype == "float64"
    province = load("imk_province", ROOT)
    assert province.dtypes[["year", "workers", "input_mn_idr"]].tolist() == [
        "int64",
        "int64",
        pd.Int64Dtype(),
    ]
    assert load("provinces", ROOT).java_bali.dtype == "bool"
    assert load("lebaran", ROOT).eid_start.dt.strftime("%Y-%m-%d").iloc[0] == "2011-08-30"
    assert load("manufacturing_growth", ROOT).quarter.dtype == "period[Q-DEC]"


def test_text_that_looks_missing_is_kept(root, put):
    put("imk_province.csv", 3, 11, "NA")
    checks.seal(root)
    assert load("imk_province", root).note[1] == "NA"


@pytest.mark.parametrize("part", [RAW, PROCESSED])
def test_every_table_loads_in_full(part):
    for name in names(part):
        text = (ROOT / part / f"{name}.csv").read_text(encoding="utf-8")
        frame = load(name, ROOT)
        assert len(frame) == text.count("\n") - 1
        assert ",".join(frame.columns) == text.split("\n", 1)[0]


def test_what_a_reader_changes_does_not_reach_the_next_reader():
    first = load("countries", ROOT)
    first.loc[0, "name"] = "changed"
    first["more"] = 1
    assert load("countries.csv", ROOT).name[0] != "changed"
    assert "more" not in load("countries", ROOT)


def test_an_unknown_table_lists_the_known():
    with pytest.raises(DataError) as caught:
        load("pmi_headlin", ROOT)
    assert "pmi_headline" in caught.value.expected


def test_a_processed_table_that_was_edited_is_not_read(root):
    folder = root / PROCESSED
    folder.mkdir()
    table = b"month\n2021-07\n"
    entry = {
        "name": "own",
        "path": "own.csv",
        "schema": {"fields": [{"name": "month", "type": "yearmonth", "description": "month"}]},
    }
    described = package.sealed({"resources": [entry]}, {"own": table})
    atomic.write_files({folder / "own.csv": table, folder / "datapackage.json": described})
    assert load("own", root).month[0] == pd.Period("2021-07", "M")
    (folder / "own.csv").write_bytes(table + b"2021-08\n")
    with pytest.raises(DataError) as caught:
        load("own", root)
    assert "ikm-pmi data build" in caught.value.todo
    (folder / "own.csv").unlink()
    with pytest.raises(DataError, match=r"own\.csv is missing"):
        load("own", root)


def test_a_sealed_table_that_does_not_fit_says_so(root, put):
    put("pmi_headline.csv", 3, 2, "high")
    path = root / RAW / "datapackage.json"
    described = package.read_descriptor(root / RAW)
    contents = {e["name"]: (root / RAW / e["path"]).read_bytes() for e in described["resources"]}
    path.write_bytes(package.sealed(described, contents))
    with pytest.raises(DataError, match="does not fit") as caught:
        load("pmi_headline", root)
    assert "high" in caught.value.found


def test_hashes_are_those_of_the_files():
    content = (ROOT / RAW / "countries.csv").read_bytes()
    expected = "sha256:" + hashlib.sha256(content).hexdigest()
    assert package.hashes(["countries"], ROOT) == {"countries.csv": expected}
    with pytest.raises(DataError):
        package.hashes(["country"], ROOT)


def test_every_raw_table_names_origin_licence_date_and_every_column_its_meaning():
    catalogue = package.catalogue(ROOT)
    assert catalogue.name.tolist() == names(RAW)
    assert catalogue.ne("").all(axis=None)
    for name in [*names(RAW), *names(PROCESSED)]:
        columns = package.fields(name, ROOT)
        assert columns.description.ne("").all()
        numbers = columns[columns.type.isin(["integer", "number"])]
        assert numbers.unit.ne("").all(), name


def test_files_appear_whole_or_not_at_all(tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_bytes(b"before")
    with pytest.raises(TypeError):
        atomic.write_files({kept: b"after", tmp_path / "broken.csv": None})
    assert kept.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]


def test_what_a_killed_process_was_writing_goes_with_the_next_file(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, own = atomic._machine(), os.getpid()
    left = [tmp_path / "a" / f".x.csv.{here}-{pid}.tmp" for pid in (ended.pid, own)]
    other = tmp_path / "a" / f".x.csv.elsewhere-{ended.pid}.tmp"
    (tmp_path / "a").mkdir()
    for file in (*left, other):
        file.write_text("half")
    atomic.write_files({tmp_path / "a" / "y.csv": b"1", tmp_path / "b" / "z.csv": b"2"})
    assert set((tmp_path / "a").iterdir()) == {left[1], other, tmp_path / "a" / "y.csv"}
