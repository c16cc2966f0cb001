"""One frozen parameter model a chapter.

The notebook's ``parameters`` cell, the command line, TOML files and the documentation all derive
from these. Only scalars and lists: papermill turns a tuple into a string. A field's ``description`` is the
comment in the notebook and the row in the docs; ``assumed`` marks a judgement call that no source
settles, varied in the robustness chapter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ikm_pmi.errors import ParameterError

__all__ = [
    "CHAPTERS",
    "ChapterParameters",
    "ClaimsParameters",
    "DataParameters",
    "ElasticityParameters",
    "Episode",
    "ImpactParameters",
    "RestrictionsParameters",
    "parameters_for",
]

_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")


def _month(value: str) -> str:
    if not _MONTH.fullmatch(value):
        raise ValueError("a month is written YYYY-MM, such as 2021-07")
    return value


Month = Annotated[str, AfterValidator(_month)]
Share = Annotated[float, Field(ge=0, le=1)]
Exposure = Literal["fieldwork", "calendar", "since_last"]
Intensity = Literal["level", "industry_closure", "oxcgrt", "mobility"]


def assumed(default: float, description: str) -> Any:
    """A share that is a judgement call: no source settles it."""
    return Field(default, ge=0, le=1, description=description, json_schema_extra={"assumed": True})


class Episode(BaseModel):
    """A named spell of months, written ``name:first:last`` (``ppkm_2021:2021-07:2021-08``)."""

    model_config = ConfigDict(frozen=True)

    name: str
    first: str
    last: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name:first:last``.

        Raises
        ------
        ValueError
            When the text has another form, or the spell ends before it begins.
        """
        parts = text.split(":")
        if len(parts) != 3 or not re.fullmatch(r"[a-z][a-z0-9_]*", parts[0]):
            raise ValueError(
                f"an episode is written name:first:last, such as ppkm_2021:2021-07:2021-08, "
                f"not {text!r}"
            )
        if _month(parts[1]) > _month(parts[2]):
            raise ValueError(f"episode {parts[0]} ends before it begins: {text!r}")
        return cls(name=parts[0], first=parts[1], last=parts[2])


def _episodes(values: list[str]) -> list[str]:
    episodes = [Episode.parse(value) for value in values]
    names = [episode.name for episode in episodes]
    if len(set(names)) < len(names):
        raise ValueError("two episodes have the same name")
    ordered = sorted(episodes, key=lambda episode: episode.first)
    for before, after in pairwise(ordered):
        if after.first <= before.last:
            raise ValueError(f"episodes {before.name} and {after.name} overlap")
    return values


class ChapterParameters(BaseModel):
    """Base of the chapters' parameters: frozen, no unknown names, the same seed field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    chapter: ClassVar[str] = ""

    seed: int = Field(20210903, ge=0, description="seed of every random draw in the chapter")

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Validate values from a notebook, a file or the command line.

        Raises
        ------
        ParameterError
            Naming the first value refused, what is allowed and, for an unknown name, the nearest
            known one.
        """
        unknown = sorted(set(values) - set(cls.model_fields))
        if unknown:
            near = difflib.get_close_matches(unknown[0], cls.model_fields, n=1, cutoff=0.5)
            raise ParameterError(
                f"unknown parameter {unknown[0]!r}",
                expected="one of " + ", ".join(cls.model_fields),
                found=unknown[0],
                where=where or f"chapter {cls.chapter}",
                todo=f"did you mean {near[0]!r}?" if near else "see: ikm-pmi parameters",
            )
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "the parameters together"
            raise ParameterError(
                f"parameter {name} is refused",
                expected=first["msg"].removeprefix("Value error, "),
                found=repr(first["input"]) if first["loc"] else "the values given",
                where=where or f"chapter {cls.chapter}",
                todo=f"correct {name}; see: ikm-pmi parameters {cls.chapter}",
            ) from None

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """Collect the parameters from a notebook's names, refusing values nobody reads.

        A plain value under a name that is no parameter is a slip (``end_moth = "2022-12"``) and is
        refused rather than ignored.
        """
        plain = {
            name: value
            for name, value in namespace.items()
            if not name.startswith("_")
            and name not in {"In", "Out"}
            and isinstance(value, str | int | float | bool | list)
        }
        return cls.parse(plain, where=f"the parameters cell of {cls.chapter}")

    @classmethod
    def cell(cls) -> str:
        """The source of the notebook's ``parameters`` cell: name = default  # description."""
        lines = []
        for name, info in cls.model_fields.items():
            note = " (assumed)" if is_assumed(info) else ""
            lines.append(f"{name} = {info.default!r}  # {info.description}{note}")
        return "\n".join(lines).replace("'", '"')


def is_assumed(info: Any) -> bool:
    """Whether a field is marked as a judgement call."""
    extra = info.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("assumed"))


class ClaimsParameters(ChapterParameters):
    """Chapter 00: the announcement of September 2021 held against the data."""

    chapter: ClassVar[str] = "00_the_claims"

    year: int = Field(2021, ge=2017, le=2021, description="year whose BPS counts are compared")
    tolerance_pct: float = Field(
        1.0, ge=0, le=50, description="largest difference in percent still called confirmed"
    )


class DataParameters(ChapterParameters):
    """Chapter 01: sources, coverage, gaps, licences, plausibility."""

    chapter: ClassVar[str] = "01_data"

    country: str = Field("IDN", pattern="[A-Z]{3}", description="country whose PMI gaps are shown")
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

    @model_validator(mode="after")
    def _fieldwork_in_order(self) -> Self:
        if self.fieldwork_last_day < self.fieldwork_first_day:
            raise ValueError("fieldwork_last_day must not be before fieldwork_first_day")
        return self


class RestrictionsParameters(IntensityParameters):
    """Chapter 02: PPKM as dated rules and as a monthly intensity."""

    chapter: ClassVar[str] = "02_restrictions"

    start_month: Month = Field("2020-01", description="first month shown")
    end_month: Month = Field("2022-12", description="last month shown")


class ImpactParameters(IntensityParameters):
    """Chapter 03: event study and dose-response of the PMI."""

    chapter: ClassVar[str] = "03_pmi_impact"

    start_month: Month = Field("2012-03", description="first month of the sample")
    end_month: Month = Field("2023-05", description="last month of the sample")
    episodes: Annotated[list[str], AfterValidator(_episodes)] = Field(
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


class ElasticityParameters(ChapterParameters):
    """Chapter 06: the employment elasticity of IKM output."""

    chapter: ClassVar[str] = "06_ikm_elasticity"

    first_year: int = Field(2018, ge=2013, le=2100, description="first year of the panel")
    last_year: int = Field(2025, ge=2013, le=2100, description="last year of the panel")
    drop_flagged: bool = Field(
        False, description="leave out province-years whose output per worker is flagged"
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


CHAPTERS: Mapping[str, type[ChapterParameters]] = {
    model.chapter: model
    for model in (
        ClaimsParameters,
        DataParameters,
        RestrictionsParameters,
        ImpactParameters,
        ElasticityParameters,
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
        f"no chapter is called {chapter!r}" if not hits else f"{chapter!r} fits several chapters",
        expected="one of " + ", ".join(CHAPTERS),
        found=chapter,
        todo=f"did you mean {near[0]!r}?" if near else "see: ikm-pmi parameters",
    )
