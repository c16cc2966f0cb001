"""The simulated null of the bounds tests: against statsmodels, against truth, and its verdicts."""

import numpy as np
import pytest

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.bounds_test import BoundsResult, f_and_t, simulate_null

DRAWS = 20_000


def null(n, case, order, draws=DRAWS, fixed=None, seed=1):
    rng = np.random.default_rng(seed)
    return simulate_null(n, case, order=order, draws=draws, fixed=fixed, rng=rng)


@pytest.mark.second
@pytest.mark.parametrize("case", [1, 2, 3, 4, 5])
def test_large_samples_agree_with_the_tables_of_statsmodels(case):
    from statsmodels.tsa.ardl.pss_critical_values import crit_percentiles, crit_vals

    found = null(500, case, (1, 0, 0)).f
    for bound, first_order in enumerate((False, True)):
        critical = crit_vals[2, case, first_order]
        for percentile, value in zip(crit_percentiles, critical, strict=True):
            size = 1 - percentile / 100
            share = (found[bound] >= value).mean()
            # Four standard errors of a share; a tenth of the size for 500 rows against infinity.
            spread = 4 * np.sqrt(size * (1 - size) / DRAWS)
            assert share == pytest.approx(size, abs=spread + size / 10)


@pytest.mark.second
def test_a_small_sample_agrees_with_the_simulation_of_statsmodels():
    from statsmodels.datasets import danish_data
    from statsmodels.tsa.ardl import UECM

    data = danish_data.load_pandas().data
    model = UECM(data["lrm"], 3, data[["lry", "ibo", "ide"]], 3, trend="c").fit()
    theirs = model.bounds_test(3, asymptotic=False, nsim=DRAWS, rng=1).critical_values
    found = null(int(model.nobs), 3, (1, 0, 0, 0)).f
    for percentile, row in theirs.iterrows():
        size = 1 - percentile / 100
        shares = [(found[0] >= row["lower"]).mean(), (found[1] >= row["upper"]).mean()]
        assert shares == pytest.approx([size] * 2, abs=4 * np.sqrt(2 * size * (1 - size) / DRAWS))


@pytest.mark.second
def test_statistics_are_those_of_least_squares():
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    W, Z, dy = rng.standard_normal((30, 3)), rng.standard_normal((30, 2)), rng.standard_normal(30)
    fit = sm.OLS(dy, np.hstack([W, Z])).fit()
    f, t = f_and_t(np.column_stack([W, Z, dy]), 2)
    assert f == pytest.approx(float(fit.f_test(np.eye(5)[3:]).fvalue), rel=1e-10)
    assert t == pytest.approx(fit.tvalues[-1], rel=1e-10)


@pytest.mark.truth
def test_a_short_sample_raises_both_bounds_and_a_dummy_moves_them():
    season = (np.arange(28) % 2)[:, None].astype(float)
    large, short, dummy = (
        null(500, 3, (1, 1)),
        null(28, 3, (1, 1)),
        null(28, 3, (1, 1), fixed=season),
    )
    for level in (0.10, 0.05, 0.01):
        few, many, with_dummy = (n.test("F", 1.0).critical[level] for n in (short, large, dummy))
        assert many[0] < few[0] < few[1]
        assert many[1] < few[1]
        assert with_dummy[1] < few[1]  # it takes the noise of a season out of the levels
    assert short.test("t", 1.0).critical[0.05][1] < large.test("t", 1.0).critical[0.05][1]


@pytest.mark.truth
def test_under_the_null_with_a_random_walk_the_test_holds_its_size():
    simulated, rng = null(28, 3, (1, 1)), np.random.default_rng(8)
    fresh = simulate_null(28, 3, order=(1, 1), draws=2000, rng=rng)
    cut = simulated.test("F", 1.0).critical[0.05]
    for bound in (0, 1):
        assert (fresh.f[bound] >= cut[bound]).mean() == pytest.approx(0.05, abs=0.02)


def test_the_same_seed_gives_the_same_draws_and_chunks_lose_none(monkeypatch):
    from ikm_pmi.inference import bounds_test

    one, again = null(30, 3, (2, 1), draws=500), null(30, 3, (2, 1), draws=500)
    assert np.array_equal(one.f, again.f)
    assert np.array_equal(one.t, again.t)
    monkeypatch.setattr(bounds_test, "CHUNK_CELLS", 30_000)
    parts = null(30, 3, (2, 1), draws=500)
    assert parts.f.shape == one.f.shape


@pytest.mark.parametrize(
    ("p_lower", "p_upper", "verdict"),
    [
        (0.01, 0.04, "level relationship"),
        (0.04, 0.06, "inconclusive"),
        (0.06, 0.2, "no level relationship found"),
    ],
)
def test_verdict_names_the_zone_between_the_bounds(p_lower, p_upper, verdict):
    result = BoundsResult(kind="F", statistic=5, p_lower=p_lower, p_upper=p_upper, critical={})
    assert result.verdict() == verdict


def test_p_values_move_with_the_statistic_and_are_never_zero():
    simulated = null(30, 3, (1, 1), draws=2000)
    p = [simulated.test("F", f).p_upper for f in (1, 3, 6, 1000)]
    assert p == sorted(p, reverse=True)
    assert p[-1] == pytest.approx(1 / 2001)
    assert simulated.test("t", -9).p_upper < simulated.test("t", -2).p_upper


def test_too_few_rows_are_refused_with_the_counts():
    with pytest.raises(EstimationError, match=r"no degrees of freedom left"):
        null(6, 5, (2, 2), draws=100)
