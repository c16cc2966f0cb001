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

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.inference.bands import holm
from ikm_pmi.inference.few_clusters import FewClusters
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import CrossCountryParameters, YardsticksParameters
from ikm_pmi.pmi.country_panel import CONTROLS, CountryFit, CountryPanel, assemble, regress
from ikm_pmi.pmi.local_projections import UNIT, LocalProjections, project
from ikm_pmi.results import Estimate, Findings, TestResult, number

TREATMENT = ("change", "level")
#: The hypotheses of the panel: name, regression, as statsmodels writes it, and in words.
HYPOTHESES = (
    (
        "panel.change_is_zero",
        "main",
        "change",
        "A change in restrictions does not move the PMI of the month.",
    ),
    (
        "panel.level_is_zero",
        "main",
        "level",
        "Restrictions that stay as they are do not move the PMI, however strict.",
    ),
    (
        "panel.tightening_equals_easing",
        "split",
        "tightening - easing = 0",
        "Easing by 10 points raises the PMI by as much as tightening by 10 points lowers it.",
    ),
)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class CrossCountryResult(Findings):
    """What the panel of countries says.

    Parameters
    ----------
    estimates, tests, notes : tuple
        As they go into the chapter's result.
    leads : DataFrame
        months_ahead, value, std_error: PMI on later changes in restrictions.
    projections : LocalProjections
    excluded, gaps : DataFrame
        Countries not used and months without a figure, each with the reason.
    """

    leads: pd.DataFrame
    projections: LocalProjections
    excluded: pd.DataFrame
    gaps: pd.DataFrame

    @translated
    def sentence(self, digits: int = 2) -> str:
        """Change, level and the test of a steady restriction."""
        steady = self.test("panel.level_is_zero").sentence()
        return joined(" ", [*(e.sentence(digits) for e in self.estimates[:2]), steady])

    def restriction(self) -> pd.DataFrame:
        """What ten points more stringency go with in the month, by regression, for reading."""
        rows = {
            "cases held constant": "panel.change",
            "and the PMI of the month before": "panel.change.own_lag",
            "local projection, two lags of both": "panel.lp.0",
        }
        table = pd.DataFrame([self[name].to_dict() for name in rows.values()], index=list(rows))
        return table[["value", "std_error", "ci_low", "ci_high", "p_value", "n"]]


def country_panel(frame: pd.DataFrame, parameters: CrossCountryParameters) -> CrossCountryResult:
    """Estimate the panel, with an own lag, its tests and local projections.

    Parameters
    ----------
    frame : DataFrame
        One row a country and month: country_iso3, month (period), pmi (index points), stringency
        (0-100), new_cases and new_deaths (persons a month).

    Raises
    ------
    DataError, EstimationError
        See :func:`~ikm_pmi.pmi.country_panel.assemble` and ``regress``.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> few = ikm.defaults("05").model_copy(update={"draws": 99})
    >>> round(ikm.country_panel(ikm.load("country_monthly"), few)["panel.change"].value, 2)
    -0.52
    """
    panel = assemble(frame, parameters)
    p = parameters
    rows = panel.sample().assign(pmi_lag=panel.shifted("pmi", 1))
    # The rows are those with every control, so that regressions differ in their terms alone.
    rows = rows.dropna(subset=list(CONTROLS))
    fits = {
        "main": _regress(rows, (*TREATMENT, *p.controls)),
        "split": _regress(rows, ("tightening", "easing", "level", *p.controls)),
        "own_lag": _regress(rows, (*TREATMENT, "pmi_lag", *p.controls)),
    }
    estimates = [
        by_country(f"panel.{name}", fits["main"].clusters(name, p), UNIT) for name in TREATMENT
    ]
    estimates += [
        by_country(f"panel.{name}", fits["split"].clusters(name, p), UNIT)
        for name in ("tightening", "easing")
    ]
    estimates.append(
        by_country("panel.change.own_lag", fits["own_lag"].clusters("change", p), UNIT)
    )
    tests = [
        fits[fit].clusters(hypothesis, p, interval=False).test(name, null)
        for name, fit, hypothesis, null in HYPOTHESES
    ]
    adjusted = holm({test.name: test.p_value for test in tests})
    tests = [replace(t, detail={**t.detail, "p_holm": adjusted[t.name]}) for t in tests]
    leads, pre_trends = _pre_trend(panel, p)
    projections = project(panel, p)
    return CrossCountryResult(
        estimates=(*estimates, *projections.estimates),
        tests=(*tests, *pre_trends),
        notes=(*_notes(panel, fits["main"]), _power_note(pre_trends[-1], estimates[0])),
        leads=leads,
        projections=projections,
        excluded=panel.excluded,
        gaps=panel.gaps,
    )


def _regress(rows: pd.DataFrame, terms: Sequence[str]) -> CountryFit:
    return regress(rows, f"pmi ~ {' + '.join(terms)} | country + month")


