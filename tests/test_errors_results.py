import json
import pickle
import pkgutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikm_pmi.errors import DataError, EstimationError, ParameterError
from ikm_pmi.results import (
    ChapterResult,
    Estimate,
    Findings,
    JsonSafe,
    TestResult,
    number,
    records_table,
)


def estimate(**changes):
    base = {"name": "pmi.x", "value": -11.25, "unit": "points", "method": "OLS"}
    return Estimate(**(base | changes))


def test_an_error_shows_its_four_parts_in_order():
    error = DataError("broken", expected="a", found="b", where="c", todo="d")
    assert str(error).splitlines() == [
        "broken",
        "  expected   a",
        "  found      b",
        "  where      c",
        "  what to do d",
    ]


def test_an_error_survives_the_way_back_from_a_worker():
    error = ParameterError("broken", expected="a", found="b", where="c", todo="d")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    assert type(again) is ParameterError
    assert str(again) == str(error)
    assert again.exit_status == 2


@pytest.mark.parametrize("field", ["value", "std_error", "ci_low", "p_value"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(field, bad):
    with pytest.raises(EstimationError, match=field):
        estimate(**{field: bad})


def test_what_does_not_apply_is_null_in_json():
    text = json.dumps(estimate().to_dict(), allow_nan=False)
    assert json.loads(text)["std_error"] is None


@dataclass(frozen=True)
class Everything(Findings):
    frame: pd.DataFrame
    by_month: pd.Series
    ends: tuple


@dataclass(frozen=True)
class Derived(JsonSafe):
    values: np.ndarray

    @property
    def estimates(self):
        return tuple(estimate(name=f"pmi.{i}", value=v) for i, v in enumerate(self.values))


def test_a_result_says_all_it_holds_in_json():
    months = pd.period_range("2021-07", periods=2, freq="M", name="month")
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", "y"]}, index=months)
    whole = Everything(
        estimates=(estimate(detail={"n_by": np.array([1, 2])}),),
        frame=frame,
        by_month=frame["a"],
        ends=((None, np.float64(2.5)), (months[0], np.inf)),
    )
    said = json.loads(json.dumps(whole.to_dict(), allow_nan=False))
    assert list(said) == ["estimates", "tests", "notes", "frame", "by_month", "ends"]
    assert said["estimates"] == [whole.estimates[0].to_dict()]
    assert said["estimates"][0]["n_by"] == [1, 2]
    assert said["frame"] == {
        "index": ["2021-07", "2021-08"],
        "columns": ["a", "b"],
        "data": [[1, "x"], [None, "y"]],
    }
    assert said["by_month"] == {"2021-07": 1.0, "2021-08": None}
    assert said["ends"] == [[None, 2.5], ["2021-07", None]]
    derived = Derived(np.array([1.5, 2.5]))
    assert [e["value"] for e in derived.to_dict()["estimates"]] == derived.to_dict()["values"]


def test_the_sentence_holds_number_unit_interval_and_sample():
    sentence = estimate(ci_low=-13.0, ci_high=-9.5, ci_level=0.95, n=132).sentence()
    assert sentence == "pmi.x: −11.25 points (95% interval −13.00 to −9.50), n = 132; OLS."


def test_details_are_part_of_the_record_and_the_table():
    frame = records_table([estimate(detail={"minimum_p": 0.02}), estimate(name="pmi.y")])
    assert list(frame["name"]) == ["pmi.x", "pmi.y"]
    assert frame.loc[0, "minimum_p"] == 0.02


def test_a_test_states_its_null_and_its_smallest_p():
    test = TestResult(
        name="t",
        null="no effect",
        statistic=2.0,
        p_value=0.04,
        distribution="ranks",
        minimum_p=0.02,
    )
    assert test.sentence() == "H0 “no effect”: p = 0.040 (smallest attainable 0.02), ranks."
    tiny = replace(test, p_value=0.0001)
    assert "p < 0.001 (" in tiny.sentence()


def test_two_results_of_one_name_are_refused():
    with pytest.raises(EstimationError, match="used twice"):
        ChapterResult(
            chapter="03_pmi_impact", parameters={}, estimates=(estimate(), estimate()), seed=1
        )


@pytest.mark.property
@given(st.floats(-1e12, 1e12), st.integers(0, 6))
def test_a_printed_number_reads_back_to_its_digits(value, digits):
    text = number(value, digits)
    back = float(text.replace("−", "-").replace(",", ""))
    assert abs(back - value) <= 0.5 * 10.0**-digits * (1 + 1e-9) + 1e-9 * abs(value)
    assert not text.startswith("-")
    assert text.strip("0.,") != "−"


def test_every_result_is_shown_by_a_sentence_and_a_small_table():
    many = tuple(
        Estimate(name=f"pmi.ppkm_2021.x{i}", value=1.0 * i, unit="points", method="m", ci_low=0.0)
        for i in range(200)
    )
    found = Findings(estimates=many)
    assert len(repr(found)) < 1500
    assert repr(found) == found.sentence()
    shown = found._repr_html_()
    assert "<strong>PPKM 2021, x0: 0.00 points; m.</strong>" in shown
    assert "PMI, PPKM 2021, x3 (points)" in shown
    assert "0.00 to ∞" in shown
    assert shown.count("<tr") <= 13


def test_no_result_of_the_library_prints_its_arrays():
    """A dataclass would write every field into its repr: screens of arrays in a cell."""
    import importlib
    import pkgutil

    import ikm_pmi

    for found in pkgutil.walk_packages(ikm_pmi.__path__, "ikm_pmi."):
        if found.name.split(".")[1] in {"pmi", "jobs", "trust", "inference"}:
            importlib.import_module(found.name)
    todo = [Findings]
    while todo:
        kind = todo.pop()
        assert kind.__repr__ is Findings.__repr__, kind
        todo += kind.__subclasses__()


def test_a_notebook_shows_the_four_parts_and_no_line_of_the_library():
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import ikm_pmi as ikm\\nikm.settings('3')")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    assert "ParameterError: no chapter is called '3'" in said
    assert "what to do" in said
    assert "study.py" not in said


REFERENCE = sorted((Path(__file__).parents[1] / "reference").glob("[0-9]*.json"))
SCHEMA = json.loads(pkgutil.get_data("ikm_pmi", "result.schema.json"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_every_result_is_as_its_schema_says(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    content["versions"] = {"python": "3", "ikm-pmi": "0"}
    assert [error.message for error in VALIDATOR.iter_errors(content)] == []
    assert {*content} == {*SCHEMA["properties"]} == {*SCHEMA["required"]}


def test_what_is_no_result_is_seen_by_the_schema():
    content = json.loads(REFERENCE[0].read_text(encoding="utf-8"))
    content["versions"] = {"python": "3", "ikm-pmi": "0"}
    for spoil in (
        lambda r: r.pop("seed"),
        lambda r: r["estimates"][0].update(value="4"),
        lambda r: r["estimates"][0].pop("p_value"),
        lambda r: r["estimates"][0].update(p_value=1.5),
        lambda r: r["data"].update(x="sha256:0"),
        lambda r: r.update(more=1),
    ):
        spoilt = json.loads(json.dumps(content))
        spoil(spoilt)
        assert not VALIDATOR.is_valid(spoilt)
