"""What inference needs of a statsmodels result: its rows, a hypothesis, and the clusters.

A fit is an OLS or WLS result, from a formula or from arrays. Everything here that statsmodels does
not document (its manager of formulas, the labels and gaps of its rows) is used in this module only.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError, shown

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Absorbed:
    """Effects that were removed before a fit; kept on the fit's model as ``model.absorbed``.

    ``codes`` holds one array of shape (n,) an effect, levels 0 .. L-1, each used.
    """

    names: tuple[str, ...]
    codes: tuple[Codes, ...]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FittedRows:
    """The rows a fit used.

    Parameters
    ----------
    outcome : str
        Name of the outcome.
    names : tuple of str
        Columns of X, as ``exog_names``.
    y : ndarray of shape (n,)
    X : ndarray of shape (n, k)
        Neither is weighted.
    weights : ndarray of shape (n,) or None
        Of a WLS fit.
    labels : Index or None
        Labels of the rows; None where the fit was given arrays.
    dropped : tuple of int
        Positions of the rows that the fit left out for missing values.
    given : Index or None
        Labels of all rows that the fit was given, dropped ones included.
    terms : dict of str to slice
        Columns of each term of a formula.
    absorbed : Absorbed or None
        Effects that :func:`~ikm_pmi.inference.absorbed.absorb` removed.
    """

    outcome: str
    names: tuple[str, ...]
    y: Floats
    X: Floats
    weights: Floats | None
    labels: pd.Index | None
    dropped: tuple[int, ...]
    given: pd.Index | None
    constant: bool
    terms: dict[str, slice] = field(default_factory=dict)
    absorbed: Absorbed | None = None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Hypothesis:
    """A linear hypothesis ``r'b = value`` on one fit; ``words`` is how it was written.

    ``term`` is its left side in words: a column, or a combination of columns.
    """

    r: Floats
    value: float
    term: str
    words: str


def fitted_rows(fit: object) -> FittedRows:
    """The rows of an OLS or WLS result of statsmodels.

    Raises
    ------
    EstimationError
        For anything else, named by its type: GLS, GLM, a penalised fit, a model without a fit.
    """
    import statsmodels.api as sm
    from statsmodels.regression.linear_model import RegressionResults

    inner = getattr(fit, "_results", fit)
    model: Any = getattr(inner, "model", None)
    if type(model) not in (sm.OLS, sm.WLS) or not isinstance(inner, RegressionResults):
        raise EstimationError(
            "this is not a fitted OLS or WLS regression of statsmodels",
            expected="what smf.ols(...).fit(), smf.wls(...).fit(), sm.OLS or sm.WLS give",
            found=" of ".join(type(part).__name__ for part in (inner, model) if part is not None),
            todo="fit the regression by least squares first"
            if not hasattr(fit, "params")
            else "write the regression as OLS or WLS: other fits have other scores",
        )
    data = model.data
    given = data.frame.index if getattr(data, "frame", None) is not None else None
    labels = getattr(data, "row_labels", None)
    return FittedRows(
        outcome=str(model.endog_names),
        names=tuple(map(str, model.exog_names)),
        y=np.asarray(model.endog, np.float64),
        X=np.asarray(model.exog, np.float64).reshape(len(model.endog), -1),
        weights=np.asarray(model.weights, np.float64) if isinstance(model, sm.WLS) else None,
        labels=labels,
        dropped=tuple(getattr(data, "missing_row_idx", None) or ()),
        given=given,
        constant=bool(data.k_constant),
        terms=_terms(data),
        absorbed=getattr(model, "absorbed", None),
    )


def _manager(data: Any) -> Any:
    """The reader of formulas that statsmodels has, with the engine that wrote this design."""
    from statsmodels.formula._manager import FormulaManager

    spec = getattr(data, "model_spec", None)
    engine = type(spec).__module__.split(".")[0] if spec is not None else None
    return FormulaManager(engine if engine in ("patsy", "formulaic") else None)


def _terms(data: Any) -> dict[str, slice]:
    spec = getattr(data, "model_spec", None)
    if spec is None:
        return {}
    return {str(name): part for name, part in _manager(data).get_term_name_slices(spec).items()}


def hypothesis_of(fit: Any, text: str) -> Hypothesis:
    """A hypothesis on the coefficients of a fit, as statsmodels writes it.

    Parameters
    ----------
    text : str
        A name of ``fit.model.exog_names`` (the hypothesis that it is zero), taken as it stands
        before anything is parsed; or one linear restriction: ``x = 1``, ``x1 + x2 = 1``,
        ``2*x1 = x2``. Without an equals sign the combination is zero.

    Raises
    ------
    EstimationError
        For a name that is not there (with the nearest), ``==``, inequalities, several
        restrictions, or one that holds whatever the coefficients are.
    """
    names = list(map(str, fit.model.exog_names))
    if not isinstance(text, str):
        raise _unreadable(text, names, "a text", "write the hypothesis as text, such as 'x = 1'")
    if text in names:
        return Hypothesis(r=np.eye(len(names))[names.index(text)], value=0.0, term=text, words=text)
    bare = text
    for name in sorted(names, key=len, reverse=True):
        bare = bare.replace(name, " ")
    for sign in ("==", "!=", ">", "<"):
        if sign in bare:
            raise _unreadable(
                text, names, f"{sign} in it", "write an equality with one sign: 'x = 1'"
            )
    if bare.count("=") > 1 or "," in bare:
        raise _unreadable(text, names, "several restrictions", "test one restriction at a time")
    r, value = _parsed(fit, text, bare, names)
    parts = [f"{'' if c == 1 else f'{c:g}*'}{names[i]}" for i, c in enumerate(r) if c]
    term = " + ".join(parts).replace("+ -1*", "- ").replace("+ -", "- ")
    return Hypothesis(r=r, value=value, term=term, words=text)


def _parsed(fit: Any, text: str, bare: str, names: list[str]) -> tuple[Floats, float]:
    try:
        parsed = _manager(fit.model.data).get_linear_constraints(text, names)
        r = np.asarray(parsed.constraint_matrix, np.float64)
        value = np.asarray(parsed.constraint_values, np.float64).ravel()
    except Exception as error:  # patsy and formulaic raise whatever their parser met
        words = [w for w in bare.replace("=", " ").split() if any(c.isalpha() for c in w)]
        near = [
            name
            for word in (text.split("=")[0].strip(), *words)
            for name in difflib.get_close_matches(word, names, n=1)
        ]
        raise _unreadable(
            text,
            names,
            f"{words[0]!r} in it" if words else "nothing that can be read",
            f"did you mean {near[0]!r}?" if near else "use the names of fit.model.exog_names",
        ) from error
    if len(r) > 1:
        raise _unreadable(text, names, "several restrictions", "test one restriction at a time")
    if r.shape != (1, len(names)) or not r.any() or not np.isfinite(r).all():
        raise _unreadable(
            text, names, "no coefficient in it", "write one restriction that a coefficient decides"
        )
    return r[0], float(value[0])


def _unreadable(text: object, names: list[str], found: str, todo: str) -> EstimationError:
    return EstimationError(
        "the hypothesis cannot be read",
        expected="one column ("
        + ", ".join(names[:12])
        + (", ..." if len(names) > 12 else "")
        + f") or one restriction on them, such as '{names[-1]} = 1'",
        found=f"{shown(text)}: {found}",
        where="hypothesis",
        todo=todo,
    )


def cluster_codes(rows: FittedRows, groups: Any) -> tuple[Codes, tuple[str, ...]]:
    """The cluster of each row of a fit, by label where there are labels.

    Parameters
    ----------
    groups : Series or array of shape (n,)
        A Series is matched by its labels; an array has one entry a row of the fit, or one a row
        that the fit was given, of which those that it dropped are dropped here too.

    Returns
    -------
    codes : ndarray of shape (n,)
        0 .. G-1 in the order of the sorted names.
    names : tuple of str

    Raises
    ------
    EstimationError
        When rows cannot be matched without guessing, a row has no cluster, or all have the same.
    """
    import pandas as pd

    values = _aligned(rows, groups)
    codes, names = pd.factorize(pd.Index(values), sort=True)
    if (codes < 0).any():
        first = int(np.argmin(codes))
        raise EstimationError(
            "rows of the fit have no cluster",
            expected="a cluster for each row that the fit used",
            found=f"{int((codes < 0).sum())} missing of {len(codes)}",
            where=f"row {first if rows.labels is None else rows.labels[first]}",
            todo="leave these rows out of the fit, or fill in their clusters",
        )
    if len(names) < 2:
        raise EstimationError(
            "cluster-robust inference needs several clusters",
            expected="at least 2 clusters",
            found=f"{len(names)} cluster, {len(codes)} rows",
            where="groups",
            todo="cluster by a variable with more levels",
        )
    return codes, tuple(map(str, names))


def _aligned(rows: FittedRows, groups: Any) -> Any:
    """The values of the groups in the rows of the fit."""
    import pandas as pd

    n, every = len(rows.y), len(rows.y) + len(rows.dropped)
    if isinstance(groups, pd.Series) and rows.labels is not None:
        own, index = rows.labels, groups.index
        if index.equals(own):
            return groups.array
        if rows.given is not None and index.equals(rows.given):
            return groups.array[np.delete(np.arange(every), rows.dropped)]
        if index.is_unique and own.is_unique and own.isin(index).all():
            return groups.reindex(own).array
        absent = own[~own.isin(index)]
        raise EstimationError(
            "the groups cannot be matched with the rows of the fit",
            expected="the labels of the fit's rows, each once",
            found="labels that stand twice" if not len(absent) else f"none for {absent[0]}",
            where=f"{len(absent)} of {n} rows without a group; {len(groups)} groups",
            todo="give the column of the very frame that the fit was made from",
        )
    values = np.asarray(groups)
    if values.ndim != 1 or len(values) not in (n, every):
        raise EstimationError(
            "groups of another length than the fit",
            expected=f"{n} entries, one a row that the fit used"
            + (f", or {every} with those it dropped" if every > n else ""),
            found=f"{' x '.join(map(str, values.shape)) or 'one'} entries",
            where="groups",
            todo="give a Series with the labels of the fit's rows",
        )
    return values if len(values) == n else np.delete(values, rows.dropped)
