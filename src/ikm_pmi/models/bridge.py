"""Two links held against the data: PMI to manufacturing growth, manufacturing to IKM output."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.regression import HarFit
from ikm_pmi.models.study import MAIN
from ikm_pmi.results import Estimate, number

__all__ = ["PANDEMIC", "bridge_estimate", "bridge_rows", "pass_through", "slope"]

PANDEMIC = pd.period_range("2020Q1", "2021Q4", freq="Q")


def bridge_rows(
    pmi: pd.Series, growth: pd.Series, sample: str = "all"
) -> tuple[pd.DataFrame, list[str]]:
    """Growth beside the four-quarter mean of PMI-50, and what is thin in it.

    Parameters
    ----------
    pmi : Series
        Index points by month. A quarter needs two of its three months; those with two are named.
    growth : Series
        Manufacturing, year on year, percent, by quarter; quarters without one are named.
    sample : {"all", "without_pandemic"}

    Returns
    -------
    DataFrame, list of str
        Index ``quarter``; ``growth, pmi, pandemic``. Then the notes.
    """
    grouped = (pmi - 50).groupby(pd.PeriodIndex(pmi.index).asfreq("Q"))
    count = grouped.count()
    rows = pd.DataFrame({"growth": growth, "pmi": grouped.mean()[count >= 2].rolling(4).mean()})
    used = rows.dropna().rename_axis("quarter")
    used["pandemic"] = used.index.isin(PANDEMIC)
    missing = rows.loc[used.index[0] : used.index[-1]].index.difference(used.index)
    thin = count.index[(count == 2) & (count.index <= used.index[-1])]
    notes = [
        f"{text}: {', '.join(map(str, quarters))}."
        for text, quarters in (
            ("Quarters with two of three PMI months", thin),
            ("Quarters without a growth rate", missing),
        )
        if len(quarters)
    ]
    return (used[~used["pandemic"]] if sample == "without_pandemic" else used), notes


def slope(y: pd.Series, x: pd.Series) -> HarFit:
    """One slope with Newey-West errors and fixed-b critical values."""
    return har_fits(y, pd.DataFrame({"const": 1.0, "slope": x}), methods=MAIN)["newey_west"]


def bridge_estimate(fit: HarFit, rows: pd.DataFrame, level: float) -> Estimate:
    """``chain.bridge.slope``, in detail R2 and what is left of both outside 2020 and 2021."""
    calm = rows[~rows["pandemic"]]
    detail = {
        "r_squared": float(rows["growth"].corr(rows["pmi"]) ** 2),
        "slope_without_pandemic": slope(calm["growth"], calm["pmi"]).linear("slope")[0],
        "r_squared_without_pandemic": float(calm["growth"].corr(calm["pmi"]) ** 2),
        "n_without_pandemic": len(calm),
    }
    unit = "points of year-on-year growth per point of the four-quarter mean of PMI-50"
    return replace(
        fit.estimate("chain.bridge.slope", "slope", unit=unit, level=level), detail=detail
    )


def pass_through(quarterly: pd.DataFrame, growth: pd.Series, level: float) -> tuple[Estimate, ...]:
    """IMK growth on that of manufacturing GDP and of large and medium industry (IBS).

    Parameters
    ----------
    quarterly : DataFrame
        ``scale`` (IMK, IBS), ``region``, ``year``, ``quarter``, ``growth_yoy_pct``.
    growth : Series
        Manufacturing GDP, year on year, percent, by quarter.

    Returns
    -------
    tuple of Estimate
        ``chain.pass_through.manufacturing|ibs``, and ``.from_2014``: the two releases of 2013
        cannot be on one base.
    """
    rows = quarterly[(quarterly["region"] == "Indonesia") & (quarterly["quarter"] != "annual")]
    labels = rows["year"].astype(str) + "Q" + rows["quarter"].astype(str)
    wide = rows.assign(quarter=pd.PeriodIndex(labels, freq="Q")).pivot_table(
        index="quarter", columns="scale", values="growth_yoy_pct"
    )
    found = []
    for name, other in {"manufacturing": growth, "ibs": wide["IBS"]}.items():
        both = pd.DataFrame({"imk": wide["IMK"], "x": other}).dropna()
        later = both[pd.PeriodIndex(both.index).year >= 2014]
        for suffix, part in (("", both), (".from_2014", later)):
            fit = slope(part["imk"], part["x"])
            unit = f"percent of IMK output per percent (r = {number(part['imk'].corr(part['x']))})"
            found.append(
                fit.estimate(f"chain.pass_through.{name}{suffix}", "slope", unit=unit, level=level)
            )
    return tuple(found)
