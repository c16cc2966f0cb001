"""``ikm-pmi verify``: each thing that moved is named, with what to do."""

import json
import re
import shutil
import sys

import faults
import pytest

from ikm_pmi.engine import manifest
from ikm_pmi.engine.reference import TOLERANCE, environment, results, verify
from ikm_pmi.study import CHAPTERS as ALL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands are forked, as on Linux")
CHAPTERS = ("01_data", "03_pmi_impact")


@pytest.fixture(scope="module")
def model(study):
    """The study when its results, committed chapters and reference numbers agree."""
    faults.write_round(study.root, 0)
    study.run("refresh")
    study.run("reproduce")
    yield study
    faults.write_round(study.root, 0)


@pytest.fixture
def copied(model, tmp_path):
    return shutil.copytree(model.root, tmp_path / "copy")


def lines(problems):
    return {problem.where: problem for problem in problems}


def test_nothing_is_wrong_with_what_was_just_made(model):
    said, _ = model.run("verify", "--quick")
    assert "Nothing moved" in said
    assert re.search(rf"packages, \d\d tables, {len(ALL)} results, 0 chapters", said)


def test_packages_are_held_against_the_lock(copied):
    assert environment(copied) == []
    lock = copied / "requirements.lock"
    text = re.sub(r"^numpy==\S+", "numpy==1.0.0", lock.read_text(), flags=re.MULTILINE)
    lock.write_text(text.replace("filelock==", "not-needed-here==") + "papermill==9.9\n")
    found = lines(environment(copied))
    assert set(found) == {"package numpy", "package papermill"}
    assert found["package numpy"].expected == "1.0.0"
    assert "make setup" in found["package numpy"].todo


def test_a_package_that_lacks_a_file_is_told(copied, monkeypatch, tmp_path, record_property):
    place = tmp_path / "venv/lib/python3.11/site-packages"
    (place / "one-1.0.dist-info").mkdir(parents=True)
    (place / "one-1.0.dist-info/RECORD").write_text("one/__init__.py,sha256=x,6\n")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    (problem,) = environment(copied)
    assert (problem.where, problem.found) == ("package one-1.0", "a file is gone or cut")
    assert "make setup" in problem.todo
    entry = {"part": "everyday", "what": "identity is assumed", "times": 1}
    entry |= {"case": "an environment that lacks a file", "outcome": "named by verify"}
    record_property("reliability", entry)


def test_a_needed_package_that_is_missing_is_told(copied, monkeypatch):
    (copied / "requirements.lock").write_text("not-there==1.0\nnever-needed==1.0\n")
    monkeypatch.setattr("ikm_pmi.engine.reference._needed", lambda: {"not-there"})
    (problem,) = environment(copied)
    assert (problem.where, problem.found) == ("package not-there", "not installed")


def test_a_missing_lock_is_told(copied):
    (copied / "requirements.lock").unlink()
    (problem,) = environment(copied)
    assert problem.todo == "git checkout -- requirements.lock"


def test_results_are_held_against_their_manifest(copied):
    assert results(copied) == []
    folder = copied / "results"
    (folder / "00_the_claims/tables/t0.csv").write_text("round,x\n")
    (folder / "01_data/tables/t1.csv").unlink()
    (folder / "02_restrictions/mine.txt").write_text("")
    lost = manifest.file_hashes(folder / "03_pmi_impact")
    shutil.rmtree(folder / "03_pmi_impact")
    shutil.copytree(folder / "04_counterfactual", folder / "04_counterfactual-mine")  # by hand
    manifest.forget(folder, "06_ikm_elasticity")
    faults.write_round(copied, 5, ["05_cross_country"])
    found = lines(results(copied))
    told = {where.removeprefix("results/"): problem.found for where, problem in found.items()}
    gone = {name: text for name, text in told.items() if name.startswith("03_pmi_impact")}
    assert set(gone.values()) == {"no such file"}
    assert len(gone) == len(lost) >= 5
    assert {name: text for name, text in told.items() if name not in gone} == {
        "00_the_claims/tables/t0.csv": "edited since",
        "01_data/tables/t1.csv": "no such file",
        "02_restrictions/mine.txt": "a file that no run wrote",
        "05_cross_country": "made from other notebook",
        "06_ikm_elasticity": "none",
    }
    assert all(problem.todo == "ikm-pmi reproduce" for problem in found.values())


def test_data_are_held_against_their_hashes(model):
    path = model.root / "data/raw/pmi_headline.csv"
    before = path.read_bytes()
    path.write_bytes(before.replace(b",2021-07,40.1,", b",2021-07,41.0,"))
    assert path.read_bytes() != before
    said, _ = model.run("verify", "--quick", "--json", status=1)
    path.write_bytes(before)
    content = json.loads(said)
    assert content["ok"] is False
    assert any("pmi_headline.csv" in one["where"] for one in content["problems"])
    assert all(one[part] for one in content["problems"] for part in ("expected", "found", "todo"))


def test_chapters_and_numbers_are_held_against_what_is_committed(copied):
    assert verify(copied, chapters=CHAPTERS).problems == ()
    reference = copied / "reference/03_pmi_impact.json"
    content = json.loads(reference.read_text())
    factors = {"round": 2, "pmi.ppkm_2021.mean": 1 + 3 * TOLERANCE, "pmi.dose.change": 1 + 1e-7}
    for entry in content["estimates"]:
        entry["value"] *= factors.get(entry["name"], 1)
    reference.write_text(manifest.to_json(content))
    notebook = copied / "notebooks/01_data.ipynb"
    notebook.write_text(notebook.read_text().replace("round 0\\n", "round 1\\n"))
    told = []
    found = verify(copied, chapters=CHAPTERS, jobs=1, tell=told.append)
    assert found.compared["chapters"] == 2
    assert [problem.where for problem in found.problems] == [
        "results/01_data",
        "notebooks/01_data.ipynb::Cell 2",
        "03_pmi_impact, headline estimates[pmi.ppkm_2021.mean].value",
        "03_pmi_impact, estimates[round].value",
    ]
    assert found.problems[2].expected == "100.0003 within 1e-06 of itself"
    assert found.problems[2].found == "100.0"
    assert "ikm-pmi refresh" in found.problems[2].todo
    assert any("1 failed" in line for line in told)
