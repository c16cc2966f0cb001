"""The same numbers with one and two threads of linear algebra, and with other hash seeds."""

import os
import subprocess
import sys

import pytest

# Nine digits: what another order of summation may move lies below.
SCRIPT = """
import json
from ikm_pmi.data import package
from ikm_pmi.models import counterfactual, cross_country, elasticity, impact, peers
from ikm_pmi.models import study, synthetic
from ikm_pmi.parameters import (
    CounterfactualParameters, CrossCountryParameters, ElasticityParameters, ImpactParameters,
)

countries, ahead = package.load("country_monthly"), CounterfactualParameters(draws=400)
p = ImpactParameters()
results = [
    impact.event_study(study.assemble(package.load_many(study.TABLES), p), p),
    counterfactual.estimate(peers.wide_frame(countries), ahead),
    synthetic.estimate(countries, ahead),
    cross_country.estimate(countries, CrossCountryParameters(draws=999)),
    elasticity.estimate(package.load("imk_panel"), ElasticityParameters(draws=999)),
]
for result in results:
    for record in (*result.estimates, *result.tests):
        numbers = [v for v in record.to_dict().values() if isinstance(v, float)]
        print(record.name, *(f"{v:.9g}" for v in numbers))
"""


def numbers(threads, seed):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    other = dict.fromkeys(names, str(threads)) | {"PYTHONHASHSEED": str(seed)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env=os.environ | other,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.second
def test_threads_and_hash_seeds_change_nothing():
    one, two = numbers(1, 1), numbers(2, 2)
    assert len(one) > 100
    assert one == two
