"""Every command of the documentation is run, and prints what the page says it prints."""

import re
import runpy
from dataclasses import fields
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ikm_pmi.results import ChapterResult, Estimate, TestResult
from ikm_pmi.study import CHAPTERS

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[2]
DOCS = runpy.run_path(str(ROOT / "tools/docs.py"))
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if DOCS["steps"](page.read_text())]


#: A chapter that publishes its numbers of reference/ without computing them.
KNOWN = """import json
from dataclasses import fields
from pathlib import Path
import ikm_pmi as ikm
from ikm_pmi.study import CHAPTERS
p = CHAPTERS[{chapter!r}].from_notebook(globals())
known = json.loads(Path("../reference/{chapter}.json").read_text(encoding="utf-8"))
def made(kind, entry):
    own = {{field.name for field in fields(kind)}}
    detail = {{key: entry.pop(key) for key in entry.keys() - own}}
    return kind(**entry, detail=detail)
found = [made(ikm.Estimate, one) for one in known["estimates"]]
tested = [made(ikm.TestResult, one) for one in known["tests"]]
print(ikm.publish(p, estimates=found, tests=tested))
"""


#: Of a page: the chapter whose numbers it shows, or that is cheap and sent to other machines.
COMPUTED = {"tutorial": "03_pmi_impact", "how-to": "01_data"}


def with_known_chapters(root, computed):
    """Chapters that publish what is known, but for one: nbval executes the real ones."""
    for chapter, model in CHAPTERS.items():
        if chapter != computed:
            head = new_markdown_cell("# What is known?")
            given = new_code_cell(model.cell(), metadata={"tags": ["parameters"]})
            cells = [head, given, new_code_cell(KNOWN.format(chapter=chapter))]
            nbformat.write(new_notebook(cells=cells), root / "notebooks" / f"{chapter}.ipynb")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_do_what_the_page_says(page, tmp_path, tries, record_property):
    steps = DOCS["steps"](page.read_text(encoding="utf-8"))
    root = DOCS["copy_of_project"](tmp_path / "ikm_pmi")
    if page.stem in COMPUTED and tries(False, True):
        with_known_chapters(root, COMPUTED[page.stem])
    cluster = (
        "^dask |results/cluster|scheduler|^ikm-pmi sweep"  # tests/engine/test_sweep.py has them
    )
    different = DOCS["try_page"](page, root, tries("$^", cluster))
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
    assert page == DOCS["commands_page"](), "run: make docs"


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
