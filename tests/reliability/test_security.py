"""Parameters, grids and file names are data; nothing listens to the world; nothing is unpinned."""

import ast
import io
import json
import os
import re
import sys
import tokenize
import zipfile
from pathlib import Path
from types import SimpleNamespace

import faults
import nbformat
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from papermill.parameterize import parameterize_notebook

from ikm_pmi.engine import sweep
from ikm_pmi.engine.chapters import run
from ikm_pmi.engine.values import collect, read_grid
from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.study import parameters_for

SOURCES = sorted((faults.ROOT / "src").rglob("*.py"))
MORE = ("tests", "tools", "benchmarks")
HOSTILE = [
    '"); import os; os._exit(1)  # ',
    "'''\"\"\"\\\"\\'",
    "line\nline\r\n\ttab",
    "{{ country }} {0} {seed} %(seed)s ${HOME}",
    "\\n is no line \\",
    '=HYPERLINK("x") | `ls` | $(ls) | ../../x',
    "<script>alert(1)</script>",
    "Jawa Tengah; Kalimantan – ⚙ \U0001f3ed \u202e \x00 \x1b[31m",
]
EXECUTES = {
    *("eval", "exec", "compile", "__import__", "execfile", "system", "popen", "spawnl", "execv"),
    *("read_pickle", "to_pickle", "unsafe_load", "full_load", "load_module", "query"),
}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle", "patsy"}


def tell(record_property, what, times, outcome):
    entry = {"part": "security", "what": what, "times": times, "outcome": outcome}
    record_property("reliability", entry)


# No data are code ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_executes_or_unpickles(path):
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            owner = getattr(getattr(node.func, "value", None), "id", "")
            # This very command again, where its locale can write no path.
            again = ast.unparse(node) == "os.execv(sys.executable, sys.orig_argv)"
            assert (
                name not in EXECUTES or again or owner in {"re", "session", "platform", "typst"}
            ), f"line {node.lineno}: {name}"
            given = {key.arg: ast.unparse(key.value) for key in node.keywords}
            assert given.get("shell", "False") == "False", f"line {node.lineno}: a shell"
            assert given.get("allow_pickle", "False") == "False", f"line {node.lineno}: pickle"
            loader = re.search(r"class Loader\(yaml\.(Safe|Base)Loader\)", text)
            safe = (owner, name) != ("yaml", "load") or loader
            assert safe, f"line {node.lineno}: a loader that is not safe"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(one.name for one in node.names)]
            used = {name.split(".")[0] for name in names} & UNSAFE
            assert not used, f"line {node.lineno}: {used}"
            # A formula is code of whoever calls: no file and no setting comes to one.
            assert "statsmodels.formula" not in names[0] or path.stem in {"fits", "absorbed"}


def test_every_exception_to_the_security_rules_is_explained():
    places = 0
    more = [path for name in MORE for path in sorted((faults.ROOT / name).rglob("*.py"))]
    for path in [*SOURCES, *more]:
        with tokenize.open(path) as file:
            for token in tokenize.generate_tokens(file.readline):
                if token.type == tokenize.COMMENT and re.search(r"noqa:.*\bS\d{3}", token.string):
                    places += 1
                    assert re.search(r"\(.{8,}\)", token.string), f"{path.name}: {token.string}"
    assert places
    rules = (faults.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"S"' in rules.split("select = ")[1].splitlines()[0]


@pytest.mark.property
def test_any_parameter_arrives_in_the_notebook_as_it_is(record_property):
    """Through what papermill injects, read back as plain values: nothing else is in the cell."""
    texts = st.text() | st.sampled_from(HOSTILE)
    values = st.one_of(
        texts,
        st.lists(texts, max_size=4),
        st.integers(),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False),
    )
    cell = nbformat.v4.new_code_cell('country = "IDN"', metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"papermill": {}})
    seen = []

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(["country", "peers", "seed"]), values, min_size=1))
    def arrives(parameters):
        made = parameterize_notebook(notebook, parameters, kernel_name="python3", language="python")
        body = ast.parse(made.cells[1].source).body
        assert all(isinstance(line, ast.Assign) for line in body)
        found = {line.targets[0].id: ast.literal_eval(line.value) for line in body}
        assert found == parameters
        seen.append(1)

    arrives()
    tell(record_property, "texts injected into a notebook", len(seen), "each arrives as it is")


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory):
    """A study in a folder whose name holds all that a shell, a format or a template could read."""
    root = tmp_path_factory.mktemp("study") / "{seed} $(x) 'a' %s; é {{ }}"
    return faults.make_study(root)


