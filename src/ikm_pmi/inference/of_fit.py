"""Inference for a time series as a function of a statsmodels result.

Kinds of standard error beside each other, and what replaces them where a regressor is on for two
or three periods: placebo windows, shifts in time, conformal sets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.data.frames import month_of
from ikm_pmi.errors import EstimationError, named
from ikm_pmi.inference.conformal import ConformalResult, conformal_by_shifts
from ikm_pmi.inference.fits import fitted_rows, hypothesis_of
from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.shift import shift_in_time
from ikm_pmi.inference.windows import half_width, leave_window_out, rank_p_value
from ikm_pmi.language import say, translated
from ikm_pmi.results import (
    Estimate,
    Readable,
    TestResult,
    number,
    p_said,
    percent,
    probability,
    span,
)

#: What :func:`har` sets beside each other.
BESIDE = ("ols", "newey_west", "cosine", "prais_winsten")
_QUARTER = re.compile(r"(?:19|20)\d\d-?[Qq][1-4]")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False, slots=True)
class HarReadings(Readable):
    """One hypothesis on a fit under several kinds of inference, one estimate a method.

    ``estimates`` hold the left side of the hypothesis, its interval, and the p-value of ``null``;
    ``gaps`` is the number of periods that are missing between the first and the last.
    """

    hypothesis: str
    term: str
    null: float
    level: float
    estimates: tuple[Estimate, ...]
    gaps: int

    def _of(self, method: str) -> Estimate:
        return named({e.name: e for e in self.estimates}, method, what="method")

    def table(self) -> pd.DataFrame:
        """A row a method: ``value, std_error, ci_low, ci_high, p_value, method``."""
        columns = ["value", "std_error", "ci_low", "ci_high", "p_value", "method"]
        rows = {e.name: [getattr(e, name) for name in columns] for e in self.estimates}
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def reading(self) -> pd.DataFrame:
        """Value, interval and p as texts, a row a method."""
        heads = ["value", say("{} interval", percent(self.level)), "p"]
        rows = {}
        for e in self.estimates:
            ends = span(e.ci_low, e.ci_high)
            rows[e.method] = [number(e.value), ends, probability(e.p_value or 0.0)]
        return pd.DataFrame.from_dict(rows, orient="index", columns=heads)

    @translated
    def sentence(self) -> str:
        """The Newey-West row, or else the first, in one sentence."""
        e = next((one for one in self.estimates if one.name == "newey_west"), self.estimates[0])
        return say("{}: {} ({} interval {}), p {} of the null that it is {:g}, n = {:,}; {}.",
                   self.term, number(e.value), percent(self.level), span(e.ci_low, e.ci_high),
                   p_said(e.p_value or 0.0), self.null, e.n, e.method)  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: the hypothesis and the estimates."""
        own = ("hypothesis", "term", "null", "level", "gaps")
        rows = [estimate.to_dict() for estimate in self.estimates]
        return {name: getattr(self, name) for name in own} | {"estimates": rows}

    def estimate(self, name: str, unit: str, method: str = "newey_west") -> Estimate:
        """The estimate of one method under a name and unit of the caller's."""
        return replace(self._of(method), name=name, unit=unit)

    def test(self, name: str, null: str = "", method: str = "newey_west") -> TestResult:
        """The test of one method; ``null`` is the hypothesis as a sentence."""
        e = self._of(method)
        return TestResult(
            name=name,
            null=null or say("{} is {:g}", self.term, self.null),
            statistic=(e.value - self.null) / (e.std_error or math.nan),
            p_value=e.p_value or 0.0,
            distribution=e.method,
            n=e.n,
        )


