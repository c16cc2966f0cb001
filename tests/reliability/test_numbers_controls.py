"""Bounds tests and synthetic controls in 50 digits: eight digits, or a reason."""

from itertools import combinations, product

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from fifty import DIGITS, apart, digits, refused, told

from ikm_pmi.pmi.synthetic_fit import VARIANTS, _ridge, fit, solve


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


# Synthetic controls.


def programme(y0, y1):
    """Weights of the simplex programme by trying every set of donors, in 50 digits."""
    J, unit = y0.shape[1], mp.mpf(np.abs(y0).max())
    a, b = mp.matrix(y0.tolist()) / unit, mp.matrix(y1.tolist()) / unit
    gram, right = a.T * a, a.T * b
    best = (mp.inf, None)
    for size in range(1, J + 1):
        for chosen in combinations(range(J), size):
            system, sums = mp.zeros(size + 1), mp.ones(size + 1, 1)
            for i, j in enumerate(chosen):
                sums[i] = right[j]
                for k, m in enumerate(chosen):
                    system[i, k] = gram[j, m]
            for i in range(size):
                system[i, size] = system[size, i] = 1
            w = mp.zeros(J, 1)
            try:
                found = mp.lu_solve(system, sums)
            except ZeroDivisionError:  # donors that depend on each other: a smaller set does
                continue
            for i, j in enumerate(chosen):
                w[j] = found[i]
            e = b - a * w
            loss = mp.fsum(v * v for v in e)
            if min(w) >= -mp.mpf("1e-35") and loss < best[0]:
                best = (loss, w)
    return best[1]


def donors(seed, T=9, J=4):
    rng = np.random.default_rng(seed)
    y0 = np.round(50 + 3 * rng.normal(size=(T, J)), 3)
    return y0, np.round(y0 @ rng.dirichlet(np.ones(J)) + rng.normal(size=T), 3)


def gaps_exact(y0, y1, weights):
    return list(mp.matrix(y1.tolist()) - mp.matrix(y0.tolist()) * weights)


def table(y0, y1):
    return pd.DataFrame(np.column_stack([y0, y1]), columns=[*"ABCD"[: y0.shape[1]], "T"])


def test_synthetic_weights_are_the_optimum_in_fifty_digits(record_property):
    lost = []
    for seed, scale in product(range(6), (1e-60, 1e-6, 1.0, 1e6, 1e60)):
        y0, y1 = (part * scale for part in donors(seed))
        model = fit(table(y0, y1), "T", [7, 8], variant="classic")
        true = programme(y0[:7], y1[:7])
        lost.append(apart(model.weights, list(true)))
        lost.append(apart(model.gaps, gaps_exact(y0, y1, true)))
    assert max(lost) < 1e-12
    what = f"{-np.log10(max(lost)):.0f} digits of weights and gaps"
    told(record_property, "synthetic weights, classic", len(lost), what)


def test_synthetic_paths_of_dependent_donors_and_perfect_fits(record_property):
    lost = []
    for power, seed in product(range(1, 15), range(3)):
        y0, y1 = donors(seed)
        y0[:, 3] = y0[:, 0] + 10.0**-power * (y0[:, 3] - 50)  # the path is determined, not weights
        weights, _ = solve(y0, y1)
        true = gaps_exact(y0, y1, programme(y0, y1))
        lost.append(apart(y1 - y0 @ weights, true))
    for scale, seed in product((1e-6, 1.0, 1e6), range(3)):
        y0 = np.round(donors(seed)[0])
        model = fit(table(y0 * scale, (y0 @ [0.5, 0.25, 0.25, 0]) * scale), "T", [7, 8])
        lost.append(apart(model.weights, [0.5, 0.25, 0.25, 0]))
        lost.append(float(np.abs(model.gaps).max()) / scale / 50)
        flat = np.column_stack([y0[:, :1], 0 * y0[:, 1:] + [45, 50, 55]]) * scale
        true = gaps_exact(flat, y0[:, 1] * scale, programme(flat[:7], y0[:7, 1] * scale))
        lost.append(apart(fit(table(flat, y0[:, 1] * scale), "T", [7, 8]).gaps, true))
    assert max(lost) < DIGITS
    what = f"{-np.log10(max(lost)):.0f} digits of gaps"
    told(record_property, "synthetic paths, dependent or flat donors, hull", len(lost), what)


