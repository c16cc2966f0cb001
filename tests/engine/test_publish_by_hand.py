"""publish called from a notebook that a reader has opened, not from a run."""

import json
import shutil

import pytest

from ikm_pmi.engine import manifest, reference
from ikm_pmi.engine.chapters import results_name, run
from ikm_pmi.engine.headlines import headlines
from ikm_pmi.engine.publish import publish
from ikm_pmi.parameters import DataParameters
from ikm_pmi.results import Estimate
from ikm_pmi.study import HEADLINES

OTHER = DataParameters(country="MYS")


def found(value=1.5, **more):
    return [Estimate(name="a.b", value=value, unit="x", method="m", n=3, **more)]


@pytest.fixture
def study(project, tmp_path, monkeypatch):
    """A project of its own with the defaults' results, and a reader at work in another folder."""
    root = project("by hand")
    run("01", root=root)
    monkeypatch.delenv("IKM_PMI_RESULTS")
    monkeypatch.setenv("IKM_PMI_ROOT", str(root))
    monkeypatch.setattr("ikm_pmi.engine.reference.CHAPTERS", {"01_data": DataParameters})
    monkeypatch.chdir(tmp_path)
    return root


def test_the_defaults_results_are_a_runs_to_write(study, capsys):
    before = manifest.file_hashes(study / "results")
    line = publish(DataParameters(), estimates=found())
    said = capsys.readouterr().out
    assert line == "01_data: 1 estimate, 0 tests, 0 tables, 0 figures"
    assert "nothing is written" in said
    assert "No value moved" in said
    publish(DataParameters(), estimates=found(9.0))  # a cell that the reader has edited
    assert "a, b (x): 1.50 → 9.00" in capsys.readouterr().out
    assert manifest.file_hashes(study / "results") == before


def test_in_a_fresh_clone_a_chapter_read_with_its_defaults_makes_no_folder(study, capsys):
    shutil.rmtree(study / "results")
    publish(DataParameters(), estimates=found())
    assert "nothing is written" in capsys.readouterr().out
    assert not (study / "results").exists()


def test_other_parameters_have_the_folder_that_a_run_uses(study, capsys):
    publish(OTHER, estimates=found(2.5))
    said = capsys.readouterr().out
    folder = study / "results" / results_name(OTHER)
    assert f"Run by hand with country = 'MYS'\nwritten to results/{folder.name}" in said
    assert "a, b (x): 1.50 → 2.50" in said
    assert json.loads((folder / "result.json").read_text())["parameters"]["country"] == "MYS"
    assert (study / "results/01_data/notebook.ipynb").is_file()


@pytest.mark.usefixtures("study")
def test_intervals_and_p_that_move_alone_are_named(capsys):
    publish(OTHER, estimates=found(ci_low=1.0, ci_high=2.0, ci_level=0.95, p_value=0.03))
    said = capsys.readouterr().out
    assert "No value moved; these intervals and p did:" in said
    assert "a, b (x): 1.50 → 1.50 (1.00 to 2.00), p 0.030" in said


def test_a_run_of_other_parameters_that_is_out_of_date_is_named(study):
    made = run("01", {"country": "THA"}, root=study)
    notebook = study / "notebooks/01_data.ipynb"
    sources = manifest.inputs(notebook, DataParameters(country="THA").model_dump(mode="json"))
    manifest.record(study / "results", {made.name: sources})
    assert not [one for one in reference.results(study) if made.name in one.file]
    notebook.write_text(notebook.read_text() + " ")
    (problem,) = [one for one in reference.results(study) if made.name in one.file]
    assert "other notebook" in problem.found


def test_a_folder_by_hand_over_one_of_a_run_has_no_entry(study):
    run("01", OTHER, root=study)
    manifest.record(study / "results", {results_name(OTHER): {"notebook": "", "parameters": ""}})
    publish(OTHER, estimates=found())
    assert results_name(OTHER) not in manifest.read(study / "results")["results"]
    assert not [one for one in reference.results(study) if results_name(OTHER) in one.file]


def test_numbers_of_other_parameters_are_told_in_one_sentence(study):
    path = study / "results/01_data/result.json"
    content = json.loads(path.read_text())
    content["parameters"]["country"] = "MYS"
    manifest.write_whole(path, manifest.to_json(content))
    (problem,) = [one for one in reference.results(study) if "01_data" in one.file]
    assert problem.found == "numbers of country = 'MYS'"
    assert problem.todo == "ikm-pmi reproduce"


def test_numbers_of_other_parameters_are_no_answers_of_the_study(tmp_path, pytestconfig):
    answer = HEADLINES[0]
    known = json.loads((pytestconfig.rootpath / f"reference/{answer.chapter}.json").read_text())
    path = tmp_path / answer.chapter / "result.json"
    manifest.write_whole(path, manifest.to_json(known))
    assert headlines(tmp_path)[0].value
    known["parameters"]["leads"] = 2
    manifest.write_whole(path, manifest.to_json(known))
    assert not headlines(tmp_path)[0].value


def test_opening_a_results_notebook_in_an_editor_changes_no_hash(study):
    folder = study / "results/01_data"
    before = manifest.file_hashes(folder)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints/notebook-checkpoint.ipynb").write_text("{}")
    assert manifest.file_hashes(folder) == before
