"""Bootstrap, conformal sets and placebo windows in 50 digits: eight digits, or a reason."""

from collections import Counter
from fractions import Fraction
from itertools import product
from math import ceil

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from fifty import DIGITS, apart, digits, exact, refused, told

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.clusters import cluster_moments
from ikm_pmi.inference.conformal import _null_residuals, _shift_means, conformal_by_shifts
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.inference.windows import half_width, leave_window_out, rank_p_value

TIE = 1 - mp.mpf("1e-9")  # as in the library: a relative difference that is rounding


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


# Wild cluster bootstrap.


def clustered(seed=5, G=6, n=4):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(G), n)
    x, z = np.round(rng.normal(size=(2, G))[:, codes] + rng.normal(size=(2, G * n)), 3)
    y = np.round(1 + 0.9 * x - z + rng.normal(size=G)[codes] + rng.normal(size=G * n), 3)
    return y, np.column_stack([np.ones(G * n), x, z]), codes


def by_refits(y, X, codes):
    """Estimate and CRV1 statistic of the second coefficient; its p by refitting every draw."""
    rows, k, G = range(len(y)), X.shape[1], int(codes.max()) + 1
    design = mp.matrix(X.tolist())
    solver = exact(y.tolist(), X.tolist())[3] * design.T

    def ratio(outcome, null):
        b = solver * outcome
        e = outcome - design * b
        scores = [mp.fsum(solver[1, t] * e[t] for t in rows if codes[t] == g) for g in range(G)]
        return (b[1] - null) / mp.sqrt(mp.fsum(s * s for s in scores))

    def p(null):
        less = [mp.mpf(y[t]) - null * design[t, 1] for t in rows]
        u = exact(less, np.delete(X, 1, axis=1).tolist())[2] if k > 1 else mp.matrix(less)
        fitted = mp.matrix(y.tolist()) - u
        draws = product([1], *[[1, -1]] * (G - 1))  # a draw and its mirror image are a tie
        found = [
            abs(ratio(fitted + mp.matrix([v[c] * u[t] for t, c in enumerate(codes)]), null))
            for v in draws
        ]
        return sum(f >= found[0] * TIE for f in found) / len(found)

    outcome = mp.matrix(y.tolist())
    factor = mp.mpf(G) / (G - 1) * (len(y) - 1) / (len(y) - k)
    return (solver * outcome)[1], ratio(outcome, 0) / mp.sqrt(factor), p


def check_bootstrap(y, X, codes, within=DIGITS):
    """Compare with refits: estimate, statistic, two p, and p at the ends of the set."""
    m, r = cluster_moments(y, X, codes), np.eye(X.shape[1])[1]
    rng = np.random.default_rng(1)
    test = wild_bootstrap(m, r, level=0.75, rng=rng)
    estimate, statistic, p = by_refits(y, X, codes)
    assert test.enumerated
    assert test.p_value == p(mp.mpf(0))
    far = test.value + 200 * test.std_error
    assert wild_bootstrap(m, r, far, rng=rng, interval=False).p_value == p(mp.mpf(far))
    lost = digits([test.value, test.statistic], [estimate, statistic])
    assert lost < within
    for end in (test.ci_low, test.ci_high):
        reach = mp.mpf(end) - estimate
        assert p(estimate + reach * (1 - within)) > 0.25 >= p(estimate + reach * (1 + within))
    return lost


def test_wild_bootstrap_against_refits_in_fifty_digits(record_property):
    y, X, codes = clustered()
    scales = [(1, 1, 1), (1, 1e-6, 1e6), (1e-6, 1e6, 1e-6), (1e6, 1e-6, 1), (1e-100, 1, 1e30)]
    lost = [check_bootstrap(y * of_y, X * [1, *of_x], codes) for of_y, *of_x in scales]
    only = np.where(codes[:, None] < 4, X[:, 1:2], 0)  # two clusters without it: ties of four
    column = np.column_stack([X[:, 2], only])
    lost += [check_bootstrap(y, column * [1, s], codes) for s in (1, 1e-6)]
    what = f"{-np.log10(max(lost)):.0f} digits, p exact, the set ends where p crosses"
    told(record_property, "wild cluster bootstrap, all sign patterns", len(lost), what)


