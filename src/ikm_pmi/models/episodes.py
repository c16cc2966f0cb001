"""Episodes as months of a sample, and their effects as estimates and tests.

An effect is judged by the errors the same regression makes in placebo windows of the same shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.placebo import Placebo, half_width, rank_p_value
from ikm_pmi.inference.simultaneous import sup_t_half_widths
from ikm_pmi.parameters import Episode, ImpactParameters
from ikm_pmi.results import Estimate, TestResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["POINTS", "Spell", "episode_effects", "find_spells", "lead_effects"]

POINTS = "index points"


@dataclass(frozen=True, slots=True)
class Spell:
    """The months of an episode, or of its leads, that the sample holds."""

    name: str
    months: pd.PeriodIndex
    missing: tuple[str, ...]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Months counted from the first."""
        offsets: NDArray[np.int64] = self.months.asi8 - self.months.asi8[0]
        return offsets

    @property
    def shape(self) -> str:
        """The length in words, with the months that are missing inside."""
        text = f"{len(self.months)} month" + ("s" if len(self.months) > 1 else "")
        return text + (f" (without {', '.join(self.missing)})" if self.missing else "")


def find_spells(
    episodes: Sequence[Episode], sample: pd.PeriodIndex, parameters: ImpactParameters
) -> tuple[dict[str, Spell], dict[str, Spell], list[str]]:
    """Months of each episode and of its leads that the sample holds; what is not there is named."""
    spells: dict[str, Spell] = {}
    leads: dict[str, Spell] = {}
    notes: list[str] = []
    taken: dict[pd.Period, str] = {}
    for episode in episodes:
        months = pd.period_range(episode.first, episode.last, freq="M")
        present = months.intersection(sample)
        outside = episode.first < parameters.start_month or episode.last > parameters.end_month
        if outside or present.empty:
            raise EstimationError(
                f"episode {episode.name} is not in the sample",
                expected=f"months from {parameters.start_month} to {parameters.end_month} with PMI",
                found=f"{episode.first} to {episode.last}, {len(present)} of {len(months)} present",
                where="episodes",
                todo="move the episode, or the sample with start_month and end_month",
            )
        missing = tuple(str(m) for m in months.difference(sample))
        if missing:
            notes.append(f"{episode.name}: no effect for {', '.join(missing)} (not in the sample)")
        spells[episode.name] = Spell(episode.name, present, missing)
        taken |= dict.fromkeys(months, episode.name)
    for episode in episodes if parameters.leads else []:
        months = pd.period_range(end=pd.Period(episode.first, "M") - 1, periods=parameters.leads)
        for month in months:
            if month in taken:
                notes.append(f"{month} is no lead of {episode.name}: it belongs to {taken[month]}")
        free = pd.PeriodIndex([m for m in months if m not in taken and m in sample], freq="M")
        taken |= dict.fromkeys(free, f"the leads of {episode.name}")
        if len(free):
            leads[episode.name] = Spell(episode.name, free, ())
        else:
            notes.append(f"{episode.name}: anticipation is not tested, it has no lead of its own")
    return spells, leads, notes


def _band(value: float, half: float | None) -> dict[str, Any]:
    low, high = (None, None) if half is None else (value - half, value + half)
    return {"ci_low": low, "ci_high": high}


def episode_effects(
    spell: Spell, effect: NDArray[np.float64], placebo: Placebo, level: float, n: int
) -> tuple[list[Estimate], TestResult]:
    """Mean, cumulative and monthly effects of one episode, and its test of no effect."""
    shared: dict[str, Any] = {
        "n": n,
        "ci_level": level,
        "method": f"OLS month dummies; rank among {placebo.windows} windows of {spell.shape}",
    }
    detail = {"minimum_p": placebo.minimum_p, "windows": placebo.windows, "inference": "placebo"}
    mean, L = float(effect.mean()), len(effect)
    half, error = half_width(placebo.mean, level), float(np.sqrt(np.mean(placebo.mean**2)))
    p = rank_p_value(mean, placebo.mean)
    records = [
        Estimate(
            name=f"pmi.{spell.name}.{label}",
            value=factor * mean,
            unit=unit,
            std_error=factor * error,
            p_value=p,
            detail=detail,
            **_band(factor * mean, None if half is None else factor * half),
            **shared,
        )
        for label, factor, unit in (("mean", 1, POINTS), ("cumulative", L, "point-months"))
    ]
    bands = sup_t_half_widths(placebo.errors, level)
    for j, month in enumerate(spell.months):
        band = _band(effect[j], None if bands is None else float(bands[j]))
        together = {"band_low": band["ci_low"], "band_high": band["ci_high"]}
        records.append(_month(f"pmi.{spell.name}.{month}", effect[j], placebo.errors[:, j], shared))
        records[-1] = replace(records[-1], detail=detail | together)
    test = TestResult(
        name=f"pmi.{spell.name}.no_effect",
        null=f"the mean effect of {spell.name} on the PMI is zero",
        statistic=mean,
        p_value=p,
        distribution=f"rank of the mean among {placebo.windows} placebo windows of {spell.shape}",
        n=n,
        minimum_p=placebo.minimum_p,
    )
    return records, test


def _month(
    name: str, effect: float, errors: NDArray[np.float64], shared: Mapping[str, Any]
) -> Estimate:
    """The effect in one month, judged by the placebo errors at the same place of the window."""
    return Estimate(
        name=name,
        value=float(effect),
        unit=POINTS,
        std_error=float(np.sqrt(np.mean(errors**2))),
        p_value=rank_p_value(effect, errors),
        **_band(float(effect), half_width(errors, shared["ci_level"])),
        **shared,
    )


def lead_effects(
    spell: Spell, effect: NDArray[np.float64], placebo: Placebo, level: float, n: int
) -> tuple[list[Estimate], TestResult]:
    """Effects in the months before an episode, and the test that there are none."""
    shared = {
        "n": n,
        "ci_level": level,
        "method": f"OLS month dummies; rank among {placebo.windows} windows of {spell.shape}",
        "detail": {"minimum_p": placebo.minimum_p, "windows": placebo.windows},
    }
    records = [
        _month(f"pmi.{spell.name}.lead.{month}", effect[j], placebo.errors[:, j], shared)
        for j, month in enumerate(spell.months)
    ]
    largest = float(np.max(np.abs(effect)))
    test = TestResult(
        name=f"pmi.{spell.name}.no_anticipation",
        null=f"the PMI does not move in the {spell.shape} before {spell.name}",
        statistic=largest,
        p_value=rank_p_value(largest, np.abs(placebo.errors).max(axis=1)),
        distribution=f"rank of the largest effect among {placebo.windows} placebo windows",
        n=n,
        minimum_p=placebo.minimum_p,
    )
    return records, test
