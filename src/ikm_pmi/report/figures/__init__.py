"""The only place that draws: each function takes frames or results and returns a Figure."""

from ikm_pmi.report.figures.chain import bridge, drivers, fan, orders
from ikm_pmi.report.figures.counterfactual import (
    left_out,
    local_projections,
    observed_and_counterfactual,
    placebo_space,
    side_by_side,
)
from ikm_pmi.report.figures.describe import coverage, intensity, rules, workers_by_size
from ikm_pmi.report.figures.jobs import contrasts, elasticity_forest, influence, within_scatter
from ikm_pmi.report.figures.pmi import (
    dose_table,
    episode_effects,
    implied_level,
    pmi_with_spells,
)
from ikm_pmi.report.figures.robustness import explained_variance, specification_curve
from ikm_pmi.report.figures.validation import size_and_coverage

__all__ = [
    "bridge",
    "contrasts",
    "coverage",
    "dose_table",
    "drivers",
    "elasticity_forest",
    "episode_effects",
    "explained_variance",
    "fan",
    "implied_level",
    "influence",
    "intensity",
    "left_out",
    "local_projections",
    "observed_and_counterfactual",
    "orders",
    "placebo_space",
    "pmi_with_spells",
    "rules",
    "side_by_side",
    "size_and_coverage",
    "specification_curve",
    "within_scatter",
    "workers_by_size",
]