def test_synthetic_controls_that_cannot_be_fitted_are_refused(record_property):
    y0, y1 = donors(0)
    alike, endless = np.repeat(y0[:, :1], 3, axis=1), np.where(y0 == y0.max(), np.inf, y0)
    tried = [(part, y1) for part in (alike, 0 * y0, 0 * y0 + 5, endless, y0 * 1e-200, y0 * 1e200)]
    for (part, own), variant in product(tried, VARIANTS):
        refused(lambda a=part, b=own, v=variant: fit(table(a, b), "T", [7, 8], variant=v))
    told(record_property, "donors alike, infinite, out of range", len(tried) * 4, "refused")


def augmented_exact(y0, y1):
    """Simplex weights, and their ridge correction on outcomes less the donors' mean."""
    unit, w = mp.mpf(np.abs(y0).max()), programme(y0, y1)
    a, b = mp.matrix(y0.tolist()) / unit, mp.matrix(y1.tolist()) / unit
    level = [mp.fsum(a[t, :]) / a.cols for t in range(a.rows)]
    x0 = mp.matrix(a.rows, a.cols)
    for t in range(a.rows):
        for j in range(a.cols):
            x0[t, j] = a[t, j] - level[t]
    gram, right = x0.T * x0, x0.T * (b - a * w)
    return lambda p: w + mp.lu_solve(gram + p / unit**2 * mp.eye(a.cols), right)


def penalty_exact(y0, y1):
    """The ridge penalty by leaving out all periods but the last, in turn."""
    a = mp.matrix(y0.tolist())
    T, J = y0.shape
    x0 = a - a * mp.ones(J) / J
    largest = max(mp.eigsy(x0.T * x0, eigvals_only=True))
    penalties = [largest * mp.mpf("1e-8") ** (mp.mpf(i - 1) / 20) for i in range(21)]
    errors = []
    for period in range(T - 1):
        weights = augmented_exact(np.delete(y0, period, 0), np.delete(y1, period))
        own = mp.mpf(y1[period])
        errors.append([(own - (a[period, :] * weights(p))[0]) ** 2 for p in penalties])
    mean = [mp.fsum(e) / (T - 1) for e in zip(*errors, strict=True)]
    best = min(range(21), key=mean.__getitem__)
    spread = mp.fsum((e[best] - mean[best]) ** 2 for e in errors) / (T - 2) / (T - 1)
    return max(p for p, m in zip(penalties, mean, strict=True) if m <= mean[best] + mp.sqrt(spread))


def test_ridge_corrections_and_chosen_penalties_in_fifty_digits(record_property):
    lost = []
    for scale, seed in product((1e-60, 1e-6, 1.0, 1e6, 1e60), range(2)):
        y0, y1 = (part * scale for part in donors(seed))
        chosen = fit(table(y0, y1), "T", [7, 8], variant="augmented").penalty
        lost.append(digits([chosen / scale**2], [penalty_exact(y0[:7], y1[:7]) / scale**2]))
        weights = augmented_exact(y0[:7], y1[:7])
        for penalty in (chosen, *(scale**2 * size for size in (1e-9, 1e-3, 1e3))):
            found, _ = solve(y0[:7], y1[:7], variant="augmented", penalty=penalty)
            lost.append(apart(found, list(weights(mp.mpf(penalty)))))
    x0 = np.round(donors(0)[0]) - 50
    x0[:, 3] = -x0[:, :3].sum(axis=1)
    a, left = mp.matrix(x0.tolist()), mp.matrix(donors(0)[1].tolist())
    found = _ridge(x0, donors(0)[1], np.array([1e-6, 1.0, 1e6]))
    for correction, penalty in zip(found, (1e-6, 1.0, 1e6), strict=True):
        inverse = (a.T * a + mp.mpf(penalty) * mp.eye(4)) ** -1
        lost.append(apart(correction, list(inverse * (a.T * left))))
    assert max(lost) < DIGITS
    what = f"{-np.log10(max(lost)):.0f} digits"
    told(record_property, "ridge corrections and chosen penalties", len(lost), what)
