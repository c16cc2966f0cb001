"""References of 50 digits (mpmath), and how near a double comes to them."""

import mpmath as mp
import numpy as np
import pytest

from ikm_pmi.errors import EstimationError

DIGITS = 1e-8


def exact(y, X):
    """Estimates, classical errors, residuals and (X'X)^-1 by least squares with 50 digits."""
    design, outcome = mp.matrix(X), mp.matrix(y)
    n, k = design.rows, design.cols
    # In columns of one size, by powers of two: mpmath takes a pivot of 1e-60 for zero.
    largest = [max(abs(v) for v in design[:, j]) for j in range(k)]
    size = [mp.mpf(2) ** mp.floor(mp.log(v, 2)) if v else mp.mpf(1) for v in largest]
    scaled = mp.matrix([[design[i, j] / size[j] for j in range(k)] for i in range(n)])
    gram = scaled.T * scaled
    b = mp.lu_solve(gram, scaled.T * outcome)
    e = outcome - scaled * b
    inverse = gram**-1
    for i in range(k):
        b[i] /= size[i]
        for j in range(k):
            inverse[i, j] /= size[i] * size[j]
    s2 = mp.fsum(v * v for v in e) / (n - k)
    return list(b), [mp.sqrt(s2 * inverse[j, j]) for j in range(k)], e, inverse


def digits(found, true):
    """Largest relative error."""
    return max(float(abs(mp.mpf(float(f)) - t) / abs(t)) for f, t in zip(found, true, strict=True))


def told(record, what, times, outcome):
    record("reliability", {"part": "numbers", "what": what, "times": times, "outcome": outcome})


def apart(found, true, scale=None):
    """Largest difference, relative to ``scale`` (the largest true value)."""
    largest = max(abs(t) for t in true) if scale is None else scale
    both = zip(found, true, strict=True)
    return max(float(abs(mp.mpf(float(f)) - t) / largest) for f, t in both)


def refused(call):
    """The error of a call that must be refused, with all four parts."""
    with pytest.raises(EstimationError) as caught, np.errstate(all="ignore"):
        call()
    assert all((caught.value.expected, caught.value.found, caught.value.where, caught.value.todo))
    return caught.value
