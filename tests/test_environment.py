"""The generated environment files are in step with pyproject.toml; no network needed."""

import importlib.util
import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
_spec = importlib.util.spec_from_file_location("lock", ROOT / "tools/lock.py")
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)

CONTENT = tool.project()
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINNED = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))?", LOCK, re.MULTILINE)
DECLARED = tool.declared(CONTENT, *CONTENT["project"]["optional-dependencies"])


def test_environment_yml_is_generated():
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == tool.environment(CONTENT)


def test_lock_is_of_these_dependency_tables():
    assert f"{tool.STAMP}{tool.digest(CONTENT)}\n" in LOCK, "stale: run make lock"


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
