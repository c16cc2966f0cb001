"""Effects removed from columns, and regressions on what is left.

Panel regressions by demeaning: one effect exactly, two by alternating projections or by solving
for the smaller one, with the number of parameters that the effects are.

References
----------
Baltagi (2021), Econometric Analysis of Panel Data, chapters 2 and 3. Frisch & Waugh (1933),
Econometrica 1. Guimarães & Portugal (2010), Stata Journal 10, section 3 (alternating projections).
Wansbeek & Kapteyn (1989), Journal of Econometrics 41 (unbalanced two-way panels, solved for the
smaller effect).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError, named
from ikm_pmi.inference.clusters import ClusterMoments, cluster_moments
from ikm_pmi.inference.regression import check_rank

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

MAX_SWEEPS = 10_000
#: A table of cells is made up to this many columns, and this many cells a row of the data (or
#: this many in all).
MAX_COLUMNS = 100
MAX_EMPTY = 4
SMALL_TABLE = 50_000
#: Share of its variance a combination of columns keeps once rows are removed, below which none.
SINGULAR = 1e-11
#: Turns of the direct solution before alternating projections take over.
MAX_TURNS = 4


def within(
    values: Floats, effects: Sequence[Codes], weights: Floats | None = None, tol: float = 1e-12
) -> Floats:
    """Remove the (weighted) means of every effect, until none exceeds ``tol`` times the spread.

    One effect takes one pass. Two effects whose table of cells is not much larger than the data
    (units by years) are removed at once by the normal equations of the smaller one, balanced or
    not. Everything else, and what these leave, goes through alternating projections. Time is
    linear in rows.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, k)
    effects : sequence of ndarray of shape (n,)
        Codes 0 .. levels-1, each used.
    weights : ndarray of shape (n,), optional
        Positive.

    Raises
    ------
    EstimationError
        When the sweeps do not converge.

    Examples
    --------
    >>> import numpy as np
    >>> unit, year = np.repeat([0, 1], 2), np.tile([0, 1], 2)
    >>> within(np.array([1.0, 2.0, 5.0, 9.0]), [unit, year]).tolist()
    [0.75, -0.75, -0.75, 0.75]
    """
    out = np.array(values, dtype=float, order="F")  # each column in one piece
    table, totals = _table(effects, weights), None
    for x in out.T if out.ndim == 2 else [out]:
        middle = x.mean()
        enough = tol * (float(max(x.max() - middle, middle - x.min())) or 1.0)
        if table is None or not _remove(x, table, weights, enough):
            totals = totals or [np.bincount(codes, weights).astype(float) for codes in effects]
            _sweep(x, effects, totals, weights, enough)
    return out


def _sweep(
    x: Floats, effects: Sequence[Codes], totals: list[Floats], weights: Floats | None, enough: float
) -> None:
    """Alternating projections in place, until no mean exceeds ``enough``."""
    largest = 0.0
    for sweep in range(MAX_SWEEPS + 1):
        largest = 0.0
        for codes, total in zip(effects, totals, strict=True):
            means = np.bincount(codes, x if weights is None else weights * x) / total
            x -= means[codes]
            if sweep:  # the first pass moves everything
                largest = max(largest, float(np.abs(means).max()))
        if len(effects) < 2 or (sweep and largest <= enough):
            return
    raise EstimationError(
        "the effects could not be removed",
        expected=f"convergence within {MAX_SWEEPS} sweeps",
        found=f"means of {largest:.1e} are left, {enough:.1e} are allowed",
        todo="the panel is barely connected: drop units seen in one year only",
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Table:
    """Two effects as the table of their cells: rows are the one with more levels.

    ``inverse`` is the pseudo-inverse of ``D_c - N' D_r^-1 N``, the normal equations of the column
    effect once the row effect is removed: one direction per connected component has no answer.
    """

    cells: Codes
    counts: Floats
    rows: Floats
    columns: Floats
    inverse: Floats


def _table(effects: Sequence[Codes], weights: Floats | None) -> _Table | None:
    """The table of two effects, where it is small enough to be worth making."""
    if len(effects) != 2:
        return None
    (n_rows, row), (n_columns, column) = sorted(
        ((levels(codes), codes) for codes in effects), key=lambda one: -one[0]
    )
    if n_columns > MAX_COLUMNS or n_rows * n_columns > max(MAX_EMPTY * len(row), SMALL_TABLE):
        return None
    cells = row * n_columns
    cells += column
    counts = np.bincount(cells, weights, minlength=n_rows * n_columns).astype(float)
    counts = counts.reshape(n_rows, n_columns)
    # Products with ones: sums over a short axis are ten times slower.
    rows, columns = counts @ np.ones(n_columns), np.ones(n_rows) @ counts
    root = 1 / np.sqrt(columns)
    scaled = np.eye(n_columns) - root[:, None] * (counts.T @ (counts / rows[:, None])) * root
    values, vectors = np.linalg.eigh(scaled)
    usable = values > SINGULAR
    half = root[:, None] * vectors[:, usable] / np.sqrt(values[usable])
    return _Table(cells=cells, counts=counts, rows=rows, columns=columns, inverse=half @ half.T)


def _remove(x: Floats, table: _Table, weights: Floats | None, enough: float) -> bool:
    """Solve for both effects and take them off x in place; whether no mean is left.

    Every further turn solves for what rounding left of the one before.
    """
    shape = table.counts.shape
    ones = np.ones(shape[0]), np.ones(shape[1])
    for turn in range(MAX_TURNS + 1):
        values = x if weights is None else weights * x
        sums = np.bincount(table.cells, values, minlength=table.counts.size).reshape(shape)
        means, column = sums @ ones[1] / table.rows, ones[0] @ sums
        if turn:
            largest = max(np.abs(means).max(), np.abs(column / table.columns).max())
            if largest <= enough or turn == MAX_TURNS:
                return bool(largest <= enough)
        b = table.inverse @ (column - means @ table.counts)
        a = means - table.counts @ b / table.rows
        np.add.outer(a, b, out=sums)  # its memory is warm
        x -= sums.ravel().take(table.cells)
    return False


def levels(codes: Codes) -> int:
    """Number of levels of a factor coded 0, 1, ..."""
    return int(codes.max()) + 1


def nested(codes: Codes, clusters: Codes) -> bool:
    """Whether every level lies in one cluster."""
    first = np.empty(levels(codes), dtype=clusters.dtype)
    first[codes] = clusters
    return bool(np.array_equal(first[codes], clusters))


def _components(one: Codes, other: Codes) -> Codes:
    """Connected component of each level of the second effect, in the graph of the rows."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n_one, n_other = levels(one), levels(other)
    size = n_one + n_other
    links = coo_matrix((np.ones(len(one)), (one, n_one + other)), shape=(size, size))
    return np.asarray(connected_components(links, directed=False)[1][n_one:], dtype=np.intp)


