"""The rules that keep the project small, read from the source itself."""

import ast
import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from ikm_pmi.study import CHAPTERS, HEADLINES, PICTURES, READS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/ikm_pmi"
# A module imports only from its own line or from those above it.
ORDER = (
    *("errors", "language", "results", "parameters", "data", "restrictions", "inference"),
    *("pmi", "jobs", "trust", "report", "study", "engine", "share", "cli", "__main__"),
)
MODULE_LINES, FUNCTION_LINES, POSITIONAL, ARGUMENTS = 450, 60, 5, 10
CELLS, CELL_LINES, IMPORTS = 12, 8, 3
PARAMETERS, WORDS, ROWS, COLUMNS = 15, 900, 12, 6
FILE_CALLS = {
    *("open", "read_csv", "to_csv", "read_text", "write_text", "read_bytes", "write_bytes"),
    *("read_excel", "to_excel", "read_json", "savefig", "savetxt", "loadtxt", "to_pickle"),
}

MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def layer(module):
    return ORDER.index(module.split(".")[0])


def imports(tree):
    """Modules of this package that a module imports, wherever in it, by their names in MODULES.

    What only a type checker reads does not count.
    """
    typed = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names = []
        if id(node) in typed:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            inner = name.removeprefix("ikm_pmi.")
            if inner != name:
                yield inner if inner in MODULES else inner.rpartition(".")[0]


def functions(tree):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", ""))


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_imports_point_upward(module):
    used = {name for name in imports(TREES[module]) if name}
    wrong = sorted(name for name in used if layer(name) > layer(module))
    assert not wrong, f"{module} imports {wrong}, which come later than it"


def test_no_cycles():
    graph = {name: set(imports(tree)) & set(MODULES) - {name} for name, tree in TREES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_are_small(module):
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES, f"{module}: {lines} lines"
    for function in functions(TREES[module]):
        body = function.body[bool(ast.get_docstring(function)) :]
        length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert length <= FUNCTION_LINES, f"{module}.{function.name}: {length} lines"
        own = [a for a in function.args.args if a.arg not in {"self", "cls"}]
        count = len(own) + len(function.args.kwonlyargs)
        assert len(own) <= POSITIONAL, f"{module}.{function.name}: {len(own)} positional"
        assert count <= ARGUMENTS, f"{module}.{function.name}: {count} parameters"


@pytest.mark.parametrize("module", MODULES)
def test_files_drawing_and_printing_have_their_places(module):
    top = module.split(".")[0]
    text = MODULES[module].read_text(encoding="utf-8")
    made = set(calls(TREES[module]))
    if top not in {"data", "engine", "share"}:
        assert not made & FILE_CALLS, f"{module} reads or writes files"
    if top != "report":
        assert not re.search(r"import (seaborn|matplotlib\.pyplot)|from matplotlib", text), module
    if top != "cli" and module != "engine.publish":  # which speaks in a notebook, by hand
        assert not made & {"print", "echo"}, f"{module} prints"


def texts(tree):
    """What a module says in its own strings, docstrings apart."""
    kinds = ast.Module | ast.FunctionDef | ast.ClassDef
    told = {
        id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, kinds) and ast.get_docstring(n)
    }
    strings = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in told)
    return [n.value for n in strings if isinstance(n.value, str)]


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.split(".")[0] in {"engine", "share", "cli"}]
)
def test_the_engine_knows_no_study(module):
    own = [*CHAPTERS, *(one.name for one in HEADLINES), *(name for _, name in PICTURES)]
    own += [path for paths in READS.values() for path in paths]
    said = texts(TREES[module])
    assert not [name for name in own if any(name in text for text in said)], module
    models = {model.__name__ for model in CHAPTERS.values()}
    assert not models & set(re.findall(r"\w+", MODULES[module].read_text(encoding="utf-8"))), module


