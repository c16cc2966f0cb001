"""PMI and restrictions over a panel of countries: change and level, two-way fixed effects.

``PMI_it = a_i + m_t + b change_it + c level_it + d'controls_it + e_it``. The PMI measures change on
the month, so a restriction that lasts should move it when it changes (b) and leave it at 50 after
(c = 0). Month effects take what all countries share; cases and deaths, in the month and lagged,
stand for the epidemic, which moved restrictions and demand together.

References
----------
Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90. MacKinnon, Nielsen & Webb
(2023), Journal of Econometrics 232. Roth (2022), American Economic Review: Insights 4 (pre-trend
tests have little power). Bloom (1995), Evaluation Review 19 (minimum detectable effect).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikm_pmi.language import spoken
from ikm_pmi.models.country_inference import coefficient, joint_test, side_by_side, wild_tests
from ikm_pmi.models.country_panel import CONTROLS, CountryFit, CountryPanel, assemble, regress
from ikm_pmi.models.local_projections import LocalProjections, project
from ikm_pmi.parameters import CrossCountryParameters
from ikm_pmi.results import Estimate, Findings, TestResult, number

__all__ = ["CrossCountryResult", "estimate"]

TREATMENT = ("change", "level")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CrossCountryResult(Findings):
    """What the panel of countries says.

    Parameters
    ----------
    estimates, tests, notes : tuple
        As they go into the chapter's result.
    standard_errors : DataFrame
        coefficient, kind, value, std_error, ci_low, ci_high, p_value, reference: every kind of
        inference side by side.
    steps : DataFrame
        controls, change and level with CRV3 standard errors, n: confounders added one by one on
        the same rows.
    influence : DataFrame
        left_out, change, level and their moves: one country left out at a time.
    leads : DataFrame
        months_ahead, value, std_error: PMI on later changes in restrictions.
    projections : LocalProjections
    excluded, gaps : DataFrame
        Countries not used and months without a figure, each with the reason.
    """

    standard_errors: pd.DataFrame
    steps: pd.DataFrame
    influence: pd.DataFrame
    leads: pd.DataFrame
    projections: LocalProjections
    excluded: pd.DataFrame
    gaps: pd.DataFrame

    @spoken
    def sentence(self, digits: int = 2) -> str:
        """Change, level and the test of a steady restriction."""
        change, level = self.estimates[:2]
        steady = next(test for test in self.tests if test.name == "panel.level_is_zero")
        return " ".join([change.sentence(digits), level.sentence(digits), steady.sentence()])


def estimate(frame: pd.DataFrame, parameters: CrossCountryParameters) -> CrossCountryResult:
    """Estimate the panel, its variants, tests and local projections.

    Parameters
    ----------
    frame : DataFrame
        One row a country and month: country_iso3, month (period), pmi (index points), stringency
        (0-100), new_cases and new_deaths (persons a month).

    Raises
    ------
    DataError, EstimationError
        See :func:`~ikm_pmi.models.country_panel.assemble` and ``regress``.
    """
    panel = assemble(frame, parameters)
    main = _regress(panel, (*TREATMENT, *parameters.controls))
    split = _regress(panel, ("tightening", "easing", "level", *parameters.controls))
    bare = _regress(panel, TREATMENT)
    rows = [(f"panel.{name}", main, name) for name in TREATMENT]
    rows += [(f"panel.{name}", split, name) for name in ("tightening", "easing")]
    rows += [(f"panel.{name}.without_controls", bare, name) for name in TREATMENT]
    if parameters.left_out in panel.countries:
        rest = _regress(panel, main.names, without=parameters.left_out)
        suffix = f"without_{parameters.left_out.lower()}"
        rows += [(f"panel.{name}.{suffix}", rest, name) for name in TREATMENT]
    estimates = [coefficient(name, fit, term, parameters) for name, fit, term in rows]
    contrasts = {
        "panel.change_is_zero": (
            main,
            "A change in restrictions does not move the PMI of the month.",
            {"change": 1.0},
        ),
        "panel.level_is_zero": (
            main,
            "Restrictions that stay as they are do not move the PMI, however strict.",
            {"level": 1.0},
        ),
        "panel.tightening_equals_easing": (
            split,
            "Easing by 10 points raises the PMI by as much as tightening by 10 points lowers it.",
            {"tightening": 1.0, "easing": -1.0},
        ),
    }
    leads, pre_trends = _pre_trend(panel, parameters)
    steps, influence = _steps(panel, parameters), _influence(main)
    projections = project(panel, parameters)
    return CrossCountryResult(
        estimates=(*estimates, *projections.estimates),
        tests=(*wild_tests(contrasts, parameters), *pre_trends),
        notes=(*_notes(panel, steps, influence), _power_note(pre_trends[-1], estimates[0])),
        standard_errors=side_by_side(main, TREATMENT, parameters),
        steps=steps,
        influence=influence,
        leads=leads,
        projections=projections,
        excluded=panel.excluded,
        gaps=panel.gaps,
    )


def _regress(
    panel: CountryPanel, names: tuple[str, ...], *, without: str | None = None
) -> CountryFit:
    """The PMI on these terms, on the rows that have every control: only the terms differ."""
    whole = np.all([panel.wide[name].notna().to_numpy() for name in CONTROLS], axis=0)
    terms = {name: panel.wide[name] for name in names}
    return regress(panel, panel.wide["pmi"].where(whole), terms, without=without)


def _pre_trend(
    panel: CountryPanel, parameters: CrossCountryParameters
) -> tuple[pd.DataFrame, list[TestResult]]:
    """PMI on the changes still to come, given today's change, level and controls.

    Stringency is a calendar-month mean and the survey is answered in mid-month, so a measure of
    late March shows in April's change and yet belongs to March's PMI: the first lead is partly
    effect. Hence two tests, with it and without. Holm does not apply: it would flatter.
    """
    ahead = range(1, parameters.leads + 1)
    leads = {f"lead_{j}": panel.wide["change"].shift(-j) for j in ahead}
    terms = {name: panel.wide[name] for name in (*TREATMENT, *parameters.controls)}
    fit = regress(panel, panel.wide["pmi"], terms | leads)
    tests = [
        joint_test(
            name,
            f"Changes in restrictions {first} to {parameters.leads} months ahead say nothing "
            "about today's PMI.",
            fit,
            list(leads)[first - 1 :],
            parameters,
        )
        for name, first in (("panel.pre_trend", 1), ("panel.pre_trend.from_2", 2))
    ]
    k, errors = len(leads), np.sqrt(np.diag(fit.cov))
    columns = {"months_ahead": ahead, "value": fit.params[-k:], "std_error": errors[-k:]}
    return pd.DataFrame(columns), tests


def _steps(panel: CountryPanel, parameters: CrossCountryParameters) -> pd.DataFrame:
    """Change and level as the confounders come in: the headline's first, then the others."""
    ladder = [*parameters.controls, *(name for name in CONTROLS if name not in parameters.controls)]
    rows = []
    for last in range(len(ladder) + 1):
        fit = _regress(panel, (*TREATMENT, *ladder[:last]))
        errors = np.sqrt(np.diag(fit.cov))
        rows.append(
            {
                "controls": ", ".join(ladder[:last]) or "none",
                "headline": last == len(parameters.controls),
                "change": fit.params[0],
                "change_std_error": errors[0],
                "level": fit.params[1],
                "level_std_error": errors[1],
                "n": fit.moments.nobs,
            }
        )
    return pd.DataFrame(rows)