@pytest.mark.skipif(sys.platform == "win32", reason="such a folder has no name there")
def test_hostile_parameters_arrive_in_a_kernel(hostile_folder, record_property):
    told = 'Path = __import__("pathlib").Path\nimport json\n'
    told += "wrote = Path('../told.json').write_text(json.dumps(p.peers))"
    faults.write_notebook(hostile_folder, "03_pmi_impact", 1, told)
    values = ImpactParameters.parse({"peers": HOSTILE})
    target = run("03", values, root=hostile_folder)
    assert json.loads((hostile_folder / "told.json").read_text()) == HOSTILE
    assert json.loads((target / "result.json").read_text())["parameters"]["peers"] == HOSTILE
    assert re.fullmatch(r"03_pmi_impact-[0-9a-f]{8}", target.name)
    tell(record_property, "hostile texts through a kernel", len(HOSTILE), "each arrives as it is")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_where_a_code_is_asked_is_refused(text):
    for chapter, name in (("01", "country"), ("01", "start_month"), ("03", "episodes")):
        with pytest.raises(ParameterError):
            collect(parameters_for(chapter), [f"{name}={text}"])


# Paths stay inside -----------------------------------------------------------------------------

CLIMBING = ["../x", "a/../../x", "/etc/passwd", "..", "a\x00b", "01_data/../../x", "~/.ssh"]


@pytest.mark.parametrize("name", CLIMBING)
def test_no_chapter_or_grid_names_a_path(name, tmp_path):
    with pytest.raises(ParameterError):
        parameters_for(name)
    grid = tmp_path / "grid.yaml"
    for content in (
        {"chapter": name, "parameters": {"seed": [1]}},
        {"chapter": "01", "parameters": {name: [1]}},
        {"chapter": "01", "parameters": {"country": [name]}},
    ):
        grid.write_text(json.dumps(content))
        with pytest.raises(ParameterError):
            read_grid(grid)


@pytest.mark.parametrize(
    "text",
    [
        '!!python/object/apply:os.system ["touch {mark}"]',
        'chapter: "01"\nparameters: !!python/object/new:subprocess.Popen [["touch", "{mark}"]]',
        'chapter: !!python/name:os.system ""\nparameters: {{seed: [1]}}',
    ],
)
def test_a_grid_runs_nothing(text, tmp_path):
    mark = tmp_path / "mark"
    (tmp_path / "grid.yaml").write_text(text.format(mark=mark))
    with pytest.raises(ParameterError):
        read_grid(tmp_path / "grid.yaml")
    assert not mark.exists()


def test_a_grid_that_would_fill_the_memory_is_refused(tmp_path):
    lists = {name: list(range(1000)) for name in ("seed", "country", "start_month", "end_month")}
    (tmp_path / "grid.yaml").write_text(json.dumps({"chapter": "01", "parameters": lists}))
    with pytest.raises(ParameterError) as error:
        read_grid(tmp_path / "grid.yaml")
    assert "1,000,000,000,000 parameter sets" in error.value.found


