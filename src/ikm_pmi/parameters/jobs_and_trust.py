"""Parameters of chapters 06 to 09: the elasticity, jobs, and the trust they deserve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from ikm_pmi.parameters.base import (
    ChapterParameters,
    EpisodeList,
    Exposure,
    Intensity,
    Month,
    Share,
    assumed,
)
from ikm_pmi.parameters.pmi import CodingList, ImpactParameters

if TYPE_CHECKING:
    import pandas as pd


class ElasticityParameters(ChapterParameters):
    """Chapter 06: the employment elasticity of IKM output."""

    chapter: ClassVar[str] = "06_ikm_elasticity"

    first_year: int = Field(2018, ge=1800, le=2100, description="first year of the panel")
    last_year: int = Field(2025, ge=1800, le=2100, description="last year of the panel")
    frames: list[int] = Field(
        default=[2014, 2017],
        description="years from which a new listing (2014) or sampling frame (2017) holds",
    )
    stable_years: list[int] = Field(
        default=[2017, 2020],
        description="years before and after which the elasticity is tested to be the same",
    )
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
        if self.frames != sorted(set(self.frames)):
            raise ValueError("frames must be ascending years")
        return self


_NUMBER = r"-?[0-9]+(\.[0-9]+)?"
#: Inputs that a stated range, not an estimate, surrounds.
_Ranged = Literal[
    "pass_through", "additional", "share_manufacturing", "import_leakage", "indirect_share"
]
_RANGED = get_args(_Ranged)
_Link = Literal["gap", "bridge", "elasticity", "multiplier", _Ranged]
_Elasticity = Literal["twfe", "without_flagged", "intensive", "lower_bound"]


class JobsParameters(ChapterParameters):
    """Chapter 07: from the PMI, or from an order of a state enterprise, to workers."""

    chapter: ClassVar[str] = "07_jobs_and_supply_chain"
    rarely: ClassVar[tuple[str, ...]] = (
        *("exposure", "coding", "reference_month", "base_year", "order_enterprises", "additional"),
        *("import_leakage", "indirect_share", "horizon_years", "reserve_pct", "ranges"),
        *("uncertain", "industries"),
    )

    first_month: Month = Field("2021-07", description="first month whose PMI deviation is counted")
    last_month: Month = Field("2021-09", description="last month; workers are a level at its end")
    intensity: Intensity = Field("level", description="restriction, for rows of the dose-response")
    exposure: Exposure = "fieldwork"
    coding: CodingList = Field([])
    path: list[Annotated[str, Field(pattern=rf"^\d{{4}}-(0[1-9]|1[0-2]):{_NUMBER}$")]] = Field(
        default=[], description="a path of restriction instead of what happened, each YYYY-MM:value"
    )
    reference_month: Month = Field(
        "2021-06", description="month at whose intensity the path is compared to have stayed"
    )
    bridge_sample: Literal["all", "without_2020"] = Field(
        "all", description="quarters of the bridge regression: all, or without 2020"
    )
    pass_through: float = assumed(
        1.0, "percent of IKM output per percent of manufacturing", ge=0, le=10
    )
    estimator: _Elasticity = Field(
        "twfe", description="elasticity of chapter 06 that leads the chain"
    )
    order_estimator: _Elasticity = Field(
        "lower_bound", description="elasticity of chapter 06 that leads the orders"
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
    reserve_pct: float = assumed(
        10.0, "percent of all BUMN spending reserved for UMKM in the scenario reserve", gt=0, le=100
    )
    ranges: list[Annotated[str, Field(pattern=f"^[a-z_]+:{_NUMBER}:{_NUMBER}$")]] = assumed(
        [
            *("pass_through:0:2.6", "additional:0.25:1", "share_manufacturing:0.1:0.6"),
            *("import_leakage:0:0.3", "indirect_share:0:0.17"),
        ],
        "lowest and highest value of each assumed input, name:low:high",
    )
    uncertain: list[_Link] = Field(
        default=list(get_args(_Link)),
        description="links whose uncertainty is carried; the others stay at their value",
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    def span(self, name: str) -> tuple[float, float]:
        """Lowest and highest value of an assumed input."""
        _, low, high = next(r for r in self.ranges if r.startswith(f"{name}:")).split(":")
        return float(low), float(high)

    def months(self) -> pd.PeriodIndex:
        """The months of the path, or those whose deviations are counted."""
        import pandas as pd

        if self.path:
            return pd.PeriodIndex([entry.split(":")[0] for entry in self.path], freq="M")
        return pd.period_range(self.first_month, self.last_month, freq="M")

    def values(self) -> list[float]:
        """The restriction in each month of the path; empty without one."""
        return [float(entry.split(":")[1]) for entry in self.path]

    def impact(self) -> ImpactParameters:
        """The parameters of chapter 03 in this chapter's measure of restriction."""
        names = ("intensity", "exposure", "coding", "seed")
        own = {name: getattr(self, name) for name in names}
        return ImpactParameters.parse(own)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.last_month < self.first_month:
            raise ValueError("last_month must not be before first_month")
        if self.first_month <= self.reference_month:
            raise ValueError("first_month must be after reference_month")
        if sorted(r.split(":")[0] for r in self.ranges) != sorted(_RANGED):
            raise ValueError("ranges needs one entry name:low:high for each of " + str(_RANGED))
        for name in _RANGED:
            low, high = self.span(name)
            if high > 1e6:
                raise ValueError(f"the range of {name} must end below a million")
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie inside its range {low} to {high}")
        return self


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
