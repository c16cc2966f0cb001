"""The headline numbers, once more in R: read from the same data, written from the methods page."""

import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ikm_pmi.errors import IkmPmiError
from ikm_pmi.share.in_r import INSTALL, TOLERANCES, compare, run_r, webr_folder
from ikm_pmi.study import HEADLINES

ROOT = Path(__file__).parents[2]
#: An end over eight forms of a wild bootstrap: drawn at random.
DRAWN = {"industries.shows_at_most"}


@pytest.fixture(scope="module")
def rows():
    """What R finds beside what is committed; where R must be there (.ci/run), its lack fails."""
    try:
        webr_folder(ROOT)
    except IkmPmiError as error:
        (pytest.fail if os.environ.get("IKM_PMI_NEEDS_R") else pytest.skip)(str(error))
    return compare(ROOT, run_r(ROOT))


@pytest.mark.second
def test_r_finds_what_python_found(rows):
    off = rows[~(rows["difference"] <= rows["tolerance"])]
    assert off.empty, off.to_string()
    loose = rows[rows["tolerance"] > TOLERANCES["closed form"]]
    searched = {name.split(".")[1] for name in loose["name"]}
    assert searched == {"ucm", "synthetic", "ppkm_2021"}  # the last: its placebo windows


@pytest.mark.second
def test_r_finds_every_answer_that_is_not_drawn(rows):
    values = set(rows.loc[rows["cell"] == "value", "name"])
    assert {one.name for one in HEADLINES} - values == DRAWN
    with_interval = rows[rows["cell"] == "ci_low"].merge(rows[rows["cell"] == "ci_high"], on="name")
    assert (with_interval["r_x"] < with_interval["r_y"]).all()
    assert len(with_interval) >= 15


def test_the_script_is_base_r_and_short():
    script = (ROOT / "replication/headlines.R").read_text(encoding="utf-8")
    assert len(script.splitlines()) <= 600
    assert not re.findall(r"\b(library|require|source|set\.seed|runif|rnorm|sample)\(|::", script)


def test_a_difference_is_found():
    found = compare(ROOT, pd.DataFrame({"name": ["claim.workers"], "value": [9109297.0]}).assign(
        how="closed form").set_index("name"))  # fmt: skip
    assert found["difference"].tolist() == [0.0]
    moved = {"name": ["claim.workers", "no.such"], "value": [9109297.0 * (1 + 2e-8), 1.0]}
    found = compare(ROOT, pd.DataFrame(moved).assign(how="closed form").set_index("name"))
    assert not (found["difference"] <= found["tolerance"]).any()


def test_what_is_missing_is_named_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("WEBR", str(tmp_path))
    with pytest.raises(IkmPmiError, match=r"no webr") as error:
        run_r(ROOT)
    assert INSTALL in str(error.value)
    assert INSTALL.removeprefix("npm install ") in (ROOT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("node"), reason="no node here")
def test_an_error_of_r_is_told(monkeypatch, tmp_path):
    (tmp_path / "replication").mkdir()
    (tmp_path / "replication/run.mjs").write_text('throw new Error("object q not found")')
    (tmp_path / "webr.mjs").touch()
    monkeypatch.setenv("WEBR", str(tmp_path))
    with pytest.raises(IkmPmiError, match="object q not found"):
        run_r(tmp_path)
