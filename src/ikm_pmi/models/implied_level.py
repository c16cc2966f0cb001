"""From a monthly change to a level: the cumulated PMI and the area lost below a reference month.

A PMI above 50 says only that output grew on the month; what was lost is made up when the sum of
(PMI - 50) since the reference month is back at zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.language import spoken
from ikm_pmi.results import Estimate, Findings

__all__ = ["ImpliedLevel", "implied_level"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ImpliedLevel(Findings):
    """The implied level month by month, and its depth, area and length.

    Parameters
    ----------
    path : DataFrame, index PeriodIndex
        ``level`` (cumulated PMI minus neutral since the reference, point-months).
    recovered : Period or None
        First month back at or above the reference; None when the data end before.
    """

    path: pd.DataFrame
    recovered: pd.Period | None

    @spoken
    def sentence(self) -> str:
        """Depth, area and the month of return."""
        back = "not made up before the data end" if self.recovered is None else str(self.recovered)
        return " ".join(e.sentence(1) for e in self.estimates) + f" Back at the level: {back}."

    def to_dict(self) -> dict[str, Any]:
        """The figures and the month of return as JSON-safe values."""
        back = None if self.recovered is None else str(self.recovered)
        return Findings.to_dict(self) | {"recovered": back}


def implied_level(
    pmi: pd.Series, reference: str, neutral: float | pd.Series = 50.0, *, end: str | None = None
) -> ImpliedLevel:
    """Cumulate PMI minus neutral after a reference month.

    Parameters
    ----------
    pmi : Series, monthly PeriodIndex
        Index points.
    reference : str
        ``YYYY-MM``; the level of this month is zero.
    neutral : float or Series
        What counts as no loss: 50 (no change), or the PMI expected without the episode
        (``EventStudyResult.baseline``).
    end : str, optional
        Last month looked at; by default the last of ``pmi``.

    Raises
    ------
    EstimationError
        When a month in between has no PMI, or nothing was lost.
    """
    start = pd.Period(reference, "M") + 1
    months = pd.period_range(start, end or pmi.index[-1], freq="M")
    gap = (pmi - neutral).reindex(months)
    if months.empty or gap.iloc[:1].isna().any():
        raise EstimationError(
            "no PMI after the reference month",
            expected=f"a PMI in {start}",
            found="none",
            todo="choose an earlier level_reference",
        )
    known = gap if not gap.isna().any() else gap[: gap.index.get_loc(gap.index[gap.isna()][0])]
    level = known.cumsum()
    back = level.index[(level >= 0).to_numpy()]
    recovered = back[0] if len(back) else None
    if recovered is None and len(known) < len(months):
        raise EstimationError(
            "the implied level cannot be followed to its return",
            expected="a PMI in every month until the loss is made up",
            found=f"none in {gap.index[gap.isna()][0]}",
            todo="end the path before the gap with end",
        )
    below = level[level.index < recovered] if recovered is not None else level
    if below.empty:
        raise EstimationError(
            "nothing was lost after the reference month",
            expected=f"a PMI below neutral in {start}",
            found=f"{float(gap.iloc[0]):+.1f} points",
            todo="choose another level_reference",
        )
    return ImpliedLevel(
        path=level.to_frame("level"), recovered=recovered, estimates=_figures(below, neutral)
    )


def _figures(below: pd.Series, neutral: float | pd.Series) -> tuple[Estimate, ...]:
    yardstick = "50" if not isinstance(neutral, pd.Series) else "the PMI expected without episodes"
    values: Mapping[str, tuple[float, str]] = {
        "trough": (float(below.min()), "point-months"),
        "lost_area": (float(below.sum()), "point-months x months"),
        "months_below": (float(len(below)), "months"),
    }
    return tuple(
        Estimate(
            name=f"pmi.implied_level.{name}",
            value=value,
            unit=unit,
            n=len(below),
            method=f"cumulated PMI minus {yardstick}",
        )
        for name, (value, unit) in values.items()
    )