def rows():
    """The backticked paths of the table "where new code goes"."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if re.match(r"\|[^|]+\|[^|]+\|$", line)]
    return [path for line in table for path in re.findall(r"`([\w./-]+)`", line.split("|")[2])]


def test_architecture_page_names_every_part():
    named = {path.removeprefix("src/ikm_pmi/").rstrip("/") for path in rows() if "src/" in path}
    parts = {
        path.name
        for path in SOURCE.iterdir()
        if (path.is_dir() and (path / "__init__.py").exists())
        or (path.suffix == ".py" and path.stem != "__init__")
    }
    assert parts <= named


@pytest.mark.parametrize("path", rows())
def test_architecture_page_names_nothing_else(path):
    assert (ROOT / path).exists()


def test_every_chapter_has_its_notebook_and_reference():
    found = {path.stem for path in NOTEBOOKS}
    assert found == set(CHAPTERS)
    assert {path.stem for path in (ROOT / "reference").glob("[0-9]*.json")} == set(CHAPTERS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_chapter_keeps_the_form(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = "".join(cells[0]["source"]).strip().splitlines()
    assert cells[0]["cell_type"] == "markdown"
    assert first[0].startswith("# ")
    assert first[0].endswith("?")
    headings = [
        line
        for cell in cells
        if cell["cell_type"] == "markdown"
        for line in "".join(cell["source"]).splitlines()
        if line.startswith("# ")
    ]
    assert len(headings) == 1
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    shown = [output.get("data", {}) for cell in code for output in cell["outputs"]]
    assert any("image/png" in data for data in shown), "the committed chapter shows no picture"
    tagged = [cell for cell in code if "parameters" in cell["metadata"].get("tags", ())]
    assert len(tagged) == 1
    model = CHAPTERS[path.stem]
    folded = [cell for cell in code if cell["metadata"].get("jupyter", {}).get("source_hidden")]
    assert ["".join(cell["source"]) for cell in folded] == [model.cell(rarely=True)] * bool(
        model.rarely
    )
    tagged += folded
    assert "".join(tagged[0]["source"]) == model.cell()
    assert len("".join(tagged[0]["source"]).splitlines()) <= 1 + PARAMETERS
    assert len(code) <= CELLS
    for cell in code:
        text = "".join(cell["source"])
        assert cell in tagged or len(text.splitlines()) <= CELL_LINES, text
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.For | ast.While), text
        assert "sys.path" not in text
    source = "\n".join("".join(cell["source"]) for cell in code)
    ours = re.findall(r"^\s*(?:from|import) ikm_pmi.*", source, re.MULTILINE)
    assert len(ours) <= IMPORTS, ours
    assert not [line for line in ours if line.endswith("*")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_is_short_and_shows_tables_for_reading(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    words = len(re.sub(r"<details.*?</details>", "", prose, flags=re.DOTALL).split())
    assert words <= WORDS
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert not [o for o in outputs if o["output_type"] == "stream"], "a cell prints"
    pages = ["".join(o.get("data", {}).get("text/html", "")) for o in outputs]
    tables = [page for page in pages if "<table" in page]
    files = {path.stem for path in (ROOT / "data").rglob("*.csv")}  # of the data
    assert tables
    for page in tables:
        open_part = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
        assert "<caption" in open_part or "<strong>" in open_part, page[:300]
        assert open_part.count("<tr>") <= 1 + ROWS
        assert open_part.count('scope="col"') <= COLUMNS
        shown = re.sub("<[^>]*>", " ", page)
        names = re.findall(r"\b[a-z]{3,}(?:_[a-z0-9]+)+\b|\b(?:pmi|chain|panel|bumn)\.\w+", shown)
        assert not set(names) - files, "words for names"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_reference_is_of_these_defaults_and_data(path):
    from ikm_pmi.data.package import hashes

    content = json.loads((ROOT / "reference" / f"{path.stem}.json").read_text(encoding="utf-8"))
    assert content["parameters"] == CHAPTERS[path.stem].parse({}).model_dump(mode="json")
    names = [name.removesuffix(".csv") for name in content["data"]]
    assert content["data"] == hashes(names, ROOT), "stale: run ikm-pmi refresh"
