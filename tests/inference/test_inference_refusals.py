"""What the inference cannot do is refused with the counts that say why."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.clusters import cluster_moments, crv1, leave_one_out
from ikm_pmi.inference.ratio import ratio_set
from ikm_pmi.inference.regression import check_design, check_rank, full_rank
from ikm_pmi.inference.sensitivity import benchmarks
from ikm_pmi.inference.wild_bootstrap import MAX_CELLS, wild_bootstrap
from ikm_pmi.trust.specification_curve import series_fits

RNG = np.random.default_rng(3)


def moments(X, clusters):
    return cluster_moments(RNG.standard_normal(len(X)), X, np.asarray(clusters))


def test_no_degrees_of_freedom_for_crv1():
    m = moments(RNG.standard_normal((3, 3)), [0, 1, 1])
    with pytest.raises(EstimationError) as caught:
        crv1(m)
    assert caught.value.found == "3 rows, 3 parameters"
    one_spare = moments(RNG.standard_normal((4, 3)), [0, 1, 1, 0])
    assert crv1(one_spare).shape == (3, 3)


def test_the_cluster_without_which_nothing_is_identified_is_named():
    X = np.column_stack([np.ones(9), np.repeat([0.0, 1.0, 0.0], 3) * np.arange(9)])
    m = cluster_moments(RNG.standard_normal(9), X, np.repeat([0, 1, 2], 3), labels=["a", "b", "c"])
    with pytest.raises(EstimationError) as caught:
        leave_one_out(m)
    assert caught.value.where == "without cluster b"


def test_a_bootstrap_beyond_the_memory_is_refused_at_its_edge():
    clusters = np.arange(40) // 2
    m = moments(RNG.standard_normal((40, 1)), clusters)
    most = MAX_CELLS // 20
    with pytest.raises(EstimationError) as caught:
        wild_bootstrap(m, np.ones(1), draws=most + 1, rng=np.random.default_rng(1))
    assert caught.value.found == f"{most + 1:,} draws, 20 clusters"


def test_as_many_regressors_as_rows_are_refused_and_one_row_more_is_not():
    def blocks(T):
        one, D = np.ones((1, T, 1)), RNG.standard_normal((1, 1, T, 2))
        return RNG.standard_normal((1, T, 1)), D, one

    with pytest.raises(EstimationError) as caught:
        series_fits(*blocks(3), 0.95)
    assert caught.value.expected == "more than 3 rows"
    assert caught.value.found == "3 rows"
    with pytest.raises(EstimationError, match="too few rows"):
        check_design(pd.DataFrame(RNG.standard_normal((2, 2))))
    check_design(pd.DataFrame(RNG.standard_normal((3, 2))))


@pytest.mark.parametrize(
    ("rows", "columns", "treated", "refused"),
    [(10, 3, 5, False), (10, 3, 6, True), (10, 3, 4, False)],
)
def test_regressors_need_two_more_untreated_periods(rows, columns, treated, refused):
    design = RNG.standard_normal((rows, columns))
    if not refused:
        check_design(design, spare=treated + 2)
        return
    with pytest.raises(EstimationError) as caught:
        check_design(design, spare=treated + 2)
    assert caught.value.expected == f"more than {columns + treated + 1} rows for {columns} columns"
    assert caught.value.found == f"{rows} rows"


def test_the_columns_of_a_dependence_are_named_from_rows_and_from_their_products():
    X = RNG.standard_normal((40, 3)) * [1, 1e-9, 1e9]
    check_rank(X, "abc")
    check_rank(X.T @ X, "abc", gram=True)
    X = np.column_stack([X, X[:, 0] - X[:, 2] * 1e-9, np.zeros(40)])
    for values, gram in ((X, False), (X.T @ X, True)):
        with pytest.raises(EstimationError, match="collinear") as caught:
            check_rank(values, "abcde", gram=gram, where="here")
        assert caught.value.found.endswith("among: a, c, d, e")
        assert caught.value.found.startswith("2 ")
        assert caught.value.where == "here"
    grams = np.stack([X.T @ X, X.T @ X + np.diag([1e-9, 1, 1e9, 1, 1])])
    assert full_rank(grams).tolist() == [False, True]


def test_products_pass_to_half_the_digits_of_columns():
    x = RNG.standard_normal(50)
    near = np.column_stack([x, x + 1e-6 * RNG.standard_normal(50)])
    check_rank(near, "ab")
    with pytest.raises(EstimationError, match="singular"):
        check_rank(near.T @ near, "ab", gram=True)


def test_a_confounder_that_cannot_exist_has_no_adjusted_estimate():
    n = 80
    z = RNG.standard_normal(n)
    X = pd.DataFrame({"const": 1.0, "d": z + 0.2 * RNG.standard_normal(n), "z": z})
    (found,) = benchmarks(pd.Series(X["d"] + RNG.standard_normal(n)), X, "d")
    assert (found.covariate, found.r2_treatment, found.adjusted) == ("z", 1.0, None)


def test_a_denominator_of_zero_is_no_ratio():
    with pytest.raises(EstimationError, match="denominator of zero"):
        ratio_set(1.0, 0.0, np.eye(2), 2.0)


def test_a_confounder_as_strong_as_a_covariate_leaves_what_the_residuals_say():
    """Cinelli and Hazlett (2020): partial R2 from residuals, one step after the other."""
    n = 90
    X = pd.DataFrame({"const": 1.0, "z": RNG.standard_normal(n), "w": RNG.standard_normal(n)})
    X["d"] = 0.5 * X["z"] + RNG.standard_normal(n)
    y = X["d"] + X["z"] + RNG.standard_normal(n)
    by_name = {one.covariate: one for one in benchmarks(y, X, "d")}

    def left(series, *names):
        rows = X[["const", *names]].to_numpy()
        return series - rows @ np.linalg.lstsq(rows, series, rcond=None)[0]

    fit = sm.OLS(y, X).fit()
    for name, other in (("z", "w"), ("w", "z")):
        with_d = np.corrcoef(left(X["d"], other), left(X[name], other))[0, 1] ** 2
        with_y = np.corrcoef(left(y, other, "d"), left(X[name], other, "d"))[0, 1] ** 2
        ratio = with_d / (1 - with_d)
        push = (1 + ratio) / np.sqrt(1 - ratio**2)
        r2_y = min(push**2 * with_y / (1 - with_y), 1)
        bias = fit.bse["d"] * np.sqrt(fit.df_resid * r2_y * ratio / (1 - ratio))
        found = by_name[name]
        assert found.r2_treatment == pytest.approx(ratio, rel=1e-9)
        assert found.r2_outcome == pytest.approx(r2_y, rel=1e-9)
        assert found.adjusted == pytest.approx(fit.params["d"] - bias, rel=1e-9)
