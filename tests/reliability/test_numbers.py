"""Estimators where arithmetic is hard: eight digits against 50-digit references, or a reason."""

from collections import Counter

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from fifty import DIGITS, digits, exact, told
from strd import CERTIFIED, arrays, texts

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.absorb import within
from ikm_pmi.inference.clusters import cluster_moments, crv1, crv3
from ikm_pmi.inference.har import har_fits, har_table
from ikm_pmi.inference.ratio import ratio_set
from ikm_pmi.inference.shift import shift_in_time

# Relative error of the estimates in double precision, where it is more than 1e-8: the data leave no
# more. Wampler 4 and 5 have residuals of 1e5 and 1e7 around coefficients of one.
FEWER = {"Wampler4": 1e-7, "Wampler5": 1e-5}
CLUSTERS = dict.fromkeys(("Wampler1", "Wampler3", "Wampler4", "Wampler5"), 1e-6)


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


def decimal(name):
    ys, xs, powers = texts(name)
    return [mp.mpf(y) for y in ys], [[mp.mpf(x) ** k for k in powers] for x in xs]


@pytest.mark.published
@pytest.mark.parametrize("name", CERTIFIED)
def test_the_data_give_the_certified_values_in_fifty_digits(name):
    estimates, errors, *_ = exact(*decimal(name))
    for found, printed in zip(estimates + errors, sum(CERTIFIED[name], ()), strict=True):
        assert abs(found - mp.mpf(printed)) <= mp.mpf("1e-14") * max(abs(mp.mpf(printed)), 1e-30)


@pytest.mark.published
@pytest.mark.parametrize("name", [name for name in CERTIFIED if name != "Filip"])
def test_nist_sets_are_estimated(name, record_property):
    y, X = arrays(name)
    frame = pd.DataFrame(X, columns=[f"b{k}" for k in range(X.shape[1])])
    fit = har_fits(pd.Series(y), frame, methods=["ols"])["ols"]
    estimates, errors = [[mp.mpf(v) for v in part] for part in CERTIFIED[name]]
    least = digits(fit.params, estimates)
    assert least < FEWER.get(name, DIGITS)
    if any(errors):
        assert digits(np.sqrt(np.diag(fit.cov)), errors) < DIGITS
    else:
        with pytest.raises(EstimationError, match="no standard error"):
            fit.estimate("b0", "b0")
    moments = cluster_moments(y, X, np.arange(len(y)) // 2)
    by_clusters = digits(moments.params, estimates)
    assert by_clusters < CLUSTERS.get(name, DIGITS)
    counted = f"{-np.log10(least):.0f} digits; {-np.log10(by_clusters):.0f} from cluster moments"
    told(record_property, f"NIST StRD {name}", 1, counted)


@pytest.mark.published
def test_filip_is_refused_rather_than_printed_wrong(record_property):
    y, X = arrays("Filip")
    with pytest.raises(EstimationError, match="singular") as caught:
        har_fits(pd.Series(y), pd.DataFrame(X).add_prefix("b"), methods=["ols"])
    assert "near dependence" in caught.value.found
    with pytest.raises(EstimationError, match="collinear"):
        cluster_moments(y, X, np.arange(82) // 4)
    told(record_property, "NIST StRD Filip", 1, "refused: condition number 5e9, eight digits gone")


def sample(seed, n=48):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=n), 3)
    z = np.round(rng.normal(size=n), 3)
    y = np.round(1 + 0.5 * x - z + rng.normal(size=n), 3)
    return y, np.column_stack([np.ones(n), x, z])


SCALES = (1e-150, 1e-30, 1e-9, 1.0, 1e9, 1e30, 1e150)