def har(
    fit: Any,
    hypothesis: str,
    *,
    level: float = 0.95,
    methods: Sequence[str] = BESIDE,
    lags: int | None = None,
    gaps: bool = False,
) -> HarReadings:
    """Inference for a time series beside each other, as a function of a statsmodels result.

    Classical OLS, Newey-West with fixed-b critical values (Kiefer & Vogelsang 2005; Lazarus, Lewis,
    Stock & Watson 2018), equal-weighted cosine (the same), and Prais-Winsten, all from the rows of
    the fit through :func:`~ikm_pmi.inference.har.har_fits`. A WLS fit is read in its weighted
    rows, so that its own coefficients are the values.

    Parameters
    ----------
    fit : RegressionResults
        OLS or WLS of statsmodels, T rows in time.
    hypothesis : str
        As :func:`~ikm_pmi.inference.few_clusters.few_clusters`.
    level : float
        Coverage of the intervals.
    methods, lags
        As :func:`~ikm_pmi.inference.har.har_fits`.
    gaps : bool
        Whether periods may be missing between the rows. Prais-Winsten then takes the true
        distances, and the long-run variances take neighbours as adjacent (Rho & Vogelsang 2019).

    Raises
    ------
    EstimationError, DataError
        For another kind of fit, a hypothesis that cannot be read, rows out of order, a period that
        is missing or twice, an index that says no order, or a singular design.

    Examples
    --------
    >>> import numpy as np, pandas as pd, statsmodels.formula.api as smf
    >>> months = pd.period_range("2018-01", periods=40, freq="M")
    >>> f = pd.DataFrame({"x": np.arange(40.0) % 7}, months)
    >>> f["pmi"] = 50 - 2 * f["x"] + np.cos(f["x"] ** 2)
    >>> har(smf.ols("pmi ~ x", f).fit(), "x = -2").table().index.tolist()
    ['ols', 'newey_west', 'cosine', 'prais_winsten']
    """
    wanted = hypothesis_of(fit, hypothesis)
    y, X = in_time(fit, gaps=gaps, weighted=True)
    contrast = {name: float(c) for name, c in zip(X.columns, wanted.r, strict=True) if c}
    estimates = []
    for name, found in har_fits(y, X, methods=methods, lags=lags).items():
        estimate = found.estimate(name, contrast, level=level)
        t = (estimate.value - wanted.value) / (estimate.std_error or math.nan)
        estimates.append(replace(estimate, p_value=found.reference.p_value(t)))
    return HarReadings(
        hypothesis=wanted.words,
        term=wanted.term,
        null=wanted.value,
        level=level,
        estimates=tuple(estimates),
        gaps=int(y.index[-1].ordinal - y.index[0].ordinal) + 1 - len(y),
    )


def in_time(
    fit: Any, *, gaps: bool = False, weighted: bool = False
) -> tuple[pd.Series, pd.DataFrame]:
    """Outcome and regressors of a fit, by period.

    Parameters
    ----------
    gaps : bool
        Whether periods may be missing between the rows.
    weighted : bool
        Whether a WLS fit is taken, in its weighted rows; else it is refused.

    Returns
    -------
    Series of shape (T,), DataFrame of shape (T, k)
        Months where the index holds months, else periods counted from the first.

    Raises
    ------
    EstimationError, DataError
        As :func:`har`.
    """
    rows = fitted_rows(fit)
    if rows.absorbed is not None:
        raise EstimationError(
            "a fit with effects absorbed is no time series",
            expected="one row a period",
            found="effects of " + " and ".join(rows.absorbed.names),
            where="fit",
            todo="use few_clusters, with the units as groups",
        )
    if not weighted and rows.weights is not None and np.ptp(rows.weights) > 0:
        raise EstimationError(
            "periods of different weight cannot take each other's place",
            expected="an OLS fit",
            found="WLS",
            where="fit",
            todo="fit by smf.ols, or use har",
        )
    root = 1.0 if rows.weights is None else np.sqrt(rows.weights)
    index = _periods(rows.labels, len(rows.y), gaps)
    y = pd.Series(rows.y * root, index, name=rows.outcome)
    return y, pd.DataFrame(rows.X * np.reshape(root, (-1, 1)), index, columns=list(rows.names))