def first_of_components(one: Codes, other: Codes) -> Codes:
    """One level of the second effect per connected component: dummies the first one spans."""
    return np.unique(_components(one, other), return_index=True)[1]


def redundant(effects: Sequence[Codes]) -> int:
    """Dummies of two effects that the others already span: one per connected component."""
    if len(effects) > 2:
        raise EstimationError(
            "degrees of freedom are known for at most two effects",
            expected="one or two effects",
            found=f"{len(effects)} effects",
            todo="combine two of them into one column",
        )
    return len(first_of_components(*effects)) if len(effects) == 2 else 0


#: Largest number of levels of an effect that cuts across clusters and so becomes columns.
MAX_DUMMIES = 200


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Design:
    """Arrays of one regression: n rows, k regressors.

    ``effects`` and ``clusters`` are codes 0 .. levels-1; ``weights`` are frequency-like, of mean 1.
    """

    outcome: str
    names: tuple[str, ...]
    y: Floats
    X: Floats
    weights: Floats
    effects: tuple[Codes, ...]
    clusters: Codes
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PanelFit:
    """Coefficients with classical standard errors; cluster-robust ones come from the moments.

    ``df_resid`` counts the absorbed effects; ``rsquared`` is that of the demeaned data.
    """

    names: tuple[str, ...]
    params: Floats
    bse: Floats
    nobs: int
    df_resid: int
    rsquared: float
    scale: float

    def __getitem__(self, name: str) -> tuple[float, float]:
        """Coefficient and classical standard error of a regressor."""
        i = named({n: i for i, n in enumerate(self.names)}, name, what="regressor")
        return float(self.params[i]), float(self.bse[i])


def design(
    frame: pd.DataFrame,
    outcome: str,
    regressors: Sequence[str],
    *,
    effects: Sequence[str] = (),
    weights: str | None = None,
    cluster: str = "unit",
) -> Design:
    """Take the columns of a regression from a frame.

    Parameters
    ----------
    frame : DataFrame
        One row per observation; no missing value in the columns used.
    outcome, regressors, weights : str
        Numeric columns. Weights are positive; they are scaled to mean 1.
    effects : sequence of str
        Columns whose every level gets an intercept. Without any, one constant ``const`` is added.
    cluster : str
        Column of the clusters.

    Raises
    ------
    EstimationError
        When a value is missing or infinite, with column and row.
    """
    import pandas as pd

    columns = [outcome, *regressors, *([weights] if weights else [])]
    for column in (*columns, *effects, cluster):
        named({name: name for name in frame}, column, what="column", where="the panel")
    for column in columns:
        bad = ~np.isfinite(frame[column].to_numpy(dtype=float, na_value=np.nan))
        if bad.any():
            raise EstimationError(
                f"{column} is missing or infinite in {int(bad.sum())} of {len(frame)} rows",
                expected="finite numbers",
                found=str(frame[column].iloc[int(np.argmax(bad))]),
                where=f"row {frame.index[int(np.argmax(bad))]}",
                todo="restrict the sample to rows that have it, and say so",
            )
    w = frame[weights].to_numpy(float) if weights else np.ones(len(frame))
    X = frame[list(regressors)].to_numpy(float)
    names = tuple(regressors)
    if not effects:
        X, names = np.column_stack([np.ones(len(frame)), X]), ("const", *names)
    codes, labels = pd.factorize(frame[cluster], sort=True)
    return Design(
        outcome=outcome,
        names=names,
        y=frame[outcome].to_numpy(float),
        X=X,
        weights=w / w.mean(),
        effects=tuple(pd.factorize(frame[effect])[0] for effect in effects),
        clusters=codes,
        labels=tuple(map(str, labels)),
    )


