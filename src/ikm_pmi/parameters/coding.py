"""How dated rules become an intensity where no text settles it: one list of ``name=value``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ikm_pmi.errors import shown
from ikm_pmi.parameters.base import Share, assumed, is_assumed

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


CodingList = Annotated[list[str], AfterValidator(_read)]
