"""A fitted regression with its reference distribution, and the checks every design passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.language import joined, say
from ikm_pmi.results import Estimate


class Reference(Protocol):
    """What a t-ratio is compared with."""

    @property
    def label(self) -> str:
        """The distribution in a few words."""

    def p_value(self, t: float) -> float:
        """Two-sided p of a t-ratio."""

    def critical(self, level: float) -> float:
        """Two-sided critical value of an interval with coverage ``level``."""


@dataclass(frozen=True, slots=True)
class StudentT:
    """Student's t with ``df`` degrees of freedom."""

    df: int

    @property
    def label(self) -> str:
        """The distribution in a few words."""
        return say("t({})", self.df)

    def p_value(self, t: float) -> float:
        """Two-sided p of a t-ratio."""
        from scipy import stats

        return float(2 * stats.t.sf(abs(t), self.df))

    def critical(self, level: float) -> float:
        """Two-sided critical value."""
        from scipy import stats

        return float(stats.t.ppf((1 + level) / 2, self.df))


@dataclass(frozen=True, slots=True)
class Normal:
    """The standard normal."""

    label: str = "normal"

    def p_value(self, t: float) -> float:
        """Two-sided p of a t-ratio."""
        from scipy import stats

        return float(2 * stats.norm.sf(abs(t)))

    def critical(self, level: float) -> float:
        """Two-sided critical value."""
        from scipy import stats

        return float(stats.norm.ppf((1 + level) / 2))


@dataclass(frozen=True, slots=True)
class FixedB:
    """Fixed-b limit of a Bartlett (Newey-West) t-ratio with bandwidth b = S / T.

    The limit is W(1) / sqrt(Q), where Q is a quadratic form in a Brownian bridge independent of
    W(1) (Kiefer and Vogelsang 2005). So P(|t| > c) = P(Z0^2 - c^2 sum_j lambda_j Zj^2 > 0) for
    independent normals, which Imhof's (1961, eq. 3.2) integral gives without simulation. p-values
    and critical values at every level come from this one law (the polynomial published for
    95 percent, fitted to simulations, is a little wide of it: 2.337 for 2.32 at b = 0.125).
    """

    b: float

    @property
    def label(self) -> str:
        """The distribution in a few words."""
        return say("fixed-b (b = {:.3f})", self.b)

    def p_value(self, t: float) -> float:
        """Two-sided p of a t-ratio."""
        return _imhof(np.concatenate([[1.0], -(t**2) * _bartlett_eigenvalues(round(self.b, 6))]))

    def critical(self, level: float) -> float:
        """Two-sided critical value."""
        return _fixed_b_critical(round(self.b, 6), level)


@lru_cache(maxsize=64)
def _fixed_b_critical(b: float, level: float) -> float:
    """Where the two-sided p is one minus the level."""
    from scipy import optimize

    law = FixedB(b)
    return float(optimize.brentq(lambda c: law.p_value(c) - (1 - level), 0.01, 100.0))


@lru_cache(maxsize=64)
def _bartlett_eigenvalues(b: float, points: int = 400) -> NDArray[np.float64]:
    """Eigenvalues of the Bartlett kernel on demeaned noise, on a grid of ``points``."""
    lag = np.abs(np.subtract.outer(np.arange(points), np.arange(points)))
    kernel = np.clip(1 - lag / (b * points), 0, None)
    kernel -= kernel.mean(axis=0)
    kernel -= kernel.mean(axis=1, keepdims=True)
    values: NDArray[np.float64] = np.linalg.eigvalsh(kernel) / points
    return values[values > 1e-12]


def _imhof(weights: NDArray[np.float64]) -> float:
    """P(sum_j w_j Z_j^2 > 0) by Imhof's inversion of the characteristic function."""
    from scipy import integrate

    w = weights / np.abs(weights).max()

    def integrand(u: float) -> float:
        scaled = w * u
        theta = 0.5 * np.arctan(scaled).sum()
        return float(np.sin(theta) / u * np.exp(-0.25 * np.log1p(scaled**2).sum()))

    # On a log scale the integrand is smooth from the origin to its tail.
    value = integrate.quad(lambda v: integrand(np.exp(v)) * np.exp(v), -30, 30, limit=400)[0]
    return float(min(max(0.5 + value / np.pi, 0.0), 1.0))


#: Smallest singular value beside the largest, columns brought to one length, at which a least
#: squares fit of these columns keeps eight digits.
RANK = 1e-8
#: Smallest eigenvalue of ``X'X`` beside the largest, at which its solution keeps six: products
#: square the condition number, so columns pass to 1e-5 only.
GRAM_RANK = 1e-10

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
            method=joined(", ", (self.label, self.reference.label)),
            detail={"inference": self.method},
        )


