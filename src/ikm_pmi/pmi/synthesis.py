"""How far the PMI fell below what was to be expected: all answers, and their range.

Each row carries the interval and the p of one and the same test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import CounterfactualParameters, Episode, ImpactParameters
from ikm_pmi.pmi.event_study import EventStudyResult, evaluate, event_study
from ikm_pmi.pmi.sample import monthly_frame, select_sample, wide_frame
from ikm_pmi.results import Estimate, Findings, TestResult, in_words, number, span


class Arm(NamedTuple):
    """One way to say what was to be expected."""

    estimator: str
    key: str  # of its row in the range; empty where it is a check beside
    name: str  # of its mean effect
    test: str  # behind interval and p
    assumes: str


ARMS = (
    Arm(
        "event study",
        "event_study",
        "pmi.{episode}.mean",
        "rank among placebo windows",
        "other months, peers and season say what this month would have been; no hidden shock",
    ),
    Arm(
        "structural time series",
        "structural",
        "counterfactual.ucm.{episode}.mean",
        "normal forecast errors",
        "the level and the peers before carry on; the month before is the yardstick",
    ),
    Arm(
        "synthetic control",
        "twin",
        "counterfactual.synthetic.{episode}.mean",
        "conformal, moving blocks",
        "a fixed mix of countries moves as this one would have; donors untouched",
    ),
    Arm(
        "SARIMAX",
        "",
        "counterfactual.sarimax.{episode}.mean",
        "normal forecast errors",
        "the PMI returns to its mean as fast as before",
    ),
    Arm(
        "conformal set",
        "",
        "counterfactual.conformal.{episode}.mean",
        "moving-block permutation",
        "errors are stationary; no distribution",
    ),
    Arm(
        "augmented synthetic control",
        "",
        "counterfactual.synthetic.{episode}.mean.augmented",
        "conformal, moving blocks",
        "the same as the twin, with what the mix misses corrected by regression",
    ),
)


def synthesis(
    episode: str, estimates: Sequence[Estimate], _tests: Sequence[TestResult] = ()
) -> pd.DataFrame:
    """One row an estimator of an episode's mean distance from the expected path.

    Parameters
    ----------
    episode : str
        Name shared by the estimators.
    estimates : sequence
        Of all chapters that answer the question; estimators not among them are left out.

    Returns
    -------
    DataFrame
        estimator, estimate, ci_low, ci_high, p, smallest_p (index points and probabilities), test,
        assumes; those of the range first.

    Raises
    ------
    EstimationError
        When no estimator has this episode.
    """
    found = {e.name: e for e in estimates}
    known = [(arm, found.get(arm.name.format(episode=episode))) for arm in ARMS]
    rows = [
        {
            "estimator": arm.estimator,
            "estimate": e.value,
            "ci_low": e.ci_low,
            "ci_high": e.ci_high,
            "p": e.p_value,
            "smallest_p": e.detail.get("minimum_p"),
            "test": arm.test,
            "assumes": arm.assumes,
        }
        for arm, e in known
        if e is not None
    ]
    if not rows:
        raise EstimationError(
            f"no estimator answers for episode {episode}",
            expected="an episode that the chapters have in common",
            found=episode,
            todo="give the episode the same name in the chapters' parameters",
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True, eq=False)
class GapResult(Findings):
    """Mean distance of the PMI from its expected path in one episode, by three methods."""

    episode: str

    @translated
    def sentence(self) -> str:
        """The range, and each method with its interval."""
        values = sorted((e.value for e in self.estimates), key=abs)
        by_key = {arm.key: arm.estimator for arm in ARMS}
        parts = []
        for e in self.estimates:
            method, ends = by_key[e.name.rpartition(".")[2]], span(e.ci_low, e.ci_high, 1)
            parts.append(say("{} {} ({})", method, number(e.value, 1), ends))
        name, listed = in_words(self.episode), joined(", ", parts)
        near, far = (number(v, 1) for v in (values[0], values[-1]))
        if max(values) >= 0:
            return say("{}: the PMI stood {} to {} points from its expected path: {}.",
                       name, near, far, listed)  # fmt: skip
        near, far = near.strip("−"), far.strip("−")
        return say("{}: the PMI stood {} to {} points below its expected path: {}.",
                   name, near, far, listed)  # fmt: skip


def gap(episode: str, estimates: Sequence[Estimate]) -> GapResult:
    """The range of the gap over event study, structural model and twin.

    Parameters
    ----------
    episode : str
        Name shared by the three.
    estimates : sequence
        Of :func:`of_months`, :func:`ikm_pmi.pmi.counterfactual.estimate` and
        :func:`ikm_pmi.pmi.synthetic.synthetic_control`; a method not among them is left out.

    Returns
    -------
    GapResult
        ``gap.<episode>.event_study|structural|twin``, each with its own interval and p.

    Raises
    ------
    EstimationError
        When none of the three has this episode.
    """
    synthesis(episode, estimates)
    found = {e.name: e for e in estimates}
    chosen = [
        replace(e, name=f"gap.{episode}.{arm.key}")
        for arm in ARMS
        if arm.key and (e := found.get(arm.name.format(episode=episode))) is not None
    ]
    return GapResult(estimates=tuple(chosen), episode=episode)


def of_months(countries: pd.DataFrame, parameters: CounterfactualParameters) -> EventStudyResult:
    """The event study of chapter 04's country: chapter 03's design, or its own PMI and peers.

    Indonesia's other episodes keep effects of their own; another country has only those named, and
    the mean of its peers as control.
    """
    own, level = [*map(Episode.parse, parameters.episodes)], parameters.confidence_level
    if parameters.treated_country == "IDN":
        p = ImpactParameters.parse({"confidence_level": level})
        others = [e for e in map(Episode.parse, p.episodes) if not _meets(e, own)]
        return evaluate(monthly_frame(p), [*others, *own], p)
    frame = wide_frame(countries, country=parameters.treated_country)
    sample = select_sample(frame, parameters)
    rows = sample.pmi.to_frame().join(sample.peers.mean(axis=1).rename("peers_pmi"))
    controls = ["peers_pmi"] if sample.peers.shape[1] else []
    p = ImpactParameters.parse({})
    return event_study(
        rows, "pmi", own, controls=controls, leads=p.leads, after=p.after, level=level
    )


def _meets(episode: Episode, others: Sequence[Episode]) -> bool:
    return any(e.first <= episode.last and episode.first <= e.last for e in others)
