"""A fresh clone sets itself up and runs the whole study, with any Python, place and settings."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from small import ROOT

#: What is set besides; a locale may be one that is not installed.
SETTINGS = {
    "3.11": {"LC_ALL": "tr_TR.UTF-8"},
    "3.12": {"LC_ALL": "tr_TR.ISO-8859-9"},
    "3.13": {"LC_ALL": "C", "PYTHONIOENCODING": "cp1252"},
    "3.14": {"LC_ALL": "C"},
}
STRANGER = 54321  # a user without an entry in the list of users


def works(command, **more):
    try:
        return subprocess.run(command, capture_output=True, **more).returncode == 0
    except OSError:
        return False


def interpreter(version):
    """A Python of this version that can make environments, or None."""
    own = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    found = [Path(f"/usr/bin/python{version}"), *own, shutil.which(f"python{version}")]
    check = f"import ensurepip, sys; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
    return next((str(one) for one in found if one and works([str(one), "-c", check])), None)


@pytest.mark.reliability
@pytest.mark.skipif(sys.platform != "linux", reason="users and folders as on Linux")
@pytest.mark.parametrize("version", SETTINGS)
def test_a_fresh_clone_runs_the_study(version, record_property):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    base = Path(tempfile.mkdtemp(prefix="ikm_pmi-clone-"))
    try:
        root, home, scratch = base / 'it\'s ü "x"', base / "home", base / ("t" * 120)
        subprocess.run([shutil.which("git"), "clone", "-q", str(ROOT), str(root)], check=True)
        home.mkdir(mode=0o555)
        scratch.mkdir(mode=0o777)
        more, who = {}, "root, "
        if os.geteuid() == 0 and works([python, "-c", ""], user=STRANGER, group=STRANGER):
            for folder in (base, scratch):
                folder.chmod(0o777)
            for path in (root, *root.rglob("*")):
                shutil.chown(path, STRANGER, STRANGER)
            more = {"user": STRANGER, "group": STRANGER, "extra_groups": []}
            who = "no entry in the list of users, a home that cannot be written, "
        own = {k: v for k, v in os.environ.items() if not k.startswith(("IKM_PMI", "PYTHON"))}
        own |= {"HOME": str(home), "TMPDIR": str(scratch), **SETTINGS[version]}
        command = ["make", f"PYTHON={python}", "reproduce"]
        done = subprocess.run(
            command, cwd=root, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more
        )
        said = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0, said
        assert "Nothing moved since the last run, to the digits printed." in said
        assert list(scratch.iterdir()) == []
    finally:
        shutil.rmtree(base, ignore_errors=True)
    settings = ", ".join(f"{name}={text}" for name, text in SETTINGS[version].items())
    case = f"Python {version}: a fresh clone in a folder with space, quotes and umlaut, {who}"
    case += f"TMPDIR of 120 characters and more, {settings}"
    entry = {"part": "everyday", "what": "places and machines", "case": case, "times": 1}
    record_property("reliability", entry | {"outcome": "set up; no number moved"})
