"""A product of links, each known only so well: what they leave open of it.

An estimated link is normal, as wide as its own 95% interval; a stated one has its value for median
and a density that falls in a straight line to either end of its range. Products have no closed form
here, so they are taken at the points of one even lattice (u_i = i a mod 1, with a from the
generalized golden ratio), which needs no seed: whoever repeats it gets the same interval.

References
----------
MacKinnon, Lockwood & Williams (2004), Multivariate Behavioral Research 39, for intervals of a
product of estimates; Niederreiter (1992), Random Number Generation and Quasi-Monte Carlo Methods.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.regression import Normal
from ikm_pmi.results import Estimate, percent

POINTS = 2**16
#: Every link has a column of the lattice to itself, so that links are independent.
COLUMNS = (
    "gap", "bridge", "pass_through", "elasticity", "additional", "share_manufacturing",
    "import_leakage", "indirect_share", "multiplier",
)  # fmt: skip
Values = NDArray[np.float64]


@cache
def steps() -> tuple[float, ...]:
    """The step of each column: powers of 1 / x, where x^10 = x + 1."""
    x = 2.0
    for _ in range(100):
        x = (1 + x) ** (1 / (len(COLUMNS) + 1))
    return tuple(x ** -(place + 1) for place in range(len(COLUMNS)))


@cache
def lattice(name: str) -> Values:
    """Evenly spread places in (0, 1) of one link, shape (POINTS,)."""
    u = 0.5 + np.arange(1, POINTS + 1) * steps()[COLUMNS.index(name)]
    return np.asarray(u - np.floor(u))


@cache
def normal(name: str) -> Values:
    """The same places as quantiles of the standard normal."""
    from scipy.special import ndtri

    return np.asarray(ndtri(lattice(name)))


@dataclass(frozen=True, slots=True)
class Link:
    """A factor of a product: its value, and how wide it is.

    Parameters
    ----------
    name : str
        One of ``COLUMNS``.
    value : float
    sd : float
        Standard deviation of a normal link.
    span : (float, float), optional
        Lowest and highest value of a stated one.
    """

    name: str
    value: float
    sd: float = 0.0
    span: tuple[float, float] | None = None

    @classmethod
    def estimated(cls, name: str, estimate: Estimate) -> Link:
        """A normal link as wide as the estimate's own interval.

        Raises
        ------
        EstimationError
            When the interval is open; an estimate without any is known.
        """
        low, high, level = estimate.ci_low, estimate.ci_high, estimate.ci_level
        if level is None:
            return cls(name, estimate.value)
        if low is None or high is None:
            raise EstimationError(
                f"{estimate.name} has no bounded interval to draw from",
                expected="both ends of the interval",
                found=f"{low} to {high}",
                todo="choose another link, or a longer sample",
            )
        return cls(name, estimate.value, (high - low) / 2 / Normal().critical(level))

    def known(self, uncertain: Collection[str]) -> Link:
        """The same link, held at its value where it is not named among the uncertain ones."""
        return self if self.name in uncertain else Link(self.name, self.value)

    def values(self) -> Values | float:
        """Its values at the points of the lattice; its value where it is known."""
        if self.span is not None and self.span[1] > self.span[0]:
            return stated(lattice(self.name), self.span[0], self.value, self.span[1])
        return self.value + self.sd * normal(self.name) if self.sd else self.value


def stated(u: Values, low: float, value: float, high: float) -> Values:
    """Quantiles of a stated input: half its weight on either side of its value."""
    below, above = low + (value - low) * np.sqrt(2 * u), high - (high - value) * np.sqrt(2 - 2 * u)
    return np.where(u < 0.5, below, above)


def with_interval(estimate: Estimate, values: Values | float, level: float) -> Estimate:
    """The estimate with the central interval of what its links leave open.

    Raises
    ------
    EstimationError
        When the interval does not hold the value, with the links that stand at an end.
    """
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = (float(end) for end in np.quantile(np.atleast_1d(values), tails))
    slack = 1e-9 * max(abs(low), abs(high))
    if not low - slack <= estimate.value <= high + slack:
        raise EstimationError(
            f"the interval of {estimate.name} does not hold its value",
            expected=f"a value between {low:.6g} and {high:.6g}, the {percent(level)} interval",
            found=f"{estimate.value:.6g}",
            where="a product of links so wide that its middle is not the product of their values",
            todo="ask for more confidence, or let fewer links be uncertain",
        )
    return replace(estimate, ci_low=low, ci_high=high, ci_level=level,
                   std_error=float(np.std(values)))  # fmt: skip
