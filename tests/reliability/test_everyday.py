"""Everyday cases by kind of fault, with inputs that nobody reported: see docs/reliability.md."""

import errno
import http.server
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from small import ROOT, project
from typer.testing import CliRunner

from ikm_pmi.cli import app
from ikm_pmi.cli.app import _mode, _ready, answer
from ikm_pmi.data import atomic
from ikm_pmi.data.checks import check, seal
from ikm_pmi.data.official import Limits, bps_cells, fetch
from ikm_pmi.data.package import RAW, find_root, load
from ikm_pmi.data.series import Entry, add_row, find_series, parse_date
from ikm_pmi.engine import kernel_server, manifest
from ikm_pmi.engine.build import Build
from ikm_pmi.engine.folders import staging
from ikm_pmi.engine.own_file import _given
from ikm_pmi.engine.values import collect
from ikm_pmi.errors import (
    ChapterError,
    DataError,
    EstimationError,
    FileError,
    ParameterError,
    SourceError,
    named,
)
from ikm_pmi.parameters.base import FORMS
from ikm_pmi.results import Estimate, percent
from ikm_pmi.share import package as package_module
from ikm_pmi.study import CHAPTERS, parameters_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="as on Linux")


@pytest.fixture
def tell(record_property):
    """Put a case on the page: the kind of fault, what was tried, what happens now."""

    def told(kind, case, outcome):
        entry = {"part": "everyday", "what": kind, "case": case, "times": 1, "outcome": outcome}
        record_property("reliability", entry)

    return told


# 2 A parameter lost or misread -----------------------------------------------------------------

TWICE = {
    "05": ["countries=IDN,MYS,IDN", 'controls=["log_cases", "log_cases"]', "own_lockdown=CHN,CHN"],
    "03": ["controls=log_cases,log_deaths,log_cases"],
    "04": ["peers=CHN,CHN,USA", "models=ucm,ucm"],
    "06": ["frames=2014,2014"],
}


@pytest.mark.parametrize(("chapter", "given"), [(c, g) for c, gs in TWICE.items() for g in gs])
def test_an_entry_twice_is_refused(chapter, given, tell):
    with pytest.raises(ParameterError) as error:
        collect(parameters_for(chapter), [given])
    assert "each entry once" in error.value.expected
    tell("a parameter is lost or misread", given, "refused: it would count double, or not at all")


TILDES = {
    "run 01 -f ~/none.toml": ["run", "01", "-f", "~/none.toml"],
    "sweep ~/none.yaml": ["sweep", "~/none.yaml", "--out", "x"],
    "export ~/../x": ["export", "~/../x"],
    "run 01 --out=~nobody-here/x": ["run", "01", "--out=~nobody-here/x"],
}


@pytest.mark.skipif(sys.platform == "win32", reason="HOME is not what names a home there")
@pytest.mark.parametrize("words", TILDES)
def test_a_tilde_is_the_home_folder(words, tmp_path, monkeypatch, tell):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(app, TILDES[words]).exception
    assert isinstance(error, ParameterError)
    assert str(tmp_path) in error.where + error.found or "no such home" in error.summary
    assert not list(tmp_path.iterdir())  # above all no folder called ~
    tell("a parameter is lost or misread", words, "the home folder, or refused; no folder called ~")


@pytest.mark.parametrize(
    ("chapter", "level", "draws"), [("06", 0.995, 99), ("05", 0.9999, 9998), ("10", 0.999, 500)]
)
def test_too_few_draws_for_an_interval_are_refused(chapter, level, draws, tell):
    given = [f"confidence_level={level}", f"draws={draws}"]
    with pytest.raises(ParameterError) as error:
        collect(parameters_for(chapter), given)
    needed = int(re.search(r"draws=([\d,]+)", error.value.expected)[1].replace(",", ""))
    assert collect(parameters_for(chapter), [given[0], f"draws={needed}"]).draws == needed
    assert needed > draws
    outcome = "refused with the number needed; no silently empty interval"
    tell("a format is narrower than the value", ", ".join(given), outcome)


# 3 Identity assumed ----------------------------------------------------------------------------

