"""A fitted regression with its reference distribution, and the check every design passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.reference import Reference
from ikm_pmi.results import Estimate

__all__ = ["Contrast", "HarFit", "check_design", "size"]

#: Beyond this condition number of the columns, brought to one length, fewer than eight digits hold.
_CONDITION = 1e8

Contrast = str | Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class HarFit:
    """Coefficients, covariance and reference distribution of one method.

    Parameters
    ----------
    params : Series, shape (k,)
    cov : DataFrame, shape (k, k)
    reference : Reference
        What a t-ratio is compared with.
    extra : mapping
        What the method estimated besides (``rho``, ``lags``, ``nu``).
    """

    method: str
    label: str
    params: pd.Series
    cov: pd.DataFrame
    reference: Reference
    n: int
    extra: Mapping[str, float] = field(default_factory=dict)

    def linear(self, contrast: Contrast) -> tuple[float, float]:
        """Value and standard error of a linear combination of the coefficients."""
        weights = {contrast: 1.0} if isinstance(contrast, str) else dict(contrast)
        unknown = sorted(set(weights) - set(self.params.index))
        if unknown:
            raise EstimationError(
                f"no coefficient is called {unknown[0]!r}",
                expected="one of " + ", ".join(map(str, self.params.index)),
                found=unknown[0],
                where=self.label,
                todo="correct the name in the combination",
            )
        w = pd.Series(weights, dtype=float).reindex(self.params.index, fill_value=0.0).to_numpy()
        return float(w @ self.params.to_numpy()), float(np.sqrt(w @ self.cov.to_numpy() @ w))

    def estimate(
        self, name: str, contrast: Contrast, *, unit: str = "", level: float = 0.95
    ) -> Estimate:
        """A linear combination as an :class:`~ikm_pmi.results.Estimate` with its t-test of zero."""
        value, error = self.linear(contrast)
        if not error > 0:
            raise EstimationError(
                f"{name} has no standard error",
                expected="residuals, from which an error can be estimated",
                found="a perfect fit",
                where=self.label,
                todo="look for a regressor that holds the outcome, or give the value without error",
            )
        half = self.reference.critical(level) * error
        return Estimate(
            name=name,
            value=value,
            std_error=error,
            ci_low=value - half,
            ci_high=value + half,
            ci_level=level,
            p_value=self.reference.p_value(value / error),
            unit=unit,
            n=self.n,
            method=f"{self.label}, {self.reference.label}",
            detail={"inference": self.method},
        )


def size(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A power of two near the largest entry of each column: dividing by it rounds nothing."""
    largest = np.abs(values).max(axis=0)
    return np.asarray(2.0 ** np.round(np.log2(np.where(largest > 0, largest, 1.0))))


def check_design(X: pd.DataFrame, *, where: str = "") -> None:
    """Refuse a design whose columns are linearly dependent or nearly so, or too few rows.

    Raises
    ------
    EstimationError
        Naming the columns that take part in the dependence.
    """
    values = X.to_numpy(dtype=float)
    n, k = values.shape
    if n <= k:
        raise EstimationError(
            "too few rows for the regressors",
            expected=f"more than {k} rows for {k} columns",
            found=f"{n} rows",
            where=where,
            todo="take a longer sample or fewer regressors",
        )
    scaled = values / size(values)
    norms = np.linalg.norm(scaled, axis=0)
    scaled = scaled / np.where(norms > 0, norms, 1.0)
    _, singular, right = np.linalg.svd(scaled, full_matrices=False)
    null = right[singular < singular[0] / _CONDITION]
    if len(null):
        involved = np.abs(null).max(axis=0) > 1e-6
        exact = singular[-1] < n * np.finfo(float).eps * singular[0]
        kind = "exact" if exact else "near"
        raise EstimationError(
            "the design is singular",
            expected=f"{k} linearly independent columns",
            found=f"{len(null)} {kind} dependence(s) among: "
            + ", ".join(str(c) for c in X.columns[involved]),
            where=where,
            todo="leave one of these out, or choose months in which they differ",
        )
