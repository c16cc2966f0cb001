"""Indonesia's restrictions: the calendar of dated rules, and the intensity made from it."""

from __future__ import annotations

from ikm_pmi.restrictions.calendar import AREAS, CLASSES, REGIMES, check_calendar
from ikm_pmi.restrictions.intensity import class_shares, daily_intensity, monthly_intensity

__all__ = [
    "AREAS",
    "CLASSES",
    "REGIMES",
    "check_calendar",
    "class_shares",
    "daily_intensity",
    "monthly_intensity",
]
