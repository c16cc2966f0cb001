"""The announcement of September 2021, figure by figure, against what the data hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ikm_pmi.errors import DataError
from ikm_pmi.language import spoken
from ikm_pmi.models.claims_counts import (
    bumn,
    closest,
    growth_readings,
    imk,
    labour_force,
    ministry_shares,
    workers_by_size,
)
from ikm_pmi.results import Estimate, number

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.parameters import ClaimsParameters

__all__ = ["TABLES", "ClaimsResult", "Finding", "compare"]

#: Raw tables that ``compare`` reads.
TABLES = (
    "announcement",
    "bumn_umkm",
    "ikm_national",
    "imk_kbli",
    "imk_province",
    "manufacturing_employment",
    "pmi_headline",
)

CONFIRMED, DIFFERS, OPEN = "confirmed", "differs", "cannot be checked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One figure of the announcement beside the figure found.

    ``difference`` is found minus said, in ``unit``.
    """

    claim: str
    what: str
    said: float
    found: float
    unit: str
    digits: int
    verdict: str
    why: str
    source_said: str
    source_found: str

    @property
    def difference(self) -> float:
        """Found minus said."""
        return self.found - self.said


@dataclass(frozen=True, slots=True, eq=False)
class ClaimsResult:
    """All findings, and the counts of workers by size class that the workers' claim meets.

    ``workers`` has columns size, persons; ``readings`` holds the two readings of the growth
    contribution in percent.
    """

    year: int
    findings: tuple[Finding, ...]
    workers: pd.DataFrame
    readings: Mapping[str, float]

    def table(self) -> pd.DataFrame:
        """One row a claim, as a journalist could print it."""
        import pandas as pd

        rows = [
            {
                "claim": f.claim,
                "what": f.what,
                "said": number(f.said, f.digits),
                "found": number(f.found, f.digits),
                "difference": number(f.difference, f.digits),
                "unit": f.unit,
                "verdict": f.verdict,
                "why": f.why,
                "source of the claim": f.source_said,
                "source of the figure": f.source_found,
            }
            for f in self.findings
        ]
        return pd.DataFrame(rows).set_index("claim")

    def estimates(self) -> tuple[Estimate, ...]:
        """The findings as ``claim.*``, and the two readings of the growth contribution."""
        claims = [
            Estimate(
                name=f"claim.{f.claim}",
                value=f.found,
                unit=f.unit,
                method=f"{f.what}; {f.source_found}",
                detail={
                    "claimed": f.said,
                    "difference": f.difference,
                    "verdict": f.verdict,
                    "why": f.why,
                },
            )
            for f in self.findings
        ]
        readings = [
            Estimate(
                name=f"claim.growth_contribution.{reading}",
                value=value,
                unit="percent",
                method=f"micro and small industry in value added of all size classes, {self.year}",
            )
            for reading, value in self.readings.items()
        ]
        return (*claims, *readings)

    @spoken
    def sentence(self) -> str:
        """How many figures are confirmed, differ, or cannot be checked."""
        counts = {v: sum(f.verdict == v for f in self.findings) for v in (CONFIRMED, DIFFERS, OPEN)}
        return (
            f"Of {len(self.findings)} figures, {counts[CONFIRMED]} are confirmed, "
            f"{counts[DIFFERS]} differ from the data and {counts[OPEN]} cannot be checked."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe content."""
        return {"year": self.year, "estimates": [e.to_dict() for e in self.estimates()]}


def compare(tables: Mapping[str, pd.DataFrame], parameters: ClaimsParameters) -> ClaimsResult:
    """Hold every figure of the announcement against the tables.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        The raw tables named in ``TABLES``.
    parameters : ClaimsParameters
        ``year`` of the BPS counts; ``tolerance_pct``, the largest difference in percent of what
        was said that still counts as confirmed. The PMI must agree to its printed digit.

    Raises
    ------
    DataError
        When a claim or the figure to compare it with is missing.
    """
    said = tables["announcement"].set_index("claim")
    workers = workers_by_size(tables, parameters.year)
    readings = growth_readings(tables, parameters.year)
    findings = [
        *_pmi_findings(said, tables["pmi_headline"]),
        *_count_findings(said, tables, workers, parameters),
        *_other_findings(said, tables, readings, parameters.year),
    ]
    return ClaimsResult(parameters.year, tuple(findings), workers, readings)


def _count_findings(
    said: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    workers: pd.DataFrame,
    parameters: ClaimsParameters,
) -> list[Finding]:
    """Units, workers and workers per unit, against BPS micro and small industry."""
    year = parameters.year
    by_size = workers.set_index("size")["persons"]
    units = float(imk(tables, year, "establishments"))
    persons = float(by_size[["micro", "small"]].sum())
    claimed = {name: _said(said, name) for name in ("units", "workers")}
    rows = [
        ("units", "establishments in micro and small industry", claimed["units"], units,
         "establishments", 0,
         closest(tables, "establishments", claimed["units"])),
        ("workers", "workers in micro and small industry", claimed["workers"], persons,
         "persons", 0,
         closest(tables, "workers", claimed["workers"])
         + f"; the labour force survey has {labour_force(tables, year):.2f} million in all of "
         "manufacturing, own-account workers of every kind included"),
        ("workers_per_unit", "workers per establishment", claimed["workers"] / claimed["units"],
         persons / units, "persons per establishment", 2, "follows from the two counts above"),
    ]  # fmt: skip
    return [
        Finding(
            claim=claim,
            what=f"{what}, {year}",
            said=value,
            found=found,
            unit=unit,
            digits=digits,
            verdict=CONFIRMED
            if abs(found - value) <= abs(value) * parameters.tolerance_pct / 100
            else DIFFERS,
            why=why,
            source_said=str(said.loc["workers", "source"]),
            source_found=f"BPS, survey of micro and small industry {year} (imk_province)",
        )
        for claim, what, value, found, unit, digits, why in rows
    ]


def _other_findings(
    said: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    readings: Mapping[str, float],
    year: int,
) -> list[Finding]:
    """The 21.22 percent, which the data can bracket but not check, and the enterprises."""
    pilots = bumn(tables["bumn_umkm"])
    return [
        Finding(
            claim="growth_contribution",
            what=f"share in the nominal rise of value added, {year}",
            said=_said(said, "growth_contribution"),
            found=readings["as_growth"],
            unit="percent",
            digits=2,
            verdict=OPEN,
            why="medium firms cannot be told from large ones in the data, and the wording fits a "
            f"share of output as well, where micro and small industry has "
            f"{readings['as_share']:.2f} percent; in other years the ministry gave "
            f"{ministry_shares(tables, year)} percent, as a share of output",
            source_said=str(said.loc["growth_contribution", "source"]),
            source_found="BPS value added by two-digit industry (imk_kbli), micro and small only",
        ),
        Finding(
            claim="bumn",
            what="state-owned enterprises in the pilot",
            said=_said(said, "bumn"),
            found=pilots,
            unit="enterprises",
            digits=0,
            verdict=OPEN if pilots == _said(said, "bumn") else DIFFERS,
            why="press reports of one signing agree on the number, two ministries' lists of names "
            "do not: nothing independent to check it with",
            source_said=str(said.loc["bumn", "source"]),
            source_found="press lists of 3 September 2021 (bumn_umkm)",
        ),
    ]


def _pmi_findings(said: pd.DataFrame, pmi: pd.DataFrame) -> list[Finding]:
    series = pmi[(pmi["country_iso3"] == "IDN") & (pmi["vintage"] != "revised")]
    found = {str(m): float(v) for m, v in zip(series["month"], series["pmi"], strict=True)}
    months = ["2021-06", "2021-07", "2021-08"]
    missing = [month for month in months if month not in found]
    if missing:
        raise DataError(
            "the PMI of a month in the announcement is missing",
            expected="Indonesia's PMI for 2021-06 to 2021-08",
            found=f"no row for {', '.join(missing)}",
            where="data/raw/pmi_headline.csv",
            todo="restore the row with its source",
        )
    claimed = {m: _said(said, "pmi_" + m.replace("-", "_")) for m in months}
    sources = {m: str(said.loc["pmi_" + m.replace("-", "_"), "source"]) for m in months}
    rows = [
        (f"pmi_{m.replace('-', '_')}", f"PMI, {m}", claimed[m], found[m], sources[m])
        for m in months
    ]
    rows += [
        (
            f"pmi_change_{now.replace('-', '_')}",
            f"change of the PMI from {before} to {now}",
            claimed[now] - claimed[before],
            found[now] - found[before],
            sources[now],
        )
        for before, now in (months[:2], months[1:])
    ]
    return [
        Finding(
            claim=claim, what=what, said=value, found=figure, unit="index points", digits=1,
            verdict=CONFIRMED if abs(figure - value) < 0.05 else DIFFERS,
            why="first print of the survey, as collected with its source",
            source_said=source,
            source_found="IHS Markit releases as reported in the press (pmi_headline)",
        )
        for claim, what, value, figure, source in rows
    ]  # fmt: skip


def _said(said: pd.DataFrame, claim: str) -> float:
    return float(said["value"].astype(float)[claim])
