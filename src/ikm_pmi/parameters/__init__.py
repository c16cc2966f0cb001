"""One frozen parameter model a chapter."""

from __future__ import annotations

from ikm_pmi.parameters.base import ChapterParameters, Episode, allowed, check_apart, is_assumed
from ikm_pmi.parameters.coding import Coding
from ikm_pmi.parameters.jobs import ElasticityParameters, JobsParameters
from ikm_pmi.parameters.pmi import (
    ClaimsParameters,
    CounterfactualParameters,
    CrossCountryParameters,
    DataParameters,
    ImpactParameters,
    IntensityParameters,
    RestrictionsParameters,
    SyntheticParameters,
    YardsticksParameters,
)
from ikm_pmi.parameters.trust import (
    ElasticitySpecification,
    PmiSpecification,
    RobustnessParameters,
    ValidationParameters,
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
