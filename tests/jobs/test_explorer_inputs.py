"""Whoever repeats chapter 07's arithmetic on what the explorer hands over gets its numbers."""

import json
from pathlib import Path

import pytest

from ikm_pmi.jobs import chain, links
from ikm_pmi.jobs.explorer import LENGTH, MEASURES, explorer_inputs
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.pmi import sample
from ikm_pmi.share.site import explorer_tables

ROOT = Path(__file__).parents[2]
DEFAULT = JobsParameters()


@pytest.fixture(scope="module")
def made():
    return explorer_tables(ROOT)


@pytest.fixture(scope="module")
def values(made):
    return explorer_inputs(*made)


def test_its_start_is_the_headline_of_the_chapter(made, values):
    e = chain.chain_rows(made[1], DEFAULT)["chain.workers"]
    start = values["start"]
    picked = [values["gap"], values["bridges"][start["bridge"]],
              values["elasticities"][start["elasticity"]]]  # fmt: skip
    names = ("gap", "bridge", "elasticity")
    drawn, point = values["workers"] / 1200, values["workers"] / 1200
    for name, (value, sd) in zip(names, picked, strict=True):
        drawn, point = drawn * links.Link(name, value, sd).values(), point * value
    value, low, high = values["pass_through"]
    drawn = drawn * links.Link("pass_through", value, span=(low, high)).values()
    again = links.with_interval(e, drawn, values["level"])
    assert point * value == pytest.approx(e.value, rel=1e-12)
    assert (again.ci_low, again.ci_high) == pytest.approx((e.ci_low, e.ci_high), rel=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_path_is_that_of_the_dose_response(made, values, measure):
    own = values["measures"][measure]
    frame = sample.assemble(made[0], DEFAULT.impact())
    path = [f"{month}:{0.1 * k + 0.2:.1f}" for k, month in enumerate(values["months"][:5])]
    parameters = JobsParameters(path=path, intensity=measure)
    link = links.Link.estimated("gap", chain.dose_gap(frame, parameters))
    d = [float(entry.split(":")[1]) - own["reference"] for entry in path]
    before = [0.0, *d[:-1]]
    change = [now - then for now, then in zip(d, before, strict=True)]
    w = [sum(x for x in change if x > 0), sum(x for x in change if x < 0), sum(before)]
    total = sum(a * b for a, b in zip(w, own["coefficients"], strict=True))
    variance = sum(w[i] * own["covariance"][i][j] * w[j] for i in range(3) for j in range(3))
    assert (total, variance**0.5) == pytest.approx((link.value, link.sd), rel=1e-6)


def test_it_is_small_and_safe_for_json(values):
    assert len(values["months"]) == LENGTH
    assert {len(one["path"]) for one in values["measures"].values()} == {LENGTH}
    assert len(json.dumps(values, allow_nan=False)) < 10_000
