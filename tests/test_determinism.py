"""The same numbers with other threads, kernels of BLAS, hash seeds, folders, zones and locales."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ikm_pmi.data.package import find_root
from ikm_pmi.engine.reference import TOLERANCE

ROOT = find_root(Path(__file__))

# Nine digits: what another order of summation may move lies below.
SCRIPT = """
import locale, os
wanted = os.environ.get("LC_ALL", "C")
assert locale.setlocale(locale.LC_ALL, "") == wanted
from ikm_pmi.data import package
from ikm_pmi.jobs import elasticity
from ikm_pmi.pmi import counterfactual, cross_country, event_study, sample, synthetic
from ikm_pmi.parameters import (
    CounterfactualParameters, CrossCountryParameters, ElasticityParameters, ImpactParameters,
)

by_month, ahead = package.load("country_monthly"), CounterfactualParameters()
p = ImpactParameters()
results = [
    event_study.evaluate(sample.assemble(package.load_many(sample.TABLES), p), p.episodes, p),
    counterfactual.estimate(sample.wide_frame(by_month), ahead),
    synthetic.synthetic_control(by_month, ahead),
    cross_country.country_panel(by_month, CrossCountryParameters(draws=999)),
    elasticity.elasticity(package.load("imk_panel"), ElasticityParameters(draws=999)),
]
for result in results:
    for record in (*result.estimates, *result.tests):
        numbers = [v for v in record.to_dict().values() if isinstance(v, float)]
        print(record.name, *(f"{v:.9g}" for v in numbers))
"""


def numbers(cwd, threads, seed, **other):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    changed = dict.fromkeys(names, str(threads)) | {"PYTHONHASHSEED": str(seed)} | other
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env=os.environ | changed,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def locales(tmp_path_factory):
    """A folder with the locales of Indonesia and the United States, made here."""
    folder = tmp_path_factory.mktemp("locales")
    make = shutil.which("localedef")
    for name in ("id_ID", "en_US") if make else ():
        command = [make, "-i", name, "-f", "UTF-8", str(folder / f"{name}.UTF-8")]
        subprocess.run(command, capture_output=True, check=False)
    if len(list(folder.iterdir())) < 2:
        return {}  # localedef or its sources are not installed: locales are not tried
    return {"LOCPATH": str(folder)}


@pytest.fixture(scope="module")
def plain():
    return numbers(ROOT, 1, 1, LC_ALL="C", TZ="UTC")


# Maxima of a likelihood, found by search.
SEARCHED = ("counterfactual.ucm", "counterfactual.sarimax", "placebo_time.")


def agree(plain, other):
    """Nine digits, but six where a likelihood is searched; how many results moved within them."""
    assert len(other) == len(plain)
    moved = 0
    for here, there in zip(plain, other, strict=True):
        if not here.startswith(SEARCHED):
            assert here == there
            continue
        (name, *values), (again, *found) = here.split(" "), there.split(" ")
        assert name == again
        numbers_here, numbers_there = list(map(float, values)), list(map(float, found))
        assert numbers_there == pytest.approx(numbers_here, rel=TOLERANCE)
        moved += here != there
    return moved


def told(record, what, plain, moved):
    outcome = f"{len(plain)} results the same to nine digits"
    if moved:
        outcome += "; to six at least where a likelihood is searched"
    record("reliability", {"part": "numbers", "what": what, "times": 2, "outcome": outcome})


@pytest.mark.second
def test_threads_hash_seeds_folders_zones_and_locales_change_nothing(
    plain, locales, tmp_path, record_property
):
    assert len(plain) > 80
    own = {"LC_ALL": "id_ID.UTF-8" if locales else "C", "TZ": "Asia/Jakarta", **locales}
    moved = agree(plain, numbers(tmp_path, 2, 2, **own))
    told(record_property, "threads, hash seeds, folders, time zones, locales", plain, moved)


@pytest.mark.reliability
@pytest.mark.second
def test_another_kernel_of_the_linear_algebra_changes_nothing(plain, tmp_path, record_property):
    other = numbers(tmp_path, 1, 3, LC_ALL="C", OPENBLAS_CORETYPE="Nehalem")
    told(record_property, "kernels of OpenBLAS", plain, agree(plain, other))


@pytest.mark.reliability
@pytest.mark.second
def test_locales_and_time_zones_change_nothing(plain, locales, tmp_path, record_property):
    if not locales:
        pytest.skip("localedef or its sources are not installed: locales not tried")
    indonesian = numbers(tmp_path, 1, 4, LC_ALL="id_ID.UTF-8", TZ="Asia/Jakarta", **locales)
    assert indonesian == plain
    american = numbers(ROOT, 1, 5, LC_ALL="en_US.UTF-8", TZ="America/St_Johns", **locales)
    assert american == plain
    told(record_property, "locales id_ID and en_US, time zones, folders, hash seeds", plain, 0)
