"""The set-up notices what is wrong, and its files are in step with pyproject.toml; no network."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def loaded(name):
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_tool", ROOT / f"tools/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool, setup = loaded("lock"), loaded("setup")
CONTENT = tool.project()
LOCKS = {name: (ROOT / name).read_text(encoding="utf-8") for name in tool.LAYERS}
LOCK = "".join(LOCKS.values())
PINNED = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))?", LOCK, re.MULTILINE)
PINNED_UV = next(version for name, version, _ in PINNED if name == "uv")
EXTRAS = CONTENT["project"]["optional-dependencies"]
DECLARED = tool.declared(CONTENT, *EXTRAS)


def test_environment_yml_is_generated():
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == tool.environment(CONTENT)


@pytest.mark.parametrize("name", LOCKS)
def test_lock_is_of_these_dependency_tables(name):
    assert f"{tool.STAMP}{tool.digest(CONTENT)}\n" in LOCKS[name], "stale: run make lock"


def test_set_up_installs_the_locks_there_are():
    assert [*setup.LOCKS.values()] == [*LOCKS]


@pytest.mark.parametrize(
    ("extras", "names"),
    [(("study", "site"), 1), (("study", "site", "test"), 2), ((*EXTRAS,), 3)],
    ids=["run", "test", "dev"],
)
def test_a_layer_and_those_before_it_hold_all_that_it_declares(extras, names):
    text = "".join([*LOCKS.values()][:names])
    for line in tool.declared(CONTENT, *extras):
        name = canonicalize_name(Requirement(line).name)
        assert re.search(rf"^{re.escape(name)}==", text, re.MULTILINE), name


def test_what_installs_the_package_itself_is_in_the_first_lock():
    for name in tool.TO_INSTALL:
        assert f"\n{name}==" in LOCKS["requirements.lock"]


def test_one_version_of_a_package_in_all_locks():
    versions = {}
    for name, version, marker in PINNED:
        if not marker:
            versions.setdefault(name, set()).add(version)
    assert [name for name, found in versions.items() if len(found) > 1] == []


# What README.md says: an Intel Mac lacks packages, every other platform has all.
def test_every_platform_that_is_promised_has_a_wheel_of_everything():
    table = json.loads((ROOT / tool.WHEELS).read_text(encoding="utf-8"))
    assert table["dependency tables"] == tool.digest(CONTENT), "stale: run make lock"
    lacking = table["packages without a wheel"]
    assert lacking.keys() == LOCKS.keys()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for platforms in lacking.values():
        assert platforms.keys() == tool.PLATFORMS.keys()
        for platform, by_python in platforms.items():
            assert by_python.keys() == set(tool.PYTHONS)
            whole = not any(by_python.values())
            assert whole == (platform != "macOS 12 x86_64"), (platform, by_python)
            assert (platform in readme) == whole


def test_wheels_that_fit_and_wheels_that_do_not():
    def made(*names, **more):
        return {"name": "a", "wheels": [{"url": f"x/a-1-{name}.whl"} for name in names], **more}

    linux, intel = "Linux x86_64, glibc 2.28", "macOS 12 x86_64"
    every, abi = made("py3-none-any"), made("cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64")
    new, source = made("cp311-cp311-manylinux_2_34_x86_64", "cp312-cp312-win_amd64"), made()
    elsewhere = made(marker="sys_platform == 'win32'")
    assert [*tool._without([every, abi, elsewhere], "3.11", linux)] == []
    assert [*tool._without([abi], "3.11", intel)] == ["a"]
    for packages in ([new], [source]):
        assert [*tool._without(packages, "3.11", linux)] == ["a"]
    assert [*tool._without([elsewhere], "3.11", "Windows x64")] == ["a"]


@pytest.mark.parametrize("text", [*DECLARED, *CONTENT["build-system"]["requires"]])
def test_every_declared_requirement_is_locked(text):
    wanted = Requirement(text)
    versions = [v for name, v, _ in PINNED if name == canonicalize_name(wanted.name)]
    assert versions
    assert all(Version(version) in wanted.specifier for version in versions)


def test_every_locked_file_has_a_hash_and_every_marker_is_valid():
    for block in re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block
    for _, _, marker in PINNED:
        assert not marker or Marker(marker.strip())


def test_lock_names_no_index():
    for text in (LOCK, (ROOT / "environment.yml").read_text(encoding="utf-8")):
        assert not re.search(r"://|--(extra-)?index|--find-links|--trusted", text)


# Setting up --------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="stand-ins for programs are scripts")
PYTHON = """#!/bin/sh
case "$*" in
  *config*) echo "global.index-url='https://mirror.example/simple'" ;;
  *) echo "3.11.7 in /usr" ;;
