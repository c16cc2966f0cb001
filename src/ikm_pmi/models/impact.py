"""Event study of the PMI: several on/off episodes, with inference from placebo windows.

The regression is OLS with one dummy for every month of every episode and of its leads, so an
effect is the month's PMI minus what the other months and the controls predict. Robust standard
errors of such dummies mean nothing (the residual there is zero by construction); see
:mod:`ikm_pmi.inference.placebo` for what replaces them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ikm_pmi.inference.har import har_table
from ikm_pmi.inference.placebo import Placebo, leave_window_out
from ikm_pmi.inference.regression import check_design
from ikm_pmi.inference.simultaneous import holm
from ikm_pmi.language import spoken
from ikm_pmi.models.episodes import POINTS, episode_effects, find_spells, lead_effects
from ikm_pmi.models.study import select_months
from ikm_pmi.parameters import Episode, ImpactParameters
from ikm_pmi.results import Estimate, Findings, TestResult, number, records_table

__all__ = ["EventStudyResult", "by_controls", "compare_inference", "evaluate", "event_study"]


@dataclass(frozen=True, slots=True, eq=False)
class EventStudyResult(Findings):
    """Effects by episode and month, their tests, and what they rest on.

    Parameters
    ----------
    placebos : mapping of episode to Placebo
    baseline : Series
        Predicted PMI without any episode, for every month of the sample.
    excluded_months : mapping of month to reason
    """

    placebos: Mapping[str, Placebo]
    baseline: pd.Series
    excluded_months: Mapping[str, str]
    n: int

    def by_month(self) -> list[Estimate]:
        """The effects of single months inside the episodes, in order."""
        return [e for e in self.estimates if "band_low" in e.detail]

    def headline(self) -> str:
        """The largest mean effects in a sentence for a title."""
        means = sorted(
            (e for e in self.estimates if e.name.endswith(".mean")), key=lambda e: e.value
        )
        parts = [
            f"{e.name.split('.')[1].replace('_', ' ').upper()} {number(e.value, 1)} points"
            for e in means[:2]
        ]
        return "PMI against what other months predict: " + ", ".join(parts) + " a month"

    @spoken
    def sentence(self) -> str:
        """Mean effect and test of each episode, then the months left out."""
        means = [e for e in self.estimates if e.name.endswith(".mean")]
        tests = {t.name: t for t in self.tests}
        lines = [
            f"{e.sentence(1)} {tests[e.name.removesuffix('mean') + 'no_effect'].sentence()}"
            for e in means
        ]
        return "\n".join([*lines, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Estimates, tests, exclusions and notes as JSON-safe values."""
        return Findings.to_dict(self) | {
            "excluded_months": dict(self.excluded_months),
            "n": self.n,
        }


def event_study(frame: pd.DataFrame, parameters: ImpactParameters) -> EventStudyResult:
    """Event study of the episodes in ``parameters``; see :func:`evaluate`."""
    return evaluate(frame, parameters.episodes, parameters)


def evaluate(
    frame: pd.DataFrame, episodes: Sequence[str | Episode], parameters: ImpactParameters
) -> EventStudyResult:
    """Effects of on/off episodes on the PMI by month, on average and cumulated.

    Parameters
    ----------
    frame : DataFrame, monthly PeriodIndex without gaps
        ``pmi`` (index points, missing where unknown) and the controls; see ``study_frame``.
    episodes : sequence of str or Episode
        ``name:first:last``; they may not overlap, and each ends.
    parameters : ImpactParameters
        Sample, controls, leads and confidence level.

    Returns
    -------
    EventStudyResult
        ``pmi.<episode>.mean|cumulative|<YYYY-MM>``, ``pmi.<episode>.lead.<YYYY-MM>``; tests
        ``pmi.<episode>.no_effect`` (with Holm's p over the episodes) and ``.no_anticipation``.

    Raises
    ------
    EstimationError
        An episode outside the sample or without any PMI, a singular design (columns named), or no
        placebo window of an episode's shape.

    References
    ----------
    MacKinlay (1997) for the event study; Andrews (2003) and Chernozhukov, Wüthrich and Zhu (2021)
    for inference on a short last spell from earlier spells of the same length.
    """
    parsed = [Episode.parse(e) if isinstance(e, str) else e for e in episodes]
    rows, excluded = select_months(
        frame, ["pmi", *parameters.controls], parameters.start_month, parameters.end_month
    )
    spells, leads, notes = find_spells(parsed, pd.PeriodIndex(rows.index), parameters)
    switched = [m for s in [*spells.values(), *leads.values()] for m in s.months]
    controls = rows[list(parameters.controls)]
    controls.insert(0, "const", 1.0)
    params = _fit(rows["pmi"], controls, switched)
    clean = ~rows.index.isin(switched)
    y, X = rows["pmi"][clean], controls[clean]
    level = parameters.confidence_level
    estimates: list[Estimate] = []
    tests: list[TestResult] = []
    placebos = {name: leave_window_out(y, X, s.offsets) for name, s in spells.items()}
    for name, spell in spells.items():
        effect = params[[str(m) for m in spell.months]].to_numpy()
        records, test = episode_effects(spell, effect, placebos[name], level, len(rows))
        estimates += records
        tests.append(test)
    adjusted = holm({t.name: t.p_value for t in tests})
    tests = [replace(t, detail={"holm_p": adjusted[t.name]}) for t in tests]
    for spell in leads.values():
        effect = params[[str(m) for m in spell.months]].to_numpy()
        records, test = lead_effects(
            spell, effect, leave_window_out(y, X, spell.offsets), level, len(rows)
        )
        estimates += records
        tests.append(test)
    if excluded:
        notes.append("Months left out: " + "; ".join(f"{m} ({r})" for m, r in excluded.items()))
    return EventStudyResult(
        estimates=tuple(estimates),
        tests=tuple(tests),
        placebos=placebos,
        baseline=controls @ params[controls.columns],
        excluded_months=excluded,
        notes=tuple(notes),
        n=len(rows),
    )


