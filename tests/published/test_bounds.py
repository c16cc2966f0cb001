"""Published critical values and p-value of a bounds test, simulated there as here.

The tolerance is four standard errors of a difference of two shares; the printed statistics are in
the table of :mod:`ikm_pmi.models.published`.
"""

import numpy as np
import pytest

from ikm_pmi.inference.bounds_test import simulate_null

pytestmark = pytest.mark.published

DRAWS = 20_000


def test_bounds_at_one_percent_and_p_value_of_the_t_test():
    # README of the R package ARDL (Natsiopoulos & Tzeremes 2022), simulated with T = 1000:
    # -3.4430 and -4.3799 at 1 percent, p = 0.005538.
    null = simulate_null(
        999, 3, order=(1, 0, 0, 0), draws=DRAWS, rng=np.random.default_rng(20210903)
    )
    for printed, bound in ((-3.442978, 0), (-4.379886, 1)):
        share = (null.t[bound] <= printed).mean()
        assert share == pytest.approx(0.01, abs=4 * np.sqrt(2 * 0.01 * 0.99 / DRAWS))
    p = 0.005538
    found = null.test("t", -4.547939).p_upper
    assert found == pytest.approx(p, abs=4 * np.sqrt(2 * p * (1 - p) / DRAWS))
