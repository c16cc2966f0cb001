"""The committed chapters as a reader runs them: by hand, in another folder, with other tools."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ikm_pmi.study import CHAPTERS
from ikm_pmi.engine.chapters import results_name
from sample import sampled
from variations import CHEAP, others, written

ROOT = Path(__file__).parents[2]
LINKED = ("data", "notebooks", "reference", "docs", "pyproject.toml")
#: Where the first value of tests/variations.py will not do beside the others.
BESIDE = {
    "04_counterfactual": {"treated_country": "USA"},
    "05_cross_country": {"confidence_level": 0.9},
}
#: Parameters that stay at their default, and why.
LEFT = {}
#: Runs cells as a notebook's kernel does, and tells of each what went wrong and what it printed.
SHELL = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
shell = InteractiveShell.instance(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
told = []
for source in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        ran = shell.run_cell(source, store_history=True)
    error = ran.error_before_exec or ran.error_in_exec
    told.append([source, error and f"{type(error).__name__}: {error}", said.getvalue()])
json.dump(told, sys.stdout)
"""

pytestmark = pytest.mark.notebooks


@pytest.fixture
def project(tmp_path):
    """A project whose parts are the real ones and whose results are its own."""
    root = tmp_path / "a project"
    root.mkdir()
    for name in LINKED:
        (root / name).symlink_to(ROOT / name)
    _thin_grids(root / "params")
    return root


def _thin_grids(params):
    """Few options of each fork, and those that chapter 08 names: its curves in a second."""
    params.mkdir()
    grids = yaml.safe_load((ROOT / "params/multiverse.yaml").read_text(encoding="utf-8"))
    for grid in grids.values():
        forks, few = grid["choices"], 1 if "assumed" in grid else 2
        more = {"measure": None, "form": 2, "controls": 2}
        grid["choices"] = {fork: forks[fork][: more.get(fork, few)] for fork in forks}
        for entry in grid.get("assumed", {}).values():
            entry["values"] = entry["values"][:1]
    (params / "multiverse.yaml").write_text(yaml.safe_dump(grids, sort_keys=False))


@pytest.fixture
def outside(project, tmp_path, monkeypatch):
    """Run a command in a folder that has nothing to do with the project."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.delenv("IKM_PMI_RESULTS", raising=False)
    monkeypatch.delenv("IKM_PMI_KERNELS", raising=False)
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    monkeypatch.setenv("IKM_PMI_ROOT", str(project))
    monkeypatch.setenv("MPLBACKEND", "agg")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "settings" / name.lower()))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")

    def run(*command, **more):
        return subprocess.run(
            list(map(str, command)), cwd=elsewhere, capture_output=True, text=True, **more
        )

    run.folder = elsewhere
    return run


def code_cells(chapter):
    content = json.loads((ROOT / f"notebooks/{chapter}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def with_values(chapter, changed):
    """The code cells, those that set parameters with these values."""
    for cell in code_cells(chapter):
        own = {name: value for name, value in changed.items() if f"\n{name} = " in cell}
        yield written(cell, own) if cell.startswith("# Parameters") else cell


def in_a_shell(outside, cells):
    """What each cell printed; all of them succeed."""
    done = outside(sys.executable, "-c", SHELL, input=json.dumps(cells))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for source, error, _ in told:
        assert not error, f"{error}, in the cell\n{source}"
    return [said for _, _, said in told]


def written_results(project):
    """Results folders; hidden ones are the program's own business."""
    results = project / "results"
    found = results.iterdir() if results.is_dir() else ()
    return {path.name for path in found if not path.name.startswith(".")}


def together(chapter):
    """As many parameters of a chapter as can be changed at once."""
    model, left = CHAPTERS[chapter], LEFT.get(chapter, {})
    plain = {name: others(model, name)[0] for name in model.model_fields if name not in left}
    return plain | CHEAP.get(chapter, {}) | BESIDE.get(chapter, {})