def _fit(y: pd.Series, controls: pd.DataFrame, switched: Sequence[pd.Period]) -> pd.Series:
    """OLS with a dummy for each switched month."""
    import statsmodels.api as sm

    dummies = {str(month): (y.index == month).astype(float) for month in switched}
    X = controls.assign(**dummies)
    check_design(X, where="event study")
    params: pd.Series = sm.OLS(y, X).fit().params
    return params


def by_controls(frame: pd.DataFrame, parameters: ImpactParameters) -> pd.DataFrame:
    """Mean effect of each episode as the epidemic enters the controls.

    Returns
    -------
    DataFrame
        ``name, controls, value, ci_low, ci_high, p_value, n``: the parameters' controls, with cases
        and deaths of the months before, and with those of the month itself, which are partly a
        result of the restriction.
    """
    own: list[str] = list(parameters.controls)
    epidemic: dict[str, list[str]] = {
        "as in the parameters": own,
        "and cases, deaths before": [*own, "log_cases", "log_deaths"],
        "and cases, deaths of the month": [*own, "log_cases_now", "log_deaths_now"],
    }
    tables = []
    for label, controls in epidemic.items():
        distinct = list(dict.fromkeys(controls))
        table = event_study(frame, parameters.model_copy(update={"controls": distinct})).table()
        tables.append(table[table["name"].str.endswith(".mean")].assign(controls=label))
    columns = ["name", "controls", "value", "ci_low", "ci_high", "p_value", "n"]
    return pd.concat(tables)[columns].sort_values("name", kind="stable", ignore_index=True)


def compare_inference(
    frame: pd.DataFrame, parameters: ImpactParameters, result: EventStudyResult
) -> pd.DataFrame:
    """The mean effect of each episode under every kind of inference, side by side.

    Beside the placebo row stands a regression with one dummy an episode. ``meaningful`` is False
    for classical, Newey-West and cosine: they read the episode's own two or three residuals, which
    sum to zero by construction. Prais-Winsten and the structural model borrow the error process
    of the whole sample, and measure against the months next to the episode.

    Parameters
    ----------
    frame, parameters
        As given to :func:`event_study`.
    result : EventStudyResult
        What it returned.
    """
    rows, _ = select_months(
        frame, ["pmi", *parameters.controls], parameters.start_month, parameters.end_month
    )
    parsed = [Episode.parse(e) for e in parameters.episodes]
    spells, leads, _ = find_spells(parsed, pd.PeriodIndex(rows.index), parameters)
    on = {name: rows.index.isin(s.months).astype(float) for name, s in spells.items()}
    before = {f"before_{k}": rows.index.isin(s.months).astype(float) for k, s in leads.items()}
    X = rows[list(parameters.controls)].assign(const=1.0, **on, **before)
    names = {f"pmi.{name}.mean": name for name in spells}
    records = [e for e in result.estimates if e.name in names]
    records += har_table(rows["pmi"], X, names, unit=POINTS, level=parameters.confidence_level)
    table = records_table(records).drop(columns=["minimum_p", "windows"])
    table["meaningful"] = ~table["inference"].isin(["ols", "newey_west", "cosine"])
    return table.sort_values("name", kind="stable", ignore_index=True)
