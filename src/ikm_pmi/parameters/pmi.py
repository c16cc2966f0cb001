"""Parameters of chapters 00 to 05 and 10: claims, data, restrictions, and those on the PMI.

``coding``, one list of ``name=value``, says how dated rules are read where no text settles it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ikm_pmi.errors import shown
from ikm_pmi.parameters.base import (
    ChapterParameters,
    Country,
    Episode,
    EpisodeList,
    Exposure,
    Intensity,
    Month,
    OneEpisode,
    Share,
    assumed,
    is_assumed,
)

#: With five clusters Webb's weights have fewer patterns (7,776) than draws, and t(4) is no guide.
FEWEST_COUNTRIES = 6
#: Months with which a time-series model can be trained at all.
FEWEST_TRAINED = 24
#: Months before an episode with which a synthetic control can be fitted at all.
FEWEST_BEFORE = 6

# Countries whose PMI is complete, or lacks one month, in 2019-07..2022-06.
_COUNTRIES = [
    *("IDN", "MYS", "THA", "VNM", "PHL", "IND", "KOR", "TWN", "JPN", "CHN"),
    *("DEU", "FRA", "ITA", "ESP", "GBR", "USA", "AUS", "BRA", "TUR"),
]


Reading = Literal["low", "high"]


class Coding(BaseModel):
    """What is read into the rules; ``coding`` names only what differs from these defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    reading: Reading = Field(
        "high",
        description="low: the strictest reading of texts that print no share for factories; "
        "high: the loosest, a cap only where one is printed",
    )
    jakarta_share: float = Field(
        0.136, ge=0, le=1, description="Jakarta's share of Java-Bali manufacturing (IRIO 2016)"
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
    coverage_psbb: Share = assumed(0.6, "share of Java-Bali manufacturing under PSBB")
    coverage_mikro: Share = assumed(
        0.5, "share of a PPKM Mikro area whose zones carry the office rule"
    )
    critical_shift: float = assumed(
        0.0,
        "share of manufacturing moved from the non-essential to the critical class",
        ge=-0.5,
        le=0.5,
    )

    @classmethod
    def parse(cls, entries: Sequence[str]) -> Self:
        """Read entries such as ``reading=low`` or ``severity_psbb=0.8``.

        Raises
        ------
        ValueError
            For an entry of another form, a name that is none (with the nearest) or comes twice, and
            a value that is refused.

        Examples
        --------
        >>> Coding.parse(["reading=low", "coverage_psbb=0.8"]).coverage_psbb
        0.8
        """
        values: dict[str, str] = {}
        for entry in entries:
            name, sign, value = (part.strip() for part in entry.partition("="))
            if not sign or name not in cls.model_fields:
                near = difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(
                    f"name=value with one of {', '.join(cls.model_fields)}, "
                    f"not {shown(entry)}{hint}"
                )
            if name in values:
                raise ValueError(f"{name} once, not twice")
            values[name] = value
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{first['loc'][0]}: {first['msg']}") from None

    @classmethod
    def judged(cls) -> Mapping[str, Any]:
        """Numbers that no source settles, with their defaults."""
        fields = cls.model_fields.items()
        return {name: info.default for name, info in fields if is_assumed(info)}

    @classmethod
    def table(cls) -> Any:
        """What ``coding`` may name: default, description and whether it is assumed (DataFrame)."""
        import pandas as pd

        rows = [
            {
                "name": name,
                "default": str(info.default),
                "assumed": "yes" if is_assumed(info) else "no",
                "meaning": info.description,
            }
            for name, info in cls.model_fields.items()
        ]
        return pd.DataFrame(rows).set_index("name")


def _read(entries: list[str]) -> list[str]:
    Coding.parse(entries)
    return [entry.replace(" ", "") for entry in entries]


CodingList = Annotated[
    list[str],
    AfterValidator(_read),
    Field(description="how rules are read where no text settles it: see chapter 02"),
]


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

    country: Country = Field("IDN", description="country whose PMI gaps are shown")
    start_month: Month = Field("2011-04", description="first month of the coverage picture")
    end_month: Month = Field("2026-07", description="last month of the coverage picture")


class IntensityParameters(ChapterParameters):
    """What turns dated rules into a monthly intensity; shared by chapters 02 and 03."""

    exposure: Exposure = "fieldwork"
    # Two windows were seen in print: 12 to 24 March and 12 to 22 October 2021 (IHS Markit).
    fieldwork_first_day: int = Field(
        12, ge=1, le=28, description="first day of survey fieldwork (printed: 12 March, 12 October)"
    )
    fieldwork_last_day: int = Field(
        23, ge=1, le=28, description="last day of survey fieldwork (printed: 24 March, 22 October)"
    )
    java_bali_weight: float = Field(
        0.71, ge=0, le=1, description="Java-Bali share of manufacturing value added (IRIO 2016)"
    )
    coding: CodingList = Field([])
    start_month: Month = Field("2020-01", description="first month shown")
    end_month: Month = Field("2022-12", description="last month shown")

    @property
    def rules(self) -> Coding:
        """The coding of the rules: the defaults, and what ``coding`` names."""
        return Coding.parse(self.coding)

    def read(self, reading: str) -> Self:
        """The same parameters under the low or the high reading."""
        others = [entry for entry in self.coding if not entry.startswith("reading")]
        return self.model_copy(update={"coding": [*others, f"reading={reading}"]})

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


class ImpactParameters(IntensityParameters):
    """Chapter 03: event study and dose-response of the PMI."""

    chapter: ClassVar[str] = "03_pmi_impact"
    rarely: ClassVar[tuple[str, ...]] = (
        *("fieldwork_first_day", "fieldwork_last_day", "java_bali_weight"),
    )

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
    controls: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:[0-9]{1,2})?$")]] = Field(
        default=["lebaran_share", "peers_pmi"],
        description="columns of the monthly frame beside the episodes; deaths:1 is last month's",
    )
    peers: list[str] = Field(
        ["CHN", "DEU", "GBR", "USA"], min_length=1, description="countries in the mean peers_pmi"
    )
    leads: int = Field(1, ge=0, le=6, description="months before each episode given an own effect")
    after: int = Field(4, ge=0, le=12, description="months after each episode given an own effect")
    intensity: Intensity = Field("level", description="measure of restriction in the dose-response")
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")


