"""The only place that draws: each function takes frames or results and returns a Figure."""

from ikm_pmi.report.figures.describe import coverage, intensity, rules, workers_by_size
from ikm_pmi.report.figures.jobs import elasticity_forest, influence, within_scatter
from ikm_pmi.report.figures.pmi import (
    dose_table,
    episode_effects,
    implied_level,
    pmi_with_spells,
)

__all__ = [
    "coverage",
    "dose_table",
    "elasticity_forest",
    "episode_effects",
    "implied_level",
    "influence",
    "intensity",
    "pmi_with_spells",
    "rules",
    "within_scatter",
    "workers_by_size",
]