def _influence(fit: CountryFit) -> pd.DataFrame:
    """Coefficients with one country left out, the largest move first."""
    frame = pd.DataFrame({"left_out": fit.moments.labels})
    for i, term in enumerate(TREATMENT):
        frame[term] = fit.influence[:, i]
        frame[f"{term}_moves"] = fit.influence[:, i] - fit.params[i]
    order = frame["change_moves"].abs().sort_values(ascending=False).index
    return frame.loc[order].reset_index(drop=True)


def _notes(panel: CountryPanel, steps: pd.DataFrame, influence: pd.DataFrame) -> tuple[str, ...]:
    notes = [
        f"{country} {', '.join(rows['month'])} {'is' if len(rows) == 1 else 'are'} left out: "
        f"no {missing}."
        for (country, missing), rows in panel.gaps.groupby(["country", "missing"])
    ]
    thin = panel.excluded[panel.excluded["reason"] != "not listed"]
    notes += [
        f"{row['country']} is left out: {row['reason']} ({row['usable_months']})."
        for row in thin.to_dict("records")
    ]
    top, changes = influence.iloc[0], steps["change"]
    notes += [
        f"Without {top['left_out']}, the country that matters most, the coefficient of the change "
        f"is {number(top['change'])}.",
        f"It runs from {number(changes.min())} to {number(changes.max())} as cases and deaths are "
        "added: what the epidemic did by itself is not fully told apart.",
    ]
    return tuple(notes)


def _power_note(test: TestResult, effect: Estimate) -> str:
    smallest = test.detail["minimum_detectable_effect"]
    verdict = "larger than" if smallest > abs(effect.value) else "no larger than"
    return (
        f"The pre-trend test would have found leads of {number(smallest)} points with a power of "
        f"{test.detail['power']:.0%}; that is {verdict} the effect itself "
        f"({number(abs(effect.value))})."
    )
