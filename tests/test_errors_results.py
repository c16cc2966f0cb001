import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikm_pmi.errors import DataError, EstimationError, ParameterError
from ikm_pmi.results import ChapterResult, Estimate, TestResult, number, records_table


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
