import json
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from ikm_pmi import __version__
from ikm_pmi.cli import app, main
from ikm_pmi.engine.headlines import headlines
from ikm_pmi.engine.manifest import to_json, write_whole
from ikm_pmi.engine.values import collect
from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.study import CHAPTERS, HEADLINES


def call(monkeypatch, capsys, *arguments):
    """Exit status, stdout and stderr of the command, in this process."""
    monkeypatch.setattr(sys, "argv", ["ikm-pmi", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "status", "shown"),
    [
        (["run", "01", "-p", "contry=IDN"], 2, "did you mean 'country'?"),
        (["run", "01", "-p", "country=ID"], 2, "correct country"),
        (["run", "01", "-p", "country"], 2, "name=value"),
        (["run", "77"], 2, "no chapter is called '77'"),
        (["run", "0"], 2, "fits several chapters"),
        (["run", "3"], 2, "did you mean 03 (03_pmi_impact)?"),
        (["run", "01", "-f", "no.toml"], 2, "no.toml cannot be read"),
        (["parameters", "06_ikm_elastic"], 0, ""),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_exit_status_and_message(monkeypatch, capsys, arguments, status, shown):
    code, _, err = call(monkeypatch, capsys, *arguments)
    assert code == status
    assert shown in err
    assert "Traceback" not in err


def test_errors_have_four_parts_on_stderr(monkeypatch, capsys):
    _, out, err = call(monkeypatch, capsys, "run", "01", "-p", "contry=IDN")
    assert out == ""
    for head in ("expected", "found", "where", "what to do"):
        assert f"\n  {head}" in err


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ikm-pmi", "--debug", "run", "77"])
    with pytest.raises(ParameterError):
        main()


def test_failed_run_leaves_with_one(monkeypatch, capsys):
    def fail(*_, **__):
        raise ChapterError("it failed")

    monkeypatch.setattr("ikm_pmi.engine.chapters.run", fail)
    monkeypatch.setattr("ikm_pmi.engine.manifest.inputs", lambda *_: {})
    assert call(monkeypatch, capsys, "run", "01")[0] == 1


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("leads=3", "leads", 3),
        ("confidence_level=0.9", "confidence_level", 0.9),
        ("controls=lebaran_share, log_cases", "controls", ["lebaran_share", "log_cases"]),
        ('controls=["log_cases"]', "controls", ["log_cases"]),
        ("controls=", "controls", []),
        ("end_month=2022-12", "end_month", "2022-12"),
    ],
)
def test_values_are_read_by_the_fields_type(given, name, value):
    assert getattr(collect(ImpactParameters, [given]), name) == value


def test_command_line_wins_over_the_file(tmp_path):
    file = tmp_path / "p.toml"
    file.write_text('leads = 2\nend_month = "2022-06"\n')
    found = collect(ImpactParameters, ["leads=0"], file)
    assert (found.leads, found.end_month) == (0, "2022-06")


@pytest.mark.parametrize("given", ["leads=many", "leads=2.5", 'controls=["x"', "leads=99"])
def test_values_of_another_type_are_refused(given):
    with pytest.raises(ParameterError):
        collect(ImpactParameters, [given])


def test_parameters_lists_every_chapter():
    shown = CliRunner().invoke(app, ["parameters"]).output
    assert all(chapter in shown for chapter in CHAPTERS)


def test_version():
    assert CliRunner().invoke(app, ["--version"]).output.strip() == __version__


def test_headlines_say_what_is_not_there_yet(tmp_path):
    _, chapter, name, *_ = HEADLINES[0]
    entry = {"name": name, "value": -10.04, "unit": "points", "n": 135}
    entry |= {"ci_low": -12.0, "ci_high": -8.0, "ci_level": 0.95}
    defaults = CHAPTERS[chapter]().model_dump(mode="json")
    content = {"estimates": [entry], "parameters": defaults}
    write_whole(tmp_path / chapter / "result.json", to_json(content))
    found = headlines(tmp_path)
    assert found[0].value == "−10.0"
    assert found[0].interval == "−12.0 to −8.0 (95%)"
    assert "−10.0 points" in found[0].sentence
    assert {line.value for line in found[1:]} == {""}


HEAVY = {"pandas", "numpy", "scipy", "statsmodels", "matplotlib", "papermill", "frictionless"}


@pytest.mark.parametrize("module", ["ikm_pmi", "ikm_pmi.cli", "ikm_pmi.parameters"])
def test_import_brings_nothing_heavy(module):
    code = f"import {module}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def commands():
    """Every command with its examples, as the help prints them."""
    groups = [((), typer.main.get_command(app))]
    while groups:
        words, one = groups.pop()
        inner = getattr(one, "commands", None)
        if inner is None:
            yield words, one.epilog.split("\n\n")[1:]
        else:
            groups += [((*words, name), sub) for name, sub in inner.items()]


EXAMPLES = [(words, line) for words, lines in commands() for line in lines]


@pytest.mark.parametrize(("words", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_example_in_the_help_is_understood(words, line):
    given = shlex.split(line)
    assert given[: len(words) + 1] == ["ikm-pmi", *words]
    one = typer.main.get_command(app)
    context = one.make_context("ikm-pmi", [], resilient_parsing=True)
    for word in words:
        context = type(context)(one, info_name=word, parent=context)
        one = one.commands[word]
    context = one.make_context(words[-1], given[len(words) + 1 :], parent=context)  # parses
    assert not context.args


def test_every_command_has_an_example():
    assert {words for words, _ in commands()} == {words for words, _ in EXAMPLES}


@pytest.mark.parametrize("arguments", [["parameters"], ["parameters", "03"], ["data", "check"]])
def test_json_is_one_document_and_quiet_is_silence(arguments):
    shown = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(shown.stdout)
    silent = CliRunner().invoke(app, [*arguments, "--quiet"])
    assert (silent.exit_code, silent.stdout) == (0, "")
    assert CliRunner().invoke(app, arguments).stdout  # the mode does not outlast its command


def test_json_carries_the_four_parts_of_an_error(monkeypatch, capsys):
    code, out, err = call(monkeypatch, capsys, "run", "01", "-p", "contry=IDN", "--json")
    error = json.loads(out)["error"]
    assert (code, error["found"], error["todo"]) == (2, "'contry'", "did you mean 'country'?")
    assert "did you mean" in err


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ikm-pmi run 0", [name for name in CHAPTERS if name.startswith("0")]),
        ("ikm-pmi run 03 -p end", ["end_month="]),
        ("ikm-pmi run nothing -p end", []),
        ("ikm-pmi parameters 06", ["06_ikm_elasticity"]),
    ],
)
def test_shell_completion_offers_chapters_and_parameters(line, offered):
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    asked = CliRunner().invoke(
        app, [], prog_name="ikm-pmi", env=words | {"_IKM_PMI_COMPLETE": "complete_bash"}
    )
    assert asked.stdout.split() == offered
