"""Parameters of the chapters on jobs: 06 the elasticity, 07 jobs and the supply chain."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ikm_pmi.parameters.base import (
    ChapterParameters,
    Exposure,
    Intensity,
    Month,
    Share,
    assumed,
)
from ikm_pmi.parameters.pmi import ImpactParameters


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


_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
#: Inputs of the scenarios that a stated range, not an estimate, surrounds.
_RANGED = ("pass_through", "additional", "share_manufacturing", "import_leakage", "indirect_share")
_Link = Literal[
    "pmi", "bridge", "elasticity", "multiplier",
    "pass_through", "additional", "share_manufacturing", "import_leakage", "indirect_share",
]  # fmt: skip


class JobsParameters(ChapterParameters):
    """Chapter 07: from a restriction, or from an order of a state enterprise, to workers."""

    chapter: ClassVar[str] = "07_jobs_and_supply_chain"

    intensity: Intensity = Field("level", description="measure of restriction the path is in")
    exposure: Exposure = Field(
        "fieldwork",
        description="days a month is exposed to: fieldwork, calendar, or since_last fieldwork",
    )
    path: list[Annotated[str, Field(pattern=rf"^\d{{4}}-(0[1-9]|1[0-2]):{_NUMBER}$")]] = Field(
        default=[],
        description="the path, months in a row, each YYYY-MM:value; empty: as it really was",
    )
    path_first: Month = Field("2021-07", description="first month of the path, where path is empty")
    path_last: Month = Field("2021-09", description="last month of the path, where path is empty")
    reference_month: Month = Field(
        "2021-06", description="month at whose intensity the path is compared to have stayed"
    )
    follow_until: Month = Field("2022-06", description="month to which the longer path is followed")
    bridge_sample: Literal["all", "without_pandemic"] = Field(
        "all", description="quarters of the bridge regression: all, or without 2020 and 2021"
    )
    pass_through: float = Field(
        1.0,
        ge=0,
        le=10,
        description="percent of IKM output per percent of manufacturing",
        json_schema_extra={"assumed": True},
    )
    estimator: Literal[
        "twfe", "fe", "first_difference", "long_difference", "intensive", "pooled", "between"
    ] = Field("twfe", description="estimator of chapter 06 that gives the elasticity")
    elasticity_spread: Literal["estimators", "sampling"] = Field(
        "estimators",
        description="error of the elasticity: of all estimators within provinces, or of this one",
    )
    base_year: int = Field(
        2021, ge=2017, le=2021, description="year of workers, output and industry mix (BPS)"
    )
    order_bn_idr: float = Field(
        52.23,
        gt=0,
        le=10_000_000,
        description="order of the pilot, billion IDR (memorandum of 3 September 2021)",
    )
    order_enterprises: int = Field(
        9, ge=1, le=1_000_000, description="enterprises that share the order of the pilot"
    )
    order_share: Share = assumed(
        1.0, "share of the order of the pilot that reaches IKM manufacturing"
    )
    share_manufacturing: Share = assumed(
        0.3, "share of all other orders to UMKM that reaches IKM manufacturing"
    )
    additional: Share = assumed(1.0, "share of an order that would not have been bought anyway")
    import_leakage: Share = assumed(0.1, "share of an order that is imported goods passed on")
    indirect_share: Share = Field(
        0.084,
        description="share of indirect output in IKM (IMK 2017 / IRIO 2016 manufacturing output)",
    )
    horizon_years: float = Field(
        1.0, ge=0.01, le=100, description="years over which an order is spread"
    )
    industries: list[Annotated[str, Field(pattern="^[0-9]{2}$")]] = Field(
        default=[], description="two-digit industries that get the orders; empty: all"
    )
    reserve_pct: float = Field(
        10.0,
        gt=0,
        le=100,
        description="percent of all BUMN spending reserved for UMKM in the scenario reserve",
        json_schema_extra={"assumed": True},
    )
    drivers_scenario: str = Field(
        "padi_2022", description="scenario whose drivers, industries and islands are shown"
    )
    ranges: list[Annotated[str, Field(pattern=f"^[a-z_]+:{_NUMBER}:{_NUMBER}$")]] = Field(
        default=[
            "pass_through:0.5:1.5",
            "additional:0.25:1",
            "share_manufacturing:0.1:0.6",
            "import_leakage:0:0.3",
            "indirect_share:0:1",
        ],
        description="lowest and highest value of each assumed input, name:low:high",
        json_schema_extra={"assumed": True},
    )
    uncertain: list[_Link] = Field(
        default=[
            "pmi", "bridge", "pass_through", "elasticity", "share_manufacturing",
            "import_leakage", "indirect_share", "multiplier",
        ],
        description="links drawn in the simulation; the others stay at their point value",
    )  # fmt: skip
    draws: int = Field(20_000, ge=1000, le=1_000_000, description="joint draws of the simulation")
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    def span(self, name: str) -> tuple[float, float]:
        """Lowest and highest value of an assumed input."""
        _, low, high = next(r for r in self.ranges if r.startswith(f"{name}:")).split(":")
        return float(low), float(high)

    def impact(self) -> ImpactParameters:
        """The dose-response of chapter 03 in this chapter's measure of restriction."""
        own = {"intensity": self.intensity, "exposure": self.exposure, "seed": self.seed}
        return ImpactParameters.parse(own)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.path_last < self.path_first:
            raise ValueError("path_last must not be before path_first")
        if self.path_first <= self.reference_month:
            raise ValueError("path_first must be after reference_month")
        if sorted(r.split(":")[0] for r in self.ranges) != sorted(_RANGED):
            raise ValueError("ranges needs one entry name:low:high for each of " + str(_RANGED))
        for name in _RANGED:
            low, high = self.span(name)
            if high > 1e6:
                raise ValueError(f"the range of {name} must end below a million")
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie inside its range {low} to {high}")
        return self
