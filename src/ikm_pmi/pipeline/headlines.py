"""The short answers, read from the chapters' results."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ikm_pmi.language import Language, tr, using
from ikm_pmi.results import number

__all__ = ["HEADLINES", "Headline", "headlines"]


class _Answer(NamedTuple):
    question: str  # with its unit
    chapter: str
    name: str  # of the estimate
    digits: int
    words: str  # the value in a sentence for anybody


HEADLINES = (
    _Answer(
        "PPKM 2021, mean, PMI points",
        *("03_pmi_impact", "pmi.ppkm_2021.mean", 1),
        "PPKM 2021 moved the PMI by {n1} points a month on average",
    ),
    _Answer(
        "the same, structural model",
        *("04_counterfactual", "counterfactual.ucm.ppkm_2021.mean", 1),
        "By the path a structural model expects, PPKM 2021 moved the PMI by {n1} points a month",
    ),
    _Answer(
        "the same, synthetic",
        *("04_counterfactual", "counterfactual.synthetic.ppkm_2021.mean", 1),
        "By a synthetic Indonesia made of other countries, PPKM 2021 moved the PMI by {n1} points "
        "a month",
    ),
    _Answer(
        "PSBB 2020, mean, PMI points",
        *("03_pmi_impact", "pmi.psbb_2020.mean", 1),
        "PSBB 2020 moved the PMI by {n1} points a month on average",
    ),
    _Answer(
        "level 0 to 1 at once, PMI points",
        *("03_pmi_impact", "pmi.dose.change", 1),
        "From no restriction to the full PPKM level at once, the PMI of that month moves by {n1} "
        "points",
    ),
    _Answer(
        "+10 stringency, PMI points, panel",
        *("05_cross_country", "panel.change", 2),
        "Across countries, ten points more stringency go with {n1} PMI points in the same month",
    ),
    _Answer(
        "IKM workers, % per 1% output",
        *("06_ikm_elasticity", "elasticity.twfe", 2),
        "One percent more IKM output goes with {n1} percent more IKM workers",
    ),
    _Answer(
        "the same, year on year",
        *("06_ikm_elasticity", "elasticity.first_difference", 2),
        "From one year to the next, one percent more IKM output goes with {n1} percent more "
        "IKM workers",
    ),
    _Answer(
        "lower bound, weights shared",
        *("06_ikm_elasticity", "elasticity.shared_weights_bound", 2),
        "If output and workers share the errors of the survey's weights, the elasticity may be as "
        "low as {n1}",
    ),
    _Answer(
        "IKM jobs, July-September 2021",
        *("07_jobs_and_supply_chain", "chain.workers", 0),
        "By way of the PMI, the restrictions of July to September 2021 go with {n1} IKM jobs",
    ),
    _Answer(
        "IKM jobs, pilot order (scenario)",
        *("07_jobs_and_supply_chain", "bumn.pilot.workers", 0),
        "The BUMN order of the pilot stands for {n1} IKM jobs while it lasts, as a scenario and "
        "not an estimate",
    ),
    _Answer(
        "IKM workers counted by BPS",
        *("00_the_claims", "claim.workers", 0),
        "BPS counts {n1} workers in micro and small industry",
    ),
)


_NUMBERS = ("value", "ci_low", "ci_high", "ci_level", "n")


@dataclass(frozen=True, slots=True)
class Headline:
    """One answer as texts; ``value`` and ``sentence`` are empty where the chapter has no result."""

    question: str
    value: str
    interval: str
    n: str
    chapter: str
    name: str
    sentence: str


def headlines(
    folder: Path, place: str = "{chapter}/result.json", *, language: Language = "en"
) -> list[Headline]:
    """The answers in the order of the study.

    Parameters
    ----------
    folder : Path
        ``results/``, or ``reference/`` with ``place="{chapter}.json"``.
    place : str
        Where in it a chapter's result is.
    language : {"en", "id"}
        Of the words and the numbers.
    """
    with using("en"):
        english = [
            _headline(answer, _estimate(folder / place.format(chapter=answer.chapter), answer.name))
            for answer in HEADLINES
        ]
    shown = ("question", "value", "interval", "n", "sentence")
    with using(language):
        return [replace(one, **{k: tr(getattr(one, k)) for k in shown}) for one in english]


def _headline(answer: _Answer, entry: dict[str, float | None] | None) -> Headline:
    question, chapter, name = answer.question, answer.chapter, answer.name
    if entry is None or entry["value"] is None:
        return Headline(question, "", "", "", chapter, name, "")
    value = number(entry["value"], answer.digits)
    interval = between = ""
    if entry["ci_low"] is not None and entry["ci_high"] is not None:
        low, high = number(entry["ci_low"], answer.digits), number(entry["ci_high"], answer.digits)
        interval = f"{low} to {high}"
        if entry["ci_level"] is not None:
            between = f" ({entry['ci_level']:.0%} interval {interval})"
            interval += f" ({entry['ci_level']:.0%})"
    count = "" if entry["n"] is None else number(entry["n"], 0)
    sentence = f"{answer.words.format(n1=value)}{between}."
    return Headline(question, value, interval, count, chapter, name, sentence)


def _estimate(path: Path, name: str) -> dict[str, float | None] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entry = next(one for one in content["estimates"] if one["name"] == name)
        if all(entry[key] is None or isinstance(entry[key], int | float) for key in _NUMBERS):
            return dict(entry)
    except (OSError, ValueError, TypeError, KeyError, StopIteration, RecursionError):
        pass  # no whole result, so no answer
    return None
