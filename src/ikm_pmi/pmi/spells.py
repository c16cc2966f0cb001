"""Episodes as months of a sample: their own, those before and those after, each named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ikm_pmi.data.frames import month_of
from ikm_pmi.errors import EstimationError, shown
from ikm_pmi.language import joined, say
from ikm_pmi.parameters import Episode, check_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MONTH = re.compile(r"\d{4}-\d{2}")


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
        text = say("{} months" if len(self.months) > 1 else "{} month", len(self.months))
        return say("{} (without {})", text, joined(", ", self.missing)) if self.missing else text


_NO_EFFECT = "{}: no effect for {} (not in the sample)"
_NO_LEAD = "{} is no lead of {}: it belongs to {}"
_NOT_TESTED = "{}: anticipation is not tested, it has no lead of its own"


class Switched(NamedTuple):
    """Months that a design gives an effect of their own: of episodes, before and after them."""

    spells: dict[str, Spell]
    leads: dict[str, Spell]
    after: dict[str, Spell]
    notes: list[str]

    @property
    def months(self) -> list[pd.Period]:
        """All of them, the episodes first."""
        parts = (self.spells, self.leads, self.after)
        return [month for part in parts for spell in part.values() for month in spell.months]


def find_spells(
    episodes: Sequence[Episode],
    sample: pd.PeriodIndex,
    span: tuple[str, str],
    *,
    leads: int = 0,
    after: int = 0,
) -> Switched:
    """Months of each episode, its leads and the months after it that the sample holds.

    What is not there is named.
    """
    spells: dict[str, Spell] = {}
    around: tuple[dict[str, Spell], dict[str, Spell]] = ({}, {})
    notes: list[str] = []
    taken: dict[pd.Period, str] = {}
    for episode in episodes:
        months = pd.period_range(episode.first, episode.last, freq="M")
        present = months.intersection(sample)
        outside = episode.first < span[0] or episode.last > span[1]
        if outside or present.empty:
            raise EstimationError(
                f"episode {episode.name} is not in the sample",
                expected=f"months from {span[0]} to {span[1]} with an outcome",
                found=f"{episode.first} to {episode.last}, {len(present)} of {len(months)} present",
                where="episodes",
                todo="move the episode, or the sample with start_month and end_month",
            )
        missing = tuple(str(m) for m in months.difference(sample))
        if missing:
            notes.append(say(_NO_EFFECT, episode.name, joined(", ", missing)))
        spells[episode.name] = Spell(episode.name, present, missing)
        taken |= dict.fromkeys(months, episode.name)
    for episode in episodes if leads else []:
        months = pd.period_range(end=pd.Period(episode.first, "M") - 1, periods=leads)
        for month in months:
            if month in taken:
                notes.append(say(_NO_LEAD, month, episode.name, taken[month]))
        free = pd.PeriodIndex([m for m in months if m not in taken and m in sample], freq="M")
        taken |= dict.fromkeys(free, say("the leads of {}", episode.name))
        if len(free):
            around[0][episode.name] = Spell(episode.name, free, ())
        else:
            notes.append(say(_NOT_TESTED, episode.name))
    after_own: dict[str, list[pd.Period]] = {}
    # A month after two episodes belongs to the later one.
    for episode in sorted(episodes, key=lambda e: e.last, reverse=True) if after else []:
        months = pd.period_range(pd.Period(episode.last, "M") + 1, periods=after)
        after_own[episode.name] = [m for m in months if m not in taken and m in sample]
        taken |= dict.fromkeys(after_own[episode.name], say("the months after {}", episode.name))
    for episode in episodes:
        if own := after_own.get(episode.name):
            around[1][episode.name] = Spell(episode.name, pd.PeriodIndex(own, freq="M"), ())
    return Switched(spells, *around, notes)


def with_episode(episodes: Sequence[str], own: Episode) -> list[Episode]:
    """The other episodes that share no month with one's own, then that one."""
    others = [e for e in map(Episode.parse, episodes) if e.name != own.name]
    return [*(e for e in others if e.last < own.first or own.last < e.first), own]


def parse_episodes(
    episodes: Mapping[str, tuple[Any, Any]] | Sequence[str | Episode],
) -> list[Episode]:
    """The episodes, each of its own name and months."""
    try:
        if isinstance(episodes, Mapping):
            episodes = [f"{k}:{month_of(a)}:{month_of(b)}" for k, (a, b) in episodes.items()]
        parsed = [Episode.parse(e) if isinstance(e, str) else e for e in episodes]
        check_apart(parsed)
    except (TypeError, ValueError) as error:
        raise EstimationError(
            "the episodes cannot be read",
            expected='{"flood": ("2015-03", "2015-04")}: names of a-z, 0-9 and _, months apart',
            found=str(error),
            where="episodes",
            todo="give each a first and a last month, in order, none of them twice",
        ) from None
    return parsed


def check_options(controls: Sequence[str], *, leads: int, after: int, level: float) -> None:
    """Refuse options that make no design."""
    taken = [name for name in controls if name == "const" or _MONTH.fullmatch(str(name))]
    if taken:
        raise EstimationError(
            "a control has a name of the design's own",
            expected="names other than const and those of months",
            found=shown(taken),
            where="controls",
            todo="rename the column",
        )
    if min(leads, after) < 0:
        raise EstimationError(
            "months before and after an episode are counted from 0",
            expected="0 or more months",
            found=f"leads = {leads}, after = {after}",
            where="leads" if leads < 0 else "after",
            todo="give a number of months",
        )
    if not 0 < level < 1:
        raise EstimationError(
            "the coverage of the intervals cannot be used",
            expected="a share between 0 and 1, such as 0.95",
            found=shown(level),
            where="level",
            todo="correct level",
        )
