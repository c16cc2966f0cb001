"""Event study of the PMI: several on/off episodes, with inference from placebo windows.

The regression is OLS with one dummy for every month of every episode and of its leads, so an
effect is the month's PMI minus what the other months and the controls predict. Robust standard
errors of such dummies mean nothing (the residual there is zero by construction); see
:mod:`ikm_pmi.inference.windows` for what replaces them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.data.frames import month_of
from ikm_pmi.inference.bands import holm, sup_t_half_widths
from ikm_pmi.inference.regression import check_design
from ikm_pmi.inference.windows import Placebo, half_width, leave_window_out, rank_p_value
from ikm_pmi.language import joined, months_said, say, translated
from ikm_pmi.parameters import Episode, ImpactParameters
from ikm_pmi.pmi.sample import lagged, monthly_rows, select_months
from ikm_pmi.pmi.spells import (
    Spell,
    Switched,
    check_options,
    find_spells,
    parse_episodes,
)
from ikm_pmi.results import Estimate, Findings, TestResult, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINTS = "index points"


def _label(outcome: str) -> str:
    """The outcome in a sentence."""
    return "PMI" if outcome == "pmi" else outcome.replace("_", " ")


def _band(value: float, half: float | None) -> dict[str, Any]:
    low, high = (None, None) if half is None else (value - half, value + half)
    return {"ci_low": low, "ci_high": high}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judge:
    """How the effects of a design are named and judged: outcome, unit, level, rows, placebos."""

    outcome: str
    unit: str
    level: float
    n: int
    placebos: Mapping[str, Placebo]

    def shared(self, placebo: Placebo, spell: Spell) -> dict[str, Any]:
        """What the estimates of one spell have in common."""
        method = "OLS month dummies; rank among {} windows of {}"
        return {
            "n": self.n,
            "ci_level": self.level,
            "method": say(method, placebo.windows, spell.shape),
            "detail": {"minimum_p": placebo.minimum_p, "windows": placebo.windows},
        }

    def month(
        self, name: str, effect: float, errors: NDArray[np.float64], shared: Mapping[str, Any]
    ) -> Estimate:
        """The effect in one month, judged by the placebo errors at its place of the window."""
        return Estimate(
            name=name,
            value=float(effect),
            unit=self.unit,
            std_error=float(np.sqrt(np.mean(errors**2))),
            p_value=rank_p_value(effect, errors),
            **_band(float(effect), half_width(errors, self.level)),
            **shared,
        )


def episode_effects(
    spell: Spell, effect: NDArray[np.float64], judge: _Judge
) -> tuple[list[Estimate], TestResult]:
    """Mean and monthly effects of one episode, and its test of no effect."""
    placebo, level = judge.placebos[spell.name], judge.level
    shared = judge.shared(placebo, spell)
    detail = shared.pop("detail") | {"inference": "placebo"}
    mean, p = float(effect.mean()), rank_p_value(float(effect.mean()), placebo.mean)
    records = [
        Estimate(
            name=f"{judge.outcome}.{spell.name}.mean",
            value=mean,
            unit=judge.unit,
            std_error=float(np.sqrt(np.mean(placebo.mean**2))),
            p_value=p,
            detail=detail,
            **_band(mean, half_width(placebo.mean, level)),
            **shared,
        )
    ]
    bands = sup_t_half_widths(placebo.errors, level)
    for j, month in enumerate(spell.months):
        band = _band(effect[j], None if bands is None else float(bands[j]))
        together = {"band_low": band["ci_low"], "band_high": band["ci_high"]}
        name = f"{judge.outcome}.{spell.name}.{month}"
        own = shared | {"detail": detail | together}
        records.append(judge.month(name, effect[j], placebo.errors[:, j], own))
    test = TestResult(
        name=f"{judge.outcome}.{spell.name}.no_effect",
        null=say("the mean effect of {} on the {} is zero", spell.name, _label(judge.outcome)),
        statistic=mean,
        p_value=p,
        distribution=say("rank of the mean among {} placebo windows of {}",
                         placebo.windows, spell.shape),
        n=judge.n,
        minimum_p=placebo.minimum_p,
    )  # fmt: skip
    return records, test


def effects_around(
    spell: Spell, effect: NDArray[np.float64], placebo: Placebo, judge: _Judge, side: str
) -> list[Estimate]:
    """Effects in the months before (``lead``) or after (``after``) an episode."""
    shared = judge.shared(placebo, spell)
    return [
        judge.month(
            f"{judge.outcome}.{spell.name}.{side}.{month}", effect[j], placebo.errors[:, j], shared
        )
        for j, month in enumerate(spell.months)
    ]


def _no_anticipation(
    spell: Spell, effect: NDArray[np.float64], placebo: Placebo, judge: _Judge
) -> TestResult:
    largest, null = float(np.max(np.abs(effect))), "the {} does not move in the {} before {}"
    return TestResult(
        name=f"{judge.outcome}.{spell.name}.no_anticipation",
        null=say(null, _label(judge.outcome), spell.shape, spell.name),
        statistic=largest,
        p_value=rank_p_value(largest, np.abs(placebo.errors).max(axis=1)),
        distribution=say("rank of the largest effect among {} placebo windows", placebo.windows),
        n=judge.n,
        minimum_p=placebo.minimum_p,
    )


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
    outcome: str = "pmi"
    unit: str = POINTS

    def by_month(self) -> list[Estimate]:
        """The effects of single months inside the episodes, in order."""
        return [e for e in self.estimates if "band_low" in e.detail]

    def headline(self) -> str:
        """The mean effect of the last episode in a sentence for a title."""
        last = [e for e in self.estimates if e.name.endswith(".mean")][-1]
        unit = "points" if self.unit == POINTS else self.unit
        name = last.name.removesuffix("mean")
        months = [e.name.removeprefix(name) for e in self.by_month() if e.name.startswith(name)]
        side = "below" if last.value < 0 else "above"
        subject = "the PMI" if self.outcome == "pmi" else _label(self.outcome)
        return say("In {}, {} stood {} {} {} what other months predict",
                   months_said(months[0], months[-1]), subject, number(abs(last.value), 1), unit,
                   side)  # fmt: skip

    def _episode(self, mean: Estimate) -> str:
        return mean.name.removeprefix(f"{self.outcome}.").removesuffix(".mean")

    def __getitem__(self, name: str) -> Estimate:
        """The mean effect of an episode, or the estimate of this whole name."""
        whole = {self._episode(e): e.name for e in self.estimates if e.name.endswith(".mean")}
        return Findings.__getitem__(self, whole.get(name, name))

    @translated
    def sentence(self) -> str:
        """Mean effect and test of each episode, then the months left out."""
        means = [e for e in self.estimates if e.name.endswith(".mean")]
        tests = {t.name: t for t in self.tests}
        lines = [
            joined(
                " ", (e.sentence(1), tests[e.name.removesuffix("mean") + "no_effect"].sentence())
            )
            for e in means
        ]
        return joined("\n", [*lines, *self.notes])


def evaluate(
    frame: pd.DataFrame, episodes: Sequence[str | Episode], parameters: ImpactParameters
) -> EventStudyResult:
    """:func:`event_study` of some episodes with the sample and controls of chapter 03."""
    return event_study(
        frame,
        "pmi",
        episodes,
        controls=parameters.controls,
        leads=parameters.leads,
        after=parameters.after,
        span=(parameters.start_month, parameters.end_month),
        level=parameters.confidence_level,
    )


def event_study(
    data: pd.DataFrame | pd.Series,
    outcome: str,
    episodes: Mapping[str, tuple[Any, Any]] | Sequence[str | Episode],
    *,
    controls: Sequence[str] = (),
    leads: int = 0,
    after: int = 0,
    span: tuple[Any, Any] | None = None,
    unit: str = POINTS,
    level: float = 0.95,
) -> EventStudyResult:
    """Distance of a monthly outcome, in on/off episodes, from what other months predict.

    Every month of an episode, of the months before and of those after gets an effect of its own:
    what the outcome is there beside what the other months and the controls predict. Intervals and
    p-values rank it among what the same regression misses in windows of the same shape.

    Parameters
    ----------
    data : DataFrame or Series, shape (T, ...)
        Monthly rows, in order; the index in any form that :func:`ikm_pmi.data.frames.as_months`
        reads. A Series is the outcome itself.
    outcome : str
        Column of the outcome, in ``unit``; it begins the names of the estimates.
    episodes : mapping or sequence
        Name to first and last month, or texts ``name:first:last``; they may not overlap.
    controls : sequence of str
        Columns beside the episodes; ``name:2`` is the column of two months before.
    leads, after : int
        Months before and after each episode with an effect of their own.
    span : (month, month), optional
        First and last month of the sample; all of ``data`` if not given.
    level : float
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    EventStudyResult
        ``<outcome>.<episode>.mean|<YYYY-MM>``, ``.lead.<YYYY-MM>``,
        ``.after.<YYYY-MM>``; tests ``.no_effect`` (with Holm's p over the episodes) and
        ``.no_anticipation``.

    Raises
    ------
    DataError
        When the index holds no months, or they are out of order.
    EstimationError
        A column that is not there, an episode outside the sample or without any outcome, a
        singular design (columns named), or no placebo window of an episode's shape.

    References
    ----------
    MacKinlay (1997) for the event study; Andrews (2003) and Chernozhukov, Wüthrich and Zhu (2021)
    for inference on a short last spell from earlier spells of the same length.

    Examples
    --------
    >>> import numpy as np
    >>> months = [f"{year}-{month:02d}" for year in range(2015, 2019) for month in range(1, 13)]
    >>> sales = pd.Series(np.random.default_rng(1).normal(100, 1, 48), months)
    >>> sales["2016-03":"2016-04"] -= 20
    >>> flood = event_study(sales, "sales", {"flood": ("Mar 2016", "Apr 2016")}, unit="percent")
    >>> round(flood["flood"].value), flood["flood"].n
    (-20, 48)
    """
    frame = monthly_rows(data, outcome)
    ends = span or (frame.index[0], frame.index[-1])
    first, last = month_of(ends[0]), month_of(ends[1])
    parsed = parse_episodes(episodes)
    controls = [controls] if isinstance(controls, str) else list(controls)
    check_options(controls, leads=leads, after=after, level=level)
    frame = lagged(frame, controls)
    rows, excluded = select_months(frame, [outcome, *controls], first, last)
    on = find_spells(parsed, pd.PeriodIndex(rows.index), (first, last), leads=leads, after=after)
    X = rows[list(controls)]
    X.insert(0, "const", 1.0)
    params = _fit(rows[outcome], X, on.months)
    clean = ~rows.index.isin(on.months)
    y, calm = rows[outcome][clean], X[clean]
    placebos = {name: leave_window_out(y, calm, s.offsets) for name, s in on.spells.items()}
    judge = _Judge(outcome=outcome, unit=unit, level=level, n=len(rows), placebos=placebos)
    estimates, tests = _judged(on, params, (y, calm), judge)
    on.notes.extend(_extrapolated(on, X, calm))
    if excluded:
        reasons = joined("; ", (say("{} ({})", m, r) for m, r in excluded.items()))
        on.notes.append(say("Months left out: {}", reasons))
    return EventStudyResult(
        estimates=tuple(estimates),
        tests=tuple(tests),
        placebos=placebos,
        baseline=X @ params[X.columns],
        excluded_months=excluded,
        notes=tuple(on.notes),
        n=len(rows),
        outcome=outcome,
        unit=unit,
    )


def _judged(
    on: Switched, params: pd.Series, clean: tuple[pd.Series, pd.DataFrame], judge: _Judge
) -> tuple[list[Estimate], list[TestResult]]:
    """The effects of all spells with their tests; ``clean`` are the rows of no spell."""
    estimates: list[Estimate] = []
    tests: list[TestResult] = []
    for spell in on.spells.values():
        records, test = episode_effects(spell, _of(params, spell), judge)
        estimates += records
        tests.append(test)
    adjusted = holm({t.name: t.p_value for t in tests})
    tests = [replace(t, detail={"holm_p": adjusted[t.name]}) for t in tests]
    for side, part in (("lead", on.leads), ("after", on.after)):
        for spell in part.values():
            around = leave_window_out(*clean, spell.offsets)
            estimates += effects_around(spell, _of(params, spell), around, judge, side)
            if side == "lead":
                tests.append(_no_anticipation(spell, _of(params, spell), around, judge))
    return estimates, tests


def _of(params: pd.Series, spell: Spell) -> NDArray[np.float64]:
    """The effects of a spell's months."""
    return params[[str(month) for month in spell.months]].to_numpy()


def _fit(y: pd.Series, controls: pd.DataFrame, switched: Sequence[pd.Period]) -> pd.Series:
    """OLS with a dummy for each switched month."""
    import statsmodels.api as sm

    dummies = {str(month): (y.index == month).astype(float) for month in switched}
    X = controls.assign(**dummies)
    check_design(X, where="event study")
    params: pd.Series = sm.OLS(y, X).fit().params
    return params


def _extrapolated(on: Switched, X: pd.DataFrame, calm: pd.DataFrame) -> list[str]:
    """A note on each control that lies, in an episode, outside its range in the clean months."""
    notes = []
    for spell in on.spells.values():
        for name in X.columns.drop("const"):
            inside, low, high = X.loc[spell.months, name], calm[name].min(), calm[name].max()
            beyond = np.maximum(inside - high, low - inside)
            if beyond.max() > 0:
                at = beyond.idxmax()
                notes.append(say("{}: {} reaches {} in {}, outside its {} to {} in the clean "
                                 "months: the comparison extrapolates", spell.name, name,
                                 number(inside[at]), at, number(low), number(high)))  # fmt: skip
    return notes


#: Forms in which the epidemic can stand beside the episodes, from none to the most direct.
FORMS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "since March 2020": ("pandemic",),
    "log cases, month before": ("log_cases:1",),
    "and log deaths, month before": ("log_cases:1", "log_deaths:1"),
    "since March 2020, log cases and deaths": ("pandemic", "log_cases", "log_deaths"),
    "since March 2020, root of deaths": ("pandemic", "root_deaths"),
    "since March 2020, deaths": ("pandemic", "deaths"),
}


def by_controls(frame: pd.DataFrame, parameters: ImpactParameters, episode: str) -> pd.DataFrame:
    """Mean effect of an episode by the form in which the epidemic enters the controls.

    Returns
    -------
    DataFrame
        ``epidemic, value, ci_low, ci_high, p_value, n``: one row a form of ``FORMS`` beside the
        parameters' own controls. The forms differ in how far they extrapolate: deaths of July 2021
        are four times those of the worst month without an episode.
    """
    rows = []
    for form, controls in FORMS.items():
        both = list(dict.fromkeys([*parameters.controls, *controls]))
        own = parameters.model_copy(update={"controls": both})
        e = evaluate(frame, parameters.episodes, own)[episode]
        rows.append((form, e.value, e.ci_low, e.ci_high, e.p_value, e.n))
    return pd.DataFrame(rows, columns=["epidemic", "value", "ci_low", "ci_high", "p_value", "n"])
