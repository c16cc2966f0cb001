"""Counts from the tables that the figures of the announcement are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ikm_pmi.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "bumn",
    "closest",
    "growth_readings",
    "imk",
    "labour_force",
    "larger",
    "ministry_shares",
    "workers_by_size",
]


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


def growth_readings(tables: Mapping[str, pd.DataFrame], year: int) -> dict[str, float]:
    """Micro and small industry's share of value added, and of its nominal rise, in percent."""
    frame = tables["imk_kbli"]
    sums = frame.pivot_table(
        index="year", columns="scale", values="value_added_mn_idr", aggfunc="sum"
    )
    own = sums["total"]
    every = own + sums["large_medium"]
    share = 100 * own[year] / every[year]
    growth = 100 * (own[year] - own[year - 1]) / (every[year] - every[year - 1])
    return {"as_share": float(share), "as_growth": float(growth)}


def bumn(frame: pd.DataFrame) -> float:
    """State-owned enterprises named in the pilot."""
    return float(frame.loc[frame["measure"] == "BUMN in MoU pilot", "value"].iloc[0])


def closest(tables: Mapping[str, pd.DataFrame], column: str, said: float) -> str:
    """Which count of the establishment surveys comes closest to a figure, in words.

    Micro and small industry, and all size classes together, are tried in every year that both
    surveys have.
    """
    kbli = tables["imk_kbli"]
    years = sorted(set(kbli.loc[kbli["scale"] == "large_medium", "year"]))
    counts: dict[str, int] = {}
    for year in years:
        own = imk(tables, year, column)
        counts[f"micro and small industry in {year}"] = own
        counts[f"all sizes, large firms included, in {year}"] = own + larger(tables, year, column)
    name = min(counts, key=lambda key: abs(counts[key] - said))
    off = 100 * (counts[name] / said - 1)
    return f"closest in the establishment surveys: {name}, {counts[name]:,} ({off:+.1f} percent)"


def labour_force(tables: Mapping[str, pd.DataFrame], year: int) -> float:
    """Million workers in manufacturing by the labour force survey of August."""
    frame = tables["manufacturing_employment"]
    rows = frame[
        (frame["year"] == year)
        & (frame["period"] == "August")
        & (frame["sector"] == "manufacturing")
    ]
    return float(rows["workers_mn"].iloc[0])


def ministry_shares(tables: Mapping[str, pd.DataFrame], year: int) -> str:
    """The ministry's own like figures in other years, lowest to highest."""
    frame = tables["ikm_national"]
    own = frame[(frame["definition"] == "IKM Kemenperin") & (frame["year"] != year)]
    shares = own["share_nonoil_mfg_pct"].dropna()
    return f"{shares.min():.1f} to {shares.max():.1f}"
