"""Published bounds tests through the package's own functions.

The printed statistics are checked to half their last digit. The printed critical values and p-value
are simulated, as ours are: the tolerance is four standard errors of a difference of two shares.
"""

import numpy as np
import pytest

from ikm_pmi.inference.bounds_test import simulate_null
from ikm_pmi.models.error_correction import error_correction

pytestmark = pytest.mark.published

DRAWS = 20_000
ORDER = {"lrm": 3, "lry": 1, "ibo": 3, "ide": 2}


@pytest.fixture(scope="module")
def danish():
    from statsmodels.datasets import danish_data

    return danish_data.load_pandas().data


def test_f_of_case_2_and_t_of_case_3(danish):
    # README of the R package ARDL (Natsiopoulos & Tzeremes 2022): 5.1168 and -4.547939.
    assert error_correction(danish, "lrm", ORDER, case=2).f == pytest.approx(5.1168, abs=5e-5)
    assert error_correction(danish, "lrm", ORDER, case=3).t == pytest.approx(-4.547939, abs=5e-7)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("lry", 0.9964676, 0.1239310),
        ("ibo", -4.5381160, 0.5202961),
        ("ide", 2.8915201, 0.9950853),
    ],
)
def test_long_run_coefficients_with_delta_method_errors(danish, name, value, error):
    ratio = error_correction(danish, "lrm", ORDER).long_run[name]
    assert ratio.value == pytest.approx(value, abs=5e-8)
    assert ratio.std_error == pytest.approx(error, abs=5e-8)


def test_error_correction_coefficient_and_sample(danish):
    model = error_correction(danish, "lrm", ORDER)
    assert model.adjustment == pytest.approx((-0.41685, 0.09166), abs=5e-6)
    assert (model.nobs, model.df_resid) == (52, 39)


def test_bounds_at_one_percent_and_p_value_of_the_t_test():
    # Same page: -3.4430 and -4.3799 at 1 percent, p = 0.005538, by simulation with T = 1000.
    null = simulate_null(
        999, 3, order=(1, 0, 0, 0), draws=DRAWS, rng=np.random.default_rng(20210903)
    )
    for printed, bound in ((-3.442978, 0), (-4.379886, 1)):
        share = (null.t[bound] <= printed).mean()
        assert share == pytest.approx(0.01, abs=4 * np.sqrt(2 * 0.01 * 0.99 / DRAWS))
    p = 0.005538
    found = null.test("t", -4.547939).p_upper
    assert found == pytest.approx(p, abs=4 * np.sqrt(2 * p * (1 - p) / DRAWS))
