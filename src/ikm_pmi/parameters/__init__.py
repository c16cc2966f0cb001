"""One frozen parameter model a chapter, and the register of chapters."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from ikm_pmi.errors import ParameterError, shown
from ikm_pmi.parameters.base import ChapterParameters, Episode, is_assumed
from ikm_pmi.parameters.describe import (
    ClaimsParameters,
    DataParameters,
    IntensityParameters,
    RestrictionsParameters,
)
from ikm_pmi.parameters.jobs import ElasticityParameters, JobsParameters
from ikm_pmi.parameters.pmi import (
    CounterfactualParameters,
    CrossCountryParameters,
    ImpactParameters,
    SyntheticParameters,
)
from ikm_pmi.parameters.trust import (
    ElasticitySpecification,
    PmiSpecification,
    RobustnessParameters,
    ValidationParameters,
)

__all__ = [
    "CHAPTERS",
    "ChapterParameters",
    "ClaimsParameters",
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
    "is_assumed",
    "parameters_for",
]

CHAPTERS: Mapping[str, type[ChapterParameters]] = {
    model.chapter: model
    for model in (
        ClaimsParameters,
        DataParameters,
        RestrictionsParameters,
        ImpactParameters,
        CounterfactualParameters,
        CrossCountryParameters,
        ElasticityParameters,
        JobsParameters,
        RobustnessParameters,
        ValidationParameters,
    )
}


def parameters_for(chapter: str) -> type[ChapterParameters]:
    """The parameter model of a chapter, by its name or a unique beginning (``03``).

    Raises
    ------
    ParameterError
        When no chapter, or more than one, begins so.
    """
    hits = [name for name in CHAPTERS if name == chapter or name.startswith(chapter)]
    if len(hits) == 1:
        return CHAPTERS[hits[0]]
    near = difflib.get_close_matches(chapter, CHAPTERS, n=1, cutoff=0.3)
    raise ParameterError(
        f"{shown(chapter)} fits several chapters"
        if hits
        else f"no chapter is called {shown(chapter)}",
        expected="one of " + ", ".join(CHAPTERS),
        found=shown(chapter),
        where="chapter",
        todo=f"did you mean {near[0]!r}?" if near else "see: ikm-pmi parameters",
    )
