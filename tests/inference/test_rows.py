"""Rows that do not belong together, or months out of order, are refused at every door."""

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.conformal import conformal_by_shifts
from ikm_pmi.inference.har import METHODS, har_fits
from ikm_pmi.inference.regression import check_rows
from ikm_pmi.inference.sensitivity import benchmarks
from ikm_pmi.inference.shift import shift_in_time
from ikm_pmi.inference.windows import end_of_sample, leave_window_out
from ikm_pmi.pmi.state_space import fit

T = 60
MONTHS = pd.period_range("2015-01", periods=T, freq="M")
TREATED = np.arange(T) >= T - 2


def world(index=MONTHS):
    """An outcome that answers to x with a slope of two."""
    rng = np.random.default_rng(4)
    x = np.sin(np.arange(T)) + 0.2 * rng.standard_normal(T)
    X = pd.DataFrame({"const": 1.0, "x": x}, index)
    return pd.Series(2 * x + 0.1 * rng.standard_normal(T), index), X


DOORS = {
    **{m: lambda y, X, m=m: har_fits(y, X, methods=[m]) for m in METHODS},
    "shift": lambda y, X: shift_in_time(y, X, "x"),
    "placebo": lambda y, X: leave_window_out(y, X, np.array([0, 1])),
    "sensitivity": lambda y, X: benchmarks(y, X, "x"),
    "conformal": lambda y, X: conformal_by_shifts(y, X, TREATED),
    "end_of_sample": lambda y, X: end_of_sample(y, X, TREATED),
    "state_space": lambda y, X: fit("ucm", y, X[["x"]]),
}
every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


@every_door
def test_regressors_in_another_order_are_refused(door):
    y, X = world()
    door(y, X)
    with pytest.raises(EstimationError, match="not in the same rows") as caught:
        door(y, X.iloc[::-1])
    assert caught.value.found == (
        "row 0 is 2015-01 and 2019-12; the labels are the same in another order"
    )
    assert caught.value.where
    door(y, X.iloc[::-1].loc[y.index])  # the remedy the error names


@every_door
def test_months_out_of_order_or_twice_are_refused(door):
    y, X = world()
    shuffled = np.r_[1, 0, np.arange(2, T)]
    with pytest.raises(EstimationError, match="not in order") as caught:
        door(y.iloc[shuffled], X.iloc[shuffled])
    assert caught.value.found == "2015-01 after 2015-02"
    twice = np.r_[0, 0, np.arange(2, T)]
    with pytest.raises(EstimationError) as caught:
        door(y.iloc[twice], X.iloc[twice])
    assert caught.value.found == "2015-01 twice"


def test_what_is_refused_would_have_given_another_number():
    y, X = world()
    assert har_fits(y, X)["prais_winsten"].linear("x")[0] == pytest.approx(2, abs=0.1)
    turned = X.iloc[::-1].set_axis(y.index)  # as if computed by position
    assert har_fits(y, turned)["prais_winsten"].linear("x")[0] < 1.5


def test_rows_without_dates_need_one_index_and_no_order():
    y, X = world(pd.Index(np.arange(T)[::-1]))
    assert har_fits(y, X, methods=["ols"])["ols"].linear("x")[0] == pytest.approx(2, abs=0.1)
    with pytest.raises(EstimationError) as caught:
        har_fits(y, X.iloc[1:])
    assert caught.value.found == "60 rows of the outcome, 59 beside them"
    with pytest.raises(EstimationError) as caught:
        har_fits(y.rename(lambda i: i + 1), X)
    assert caught.value.found == "row 0 is 60 and 59"


def test_arrays_have_no_index_to_compare():
    y, X = world()
    with pytest.raises(EstimationError, match="without an index") as caught:
        har_fits(y.to_numpy(), X)
    assert caught.value.found == "ndarray, DataFrame"
    with pytest.raises(EstimationError, match="counted in months") as caught:
        leave_window_out(y.reset_index(drop=True), X.reset_index(drop=True), np.array([0, 1]))
    assert caught.value.found == "RangeIndex"
    plain = conformal_by_shifts(y.to_numpy(), X.to_numpy(), TREATED)
    assert conformal_by_shifts(y, X, TREATED).effect == plain.effect


def test_flags_of_a_rank_test_stand_in_the_rows_of_the_outcome():
    y, X = world()
    treated = pd.Series(TREATED, MONTHS)
    assert conformal_by_shifts(y, X, treated).p_value == conformal_by_shifts(y, X, TREATED).p_value
    for flags in ({"treated": treated.iloc[::-1]}, {"treated": TREATED, "usable": ~treated[::-1]}):
        with pytest.raises(EstimationError, match="not in the same rows"):
            conformal_by_shifts(y, X, **flags)
    assert conformal_by_shifts(y, X, pd.Series([T - 2, T - 1])).n == T  # positions, not flags


def test_the_check_lets_what_belongs_together_pass():
    y, X = world()
    check_rows(y, X)
    check_rows(X)
    dates = MONTHS.to_timestamp()
    with pytest.raises(EstimationError, match="not in order"):
        check_rows(y.set_axis(dates[::-1]), X.set_axis(dates[::-1]))


@pytest.mark.parametrize(
    ("ask", "near"),
    [
        (lambda y, X: har_fits(y, X, methods=["newey-west"]), "newey_west"),
        (lambda y, X: shift_in_time(y, X, "konst"), "const"),
        (lambda y, X: benchmarks(y, X, "cons"), "const"),
    ],
)
def test_a_misspelt_name_meets_the_nearest(ask, near):
    with pytest.raises(EstimationError, match="there is no ") as caught:
        ask(*world())
    assert caught.value.todo == f"did you mean {near!r}?"