class CrossCountryParameters(ChapterParameters):
    """Chapter 05: the wave in other countries, the rest of the gap, and local projections."""

    chapter: ClassVar[str] = "05_cross_country"
    rarely: ClassVar[tuple[str, ...]] = ("minimum_months", "leads", "power")

    treated_country: Country = Field(
        "IDN", description="country studied; the wave is estimated without it"
    )
    episode: OneEpisode = Field(
        "ppkm_2021:2021-07:2021-08", description="spell studied, written name:first:last"
    )
    start_month: Month = Field("2019-07", description="first month of the sample")
    end_month: Month = Field("2022-06", description="last month of the sample")
    countries: list[Country] = Field(
        _COUNTRIES, description="countries of the panel, ISO 3166 codes of three letters"
    )
    minimum_months: int = Field(
        30, ge=12, le=240, description="usable months below which a country is left out by name"
    )
    controls: list[Literal["log_cases", "log_cases_lag", "log_deaths", "log_deaths_lag"]] = Field(
        default=["log_cases", "log_cases_lag"],
        description="confounders of the headline, in the order they are added",
    )
    own_lockdown: list[Country] = Field(
        default=["MYS", "VNM"], description="countries locked down in the same months: a check"
    )
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
        others = [country for country in self.countries if country != self.treated_country]
        if len(others) < FEWEST_COUNTRIES:
            raise ValueError(
                f"countries must name at least {FEWEST_COUNTRIES} beside {self.treated_country} "
                f"(treated_country), without which the wave is estimated: inference is clustered "
                f"by country, and {len(others)} are too few; list more countries"
            )
        episode = Episode.parse(self.episode)
        if episode.first < self.start_month or episode.last > self.end_month:
            raise ValueError(
                "episode must lie between start_month and end_month: the wave is estimated there"
            )
        return self