def test_wild_bootstrap_of_a_nearly_constant_regressor(record_property):
    y, X, codes = clustered()
    found = Counter()
    for power in range(1, 11):
        near = X.copy()
        near[:, 1] = 1 + 10.0**-power * X[:, 1]
        if power > 4:  # the condition number of X'X is beyond 1e10
            refused(lambda near=near: cluster_moments(y, near, codes))
            found["refused"] += 1
        else:
            # X'X holds the squares: twice as many digits go as the regressor shares with the one.
            check_bootstrap(y, near, codes, DIGITS if power < 4 else 1e-6)
            found["eight digits" if power < 4 else "six digits"] += 1
    told(record_property, "wild bootstrap, nearly constant regressor", 10, str(dict(found))[1:-1])


@pytest.mark.parametrize("scale", [1e-100, 1e-6, 1.0, 1e6, 1e100])
@pytest.mark.parametrize("slope", [0, 2])
def test_wild_bootstrap_refuses_a_perfect_fit_in_any_unit(scale, slope):
    _, X, codes = clustered()
    for column in (X[:, 1], X[:, 1] * 1e-6):
        design = np.column_stack([X[:, 0], column])
        m = cluster_moments((3 + slope * X[:, 1]) * scale, design, codes)
        r, rng = np.array([0.0, 1.0]), np.random.default_rng(1)
        error = refused(lambda m=m, r=r, rng=rng: wild_bootstrap(m, r, rng=rng))
        assert "no sampling variation" in error.summary


# Conformal sets.

EPISODE = [22, 23]


def monthly(seed=1, n=24):
    rng = np.random.default_rng(seed)
    x, noise = np.round(rng.normal(size=(2, n)), 3)
    y = 50 + x / 2 + noise
    y[EPISODE] -= 3
    return y, np.column_stack([np.ones(n), x])


def shifts(y, X, effect, lags):
    """Mean residual of the episode moved by every number of periods, refitted in 50 digits."""
    null = [mp.mpf(v) - (effect if t in EPISODE else 0) for t, v in enumerate(y.tolist())]
    rows = range(lags, len(y))
    e = exact([null[t] for t in rows], [[*X[t], *null[t - lags : t]] for t in rows])[2]
    n = len(rows)
    moved = [[(t - lags + s) % n for t in EPISODE] for s in range(n)]
    return [mp.fsum(e[t] for t in block) / len(block) for block in moved]


def check_conformal(y, X, lags=0):
    result = conformal_by_shifts(y, X, EPISODE, lags=lags, level=0.8, candidates=9)
    true = mp.findroot(
        lambda b: shifts(y, X, b, lags)[0], (result.effect, result.effect * 1.001), tol=1e-40 * y[0]
    )
    mask = np.isin(np.arange(len(y)), EPISODE)
    residuals, positions = _null_residuals(y, X, mask, np.ones(len(y), bool), lags)
    statistics = _shift_means(residuals(np.zeros(1)), positions)[0]
    lost = [digits([result.effect], [true]), apart(statistics, shifts(y, X, 0, lags))]

    def p(effect):
        means = [abs(m) for m in shifts(y, X, mp.mpf(effect), lags)]
        return sum(m >= means[0] * TIE for m in means) / len(means)

    assert result.p_value == p(0)
    assert result.p_values.tolist() == [p(c) for c in result.candidates.tolist()]
    fine = (result.candidates[1] - result.candidates[0]) / 40 * (1 + 1e-6)
    for low, high in result.intervals:
        assert min(p(low), p(high)) > 0.2 >= max(p(low - fine), p(high + fine))
    assert max(lost) < DIGITS
    return max(lost)


@pytest.mark.parametrize("lags", [0, 1])
def test_conformal_sets_against_refits_in_fifty_digits(lags, record_property):
    y, X = monthly()
    scales = [(1e-100, 1), (1e-12, 1e-6), (1e-6, 1e6), (1, 1), (1e6, 1e-20), (1e20, 1e20)]
    lost = [check_conformal(y * of_y, X * [1, of_x], lags) for of_y, of_x in scales]
    what = f"{-np.log10(max(lost)):.0f} digits, p exact at every candidate"
    told(record_property, f"conformal sets, {lags} lags", len(lost), what)