def newey_west_exact(X, e, inverse, S):
    n, k = len(e), inverse.rows
    scores = [[mp.mpf(X[t][j]) * e[t] for j in range(k)] for t in range(n)]
    total = mp.zeros(k)
    for lag in range(S):
        weight = 1 - mp.mpf(lag) / S
        for t in range(lag, n):
            u, v = mp.matrix(scores[t]), mp.matrix(scores[t - lag])
            part = u * v.T * weight
            total += part if lag == 0 else part + part.T
    return inverse * total * inverse


def test_tiny_and_huge_scales_against_fifty_digits(record_property):
    tried = 0
    for seed in range(2):
        y, X = sample(seed)
        base = exact(y.tolist(), X.tolist())
        hac = newey_west_exact(X, base[2], base[3], 10)
        for of_y in SCALES:
            for of_x in SCALES:
                frame = pd.DataFrame(X * [1, of_x, 1], columns=["const", "x", "z"])
                fits = har_fits(pd.Series(y * of_y), frame, methods=["ols", "newey_west"])
                back = [mp.mpf(of_y) / mp.mpf(s) for s in (1, of_x, 1)]
                true = [b * s for b, s in zip(base[0], back, strict=True)]
                if not all(1e-290 < abs(v) < 1e290 for v in true):
                    continue
                assert digits(fits["ols"].params, true) < DIGITS
                for fit, errors in (
                    (fits["ols"], base[1]),
                    (fits["newey_west"], [mp.sqrt(hac[j, j]) for j in range(3)]),
                ):
                    scaled = [s * b for s, b in zip(errors, back, strict=True)]
                    if all(1e-140 < v < 1e140 for v in scaled):
                        found = np.sqrt(np.diag(fit.cov))
                        assert digits(found, scaled) < DIGITS
                tried += 1
    assert tried > 80
    told(record_property, "scales from 1e-150 to 1e150", tried, "eight digits")


@pytest.mark.parametrize("method", ["ols", "newey_west", "cosine", "prais_winsten"])
def test_near_singular_designs_are_right_or_refused(method, record_property):
    found = Counter()
    for power in range(1, 16):
        y, X = sample(power)
        near = X[:, 1] + 10.0**-power * X[:, 2]
        design = np.column_stack([X[:, :2], near])
        frame = pd.DataFrame(design, columns=["const", "x", "near"])
        try:
            fit = har_fits(pd.Series(y), frame, methods=[method])[method]
        except EstimationError as error:
            found["refused" if "x, near" in error.found else str(error)] += 1
            continue
        found["eight digits of fitted values"] += 1
        assert power < 9
        if method != "prais_winsten":
            estimates, *_ = exact(y.tolist(), design.tolist())
            true = mp.matrix(design.tolist()) * mp.matrix(estimates)
            fitted = design @ fit.params.to_numpy()
            assert (
                max(abs(mp.mpf(float(f)) - t) for f, t in zip(fitted, true, strict=True)) < DIGITS
            )
    assert found["refused"] >= 6
    assert len(found) == 2
    told(record_property, f"near-singular designs, {method}", 15, str(dict(found))[1:-1])


def flat(**columns):
    y, _ = sample(3)
    return pd.Series(y), pd.DataFrame({"const": 1.0, **columns}, index=range(len(y)))


@pytest.mark.parametrize("method", ["ols", "newey_west", "cosine", "prais_winsten", "structural"])
@pytest.mark.parametrize("column", [0.0, 1.0, 1e-300, 1e300])
def test_a_treatment_that_is_constant_is_refused(method, column):
    y, X = flat(treated=column)
    with pytest.raises(EstimationError, match="singular"):
        har_fits(y, X, methods=[method])
    with pytest.raises(EstimationError, match="singular"):
        shift_in_time(y, X, "treated")


@pytest.mark.parametrize("method", ["ols", "newey_west", "cosine"])
def test_a_perfect_fit_has_no_standard_error(method):
    x = np.arange(40.0) % 7
    X = pd.DataFrame({"const": 1.0, "x": x})
    for factor in (1e-100, 1.0, 1e100):
        with pytest.raises(EstimationError, match="no standard error"):
            har_table(pd.Series((2 + 3 * x) * factor), X, ["x"], methods=[method])
    with pytest.raises(EstimationError, match="no standard error"):
        har_table(pd.Series(np.full(40, 5.0)), X, ["const"], methods=[method])