def fit(d: Design) -> PanelFit:
    """Least squares of the demeaned data (statsmodels), with the right degrees of freedom.

    Equal to the regression on dummy variables: ``df_resid = n - k - rank of the effects``.

    Raises
    ------
    EstimationError
        When the regressors are collinear with the effects or no degree of freedom is left.
    """
    import statsmodels.api as sm

    weights = None if np.all(d.weights == 1) else d.weights
    y, X = within(d.y, d.effects, weights), within(d.X, d.effects, weights)
    df = len(y) - X.shape[1] - sum(map(levels, d.effects)) + redundant(d.effects)
    if df < 1:
        raise EstimationError(
            f"the regression of {d.outcome} has no degrees of freedom left",
            expected="more rows than parameters",
            found=f"{len(y)} rows, {len(y) - df} parameters",
            todo="use more years, or fewer effects",
        )
    _require_variation(d, X)
    model = sm.OLS(y, X) if weights is None else sm.WLS(y, X, weights=weights)
    model.df_resid = df  # statsmodels cannot know what was absorbed
    result = model.fit(method="qr")
    return PanelFit(
        names=d.names,
        params=np.asarray(result.params),
        bse=np.asarray(result.bse),
        nobs=len(y),
        df_resid=df,
        rsquared=float(result.rsquared),
        scale=float(result.scale),
    )


def moments(d: Design) -> ClusterMoments:
    """The regression reduced to its clusters, for CRV1, CRV3 and the wild bootstrap.

    An effect nested in the clusters is demeaned away; one that cuts across them becomes dummy
    columns after the regressors, since every leave-one-out sample estimates it anew.

    Raises
    ------
    EstimationError
        When more than one effect cuts across the clusters, or one has too many levels.
    """
    inner = [codes for codes in d.effects if nested(codes, d.clusters)]
    across = [codes for codes in d.effects if not nested(codes, d.clusters)]
    if len(across) > 1 or (across and levels(across[0]) > MAX_DUMMIES):
        raise EstimationError(
            "cluster inference cannot absorb these effects",
            expected=f"at most one effect across clusters, of at most {MAX_DUMMIES} levels",
            found=", ".join(f"{levels(codes)} levels" for codes in across),
            todo="cluster by the unit, so that its effects are nested",
        )
    columns = [d.y[:, None], d.X]
    intercepts = min(len(inner), 1)
    if across:
        dummies = np.equal.outer(across[0], np.arange(levels(across[0]))).astype(float)
        if inner:
            drop = first_of_components(inner[0], across[0])
            dummies, intercepts = np.delete(dummies, drop, axis=1), len(drop)
        columns.append(dummies)
    block = np.column_stack(columns)
    weights = None if np.all(d.weights == 1) else d.weights
    if inner:
        block = within(block, inner, weights)
    _require_variation(d, block[:, 1 : 1 + d.X.shape[1]])
    block *= np.sqrt(d.weights)[:, None]
    return cluster_moments(
        block[:, 0], block[:, 1:], d.clusters, labels=d.labels, absorbed=intercepts
    )


def random_effects(d: Design) -> PanelFit:
    """Random effects of the unit by quasi-demeaning, variances after Swamy & Arora (1972).

    ``theta_i = 1 - sqrt(s_e^2 / (T_i s_u^2 + s_e^2))``; statsmodels on ``y - theta_i ybar_i``.
    """
    (unit,) = d.effects
    counts = np.bincount(unit)
    X = np.column_stack([np.ones(len(d.y)), d.X])
    means = np.stack([np.bincount(unit, x) for x in (d.y, *X.T)], axis=1) / counts[:, None]
    left = means[:, 0] - means[:, 1:] @ np.linalg.lstsq(means[:, 1:], means[:, 0])[0]
    s_e = fit(d).scale
    between = float(left @ left) / (len(counts) - X.shape[1])
    s_u = max(between - s_e * float((1 / counts).mean()), 0.0)
    theta = (1 - np.sqrt(s_e / (counts * s_u + s_e)))[unit]
    moved = np.column_stack([d.y, X]) - theta[:, None] * means[unit]
    names = ("const", *d.names)
    return fit(replace(d, names=names, y=moved[:, 0], X=moved[:, 1:], effects=()))


def _require_variation(d: Design, X: Floats) -> None:
    """Refuse regressors that the effects leave without variation, or that are collinear."""
    for name, before, after in zip(d.names, d.X.T, X.T, strict=True):
        if np.abs(after).max() <= 1e-10 * np.abs(before).max():
            raise EstimationError(
                f"{name} does not vary once the effects are removed",
                expected="variation within the effects",
                found=f"none in {len(before)} rows",
                todo=f"drop {name}, or an effect",
            )
    check_rank(X.T @ X, d.names, gram=True, where=f"{len(X)} rows, effects removed")
