"""Chapters as a reader works on them by hand: in JupyterLab, in a browser, in one kernel."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from reader import Lab, jupyterlab, said

from ikm_pmi.engine.publish import results_name
from ikm_pmi.study import CHAPTERS
from sample import sampled

ROOT = Path(__file__).parents[2]
#: Of a chapter: what is set at first, what is changed then, a name misspelt.
CASES = {
    "03_pmi_impact": ({}, {"exposure": "calendar"}, ("end_month", "end_moth")),
    "06_ikm_elasticity": ({"draws": 199}, {"first_year": 2019}, ("last_year", "last_yaer")),
}


def git(project, *command):
    who = ("-c", "user.name=A reader", "-c", "user.email=reader@example.org")
    asked = ["git", *who, "-c", "commit.gpgsign=false", *command]
    return set(subprocess.check_output(asked, cwd=project, text=True).splitlines())


@pytest.fixture
def project(tmp_path):
    """The study under git in a folder whose path has a space, with results of its own."""
    root = tmp_path / "the study"
    for name in ("data", "notebooks", "reference"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / ".gitignore", root)
    for chapter in CASES:
        (root / "results" / chapter).mkdir(parents=True)
        shutil.copy(root / f"reference/{chapter}.json", root / f"results/{chapter}/result.json")
    for command in ("init -q", "add .", "commit -qm published"):
        git(root, *command.split())
    return root


def results(project):
    """All that is below results/, but for locks: what each result.json holds."""
    shown = [path for path in (project / "results").iterdir() if path.name != ".staging"]
    return {path.name: json.loads((path / "result.json").read_text("utf-8")) for path in shown}


@pytest.fixture
def tab(browser):
    """A tab of its own; when it is closed, an unsaved notebook asks nothing."""
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.set_script_timeout(60)
    yield browser
    browser.close()
    browser.switch_to.window(first)


@pytest.mark.parametrize(
    ("chapter", "apart"), sampled([*zip(CASES, (False, True), strict=True)], 2)
)
def test_a_chapter_is_worked_on_by_hand(tab, tmp_path, project, chapter, apart):
    """``apart``: JupyterLab's root is above the project, and the kernel's folder outside it."""
    at_first, change, (name, slip) = CASES[chapter]
    home, notebooks = tmp_path / "home", project / "notebooks"
    notebook, saved = notebooks / f"{chapter}.ipynb", {f" M notebooks/{chapter}.ipynb"}
    root, found = tmp_path if apart else notebooks, results(project)

    def check(cells, values):
        """No error; the study's own results stay, and those of other values have a folder."""
        assert said(cells, "error") == []
        parameters = CHAPTERS[chapter].parse(values)
        folder = results_name(parameters)
        told = f"written to results/{folder}" if values else "nothing is written"
        assert told in "".join(said(cells, "stream"))
        now = results(project)
        assert now == {folder: now[folder], **found}
        assert now[folder]["parameters"] == parameters.model_dump(mode="json")
        assert git(project, "status", "--porcelain") <= saved
        found.update(now)

    with jupyterlab(home, root, project) as address:
        lab = Lab(tab, address, notebook.relative_to(root).as_posix(), apart=apart)
        reading = lab.cells()[1]["index"]
        lab.set(at_first)
        check(lab.run_all_by_menu(), at_first)
        check(lab.run_all(), at_first)

        assert said(lab.run_by_keyboard(reading), "error") == []
        assert results(project) == found

        lab.set(change)
        lab.insert("above", reading, "import os\nx = 5\nprint('in', os.getcwd())")
        lab.insert("below", lab.cells()[-1]["index"], "for year in range(3): pass")
        cells = lab.run_all()
        check(cells, at_first | change)
        assert f"in {home if apart else notebooks}\n" in "".join(said(cells, "stream"))

        lab.rewrite(f"{name} = ", f"{slip} = ")
        (refusal,) = said(lab.run_all(), "error")
        assert f"did you mean '{name}'?" in refusal
        assert results(project) == found

        lab.rewrite(f"{slip} = ", f"{name} = ")
        cells = lab.run_all()
        check(cells, at_first | change)

        lab.save()
        assert git(project, "status", "--porcelain") == saved
        kept = [c for c in json.loads(notebook.read_text("utf-8"))["cells"] if "outputs" in c]
        assert [c["execution_count"] for c in kept] == [cell["count"] for cell in cells]
