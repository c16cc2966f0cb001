import csv
import json
import sys
from pathlib import Path

import pytest

from ikm_pmi.engine.chapters import check_result, results_name, run
from ikm_pmi.engine.folders import recover, staging, swap
from ikm_pmi.engine.publish import publish
from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.parameters import DataParameters
from ikm_pmi.results import Estimate


@pytest.fixture(scope="module")
def done(project):
    """One good run and one that fails, in the same results folder."""
    root = project("chapter")
    target = run("01", root=root)
    with pytest.raises(ChapterError) as failure:
        run("01", {"country": "BAD"}, root=root)
    return root, target, failure.value


def test_results_folder_is_whole(done):
    root, target, _ = done
    assert target == root / "results/01_data"
    files = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert files == {
        "notebook.ipynb",
        "result.json",
        "wording.json",
        "tables/plain.csv",
        "tables/dated.csv",
        "tables/seen.csv",
        "figures/line.png",
        "figures/line.svg",
    }
    assert (target / "tables/dated.csv").read_text() == "month,x\n2021-07,1\n2021-08,2\n"
    assert (target / "tables/plain.csv").read_text() == "x\n0.3333333333\n"


def test_result_holds_parameters_seed_and_versions(done):
    content = check_result(done[1] / "result.json", DataParameters())
    assert content["seed"] == 20210903
    assert content["estimates"][0]["ci_low"] is None
    assert {"python", "numpy", "ikm-pmi"} <= set(content["versions"])


def test_kernel_is_this_interpreter_in_the_notebooks_folder(done):
    root, target, _ = done
    with (target / "tables/seen.csv").open(newline="") as file:
        seen = [row[0] for row in csv.reader(file)][1:]
    assert Path(seen[0]) == Path(sys.executable)
    assert Path(seen[1]) == root / "notebooks"
    assert seen[2] == "1"


def test_printed_line_is_the_same_everywhere(done):
    text = (done[1] / "notebook.ipynb").read_text()
    assert "01_data: 1 estimate, 0 tests, 3 tables, 1 figure" in text
    assert "papermill" not in text


def test_failure_keeps_the_notebook_and_the_previous_results(done):
    root, target, error = done
    kept = root / "results/failed" / f"{results_name(DataParameters(country='BAD'))}.ipynb"
    assert "no such country" in kept.read_text()
    assert "In [3]" in error.summary
    assert error.found == "AssertionError: no such country"
    assert str(kept) in error.todo
    assert (target / "result.json").is_file()
    assert not any(path.is_dir() for path in (root / "results/.staging").iterdir())


def test_bad_parameters_are_refused_before_a_kernel(done, monkeypatch):
    monkeypatch.setattr("ikm_pmi.engine.chapters.execute", lambda *_: pytest.fail("started"))
    with pytest.raises(ParameterError, match="contry"):
        run("01", {"contry": "IDN"}, root=done[0])


def test_other_parameters_have_a_folder_of_their_own():
    name = results_name(DataParameters(country="MYS"))
    assert name.startswith("01_data-")
    assert results_name(DataParameters()) == "01_data"
    assert name == results_name(DataParameters(country="MYS"))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"schema": 2}, "schema 2"),
        ({"chapter": "02"}, "chapter 02"),
        ({"seed": float("nan")}, "NaN"),
        ({"parameters": {"country": "MYS"}}, "seed"),
    ],
)
def test_result_that_is_not_whole_is_refused(done, tmp_path, change, found):
    content = json.loads((done[1] / "result.json").read_text()) | change
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(ChapterError) as error:
        check_result(tmp_path / "result.json", DataParameters())
    assert found in error.value.found


def test_missing_result_is_refused(tmp_path):
    with pytest.raises(ChapterError, match="no whole result"):
        check_result(tmp_path / "result.json", DataParameters())


@pytest.mark.parametrize(
    "given",
    [{"estimates": []}, {"tables": {"../x": None}}],
)
def test_publish_refuses_what_it_cannot_write(given):
    one = [Estimate(name="a", value=1.0, unit="", method="m")]
    with pytest.raises(ChapterError, match="cannot be published"):
        publish(DataParameters(), **{"estimates": one} | given)


def test_figures_are_the_same_bytes_twice(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setenv("IKM_PMI_RESULTS", str(tmp_path))
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    one = [Estimate(name="a", value=1.0, unit="", method="m")]
    texts = []
    for _ in range(2):
        publish(DataParameters(), estimates=one, figures={"f": figure})
        texts.append((tmp_path / "01_data/figures/f.svg").read_bytes())
    plt.close(figure)
    assert texts[0] == texts[1]


def test_swap_killed_between_its_renames_is_undone(tmp_path):
    old = tmp_path / "01_data"
    old.mkdir()
    (old / "result.json").write_text("old")
    (tmp_path / ".staging").mkdir()
    old.rename(tmp_path / ".staging/01_data.old")
    recover(tmp_path, "01_data")
    assert (old / "result.json").read_text() == "old"


def test_swap_leaves_foreign_folders_alone(tmp_path):
    mine = tmp_path / "01_data"
    mine.mkdir()
    (mine / "thesis.tex").write_text("dear")
    with staging(tmp_path, "01_data") as work:
        (work / "whole").mkdir()
        with pytest.raises(ChapterError, match="is taken"):
            swap(work / "whole", tmp_path, "01_data")
    assert (mine / "thesis.tex").read_text() == "dear"
    assert not any(path.is_dir() for path in (tmp_path / ".staging").iterdir())
