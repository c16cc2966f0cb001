"""The base an order is set against: IKM of a year, and the industries it is spread over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.results import Estimate

__all__ = ["IRIO", "Mix", "imk_year", "industry_mix", "size_ratio"]

#: Two-digit industry (KBLI) to the industry of the input-output table whose name covers it.
IRIO: Mapping[str, str] = {
    "10": "I-13", "11": "I-13", "12": "I-14", "13": "I-15", "14": "I-15", "15": "I-16",
    "16": "I-17", "17": "I-18", "18": "I-18", "19": "I-12", "20": "I-19", "21": "I-19",
    "22": "I-20", "23": "I-21", "24": "I-22", "25": "I-23", "26": "I-23", "27": "I-23",
    "28": "I-24", "29": "I-25", "30": "I-25", "31": "I-26", "32": "I-27", "33": "I-27",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """Industries of an order.

    Parameters
    ----------
    table : DataFrame
        ``kbli2, industry, irio_code``; ``order_share`` (sums to 1); ``intensity``, the industry's
        share of IKM workers over its share of value added; ``multiplier``.
    multiplier : float
        Domestic output multiplier of the mix.
    span : (float, float)
        Its smallest and largest value over provinces and the industries of the mix.
    """

    table: pd.DataFrame
    multiplier: float
    span: tuple[float, float]

    @property
    def intensity(self) -> float:
        """Labour intensity of the mix; 1 when it is spread as IKM value added is."""
        return float((self.table["order_share"] * self.table["intensity"]).sum())


def imk_year(panel: pd.DataFrame, year: int) -> tuple[float, float, float]:
    """Workers (persons), output (million IDR) and establishments of micro and small industry.

    Raises
    ------
    DataError
        When the year has no survey.
    """
    rows = panel[(panel["scale"] == "total") & (panel["year"] == year)]
    if rows.empty:
        raise DataError(
            f"no survey of micro and small industry in {year}",
            expected="one of " + ", ".join(map(str, sorted(set(panel["year"])))),
            found=str(year),
            todo="set the order against another year",
        )
    workers, output, units = rows[["workers", "output_idr_mn", "establishments"]].sum()
    return float(workers), float(output), float(units)


def size_ratio(
    panel: pd.DataFrame, order_idr_mn: float, year: int, parameters: JobsParameters
) -> Estimate:
    """How far the enterprises of the pilot are from a typical establishment."""
    _, output, units = imk_year(panel, year)
    return Estimate(
        name="bumn.pilot.size_ratio",
        value=order_idr_mn / parameters.order_enterprises / (output / units),
        unit="mean outputs of an IKM establishment",
        method=f"order per enterprise over output per establishment, {year}",
    )


def industry_mix(kbli: pd.DataFrame, irio: pd.DataFrame, parameters: JobsParameters) -> Mix:
    """Spread an order over ``parameters.industries`` (all when empty) as value added is.

    Parameters
    ----------
    kbli : DataFrame
        ``imk_kbli``: workers and value added by two-digit industry, scale and year.
    irio : DataFrame
        ``io_multipliers``: output multipliers by industry, national and range over provinces.

    Raises
    ------
    ParameterError
        When an industry has no IKM in it.
    """
    rows = kbli[(kbli["scale"] == "total") & (kbli["year"] == parameters.base_year)]
    rows = rows[rows["value_added_mn_idr"] > 0]
    value, workers = (rows[c].astype(float) for c in ("value_added_mn_idr", "workers"))
    mix = rows[["kbli2", "industry"]].assign(
        irio_code=rows["kbli2"].map(IRIO),
        order_share=value,
        intensity=(workers / workers.sum()) / (value / value.sum()),
    )
    unknown = sorted(set(parameters.industries) - set(mix["kbli2"]))
    if unknown:
        raise ParameterError(
            "an industry has no IKM in it",
            expected="one of " + ", ".join(mix["kbli2"]),
            found=", ".join(unknown),
            todo="correct industries",
        )
    if parameters.industries:
        mix = mix[mix["kbli2"].isin(parameters.industries)]
    mix = mix.assign(order_share=mix["order_share"] / mix["order_share"].sum())
    own = irio.set_index("irio_code").loc[mix["irio_code"]]
    mix["multiplier"] = own["output_multiplier_national_weighted"].to_numpy()
    low, high = (own[f"output_multiplier_{end}_province"] for end in ("min", "max"))
    multiplier = float((mix["order_share"] * mix["multiplier"]).sum())
    return Mix(mix, multiplier, (float(low.min()), float(high.max())))
