"""The examples of CONTRIBUTING.md run as they are printed; AGENTS.md names what there is."""

import json
import re
from pathlib import Path

import pytest

from ikm_pmi.data import package

pytestmark = pytest.mark.docs
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE, flags=re.M | re.S)
    return [re.sub(rf"^{indent}", "", text, flags=re.M) for indent, text in found]


def test_the_estimand_and_its_test():
    names = {}
    for text in blocks("python"):
        exec(text, names)  # noqa: S102 (our own page)
    assert names["found"].method == "lowest of 2 months, 2021-07"


def test_a_field_of_a_table_has_the_keys_of_those_there_are():
    (field,) = map(json.loads, blocks("json"))
    assert {"name", "type", "unit", "description", "constraints"} == set(field)


def test_the_rule_is_a_row_of_the_table():
    head, _, row = re.findall(r"^\| .*(?:industry_class|java_bali).*$|^\|---.*$", PAGE, re.M)[:3]
    cells = dict(
        zip(*(map(str.strip, line.strip("|").split("|")) for line in (head, row)), strict=True)
    )
    rules = package.load("industry_rules")
    assert set(cells) <= set(rules.columns)
    same = rules[
        (rules["level"].astype(str) == cells["level"])
        & (rules["area"] == cells["area"])
        & (rules["industry_class"] == cells["industry_class"])
        & (rules["start"] <= cells["start"])
        & (rules["end"] >= cells["end"])
    ]
    assert len(same) >= 1


def test_the_page_for_agents_names_targets_and_places_that_are_there():
    page = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    named = set(re.findall(r"\bmake ([a-z-]+)", page))
    assert named <= set(targets.split())
    assert {"test", "reproduce", "lint", "refresh"} <= named
    paths = re.findall(r"`((?:src|data|docs|tests|reference|notebooks)[\w./]*)`", page)
    paths += re.findall(r"\b([A-Z]{4,}\.md)\b", page)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    order = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {path for path in paths if path.startswith("src/ikm_pmi/")}
    assert rooms
    assert all(path in order for path in rooms)
