"""What stands behind the dose-response: lags, bounds of the outcome, confounders, mediator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.regression import HarFit
from ikm_pmi.inference.sensitivity import benchmarks, robustness_value
from ikm_pmi.inference.shift import shift_test
from ikm_pmi.models.study import MAIN, UNIT, assemble, dose_design, select_months
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.results import Estimate

__all__ = ["by_exposure", "confounder_steps", "distributed_lag", "logit_change", "sensitivity"]


def distributed_lag(frame: pd.DataFrame, parameters: ImpactParameters) -> tuple[Estimate, ...]:
    """Long-run propensity of a distributed lag, without and with the PMI's own lag.

    ``pmi.dose.long_run`` sums the coefficients on s_t ... s_(t-q); ``pmi.dose.long_run_ardl``
    divides the sum by one minus the coefficient on PMI_(t-1), by the delta method.
    """
    s = frame[parameters.intensity].astype(float)
    lagged = {f"lag_{j}": s.shift(j) for j in range(parameters.lags + 1)}
    extended = frame.assign(own=frame["pmi"].shift(), **lagged)
    found = []
    for name, extra in (("long_run", []), ("long_run_ardl", ["own"])):
        columns = ["pmi", *lagged, *extra, *parameters.controls]
        rows, excluded = select_months(
            extended, columns, parameters.start_month, parameters.end_month
        )
        X = rows.drop(columns="pmi")
        X.insert(0, "const", 1.0)
        fit = har_fits(rows["pmi"], X, methods=MAIN)["newey_west"]
        found.append(
            replace(
                _long_run(f"pmi.dose.{name}", fit, list(lagged), parameters.confidence_level),
                detail={"excluded_months": excluded},
            )
        )
    return tuple(found)


def _long_run(name: str, fit: HarFit, lags: Sequence[str], level: float) -> Estimate:
    total = dict.fromkeys(lags, 1.0)
    if "own" not in fit.params:
        return fit.estimate(name, total, unit=UNIT, level=level)
    left = 1 - float(fit.params["own"])
    value = fit.linear(total)[0] / left
    # Gradient of sum / (1 - own): 1 / left on each lag, value / left on the own lag.
    error = fit.linear(dict.fromkeys(lags, 1 / left) | {"own": value / left})[1]
    half = fit.reference.critical(level) * error
    return Estimate(
        name=name,
        value=value,
        std_error=error,
        ci_low=value - half,
        ci_high=value + half,
        ci_level=level,
        p_value=fit.reference.p_value(value / error),
        unit=UNIT,
        n=fit.n,
        method=f"{fit.label}, delta method, {fit.reference.label}",
    )


def logit_change(y: pd.Series, X: pd.DataFrame, level: float) -> Estimate:
    """The immediate effect when the PMI is bounded: logit(PMI/100), mapped back to points.

    Evaluated from the mean of the months without restriction, where s is 0 and stays 0.
    """
    odds = pd.Series(np.log(y / (100 - y)), y.index)
    fit = har_fits(odds, X, methods=MAIN)["newey_west"]
    slope, error = fit.linear("change")
    idle = (X["change"] == 0) & (X["before"] == 0)
    start = float((odds[idle] if idle.any() else odds).mean())
    ends = [100 / (1 + np.exp(-(start + b))) for b in (0.0, slope)]
    # Delta method: the slope of the logistic curve at the end point.
    points = ends[1] * (100 - ends[1]) / 100 * error
    half = fit.reference.critical(level) * points
    value = ends[1] - ends[0]
    return Estimate(
        name="pmi.dose.change.logit",
        value=value,
        std_error=points,
        ci_low=value - half,
        ci_high=value + half,
        ci_level=level,
        p_value=fit.reference.p_value(slope / error),
        unit=UNIT,
        n=len(y),
        method=f"OLS on logit(PMI/100), in points from a PMI of {ends[0]:.1f}; {fit.label}",
    )


def sensitivity(y: pd.Series, X: pd.DataFrame) -> Estimate:
    """Robustness value of the immediate effect, with the covariate that would shift it most."""
    fit = har_fits(y, X, methods=("ols",))["ols"]
    value, error = fit.linear("change")
    df = len(y) - X.shape[1]
    bounds = [b for b in benchmarks(y, X, "change") if b.covariate != "before"]
    known = [b for b in bounds if b.adjusted is not None]
    detail: dict[str, Any] = {"partial_r2": (value / error) ** 2 / ((value / error) ** 2 + df)}
    if known:
        worst = min(known, key=lambda b: (b.adjusted or 0.0) * np.sign(value))
        detail |= {
            "benchmark": worst.covariate,
            "benchmark_r2_treatment": worst.r2_treatment,
            "benchmark_r2_outcome": worst.r2_outcome,
            "adjusted_change": worst.adjusted,
        }
    return Estimate(
        name="pmi.sensitivity.robustness_value",
        value=robustness_value(value / error, df),
        unit="share of residual variance",
        n=len(y),
        method="an omitted variable this strong on both sides brings pmi.dose.change to zero",
        detail=detail,
    )


def by_exposure(tables: Mapping[str, pd.DataFrame], parameters: ImpactParameters) -> pd.DataFrame:
    """The dose-response under each exposure window, and on each side of the autumn of 2020.

    Parameters
    ----------
    tables : mapping
        The tables named in :data:`ikm_pmi.models.study.TABLES`.

    Returns
    -------
    DataFrame
        ``exposure, sample, intensity, n`` and ``change``, ``level`` with ``_low`` and ``_high``:
        index points per full tightening, intervals by shifts in time.
    """
    rows = []
    whole = (parameters.start_month, parameters.end_month)
    spans = {
        "all": whole,
        "to 2020-12": (whole[0], "2020-12"),
        "from 2020-09": ("2020-09", whole[1]),
    }
    variants = [(exposure, "all") for exposure in ("fieldwork", "calendar", "since_last")]
    # One spike in each half: a dose-response that is one number gives it twice.
    variants += [(parameters.exposure, part) for part in spans if part != "all"]
    for exposure, part in variants:
        frame = assemble(tables, parameters.model_copy(update={"exposure": exposure}))
        for intensity in ("level", "industry_closure"):
            y, X, _ = dose_design(frame, intensity, parameters.controls, *spans[part])
            fit = har_fits(y, X, methods=MAIN)["newey_west"]
            row: dict[str, Any] = {"exposure": exposure, "sample": part, "intensity": intensity}
            row["n"] = len(y)
            for label, column in (("change", "change"), ("level", "before")):
                shift = shift_test(y, X, column, parameters.confidence_level)
                row[label] = fit.linear(column)[0]
                row[f"{label}_low"], row[f"{label}_high"] = shift.ci_low, shift.ci_high
            rows.append(row)
    return pd.DataFrame(rows)


def confounder_steps(frame: pd.DataFrame, parameters: ImpactParameters) -> pd.DataFrame:
    """Immediate and lasting effect as confounders are added one by one.

    All confounder rows use the months that every confounder has, so that a coefficient moves
    because of a regressor and not of a sample. Cases and deaths of the same month are the wave that
    the restriction answered, and partly what it changed. Mobility is a mediator (restrictions work
    through it), known for fewer months: its row stands beside the same months without it.

    Returns
    -------
    DataFrame
        ``step, role, change, change_se, movement, level, level_se, n, first, last``; ``movement``
        is the change of ``change`` against the row before.
    """
    now = ["log_cases_now", "log_deaths_now"]
    ladder = ["lebaran_share", "peers_pmi", "log_cases", "log_deaths", *now]
    span, records = (parameters.start_month, parameters.end_month), []
    y, X, _ = dose_design(frame, parameters.intensity, ladder, *span)
    base = ["const", "change", "before"]
    for count in range(len(ladder) + 1):
        step = "+ " + ladder[count - 1] if count else "none"
        role = "confounder, partly a result" if count > len(ladder) - len(now) else "confounder"
        records.append(_step(step, role, y, X[base + ladder[:count]]))
    if parameters.intensity != "mobility":
        kept: list[str] = list(parameters.controls)
        y, X, _ = dose_design(frame, parameters.intensity, [*kept, "mobility"], *span)
        records.append(_step("months with mobility", "sample", y, X[base + kept]))
        records.append(_step("+ mobility", "mediator", y, X))
    table = pd.DataFrame(records)
    same_sample = table["first"].eq(table["first"].shift()) & table["n"].eq(table["n"].shift())
    table.insert(4, "movement", table["change"].diff().where(same_sample))
    return table


def _step(step: str, role: str, y: pd.Series, X: pd.DataFrame) -> dict[str, Any]:
    # A control that never moves in the months at hand says nothing there.
    still = [c for c in X.columns.drop("const") if np.ptp(X[c].to_numpy()) == 0]
    fit = har_fits(y, X.drop(columns=still), methods=MAIN)["newey_west"]
    change, change_se = fit.linear("change")
    level, level_se = fit.linear("before")
    return {
        "step": step,
        "role": role,
        "change": change,
        "change_se": change_se,
        "level": level,
        "level_se": level_se,
        "n": len(y),
        "first": str(y.index[0]),
        "last": str(y.index[-1]),
    }