def test_one_cluster_is_refused_and_two_are_right():
    y, X = sample(5)
    with pytest.raises(EstimationError, match="several clusters"):
        cluster_moments(y, X, np.zeros(len(y), dtype=int))
    two = cluster_moments(y, X[:, :2], np.arange(len(y)) % 2)
    estimates, _, e, inverse = exact(y.tolist(), X[:, :2].tolist())
    meat = mp.zeros(2)
    for g in range(2):
        score = mp.matrix(2, 1)
        for t in range(g, len(y), 2):
            score += mp.matrix(X[t, :2].tolist()) * e[t]
        meat += score * score.T
    n = len(y)
    true = inverse * meat * inverse * 2 * (n - 1) / (n - 2)
    assert digits(two.params, estimates) < DIGITS
    assert digits(np.diag(crv1(two)), [true[0, 0], true[1, 1]]) < DIGITS


def test_the_jackknife_against_fifty_digits(record_property):
    y, X = sample(6)
    codes = np.arange(len(y)) // 6
    for scale in (1e-15, 1e-9, 1.0, 1e9, 1e15):
        design = X * [1, scale, 1]
        moments = cluster_moments(y, design, codes)
        whole = exact(y.tolist(), design.tolist())[0]
        rest = [exact(y[codes != g].tolist(), design[codes != g].tolist())[0] for g in range(8)]
        true = [mp.mpf(7) / 8 * mp.fsum((r[j] - whole[j]) ** 2 for r in rest) for j in range(3)]
        assert digits(np.diag(crv3(moments)), true) < DIGITS
    told(record_property, "CRV3 at five scales", 5, "eight digits")


def test_two_way_effects_against_fifty_digits(record_property):
    rng = np.random.default_rng(8)
    unit, year = np.divmod(rng.permutation(60)[:45], 6)  # unbalanced
    unit, year = (np.unique(codes, return_inverse=True)[1] for codes in (unit, year))
    for scale in (1e-12, 1.0, 1e12):
        v = np.round(rng.normal(size=45), 3) * scale
        dummies = [[*(float(u == k) for k in range(unit.max() + 1)),
                    *(float(t == k) for k in range(1, year.max() + 1))]
                   for u, t in zip(unit, year, strict=True)]  # fmt: skip
        *_, e, _ = exact(v.tolist(), dummies)
        found = within(v, [unit, year])
        assert (
            max(abs(mp.mpf(float(f)) - t) for f, t in zip(found, e, strict=True)) < DIGITS * scale
        )
    told(record_property, "two-way effects, unbalanced", 3, "eight digits")


def test_ratios_against_fifty_digits(record_property):
    tried = 0
    for n in (1e-9, 1.0, 1e9):
        for d in (-3e-7, 0.1, 2.0, 4e8):
            V = np.array([[0.01 * n * n, 0.002 * abs(n * d)], [0.002 * abs(n * d), 0.01 * d * d]])
            found = ratio_set(n, d, V, 2.0)
            N, D, c2 = mp.mpf(n), mp.mpf(d), mp.mpf(4)
            W = [[mp.mpf(float(v)) for v in row] for row in V]
            a, b, c = D * D - c2 * W[1][1], N * D - c2 * W[0][1], N * N - c2 * W[0][0]
            root = mp.sqrt(b * b - a * c)
            ends = sorted([(b - root) / a, (b + root) / a])
            assert digits([found.low, found.high], ends) < DIGITS
            tried += 1
    with pytest.raises(EstimationError, match="denominator of zero"):
        ratio_set(1.0, 0.0, np.eye(2), 2.0)
    told(record_property, "Fieller sets", tried, "eight digits")
