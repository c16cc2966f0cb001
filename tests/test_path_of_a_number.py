"""The way of one value from its row to the README is short, and ARCHITECTURE.md names its files."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from ikm_pmi.data import checks

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
ROW = re.compile(r"^(IDN,2021-07,)40\.1,", re.MULTILINE)


def answers(folder, name, row):
    """What each function gave back, in order, with the row as it is or changed."""
    project = folder / name
    for part in ("data", "reference"):
        shutil.copytree(ROOT / part, project / part)
    path = project / "data/raw/pmi_headline.csv"
    text, count = ROW.subn(row, path.read_text(encoding="utf-8"))
    assert count == 1
    path.write_text(text, encoding="utf-8")
    checks.seal(project)
    out = folder / f"{name}.json"
    places = {"IKM_PMI_ROOT": str(project), "IKM_PMI_RESULTS": str(folder / f"{name} results")}
    # A set is pickled in the order of its hashes; those of text differ from process to process.
    places["PYTHONHASHSEED"] = "0"
    command = [sys.executable, str(Path(__file__).with_name("path_of_a_number.py"))]
    subprocess.run([*command, str(project), str(out)], check=True, env=os.environ | places)
    given = defaultdict(list)
    for file, function, told in json.loads(out.read_text()):
        given[file, function].append(told)
    return given


@pytest.fixture(scope="module")
def carriers(tmp_path_factory):
    """Files with a function that gives something else when the row does, and only then."""
    folder = tmp_path_factory.mktemp("path")
    same, again = (answers(folder, name, r"\g<1>40.1,") for name in ("same", "again"))
    other = answers(folder, "other", r"\g<1>41.1,")
    moved = {key for key in same if same[key] != other[key] and same[key] == again[key]}
    return {file for file, _ in moved}


def listed(heading):
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"`((?:\w+/)?\w+\.py)`", part)


def test_the_way_of_a_number_is_short_and_as_the_page_says(carriers):
    assert carriers == set(listed("The path of one number"))
    assert len(carriers) <= 12


def test_the_way_of_a_parameter_leads_through_files_that_are_there():
    files = listed("The path of one parameter")
    assert len(files) >= 6
    assert not [file for file in files if not (ROOT / "src/ikm_pmi" / file).is_file()]
