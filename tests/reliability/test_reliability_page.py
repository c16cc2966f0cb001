"""docs/reliability.md says as much as the tests assert at least, and is written the same again."""

import importlib.util
import re
from collections import Counter

import pytest
from small import ROOT

PAGE = ROOT / "docs" / "reliability.md"
TEXT = PAGE.read_text(encoding="utf-8")


LEAST = [("Bad input", 2000), ("Everyday", 60), ("Faults", 100), ("Numbers", 100)]


@pytest.mark.docs
@pytest.mark.parametrize(("part", "least"), LEAST)
def test_the_page_counts_what_is_asked_for(part, least):
    total = re.search(rf"^## {part}: ([0-9,]+) tried$", TEXT, flags=re.M)
    assert int(total[1].replace(",", "")) >= least
    assert "Tests that failed" not in TEXT


@pytest.mark.docs
def test_each_kind_of_everyday_fault_has_three_cases():
    part = TEXT.split("## Everyday")[1].split("\n## ")[0]
    kinds = Counter()
    for kind, count in re.findall(r"^\| ([^|]+) \| (\d+) \|", part, flags=re.M):
        kinds[kind] += int(count)
    assert len(kinds) >= 10
    assert min(kinds.values()) >= 3


@pytest.mark.docs
def test_every_table_is_on_the_page():
    for path in sorted((ROOT / "data" / "raw").glob("*.csv")):
        assert f"| raw table {path.stem} |" in TEXT


@pytest.mark.docs
def test_the_same_counts_are_the_same_page():
    spec = importlib.util.spec_from_file_location("page", ROOT / "tools" / "reliability.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tried = [
        {"test": f"t{k}", "passed": True, "part": part, "what": "a | b", "times": k, "outcome": "x"}
        for k, part in enumerate(["numbers", "faults", "something else", "numbers"])
    ]
    once = tool.page(tried, None)
    assert once == tool.page(tried[::-1], None)
    assert once.index("## Faults: 1 tried") < once.index("## Numbers: 3 tried")
    assert "| a \\| b | 3 | x |" in once
    assert "t2" in tool.page([{**tried[2], "passed": False}], None)
