"""One frozen parameter model a chapter."""

from __future__ import annotations

from ikm_pmi.parameters.base import ChapterParameters, Episode, allowed, check_apart, is_assumed
from ikm_pmi.parameters.jobs_and_trust import (
    ElasticityParameters,
    ElasticitySpecification,
    JobsParameters,
    PmiSpecification,
    RobustnessParameters,
    ValidationParameters,
)
from ikm_pmi.parameters.pmi import (
    ClaimsParameters,
    Coding,
    CounterfactualParameters,
    CrossCountryParameters,
    DataParameters,
    ImpactParameters,
    IntensityParameters,
    RestrictionsParameters,
    SyntheticParameters,
    YardsticksParameters,
)

__all__ = [
    "ChapterParameters",
    "ClaimsParameters",
    "Coding",
    "CounterfactualParameters",
    "CrossCountryParameters",
    "DataParameters",
    "ElasticityParameters",
    "ElasticitySpecification",
    "Episode",
    "ImpactParameters",
    "IntensityParameters",
    "JobsParameters",
    "PmiSpecification",
    "RestrictionsParameters",
    "RobustnessParameters",
    "SyntheticParameters",
    "ValidationParameters",
    "YardsticksParameters",
    "allowed",
    "check_apart",
    "is_assumed",
]