@pytest.mark.parametrize(
    "words",
    [
        ["run", "01", "--out", "../x"],
        ["run", "01", "--out", "/srv/a/../../etc"],
        ["sweep", "grid.yaml", "--out", "a/../../x"],
        ["export", "../x"],
        ["package", "--out", "../x.zip"],
        ["site", "--out", "a/../../x"],
    ],
)
def test_an_output_folder_that_climbs_is_refused(words):
    from typer.testing import CliRunner

    from ikm_pmi.cli import app

    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, ParameterError)
    assert result.exception.summary == "an output folder does not climb"


@pytest.mark.parametrize("place", ["src/x", "data/raw", "notebooks/mine", "docs/a/b"])
def test_no_output_goes_among_the_files_of_the_project(place, monkeypatch):
    from typer.testing import CliRunner

    from ikm_pmi.cli import app

    monkeypatch.chdir(faults.ROOT / "docs")
    for words in (["run", "01", "--out"], ["export"], ["site", "--out"]):
        result = CliRunner().invoke(app, [*words, str(faults.ROOT / place)])
        assert isinstance(result.exception, ParameterError)
        assert "among the project's own files" in result.exception.summary
    assert not (faults.ROOT / place / "01_data").exists()


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "notebooks/../../out.txt"])
def test_a_project_sent_to_a_worker_stays_in_its_folder(name, tmp_path, monkeypatch):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notebooks/a.ipynb", "{}")
        archive.writestr(name, "hello")
    local = tmp_path / "worker" / "space"
    local.mkdir(parents=True)
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(local_directory=local))
    folder = sweep._unpacked(file.getvalue())
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 2
    assert all(path.is_relative_to(folder) for path in written)
    assert not Path("/out.txt").exists()


# Who may listen --------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at as on Linux")
def test_kernels_listen_on_this_machine_only(tmp_path, record_property):
    root = faults.make_study(tmp_path / "study")
    mark = tmp_path / "begun"
    faults.write_notebook(root, "01_data", 1, f"open({str(mark)!r}, 'w').close()\ntime.sleep(600)")
    commands = faults.Commands(root, tmp_path / "scratch")
    try:
        checked = 0
        for switch in ("1", "0"):
            mark.unlink(missing_ok=True)
            pid = commands.start("run", "01", IKM_PMI_FAST_START=switch)
            assert faults.comes_true(mark.exists, 60), commands.said()
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            family += [psutil.Process(commands.server), *faults.children(commands.server)]
            for process in family:
                for one in process.net_connections("inet"):
                    if one.status == psutil.CONN_LISTEN or not one.raddr:
                        assert one.laddr.ip in {"127.0.0.1", "::1"}, (process.cmdline(), one)
                        checked += 1
            os.kill(pid, 9)
            commands.ended(pid)
        address = Path(commands.environment["IKM_PMI_KERNELS"])
        assert address.parent.stat().st_mode & 0o077 == 0
        (keys,) = list(root.glob("results/.staging/*/jupyter/*.json"))[:1]
        assert keys.stat().st_mode & 0o077 == 0
    finally:
        commands.close()
    assert checked >= 10
    tell(record_property, "sockets of kernels looked at", checked, "loopback only")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("tcp://127.0.0.1:8786", True),
        ("tcp://localhost:8786", True),
        ("tcp://[::1]:8786", True),
        ("127.0.0.1:8786", True),
        ("tls://cluster.example:8786", True),
        ("tcp://cluster.example:8786", False),
        ("10.0.0.7:8786", False),
        ("tcp://0.0.0.0:8786", False),
        ("ws://cluster.example:8786", False),
        ("tcp://localhost.example:8786", False),
        ("tcp://127.0.0.1@cluster.example:8786", False),
    ],
)
def test_a_scheduler_elsewhere_needs_tls(address, allowed):
    if allowed:
        sweep.check_address(address)
    else:
        with pytest.raises(ParameterError, match="not encrypted"):
            sweep.check_address(address)


# What is installed -----------------------------------------------------------------------------


def test_what_is_installed_is_known_by_its_hash():
    lock = (faults.ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(entries) > 100
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert '"--require-hashes"' in (faults.ROOT / "tools/setup.py").read_text(encoding="utf-8")
