"""Parameters of the chapters on jobs: 06 the elasticity, 07 jobs and the supply chain."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ikm_pmi.parameters.base import ChapterParameters


class ElasticityParameters(ChapterParameters):
    """Chapter 06: the employment elasticity of IKM output."""

    chapter: ClassVar[str] = "06_ikm_elasticity"

    first_year: int = Field(2018, ge=2013, le=2100, description="first year of the panel")
    last_year: int = Field(2025, ge=2013, le=2100, description="last year of the panel")
    drop_flagged: bool = Field(
        False, description="leave out province-years whose output per worker is flagged"
    )
    weighting: Literal["none", "establishments", "column"] = Field(
        "none",
        description="weight of a unit: none, its mean establishments, or its mean column weight",
    )
    deflator: Literal["cpi", "gdp", "none"] = Field(
        "cpi", description="national price index for estimates without year effects"
    )
    draws: int = Field(9999, ge=99, le=999_999, description="draws of the wild bootstrap")
    weights: Literal["auto", "rademacher", "webb"] = Field(
        "auto", description="weights of the wild bootstrap"
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    @model_validator(mode="after")
    def _years_in_order(self) -> Self:
        if self.last_year <= self.first_year:
            raise ValueError("last_year must be after first_year")
        return self
