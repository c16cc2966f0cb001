"""The declared grid, and its specifications against one regression at a time."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ikm_pmi.engine.values import read_grids
from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import ElasticitySpecification, PmiSpecification, RobustnessParameters
from ikm_pmi.study import GRID
from ikm_pmi.trust.monte_carlo import ar1
from ikm_pmi.trust.multiverse import Grid, parse_grid
from ikm_pmi.trust.multiverse_elasticity import elasticity_curve
from ikm_pmi.trust.multiverse_pmi import (
    Columns,
    _blocks,
    dose_curve,
    event_curve,
    fitted,
    null_outcomes,
)
from ikm_pmi.trust.specification_curve import joint_tests

ROOT = Path(__file__).parents[2]
LOOP = runpy.run_path(str(ROOT / "benchmarks/multiverse.py"))
CONTENT = yaml.safe_load((ROOT / GRID).read_text(encoding="utf-8"))
PARAMETERS = RobustnessParameters(draws=199)


@pytest.fixture(scope="module")
def inputs():
    return LOOP["Inputs"]()


@pytest.fixture(scope="module")
def thinned():
    """The declared grids; of the codings of the dose every eighth, of provinces all, for time."""
    grids = read_grids(ROOT)
    for name, fork in (("dose", "coding"), ("elasticity", "provinces")):
        thin = {fork: grids[name].choices[fork][::8]}
        grids[name] = replace(grids[name], choices={**grids[name].choices, **thin})
    return grids


@pytest.fixture(scope="module")
def curves(inputs, thinned):
    return {
        "event": event_curve(inputs.tables, thinned["event"], PARAMETERS),
        "dose": dose_curve(inputs.tables, thinned["dose"], PARAMETERS),
        "elasticity": elasticity_curve(
            inputs.panel, inputs.deflators, thinned["elasticity"], PARAMETERS
        ),
    }


@pytest.mark.parametrize(
    ("curve", "chapter", "name"),
    [
        ("event", "03_pmi_impact", "pmi.ppkm_2021.mean"),
        ("dose", "03_pmi_impact", "pmi.dose.change"),
        ("elasticity", "06_ikm_elasticity", "elasticity.twfe"),
    ],
)
def test_the_first_specification_is_the_headline(curves, curve, chapter, name):
    content = json.loads((ROOT / "reference" / f"{chapter}.json").read_text(encoding="utf-8"))
    reference = next(e for e in content["estimates"] if e["name"] == name)
    first = curves[curve].specifications.iloc[0]
    assert first["estimate"] == pytest.approx(reference["value"], rel=1e-8)
    assert curves[curve]["headline"].value == first["estimate"]
    if curve != "event":  # chapter 03 ranks the event among windows, here among shifts
        assert first["std_error"] == pytest.approx(reference["std_error"], rel=1e-8)


def test_each_estimand_has_a_thousand_different_regressions(curves):
    for curve in curves.values():
        assert len(curve.specifications) >= 1000
        assert not curve.specifications.duplicated(list(curve.choices)).any()
        total = curve.shares["specifications"].groupby("choice").sum()
        assert (total == len(curve.specifications)).all()


@pytest.mark.second
@pytest.mark.parametrize(
    ("name", "error"),
    [("event", "std_error_ols"), ("dose", "std_error_newey_west"), ("elasticity", "std_error")],
)
def test_a_random_subset_equals_the_plain_statsmodels_loop(
    inputs, thinned, curves, name, error, tries
):
    rows = LOOP["sampled"](thinned[name], curves[name], times := tries(80, 40), seed=11)
    compared = 0
    for row, p in rows:
        value, se = LOOP[name](inputs, p)
        assert row["estimate"] == pytest.approx(value, abs=1e-10)
        if getattr(p, "outcome", "points") == "points":  # the loop's error is in log odds there
            assert row[error] == pytest.approx(se, abs=1e-8)
            compared += 1
    assert len(rows) == times
    assert compared >= times // 4


def test_effect_at_the_onset_is_the_effect_of_that_months_change(curves, inputs):
    table = curves["dose"].specifications
    headline = table.iloc[0]
    level = LOOP["sample"].assemble(inputs.tables, PmiSpecification())["level"]
    step = level["2021-07"] - level["2021-06"]
    assert headline["at_onset"] == pytest.approx(step * headline["estimate"], rel=1e-10)


PMI_GRIDS = {"event": ["outcome", "fieldwork"], "dose": ["outcome", "coding", "exposure", "peers"]}


@pytest.fixture(scope="module", params=sorted(PMI_GRIDS))
def linear(request, inputs, thinned):
    """Specifications in points as weights on the outcome (N, months), and what they share."""
    grid, kind = thinned[request.param], request.param
    chosen = dict(grid.choices) | {c: grid.choices[c][:1] for c in PMI_GRIDS[kind]}
    columns = Columns(inputs.tables)
    blocks = _blocks(kind, columns, Grid(name=kind, model=PmiSpecification, choices=chosen))[0]
    N = sum(len(block.places) for block in blocks)
    unit, weights = np.eye(len(columns.months)), np.empty((N, len(columns.months)))
    for fit in fitted(blocks, unit, 0.95):
        weights[fit.place] = fit.estimates
    return kind, columns, weights


def test_null_outcomes_are_the_pmi_and_its_residuals_elsewhere(linear):
    kind, columns, _ = linear
    p = PmiSpecification()
    outcomes = null_outcomes(kind, columns, p)
    pmi = columns("pmi", p)
    assert np.array_equal(outcomes[:, 0], pmi, equal_nan=True)
    moved = np.flatnonzero((outcomes[:, 1:] != pmi[:, None]).any(axis=1) & np.isfinite(pmi))
    assert len(moved) == outcomes.shape[1]  # as many shifts as months that are shifted
    W = np.column_stack([np.ones(len(moved)), *(columns(c, p)[moved] for c in p.controls)])
    expected = W @ np.linalg.lstsq(W, pmi[moved], rcond=None)[0]
    left = np.sort(outcomes[moved] - expected[:, None], axis=0)
    assert np.allclose(left, left[:, :1], atol=1e-9)


@pytest.mark.truth
@pytest.mark.parametrize("persistence", [0.67, 0.85])
def test_joint_tests_of_a_curve_keep_their_size(linear, persistence, tries):
    """Errors of one AR(1) month after month, no effect anywhere: five percent are rejected."""
    kind, columns, weights = linear
    p, rng = PmiSpecification(), np.random.default_rng(20210903)
    known = np.isfinite(columns("pmi", p))
    weights = np.nan_to_num(weights)
    rejected = []
    for _ in range(samples := tries(2000, 300)):
        made = np.full(len(known), np.nan)
        made[known] = 52 + ar1(rng, len(known), persistence, 2.0)[known]
        columns._made[columns.key("pmi", p)] = made
        null = np.nan_to_num(null_outcomes(kind, columns, p)).T @ weights.T
        rejected.append([t.p_value <= 0.05 for t in joint_tests(null, kind, "", 0.95)])
    share, error = np.mean(rejected, axis=0), np.sqrt(0.05 * 0.95 / samples)
    assert (share <= 0.07 + 2 * error).all()
    assert (share >= 0.03 - 2 * error).all()


def test_same_seed_same_curve(inputs, thinned, curves):
    again = elasticity_curve(inputs.panel, inputs.deflators, thinned["elasticity"], PARAMETERS)
    assert again.to_dict() == curves["elasticity"].to_dict()


def test_every_option_has_a_reason_and_the_first_is_the_default(thinned):
    for grid in thinned.values():
        assert grid.table()["reason"].str.len().min() > 10
        assert all(not options[0].sets for options in grid.choices.values())


def changed(**entry):
    good = {"name": "a", "reason": "as it is"}
    other = {"name": "b", "reason": "as it could be", "set": {"first_year": 2017}} | entry
    return {"choices": {"years": [good, other]}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed(set={"first_yaer": 2017}), "first_year"),
        (changed(set={"first_year": 1700}), "first_year"),
        (changed(reason=""), "reason"),
        (changed(name="a"), "different names"),
        ({"choices": {"years": [changed()["choices"]["years"][1]]}}, "first option"),
        (
            {"choices": {c: changed()["choices"]["years"] for c in ("one", "two")}},
            "one choice",
        ),
    ],
)
def test_a_faulty_grid_is_refused_by_name(content, words):
    with pytest.raises(ParameterError, match=words) as caught:
        parse_grid("elasticity", content, ElasticitySpecification)
    assert "elasticity." in caught.value.where


def test_an_assumed_number_without_a_range_is_refused():
    content = {**CONTENT["dose"], "assumed": dict(CONTENT["dose"]["assumed"])}
    del content["assumed"]["severity_psbb"]
    with pytest.raises(ParameterError, match="severity_psbb"):
        parse_grid("dose", content, PmiSpecification)


def test_a_missing_grid_file_says_where(tmp_path):
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/datapackage.json").write_text('{"name": "ikm-pmi-raw"}')
    with pytest.raises(ParameterError, match=r"multiverse\.yaml"):
        read_grids(tmp_path)


def test_the_title_says_share_of_signs_and_of_significance(curves):
    for curve in curves.values():
        same, found = curve["same_sign"].value, curve["significant"].value
        title = curve.headline()
        start = "All specifications agree" if same == 1 else f"{same:.1%} of specifications agree"
        assert title.startswith(start + " in sign, ")
        part = "all significant" if found == 1 else f"{found:.1%} significant with it"
        assert f", {part}; " in title
        assert curve.specifications["n"].dtype.kind == "i"
        assert isinstance(curve.duplicates, int)
    assert len({curve["same_sign"].value == 1 for curve in curves.values()}) == 2


def test_the_share_of_an_option_is_that_of_its_specifications(curves):
    for curve in curves.values():
        table = curve.specifications
        sign = np.sign(table["estimate"].median())
        for (choice, option), row in curve.shares[
            ["specifications", "same_sign", "significant"]
        ].iterrows():
            own = table[table[choice] == option]
            same = np.sign(own["estimate"]) == sign
            assert row["specifications"] == len(own)
            assert row["same_sign"] == pytest.approx(same.mean(), abs=1e-12)
            assert row["significant"] == pytest.approx(
                (same & own["significant"]).mean(), abs=1e-12
            )
