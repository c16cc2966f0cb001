"""Least squares with one or two effects removed, as a statsmodels result.

``absorb("y ~ x | unit + year", data)`` is ``y ~ x + C(unit) + C(year)`` without its dummies: the
same coefficients, standard errors, R², F and information criteria, at any number of levels.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ikm_pmi.errors import EstimationError, named, shown
from ikm_pmi.inference.absorb import Design, fit, within
from ikm_pmi.inference.fits import Absorbed, Codes, Floats

if TYPE_CHECKING:
    import pandas as pd

#: What statsmodels would compute from the columns alone, as if there were no effects.
_WITHOUT_EFFECTS = (
    *("predict", "get_prediction", "get_robustcov_results", "get_influence", "outlier_test"),
    *("el_test", "conf_int_el", "cov_HC0", "cov_HC1", "cov_HC2", "cov_HC3"),
    *("HC0_se", "HC1_se", "HC2_se", "HC3_se", "compare_lm_test"),
)


def absorb(formula: str, data: pd.DataFrame, weights: str | None = None) -> Any:
    """Ordinary or weighted least squares with effects removed by demeaning.

    Parameters
    ----------
    formula : str
        ``"y ~ x1 + x2 | unit + year"``: what statsmodels reads as a formula, and one or two columns
        of effects behind the bar. The effects hold the intercept.
    data : DataFrame
        n rows; those with a value missing in any column used are left out.
    weights : str, optional
        Column of positive weights (WLS).

    Returns
    -------
    RegressionResults
        Of statsmodels. ``params``, ``bse``, ``conf_int()``, t- and F-tests, ``df_resid``,
        ``rsquared``, ``fvalue``, ``aic`` and ``fittedvalues`` are those of the fit with a dummy for
        each level. What needs the dummies themselves (predictions, influence, statsmodels' robust
        covariances) is refused; :func:`~ikm_pmi.inference.few_clusters.few_clusters` takes the fit
        as it is, and estimates effects that cut across the clusters anew in each sample.

    Raises
    ------
    EstimationError
        For a formula without effects or with more than two, an unknown column, a regressor that
        the effects leave without variation, collinear regressors, or no degrees of freedom.

    References
    ----------
    Frisch & Waugh (1933), Econometrica 1; Baltagi (2021), Econometric Analysis of Panel Data,
    equations 2.5-2.7 and 3.4-3.6.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> f = pd.DataFrame({"unit": np.repeat(list("abcd"), 5), "year": np.tile(range(5), 4)})
    >>> f["x"] = np.arange(20.0) ** 2 % 7
    >>> f["y"] = 2 * f["x"] + np.cos(np.arange(20.0))
    >>> fit = absorb("y ~ x | unit + year", f)
    >>> round(float(fit.params["x"]), 2), float(fit.df_resid)
    (1.85, 11.0)
    """
    import pandas as pd
    import statsmodels.formula.api as smf

    left, effects = _parts(formula)
    whole = np.ones(len(data), dtype=bool)
    for column in (*effects, *([weights] if weights else [])):
        known = named(dict(data.items()), column, what="column", where="the data")
        whole &= known.notna().to_numpy()
    # Names in the formula are looked up where absorb was called: one frame above this one.
    plain = smf.ols(left, data.loc[whole], eval_env=2).data
    used = np.delete(np.flatnonzero(whole), list(plain.missing_row_idx or ()))
    columns = plain.orig_exog.drop(columns="Intercept", errors="ignore")
    if columns.empty:
        raise EstimationError(
            "a regression needs a regressor",
            expected="y ~ x | unit",
            found=formula,
            where="formula",
            todo="name at least one regressor before the bar",
        )
    codes = tuple(pd.factorize(data[effect].array[used])[0] for effect in effects)
    w = np.ones(len(used)) if weights is None else data[weights].to_numpy(np.float64)[used]
    if not (w > 0).all():
        raise EstimationError(
            "a weight is not positive",
            expected="weights above zero",
            found=str(w.min()),
            where=f"{weights}, row {data.index[used[int(w.argmin())]]}",
            todo="leave rows without weight out",
        )
    design = Design(
        outcome=str(plain.ynames),
        names=tuple(map(str, columns.columns)),
        y=np.asarray(plain.endog, np.float64),
        X=columns.to_numpy(np.float64),
        weights=w,
        effects=codes,
        clusters=codes[0],
        labels=(),
    )
    return _result(design, Absorbed(names=effects, codes=codes), data.index, used)


def _parts(formula: str) -> tuple[str, tuple[str, ...]]:
    """What is before the bar, and the columns behind it; a bar in brackets is the formula's own."""
    depth, bar = 0, -1
    for i, sign in enumerate(formula):
        depth += (sign in "([") - (sign in ")]")
        bar = i if sign == "|" and depth == 0 else bar
    effects = tuple(part.strip() for part in formula[bar + 1 :].split("+")) if bar >= 0 else ()
    if "~" not in formula[: max(bar, 0)] or not 1 <= len(effects) <= 2 or "" in effects:
        raise EstimationError(
            "the formula does not say which effects to remove",
            expected="one or two columns behind a bar: y ~ x1 + x2 | unit + year",
            found=shown(formula),
            where="formula",
            todo="join further effects into one column, or write them as C(effect) before the bar",
        )
    return formula[:bar].strip(), effects


