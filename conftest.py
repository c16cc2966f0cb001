"""Every pytest run writes results to a folder of its own, never into results/.

A test that tries something many times says so with ``record_property("reliability", {...})`` (keys
``part``, ``what``, ``times``, ``outcome``); ``--reliability FILE`` writes all of them as JSON, and
docs/reliability.md is made from that file.
"""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

if "IKM_PMI_RESULTS" not in os.environ:
    os.environ["IKM_PMI_RESULTS"] = tempfile.mkdtemp(prefix="ikm_pmi-")
    atexit.register(shutil.rmtree, os.environ["IKM_PMI_RESULTS"], ignore_errors=True)
# As in a run of a chapter: one thread, so that sums are added in the same order everywhere.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


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
    """Files of tests share a worker within tests/site: the site is built once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            whole = "tests/site/"
            return whole if nodeid.startswith(whole) else super()._split_scope(nodeid)

    return ByScope(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability", type=Path, help="write what was tried to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--reliability")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reliability(path))
