"""What orders of state-owned enterprises (BUMN) would mean for IKM: scenarios, not estimates.

No public series of purchases by place or industry identifies a demand shock, so each factor between
an order and workers is a parameter. For an order V spread over H years, IKM output moves by

    dY = V / H * additional * share * (1 - leakage) * (1 + (m - 1) * indirect)

a year, with m the domestic output multiplier of the industry mix (IRIO 2016; imported inputs are
already outside it) and ``indirect`` the share of indirect output that falls on IKM; workers by
L * e * dY / Y * k. Here k = sum_i w_i l_i / v_i is the labour intensity of the mix: w its shares
in the order, l and v the industries' shares in IKM workers and value added. It is 1 when the order
is spread as value added is, which stands in for output: that has no industry detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.language import spoken
from ikm_pmi.models.drivers import tornado, variance_shares
from ikm_pmi.models.elasticity import ElasticityResult
from ikm_pmi.models.industry_mix import Mix, imk_year, industry_mix, size_ratio
from ikm_pmi.models.links import WITHIN, Draws, draw_elasticity, draw_range, with_interval
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.results import Estimate, Findings, number

__all__ = ["TABLES", "OrderBookResult", "Scenario", "order_book", "scenarios"]

#: Tables that :func:`order_book` reads.
TABLES = ("bumn_umkm", "imk_kbli", "imk_panel", "io_multipliers")
_INPUTS = ("additional", "share_manufacturing", "import_leakage", "indirect_share")
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Scenario:
    """An order: its name, its value, the year whose output and workers it is set against.

    ``share`` is the share that reaches IKM manufacturing where the scenario has its own.
    """

    name: str
    what: str
    year: int
    order_idr_mn: float
    share: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OrderBookResult(Findings):
    """Scenarios and break-even, with what drives one of them and where its workers are.

    ``industries`` and ``islands`` split the workers of ``drivers_scenario``; ``tornado`` and
    ``shares`` (of variance; empty when nothing is drawn) say what moves them.
    """

    scenarios: pd.DataFrame
    industries: pd.DataFrame
    islands: pd.DataFrame
    tornado: pd.DataFrame
    shares: pd.Series

    @spoken
    def sentence(self) -> str:
        """Workers of the smallest and largest order, and the break-even order."""
        order = self.scenarios.sort_values("order_idr_mn")["scenario"]
        ends = [self[f"bumn.{name}.workers"].sentence(0) for name in order.iloc[[0, -1]]]
        even = number(self["bumn.break_even_idr_mn"].value / 1e6, 0)
        last = f"One percent more IKM jobs would take orders of {even} trillion IDR a year."
        return " ".join([*ends, last])


def scenarios(spending: pd.DataFrame, parameters: JobsParameters) -> list[Scenario]:
    """The pilot, UMKM spending of each year on record, and a reserved share of all spending.

    A year's spending is its full-year figure, else that of its last month on record: a part of
    a year stays a part. All are gross: what would have been bought anyway is in them.

    Parameters
    ----------
    spending : DataFrame
        ``bumn_umkm``: period, measure, value, unit.

    Raises
    ------
    DataError
        When the total of BUMN spending is not in the table.
    """
    rows = spending[spending["unit"] == "tn IDR"]
    name = rows["measure"].str
    padi = rows[
        name.contains("cumulative|spending on UMKM|spending reaching UMKM")
        & ~name.contains("second source")
    ]
    padi = padi.assign(year=padi["period"].str[:4].astype(int), part=padi["period"].str.len() > 4)
    padi = padi.sort_values(["year", "part", "period"], ascending=[True, False, True])
    total = rows[name.startswith("total BUMN")]
    if len(total) != 1:
        raise DataError(
            "total BUMN spending is not known",
            expected="one row whose measure begins with total BUMN",
            found=f"{len(total)} rows",
            where="bumn_umkm.csv",
            todo="restore the row with its source",
        )
    reserved = parameters.reserve_pct / 100 * float(total["value"].sum()) * 1e6
    percent = f"{parameters.reserve_pct:g} percent of BUMN spending"
    pilot, year = parameters.order_bn_idr * 1e3, int(total["period"].str[:4].item())
    return [
        Scenario("pilot", "memorandum of 2021", 2021, pilot, parameters.order_share),
        *(
            Scenario(
                f"padi_{y}", f"UMKM spending, {'to ' * part}{period}", int(y), float(value) * 1e6
            )
            for y, part, period, value in padi.drop_duplicates("year", keep="last")[
                ["year", "part", "period", "value"]
            ].itertuples(index=False)
        ),
        Scenario("reserve", percent, year, reserved),
    ]


def order_book(
    tables: Tables, elasticities: ElasticityResult, parameters: JobsParameters
) -> OrderBookResult:
    """Output and workers of every scenario, what drives them, and the break-even order.

    Parameters
    ----------
    tables : mapping
        The tables named in ``TABLES``.
    elasticities : ElasticityResult
        From :func:`ikm_pmi.models.elasticity.estimate`.
    parameters : JobsParameters

    Returns
    -------
    OrderBookResult
        ``bumn.<scenario>.output_idr_mn`` (a year) and ``.workers`` (persons, while the order
        lasts), ``bumn.break_even_idr_mn`` (order a year for one percent more IKM workers),
        ``bumn.pilot.size_ratio`` (order per enterprise over mean output of an establishment).

    Raises
    ------
    DataError, ParameterError
        A year without a survey, an industry or a scenario that is not there.
    """
    panel, book = tables["imk_panel"], scenarios(tables["bumn_umkm"], parameters)
    mix = industry_mix(tables["imk_kbli"], tables["io_multipliers"], parameters)
    drawn = _draw(mix, elasticities, parameters)
    estimates: list[Estimate] = []
    rows: list[dict[str, Any]] = []
    for s in book:
        workers, total, _ = imk_year(panel, s.year)
        output = _output(s, drawn, parameters)
        jobs = workers * mix.intensity * drawn["elasticity"] * output / total
        estimates += _estimates(s, output, jobs, parameters.confidence_level)
        rows.append(
            {"scenario": s.name, "what": s.what, "year": s.year, "order_idr_mn": s.order_idr_mn,
             "output_pct": 100 * output[0] / total, "workers": jobs[0],
             "workers_pct": 100 * jobs[0] / workers}
        )  # fmt: skip
    shown = next((s for s in book if s.name == parameters.drivers_scenario), None)
    if shown is None:
        raise ParameterError(
            "drivers_scenario is refused",
            expected="one of " + ", ".join(s.name for s in book),
            found=parameters.drivers_scenario,
            todo="correct drivers_scenario",
        )
    workers, total, _ = imk_year(panel, shown.year)
    per_output = workers * mix.intensity / total

    def answer(inputs: Mapping[str, Any]) -> Any:
        return per_output * inputs["elasticity"] * _output(shown, inputs, parameters)

    jobs = answer(drawn)
    bars, shares = _drivers(answer, drawn, _ranges(shown, mix, elasticities, parameters))
    return OrderBookResult(
        estimates=(
            *estimates,
            _break_even(drawn, mix, panel, parameters),
            size_ratio(panel, book[0].order_idr_mn, book[0].year, parameters),
        ),
        scenarios=pd.DataFrame(rows),
        industries=_by_industry(mix, jobs[0], shown.order_idr_mn),
        islands=_by_island(panel, parameters.base_year, jobs[0]),
        tornado=bars,
        shares=shares,
    )


def _draw(mix: Mix, elasticities: ElasticityResult, parameters: JobsParameters) -> dict[str, Draws]:
    points = {name: (getattr(parameters, name), parameters.span(name)) for name in _INPUTS}
    points["multiplier"] = (mix.multiplier, mix.span)
    drawn = {k: draw_range(k, point, span, parameters) for k, (point, span) in points.items()}
    drawn["elasticity"] = draw_elasticity(elasticities, parameters)
    return {name: values[:, 0] for name, values in drawn.items()}


def _output(scenario: Scenario, inputs: Mapping[str, Any], parameters: JobsParameters) -> Any:
    """IKM output a year, million IDR."""
    share = inputs["share_manufacturing"] if scenario.share is None else scenario.share
    indirect = 1 + (inputs["multiplier"] - 1) * inputs["indirect_share"]
    reach = inputs["additional"] * share * (1 - inputs["import_leakage"]) * indirect
    return scenario.order_idr_mn * reach / parameters.horizon_years


def _estimates(s: Scenario, output: Draws, jobs: Draws, level: float) -> list[Estimate]:
    method = f"scenario, not an estimate: {s.what}; interval from draws of the inputs"
    both = (("output_idr_mn", "million IDR a year", output), ("workers", "persons", jobs))
    return [
        with_interval(
            Estimate(name=f"bumn.{s.name}.{name}", value=float(v[0]), unit=unit, method=method),
            v[1:],
            level,
        )
        for name, unit, v in both
    ]


def _ranges(
    s: Scenario, mix: Mix, elasticities: ElasticityResult, parameters: JobsParameters
) -> dict[str, tuple[float, float]]:
    """Stated ranges; of the elasticity, the lowest and highest estimator within provinces."""
    values = [elasticities[f"elasticity.{name}"].value for name in WITHIN]
    values.append(elasticities[f"elasticity.{parameters.estimator}"].value)
    ranges = {name: parameters.span(name) for name in _INPUTS}
    if s.share is not None:
        del ranges["share_manufacturing"]
    return ranges | {"elasticity": (min(values), max(values)), "multiplier": mix.span}


def _drivers(
    answer: Any, drawn: Mapping[str, Draws], ranges: Mapping[str, tuple[float, float]]
) -> tuple[pd.DataFrame, pd.Series]:
    bars = tornado(answer, {name: float(v[0]) for name, v in drawn.items()}, ranges)
    inputs = pd.DataFrame({name: drawn[name][1:] for name in ranges})
    jobs = answer(drawn)[1:]
    return bars, variance_shares(inputs, jobs) if np.ptp(jobs) > 0 else pd.Series(dtype=float)


def _break_even(
    drawn: Mapping[str, Draws], mix: Mix, panel: pd.DataFrame, parameters: JobsParameters
) -> Estimate:
    """Order a year for one percent more workers; open above where jobs may not rise at all."""
    _, total, _ = imk_year(panel, parameters.base_year)
    one = Scenario("one", "one million rupiah", parameters.base_year, parameters.horizon_years)
    gain = mix.intensity * drawn["elasticity"] * _output(one, drawn, parameters) / total
    level = parameters.confidence_level
    low, high = np.quantile(gain[1:], [(1 - level) / 2, (1 + level) / 2])
    return Estimate(
        name="bumn.break_even_idr_mn",
        value=float(0.01 / gain[0]),
        ci_low=float(0.01 / high) if high > 0 else None,
        ci_high=float(0.01 / low) if low > 0 else None,
        ci_level=level,
        unit="million IDR a year",
        method=f"order for one percent more IKM workers than in {parameters.base_year}; open "
        "above where the draws of the elasticity reach zero",
    )


def _by_industry(mix: Mix, workers: float, order: float) -> pd.DataFrame:
    table = mix.table.assign(
        workers=workers * mix.table["order_share"] * mix.table["intensity"] / mix.intensity
    )
    table["workers_per_bn_idr"] = table["workers"] / (table["order_share"] * order / 1e3)
    return table.sort_values("workers", ascending=False, ignore_index=True)


def _by_island(panel: pd.DataFrame, year: int, workers: float) -> pd.DataFrame:
    rows = panel[(panel["scale"] == "total") & (panel["year"] == year)]
    share = rows.groupby("island")["workers"].sum() / rows["workers"].sum()
    table = pd.DataFrame({"share": share, "workers": share * workers}).reset_index()
    return table.sort_values("workers", ascending=False, ignore_index=True)
