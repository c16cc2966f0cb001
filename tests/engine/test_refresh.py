import json

import pytest

from ikm_pmi.engine import build, chapters, manifest
from ikm_pmi.engine.reference import moved, refresh, rounded
from ikm_pmi.parameters import DataParameters

CHAPTERS = ("01_data",)


@pytest.fixture(scope="module")
def refreshed(project):
    """A project refreshed twice, the parameters cell spoiled before; bytes after each refresh."""
    root = project("refresh")
    path = root / "notebooks/01_data.ipynb"
    notebook = chapters.read_notebook(path)
    # What is seen of the machine is no stable output, and the cell of parameters is out of date.
    notebook.cells[4].source = "pass"
    notebook.cells[1].source = 'country = "XXX"'
    chapters.write_notebook(notebook, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_check_data", lambda _, file: manifest.write_whole(file, "fine"))
        patch.setattr(
            build, "_build_data", lambda root: manifest.write_whole(root / "data/processed/a", "x")
        )
        states = []
        for _ in range(2):
            done = refresh(root, chapters=CHAPTERS, jobs=1)
            assert not done.failed
            states.append(manifest.file_hashes(root))
    return root, states


def test_a_second_refresh_is_an_empty_diff(refreshed):
    assert refreshed[1][0] == refreshed[1][1]


def test_parameters_cell_comes_from_the_model(refreshed):
    notebook = chapters.read_notebook(refreshed[0] / "notebooks/01_data.ipynb")
    assert chapters.parameters_cell(notebook, "").source == DataParameters.cell()


def test_committed_notebook_has_outputs_and_nothing_volatile(refreshed):
    text = (refreshed[0] / "notebooks/01_data.ipynb").read_text()
    assert "1 estimate" in text
    for volatile in ("papermill", '"version":', "iopub", str(refreshed[0])):
        assert volatile not in text


def test_reference_leaves_versions_out(refreshed):
    content = json.loads((refreshed[0] / "reference/01_data.json").read_text())
    assert "versions" not in content
    assert content["estimates"][0]["value"] == 1.5


def test_tolerance_is_relative_and_absence_is_told():
    assert moved({"a": 1e9}, {"a": 1e9 + 1}, 1e-6) == []
    assert moved({"a": 1.0}, {"a": 1.1}, 1e-6) == [("a", 1.0, 1.1)]
    assert moved({"a": 1}, {"b": 1}, 1e-6) == [
        ("a", 1, "absent"),
        ("b", "absent", 1),
    ]


def test_rounding_keeps_ten_digits():
    assert rounded({"a": [1 / 3, 2]}) == {"a": [0.3333333333, 2]}
