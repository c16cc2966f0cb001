"""Confidence sets of a ratio of two coefficients, which may be unbounded.

The set of all b for which ``n - b d = 0`` is not rejected: Fieller's for a long-run effect,
Anderson & Rubin's for one instrument (n the reduced form, d the first stage), valid however weak
the instrument is.

References
----------
Fieller (1954), Journal of the Royal Statistical Society B 16. Anderson & Rubin (1949), Annals of
Mathematical Statistics 20. Andrews, Stock & Sun (2019), Annual Review of Economics 11, section 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.language import say


@dataclass(frozen=True, kw_only=True, slots=True)
class RatioSet:
    """A ratio, its delta-method standard error, and the set of values not rejected.

    ``kind`` is ``interval``, ``rays`` (all but an open interval) or ``line`` (no value is
    rejected). ``low`` and ``high`` are the ends of the interval, of the gap between the rays, or
    None.
    """

    value: float
    std_error: float
    kind: str
    low: float | None
    high: float | None

    @property
    def bounded(self) -> bool:
        """Whether the set is an interval."""
        return self.kind == "interval"

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return "unbounded: no value is rejected"
        if self.bounded:
            return say("[{:.3f}, {:.3f}]", self.low, self.high)
        return say("unbounded: up to {:.3f} and from {:.3f}", self.low, self.high)

    def __contains__(self, b: float) -> bool:
        if self.low is None or self.high is None:
            return True
        return self.low <= b <= self.high if self.bounded else b <= self.low or b >= self.high


def ratio_set(
    numerator: float, denominator: float, covariance: NDArray[np.float64], critical: float
) -> RatioSet:
    """Invert ``(n - b d)^2 <= c^2 Var(n - b d)`` for b, in closed form.

    Parameters
    ----------
    numerator, denominator : float
        n and d.
    covariance : ndarray of shape (2, 2)
        Of (n, d).
    critical : float
        c, such as the critical value of t(G-1).

    Raises
    ------
    EstimationError
        When the denominator is exactly zero.

    Examples
    --------
    >>> import numpy as np
    >>> print(ratio_set(1.0, 2.0, np.diag([0.01, 0.01]), 2.0))
    [0.393, 0.618]
    >>> print(ratio_set(1.0, 0.1, np.diag([0.01, 0.01]), 2.0))
    unbounded: up to -9.899 and from 3.233
    """
    n, d, square = numerator, denominator, critical**2
    if d == 0:
        raise EstimationError(
            "the ratio has a denominator of zero",
            expected="a first stage, or one less persistence, different from zero",
            found="exactly 0",
            todo="the instrument or the lag does not vary in this sample",
        )
    value = n / d
    spread = covariance[0, 0] - 2 * value * covariance[0, 1] + value**2 * covariance[1, 1]
    a = d * d - square * covariance[1, 1]
    b = n * d - square * covariance[0, 1]
    c = n * n - square * covariance[0, 0]
    discriminant = b * b - a * c
    error = math.sqrt(max(spread, 0.0)) / abs(d)
    if a == 0 or discriminant < 0:
        # The estimate itself is never rejected, so without real roots nothing is.
        return RatioSet(value=value, std_error=error, kind="line", low=None, high=None)
    root = math.sqrt(discriminant)
    low, high = sorted(((b - root) / a, (b + root) / a))
    kind = "interval" if a > 0 else "rays"
    return RatioSet(value=value, std_error=error, kind=kind, low=low, high=high)