def test_conformal_sets_of_flat_series_and_near_dependence(record_property):
    y, X = monthly()
    x, noise = X[:, 1], y - 50
    found = Counter()
    for power in range(1, 13):
        tried = {
            "nearly constant": (50 + 10.0**-power * noise, X),
            "near dependence": (y, np.column_stack([X, x + 10.0**-power * noise**2])),
        }
        for series, design in tried.values():
            try:
                check_conformal(series, design)
                found["eight digits"] += 1
            except EstimationError:
                refused(lambda s=series, d=design: conformal_by_shifts(s, d, EPISODE))
                found["refused"] += 1
    assert found["eight digits"] >= 12
    d = np.isin(np.arange(24), EPISODE)
    for series in (0 * x, 0 * x + 50, 2 + 3 * x, -5.0 * d, 2 + 3 * x - 5 * d):
        for scale, lags in product((1e-100, 1e-6, 1.0, 1e6, 1e100), (0, 1)):
            refused(lambda s=series * scale, k=lags: conformal_by_shifts(s, X, EPISODE, lags=k))
            found["refused"] += 1
    what = str(dict(found))[1:-1]
    told(record_property, "conformal sets, flat series, perfect fits", found.total(), what)


# Placebo windows.


def months(y, X):
    index = pd.period_range("2012-01", periods=len(y), freq="M")
    return pd.Series(y, index), pd.DataFrame(X, index)


def check_windows(y, X):
    """Errors of every window by leaving it out, their rank p and half width."""
    found = leave_window_out(*months(y, X), np.array([0, 1]))
    true = []
    for w in range(len(y) - 1):
        b = exact(np.delete(y, [w, w + 1]).tolist(), np.delete(X, [w, w + 1], axis=0).tolist())[0]
        true += [mp.mpf(y[t]) - mp.fdot(X[t].tolist(), b) for t in (w, w + 1)]
    means = sorted(abs(a + b) / 2 for a, b in zip(true[::2], true[1::2], strict=True))
    lost = [apart(found.errors.ravel(), true)]
    for level in ("0.5", "0.8", "0.9", "0.95"):
        rank = ceil(Fraction(level) * (len(means) + 1))
        half = half_width(found.mean, float(level))
        lost += [digits([half], [means[rank - 1]])] if rank <= len(means) else []
        assert (half is None) == (rank > len(means))
    own = abs(true[6] + true[7]) / 2
    tie = (found.mean[3], own)  # the fourth window itself: it counts
    between = (means[11] + means[12]) / 2
    for effect, truth in (
        tie,
        (0.0, 0),
        (float(between), between),
        (float(2 * means[-1]), 2 * means[-1]),
    ):
        at_least = sum(m >= truth for m in means)
        assert rank_p_value(effect, found.mean) == float(Fraction(1 + at_least, 1 + len(means)))
    return max(lost)


def test_placebo_windows_against_refits_in_fifty_digits(record_property):
    y, X = monthly()
    found = Counter()
    sizes = [(1e-100, 1), (1e-6, 1e6), (1, 1e-30), (1e6, 1e-6), (1e100, 1e30)]
    tried = [(y * of_y, X * [1, of_x]) for of_y, of_x in sizes]
    once = np.where(np.isin(np.arange(24), [7, 8]), 1.0, 0.0)
    for power in range(1, 13):
        tried.append((50 + 10.0**-power * (y - 50), X))
        tried.append((y, np.column_stack([X, X[:, 1] + 10.0**-power * (y - 50) ** 2])))
        tried.append((y, np.column_stack([X, once + 10.0**-power * (y - 50)])))
    tried += [(series, X) for series in (0 * y, 0 * y + 5, 2 + 3 * X[:, 1], y * np.nan)]
    for series, design in tried:
        try:
            lost = check_windows(series, design)
        except EstimationError:
            refused(lambda s=series, d=design: leave_window_out(*months(s, d), np.array([0, 1])))
            found["refused"] += 1
            continue
        assert lost < DIGITS
        found["eight digits"] += 1
    assert found["eight digits"] >= 20
    for level, n in product(("0.5", "0.8", "0.9", "0.95", "0.99"), range(1, 200)):
        rank = ceil(Fraction(level) * (n + 1))
        assert half_width(-np.arange(1.0, n + 1), float(level)) == (rank if rank <= n else None)
    for bad in (np.nan, np.inf):
        refused(lambda b=bad: rank_p_value(b, np.ones(9)))
        refused(lambda b=bad: rank_p_value(1.0, np.array([1.0, b])))
        refused(lambda b=bad: half_width(np.array([1.0, b]), 0.5))
    told(record_property, "placebo windows", found.total(), str(dict(found))[1:-1])
