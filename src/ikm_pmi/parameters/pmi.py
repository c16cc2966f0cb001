"""Parameters of the chapters on the PMI: 03 impact, 04 counterfactual, 05 cross-country."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ikm_pmi.parameters.base import ChapterParameters, EpisodeList, Intensity, Month
from ikm_pmi.parameters.describe import IntensityParameters

# Countries whose PMI is complete, or lacks one month, in 2019-07..2022-06.
# fmt: off
_COUNTRIES = [
    "IDN", "MYS", "THA", "VNM", "PHL", "IND", "KOR", "TWN", "JPN", "CHN",
    "DEU", "FRA", "ITA", "ESP", "GBR", "USA", "AUS", "BRA", "TUR",
]
# fmt: on


class ImpactParameters(IntensityParameters):
    """Chapter 03: event study and dose-response of the PMI."""

    chapter: ClassVar[str] = "03_pmi_impact"

    start_month: Month = Field("2012-03", description="first month of the sample")
    end_month: Month = Field("2023-05", description="last month of the sample")
    episodes: EpisodeList = Field(
        default=[
            "psbb_2020:2020-04:2020-06",
            "psbb_ketat_2020:2020-09:2020-09",
            "ppkm_jawa_bali:2021-01:2021-01",
            "ppkm_mikro:2021-02:2021-05",
            "ppkm_2021:2021-07:2021-08",
        ],
        min_length=1,
        description="spells, each written name:first:last",
    )
    controls: list[Literal["lebaran_share", "peers_pmi", "log_cases", "log_deaths"]] = Field(
        default=["lebaran_share", "peers_pmi"], description="regressors beside the episodes"
    )
    peers: list[str] = Field(
        ["CHN", "DEU", "GBR", "USA"], min_length=1, description="countries in the mean peers_pmi"
    )
    case_lag: int = Field(1, ge=0, le=3, description="months by which cases and deaths are lagged")
    leads: int = Field(1, ge=0, le=6, description="months before each episode given an own effect")
    intensity: Intensity = Field("level", description="measure of restriction in the dose-response")
    lags: int = Field(3, ge=1, le=12, description="lags of the intensity in the distributed lag")
    dose_inference: Literal["newey_west", "shift"] = Field(
        "shift", description="inference that gives the dose-response its intervals"
    )
    forecast_from: Month = Field(
        "2021-01", description="first month forecast in the out-of-sample comparison"
    )
    level_reference: Month = Field(
        "2021-06", description="month whose implied output level is the yardstick"
    )
    margin: float = Field(
        2.0, gt=0, le=50, description="PMI points below which a lasting effect is called negligible"
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    @model_validator(mode="after")
    def _months_in_order(self) -> Self:
        if self.end_month < self.start_month:
            raise ValueError("end_month must not be before start_month")
        return self


class CrossCountryParameters(ChapterParameters):
    """Chapter 05: panel of countries and local projections."""

    chapter: ClassVar[str] = "05_cross_country"

    start_month: Month = Field("2019-07", description="first month of the sample")
    end_month: Month = Field("2022-06", description="last month of the sample")
    countries: list[Annotated[str, Field(pattern="^[A-Z]{3}$")]] = Field(
        default=_COUNTRIES,
        description="countries of the panel, ISO 3166 codes of three letters",
    )
    minimum_months: int = Field(
        30, ge=12, le=240, description="usable months below which a country is left out by name"
    )
    controls: list[Literal["log_cases", "log_cases_lag", "log_deaths", "log_deaths_lag"]] = Field(
        default=["log_cases", "log_cases_lag"],
        description="confounders of the headline, in the order they are added",
    )
    left_out: str = Field("IDN", pattern="^[A-Z]{3}$", description="country also left out")
    horizons: int = Field(6, ge=1, le=12, description="last month of the local projections")
    lags: int = Field(2, ge=1, le=6, description="lags of PMI and change in the local projections")
    leads: int = Field(3, ge=2, le=6, description="future changes in the pre-trend test")
    draws: int = Field(9999, ge=99, le=999_999, description="draws of the wild bootstrap")
    power: float = Field(0.8, gt=0.5, lt=1, description="power of the minimum detectable effect")
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end_month <= self.start_month:
            raise ValueError("end_month must be after start_month")
        for name in ("countries", "controls"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} names an entry twice")
        return self


class SyntheticParameters(ChapterParameters):
    """Chapter 04, the synthetic control: window, donors, what is kept out of the weights."""

    treated_country: str = Field("IDN", pattern="^[A-Z]{3}$", description="country studied")
    synthetic_episodes: EpisodeList = Field(
        default=["ppkm_2021:2021-07:2021-08"],
        min_length=1,
        description="spells studied by synthetic control, each written name:first:last",
    )
    synthetic_start_month: Month = Field(
        "2019-01", description="first month of the pre-period: earlier months cost donors"
    )
    training_gaps: EpisodeList = Field(
        default=[], description="spells kept out of the pre-period, each written name:first:last"
    )
    minimum_pre_months: int = Field(24, ge=6, le=240, description="fewest months before an episode")
    own_lockdown: list[Annotated[str, Field(pattern="^[A-Z]{3}$")]] = Field(
        default=["MYS", "VNM"], description="countries locked down in the same months: no donors"
    )
    max_tightening: float = Field(
        10.0,
        ge=0,
        le=100,
        description="rise of stringency in points above which a country is no donor; 100: no limit",
    )
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")


class CounterfactualParameters(SyntheticParameters):
    """Chapter 04: what the PMI would have been, by time-series models, ranks and donors."""

    chapter: ClassVar[str] = "04_counterfactual"

    start_month: Month = Field("2012-05", description="first month of the sample")
    end_month: Month = Field("2023-05", description="last month of the sample")
    episodes: EpisodeList = Field(
        default=["psbb_2020:2020-04:2020-06", "ppkm_2021:2021-07:2021-08"],
        min_length=1,
        description="spells, each written name:first:last",
    )
    masked: EpisodeList = Field(
        default=["psbb_2020:2020-04:2020-06"],
        description="earlier spells a later episode's model does not train on",
    )
    peers: list[Annotated[str, Field(pattern="^[A-Z]{3}$")]] = Field(
        default=["CHN", "JPN", "DEU", "FRA", "ITA", "ESP", "GBR", "USA"],
        description="countries whose PMI enters as regressor; those with gaps are left out by name",
    )
    peers_as: Literal["mean", "each"] = Field(
        "mean", description="the peers' mean as one regressor, or each peer as its own"
    )
    models: list[Literal["ucm", "sarimax"]] = Field(
        default=["ucm", "sarimax"],
        min_length=1,
        description="time-series models, the main one first",
    )
    min_training: int = Field(
        36, ge=24, le=240, description="observed months before an episode or a placebo window"
    )
    conformal_lags: int = Field(0, ge=0, le=3, description="lags of the PMI in the conformal test")
    draws: int = Field(
        2000, ge=200, le=100_000, description="simulated paths of each counterfactual"
    )

    @model_validator(mode="after")
    def _months_in_order(self) -> Self:
        if self.end_month <= self.start_month:
            raise ValueError("end_month must be after start_month")
        return self
