"""Documentation in step with the code: generated parts, links, commands, the tree."""

import re
import shlex
from pathlib import Path

import pytest

from ikm_pmi.engine import headlines
from ikm_pmi.study import CHAPTERS

pytestmark = pytest.mark.docs

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", list(headlines.generated(ROOT)), ids=lambda path: path.name)
def test_generated_parts_are_up_to_date(path):
    assert path.read_text(encoding="utf-8") == headlines.generated(ROOT)[path], (
        "run: ikm-pmi refresh"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    inner = [target for target in targets if "://" not in target]
    missing = [target for target in inner if not (page.parent / target).exists()]
    assert not missing


def test_the_readme_lists_every_chapter():
    assert set(re.findall(r"\(notebooks/(\w+)\.ipynb\)", README)) >= set(CHAPTERS)


def test_the_tree_of_the_readme_exists():
    tree = README.split("## What is where")[1].split("##")[0]
    paths = re.findall(r"^    ([\w./]+)\s{2,}", tree, flags=re.M)
    assert len(paths) >= 6
    assert not [path for path in paths if not (ROOT / path).exists()]


def commands():
    """Every ``ikm-pmi`` and ``make`` command in the pages' code blocks."""
    for page in PAGES:
        for line in re.findall(r"^    (\S.*)$", page.read_text(encoding="utf-8"), flags=re.M):
            words = shlex.split(line, comments=True)
            if words and words[0].rsplit("/", 1)[-1] in {"ikm-pmi", "make"}:
                yield pytest.param(words, id=" ".join(words))


@pytest.mark.parametrize("words", list(commands()))
def test_commands_of_the_pages_exist(words):
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^[\w -]*\b{words[1]}\b[\w -]*:", makefile, flags=re.M)
        return
    from typer.main import get_command

    from ikm_pmi.cli import app
    from ikm_pmi.engine.values import collect
    from ikm_pmi.study import parameters_for

    command, rest = get_command(app), words[1:]
    while getattr(command, "commands", None) and rest:
        command, rest = command.commands[rest[0]], rest[1:]
    parsed = command.make_context("ikm-pmi", list(rest)).params
    if parsed.get("chapter"):
        collect(parameters_for(parsed["chapter"]), parsed.get("parameter") or [])


def test_no_number_of_a_result_is_typed_into_the_readme():
    outside = README.split(headlines.BEGIN)[0] + README.split(headlines.END)[1]
    prose = "\n".join(line for line in outside.splitlines() if not line.startswith("    "))
    versions = r"Python 3\.\d+( to 3\.\d+)?|glibc 2\.\d+|CC BY 4\.0"
    assert not re.findall(r"\d+[.,]\d+", re.sub(versions, "", prose))
