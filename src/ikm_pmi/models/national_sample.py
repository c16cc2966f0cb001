"""The half-yearly sample of manufacturing: employment and a real output index."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ikm_pmi.data.frames import manufacturing_growth
from ikm_pmi.errors import DataError

__all__ = ["DOUBTFUL", "STEP", "half_years"]

#: Employment of this round is a minister's figure, not read from a BPS table.
DOUBTFUL = pd.Period("2022Q3", freq="Q")
#: From this round on employment is on another level, which output does not show.
STEP = pd.Period("2017Q1", freq="Q")


def half_years(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Employment and real output of manufacturing, one row a Sakernas round.

    Only growth on the same quarter of the year before is printed for every quarter. Output is
    chained from the quarters of 2010, each set to 100, so it has no season of its own; the output
    of a round is the mean of the survey's quarter and the one before. A quarter whose growth was
    not printed takes the derived figure of the same table (``yoy_growth_pct_alt``), marked.

    Parameters
    ----------
    tables : mapping
        Needs ``manufacturing_employment`` and ``manufacturing_quarterly``.

    Returns
    -------
    DataFrame
        Index ``quarter`` of the survey (Q1 February, Q3 August); ``workers_mn``, ``output``
        (2010 = 100), ``log_workers``, ``log_output``, the dummies ``february``, ``august_2022``,
        ``from_2017`` (0 or 1) and ``derived`` (bool).

    Raises
    ------
    DataError
        When a quarter of growth or a round of employment is missing.
    """
    growth, derived = _growth(tables["manufacturing_quarterly"])
    base = pd.Series(100.0, index=pd.period_range(growth.index[0] - 4, periods=4, freq="Q"))
    chained = 100 * (1 + growth / 100).groupby(np.arange(len(growth)) % 4).cumprod()
    quarters = pd.concat([base, chained])
    raw = tables["manufacturing_employment"]
    rows = raw[raw["sector"] == "manufacturing"]
    labels = rows["year"].astype(str) + rows["period"].map({"February": "Q1", "August": "Q3"})
    workers = rows.set_index(pd.PeriodIndex(labels, freq="Q", name="quarter"))["workers_mn"]
    every = pd.period_range(workers.index.min(), workers.index.max(), freq="Q", name="quarter")
    rounds = pd.PeriodIndex(every[::2])
    output = ((quarters + quarters.shift(1)) / 2).reindex(rounds)
    workers = workers.reindex(rounds)
    _require(output, "manufacturing_quarterly.csv")
    _require(workers, "manufacturing_employment.csv")
    return pd.DataFrame(
        {
            "workers_mn": workers,
            "output": output,
            "log_workers": np.log(workers),
            "log_output": np.log(output),
            "february": (rounds.strftime("%q") == "1").astype(float),
            "august_2022": (rounds == DOUBTFUL).astype(float),
            "from_2017": (rounds >= STEP).astype(float),
            "derived": (derived | derived.shift(1, fill_value=False)).reindex(rounds),
        }
    )


def _growth(quarterly: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Growth by quarter without gaps, and which quarters are derived."""
    printed = manufacturing_growth({"manufacturing_quarterly": quarterly})["growth_yoy_pct"]
    rows = quarterly[
        (quarterly["measure"] == "yoy_growth_pct_alt")
        & (quarterly["series"] == "manufacturing, constant 2010 prices")
        & (quarterly["quarter"] != "annual")
    ]
    labels = pd.PeriodIndex(rows["year"].astype(str) + "Q" + rows["quarter"], freq="Q")
    growth = printed.fillna(rows.set_index(labels)["value"])
    _require(growth, "manufacturing_quarterly.csv")
    return growth, printed.isna()


def _require(series: pd.Series, file: str) -> None:
    missing = series.index[series.isna()]
    if len(missing):
        raise DataError(
            f"{series.name or 'output'} has a gap",
            expected=f"every period from {series.index[0]} to {series.index[-1]}",
            found="none for " + ", ".join(map(str, missing)),
            where=file,
            todo="add the rows, with their source",
        )
