"""The announcement of September 2021, figure by figure, against what the data hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ikm_pmi.errors import DataError
from ikm_pmi.language import joined, say, translated
from ikm_pmi.results import Estimate, Readable, number

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.parameters import ClaimsParameters

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
#: Survey years before the announcement whose figures somebody could cite in it.
CITABLE = (2018, 2019, 2020)
#: Its day; figures of another day stand beside.
ANNOUNCED = "2021-09-03"
#: Coal and petroleum refining: no part of "non-oil-and-gas" industry.
REFINING = 19


def imk(tables: Mapping[str, pd.DataFrame], year: int, column: str, scale: str = "total") -> int:
    """Sum over provinces of a count of micro and small industry."""
    frame = tables["imk_province"]
    rows = frame[(frame["year"] == year) & (frame["scale"] == scale)]
    if rows.empty:
        raise DataError(
            f"no {scale} {column} of micro and small industry in {year}",
            expected=f"rows for {year}",
            found="none",
            where="data/raw/imk_province.csv",
            todo="choose a year of the survey (not 2016)",
        )
    return int(rows[column].sum())


def larger(tables: Mapping[str, pd.DataFrame], year: int, column: str) -> int:
    """Sum over industries of a count of large and medium industry."""
    frame = tables["imk_kbli"]
    rows = frame[(frame["year"] == year) & (frame["scale"] == "large_medium")]
    if rows.empty:
        raise DataError(
            f"no {column} of large and medium industry in {year}",
            expected="a year from 2017 to 2021",
            found="no row",
            where="data/raw/imk_kbli.csv",
            todo="choose another year",
        )
    return int(rows[column].sum())


def workers_by_size(tables: Mapping[str, pd.DataFrame], year: int) -> pd.DataFrame:
    """Workers in micro, small, and medium and large industry: columns size, persons."""
    import pandas as pd

    counts = {
        "micro": imk(tables, year, "workers", "micro"),
        "small": imk(tables, year, "workers", "small"),
        "medium and large": larger(tables, year, "workers"),
    }
    return pd.DataFrame({"size": list(counts), "persons": list(counts.values())})


def value_added(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Micro and small industry in value added without coal and refining, percent, by year.

    Returns
    -------
    DataFrame
        Index ``year``; ``share`` of the level, and ``share_of_rise`` over the year before, which
        swings with the noise of both surveys and is no reading of anything.
    """
    import pandas as pd

    frame = tables["imk_kbli"]
    years = frame.loc[frame["scale"] == "large_medium", "year"].unique()
    rows = frame[(frame["kbli2"].astype(int) != REFINING) & frame["year"].isin(years)]
    sums = rows.pivot_table(
        index="year", columns="scale", values="value_added_mn_idr", aggfunc="sum"
    )
    own = sums["total"].astype(float)
    every = own + sums["large_medium"].astype(float)
    return pd.DataFrame(
        {"share": 100 * own / every, "share_of_rise": 100 * own.diff() / every.diff()}
    )


def matches(tables: Mapping[str, pd.DataFrame], column: str, said: float) -> pd.DataFrame:
    """Every count that could be meant, nearest first: a search, so that a match is cheap.

    Tried are micro and small industry in every survey year, all sizes together in every year that
    both surveys have, and the Economic Census of 2016.

    Returns
    -------
    DataFrame
        ``counted`` (what and when), ``year``, ``count``, ``off_pct`` (percent of what was said).
    """
    import pandas as pd

    kbli, census = tables["imk_kbli"], tables["ikm_national"]
    provinces = tables["imk_province"]
    own = provinces[provinces["scale"] == "total"].groupby("year")[column].sum()
    both = sorted(set(kbli.loc[kbli["scale"] == "large_medium", "year"]))
    row = census[census["definition"].str.startswith("Economic Census")].iloc[0]
    rows = [
        *(("micro and small industry (IMK)", year, count) for year, count in own.items()),
        *(("all sizes (both surveys)", y, own[y] + larger(tables, y, column)) for y in both),
        ("all sizes (Economic Census)", row["year"], row[column]),
    ]
    table = pd.DataFrame(rows, columns=["counted", "year", "count"]).astype({"count": float})
    table["off_pct"] = 100 * (table["count"] / said - 1)
    return table.sort_values("off_pct", key=abs, ignore_index=True)


