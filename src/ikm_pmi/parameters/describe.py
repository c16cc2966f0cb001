"""Parameters of the describing chapters: 00 the claims, 01 the data, 02 the restrictions."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from ikm_pmi.parameters.base import ChapterParameters, Exposure, Month, Share, assumed


class ClaimsParameters(ChapterParameters):
    """Chapter 00: the announcement of September 2021 held against the data."""

    chapter: ClassVar[str] = "00_the_claims"

    year: int = Field(2021, ge=2018, le=2021, description="year whose BPS counts are compared")
    tolerance_pct: float = Field(
        1.0, ge=0, le=50, description="largest difference in percent still called confirmed"
    )


class DataParameters(ChapterParameters):
    """Chapter 01: sources, coverage, gaps, licences, plausibility."""

    chapter: ClassVar[str] = "01_data"

    country: str = Field(
        "IDN", pattern="^[A-Z]{3}$", description="country whose PMI gaps are shown"
    )
    start_month: Month = Field("2011-04", description="first month of the coverage picture")
    end_month: Month = Field("2026-07", description="last month of the coverage picture")


class IntensityParameters(ChapterParameters):
    """What turns dated rules into a monthly intensity; shared by chapters 02 and 03."""

    exposure: Exposure = Field(
        "fieldwork",
        description="days a month is exposed to: fieldwork, calendar, or since_last fieldwork",
    )
    fieldwork_first_day: int = Field(12, ge=1, le=28, description="first day of survey fieldwork")
    fieldwork_last_day: int = Field(23, ge=1, le=28, description="last day of survey fieldwork")
    java_bali_weight: float = Field(
        0.71, ge=0, le=1, description="Java-Bali share of manufacturing value added (IRIO 2016)"
    )
    severity_level1: Share = assumed(0.25, "severity of PPKM level 1")
    severity_level2: Share = assumed(0.5, "severity of PPKM level 2")
    severity_level3: Share = assumed(0.75, "severity of PPKM level 3")
    severity_level4: Share = assumed(1.0, "severity of PPKM level 4")
    severity_psbb: Share = assumed(1.0, "severity of PSBB, where level 4 is 1")
    severity_psbb_transisi: Share = assumed(0.5, "severity of PSBB Transisi (half capacity)")
    severity_ppkm_jawa_bali: Share = assumed(0.6, "severity of PPKM Jawa-Bali (a quarter on site)")
    severity_ppkm_mikro: Share = assumed(0.4, "severity of PPKM Mikro (half on site)")
    severity_ppkm_darurat: Share = assumed(1.0, "severity of PPKM Darurat")
    coverage_psbb: Share = assumed(
        0.6, "share of Java-Bali manufacturing under PSBB rules like Jakarta's"
    )
    coverage_mikro: Share = assumed(
        0.5, "share of a PPKM Mikro area whose zones carry the office rule"
    )
    onsite_shift: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="added to every on-site share that is assumed, within 0 and 1",
        json_schema_extra={"assumed": True},
    )
    critical_shift: float = Field(
        0.0,
        ge=-0.5,
        le=0.5,
        description="share of manufacturing moved from the non-essential to the critical class",
        json_schema_extra={"assumed": True},
    )
    start_month: Month = Field("2020-01", description="first month shown")
    end_month: Month = Field("2022-12", description="last month shown")

    @model_validator(mode="after")
    def _windows_in_order(self) -> Self:
        if self.fieldwork_last_day < self.fieldwork_first_day:
            raise ValueError("fieldwork_last_day must not be before fieldwork_first_day")
        if self.end_month < self.start_month:
            raise ValueError("end_month must not be before start_month")
        return self


class RestrictionsParameters(IntensityParameters):
    """Chapter 02: PPKM as dated rules and as a monthly intensity."""

    chapter: ClassVar[str] = "02_restrictions"
