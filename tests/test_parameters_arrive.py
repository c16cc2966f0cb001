"""Whatever a reader changes in a parameters cell arrives in the model, or is refused by name."""

import ast
import json
from pathlib import Path

import pytest
from papermill.translators import translate_parameters

from ikm_pmi.errors import ParameterError
from ikm_pmi.language import using
from ikm_pmi.parameters import ChapterParameters
from ikm_pmi.parameters.base import RARELY
from ikm_pmi.study import CHAPTERS
from variations import every, others, written

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
#: Defaults that are of one country, and go with it.
GIVE_WAY = {("04_counterfactual", "treated_country"): {"episodes", "masked", "min_training"}}


def ran(*cells):
    """The names of a kernel that has run these cells."""
    names = {"In": ["", *cells]}
    for cell in cells:
        exec(cell, names)  # noqa: S102 (our own cells)
    return names


def edited(model, name, value):
    cells = [model.cell(rarely=True), model.cell()]
    return ran(*(written(c, {name: value} if f"\n{name} = " in c else {}) for c in cells))


def injected(model, name, value):
    """As papermill does it, in a cell of its own after that of the defaults."""
    source = translate_parameters("python3", "python", {name: value}, "Parameters")
    assert source.startswith("# Parameters\n")
    return ran(model.cell(rarely=True), model.cell(), source)


@pytest.fixture(autouse=True)
def _in_english():
    """A parameter may be the language, which stays as chosen."""
    with using("en"):
        yield


@pytest.mark.parametrize("way", [edited, injected])
@pytest.mark.parametrize(("chapter", "name"), every(CHAPTERS))
def test_a_value_arrives_alone_or_is_refused_by_name(chapter, name, way):
    model = CHAPTERS[chapter]
    defaults, arrived, refused = model.parse({}).model_dump(), 0, []
    for value in others(model, name):
        names = way(model, name, value)
        try:
            given = model.from_notebook(names).model_dump()
        except ParameterError as error:
            refused.append(error.expected)
            continue
        arrived += given[name] == value
        moved = {other for other in given if given[other] != defaults[other]}
        assert moved - GIVE_WAY.get((chapter, name), set()) == {name}
    assert arrived == len(others(model, name)) - len(refused) > 0
    assert all(name in expected for expected in refused)  # it contradicts the default of another


def test_a_parameter_that_cannot_be_varied_is_not_passed_over():
    class New(ChapterParameters):
        words: dict[str, str] = {}  # noqa: RUF012 (a pydantic field)
        text: str = "as it is"

    for name in ("words", "text"):
        with pytest.raises(NotImplementedError, match=name):
            others(New, name)


# The committed notebooks ------------------------------------------------------------------------


def code_cells(chapter):
    """Source of the parameters cell, and of all others but the folded one."""
    content = json.loads((NOTEBOOKS / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    assert len(tagged) == 1
    return (
        "".join(tagged[0]["source"]),
        [
            "".join(cell["source"])
            for cell in cells
            if cell is not tagged[0] and not "".join(cell["source"]).startswith(RARELY)
        ],
    )


def bound(source):
    """Names that running a cell gives a meaning: assigned, imported, looped over, defined."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_parameters_cell_is_that_of_the_model(chapter):
    assert code_cells(chapter)[0] == CHAPTERS[chapter].cell()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_other_cell_gives_a_parameters_name_another_meaning(chapter):
    taken = {name for source in code_cells(chapter)[1] for name in bound(source)}
    assert not taken & CHAPTERS[chapter].model_fields.keys()


def test_every_way_to_give_a_name_a_meaning_is_seen():
    ways = "a = b, c = 1\nimport d.x, x as e\nfor f in y: g += 1\nwith y as h: (i := 1)\ndel j"
    assert {*bound(f"{ways}\n[k for k in y]\ndef l(): pass")} == set("abcdefghijkl")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_first_import_of_the_package_says_how_to_get_it(chapter):
    lines = [line for source in code_cells(chapter)[1] for line in source.splitlines()]
    first = next(line for line in lines if "import" in line and "ikm_pmi" in line)
    assert "make setup" in first.partition("#")[2]
