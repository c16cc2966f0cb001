"""The chain from a restriction to workers: PMI, manufacturing, IKM output, IKM workers.

The first link is a sum of monthly deviations of the PMI: what the event study of chapter 03 finds,
or, for a path of restriction, what its dose-response gives with tightening and easing apart. A
month's deviation moves the level of output by a twelfth of the bridge's slope
(:mod:`ikm_pmi.jobs.bridge`), IKM output by the pass-through times that, workers by the elasticity
times that: a level at the end of the months, against the path expected.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError, ParameterError
from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.regression import HarFit
from ikm_pmi.jobs.bounds import bounds
from ikm_pmi.jobs.bridge import BridgeResult, bridge
from ikm_pmi.jobs.elasticity import elasticity
from ikm_pmi.jobs.links import Link, with_interval
from ikm_pmi.jobs.orders import imk_year
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import (
    CrossCountryParameters,
    ElasticityParameters,
    Episode,
    JobsParameters,
)
from ikm_pmi.pmi import sample, wave
from ikm_pmi.pmi.event_study import EventStudyResult, evaluate
from ikm_pmi.pmi.sample import MAIN, both_sides, dose_design
from ikm_pmi.pmi.spells import with_episode
from ikm_pmi.results import Estimate, Findings, percent, significant

#: Tables of the data package that the chain rests on.
TABLES = (*wave.TABLES, "deflators", "imk_panel", "imk_quarterly_growth", "manufacturing_growth")
LINKS = ("gap", "bridge", "pass_through", "elasticity")
#: What a row beside the lead is called, by the link it changes and the link's own name.
LABELS: Mapping[str, str] = {
    "event_study": "event study",
    "dose": "dose-response, as the rules are read here",
    "dose_low": "dose-response, low reading of the rules",
    "dose_high": "dose-response, high reading of the rules",
    "rest_most": "what a wave elsewhere leaves, form that leaves most",
    "rest_least": "what a wave elsewhere leaves, form that leaves least",
    "all": "bridge of all quarters",
    "without_2020": "bridge without 2020",
    "twfe": "two-way elasticity",
    "without_flagged": "without the flagged cells",
    "intensive": "establishments held constant",
    "lower_bound": "lower bound of the elasticity",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ChainResult(Findings):
    """``chain.pmi_points``, ``chain.output_pct``, ``chain.workers``, and the rows beside the lead.

    ``rows`` has one row a choice of links, the lead first: ``choice, pmi_points, output_pct,
    workers, low, high``.
    """

    month: str
    rows: pd.DataFrame

    @translated
    def sentence(self) -> str:
        """The level of workers in one sentence, to two significant digits."""
        e = self["chain.workers"]
        where = "below" if e.value < 0 else "above"
        return say("At the end of {} IKM workers stood {} {} the expected path ({} interval {} to "
                   "{}).", self.month, significant(abs(e.value)), where, percent(e.ci_level),
                   significant(e.ci_low), significant(e.ci_high))  # fmt: skip

    def headline(self) -> str:
        """The lead and the range of all rows in a sentence for a title."""
        lead, *_ = values = self.rows["workers"] / 1e3
        side = "fewer" if lead < 0 else "more"
        said = say("{} thousand IKM workers {} than expected", significant(abs(lead)), side)
        if len(values) == 1:
            return say("At the end of {}: {}", self.month, said)
        ends = sorted(values.abs())
        low, high = significant(ends[0]), significant(ends[-1])
        return say("At the end of {}: {}; with other links {} to {} thousand",
                   self.month, said, low, high)  # fmt: skip

    def reading(self) -> pd.DataFrame:
        """One row a choice: PMI, output, workers, interval."""
        shown = {
            row["choice"]: {
                "PMI, sum of months": significant(row["pmi_points"]),
                "IKM output, %": significant(row["output_pct"]),
                "IKM workers": significant(row["workers"]),
                "interval": say("{} to {}", significant(row["low"]), significant(row["high"])),
            }
            for row in self.rows.to_dict("records")
        }
        return pd.DataFrame.from_dict(shown, orient="index")


def chain(
    gap: Estimate,
    bridge: Estimate,
    elasticity: Estimate,
    workers: float,
    *,
    pass_through: float = 1.0,
    pass_through_range: tuple[float, float] | None = None,
    uncertain: Collection[str] = LINKS,
    month: str = "",
    level: float = 0.95,
) -> ChainResult:
    """Multiply the links, with what each of them leaves open.

    Parameters
    ----------
    gap : Estimate
        Sum of the monthly deviations of the PMI, index points.
    bridge : Estimate
        Points of year-on-year growth per point of the four-quarter mean of the PMI.
    elasticity : Estimate
        Percent of workers per percent of output.
    workers : float
        IKM workers before, persons.
    pass_through : float
        Percent of IKM output per percent of manufacturing; open over its range, if one is given.
    uncertain : collection of str
        Links that are not held at their value, of ``LINKS``; an Estimate without interval is known.
    month : str
        The month at whose end the level stands.
    level : float
        Coverage of the intervals.

    Returns
    -------
    ChainResult
        The values are products of the links' values. Each estimated link is normal with the width
        of its own interval, and the links are independent.

    Raises
    ------
    EstimationError
        When an interval is open, or does not hold its value.

    Examples
    --------
    >>> known = dict(unit="", method="assumed")
    >>> gap, slope, e = (Estimate(name=n, value=v, **known) for n, v in
    ...                  [("gap", -12.0), ("slope", 1.0), ("elasticity", 0.25)])
    >>> chain(gap, slope, e, 1_000_000)["chain.workers"].value
    -2500.0
    """
    parts = [
        Link.estimated("gap", gap),
        Link.estimated("bridge", bridge),
        Link("pass_through", pass_through, span=pass_through_range),
        Link.estimated("elasticity", elasticity),
    ]
    S, g, p, e = (part.known(uncertain).values() for part in parts)
    value = [part.value for part in parts]
    loose = [x for x in parts if x.name in uncertain and (x.sd or x.span)]
    method = say("product of its links, {} of {} left open", len(loose), len(parts))
    ends = {
        "pmi_points": ("index points, sum of the months", value[0], S),
        "output_pct": ("percent of IKM output", prod(value[:3]) / 12, S * g / 12 * p),
        "workers": ("persons", workers * prod(value) / 1200, workers * (S * g * p * e) / 1200),
    }
    found = tuple(
        with_interval(Estimate(name=f"chain.{k}", value=v, unit=unit, method=method), draws, level)
        for k, (unit, v, draws) in ends.items()
    )
    row = {name: e.value for name, e in zip(ends, found, strict=True)}
    last = {"low": found[-1].ci_low, "high": found[-1].ci_high}
    rows = pd.DataFrame([{"choice": "product of the links", **row, **last}])
    return ChainResult(estimates=found, month=month, rows=rows)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Links:
    """What each link may be, by name, from the functions of the chapters that estimate it."""

    gaps: Mapping[str, Estimate]
    bridge: BridgeResult
    elasticities: Mapping[str, Estimate]
    workers: float

    @property
    def bridges(self) -> Mapping[str, Estimate]:
        """The bridge with 2020 and without."""
        return {e.name.removeprefix("chain.bridge."): e for e in self.bridge.estimates}


def links(raw: Mapping[str, pd.DataFrame], parameters: JobsParameters) -> Links:
    """Every link of the chain, from the tables named in ``TABLES``.

    Raises
    ------
    EstimationError
        When the path leaves the data, has a gap, or a link cannot be estimated.
    """
    frame = sample.assemble(raw, parameters.impact())
    growth = raw["manufacturing_growth"].set_index("quarter")["growth_yoy_pct"]
    return Links(
        gaps=gaps(raw, frame, parameters),
        bridge=bridge(growth, frame["pmi"]),
        elasticities=elasticities(raw["imk_panel"], parameters.seed),
        workers=imk_year(raw["imk_panel"], parameters.base_year)[0],
    )


def chain_rows(found: Links, parameters: JobsParameters) -> ChainResult:
    """The chain as the parameters choose its links, and beside it one row a link changed."""
    lead: tuple[str, ...] = (
        next(iter(found.gaps)), parameters.bridge_sample, parameters.estimator
    )  # fmt: skip
    tables: tuple[Mapping[str, Estimate], ...] = (found.gaps, found.bridges, found.elasticities)
    choices = {joined("; ", (LABELS[name] for name in lead)): lead}
    for place, table in enumerate(tables):
        for name in table:
            if name != lead[place]:
                choices[LABELS[name]] = (*lead[:place], name, *lead[place + 1 :])
    runs = {
        label: chain(
            found.gaps[gap],
            found.bridges[slope],
            found.elasticities[by],
            found.workers,
            pass_through=parameters.pass_through,
            pass_through_range=parameters.span("pass_through"),
            uncertain=parameters.uncertain,
            month=f"{parameters.months()[-1]:%B %Y}",
            level=parameters.confidence_level,
        )
        for label, (gap, slope, by) in choices.items()
    }
    first, *others = runs.values()
    named = [c[p] for c in list(choices.values())[1:] for p in range(3) if c[p] != lead[p]]
    beside = [
        replace(run["chain.workers"], name=f"chain.workers.{name}")
        for name, run in zip(named, others, strict=True)
    ]
    rows = pd.concat([run.rows.assign(choice=label) for label, run in runs.items()])
    return replace(
        first,
        estimates=(*first.estimates, *beside, *found.bridge.estimates),
        tests=found.bridge.tests,
        notes=found.bridge.notes,
        rows=rows.reset_index(drop=True),
    )


def gaps(
    raw: Mapping[str, pd.DataFrame],
    frame: pd.DataFrame,
    parameters: JobsParameters,
    *,
    with_rest: bool = True,
) -> dict[str, Estimate]:
    """The sum of monthly deviations of the PMI, the lead first.

    What happened is led by the event study, whose error is that of placebo windows as long as the
    months; a path that is given by the dose-response as the rules are read.
    """
    impact = parameters.impact()
    out: dict[str, Estimate] = {}
    if parameters.path:
        out["dose"] = dose_gap(frame, parameters)
    else:
        out["event_study"], found = event_gap(frame, parameters)
        if with_rest:
            out |= rest_gaps(raw, out["event_study"], found, parameters)
    for reading in ("low", "high"):
        read = impact.read(reading)
        own_frame = sample.assemble(raw, read)
        out[f"dose_{reading}"] = dose_gap(own_frame, parameters)
    return out


def event_gap(frame: pd.DataFrame, parameters: JobsParameters) -> tuple[Estimate, EventStudyResult]:
    """The sum of the effects that chapter 03 finds in these months, as far as it has all of them.

    Its error is that of placebo windows as long as the months, from the same regression with one
    episode over them, which comes with it; that regression gives the sum, too, where chapter 03
    has not every month.
    """
    impact, months = parameters.impact(), parameters.months().astype(str)
    own = Episode(name="chain", first=months[0], last=months[-1])
    design = evaluate(frame, with_episode(impact.episodes, own), impact)
    found = design["pmi.chain.mean"]
    effects = {
        e.name[-7:]: e.value
        for e in evaluate(frame, impact.episodes, impact).estimates
        if e.name[-7:] in months and ".lead." not in e.name
    }
    n = len(months)
    value = sum(effects.values()) if len(effects) == n else n * found.value
    move = value - n * found.value
    low, high = (None if x is None else n * x + move for x in (found.ci_low, found.ci_high))
    unit = "index points, sum of the months"
    known = replace(found, name="chain.gap", value=value, ci_low=low, ci_high=high, unit=unit)
    return known, design


def rest_gaps(
    raw: Mapping[str, pd.DataFrame],
    gap: Estimate,
    design: EventStudyResult,
    parameters: JobsParameters,
) -> dict[str, Estimate]:
    """The gap less a wave like it, by the forms of chapter 05 that leave most and least of it.

    Nothing where that chapter's panel does not reach over the months, or knows no deaths in them.
    """
    months = parameters.months().astype(str)
    try:
        own = CrossCountryParameters.parse({"episode": f"chain:{months[0]}:{months[-1]}"})
        rests = sorted(wave.rests(wave.country_months(raw), design, own), key=lambda e: e.value)
    except (ParameterError, EstimationError):
        return {}
    n = len(months)
    move = gap.value - n * design["pmi.chain.mean"].value

    def summed(rest: Estimate) -> Estimate:
        numbers = {k: n * getattr(rest, k) + move for k in ("value", "ci_low", "ci_high")}
        return replace(gap, method=rest.method, **numbers)

    return {"rest_most": summed(rests[0]), "rest_least": summed(rests[-1])}


def dose_fit(frame: pd.DataFrame, parameters: JobsParameters) -> HarFit:
    """The dose-response of chapter 03, tightening and easing apart."""
    impact = parameters.impact()
    y, X, _ = dose_design(
        frame, impact.intensity, list(impact.controls), impact.start_month, impact.end_month
    )
    return har_fits(y, both_sides(X), methods=MAIN)["newey_west"]


def dose_gap(frame: pd.DataFrame, parameters: JobsParameters) -> Estimate:
    """What a path of restriction does to the PMI, summed over its months."""
    s = frame[parameters.intensity].astype(float)
    months = parameters.months()
    values = parameters.values() or s.reindex(months).tolist()
    reference = s.get(pd.Period(parameters.reference_month, "M"))
    gap = (np.diff(months.asi8) != 1).any()
    if gap or reference is None or not np.isfinite([reference, *values]).all():
        raise EstimationError(
            "the path of intensity is not whole",
            expected="months in a row, each with a value, and a value in the month compared with",
            found=f"{len(months)} months from {months[0]}",
            where=f"path, or {parameters.intensity} in {parameters.reference_month}",
            todo="complete path, or move first_month, last_month or reference_month into the data",
        )
    d = np.array(values) - float(reference)
    before = np.r_[0.0, d[:-1]]
    change = d - before
    weights = {"tightening": float(change.clip(0).sum()), "easing": float(change.clip(max=0).sum()),
               "before": float(before.sum())}  # fmt: skip
    unit = "index points, sum of the months"
    if not any(weights.values()):
        return Estimate(name="chain.gap", value=0.0, unit=unit, method="the path stays as it was")
    return dose_fit(frame, parameters).estimate("chain.gap", weights, unit=unit)


def elasticities(panel: pd.DataFrame, seed: int) -> dict[str, Estimate]:
    """The elasticities of chapter 06 that answer the chain's question, each with its own range."""
    own = ElasticityParameters.parse({"seed": seed})
    total = panel[panel["scale"] == "total"]
    names = ("twfe", "without_flagged", "intensive")
    found = elasticity(total, own, only=names)
    low = bounds(total, own)["elasticity.shared_weights_bound"]
    return {name: found[f"elasticity.{name}"] for name in names} | {"lower_bound": low}


