"""The residual checks a reader asks for, each with its null in words."""

from __future__ import annotations

from typing import Any

from ikm_pmi.inference.of_fit import in_time
from ikm_pmi.inference.regression import check_design
from ikm_pmi.language import say
from ikm_pmi.results import TestResult


def residual_checks(
    fit: Any, prefix: str = "residuals", *, lags: int = 12
) -> tuple[TestResult, ...]:
    """Autocorrelation, heteroskedasticity, normality and functional form of a fitted regression.

    Parameters
    ----------
    fit : RegressionResults
        OLS of statsmodels with a constant, T rows in time.
    prefix : str
        The tests are called ``<prefix>.breusch_godfrey``, ``.breusch_pagan``,
        ``.jarque_bera`` and ``.reset``.
    lags : int
        Order of the autocorrelation looked for.

    Raises
    ------
    EstimationError
        For another kind of fit, rows out of order, or a singular design.

    References
    ----------
    Breusch (1978), Godfrey (1978); Breusch and Pagan (1979); Jarque and Bera (1987);
    Ramsey (1969); Durbin and Watson (1950).

    Examples
    --------
    >>> import numpy as np, pandas as pd, statsmodels.formula.api as smf
    >>> draw = np.random.default_rng(1)
    >>> f = pd.DataFrame(draw.normal(size=(96, 2)), columns=["y", "x"])
    >>> [test.name for test in residual_checks(smf.ols("y ~ x", f).fit())][:2]
    ['residuals.breusch_godfrey', 'residuals.breusch_pagan']
    """
    from statsmodels.stats import diagnostic, stattools

    y, X = in_time(fit, gaps=True)
    check_design(X, where=prefix)
    k = X.shape[1]

    def result(name: str, null: str, found: Any, distribution: str, **detail: float) -> TestResult:
        return TestResult(
            name=f"{prefix}.{name}",
            null=null,
            statistic=float(found[0]),
            p_value=float(found[1]),
            distribution=distribution,
            n=len(y),
            detail=detail,
        )

    serial = diagnostic.acorr_breusch_godfrey(fit, nlags=lags, result_object=True)
    godfrey = (serial.lm, serial.lmpval)
    pagan = diagnostic.het_breuschpagan(fit.resid, X.to_numpy(float))
    bera = stattools.jarque_bera(fit.resid)
    reset = diagnostic.linear_reset(fit, power=3, use_f=True)
    watson = float(stattools.durbin_watson(fit.resid))
    return (
        result(
            "breusch_godfrey",
            say("the errors are not autocorrelated up to order {}", lags),
            godfrey,
            say("chi2({})", lags),
            durbin_watson=watson,
        ),
        result(
            "breusch_pagan",
            "the error variance does not depend on the regressors",
            pagan,
            say("chi2({})", k - 1),
        ),
        result("jarque_bera", "the errors are normal", bera, "chi2(2)"),
        result(
            "reset",
            "powers 2 and 3 of the fitted values add nothing",
            (reset.statistic, reset.pvalue),
            say("F({}, {})", int(reset.df_num), int(reset.df_denom)),
        ),
    )