@pytest.mark.parametrize("chapter", sampled(CHAPTERS, len(CHAPTERS), first=2))
def test_many_parameters_at_once_and_cells_run_again(chapter, project, outside):
    model, changed = CHAPTERS[chapter], together(chapter)
    defaults = model.parse({}).model_dump()
    assert {name for name in defaults if changed.get(name, defaults[name]) == defaults[name]} == {
        *LEFT.get(chapter, {})
    }
    parameters = model.parse(changed)
    cells = list(with_values(chapter, changed))
    (reading,) = [cell for cell in cells if "ikm.settings(" in cell]
    own = "x = 5\nfor turn in range(3):\n    x = x + turn"
    said = in_a_shell(outside, [*cells, *cells, own, reading])

    name = results_name(parameters)
    assert written_results(project) == {name}
    kept = json.loads((project / "results" / name / "result.json").read_text(encoding="utf-8"))
    assert kept["parameters"] == defaults | changed
    first, again = said[len(cells) - 1], said[2 * len(cells) - 1]
    for text in (first, again):
        assert f"written to results/{name}" in text
        assert "Run by hand with " in text
        assert all(f"{key} = " in text for key in changed)
        assert " → " in text or "No value moved" in text


def test_with_the_defaults_nothing_is_written(project, outside):
    said = in_a_shell(outside, code_cells("02_restrictions"))
    assert "nothing is written" in said[-1]
    assert "No value moved" in said[-1]
    assert not written_results(project)


# Other tools ------------------------------------------------------------------------------------

BIN = Path(sys.executable).parent
CHAPTER = "02_restrictions"


def printed(notebook):
    """What the last code cell of an executed notebook printed."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    *_, last = [cell for cell in cells if cell["cell_type"] == "code"]
    return "".join("".join(output.get("text", ())) for output in last["outputs"])


def test_papermill_writes_to_the_folder_of_its_parameters(project, outside):
    chapter = project / f"notebooks/{CHAPTER}.ipynb"
    done = outside(BIN / "papermill", chapter, "out.ipynb", *("-p", "exposure", "calendar"))
    assert done.returncode == 0, done.stderr
    name = results_name(CHAPTERS[CHAPTER].parse({"exposure": "calendar"}))
    assert written_results(project) == {name}
    kept = json.loads((project / "results" / name / "result.json").read_text(encoding="utf-8"))
    assert kept["parameters"]["exposure"] == "calendar"
    told = printed(outside.folder / "out.ipynb")
    assert f"Run by hand with exposure = 'calendar'\nwritten to results/{name}" in told


def test_papermill_with_a_misspelt_parameter_is_refused(project, outside):
    chapter = project / f"notebooks/{CHAPTER}.ipynb"
    done = outside(BIN / "papermill", chapter, "out.ipynb", *("-p", "end_moth", "2022-12"))
    assert done.returncode != 0
    assert "did you mean 'end_month'?" in done.stderr
    assert not written_results(project)


@pytest.mark.parametrize(
    "command", sampled(["nbconvert --to notebook --execute", "execute"], 2)
)
def test_jupyter_commands_write_no_results_of_the_defaults(project, outside, command):
    chapter = project / f"notebooks/{CHAPTER}.ipynb"
    done = outside(BIN / "jupyter", *command.split(), chapter, f"--output={outside.folder / 'out.ipynb'}")
    assert done.returncode == 0, done.stderr
    assert "nothing is written" in printed(outside.folder / "out.ipynb")
    assert not written_results(project)


def test_pytest_with_nbval_and_nothing_else_executes_a_chapter():
    """Without make and its options, in kernels that are not forked."""
    left_out = ("IKM_PMI", "JUPYTER", "PYTEST")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(left_out)}
    command = [BIN / "pytest", "--nbval", "-p", "no:cacheprovider", f"notebooks/{CHAPTER}.ipynb"]
    environment = kept | {"IKM_PMI_FAST_START": "0"}
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert f" {len(code_cells(CHAPTER)) + 1} passed" in done.stdout  # the cells, and the numbers
