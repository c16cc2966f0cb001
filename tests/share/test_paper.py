"""The working paper: no typed numeral, the same bytes, other parameters other numbers."""

import io
import json
import re
import shutil
from pathlib import Path

import pytest

from ikm_pmi.engine import manifest
from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.share.paper import REFERENCES, TEMPLATE, paper
from ikm_pmi.study import CHAPTERS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "src/ikm_pmi/share" / TEMPLATE).read_text(encoding="utf-8")
BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>'


def result(chapter):
    return json.loads((ROOT / f"reference/{chapter}.json").read_text(encoding="utf-8"))


def write(folder, name, content):
    own = folder / name
    (own / "figures").mkdir(parents=True)
    (own / "result.json").write_text(json.dumps({**content, "versions": {"ikm-pmi": "0.2.0"}}))
    for picture in re.findall(rf'picture\("{name[:2]}", "(\w+)"', TEXT):
        (own / f"figures/{picture}.svg").write_text(BLANK)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The committed numbers, and a run of chapter 03 in which one of them is another."""
    folder = tmp_path_factory.mktemp("results with space")
    for chapter in CHAPTERS:
        write(folder, chapter, result(chapter))
    other = result("03_pmi_impact")
    other["parameters"]["leads"] = 2
    (mean,) = [one for one in other["estimates"] if one["name"] == "pmi.ppkm_2021.mean"]
    mean["value"] = -7.77
    write(folder, "03_pmi_impact-0000aaaa", other)
    less = result("10_other_yardsticks")
    less["estimates"] = less["estimates"][:1]
    write(folder, "10_other_yardsticks-0000bbbb", less)
    manifest.record(folder, {path.name: {} for path in folder.iterdir()})
    return folder


def words(pdf):
    from pypdf import PdfReader

    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(text.split())


def test_no_numeral_is_typed_in_its_words():
    """Dates, equations and the settings of pages and tables aside."""
    prose = TEXT.partition("\n= The question")[2]
    prose = re.sub(r"#(?:picture|listing)\((?:.|\n)*?\n\)", "", prose)
    prose = re.sub(r"\$[^$]*\$", "", prose)
    while (short := re.sub(r"#?[\w.-]+\([^()]*\)(?:\.\w+)*", "", prose)) != prose:
        prose = short
    prose = re.sub(r"@\w+|\b20[12]\d\b|chapter \d\d", "", prose)
    assert re.findall(r"\S*\d\S*", prose) == []


def test_the_same_results_are_the_same_bytes_and_other_parameters_are_said(results):
    first = paper(ROOT, results)
    assert paper(ROOT, results) == first
    value = next(
        one["value"]
        for one in result("03_pmi_impact")["estimates"]
        if one["name"] == "pmi.ppkm_2021.mean"
    )
    said = words(first)
    assert f"the index stood {-value:.1f} points below what other months predict" in said
    assert "Computed with other parameters" not in said
    other = words(paper(ROOT, results, ["03_pmi_impact-0000aaaa"]))
    assert "the index stood 7.8 points below what other months predict" in other
    assert "03 leads = 2" in other


def test_what_cannot_be_set_is_refused(results, tmp_path):
    with pytest.raises(ParameterError, match="no run of a chapter"):
        paper(ROOT, results, ["../etc"])
    with pytest.raises(ChapterError, match="cannot be set") as error:
        paper(ROOT, results, ["10_other_yardsticks-0000bbbb"])
    assert "survey.pmi_bi.change" in error.value.found
    copy = shutil.copytree(results, tmp_path / "copy")
    (copy / "03_pmi_impact/result.json").write_text("{}")
    with pytest.raises(ChapterError, match="not those of the manifest"):
        paper(ROOT, copy)


def test_every_work_it_cites_is_known():
    keys = set(re.findall(r"@\w+\{(\w+),", (ROOT / REFERENCES).read_text(encoding="utf-8")))
    assert set(re.findall(r"(?<=[ \n])@(\w+)", TEXT)) <= keys
