"""The panel behind the elasticity: what is refused, and the columns of the regressions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError
from ikm_pmi.models.within import within

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

__all__ = [
    "FRAMES",
    "SCALES",
    "check_panel",
    "deflator_index",
    "differences",
    "residuals",
    "sample",
]

SCALES = ("total", "micro", "small")
#: First years of the sampling frames after the first: 2014 (listing), 2017 (Economic Census 2016).
FRAMES = (2014, 2017)
#: A cell this many times above or below the unit's median is an error of unit, not an outlier: a
#: slip from persons to thousands is 1,000; the widest swing of the published panel is 25.
IMPLAUSIBLE = 100.0
COUNTS = ("establishments", "workers", "output_idr_mn")
KEY = ["unit", "year", "scale"]


def check_panel(frame: pd.DataFrame, units: Collection[str] | None = None) -> None:
    """Refuse a panel that cannot be what it says.

    Parameters
    ----------
    frame : DataFrame
        ``unit``, ``year``, ``scale``, ``establishments``, ``workers`` (persons),
        ``output_idr_mn`` (million rupiah), ``java``.
    units : collection of str, optional
        The units known; others are refused.

    Raises
    ------
    DataError
        For a missing column, an unknown unit, a year twice, a number that is not positive, or a
        jump that only an error of unit explains, with the row.
    """
    absent = [name for name in (*KEY, *COUNTS, "java") if name not in frame.columns]
    if absent:
        raise DataError(
            "the panel lacks a column",
            expected=", ".join((*KEY, *COUNTS, "java")),
            found=", ".join(map(str, frame.columns)),
            todo=f"add {', '.join(absent)}",
        )
    for summary, bad, expected, todo in _checks(frame, units):
        if bad.any():
            place = int(np.argmax(bad))
            row = frame.iloc[place]
            raise DataError(
                summary,
                expected=expected,
                found=", ".join(f"{name} {row[name]}" for name in COUNTS),
                where=f"row {frame.index[place]}: {row['unit']}, {row['year']}, {row['scale']}"
                f" ({int(bad.sum())} such rows)",
                todo=todo,
            )


def _checks(
    frame: pd.DataFrame, units: Collection[str] | None
) -> Iterator[tuple[str, np.ndarray, str, str]]:
    if units is not None:
        unknown = ~frame["unit"].isin(list(units)).to_numpy()
        yield "unknown unit", unknown, f"one of {len(units)} units", "use the table of provinces"
    twice = frame.duplicated(KEY).to_numpy()
    yield "a year is present twice", twice, "one row per unit, year and scale", "keep one of them"
    for name in COUNTS:
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        todo = "correct the cell, or leave the unit out and say so"
        yield f"{name} is not positive", ~(values > 0), "a number above zero", todo
        middle = frame.groupby(["unit", "scale"])[name].transform("median").to_numpy(float)
        far = np.abs(np.log(values / middle)) > np.log(IMPLAUSIBLE)
        expected = f"{name} within a factor of {IMPLAUSIBLE:.0f} of the unit's median"
        yield f"{name} jumps implausibly", far, expected, "check the unit: persons or thousands?"


def sample(
    frame: pd.DataFrame, parameters: ElasticityParameters, deflator: pd.Series | None = None
) -> pd.DataFrame:
    """The rows and columns of the regressions.

    Returns
    -------
    DataFrame
        Sorted by scale, unit, year, with ``log_workers``, ``log_output`` (nominal),
        ``log_establishments``, ``log_workers_per`` (per establishment), ``mean_log_output`` (over
        the unit's years), ``log_real_output`` (missing in years without a deflator), ``frame``
        (unit and sampling frame) and ``weight``: one number per unit and scale, since a weight that
        moved with the year's own count would stand on both sides of the equation.
    """
    kept = frame["year"].between(parameters.first_year, parameters.last_year)
    if parameters.drop_flagged:
        kept &= ~frame["flagged"]
    out = frame[kept].sort_values(["scale", "unit", "year"]).reset_index(drop=True)
    for name in ("workers", "establishments"):
        out[f"log_{name}"] = np.log(out[name].astype(float))
    out["log_output"] = np.log(out["output_idr_mn"].astype(float))
    out["log_workers_per"] = out["log_workers"] - out["log_establishments"]
    out["log_real_output"] = out["log_output"]
    if deflator is not None:
        out["log_real_output"] -= np.log(out["year"].map(deflator).astype(float) / 100)
    number = np.searchsorted(FRAMES, out["year"].to_numpy(), side="right")
    out["frame"] = out["unit"].astype(str) + "|" + number.astype(str)
    group = out.groupby(["scale", "unit"])
    out["mean_log_output"] = group["log_output"].transform("mean")
    if parameters.weighting == "none":
        out["weight"] = 1.0
    else:
        source = "establishments" if parameters.weighting == "establishments" else "weight"
        if source not in out:
            raise DataError(
                "there is no column of weights",
                expected="a column called weight, positive",
                found=", ".join(map(str, frame.columns)),
                todo='add it, or set weighting = "none"',
            )
        out["weight"] = group[source].transform("mean")
    return out


def residuals(frame: pd.DataFrame, parameters: ElasticityParameters) -> pd.DataFrame:
    """Log output and log workers of the total, less unit and year effects.

    Returns
    -------
    DataFrame
        ``unit``, ``year``, ``log_output``, ``log_workers``: the slope of the second on the first
        is ``elasticity.twfe`` (Frisch & Waugh 1933) when no weights are asked for.
    """
    rows = sample(frame, parameters)
    total = rows[rows["scale"] == "total"].reset_index(drop=True)
    columns = ["log_output", "log_workers"]
    effects = [pd.factorize(total[name])[0] for name in ("unit", "year")]
    return total[["unit", "year"]].join(
        pd.DataFrame(within(total[columns].to_numpy(float), effects), columns=columns)
    )


def differences(frame: pd.DataFrame, columns: Collection[str], lag: int = 1) -> pd.DataFrame:
    """Changes over exactly ``lag`` years within a unit, named ``d_<column>``.

    A gap in the years (no survey in 2016) gives no change: it is not bridged.
    """
    group = frame.groupby("unit")
    out = frame.assign(
        **{f"d_{name}": frame[name] - group[name].shift(lag) for name in columns},
    )
    return out[frame["year"] - group["year"].shift(lag) == lag]


def deflator_index(table: pd.DataFrame, measure: str) -> pd.Series | None:
    """The national price index of a deflator table by year (2010 = 100).

    Parameters
    ----------
    table : DataFrame
        ``year``, ``measure``, ``value``; the index rows are ``cpi_index`` and
        ``gdp_deflator_index``.
    measure : {"cpi", "gdp", "none"}
        None is returned for ``none``.

    Raises
    ------
    DataError
        When the table has no such index.
    """
    if measure == "none":
        return None
    name = {"cpi": "cpi_index", "gdp": "gdp_deflator_index"}[measure]
    rows = table[table["measure"] == name]
    if rows.empty:
        raise DataError(
            "the deflator table has no such index",
            expected=f"rows of measure {name}",
            found=", ".join(sorted(set(table["measure"]))),
            todo="add the index, or choose another deflator",
        )
    return rows.set_index("year")["value"].sort_index()