def _result(d: Design, absorbed: Absorbed, index: pd.Index, used: Codes) -> Any:
    """The fit of the demeaned columns, told what statsmodels cannot know of the effects."""
    import pandas as pd
    import statsmodels.api as sm
    from statsmodels.regression.linear_model import RegressionResultsWrapper

    df = fit(d).df_resid  # checks variation, rank and degrees of freedom
    w = None if np.all(d.weights == 1) else d.weights
    y = pd.Series(within(d.y, d.effects, w), index[used], name=d.outcome)
    X = pd.DataFrame(within(d.X, d.effects, w), index[used], list(d.names))
    model = sm.OLS(y, X) if w is None else sm.WLS(y, X, weights=w)
    model.df_resid, model.df_model = float(df), float(len(y) - df - 1)
    params = np.asarray(model.fit(method="qr").params)
    model.k_constant = 1  # the effects hold it
    model.absorbed, model.undemeaned = absorbed, d.y
    model.data.frame = pd.DataFrame(index=index)
    model.data.missing_row_idx = np.setdiff1d(np.arange(len(index)), used).tolist()
    return RegressionResultsWrapper(_results_class()(model, params, model.normalized_cov_params))


@cache
def _results_class() -> Any:
    """Results of statsmodels with the sums of squares of the outcome before it was demeaned."""
    from statsmodels.regression.linear_model import OLSResults

    def centered_tss(self: Any) -> float:
        y, w = self.model.undemeaned, getattr(self.model, "weights", 1.0)
        w = np.broadcast_to(w, y.shape)
        return float(w @ (y - np.average(y, weights=w)) ** 2)

    def uncentered_tss(self: Any) -> float:
        return float(np.sum(getattr(self.model, "weights", 1.0) * self.model.undemeaned**2))

    def fittedvalues(self: Any) -> Floats:
        return np.asarray(self.model.undemeaned - self.resid)

    known = {f.__name__: property(f) for f in (centered_tss, uncentered_tss, fittedvalues)}
    refused = {name: property(partial(_refuse, name)) for name in _WITHOUT_EFFECTS}
    return type("AbsorbedResults", (OLSResults,), known | refused)


def _refuse(name: str, _result: Any) -> NoReturn:
    raise EstimationError(
        f"{name} needs the dummies that were absorbed",
        expected="params, bse, conf_int, tests, rsquared, aic or fittedvalues",
        found=name,
        where="a fit of absorb",
        todo="use few_clusters(fit, term, groups=...) for robust errors, "
        "or smf.ols with C(effect) where the levels are few",
    )
