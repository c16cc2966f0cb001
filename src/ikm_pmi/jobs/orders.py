"""What orders of state-owned enterprises (BUMN) would mean for IKM: scenarios, not estimates.

No public series of purchases by place or industry identifies a demand shock, so each factor between
an order and workers is a parameter. For an order V spread over H years, IKM output moves by

    dY = V / H * additional * share * (1 - leakage) * (1 + (m - 1) * indirect)

a year, with m the output multiplier of the industry mix (IRIO 2016: type I, domestic, no induced
consumption; imported inputs are outside it) and ``indirect`` the share of indirect output that
falls on IKM; workers by L * e * dY / Y * k. Here k = sum_i w_i l_i / v_i is the labour intensity of
the mix: w its shares in the order, l and v the industries' shares in IKM workers and value added.
It is 1 when the order is spread as value added is, which stands in for output: that has no industry
detail. ``indirect`` is IKM's share of manufacturing; indirect output is partly farming and
services, where IKM has none, so it is an upper reading.

An order is demand from outside the survey, and errors in the survey's weights raise the two-way
elasticity (:mod:`ikm_pmi.jobs.bounds`): the lower bound leads, the two-way one stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.jobs.links import Link, Values, with_interval
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.results import Estimate, Findings, percent, significant

#: Two-digit industry (KBLI) to the industry of the input-output table whose name covers it.
IRIO: Mapping[str, str] = {
    "10": "I-13", "11": "I-13", "12": "I-14", "13": "I-15", "14": "I-15", "15": "I-16",
    "16": "I-17", "17": "I-18", "18": "I-18", "19": "I-12", "20": "I-19", "21": "I-19",
    "22": "I-20", "23": "I-21", "24": "I-22", "25": "I-23", "26": "I-23", "27": "I-23",
    "28": "I-24", "29": "I-25", "30": "I-25", "31": "I-26", "32": "I-27", "33": "I-27",
}  # fmt: skip
#: Lines of business that the announcement names (Bisnis.com, 3 September 2021), as industries:
#: casting of metals is in KBLI 24, machine parts in 28; retail is no manufacturing.
LINES: Mapping[str, str] = {"metal casting": "24", "mechanical parts": "28", "retail services": ""}


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """Industries of an order.

    Parameters
    ----------
    table : DataFrame
        ``kbli2, industry, irio_code``; ``flag`` (what is doubted); ``order_share`` (sums to 1);
        ``intensity``, the industry's share of IKM workers over its share of value added;
        ``multiplier``.
    multiplier : float
        Output multiplier of the mix: type I, domestic, no induced consumption.
    span : (float, float)
        The same mix at every industry's smallest and at its largest value over provinces.
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
        method=say("order per enterprise over output per establishment, {}", year),
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
    mix = rows[["kbli2", "industry", "flag"]].assign(
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
    share = mix["order_share"].to_numpy()
    low, high = (float(share @ own[f"output_multiplier_{end}_province"]) for end in ("min", "max"))
    return Mix(mix, float(share @ mix["multiplier"]), (low, high))


#: Tables that :func:`order_book` reads.
TABLES = ("bumn_umkm", "imk_kbli", "imk_panel", "imk_partnership_2025", "io_multipliers")
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
    """Scenarios and break-even, and workers per order by industry and line of business.

    ``scenarios`` has ``scenario, what, year, order_idr_mn, output_pct``, ``workers`` with ``low,
    high``, and ``workers_other`` by the elasticity beside; ``industries`` and ``lines`` have
    ``multiplier`` and ``workers_per_bn_idr``.
    """

    scenarios: pd.DataFrame
    industries: pd.DataFrame
    lines: pd.DataFrame

    @translated
    def sentence(self) -> str:
        """The headline, and what to know of it."""
        return joined(" ", [self.headline(), *self.notes])

    def headline(self) -> str:
        """Workers of the pilot by both elasticities, and the break-even order."""
        lead, other = (e for e in self.estimates if e.name.startswith("bumn.pilot.workers"))
        text = say("The pilot order stands for {} IKM workers while it lasts ({} interval {} to "
                   "{}), and for {} by the other elasticity.", significant(lead.value),
                   percent(lead.ci_level), significant(lead.ci_low), significant(lead.ci_high),
                   significant(other.value))  # fmt: skip
        if "bumn.break_even_tn_idr" not in self:
            return text
        last = "One percent more IKM workers would take orders of {} trillion IDR a year."
        even = significant(self["bumn.break_even_tn_idr"].value)
        return joined(" ", (text, say(last, even)))


def scenarios(spending: pd.DataFrame, parameters: JobsParameters) -> list[Scenario]:
    """The pilot, spending on UMKM year by year, and a reserved share of all spending.

    Through the market place PaDi (``padi_...``) until 2022, by all BUMN (``umkm_...``) after it. A
    year's figure is its full-year one, else that of its last month on record, which the name then
    carries: a part of a year stays a part, and no total of 2024 is settled. All are gross: what
    would have been bought anyway is in them.

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
    spent = rows[
        name.contains("cumulative|spending on UMKM|spending reaching UMKM")
        & ~name.contains("second source|statement before|Vice Minister")
    ]
    spent = spent.assign(
        year=spent["period"].str[:4].astype(int),
        part=spent["period"].str.len() > 4,
        padi=spent["measure"].str.contains("PaDi"),
    ).sort_values(["year", "part", "period"], ascending=[True, False, True])
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
    percent = say("{:g} percent of BUMN spending", parameters.reserve_pct)
    pilot, year = parameters.order_bn_idr * 1e3, int(total["period"].str[:4].item())
    return [
        Scenario("pilot", "memorandum of 2021", 2021, pilot, parameters.order_share),
        *map(_spent, spent.drop_duplicates("year", keep="last").itertuples(index=False)),
        Scenario("reserve", percent, year, reserved),
    ]


def _spent(row: Any) -> Scenario:
    """A row of spending as a scenario."""
    order = float(row.value) * 1e6
    if row.padi:
        name, whose = f"padi_{row.year}", say("UMKM spending through PaDi, {}", row.period)
        last = say("UMKM spending through PaDi, to {}", row.period)
    else:
        name = f"umkm_{row.period.replace('-', '_')}"
        whose = say("UMKM spending of all BUMN, {}", row.period)
        last = say("UMKM spending of all BUMN, to {}", row.period)
        if "(about)" in row.measure:
            last = say("UMKM spending of all BUMN, as said in {}", row.period)
    return Scenario(name, last if row.part else whose, int(row.year), order)


def order_book(
    tables: Tables, elasticities: Mapping[str, Estimate], parameters: JobsParameters
) -> OrderBookResult:
    """Output and workers of every scenario, and the break-even order.

    Parameters
    ----------
    tables : mapping
        The tables named in ``TABLES``.
    elasticities : mapping of str to Estimate
        From :func:`ikm_pmi.jobs.chain.elasticities`.
    parameters : JobsParameters

    Returns
    -------
    OrderBookResult
        ``bumn.<scenario>.output_idr_mn`` (a year), ``.workers`` (persons, while the order lasts)
        and ``.workers.<elasticity beside>``; ``bumn.break_even_tn_idr`` (orders a year for one
        percent more IKM workers; absent where the elasticity is not positive);
        ``bumn.pilot.size_ratio`` and ``bumn.partners`` (establishments that have a partnership).

    Raises
    ------
    DataError, ParameterError
        A year without a survey, an industry that is not there.
    EstimationError
        When an interval does not hold its value.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> from ikm_pmi.jobs.chain import elasticities
    >>> raw = ikm.load_many(TABLES)
    >>> found = elasticities(raw["imk_panel"], seed=1)
    >>> book = ikm.order_book(raw, found, ikm.defaults("07"))
    >>> round(book["bumn.pilot.workers"].value)
    20
    """
    panel, book = tables["imk_panel"], scenarios(tables["bumn_umkm"], parameters)
    mix = industry_mix(tables["imk_kbli"], tables["io_multipliers"], parameters)
    lead = parameters.order_estimator
    other = "twfe" if lead != "twfe" else "lower_bound"
    level = parameters.confidence_level
    estimates: list[Estimate] = []
    rows: list[dict[str, Any]] = []
    for s in book:
        workers, total, _ = imk_year(panel, s.year)
        output = _output(s, mix, parameters)
        method = say("scenario, not an estimate: {}", s.what)
        bare = Estimate(name=f"bumn.{s.name}.output_idr_mn", value=output[0],
                        unit="million IDR a year", method=method)  # fmt: skip
        jobs = [
            _times(f"bumn.{s.name}.workers", workers * mix.intensity / total, output,
                   elasticities[name], parameters, method=method)
            for name in (lead, other)
        ]  # fmt: skip
        jobs[1] = replace(jobs[1], name=f"{jobs[1].name}.{other}")
        estimates += [with_interval(bare, output[1], level), *jobs]
        rows.append(
            {"scenario": s.name, "what": s.what, "year": s.year, "order_idr_mn": s.order_idr_mn,
             "output_pct": 100 * output[0] / total, "workers": jobs[0].value,
             "low": jobs[0].ci_low, "high": jobs[0].ci_high, "workers_other": jobs[1].value}
        )  # fmt: skip
    even = list(_break_even(mix, panel, elasticities, (lead, other), parameters))
    none = () if even else ("No order is large enough: the elasticity is not positive.",)
    return OrderBookResult(
        estimates=(
            *estimates,
            *even,
            size_ratio(panel, book[0].order_idr_mn, book[0].year, parameters),
            partners(tables["imk_partnership_2025"]),
        ),
        scenarios=pd.DataFrame(rows),
        notes=(*none, *_flagged(mix.table, parameters.base_year)),
        industries=_by_industry(mix, panel, elasticities[lead].value, parameters),
        lines=_by_line(tables, elasticities[lead].value, parameters),
    )


def partners(table: pd.DataFrame) -> Estimate:
    """Establishments that have a partnership at all: the pool an order can reach."""
    yes, all_ = table[["partnership_yes", "establishments"]].sum()
    year = int(table["year"].iloc[0])
    return Estimate(
        name="bumn.partners",
        value=float(yes),
        unit="establishments",
        method=say(
            "{:.0f} percent of the micro and small establishments of {}", 100 * yes / all_, year
        ),
    )


def _flagged(mix: pd.DataFrame, year: int) -> tuple[str, ...]:
    """What rests on a figure that its table doubts."""
    return tuple(
        say("The share and the workers of {} rest on a value added of {} that the source table "
            "doubts.", row.industry, year)
        for row in mix[mix["flag"].notna()].itertuples()
    )  # fmt: skip


def _output(s: Scenario, mix: Mix, parameters: JobsParameters) -> tuple[float, Values]:
    """IKM output a year, million IDR: its value, and what the inputs leave open."""
    spread = {name: Link(name, getattr(parameters, name), span=parameters.span(name))
              for name in _INPUTS}  # fmt: skip
    spread["multiplier"] = Link("multiplier", mix.multiplier, span=mix.span)
    if s.share is not None:
        spread["share_manufacturing"] = Link("share_manufacturing", s.share)
    known = {name: link.value for name, link in spread.items()}
    drawn = {name: link.known(parameters.uncertain).values() for name, link in spread.items()}
    yearly = s.order_idr_mn / parameters.horizon_years
    return yearly * _reach(known), yearly * _reach(drawn)


def _reach(x: Mapping[str, Any]) -> Any:
    """IKM output per rupiah ordered."""
    indirect = 1 + (x["multiplier"] - 1) * x["indirect_share"]
    return x["additional"] * x["share_manufacturing"] * (1 - x["import_leakage"]) * indirect


def _times(
    name: str, factor: float, output: tuple[float, Values], elasticity: Estimate,
    parameters: JobsParameters, *, method: str = "",
) -> Estimate:  # fmt: skip
    """Persons that an output stands for by one elasticity."""
    e = Link.estimated("elasticity", elasticity).known(parameters.uncertain)
    bare = Estimate(name=name, value=factor * e.value * output[0], unit="persons", method=method)
    return with_interval(bare, factor * e.values() * output[1], parameters.confidence_level)


def _break_even(
    mix: Mix,
    panel: pd.DataFrame,
    elasticities: Mapping[str, Estimate],
    names: tuple[str, str],
    parameters: JobsParameters,
) -> Iterator[Estimate]:
    """Orders a year for one percent more workers; open above where they may not rise at all."""
    _, total, _ = imk_year(panel, parameters.base_year)
    one = Scenario("one", "one trillion IDR", parameters.base_year, 1e6 * parameters.horizon_years)
    output = _output(one, mix, parameters)
    for name, suffix in zip(names, ("", f".{names[1]}"), strict=True):
        percent = 100 * mix.intensity / total
        gain = _times("gain", percent, output, elasticities[name], parameters)
        if gain.value <= 0:
            continue
        low, high = gain.ci_low or 0.0, gain.ci_high or 0.0
        yield Estimate(
            name=f"bumn.break_even_tn_idr{suffix}",
            value=1 / gain.value,
            ci_low=1 / high if high > 0 else None,
            ci_high=1 / low if low > 0 else None,
            ci_level=parameters.confidence_level,
            unit="trillion IDR a year",
            method=say("orders for one percent more IKM workers than in {}; open above where the "
                       "interval of the elasticity reaches zero", parameters.base_year),
        )  # fmt: skip


def _per_bn(mix: Mix, panel: pd.DataFrame, e: float, parameters: JobsParameters) -> float:
    """Workers of an order of one billion IDR a year, all of it to the mix and made there."""
    workers, total, _ = imk_year(panel, parameters.base_year)
    x = {name: getattr(parameters, name) for name in _INPUTS} | {"multiplier": mix.multiplier}
    x["share_manufacturing"] = 1.0
    return float(1e3 * workers * mix.intensity * e * _reach(x) / total)


def _by_industry(
    mix: Mix, panel: pd.DataFrame, e: float, parameters: JobsParameters
) -> pd.DataFrame:
    each = _per_bn(mix, panel, e, parameters) / mix.intensity
    table = mix.table.assign(workers_per_bn_idr=each * mix.table["intensity"])
    return table.sort_values("order_share", ascending=False, ignore_index=True)


def _by_line(tables: Tables, e: float, parameters: JobsParameters) -> pd.DataFrame:
    """The announcement's lines of business; one outside manufacturing has no row to stand on."""
    rows = []
    for line, code in LINES.items():
        row: dict[str, Any] = {"line": line, "industry": "outside manufacturing",
                               "multiplier": None, "workers_per_bn_idr": None}  # fmt: skip
        if code:
            own = parameters.model_copy(update={"industries": [code]})
            mix = industry_mix(tables["imk_kbli"], tables["io_multipliers"], own)
            per_bn = _per_bn(mix, tables["imk_panel"], e, parameters)
            row |= {"industry": mix.table["industry"].iloc[0],
                    "multiplier": mix.multiplier, "workers_per_bn_idr": per_bn}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows).astype({"multiplier": float, "workers_per_bn_idr": float})
