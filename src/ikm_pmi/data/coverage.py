"""What the data hold and what they lack: months, gaps and runs of the PMI, odd cells of the IMK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ikm_pmi.errors import DataError
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import DataParameters
from ikm_pmi.results import Estimate, Readable

#: How a row says that it was computed here from what others printed.
_OWN = r"\bown (?:sum|ratio|product|residual|chain|count|output|monthly (?:means|differences))"


@dataclass(frozen=True, slots=True, eq=False)
class Coverage(Readable):
    """Coverage of the PMI by country.

    ``countries`` is indexed by ISO code: first, last (period[M]), months, missing (inside the
    span), longest_run (months in a row), missing_months (text). ``selected`` is one of them.
    """

    countries: pd.DataFrame
    selected: str

    def table(self) -> pd.DataFrame:
        """One row a country, most months first."""
        return self.countries

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Counts for the selected country and for all."""
        every = self.countries
        own = every.loc[self.selected].astype(object)
        counts: dict[str, tuple[Any, str]] = {
            "pmi.months": (own["months"], say("months with a PMI, {}", own.name)),
            "pmi.missing_months": (own["missing"], say("months without one, {}", own.name)),
            "pmi.longest_run": (own["longest_run"], say("longest run of months, {}", own.name)),
            "pmi.countries": (len(every), "countries and aggregates with any PMI"),
            "pmi.country_months": (every["months"].sum(), "country-months with a PMI"),
        }
        return tuple(
            Estimate(name=f"data.{name}", value=float(value), unit="count", method=what)
            for name, (value, what) in counts.items()
        )

    @translated
    def sentence(self) -> str:
        """Span, months and gaps of the selected country."""
        own = self.countries.loc[self.selected]
        gaps = own["missing_months"] or "none"
        return say("{}: {} months from {} to {}, missing inside: {}.",
                   self.selected, own["months"], own["first"], own["last"], gaps)  # fmt: skip


def measure(countries: pd.DataFrame, parameters: DataParameters) -> Coverage:
    """Count months, gaps and longest runs of the PMI by country.

    Parameters
    ----------
    countries : DataFrame
        Columns country_iso3, month (period[M]), pmi (index points, may be missing).
    parameters : DataParameters
        ``start_month`` and ``end_month`` bound the count; ``country`` is the one reported.

    Raises
    ------
    DataError
        When the country has no month in the span.
    """
    first = pd.Period(parameters.start_month, "M")
    last = pd.Period(parameters.end_month, "M")
    have = countries.dropna(subset=["pmi"])
    have = have[(have["month"] >= first) & (have["month"] <= last)]
    rows = {code: _runs(pd.PeriodIndex(group["month"])) for code, group in
            have.groupby("country_iso3")}  # fmt: skip
    if parameters.country not in rows:
        raise DataError(
            f"no PMI of {parameters.country} in the span",
            expected="one of " + ", ".join(sorted(map(str, rows))),
            found=parameters.country,
            where=f"{first} to {last}",
            todo="choose another country or a wider span",
        )
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "country_iso3"
    return Coverage(table.sort_values("months", ascending=False, kind="stable"), parameters.country)


def _runs(months: pd.PeriodIndex) -> dict[str, Any]:
    span = pd.period_range(months.min(), months.max(), freq="M")
    here = pd.Series(span.isin(months), index=span)
    missing = here.index[~here]
    runs = here.groupby((~here).cumsum()).sum()
    return {
        "first": span[0],
        "last": span[-1],
        "months": int(here.sum()),
        "missing": len(missing),
        "longest_run": int(runs.max()),
        "missing_months": joined(", ", missing),
    }


def flagged_cells(panel: pd.DataFrame) -> pd.DataFrame:
    """Cells of the province panel whose output per worker is out of line, by year and scale.

    Parameters
    ----------
    panel : DataFrame
        Columns unit, year, scale, workers, output_idr_mn, flagged (bool).
    """
    odd = panel[panel["flagged"]].copy()
    odd["output_per_worker_idr_mn"] = odd["output_idr_mn"] / odd["workers"]
    columns = ["unit", "year", "scale", "workers", "output_idr_mn", "output_per_worker_idr_mn"]
    return odd[columns].sort_values(["year", "unit", "scale"], ignore_index=True)


def filled_in(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What is not as somebody printed it: judgements, and own sums, ratios, products and means.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Raw tables by name, ``sources`` among them.

    Returns
    -------
    DataFrame, index table
        ``assumed`` (rows that a text does not settle), ``ranged`` (those of them with a low and a
        high reading that differ), ``own`` (rows computed here, as source or note says), ``rows``;
        tables with none are not listed.
    """
    citations = tables["sources"].set_index("key")["citation"]
    found = {}
    for name, frame in tables.items():
        source = frame.get("source", pd.Series("", frame.index)).fillna("")
        text = source.map(lambda key: citations.get(key, key))
        if "note" in frame:
            text = text + " " + frame["note"].fillna("")
        judged = frame["assumed"] == "yes" if "assumed" in frame else pd.Series(False, frame.index)
        pairs = [(c, c.replace("_low", "_high")) for c in map(str, frame) if c.endswith("_low")]
        ranged = sum(((frame[low] != frame[high]) & judged).sum() for low, high in pairs)
        own = text.str.contains(_OWN, regex=True).sum()
        found[name] = {"assumed": judged.sum(), "ranged": ranged, "own": own, "rows": len(frame)}
    table = pd.DataFrame.from_dict(found, orient="index", dtype="int64").rename_axis("table")
    return table[(table[["assumed", "own"]] > 0).any(axis=1)]