def placebo_windows(fit: Any, term: str, *, level: float = 0.95, unit: str = "") -> Estimate:
    """The coefficient of an episode's dummy, ranked among those of all windows of its shape.

    Parameters
    ----------
    fit : RegressionResults
        OLS of statsmodels, one row a month.
    term : str
        A regressor of zeros and ones, on in one episode.
    level : float
        Coverage of the interval: the effects whose rank is not refused.
    unit : str
        Of the outcome.

    Returns
    -------
    Estimate
        ``std_error`` is the root mean square of the windows; ``detail`` has their number and the
        smallest p they can give.

    Raises
    ------
    EstimationError, DataError
        As :func:`har`; for a regressor that is no dummy, or no window of its shape elsewhere.

    References
    ----------
    Andrews (2003), Econometrica 71; Belsley, Kuh & Welsch (1980), chapter 2 (rows left out).

    Examples
    --------
    >>> import numpy as np, pandas as pd, statsmodels.formula.api as smf
    >>> months = pd.period_range("2015-01", periods=60, freq="M")
    >>> f = pd.DataFrame({"flood": months == "2017-03"}, months, dtype=float)
    >>> f["sales"] = np.cos(np.arange(60.0) ** 2) - 8 * f["flood"]
    >>> found = placebo_windows(smf.ols("sales ~ flood", f).fit(), "flood")
    >>> round(found.p_value, 3), found.detail["windows"]
    (0.017, 59)
    """
    y, X = in_time(fit, gaps=True)
    dummy = named(dict(X.items()), term, what="regressor", where="the fit")
    on = np.flatnonzero(dummy)
    if not len(on) or set(dummy) != {0.0, 1.0}:
        raise EstimationError(
            f"{term} is not the dummy of an episode",
            expected="zeros, and ones in its months",
            found=f"{len(set(dummy))} different values, {len(on)} of them not zero",
            where=term,
            todo="make it 1 in the months of the episode and 0 elsewhere",
        )
    calm = np.delete(np.arange(len(y)), on)
    span = pd.PeriodIndex(y.index)[on]
    windows = leave_window_out(
        y.iloc[calm], X.iloc[calm].drop(columns=term), span.asi8 - span.asi8[0]
    )
    place = list(X.columns).index(term)
    value, others = float(np.asarray(fit.params)[place]), windows.dummies
    half = half_width(others, level)
    return Estimate(
        name=term,
        value=value,
        unit=unit,
        n=len(y),
        std_error=float(np.sqrt(np.mean(others**2))),
        p_value=rank_p_value(value, others),
        ci_low=None if half is None else value - half,
        ci_high=None if half is None else value + half,
        ci_level=level,
        method=say("OLS; rank among {} windows of the same shape", windows.windows),
        detail={"minimum_p": windows.minimum_p, "windows": windows.windows},
    )


def shift_test(fit: Any, term: str, *, level: float = 0.95, unit: str = "") -> Estimate:
    """One coefficient against all circular shifts of the residuals in time.

    See :func:`ikm_pmi.inference.shift.shift_in_time` for what is shifted, and why.

    Parameters
    ----------
    fit : RegressionResults
        OLS of statsmodels, T rows in time.
    term : str
        The regressor in question.
    level : float
        Coverage of the interval.
    unit : str
        Of the coefficient.

    Raises
    ------
    EstimationError, DataError
        As :func:`har`; for a regressor that is not there.

    References
    ----------
    Chernozhukov, Wüthrich & Zhu (2021), JASA 116; Freedman & Lane (1983).

    Examples
    --------
    >>> import numpy as np, pandas as pd, statsmodels.formula.api as smf
    >>> draw = np.random.default_rng(1)
    >>> f = pd.DataFrame({"x": draw.normal(size=96)})
    >>> f["y"] = 2 * f["x"] + draw.normal(size=96)
    >>> found = shift_test(smf.ols("y ~ x", f).fit(), "x")
    >>> found.ci_low < 2 < found.ci_high, found.p_value == found.detail["minimum_p"]
    (True, True)
    """
    y, X = in_time(fit, gaps=True)
    found = shift_in_time(y, X, term, level)
    own = {key: getattr(found, key) for key in ("value", "std_error", "p_value")}
    return Estimate(
        name=term,
        unit=unit,
        n=len(y),
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        ci_level=level,
        method=say("OLS; {} circular shifts of the residuals without it", len(y)),
        detail={"minimum_p": found.minimum_p},
        **own,
    )


