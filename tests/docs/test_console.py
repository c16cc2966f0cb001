"""Every command of the documentation is run, and prints what the page says it prints."""

import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest

from ikm_pmi.cli.pages import commands_page
from ikm_pmi.results import ChapterResult, Estimate, TestResult

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
DOCS = runpy.run_path(str(ROOT / "tools/docs.py"))
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if DOCS["steps"](page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_do_what_the_page_says(page, tmp_path, record_property):
    steps = DOCS["steps"](page.read_text(encoding="utf-8"))
    different = DOCS["try_page"](page, DOCS["copy_of_project"](tmp_path / "ikm_pmi"))
    outcome = f"{len(different)} of them other than the page says"
    record_property(
        "reliability",
        {"part": "docs", "what": f"commands of {page.name} run in a copy of the project",
         "times": len(steps), "outcome": outcome},
    )  # fmt: skip
    assert not different, "\n\n".join(different)


def test_every_ikm_pmi_line_of_the_docs_is_a_command_that_is_run():
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if page.name != "commands.md":  # its examples are run by test_cli
            loose = re.sub(r"^```(?:console|text)\n.*?^```$", "", text, flags=re.M | re.S)
            assert not re.findall(r"^(?:    |\$ )*(?:ikm-pmi|make) .*$", loose, flags=re.M), page


@pytest.mark.parametrize(
    ("shown", "printed", "status", "same"),
    [
        (["a", "...", "d"], ["a", "b", "c", "d"], 0, True),
        (["a", "...", "d"], ["a", "b", "d", "e"], 0, False),
        (["..."], [], 0, True),
        (["took 1.5 s"], ["took 12 s"], 0, True),
        (["a.b"], ["axb"], 0, False),
        ([], ["whatever"], 0, True),
        ([], ["whatever"], 1, False),
        (["error: no"], ["error: no"], 2, True),
        (["error: no"], ["error: no"], 0, False),
    ],
)
def test_what_counts_as_the_same(shown, printed, status, same):
    step = DOCS["Step"]("command", tuple(shown))
    assert (DOCS["difference"](step, status, printed) == "") is same


def test_commands_page_is_generated():
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert page == commands_page(), "run: make docs"


def keys(text, heading):
    part = text.split(f"\n{heading}\n")[1].split("\n#")[0]
    return re.findall(r"^\| `(\w+)` \|", part, flags=re.M)


@pytest.mark.parametrize(
    ("heading", "kind"),
    [("## result.json", ChapterResult), ("### An estimate", Estimate), ("### A test", TestResult)],
)
def test_the_schema_page_names_every_key(heading, kind):
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    own = {f.name for f in fields(kind)} - {"detail"}
    assert set(keys(text, heading)) == (own | {"schema"} if kind is ChapterResult else own)
