import json
import shutil
from pathlib import Path

import pytest

from ikm_pmi.data.checks import seal
from ikm_pmi.data.package import RAW, find_root

# Six of the raw tables, two of them cut down: what begins a line that is kept.
KEPT = {
    "countries": "",
    "imk_province": ("province,", "Aceh,", "Bali,"),
    "lebaran": "",
    "pmi_headline": ("country_iso3,", "ASN,", "IDN,"),
    "provinces": "",
    "sources": "",
}


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A small valid project; copy it before breaking it."""
    project = tmp_path_factory.mktemp("small")
    folder = project / RAW
    folder.mkdir(parents=True)
    source = find_root(Path(__file__)) / RAW
    package = json.loads((source / "datapackage.json").read_text(encoding="utf-8"))
    package["resources"] = [entry for entry in package["resources"] if entry["name"] in KEPT]
    for entry in package["resources"]:
        lines = (source / entry["path"]).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = "".join(line for line in lines if line.startswith(KEPT[entry["name"]]))
        (folder / entry["path"]).write_bytes(kept.encode())
    (folder / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    assert set(seal(project)) == {"imk_province", "pmi_headline"}
    return project


@pytest.fixture
def root(small, tmp_path):
    """A small project, free to be broken, in a folder with a blank in its name."""
    return Path(shutil.copytree(small, tmp_path / "a project"))


@pytest.fixture
def rewrite(root):
    """Change the bytes of a raw file, or one of its lines (the header is row 1)."""

    def change(file, edit, row=None):
        path = root / RAW / file
        content = path.read_bytes()
        if row is None:
            path.write_bytes(edit(content))
            return
        lines = content.decode().split("\n")
        lines[row - 1] = edit(lines[row - 1])
        path.write_bytes("\n".join(lines).encode())

    return change


@pytest.fixture
def put(rewrite):
    """Put a text into the cell of a row, counted from 0 (rows without quoted commas before it)."""

    def cell(file, row, column, text):
        def edit(line):
            cells = line.split(",")
            cells[column] = text
            return ",".join(cells)

        rewrite(file, edit, row)

    return cell