esac
"""
UV = """#!/bin/sh
echo "$UV_DEFAULT_INDEX $*" >> "$0.log"
case "$*" in --version) echo "uv {version}" ;; *) {does} ;; esac
"""


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project whose environment is set up, its programs stand-ins."""
    root = tmp_path / "a study"
    script(root / ".venv/bin/python", PYTHON)
    script(root / ".venv/bin/uv", UV.format(version=PINNED_UV, does="true"))
    for name in (*setup.LOCKS.values(), "pyproject.toml"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    packages = root / ".venv/lib/python3.11/site-packages"
    for name in ("one", "two"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("x = 1\n")
        (packages / f"{name}-1.0.dist-info").mkdir()
        record = f"{name}/__init__.py,sha256=x,6\n{name}-1.0.dist-info/RECORD,,\n"
        (packages / f"{name}-1.0.dist-info/RECORD").write_text(record)
    monkeypatch.setattr(setup, "ROOT", root)
    monkeypatch.setattr(setup, "VENV", root / ".venv")
    setup.write(root / ".venv", setup.stamp(root, root / ".venv", "run"))
    return root


@pytest.fixture
def done(monkeypatch):
    """What was done to an environment: created, a layer installed."""
    told = []

    def create(venv):
        told.append("created")
        script(venv / "bin/python", PYTHON)

    monkeypatch.setattr(setup, "create", create)
    monkeypatch.setattr(setup, "install", lambda _, layer: told.append(layer))
    return told


ONE = ".venv/lib/python3.11/site-packages/one/__init__.py"
DAMAGES = {
    "none": (lambda _: None, "", []),
    "a file is gone": (lambda root: (root / ONE).unlink(), "missing of one-1.0", ["run"]),
    "a file is cut": (lambda root: (root / ONE).write_text("x"), "missing of one-1.0", ["run"]),
    "Python was upgraded": (
        lambda root: script(root / ".venv/bin/python", PYTHON.replace("3.11.7", "3.11.9")),
        "was 3.11.7 in /usr and is 3.11.9 in /usr",
        ["created", "run"],
    ),
    "Python is gone": (
        lambda root: (root / ".venv/bin/python").unlink(),
        "was 3.11.7 in /usr and is gone",
        ["created", "run"],
    ),
    "another lock": (
        lambda root: (root / "requirements.lock").write_text("uv==1.0\n"),
        "packages are to be installed",
        ["run"],
    ),
    "interrupted": (
        lambda root: setup.write(root / ".venv", {k: setup.known(root / ".venv")[k] for k in HERE}),
        "packages are to be installed",
        ["run"],
    ),
    "a stamp of another kind": (
        lambda root: (root / ".venv/.ready").write_text("3.11.7\n"),
        "none that was made here",
        ["created", "run"],
    ),
    "no environment": (
        lambda root: (root / ".venv/.ready").unlink(),
        "none that was made here",
        ["created", "run"],
    ),
}
HERE = ("folder", "python")


@posix
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_is_noticed_and_set_up_again(damage, root, done, capsys):
    spoil, reason, again = DAMAGES[damage]
    spoil(root)
    setup.main("run")
    assert done == again
    said = capsys.readouterr().out
    assert (reason in said) if reason else said == ""
    # A package that lacks a file is not taken for installed.
    assert ("one-1.0" in reason) != (root / ONE).parents[1].joinpath("one-1.0.dist-info").exists()
    setup.main("run")
    assert done == again


@posix
def test_a_folder_that_was_moved_is_set_up_anew(root, done, monkeypatch, capsys):
    there = root.rename(root.with_name("elsewhere"))
    monkeypatch.setattr(setup, "ROOT", there)
    monkeypatch.setattr(setup, "VENV", there / ".venv")
    setup.main("run")
    assert done == ["created", "run"]
    assert "folder was moved" in capsys.readouterr().out
    assert setup.why(there, there / ".venv", "run") == ""


@posix
@pytest.mark.parametrize("locale", ["C", "no_SUCH.UTF-8", "tr_TR.ISO-8859-9"])
def test_a_folder_with_an_umlaut_is_found_in_any_locale(locale, tmp_path, record_property):
    root = tmp_path / "Ökonomie ﬁ"
    (root / "src/ikm_pmi").mkdir(parents=True)
    (root / "src/ikm_pmi/__init__.py").write_text("")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    [packages] = (root / ".venv").glob(setup.PACKAGES)
    (packages / "_ikm_pmi.pth").write_text(str(root / "src"), encoding="utf-8")
    setup.find_by_plain_path(root / ".venv")
    code = "import ikm_pmi; print(ascii(ikm_pmi.__file__))"
    own = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [root / ".venv/bin/python", "-c", code], env=own | {"LC_ALL": locale}, capture_output=True
    )
    assert b"__init__.py" in done.stdout, done.stderr
    entry = {"part": "everyday", "what": "places and machines", "times": 1}
    case = f"a folder 'Ökonomie ﬁ' under LC_ALL={locale}"
    record_property("reliability", entry | {"case": case, "outcome": "the environment starts"})


@pytest.fixture
def asked(monkeypatch):
    """What pip was asked to install."""
    told = []
    monkeypatch.setattr(setup, "pip", lambda _python, what, _total=0: told.append(what) or [])
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX_URL", raising=False)
    return told


@posix
def test_uv_installs_what_is_locked_from_the_index_of_pip(root, asked):
    setup.install(root / ".venv", "run")
    locked, own = (root / ".venv/bin/uv.log").read_text().splitlines()[2:]
    for needed in ("https://mirror.example/simple pip install", "--require-hashes", "--no-deps"):
        assert needed in locked
    assert "--only-binary :all:" in locked
    assert locked.endswith("-r requirements.lock")
    assert own.endswith("--no-build-isolation -e .")
    assert asked == []


@posix
@pytest.mark.parametrize("fault", ["uv fails", "uv cannot be had", "another uv"])
def test_pip_brings_uv_and_stands_in_for_it(root, asked, fault, capsys):
    program, pinned = root / ".venv/bin/uv", PINNED_UV
    if fault == "uv fails":
        script(program, UV.format(version=pinned, does="echo no such index; exit 2"))
    elif fault == "uv cannot be had":
        program.unlink()
    else:
        script(program, UV.format(version="0.0.1", does="true"))
    setup.install(root / ".venv", "run")
    brought = [what for what in asked if what[-1].endswith("uv.lock")]
    assert len(brought) == (fault != "uv fails")
    rest = [what[-1] for what in asked if what not in brought]
    assert rest == ([] if fault == "another uv" else ["requirements.lock", "."])
    assert all("--require-hashes" in what for what in asked if what[-1] != ".")
    assert ("uv cannot install here: " in capsys.readouterr().out) == (fault != "another uv")