def size(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A power of two near the largest entry of each column: dividing by it rounds nothing."""
    largest = np.abs(values).max(axis=0)
    return np.asarray(2.0 ** np.round(np.log2(np.where(largest > 0, largest, 1.0))))


def check_rows(y: object, *others: object, where: str = "") -> None:
    """Refuse outcome and regressors whose rows do not belong together, and periods out of order.

    What is computed here goes by the position of a row, so rows must have one index in one order;
    a lag or a run of months also needs the periods to ascend, each once.

    Parameters
    ----------
    y, *others : Series or DataFrame
        The outcome, and what must stand in its rows.

    Raises
    ------
    EstimationError
        Naming the first row that differs, or the first period out of order.
    """
    indexes = [part.index for part in (y, *others) if isinstance(part, pd.Series | pd.DataFrame)]
    if len(indexes) <= len(others):
        raise EstimationError(
            "rows without an index",
            expected="a Series of the outcome, and regressors with the same index",
            found=", ".join(type(part).__name__ for part in (y, *others)),
            where=where,
            todo="give them as pandas Series and DataFrame",
        )
    own = indexes[0]
    for other in indexes[1:]:
        if not own.equals(other):
            raise _unlike(own, other, where)
    if isinstance(own, pd.PeriodIndex | pd.DatetimeIndex):
        late = np.flatnonzero(np.diff(own.asi8) <= 0)
        if len(late):
            before, after = own[late[0]], own[late[0] + 1]
            raise EstimationError(
                "the periods of the rows are not in order, each once",
                expected="periods that ascend",
                found=f"{after} twice" if before == after else f"{after} after {before}",
                where=where or f"row {late[0] + 1} of {len(own)}",
                todo="sort the rows with sort_index(), and keep one row a period",
            )


def _unlike(own: pd.Index, other: pd.Index, where: str) -> EstimationError:
    row = next((i for i, (a, b) in enumerate(zip(own, other, strict=False)) if a != b), None)
    order = own.is_unique and other.is_unique and own.symmetric_difference(other).empty
    return EstimationError(
        "outcome and regressors are not in the same rows",
        expected="one index, in the same order",
        found=f"{len(own)} rows of the outcome, {len(other)} beside them"
        if len(own) != len(other)
        else "labels of another kind"
        if row is None
        else f"row {row} is {own[row]} and {other[row]}"
        + ("; the labels are the same in another order" if order else ""),
        where=where,
        todo="bring them into one order, such as X = X.loc[y.index]",
    )


def check_design(X: pd.DataFrame | NDArray[np.float64], *, spare: int = 1, where: str = "") -> None:
    """Refuse a design whose columns are linearly dependent or nearly so, or too few rows.

    Parameters
    ----------
    X : DataFrame or ndarray, shape (n, k)
    spare : int
        Rows there must be beyond the columns.

    Raises
    ------
    EstimationError
        Naming the columns that take part in the dependence.
    """
    names = X.columns if isinstance(X, pd.DataFrame) else range(X.shape[1])
    values = np.asarray(X, dtype=float)
    n, k = values.shape
    if n < k + spare:
        raise EstimationError(
            "too few rows for the regressors",
            expected=f"more than {k + spare - 1} rows for {k} columns",
            found=f"{n} rows",
            where=where,
            todo="take a longer sample or fewer regressors",
        )
    check_rank(values, names, where=where)


def check_rank(
    values: NDArray[np.float64], names: Iterable[object], *, gram: bool = False, where: str = ""
) -> None:
    """Refuse columns that are linearly dependent or nearly so, whatever their units.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        The columns, or their k products ``X'X`` where ``gram``.
    names : iterable
        Of the columns.

    Raises
    ------
    EstimationError
        Naming the columns that take part in the dependence.
    """
    if gram:
        squares, vectors = np.linalg.eigh(_to_one_length(values))
        singular, right = np.sqrt(np.maximum(squares[::-1], 0.0)), vectors.T[::-1]
    else:
        scaled = values / size(values)
        norms = np.linalg.norm(scaled, axis=0)
        _, singular, right = np.linalg.svd(scaled / np.where(norms > 0, norms, 1.0), False)
    smallest = np.sqrt(GRAM_RANK) if gram else RANK
    null = right[singular < smallest * singular[0]]
    if len(null):
        involved = np.abs(null).max(axis=0) > 1e-6
        # Rounding of X'X hides which of the two it is.
        exact = singular[-1] < len(values) * np.finfo(float).eps * singular[0]
        kind = "" if gram else "exact " if exact else "near "
        raise EstimationError(
            "the design is singular: its columns are collinear",
            expected=f"{len(right)} linearly independent columns",
            found=f"{len(null)} {kind}dependence(s) among: "
            + ", ".join(str(name) for name, one in zip(names, involved, strict=True) if one),
            where=where,
            todo="leave one of these out, an effect that explains it, or choose rows in which they "
            "differ",
        )


def full_rank(grams: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of G matrices ``X'X``, shape (G, k, k), passes :func:`check_rank`."""
    squares = np.linalg.eigvalsh(_to_one_length(grams))
    return np.asarray(squares[:, 0] >= GRAM_RANK * squares[:, -1])


def _to_one_length(grams: NDArray[np.float64]) -> NDArray[np.float64]:
    """``X'X`` of the columns brought to one length; a column of zeros stays."""
    lengths = np.sqrt(np.diagonal(grams, axis1=-2, axis2=-1))
    lengths = np.where(lengths > 0, lengths, 1.0)
    return np.asarray(grams / (lengths[..., :, None] * lengths[..., None, :]))