def back_test(
    raw: Mapping[str, pd.DataFrame], parameters: JobsParameters, found: Links
) -> pd.DataFrame:
    """Spring 2020: output that each pair of links predicts, and what was counted.

    Returns
    -------
    DataFrame
        ``choice, predicted, low, high, observed``: percent of manufacturing output; observed is
        growth on the year in 2020Q2 less that in 2020Q1.
    """
    spring = {"first_month": "2020-04", "last_month": "2020-06", "reference_month": "2020-03"}
    then = parameters.model_copy(update={**spring, "path": []})
    growth = raw["manufacturing_growth"].set_index("quarter")["growth_yoy_pct"]
    by_quarter = growth.set_axis(pd.PeriodIndex(growth.index, freq="Q"))
    observed = float(by_quarter["2020Q2"] - by_quarter["2020Q1"])
    rows = []
    one = Estimate(name="one", value=1.0, unit="", method="known")
    frame = sample.assemble(raw, then.impact())
    for gap, first in gaps(raw, frame, then, with_rest=False).items():
        for name, slope in found.bridges.items():
            e = chain(first, slope, one, 100.0, level=parameters.confidence_level)
            output = e["chain.output_pct"]
            rows.append(
                {"choice": joined("; ", (LABELS[gap], LABELS[name])), "predicted": output.value,
                 "low": output.ci_low, "high": output.ci_high, "observed": observed}
            )  # fmt: skip
    return pd.DataFrame(rows)


def back_tested(rows: pd.DataFrame) -> list[Estimate]:
    """What the lead of :func:`back_test` predicts, and what was counted, as estimates."""
    unit, lead = "percent of manufacturing output", rows.iloc[0]
    return [
        Estimate(name=f"chain.back_test.{name}", value=float(lead[name]), unit=unit, method=method)
        for name, method in (
            ("predicted", lead["choice"]),
            ("observed", "growth on the year of 2020Q2 less that of 2020Q1"),
        )
    ]