def by_country(name: str, found: FewClusters, unit: str) -> Estimate:
    """CRV3 with t(G-1) as the estimate, and the wild bootstrap in the detail."""
    three = next(e for e in found.estimates if e.name == "CRV3")
    G, wild = found.n_clusters[0], found.wild
    return replace(
        three,
        name=name,
        unit=unit,
        method=say("country and month effects, {} countries, CRV3 t({})", G, G - 1),
        detail={
            "n_clusters": G,
            "wild_p_value": wild.p_value,
            "wild_ci_low": wild.ci_low,
            "wild_ci_high": wild.ci_high,
        },
    )


def _pre_trend(
    panel: CountryPanel, parameters: CrossCountryParameters
) -> tuple[pd.DataFrame, list[TestResult]]:
    """PMI on the changes still to come, given today's change, level and controls.

    Stringency is a calendar-month mean and the survey is answered in mid-month, so a measure of
    late March shows in April's change and yet belongs to March's PMI: the first lead is partly
    effect. Hence two tests, with it and without. Holm does not apply: it would flatter.
    """
    ahead = range(1, parameters.leads + 1)
    leads = {f"lead_{j}": panel.shifted("change", -j) for j in ahead}
    rows = panel.sample().assign(**leads)
    fit = _regress(rows, (*TREATMENT, *parameters.controls, *leads))
    without = np.column_stack([fit.without_each(name) for name in leads])
    b, G = fit.fit.params[list(leads)].to_numpy(), len(without)
    cov = (G - 1) / G * (without - b).T @ (without - b)  # CRV3
    null = "Changes in restrictions {} to {} months ahead say nothing about today's PMI."
    tests = [
        joint_test(
            name,
            say(null, first, parameters.leads),
            (b[first - 1 :], cov[first - 1 :, first - 1 :]),
            G,
            parameters,
        )
        for name, first in (("panel.pre_trend", 1), ("panel.pre_trend.from_2", 2))
    ]
    columns = {"months_ahead": ahead, "value": b, "std_error": np.sqrt(np.diag(cov))}
    return pd.DataFrame(columns), tests


def joint_test(
    name: str,
    null: str,
    found: tuple[NDArray[np.float64], NDArray[np.float64]],
    n_clusters: int,
    parameters: CrossCountryParameters,
) -> TestResult:
    """F-test that q coefficients with this CRV3 covariance are zero, and what it could detect."""
    from scipy import stats

    b, V = found
    F = float(b @ np.linalg.solve(V, b) / len(b))
    return TestResult(
        name=name,
        null=null,
        statistic=F,
        p_value=float(stats.f.sf(F, len(b), n_clusters - 1)),
        distribution=say("F({}, {}), CRV3", len(b), n_clusters - 1),
        detail={
            "minimum_detectable_effect": detectable(V, n_clusters, parameters),
            "power": parameters.power,
        },
    )


def detectable(
    cov: NDArray[np.float64],
    n_clusters: int,
    parameters: CrossCountryParameters | YardsticksParameters,
) -> float:
    """The smallest common value of q coefficients that their F-test finds with the power asked.

    The test has q and G-1 degrees of freedom and size one minus the confidence level; a common
    value d has noncentrality ``d^2 1'V^-1 1``. With q = 1 this is Bloom's (1995) minimum
    detectable effect, (t_size + t_power) standard errors, but for the rounding of that formula.

    Parameters
    ----------
    cov : ndarray of shape (q, q)
    """
    from scipy import optimize, stats

    q, df = len(cov), n_clusters - 1
    bound = stats.f.isf(1 - parameters.confidence_level, q, df)
    needed = optimize.brentq(
        lambda delta: stats.ncf.sf(bound, q, df, delta) - parameters.power, 1e-6, 1e4
    )
    return float(np.sqrt(needed / np.linalg.inv(cov).sum()))


def _notes(panel: CountryPanel, main: CountryFit) -> tuple[str, ...]:
    notes = [
        say("{} {} is left out: no {}." if len(rows) == 1 else "{} {} are left out: no {}.",
            country, joined(", ", rows["month"]), missing)
        for (country, missing), rows in panel.gaps.groupby(["country", "missing"])
    ]  # fmt: skip
    thin = panel.excluded[panel.excluded["reason"] != "not listed"]
    notes += [
        say("{} is left out: {} ({}).", row["country"], row["reason"], row["usable_months"])
        for row in thin.to_dict("records")
    ]
    without = main.without_each("change")
    most = (without - main.fit.params["change"]).abs().idxmax()
    note = "Without {}, the country that matters most, the coefficient of the change is {}."
    return (*notes, say(note, most, number(without[most])))


def _power_note(test: TestResult, effect: Estimate) -> str:
    smallest = test.detail["minimum_detectable_effect"]
    verdict = "larger than" if smallest > abs(effect.value) else "no larger than"
    return say("The pre-trend test would have found leads of {} points with a power of {:.0%}; "
               "that is {} the effect itself ({}).", number(smallest), test.detail["power"],
               verdict, number(abs(effect.value)))  # fmt: skip
