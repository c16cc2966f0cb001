"""The front door: few names, each loaded when used, each with an example that runs."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ikm_pmi as ikm

ROOT = Path(__file__).parents[1]
MODULES = {path.stem for path in (ROOT / "src/ikm_pmi").iterdir()}


def test_few_names_and_completion_shows_them_and_nothing_else():
    assert len(ikm.__all__) <= 30
    assert sorted(ikm.__all__) == ikm.__all__
    assert set(dir(ikm)) == {*ikm.__all__, "__version__"}
    assert ikm._ROOMS.keys() == set(ikm.__all__) - {"IkmPmiError"}


def test_no_name_is_a_submodules():
    """Else the second use would find the module."""
    assert not set(ikm.__all__) & MODULES


@pytest.mark.parametrize("name", ikm.__all__)
def test_a_name_is_what_its_room_calls_so(name):
    found = getattr(ikm, name)
    room = ikm._ROOMS.get(name, "errors")
    assert found is getattr(importlib.import_module(f"ikm_pmi.{room}"), name)


@pytest.mark.parametrize("name", ikm.__all__)
def test_each_has_an_example_that_runs(name, monkeypatch, tmp_path):
    monkeypatch.setenv("IKM_PMI_RESULTS", str(tmp_path))
    found = getattr(ikm, name)
    names = dict(vars(sys.modules[found.__module__]))
    examples = [
        test
        for test in doctest.DocTestFinder(recurse=False).find(found, name, globs=names)
        if test.examples
    ]
    assert examples, f"ikm.{name} has no example"
    outcome = doctest.DocTestRunner().run(examples[0])
    assert outcome.failed == 0


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'evnt_study'"):
        _ = ikm.evnt_study


def test_the_import_brings_no_library():
    code = "import sys, ikm_pmi; dir(ikm_pmi); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "numpy", "pydantic", "statsmodels"} & set(done.stdout.split())
