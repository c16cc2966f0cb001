"""Every parameter of every chapter changed alone, and the chapter run with it.

Each value arrives in ``result.json`` or is refused before a kernel starts: none fails in a cell but
those of ``LIMITS``, where only the data tell, and the error what would do instead.
About half an hour of one processor, so only with ``--reliability`` (``make reliability``).
"""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ikm_pmi.engine import kernel_server
from ikm_pmi.engine.chapters import run
from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.study import CHAPTERS
from variations import CHEAP, every, others

ROOT = Path(__file__).parents[2]
FOUR_PARTS = ("Error: ", "\n    expected ", "\n    found ", "\n    what to do ")
#: Values that the data cannot carry.
LIMITS = {
    ("03_pmi_impact", "start_month"): ("2012-02", "2011-03"),  # no peers' PMI
    ("03_pmi_impact", "end_month"): ("2022-05",),  # a regressor moves in one placebo window alone
    ("03_pmi_impact", "after"): (12,),
    ("04_counterfactual", "max_change"): (0.0,),  # no donor tightened and eased by nothing
    ("04_counterfactual", "synthetic_start_month"): ("2020-01",),  # too few months before
    ("04_counterfactual", "minimum_pre_months"): (240,),
    ("04_counterfactual", "min_training"): (240,),
    ("04_counterfactual", "end_month"): ("2023-06", "2024-05"),  # no peer has a PMI in each month
    ("05_cross_country", "start_month"): ("2020-07",),  # too few months of each country
    ("05_cross_country", "end_month"): ("2021-06",),
    ("05_cross_country", "minimum_months"): (240,),
    ("06_ikm_elasticity", "weighting"): ("column",),  # for a panel of one's own that has one
    ("07_jobs_and_supply_chain", "intensity"): ("mobility",),  # ends before the path followed
    ("10_other_yardsticks", "quarter"): ("2021Q2",),  # no industry was shut in it
}


def pytest_generate_tests(metafunc):
    """All of it with ``--reliability``; else one test that says so."""
    pairs = every(CHAPTERS)
    if not metafunc.config.getoption("--reliability"):
        skip = pytest.mark.skip(reason="half an hour: only with --reliability (make reliability)")
        pairs = [pytest.param("every", "parameter", marks=skip)]
    metafunc.parametrize(("chapter", "name"), pairs)


@pytest.fixture(scope="module", autouse=True)
def _kernels_that_start_fast():
    kernel_server.start(ROOT)
    yield
    kernel_server.stop()


@pytest.mark.notebooks
def test_a_parameter_changed_alone(chapter, name, tmp_path, record_property):
    ends, refused, failed = Counter(), [], {}
    for value in others(CHAPTERS[chapter], name):
        given = CHEAP.get(chapter, {}) | {name: value}
        try:
            folder = run(chapter, given, root=ROOT, results_dir=tmp_path)
        except ParameterError as error:
            refused.append(error.expected)
            ends["refused by name before a kernel starts"] += 1
        except ChapterError as error:
            told = all(part in error.found for part in FOUR_PARTS)
            if told and value in LIMITS.get((chapter, name), ()):
                ends["more than the data carry: an error says what would do"] += 1
            else:
                failed[str(value)] = str(error)
                ends["failed in a cell"] += 1
        else:
            kept = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            assert kept["parameters"].items() >= given.items()
            ends["arrived in the result"] += 1
            shutil.rmtree(folder)
    for outcome, times in ends.items():
        entry = {"what": f"chapter {chapter[:2]}, one parameter changed", "times": times}
        record_property("reliability", entry | {"part": "parameters", "outcome": outcome})
    assert not failed
    assert ends["arrived in the result"]
    assert all(name in expected for expected in refused)
