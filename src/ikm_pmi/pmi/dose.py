"""Dose-response of the PMI to the strength of restriction: change, level, tightening, easing.

The PMI measures change on the month, so a restriction that stays should let it return to where it
was. With s the intensity (0-1),

    PMI_t = a + b (s_t - s_(t-1)) + c s_(t-1) + controls + u_t,

where b goes with the change and c, the sum of the coefficients on s_t and s_(t-1), with a constant
restriction. The regressor is two spikes in ten years: only circular shifts of the residuals keep
the size of a test near its name (:mod:`ikm_pmi.inference.shift`), so all inference is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.sensitivity import benchmarks, robustness_value
from ikm_pmi.inference.shift import ShiftTest, shift_in_time
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.pmi.sample import UNIT, assemble, both_sides, dose_design
from ikm_pmi.restrictions import READINGS
from ikm_pmi.results import Estimate, Findings, TestResult

#: The change at which effects are reported: on the month before.
JULY = pd.Period("2021-07", "M")
#: First month forecast when two regressors are compared out of sample.
FORECAST_FROM = pd.Period("2021-01", "M")


@dataclass(frozen=True, slots=True, eq=False)
class DoseResult(Findings):
    """The dose-response, what it comes to from June to July 2021, and its tests.

    Parameters
    ----------
    moved : float
        Change of the intensity from June to July 2021, on its scale of 0 to 1.
    excluded_months : mapping of month to reason
    """

    moved: float
    excluded_months: Mapping[str, str]
    n: int

    @translated
    def sentence(self) -> str:
        """What the change of July 2021 goes with, and whether easing is its mirror image."""
        return joined(" ", (self.estimates[0].sentence(1), self.tests[1].sentence()))


def dose_response(frame: pd.DataFrame, parameters: ImpactParameters) -> DoseResult:
    """PMI on the change and the level of one intensity.

    Parameters
    ----------
    frame : DataFrame
        From :func:`ikm_pmi.pmi.sample.study_frame`.
    parameters : ImpactParameters
        Sample, intensity, controls and confidence level.

    Returns
    -------
    DoseResult
        ``pmi.dose.june_to_july_2021`` and ``.tightening``, ``.easing`` of the same size: index
        points for the change of the intensity in that month, easing as points given back.
        ``pmi.dose.change|level`` are the coefficients, in index points for a move from 0 to 1.
        Tests ``pmi.dose.level_is_zero`` and ``pmi.dose.symmetric``.

    Raises
    ------
    EstimationError
        Singular design (columns named), too few months, or no intensity in June or July 2021.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> parameters = ikm.defaults("03")
    >>> found = ikm.dose_response(ikm.monthly_frame(parameters), parameters)
    >>> round(found["pmi.dose.june_to_july_2021"].value, 1)
    -11.2
    """
    y, X, excluded = dose_design(
        frame,
        parameters.intensity,
        parameters.controls,
        parameters.start_month,
        parameters.end_month,
    )
    level, moved = parameters.confidence_level, _july(frame, parameters.intensity)
    sides = both_sides(X)
    # With the change beside it, the coefficient of one side is what it has beyond the other.
    apart = X.assign(difference=X["change"].clip(upper=0))
    change, lasting, difference = (
        shift_in_time(y, design, column, level)
        for design, column in ((X, "change"), (X, "before"), (apart, "difference"))
    )
    part = {side: shift_in_time(y, sides, side, level) for side in ("tightening", "easing")}
    return DoseResult(
        estimates=(
            _estimate("june_to_july_2021", change, moved, level, len(y)),
            _estimate("june_to_july_2021.tightening", part["tightening"], moved, level, len(y)),
            _estimate("june_to_july_2021.easing", part["easing"], -moved, level, len(y)),
            _estimate("change", change, None, level, len(y)),
            _estimate("level", lasting, None, level, len(y)),
            sensitivity(y, X),
        ),
        tests=(
            _test(
                "level_is_zero",
                "a constant restriction does not move the PMI (the lag coefficients sum to zero)",
                lasting,
                len(y),
            ),
            _test(
                "symmetric",
                "a full easing gives back at once exactly what a full tightening takes",
                difference,
                len(y),
            ),
        ),
        moved=moved,
        excluded_months=excluded,
        n=len(y),
    )


def _july(frame: pd.DataFrame, intensity: str) -> float:
    """Change of the intensity from June to July 2021."""
    s = frame[intensity].reindex([JULY - 1, JULY]).astype(float)
    if s.isna().any():
        raise EstimationError(
            "the change that effects are reported at is not known",
            expected=f"{intensity} in {JULY - 1} and {JULY}",
            found="none in " + ", ".join(map(str, s.index[s.isna()])),
            where="frame",
            todo="use another intensity",
        )
    return float(s.iloc[1] - s.iloc[0])


def _estimate(name: str, shift: ShiftTest, factor: float | None, level: float, n: int) -> Estimate:
    """A coefficient, or what it comes to at a change of the intensity, by shifts in time."""
    times = 1.0 if factor is None else factor
    ends = [None if end is None else times * end for end in (shift.ci_low, shift.ci_high)]
    return Estimate(
        name=f"pmi.dose.{name}",
        value=times * shift.value,
        unit=UNIT if factor is None else "index points",
        std_error=abs(times) * shift.std_error,
        ci_low=ends[times < 0],
        ci_high=ends[times >= 0],
        ci_level=level,
        p_value=shift.p_value,
        n=n,
        method="OLS, circular shifts of the residuals",
        detail={"inference": "shift", "minimum_p": shift.minimum_p, "factor": factor},
    )


def _test(name: str, null: str, shift: ShiftTest, n: int) -> TestResult:
    return TestResult(
        name=f"pmi.dose.{name}",
        null=null,
        statistic=shift.value,
        p_value=shift.p_value,
        distribution=say("the coefficient among {} circular shifts", n),
        n=n,
        minimum_p=shift.minimum_p,
        detail={"ci_low": shift.ci_low, "ci_high": shift.ci_high},
    )


def sensitivity(y: pd.Series, X: pd.DataFrame) -> Estimate:
    """Robustness value of the change, with the covariate that would shift it most."""
    import statsmodels.api as sm

    fit = sm.OLS(y, X).fit()
    t, df = float(fit.tvalues["change"]), int(fit.df_resid)
    bounds = [b for b in benchmarks(y, X, "change") if b.covariate != "before"]
    known = [b for b in bounds if b.adjusted is not None]
    detail: dict[str, float | str | None] = {"partial_r2": t**2 / (t**2 + df)}
    if known:
        worst = min(known, key=lambda b: (b.adjusted or 0.0) * np.sign(t))
        detail |= {"benchmark": worst.covariate, "adjusted_change": worst.adjusted}
    return Estimate(
        name="pmi.sensitivity.robustness_value",
        value=robustness_value(t, df),
        unit="share of residual variance",
        n=len(y),
        method="an omitted variable this strong on both sides brings pmi.dose.change to zero",
        detail=detail,
    )


def by_reading(tables: Mapping[str, pd.DataFrame], parameters: ImpactParameters) -> pd.DataFrame:
    """The dose under both readings of the rules, for two measures, whole and in two parts.

    One spike lies in each part: a dose-response that is one number gives it twice.

    Returns
    -------
    DataFrame
        ``reading, intensity, sample, value, ci_low, ci_high, p_value, n``: index points for the
        change of June to July 2021. No row where the intensity never moves.
    """
    first, last = parameters.start_month, parameters.end_month
    spans = {
        "all": (first, last),
        say("to {}", "2020-12"): (first, "2020-12"),
        "from 2021": ("2021-01", last),
    }
    rows = []
    for reading in reversed(READINGS):
        own = parameters.read(reading)
        frame = assemble(tables, own)
        for intensity, (part, span) in product(("level", "industry_closure"), spans.items()):
            if span[0] >= span[1]:
                continue
            y, X, _ = dose_design(frame, intensity, own.controls, *span)
            if np.ptp(X["before"]) == 0:  # nothing moves there, so nothing answers it
                continue
            shift = shift_in_time(y, X, "change", own.confidence_level)
            e = _estimate("", shift, _july(frame, intensity), own.confidence_level, len(y))
            row = (reading, intensity, part, e.value, e.ci_low, e.ci_high, e.p_value, e.n)
            rows.append(row)
    columns = ["reading", "intensity", "sample", "value", "ci_low", "ci_high", "p_value", "n"]
    return pd.DataFrame(rows, columns=columns)


def readings(table: pd.DataFrame, parameters: ImpactParameters) -> list[Estimate]:
    """What :func:`by_reading` finds for the whole sample, as estimates."""
    numbers = ["value", "ci_low", "ci_high", "p_value", "n"]
    return [
        Estimate(
            name=f"pmi.dose.june_to_july_2021.{row['intensity']}.{row['reading']}",
            unit="index points",
            method=say(
                "OLS, circular shifts of the residuals; {} reading of the rules", row["reading"]
            ),
            ci_level=parameters.confidence_level,
            **{name: row[name] for name in numbers},
        )
        for row in table[table["sample"] == "all"].to_dict("records")
    ]


def cap_against_deaths(frame: pd.DataFrame, parameters: ImpactParameters) -> pd.DataFrame:
    """Whether the cap on factory staff forecasts the PMI better than deaths of the month do.

    Each month from January 2021 on is forecast by the dose-response in either, estimated on the
    months before it and given the month's own regressors; t is Diebold and Mariano's (1995) of the
    squared misses, with the correction of Harvey, Leybourne and Newbold (1997).

    Returns
    -------
    DataFrame
        One row: ``rmse_cap``, ``rmse_deaths`` (index points), ``t``, ``p_value``, ``months``; none
        where a month before 2021 or the months after are not in the sample.
    """
    from scipy import stats

    span = (parameters.start_month, parameters.end_month)
    designs = [
        dose_design(frame, intensity, parameters.controls, *span)[:2]
        for intensity in ("industry_closure", "deaths")
    ]
    months = designs[0][0].index.intersection(designs[1][0].index)
    start = int((months < FORECAST_FROM).sum())
    if not designs[0][1].shape[1] < start < len(months) - 1:
        return pd.DataFrame(columns=["rmse_cap", "rmse_deaths", "t", "p_value", "months"])
    cap, deaths = (_misses(y[months], X.loc[months], start).to_numpy() for y, X in designs)
    n, d = len(cap), cap**2 - deaths**2
    t = float(d.mean() / np.sqrt(d.var() / n) * np.sqrt((n - 1) / n))
    rmse = [float(np.sqrt(np.mean(m**2))) for m in (cap, deaths)]
    p = float(2 * stats.t.sf(abs(t), n - 1))
    return pd.DataFrame(
        {"rmse_cap": rmse[:1], "rmse_deaths": rmse[1:], "t": t, "p_value": p, "months": n}
    )


def _misses(y: pd.Series, X: pd.DataFrame, start: int) -> pd.Series:
    """Outcome minus one-step forecast of an expanding window, from row ``start`` on."""
    import statsmodels.api as sm

    misses = {}
    for t in range(start, len(y)):
        # A regressor that has not moved yet has no coefficient yet.
        seen = X.iloc[:t]
        moved = [c for c in X.columns if c == "const" or np.ptp(seen[c].to_numpy()) > 0]
        past = sm.OLS(y.iloc[:t], seen[moved]).fit()
        misses[y.index[t]] = float(y.iloc[t] - X[moved].iloc[t] @ past.params)
    return pd.Series(misses)