def conformal(
    fit: Any, episode: tuple[Any, Any], *, lags: int = 0, level: float = 0.95
) -> ConformalResult:
    """Conformal test and confidence set of a constant effect in an episode.

    The regression is fitted anew to the outcome less each candidate effect, and the episode's mean
    residual is ranked among those of its pattern moved along the sample:
    :func:`ikm_pmi.inference.conformal.conformal_by_shifts`.

    Parameters
    ----------
    fit : RegressionResults
        OLS of statsmodels without a regressor for the episode, one row a month.
    episode : (month, month)
        First and last.
    lags : int
        Lags of the outcome among the regressors.
    level : float
        Coverage of the set.

    Raises
    ------
    EstimationError, DataError
        As :func:`har`; for an episode that is not in the rows.

    References
    ----------
    Chernozhukov, Wüthrich & Zhu (2021), JASA 116, equations 2-4.

    Examples
    --------
    >>> import numpy as np, pandas as pd, statsmodels.formula.api as smf
    >>> months = pd.period_range("2016-01", periods=60, freq="M")
    >>> f = pd.DataFrame({"sales": np.sin(np.arange(60.0)), "x": np.arange(60.0) % 5}, months)
    >>> f.loc["2020-11":, "sales"] -= 5
    >>> found = conformal(smf.ols("sales ~ x", f).fit(), ("2020-11", "2020-12"))
    >>> round(found.p_value, 3), found.low < found.effect < found.high < 0
    (0.017, True)
    """
    y, X = in_time(fit, gaps=True)
    first, last = (pd.Period(month_of(month), "M") for month in episode)
    whole = pd.period_range(y.index[0], y.index[-1], freq="M")
    treated = (whole >= first) & (whole <= last)
    usable = whole.isin(y.index)
    if not treated.any() or not usable[treated].all():
        raise EstimationError(
            "the episode is not in the rows of the fit",
            expected=f"months from {whole[0]} to {whole[-1]}, all of them observed",
            found=f"{first} to {last}",
            where="episode",
            todo="give its first and last month, or fit on rows that hold it",
        )
    filled = X.reindex(whole, fill_value=0.0), y.reindex(whole, fill_value=0.0)
    return conformal_by_shifts(filled[1], filled[0], treated, usable=usable, lags=lags, level=level)


def _periods(labels: pd.Index | None, n: int, gaps: bool) -> pd.PeriodIndex:
    """The rows' months, or periods counted from the first where they are no months."""
    index = pd.RangeIndex(n) if labels is None else labels
    if isinstance(index, pd.MultiIndex):
        raise _no_time(index, "a row a unit and period")
    monthly = False
    if isinstance(index, pd.PeriodIndex):
        count, monthly = index.asi8, index.freqstr == "M"
    elif pd.api.types.is_integer_dtype(index) and not _year_months(index):
        count = index.to_numpy(np.int64)
    elif all(isinstance(label, str) and _QUARTER.fullmatch(label) for label in index):
        count = pd.PeriodIndex(index, freq="Q").asi8
    else:
        from ikm_pmi.data.frames import as_months

        count, monthly = as_months(index).asi8, True
    steps = np.diff(count)
    if (steps <= 0).any():
        at = int(np.argmax(steps <= 0))
        raise _no_time(index, f"{index[at + 1]} after {index[at]}")
    step = (
        int(np.gcd.reduce(steps)) if len(steps) else 1
    )  # dates of quarters are months three apart
    missing = int((steps // step - 1).sum())
    if missing and not gaps:
        at = int(np.argmax(steps > step))
        raise EstimationError(
            "periods are missing between the rows of the fit",
            expected="each period from the first to the last",
            found=f"{missing} missing; {index[at + 1]} follows {index[at]}",
            where=f"rows {at + 1} and {at + 2} of {n}",
            todo="fill them in, or say gaps=True: distances are then those of the index",
        )
    if step > 1 or not monthly:
        count = (count - count[0]) // step
    return pd.PeriodIndex([pd.Period(ordinal=int(month), freq="M") for month in count])


def _year_months(index: pd.Index) -> bool:
    """Whether whole numbers are months written as 202107."""
    numbers = index.to_numpy(np.int64)
    return bool(((numbers // 100 >= 1900) & (numbers // 100 < 2100)).all())


def _no_time(index: pd.Index, found: str) -> EstimationError:
    return EstimationError(
        "the rows of the fit are not in the order of time",
        expected="one row a period, ascending",
        found=found,
        where=f"index of the fit, {len(index)} rows",
        todo="fit on the frame with its months as index, sorted: data.set_index('month')",
    )