FOREIGN = {
    "no description": None,
    "a data package of another name": '{"name": "my-thesis", "resources": []}',
    "a description that is no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_another_folder_with_data_raw_is_not_this_project(kind, tmp_path, monkeypatch, tell):
    folder = tmp_path / "thesis" / RAW
    folder.mkdir(parents=True)
    if isinstance(FOREIGN[kind], bytes):
        (folder / "datapackage.json").write_bytes(FOREIGN[kind])
    elif FOREIGN[kind]:
        (folder / "datapackage.json").write_text(FOREIGN[kind])
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.delenv("IKM_PMI_ROOT", raising=False)
    monkeypatch.chdir(folder)
    assert find_root() == ROOT  # the checkout of this package
    monkeypatch.setenv("IKM_PMI_ROOT", str(tmp_path / "thesis"))
    result = CliRunner().invoke(app, ["data", "build"])
    assert isinstance(result.exception, DataError)
    assert str(tmp_path / "thesis") in result.exception.found
    assert sorted(tmp_path.rglob("*")) == before
    tell("identity is assumed", f"a folder data/raw with {kind}", "not taken, not written into")


MARKS = {
    "another machine": lambda ended: f"00000000-{ended}",
    "another container of the same name": lambda ended: f"{elsewhere()}-{ended}",
    "²": lambda _: f"{atomic._machine()}-²",
    "23 digits": lambda _: f"{atomic._machine()}-{'9' * 23}",
    "this process": lambda _: f"{atomic._machine()}-{os.getpid()}",
}


def elsewhere():
    """The mark of this machine as seen with other process numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "readlink", lambda _: "pid:[4026539999]")
        return atomic._machine.__wrapped__()


@pytest.mark.parametrize("kind", MARKS)
def test_scratch_of_others_stays(kind, tmp_path, monkeypatch, tell):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / f"ikm_pmi-work-{MARKS[kind](ended.pid)}-abcdefgh"
    half = tmp_path / f".x.csv.{MARKS[kind](ended.pid)}.tmp"
    own = tmp_path / f"ikm_pmi-work-{atomic._machine()}-{ended.pid}-abcdefgh"
    for folder in (theirs, own):
        folder.mkdir()
    half.write_text("")
    made = atomic.scratch_folder("work")
    atomic.clear_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {theirs, half, made}
    tell("identity is assumed", f"scratch marked by {kind}", "stays; that of an ended process goes")


STRANGERS = {
    "git refuses the checkout": ("notes.txt", 128),
    "git is broken": ("id_rsa", 127),
    "no git: a key among the sources": ("src/ikm_pmi/key.pem", None),
    "no git: a spreadsheet among the data": ("data/raw/wages.xlsx", None),
    "no git: a folder of one's own": ("private/letter.md", None),
}


@linux
@pytest.mark.parametrize("kind", STRANGERS)
def test_no_stranger_is_packed(kind, tmp_path, monkeypatch, tell):
    name, status = STRANGERS[kind]
    root = tmp_path / "a study"
    for own in ("README.md", "src/ikm_pmi/a.py", "data/raw/a.csv", ".ci/run", "docs/a/b.png"):
        (root / own).parent.mkdir(parents=True, exist_ok=True)
        (root / own).write_text("x")
    (root / ".env").write_text("KEY=1")
    if status is not None:
        (root / ".git").mkdir()
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/git").write_text(f"#!/bin/sh\necho README.md; exit {status}\n")
        (tmp_path / "bin/git").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert len(package_module.files(root)) == 5
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("private")
    with pytest.raises(ChapterError) as error:
        package_module.files(root)
    assert error.value.found == name
    tell("identity is assumed", f"package, {kind} ({name})", "refused by name")


def test_git_is_asked_for_this_folder_whatever_a_hook_has_set(tmp_path, monkeypatch, tell):
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    known = package_module._tracked(ROOT)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert package_module._tracked(ROOT) == known
    assert all(map(package_module._OWN.fullmatch, known))
    tell("identity is assumed", "GIT_DIR of another repository", "this project's files are listed")


# 4 More files than count -----------------------------------------------------------------------

BESIDE = (
    *(".ipynb_checkpoints/a-checkpoint.csv", ".DS_Store", ".~lock.a.csv#", "~$a.xlsx", "a.csv~"),
    *("#a.csv#", "Thumbs.db", "desktop.ini", "__MACOSX/a.csv", "__pycache__/a.pyc", ".a.csv.swp"),
    *("a.csv.bak", "Icon\r"),
)


@linux
@pytest.mark.parametrize("name", BESIDE, ids=repr)
def test_what_programs_leave_beside_is_no_file_of_the_study(name, tmp_path, tell):
    for place in ("", "tables"):
        (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "a.csv").write_text("x\n")
        before = manifest.file_hashes(tmp_path)
        (tmp_path / place / name).write_bytes(b"\0")
        assert manifest.file_hashes(tmp_path) == before
    (tmp_path / "b.csv").write_text("x\n")
    assert manifest.edited_files({"files": before}, tmp_path) == ["b.csv"]
    tell("more files are hashed than count", repr(name), "does not count; a table beside does")


@pytest.mark.parametrize("name", ["raw/.ipynb_checkpoints/x.csv", "raw/~$x.xlsx"])
def test_a_month_can_be_added_beside_what_programs_left(name, tmp_path, tell):
    from ikm_pmi.engine.months import _contents

    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.csv").write_text("x\n")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    assert _contents(tmp_path) == {"raw/a.csv": b"x\n"}
    tell("more files are hashed than count", f"data add beside {name}", "added")


# 5 Output after the work -----------------------------------------------------------------------

SIGNS = "−9.0 points → n/a, 40.1–53.7, “PPKM”, ≥ 0, café, β"
ENCODED = {
    "cp1252": "-9.0 points -> n/a, 40.1–53.7, “PPKM”, >= 0, café, ?",
    "ascii": '-9.0 points -> n/a, 40.1-53.7, "PPKM", >= 0, cafe, ?',
    "latin-1": '-9.0 points -> n/a, 40.1-53.7, "PPKM", >= 0, café, ?',
    "cp437": '-9.0 points -> n/a, 40.1-53.7, "PPKM", ≥ 0, café, ?',
    "utf-8": SIGNS,
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_minus_stays_a_minus_in_any_encoding(encoding, monkeypatch, tell):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    _ready()
    out.write(SIGNS)
    out.flush()
    assert out.buffer.getvalue().decode(encoding) == ENCODED[encoding]
    case = f"output in {encoding}"
    tell("output after the work fails it", case, "printed, a minus as one")


def test_json_in_a_narrow_encoding_loses_no_sign(monkeypatch, tell):
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setitem(_mode, "json", True)
    answer({"value": SIGNS})
    out.flush()
    assert json.loads(out.buffer.getvalue()) == {"value": SIGNS}
    tell("output after the work fails it", "--json in cp1252", "every sign, escaped")


@pytest.mark.parametrize("where", ["failed", "not_reached"])
def test_a_build_that_failed_shows_no_old_answer(where, tmp_path, monkeypatch, capsys, tell):
    from ikm_pmi.cli.study import _answers

    chapter, other = "06_ikm_elasticity", "03_pmi_impact"
    for name in (chapter, other):
        (tmp_path / name).mkdir()
        text = (ROOT / "reference" / f"{name}.json").read_text(encoding="utf-8")
        (tmp_path / name / "result.json").write_text(text, encoding="utf-8")
    parts = {"failed": ((chapter, ChapterError("it failed")),), "not_reached": (chapter,)}
    done = {"ran": (), "unchanged": (), "failed": (), "not_reached": ()}
    monkeypatch.setenv("COLUMNS", "200")
    _answers(tmp_path, Build(**done | {where: parts[where]}))
    rows = [line for line in capsys.readouterr().out.splitlines() if "│" in line]
    own = [row for row in rows if "│ 06" in row]
    assert own
    assert all("not there" in row for row in own)
    assert any("│ 03" in row and "not there" not in row for row in rows)
    tell("output after the work fails it", f"a chapter that is {where}", "no number of before")


def test_a_taken_port_is_told_before_the_build(monkeypatch, tmp_path, tell):
    monkeypatch.setattr("ikm_pmi.share.site.build", lambda *_, **__: pytest.fail("built"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["site", "--serve", "--out", str(tmp_path / "s"), "--port"]
        error = CliRunner().invoke(app, [*words, str(taken.getsockname()[1])]).exception
    assert isinstance(error, OSError)
    told = FileError.of(error)
    assert "port" in told.summary
    assert "--port 0" in told.todo
    tell("output after the work fails it", "site --serve, the port taken", "told before the build")


@linux
@pytest.mark.parametrize("into", ["| head -c 0", "> /dev/full"])
def test_output_that_nobody_takes_is_no_traceback(into, tell):
    program = f"'{sys.executable}' -m ikm_pmi.cli parameters"
    if not (ROOT / "src/ikm_pmi/cli/__main__.py").is_file():
        program = f"'{sys.executable}' -c 'from ikm_pmi.cli import main; main()' parameters"
    done = subprocess.run(f"{program} {into}", shell=True, capture_output=True, text=True)  # noqa: S602 (our own words)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr, done.stderr
    tell("output after the work fails it", f"output {into}", "no traceback")


# 6 Errors of the system ------------------------------------------------------------------------

SAID = {
    "EADDRINUSE": "--port 0", "EMFILE": "ulimit -n", "ENFILE": "fewer --jobs",
    "ENOLCK": "local disk", "ENOSYS": "local disk", "EAGAIN": "ulimit -u", "ENOMEM": "fewer --jobs",
    "ENOSPC": "free some space", "EDQUOT": "quota", "EROFS": "another folder",
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_the_system_is_told_in_words(name, tell):
    number = getattr(errno, name)
    error = FileError.of(OSError(number, os.strerror(number)))
    assert SAID[name] in error.todo
    files = name in {"ENOSPC", "EDQUOT", "EROFS"}
    assert (error.summary == "a file cannot be read or written") == files
    assert all((error.expected, error.found, error.where))
    tell("errors of the system", name, f"{error.summary}; {error.todo}")


@linux
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_disk_without_locks_is_named(number, tmp_path, monkeypatch, tell):
    import fcntl

    def without(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", without)
    with pytest.raises(OSError, match=os.strerror(number)) as error, staging(tmp_path, "x"):
        pass
    assert FileError.of(error.value).found == os.strerror(number)
    tell("errors of the system", f"flock: {errno.errorcode[number]}", "an error in four parts")


@linux
@pytest.mark.parametrize("length", [90, 120, 200])
def test_a_long_tmpdir_starts_ordinary_kernels(length, tmp_path, monkeypatch, tell):
    folder = Path(tempfile.mkdtemp(dir=tmp_path)) / ("t" * length)
    folder.mkdir()
    monkeypatch.delenv(kernel_server.ADDRESS, raising=False)
    monkeypatch.setenv(kernel_server.SWITCH, "1")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    kernel_server.start(tmp_path)
    try:
        assert kernel_server.ADDRESS not in os.environ
        assert kernel_server.launch([], {}, ".") is None  # so an ordinary one is started
    finally:
        kernel_server.stop()
    assert not list(folder.iterdir())
    tell("errors of the system", f"TMPDIR longer by {length}", "ordinary kernels; nothing left")


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_more_open_files_are_asked_for(tell):
    code = (
        "import resource as r; hard = r.getrlimit(r.RLIMIT_NOFILE)[1];"
        "r.setrlimit(r.RLIMIT_NOFILE, (64, min(hard, 3000) if hard > 0 else 3000));"
        "from ikm_pmi.cli.app import _ready; _ready(); print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    soft, hard = done.stdout.split()
    assert soft == hard
    tell("errors of the system", "ulimit -Sn 64", "raised to what the session may have")


# 1 Settings of the user, beside tests/engine/test_shielded.py -------------------------------------


def test_a_user_whom_the_system_does_not_know_has_a_home_for_kernels(tmp_path, monkeypatch, tell):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    found = kernel_server.shielded(tmp_path / "work", tmp_path)
    assert found["HOME"] == str(tmp_path / "work")
    tell("the user's settings reach kernels", "no HOME and no passwd entry", "a home for the run")


CHILDREN = {
    "PYTEST_ADDOPTS": "--no-such-option",
    "PYTEST_PLUGINS": "no_such_plugin",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONIOENCODING": "ascii",
}


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_does_not_see_settings_for_other_work(name, monkeypatch, tell):
    from ikm_pmi.engine import child_process

    monkeypatch.setenv(name, CHILDREN[name])
    code = f"import os; print(repr(os.environ[{name!r}]), '−')"
    said, status = child_process.run([sys.executable, "-c", code], {}, lambda _: None)
    assert status == 0
    assert CHILDREN[name] not in said
    assert "−" in said
    case = f"{name}={CHILDREN[name]}"
    tell("the user's settings reach kernels", case, "verify and site do not see it")


# 7 Two readers of one table --------------------------------------------------------------------

BREAKS = {
    "U+2028": "\u2028", "U+2029": "\u2029", "U+0085": "\x85", "U+001C": "\x1c",
    "a vertical tab": "\x0b", "a form feed": "\x0c", "a carriage return": "\r",
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_row_ends_at_a_line_feed_alone(name, tmp_path, tell):
    case = project("pmi_headline", tmp_path / "a project")
    lines = case.content.decode().split("\n")
    row = lines[-3].replace("S&P Global", "S&P" + BREAKS[name] + "Global", 1)
    if row == lines[-3]:
        head, _, rest = row.rpartition(",")
        row = f"{head}{BREAKS[name]}x,{rest}"
    case.spoil("\n".join([*lines[:-3], row, *lines[-2:]]).encode())
    try:
        seal(case.root)
    except DataError:
        assert not check(case.root).ok
        outcome = "refused by name: not a sign of a table"
    else:
        known, key = load("pmi_headline", case.root), {"country_iso3": row[:3]}
        package = json.loads((case.root / RAW / "datapackage.json").read_text(encoding="utf-8"))
        last = known[known.country_iso3 == row[:3]].month.max()
        words = {"value": "50.1", "source": "S&P Global, release", "address": "", "settings": key}
        entry = Entry(period=str(last + 1), read_on=parse_date(None), force=True, **words)
        content = (case.root / RAW / "pmi_headline.csv").read_bytes()
        added = add_row(find_series(package, "pmi", key), entry, content)
        table = pd.read_csv(io.BytesIO(added.content), dtype=str, keep_default_na=False)
        assert len(table) == len(known) + 1
        own = table[table.country_iso3 == row[:3]].month.tolist()
        assert own == sorted(own)
        outcome = "one row for every reader; the next month comes after it"
    tell("two readers of one table", f"{name} in a cell", outcome)


OWN = {
    "a byte-order mark": ("\ufeffcountry_iso3,month,pmi\nIDN,2021-07,40.1\n", True),
    "sep=, above the header": ("sep=,\ncountry_iso3,month,pmi\nIDN,2021-07,40.1\n", True),
    "CRLF": ("country_iso3,month,pmi\r\nIDN,2021-07,40.1\r\n", True),
    "semicolons": ("country_iso3;month;pmi\nIDN;2021-07;40,1\n", "the file lacks a column"),
    "tabs": ("country_iso3\tmonth\tpmi\nIDN\t2021-07\t40.1\n", "the file lacks a column"),
    "another head": ("country,month,pmi\nIDN,2021-07,40.1\n", "the file lacks a column"),
    "a decimal comma": ('country_iso3,month,pmi\nIDN,2021-07,"40,1"\n', "a row of the file"),
}


@pytest.mark.parametrize("name", OWN)
def test_a_spreadsheets_csv_is_read_or_refused_by_its_columns(name, tmp_path, tell):
    text, expected = OWN[name]
    file = tmp_path / "own.csv"
    file.write_bytes(text.encode())
    package = json.loads((ROOT / RAW / "datapackage.json").read_text(encoding="utf-8"))
    entry = next(one for one in package["resources"] if one["name"] == "pmi_headline")
    if expected is True:
        assert [row["pmi"] for row in _given(file, entry, "pmi").values()] == ["40.1"]
        outcome = "read"
    else:
        with pytest.raises(DataError, match=expected) as error:
            _given(file, entry, "pmi")
        outcome = f"refused: {error.value.summary}"
    tell("two readers of one table", f"data use, {name}", outcome)


# 8 Formats narrower than the value -------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "said"),
    [(0.995, "99.5%"), (0.999, "99.9%"), (0.9995, "99.95%"), (0.975, "97.5%"), (0.57, "57%")],
)
def test_a_level_keeps_its_digits(level, said, tell):
    one = Estimate(
        name="a", value=1.0, unit="x", method="m", ci_low=0.0, ci_high=2.0, ci_level=level
    )
    assert f"({said} interval 0.00 to 2.00)" in one.sentence()
    assert percent(level) == said
    tell("a format is narrower than the value", f"a level of {level}", "every digit is printed")


PATTERNS = {
    "07 path=0.9": "YYYY-MM:value",
    "05 countries=Indonesia": "three capital letters.*such as '[A-Z]{3}'",
    "03 controls=Log": "such as 'lebaran",
    "10 quarter=x": "a quarter, such as '2021Q3'",
}


@pytest.mark.parametrize("given", PATTERNS)
def test_a_form_is_told_whole_and_with_an_example(given, tell):
    chapter, setting = given.split()
    with pytest.raises(ParameterError) as error:
        collect(parameters_for(chapter), [setting])
    assert re.search(PATTERNS[given], error.value.expected), error.value.expected
    assert not re.search(r"[\^$]|\[[A-Za-z0-9]-", error.value.expected)  # words, no pattern
    tell("a format is narrower than the value", given, "the form in words, and an example")


def test_every_form_has_its_words():
    rules = [model.model_json_schema()["properties"] for model in CHAPTERS.values()]
    fields = [field for chapter in rules for field in chapter.values()]
    patterns = {field.get("items", field).get("pattern") for field in fields} - {None}
    assert patterns == set(FORMS)


@pytest.mark.parametrize("known", [{}, {"a": 1}, dict.fromkeys(range(100))])
def test_what_there_is_is_told_even_if_it_is_nothing(known, tell):
    with pytest.raises(EstimationError) as error:
        named(known, "zzz", what="estimate")
    assert re.fullmatch(r"one of \S.*", error.value.expected)
    case = f"a name that is not there, of {len(known)}"
    tell("a format is narrower than the value", case, "what is there, or that nothing is")


# 9 Waiting without a word ----------------------------------------------------------------------


class Slow(http.server.BaseHTTPRequestHandler):
    """Sends a byte at a time, of the part of the answer that the path names."""

    def do_GET(self):
        whole = {
            "/status": b"HTTP/1.1 200 OK" + b" " * 400,
            "/head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 400,
            "/body": b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400,
            "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1\r\nx\r\n" * 70,
        }[self.path]
        try:
            for at in range(len(whole)):
                self.wfile.write(whole[at : at + 1])
                self.wfile.flush()
                time.sleep(0.02 if at > 15 else 0)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def slow(monkeypatch):
    for name, value in {"all_seconds": 0.3, "tries": 1}.items():
        monkeypatch.setattr(Limits, name, value)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("part", ["status", "head", "body", "chunks"])
def test_a_source_that_trickles_has_an_end(part, slow, tell):
    begun = time.monotonic()
    with pytest.raises(SourceError) as error:
        fetch(f"{slow}/{part}", source="a source")
    assert time.monotonic() - begun < 2
    assert error.value.found == "TimeoutError"
    tell(
        "waiting without a word", f"a source that trickles its {part}", "ended in the time allowed"
    )


REFUSED = {
    "no TLS behind https": ("https://127.0.0.1:{port}/", "SSLError", "certificate"),
    "nothing listens": ("http://127.0.0.1:{closed}/", "ConnectionError", "network"),
    "a proxy that is not there": ("https://127.0.0.1:{port}/", "ProxyError", "HTTPS_PROXY"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_why_a_source_cannot_be_reached_is_told(kind, slow, monkeypatch, tell):
    address, found, todo = REFUSED[kind]
    monkeypatch.setattr(Limits, "all_seconds", 20.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "" if "proxy" in kind else "127.0.0.1")
    if "proxy" in kind:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{closed}")
    with pytest.raises(SourceError) as error:
        fetch(address.format(port=slow.rpartition(":")[2], closed=closed), source="a source")
    assert (error.value.found, todo in error.value.todo) == (found, True), str(error.value)
    tell("errors of the system", kind, f"{found}, with the cause and the remedy")


DEEP = {
    "lists": b"[" * 200_000,
    "objects": b'{"a":' * 200_000,
    "lists in an object": b'{"status": "OK", "vervar": ' + b"[" * 200_000,
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_json_is_no_recursion_error(kind, tmp_path, tell):
    entry = {"variable": 1}
    with pytest.raises(SourceError):
        bps_cells(DEEP[kind], entry, [], {})
    (tmp_path / "manifest.json").write_bytes(DEEP[kind])
    assert manifest.read(tmp_path) == {"schema": 1, "results": {}}
    tell("waiting without a word", f"JSON of {kind}, 200,000 deep", "refused in four parts")


@pytest.mark.parametrize("entry", ["null", "[]", '{"a": null}', '{"a": {"files": []}}'])
def test_a_manifest_of_another_form_is_none(entry, tmp_path, tell):
    (tmp_path / "manifest.json").write_text(f'{{"schema": 1, "results": {entry}}}')
    assert manifest.read(tmp_path)["results"] == {}
    tell("the rest of the review", f"manifest.json, results: {entry}", "taken as none: run again")


# 10 The rest of the review ---------------------------------------------------------------------

ANSWER = {
    "status": "OK",
    "data-availability": "available",
    "vervar": [{"val": 31, "label": "DKI JAKARTA"}],
    "turvar": [{"val": 0, "label": "Tidak ada"}],
    "tahun": [{"val": 121, "label": "2021"}],
    "turtahun": [{"val": 0, "label": "Tahun"}],
}
ENTRY = {
    "variable": 7, "decimals": 0, "row": {}, "tahun": {"column": "year"},
    "vervar": {"names": "provinces", "column": "province"},
}  # fmt: skip
LACKING = {
    "no turtahun": (("turtahun",), "3170121"),
    "no turtahun, a zero in its place": (("turtahun",), "31701210"),
    "no turvar": (("turvar",), "3171210"),
    "neither": (("turvar", "turtahun"), "317121"),
}


@pytest.mark.parametrize("kind", LACKING)
def test_a_dimension_that_bps_leaves_out_is_not_used(kind, tell):
    gone, place = LACKING[kind]
    content = {key: value for key, value in ANSWER.items() if key not in gone}
    answer = json.dumps(content | {"datacontent": {place: 5}}).encode()
    found = bps_cells(answer, ENTRY, ["province", "year"], {"dkijakarta": "DKI Jakarta"})
    assert found == {("DKI Jakarta", "2021"): "5"}
    tell("the rest of the review", f"an answer of BPS with {kind}", "read")


WRONG = {
    "an unknown province": ("vervar", [{"val": 1, "label": "PAPUA LAMA"}], "other_names"),
    "a number for an item": ("vervar", [1], "documentation"),
    "an item without label": ("vervar", [{"val": 1}], "documentation"),
    "years that are null": ("tahun", None, "documentation"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_an_answer_of_another_layout_says_what_to_do(kind, tell):
    name, items, todo = WRONG[kind]
    answer = json.dumps(ANSWER | {name: items, "datacontent": {"1": 5}}).encode()
    with pytest.raises(SourceError) as error:
        bps_cells(answer, ENTRY, ["province", "year"], {"dkijakarta": "DKI Jakarta"})
    assert todo in error.value.todo
    tell("the rest of the review", f"an answer of BPS with {kind}", f"refused; points to {todo}")


@pytest.mark.parametrize("name", ["publish", "test"])
def test_workflows_run_what_is_named_by_commit_and_only_deploy_may_write(name, tell):
    text = (ROOT / f".github/workflows/{name}.yml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert content["permissions"] == {"contents": "read"}
    for job, one in content["jobs"].items():
        uses = [step["uses"] for step in one["steps"] if "uses" in step]
        assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", use) for use in uses)
        if "permissions" in one:
            assert job == "deploy"
            assert not any("run" in step for step in one["steps"])
    tell("the rest of the review", f"{name}.yml", "actions by commit; what may write runs no code")


def test_every_file_keeps_its_bytes_on_every_system(tell):
    rules = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    assert "\n* -text\n" in rules
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for words in (r"py -3.13 tools/setup.py test", r".venv\Scripts\ikm-pmi reproduce"):
        assert words in readme
    tell("the rest of the review", "a checkout with autocrlf", "no line end is converted")