class SyntheticParameters(ChapterParameters):
    """Chapter 04, the synthetic control: window, donors, what is kept out of the weights."""

    treated_country: Country = Field("IDN", description="country studied")
    episodes: EpisodeList = Field(
        default=["ppkm_2021:2021-07:2021-08"],
        min_length=1,
        description="spells, each written name:first:last",
    )
    masked: EpisodeList = Field(
        default=["psbb_2020:2020-03:2020-06"],
        description="earlier spells that nothing is trained on",
    )
    synthetic_start_month: Month = Field(
        "2019-01", description="first month of the pre-period: earlier months cost donors"
    )
    minimum_pre_months: int = Field(
        24, ge=FEWEST_BEFORE, le=240, description="fewest months before an episode"
    )
    own_lockdown: list[Country] = Field(
        default=["MYS", "VNM"], description="countries locked down in the same months: no donors"
    )
    max_change: float = Field(
        10.0,
        ge=0,
        le=100,
        description="points of stringency by which a donor may tighten or ease; 100: no limit",
    )
    keep_easers: bool = Field(False, description="keep donors that eased by more than that")
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    @model_validator(mode="before")
    @classmethod
    def _of_the_country(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("treated_country", "IDN") == "IDN":
            return values
        instead = {"masked": [], "min_training": FEWEST_TRAINED}
        kept = {k: v for k, v in instead.items() if k in cls.model_fields}
        defaults = {name: cls.model_fields[name].default for name in kept}
        own = [name for name in kept if values.get(name, defaults[name]) == defaults[name]]
        return {**values, **{name: kept[name] for name in own}}


class CounterfactualParameters(SyntheticParameters):
    """Chapter 04: what the PMI would have been, by time-series models, ranks and donors.

    The defaults of ``masked`` and ``min_training`` are Indonesia's. With another
    ``treated_country`` they give way to none and to the fewest months, since other countries' PMI
    begin later; values of the reader's own stay.
    """

    chapter: ClassVar[str] = "04_counterfactual"
    rarely: ClassVar[tuple[str, ...]] = (
        *("minimum_pre_months", "min_training", "conformal_lags", "keep_easers"),
    )

    start_month: Month = Field("2012-05", description="first month of the sample")
    end_month: Month = Field("2023-05", description="last month of the sample")
    peers: list[Country] = Field(
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
        36,
        ge=FEWEST_TRAINED,
        le=240,
        description="observed months before an episode or a placebo window",
    )
    conformal_lags: int = Field(0, ge=0, le=3, description="lags of the PMI in the conformal test")

    @model_validator(mode="after")
    def _months_in_order(self) -> Self:
        if self.end_month <= self.start_month:
            raise ValueError("end_month must be after start_month")
        return self


class YardsticksParameters(ChapterParameters):
    """Chapter 10: the same quarter in a second survey, in orders, exports and industries."""

    chapter: ClassVar[str] = "10_other_yardsticks"

    quarter: str = Field(
        "2021Q3", pattern="^20[0-9]{2}Q[1-4]$", description="quarter studied, such as 2021Q3"
    )
    base_year: int = Field(
        2019, ge=2014, le=2025, description="year from whose same quarter output is counted"
    )
    coding: CodingList = Field([])
    draws: int = Field(
        9999, ge=99, le=999_999, description="draws of the wild bootstrap, and permutations"
    )
    power: float = Field(0.8, gt=0.5, lt=1, description="power of the minimum detectable effect")
    confidence_level: float = Field(0.95, gt=0.5, lt=1, description="coverage of the intervals")

    @property
    def intensity(self) -> IntensityParameters:
        """The reading of the rules as chapter 02 takes it."""
        return IntensityParameters.parse({"coding": self.coding})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.base_year >= int(self.quarter[:4]):
            raise ValueError("base_year must be before the year of quarter")
        if self.intensity.rules.critical_shift:
            raise ValueError(
                "coding without critical_shift, which moves manufacturing as a whole, no industry"
            )
        return self
