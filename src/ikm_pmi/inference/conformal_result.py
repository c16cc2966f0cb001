"""What a conformal test found: effect, p-value and confidence set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.language import spoken
from ikm_pmi.results import Estimate, TestResult, number

__all__ = ["ConformalResult"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ConformalResult:
    """Effect, test of no effect and confidence set of a conformal test.

    Parameters
    ----------
    effect : float
        Effect at which the treated residuals average zero, in units of y; without lags the
        least-squares coefficient of the episode's dummy.
    p_value, minimum_p : float
        Of no effect; 1/n is the smallest that n cyclic shifts can give.
    candidates, p_values : ndarray, shape (C,)
    intervals : tuple of (low, high)
        The pieces of the confidence set; None where a piece has no end.
    n, dropped, lags : int
        Periods ranked, periods set aside, lags of y among the regressors.
    """

    effect: float
    p_value: float
    minimum_p: float
    candidates: Array
    p_values: Array
    intervals: tuple[tuple[float | None, float | None], ...]
    level: float
    n: int
    dropped: int
    lags: int

    @property
    def low(self) -> float | None:
        """Lower end of the whole set; None when it has none."""
        return self.intervals[0][0]

    @property
    def high(self) -> float | None:
        """Upper end of the whole set; None when it has none."""
        return self.intervals[-1][1]

    @property
    def set_text(self) -> str:
        """The confidence set as a reader writes it, with its pieces and missing ends."""
        return " and ".join(
            f"{'−∞' if low is None else number(low)} to {'∞' if high is None else number(high)}"
            for low, high in self.intervals
        )

    def test(self, name: str, null: str) -> TestResult:
        """The test of no effect, with its null in words."""
        return TestResult(
            name=name,
            null=null,
            statistic=self.effect,
            p_value=self.p_value,
            distribution=f"{self.n} moving-block (cyclic) permutations, null imposed",
            n=self.n,
            minimum_p=self.minimum_p,
            detail={"lags": self.lags, "dropped": self.dropped},
        )

    def estimate(self, name: str, unit: str = "index points") -> Estimate:
        """The effect; ``ci_low`` and ``ci_high`` are the outer ends of its set."""
        return Estimate(
            name=name,
            value=self.effect,
            unit=unit,
            method=f"least squares, conformal set by test inversion ({self.set_text})",
            n=self.n,
            ci_low=self.low,
            ci_high=self.high,
            ci_level=self.level,
            p_value=self.p_value,
            detail={"minimum_p": self.minimum_p, "connected": len(self.intervals) == 1},
        )

    def table(self) -> pd.DataFrame:
        """Candidate effects and their p-values, shape (C, 2)."""
        return pd.DataFrame({"effect": self.candidates, "p_value": self.p_values})

    @spoken
    def sentence(self) -> str:
        """Effect, set, p and its floor in one sentence."""
        p, least = number(self.p_value, 3), number(self.minimum_p, 3)
        found = f"Effect {number(self.effect)} ({self.level:.0%} conformal set {self.set_text})"
        return f"{found}, p = {p} (smallest attainable {least}), n = {self.n}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe values without the grid; an end that does not exist is None."""
        names = ("effect", "p_value", "minimum_p", "intervals", "level", "n", "dropped", "lags")
        return {name: getattr(self, name) for name in names}
