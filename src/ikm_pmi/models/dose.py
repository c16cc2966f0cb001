"""Dose-response of the PMI to the strength of restriction: change, level, and what is behind them.

The PMI measures change on the month, so a restriction that stays should let it return to where it
was. With s the intensity (0-1),

    PMI_t = a + b (s_t - s_(t-1)) + c s_(t-1) + controls + u_t,

where b is what a full tightening does at once and c, the sum of the coefficients on s_t and
s_(t-1), what a constant restriction does for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.regression import HarFit
from ikm_pmi.inference.shift import ShiftTest, shift_test
from ikm_pmi.language import spoken
from ikm_pmi.models.dose_checks import confounder_steps, distributed_lag, logit_change, sensitivity
from ikm_pmi.models.study import MAIN, UNIT, dose_design
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.results import Estimate, Findings, TestResult, number, records_table

__all__ = ["DoseResult", "dose_response"]


@dataclass(frozen=True, slots=True, eq=False)
class DoseResult(Findings):
    """The dose-response, its inference side by side, and its confounders step by step.

    Parameters
    ----------
    har : DataFrame
        ``pmi.dose.change`` and ``pmi.dose.level`` under every method, shifts in time included.
    steps : DataFrame
        See :func:`confounder_steps`.
    excluded_months : mapping of month to reason
    """

    har: pd.DataFrame
    steps: pd.DataFrame
    excluded_months: Mapping[str, str]
    n: int

    @spoken
    def sentence(self) -> str:
        """Immediate effect, lasting effect, and the test that nothing lasts."""
        change, level = self.estimates[:2]
        text = f"{change.sentence(1)} {level.sentence(1)} {self.tests[0].sentence()}"
        if "shift_low" not in change.detail:
            return text
        low, high = (number(change.detail[f"shift_{end}"], 1) for end in ("low", "high"))
        return f"{text} By shifts in time the interval of the change is {low} to {high}."

    def to_dict(self) -> dict[str, Any]:
        """Estimates, tests and exclusions as JSON-safe values."""
        return Findings.to_dict(self) | {
            "excluded_months": dict(self.excluded_months),
            "n": self.n,
        }


def dose_response(frame: pd.DataFrame, parameters: ImpactParameters) -> DoseResult:
    """PMI on the change and the level of one intensity.

    Parameters
    ----------
    frame : DataFrame
        From :func:`ikm_pmi.models.study.study_frame`.
    parameters : ImpactParameters
        Sample, intensity, controls, lags, margin and confidence level.

    Returns
    -------
    DoseResult
        ``pmi.dose.change|level|tightening|easing|long_run|long_run_ardl``,
        ``pmi.dose.change.logit``, ``pmi.sensitivity.robustness_value``; tests
        ``pmi.dose.level_is_zero``, ``pmi.dose.level_is_material``, ``pmi.dose.symmetric``. Main
        inference: ``dose_inference``; the others stand in ``har``. With a restriction that is
        two spikes in ten years Newey-West and cosine reject a true null about one time in five,
        the shift test one in twenty (see the tests), so read both.

    Raises
    ------
    EstimationError
        Singular design (columns named) or too few months.
    """
    level, controls = parameters.confidence_level, list(parameters.controls)
    span = (parameters.start_month, parameters.end_month)
    y, X, excluded = dose_design(frame, parameters.intensity, controls, *span)
    names = {"pmi.dose.change": "change", "pmi.dose.level": "before"}
    fits = har_fits(y, X)
    shifts = {name: shift_test(y, X, column, level) for name, column in names.items()}
    main = [
        _main(
            fits["newey_west"].estimate(name, column, unit=UNIT, level=level),
            shifts[name],
            parameters,
        )
        for name, column in names.items()
    ]
    sides, symmetric = _two_sides(y, X, parameters)
    long_run = distributed_lag(frame, parameters)
    estimates = [*main, *sides, *long_run, logit_change(y, X, level), sensitivity(y, X)]
    return DoseResult(
        estimates=tuple(estimates),
        tests=(*_level_tests(fits["newey_west"], shifts["pmi.dose.level"], parameters), symmetric),
        har=records_table(
            [
                fit.estimate(name, column, unit=UNIT, level=level)
                for name, column in names.items()
                for fit in fits.values()
            ]
            + [_shift_row(main[i], s) for i, s in enumerate(shifts.values())]
        ).sort_values("name", kind="stable", ignore_index=True),
        steps=confounder_steps(frame, parameters),
        excluded_months=excluded,
        n=len(y),
    )


def _shift_row(estimate: Estimate, shift: ShiftTest) -> Estimate:
    """The same estimate with its inference from shifts in time."""
    return replace(
        estimate,
        std_error=shift.std_error,
        ci_low=shift.ci_low,
        ci_high=shift.ci_high,
        p_value=shift.p_value,
        method="OLS, circular shifts of the residuals",
        detail={"inference": "shift", "minimum_p": shift.minimum_p},
    )


def _main(estimate: Estimate, shift: ShiftTest, parameters: ImpactParameters) -> Estimate:
    """The estimate with the chosen inference; the other stands among its details."""
    if parameters.dose_inference == "shift":
        return _shift_row(estimate, shift)
    other = {"shift_p": shift.p_value, "shift_low": shift.ci_low, "shift_high": shift.ci_high}
    return replace(estimate, detail=dict(estimate.detail) | other)


def _level_tests(fit: HarFit, shift: ShiftTest, parameters: ImpactParameters) -> list[TestResult]:
    """Whether a constant restriction does nothing, and whether it does nothing that matters."""
    value, error = fit.linear("before")
    reference, margin = fit.reference, parameters.margin
    # The effect that this sample would find at 5 percent in four samples of five.
    detectable = error * (reference.critical(0.95) + reference.critical(0.60))
    shifted = parameters.dose_inference == "shift"
    # Two one-sided tests: the nearer end of the margin decides.
    t = (abs(value) - margin) / error
    one_sided = reference.p_value(t) / 2
    return [
        TestResult(
            name="pmi.dose.level_is_zero",
            null="a constant restriction does not move the PMI (the lag coefficients sum to zero)",
            statistic=value if shifted else value / error,
            p_value=shift.p_value if shifted else reference.p_value(value / error),
            distribution=f"the coefficient among {fit.n} circular shifts"
            if shifted
            else reference.label,
            n=fit.n,
            minimum_p=shift.minimum_p if shifted else None,
            detail={"minimum_detectable": detectable, "shift_p": shift.p_value},
        ),
        TestResult(
            name="pmi.dose.level_is_material",
            null=f"a constant full restriction moves the PMI by {margin:g} points or more",
            statistic=t,
            p_value=one_sided if t < 0 else 1 - one_sided,
            distribution=reference.label,
            n=fit.n,
            detail={"margin": margin},
        ),
    ]


def _two_sides(
    y: pd.Series, X: pd.DataFrame, parameters: ImpactParameters
) -> tuple[list[Estimate], TestResult]:
    """Tightening and easing apart, per full tightening: a negative easing gives points back."""
    sides = X.drop(columns="change").assign(
        tightening=X["change"].clip(lower=0), easing=X["change"].clip(upper=0)
    )
    fit = har_fits(y, sides, methods=MAIN)["newey_west"]
    estimates = [
        _main(
            fit.estimate(f"pmi.dose.{side}", side, unit=UNIT, level=parameters.confidence_level),
            shift_test(y, sides, side, parameters.confidence_level),
            parameters,
        )
        for side in ("tightening", "easing")
    ]
    value, error = fit.linear({"tightening": 1.0, "easing": -1.0})
    test = TestResult(
        name="pmi.dose.symmetric",
        null="a full easing gives back at once exactly what a full tightening takes",
        statistic=value / error,
        p_value=fit.reference.p_value(value / error),
        distribution=fit.reference.label,
        n=len(y),
    )
    return estimates, test
