"""Parameters of the chapters on trust: 08 robustness, 09 validation."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ikm_pmi.parameters.base import ChapterParameters, EpisodeList
from ikm_pmi.parameters.jobs import ElasticityParameters
from ikm_pmi.parameters.pmi import ImpactParameters


class PmiSpecification(ImpactParameters):
    """One specification of the PMI's response: chapter 03 and the forks it does not take."""

    episode: str = Field("ppkm_2021", description="episode whose mean effect is estimated")
    leave_out: EpisodeList = Field(
        default=[], description="spells left out of the sample, each written name:first:last"
    )
    outcome: Literal["points", "logit"] = Field(
        "points", description="PMI in points, or logit(PMI/100) mapped back to points"
    )
    level_term: bool = Field(True, description="whether the level stands beside the change")


class ElasticitySpecification(ElasticityParameters):
    """One specification of the elasticity: chapter 06 and the forks it does not take."""

    scale: Literal["total", "micro", "small"] = Field("total", description="size of establishments")
    form: Literal["twfe", "within_frames", "fe", "first_difference", "long_difference"] = Field(
        "twfe", description="estimator of chapter 06, all of them within units"
    )
    hold_establishments: bool = Field(
        False, description="whether log establishments are held constant"
    )
    leave_out_years: list[int] = Field(default=[], description="years left out")
    leave_out_units: list[str] = Field(default=[], description="units left out")


class RobustnessParameters(ChapterParameters):
    """Chapter 08: every defensible specification of both headline estimates."""

    chapter: ClassVar[str] = "08_robustness"

    draws: int = Field(
        499, ge=99, le=9999, description="wild-bootstrap draws shared by all panel specifications"
    )
    confidence_level: float = Field(
        0.95, gt=0.5, lt=1, description="one minus the level at which an estimate is significant"
    )
    shown: int = Field(
        300, ge=50, le=5000, description="specifications drawn in a curve, evenly from its order"
    )


class ValidationParameters(ChapterParameters):
    """Chapter 09: published numbers, and samples whose truth is known."""

    chapter: ClassVar[str] = "09_validation"

    effect: float = Field(
        10.0,
        gt=0,
        le=50,
        description="true fall in PMI points: of an episode, of a full tightening",
    )
    response: float = Field(
        1.0, gt=0, le=20, description="true fall in PMI points per +10 points of stringency"
    )
    elasticity: float = Field(0.3, gt=0, lt=1, description="true employment elasticity")
    error_share: float = Field(
        0.5,
        ge=0,
        le=2,
        description="survey error of weights and of output, as a share of the sd within units",
    )
    draws: int = Field(399, ge=99, le=9999, description="draws of the wild bootstrap")