def by_year(tables: Mapping[str, pd.DataFrame], parameters: ClaimsParameters) -> pd.DataFrame:
    """Units and workers of micro and small industry in each year, and the verdict they give.

    Returns
    -------
    DataFrame
        ``claim, year, found, difference_pct, verdict`` for the years that could be cited on the
        day, and for the year of the parameters.
    """
    import pandas as pd

    said = tables["announcement"].set_index("claim")["value"].astype(float)
    rows = []
    for claim, column in (("units", "establishments"), ("workers", "workers")):
        for year in sorted({*CITABLE, parameters.year}):
            found = imk(tables, year, column)
            off = 100 * (found / said[claim] - 1)
            rows.append((claim, year, found, off, _verdict(found, said[claim], parameters)))
    return pd.DataFrame(rows, columns=["claim", "year", "found", "difference_pct", "verdict"])


def _verdict(found: float, said: float, parameters: ClaimsParameters) -> str:
    close = abs(found / said - 1) <= parameters.tolerance_pct / 100
    return CONFIRMED if close else DIFFERS


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One figure beside the figure found; ``announced`` ones were said, others follow from them.

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
    announced: bool = True

    @property
    def difference(self) -> float:
        """Found minus said."""
        return self.found - self.said


@dataclass(frozen=True, slots=True, eq=False)
class ClaimsResult(Readable):
    """All findings, and what they rest on.

    ``workers`` has columns size, persons; ``years`` is :func:`by_year`; ``contribution`` is
    :func:`value_added`; ``nearest`` maps a claim to :func:`matches`.
    """

    year: int
    findings: tuple[Finding, ...]
    workers: pd.DataFrame
    years: pd.DataFrame
    contribution: pd.DataFrame
    nearest: Mapping[str, pd.DataFrame]

    def table(self) -> pd.DataFrame:
        """One row a figure, as a journalist could print it."""
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
                "announced": f.announced,
                "source of the claim": f.source_said,
                "source of the figure": f.source_found,
            }
            for f in self.findings
        ]
        return pd.DataFrame(rows).set_index("claim")

    def reading(self) -> pd.DataFrame:
        """The announced figures and then what follows from them, for reading."""
        table = self.table().sort_values("announced", ascending=False, kind="stable")
        return table.set_index("what")[["said", "found", "difference", "verdict"]]

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """The findings as ``claim.*``."""
        return tuple(
            Estimate(
                name=f"claim.{f.claim}",
                value=f.found,
                unit=f.unit,
                method=joined("; ", (f.what, f.source_found)),
                detail={
                    "claimed": f.said,
                    "difference": f.difference,
                    "verdict": f.verdict,
                    "announced": f.announced,
                    "why": f.why,
                },
            )
            for f in self.findings
        )

    @translated
    def sentence(self) -> str:
        """How many announced figures are confirmed, differ, or cannot be checked."""
        own = [f for f in self.findings if f.announced]
        counts = {v: sum(f.verdict == v for f in own) for v in (CONFIRMED, DIFFERS, OPEN)}
        first = say("Of the {} figures announced, {} are confirmed, {} differ from the data of {} "
                   "and {} cannot be checked.", len(own), counts[CONFIRMED], counts[DIFFERS],
                   self.year, counts[OPEN])  # fmt: skip
        fits = self.years[self.years["verdict"] == CONFIRMED].groupby("claim")["year"]
        texts = [first]
        for claim in ("units", "workers"):
            years = fits.get_group(claim).tolist() if claim in fits.groups else []
            if years:
                fit = say("The number of {} fits the survey of {}.", claim, joined(", ", years))
            else:
                fit = say("The number of {} fits the survey of no year that could be cited.", claim)
            texts.append(fit)
        return joined(" ", texts)


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

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> compare(ikm.load_many(TABLES), ikm.defaults("00")).sentence()[:44]
    'Of the 6 figures announced, 2 are confirmed,'
    """
    said = tables["announcement"].set_index("claim")
    columns = {"units": "establishments", "workers": "workers"}
    years, contribution = by_year(tables, parameters), value_added(tables)
    nearest = {
        claim: matches(tables, column, _said(said, claim)) for claim, column in columns.items()
    }
    findings = (
        *_counts(said, tables, years, nearest, parameters),
        _contribution(said, tables, float(contribution["share"][parameters.year]), parameters.year),
        *_pmi(said, tables["pmi_headline"]),
        _bumn(said, tables["bumn_umkm"]),
    )
    workers = workers_by_size(tables, parameters.year)
    return ClaimsResult(parameters.year, findings, workers, years, contribution, nearest)


def _counts(
    said: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    years: pd.DataFrame,
    nearest: Mapping[str, pd.DataFrame],
    parameters: ClaimsParameters,
) -> Iterator[Finding]:
    """Units, workers and workers per unit, against BPS micro and small industry."""
    year = parameters.year
    now = years[years["year"] == year].set_index("claim")
    source = str(said.loc["workers", "source"])
    survey = say("BPS, survey of micro and small industry {} (imk_province)", year)
    for claim, what, unit in (
        ("units", "establishments in micro and small industry, {}", "establishments"),
        ("workers", "workers in micro and small industry, {}", "persons"),
    ):
        best = nearest[claim].iloc[0]
        why = say("nearest of {} counts tried: {} ({:+.1f} percent), {}, {}", len(nearest[claim]),
                  number(best["count"], 0), best["off_pct"], best["counted"],
                  best["year"])  # fmt: skip
        if claim == "workers":
            why = say("{}; the labour force survey has {:.2f} million in all of manufacturing, "
                      "own-account workers of every kind included",
                      why, _labour_force(tables, year))  # fmt: skip
        yield Finding(
            claim=claim, what=say(what, year), unit=unit, digits=0,
            said=_said(said, claim), found=float(now["found"][claim]),
            verdict=str(now["verdict"][claim]), why=why, source_said=source, source_found=survey,
        )  # fmt: skip
    ratio = now["found"]["workers"] / now["found"]["units"]
    claimed = _said(said, "workers") / _said(said, "units")
    yield Finding(
        claim="workers_per_unit", what=say("workers per establishment, {}", year),
        unit="persons per establishment", digits=2, said=claimed, found=float(ratio),
        verdict=_verdict(ratio, claimed, parameters), announced=False,
        why="follows from the two counts", source_said=source, source_found=survey,
    )  # fmt: skip


def _labour_force(tables: Mapping[str, pd.DataFrame], year: int) -> float:
    """Million workers in manufacturing by the labour force survey of August."""
    frame = tables["manufacturing_employment"]
    rows = frame[
        (frame["year"] == year)
        & (frame["period"] == "August")
        & (frame["sector"] == "manufacturing")
    ]
    return float(rows["workers_mn"].iloc[0])


def _contribution(
    said: pd.DataFrame, tables: Mapping[str, pd.DataFrame], share: float, year: int
) -> Finding:
    """The 21.22 percent: the ministry's like figures are shares, and medium firms are not seen."""
    frame = tables["ikm_national"]
    own = frame[(frame["definition"] == "IKM Kemenperin") & (frame["year"] != year)]
    other = own["share_nonoil_mfg_pct"].dropna()
    return Finding(
        claim="growth_contribution",
        what=say("micro and small industry in value added without coal and refining, {}", year),
        said=_said(said, "growth_contribution"),
        found=share,
        unit="percent",
        digits=2,
        verdict=OPEN,
        why=say("medium firms, which the figure includes, cannot be told from large ones in the "
                "data; in other years the ministry gave {:.1f} to {:.1f} percent, as a share of "
                "output", other.min(), other.max()),
        source_said=str(said.loc["growth_contribution", "source"]),
        source_found="BPS value added by two-digit industry (imk_kbli), micro and small only",
    )  # fmt: skip


