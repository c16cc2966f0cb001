"""Parameters of the chapters on the PMI: 03 impact, 04 counterfactual, 05 cross-country."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ikm_pmi.parameters.base import EpisodeList, Intensity, Month
from ikm_pmi.parameters.describe import IntensityParameters


class ImpactParameters(IntensityParameters):
    """Chapter 03: event study and dose-response of the PMI."""

    chapter: ClassVar[str] = "03_pmi_impact"

    start_month: Month = Field("2012-03", description="first month of the sample")
    end_month: Month = Field("2023-05", description="last month of the sample")
    episodes: EpisodeList = Field(
        default=["psbb_2020:2020-04:2020-06", "ppkm_2021:2021-07:2021-08"],
        min_length=1,
        description="spells, each written name:first:last",
    )
    controls: list[Literal["lebaran_share", "peers_pmi", "log_cases", "log_deaths"]] = Field(
        default=["lebaran_share", "peers_pmi"], description="regressors beside the episodes"
    )
    leads: int = Field(1, ge=0, le=6, description="months before each episode given an own effect")
    intensity: Intensity = Field("level", description="measure of restriction in the dose-response")
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    @model_validator(mode="after")
    def _months_in_order(self) -> Self:
        if self.end_month < self.start_month:
            raise ValueError("end_month must not be before start_month")
        return self
