"""Every pytest run writes results to a folder of its own, never into results/.

A test that tries something many times says so with ``record_property("reliability", {...})`` (keys
``part``, ``what``, ``times``, ``outcome``); ``--reliability FILE`` writes all of them as JSON, and
docs/reliability.md is made from that file. Tests marked ``reliability`` (tests/sample.py) and what
``tries`` (tests/conftest.py) makes more of are of a kind that is sampled otherwise.

With ``--nbval`` a chapter is executed once: the numbers that its cells publish are held against
reference/ after them, and the tests that compute chapters in this process are left out.
"""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ikm_pmi.engine import kernel_server
from ikm_pmi.engine.chapters import kernel_settings
from ikm_pmi.engine.reference import _numbers

OWN = "IKM_PMI_RESULTS" not in os.environ  # else a run, such as verify, compares by itself
if OWN:
    os.environ["IKM_PMI_RESULTS"] = tempfile.mkdtemp(prefix="ikm_pmi-")
    atexit.register(shutil.rmtree, os.environ["IKM_PMI_RESULTS"], ignore_errors=True)
# nbval's kernels, too, are kept from the user's own IPython and matplotlib settings.
ROOT, RESULTS = Path(__file__).parent, Path(os.environ["IKM_PMI_RESULTS"])
os.environ.update(kernel_server.shielded(RESULTS, ROOT))
if OWN:  # python3 is this interpreter, whatever the user has installed under that name
    os.environ["JUPYTER_PATH"] = kernel_settings(RESULTS, ROOT)["JUPYTER_PATH"]
# As in a run of a chapter: one thread, so that sums are added in the same order everywhere.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


#: What takes longest is begun first, so that no worker is idle at the end.
LONG = (
    *("tests/share/site/", "tests/reliability/test_faults_kill", "notebooks/09", "tests/docs/"),
    *("tests/reliability/test_faults.py", "tests/lab/", "tests/engine/test_fast_kernel"),
    *("tests/reliability/test_bad_input", "tests/notebooks/", "notebooks/", "tests/reliability/"),
    *("tests/test_determinism", "tests/test_path_of_a_number", "tests/engine/", "tests/share/"),
)
#: Their tests have something in common that takes time.
TOGETHER = {
    "tests/share/site/": "site",
    **dict.fromkeys(("tests/reliability/test_faults", "tests/reliability/test_verify"), "study"),
}
#: Their tests have nothing in common that takes time.
APART = ("tests/docs/", "tests/lab/", "tests/notebooks/")


class Reliability:
    """Collects what tests tried, on the process that hears of all of them (pytest-xdist too)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tried: list[dict[str, object]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            where = {"test": report.nodeid, "passed": report.passed}
            self.tried += [
                where | value for key, value in report.user_properties if key == "reliability"
            ]

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.tried, indent=1) + "\n", encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """The tests of a file share a worker, as do those of one site, and those of one study."""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(APART):
                return nodeid
            whole = [place for place in TOGETHER if nodeid.startswith(place)]
            return TOGETHER[whole[0]] if whole else super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # the order is that of LONG

    return ByScope(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist finds the results folder of the process that started it."""
    node.workerinput["own"] = OWN


class Numbers(pytest.Item):
    """After the cells of a chapter: what they published are the numbers of reference/."""

    def runtest(self) -> None:
        found = _numbers(ROOT, RESULTS, self.path.stem)
        if found:
            pytest.fail("\n".join(map(str, found)), pytrace=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Samples are samples, and chapters that nbval executes are not computed a second time."""
    left_out = set() if config.getoption("--reliability") else {"reliability"}
    chapters = {item.path: item for item in items if item.path.suffix == ".ipynb"}
    if chapters and getattr(config, "workerinput", {"own": OWN})["own"]:
        left_out |= {"without_nbval"}
        for cell in chapters.values():  # of one scope with its cells: on their worker, after them
            scope = cell.nodeid.rpartition("::")[0]
            items.append(
                Numbers.from_parent(cell.parent, name="numbers", nodeid=f"{scope}::numbers")
            )
    again = [item for item in items if left_out & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=again)
    gone = set(again)
    kept = [item for item in items if item not in gone]
    order = {item: [item.nodeid.startswith(one) for one in LONG] + [True] for item in kept}
    items[:] = sorted(kept, key=lambda item: order[item].index(True))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability", type=Path, help="write what was tried to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    """Many tests: their kernels are forked from one process with the imports done."""
    if OWN and (config.getoption("nbval", False) or config.getoption("numprocesses", None)):
        kernel_server.start(ROOT)
    path = config.getoption("--reliability")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reliability(path))