def _bumn(said: pd.DataFrame, frame: pd.DataFrame) -> Finding:
    pilots = float(frame.loc[frame["measure"] == "BUMN in MoU pilot", "value"].iloc[0])
    return Finding(
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
    )


def _pmi(said: pd.DataFrame, pmi: pd.DataFrame) -> Iterator[Finding]:
    """The two months announced; June, printed before, and the two changes apart."""
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
    names = {m: "pmi_" + m.replace("-", "_") for m in months}
    claimed = {m: _said(said, name) for m, name in names.items()}
    days = said["date"].astype(str).to_dict()
    rows = [(names[m], say("PMI, {}", m), claimed[m], found[m], m) for m in months]
    rows += [
        (f"pmi_change_{now.replace('-', '_')}", say("change of the PMI from {} to {}", before, now),
         claimed[now] - claimed[before], found[now] - found[before], now)
        for before, now in (months[:2], months[1:])
    ]  # fmt: skip
    for claim, what, value, figure, month in rows:
        yield Finding(
            claim=claim, what=what, said=value, found=figure, unit="index points", digits=1,
            verdict=CONFIRMED if abs(figure - value) < 0.05 else DIFFERS,
            why="first print of the survey, as collected with its source",
            source_said=str(said.loc[names[month], "source"]),
            source_found="IHS Markit releases as reported in the press (pmi_headline)",
            announced=claim in days and days[claim] == ANNOUNCED,
        )  # fmt: skip


def _said(said: pd.DataFrame, claim: str) -> float:
    return float(said["value"].astype(float)[claim])
