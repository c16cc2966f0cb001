"""Indonesia's restrictions: the calendar of dated rules, and the intensity made from it."""

from __future__ import annotations

from ikm_pmi.restrictions.calendar import AREAS, CLASSES, READINGS, REGIMES, check_calendar
from ikm_pmi.restrictions.intensity import (
    class_shares,
    daily_closure,
    daily_intensity,
    monthly_intensity,
    shares_by_subsector,
)
from ikm_pmi.restrictions.outside import by_exposure, compare

__all__ = [
    "AREAS",
    "CLASSES",
    "READINGS",
    "REGIMES",
    "by_exposure",
    "check_calendar",
    "class_shares",
    "compare",
    "daily_closure",
    "daily_intensity",
    "monthly_intensity",
    "shares_by_subsector",
]
