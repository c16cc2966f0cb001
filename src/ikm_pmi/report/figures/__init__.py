"""The only place that draws: each function takes frames or results and returns a Figure."""

from ikm_pmi.report.figures.describe import coverage, intensity, rules, workers_by_size
from ikm_pmi.report.figures.jobs import (
    bridge,
    influence,
    orders,
    within_scatter,
)
from ikm_pmi.report.figures.pmi import (
    episode_effects,
    forest,
    local_projections,
    observed_and_counterfactual,
    pmi_with_spells,
    side_by_side,
    wave_and_rest,
)
from ikm_pmi.report.figures.robustness import (
    explained_variance,
    size_and_coverage,
    specification_curve,
)
from ikm_pmi.report.figures.yardsticks import (
    in_words,
    industries,
    industries_left_out,
    two_surveys,
)

__all__ = [
    "bridge",
    "coverage",
    "episode_effects",
    "explained_variance",
    "forest",
    "in_words",
    "industries",
    "industries_left_out",
    "influence",
    "intensity",
    "local_projections",
    "observed_and_counterfactual",
    "orders",
    "pmi_with_spells",
    "rules",
    "side_by_side",
    "size_and_coverage",
    "specification_curve",
    "two_surveys",
    "wave_and_rest",
    "within_scatter",
    "workers_by_size",
]
