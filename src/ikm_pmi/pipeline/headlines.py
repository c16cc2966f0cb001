"""The short answers, read from the chapters' results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ikm_pmi.results import number

__all__ = ["HEADLINES", "Headline", "headlines"]

# What the answer says with its unit, chapter, name of the estimate, digits shown.
HEADLINES = (
    ("PPKM 2021, mean, PMI points", "03_pmi_impact", "pmi.ppkm_2021.mean", 1),
    ("the same, structural model", "04_counterfactual", "counterfactual.ucm.ppkm_2021.mean", 1),
    ("the same, synthetic", "04_counterfactual", "counterfactual.synthetic.ppkm_2021.mean", 1),
    ("PSBB 2020, mean, PMI points", "03_pmi_impact", "pmi.psbb_2020.mean", 1),
    ("level 0 to 1 at once, PMI points", "03_pmi_impact", "pmi.dose.change", 1),
    ("+10 stringency, PMI points, panel", "05_cross_country", "panel.change", 2),
    ("IKM workers, % per 1% output", "06_ikm_elasticity", "elasticity.twfe", 2),
    ("the same, year on year", "06_ikm_elasticity", "elasticity.first_difference", 2),
    ("lower bound, weights shared", "06_ikm_elasticity", "elasticity.shared_weights_bound", 2),
    ("IKM jobs, July-September 2021", "07_jobs_and_supply_chain", "chain.workers", 0),
    ("IKM jobs, pilot order (scenario)", "07_jobs_and_supply_chain", "bumn.pilot.workers", 0),
    ("IKM workers counted by BPS", "00_the_claims", "claim.workers", 0),
)


@dataclass(frozen=True, slots=True)
class Headline:
    """One answer as texts; ``value`` is empty where the chapter has no such result."""

    question: str
    value: str
    interval: str
    n: str
    chapter: str
    name: str


def headlines(folder: Path, place: str = "{chapter}/result.json") -> list[Headline]:
    """The answers in the order of the study.

    Parameters
    ----------
    folder : Path
        ``results/``, or ``reference/`` with ``place="{chapter}.json"``.
    place : str
        Where in it a chapter's result is.
    """
    found = []
    for question, chapter, name, digits in HEADLINES:
        entry = _estimate(folder / place.format(chapter=chapter), name)
        if entry is None:
            found.append(Headline(question, "", "", "", chapter, name))
            continue
        interval = ""
        if entry["ci_low"] is not None and entry["ci_high"] is not None:
            interval = f"{number(entry['ci_low'], digits)} to {number(entry['ci_high'], digits)}"
            if entry["ci_level"] is not None:
                interval += f" ({entry['ci_level']:.0%})"
        value = number(entry["value"], digits)
        count = "" if entry["n"] is None else f"{entry['n']:,}"
        found.append(Headline(question, value, interval, count, chapter, name))
    return found


def _estimate(path: Path, name: str) -> dict[str, float | None] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return next((entry for entry in content["estimates"] if entry["name"] == name), None)
