"""The same quarter in other surveys: Bank Indonesia's PMI, its firms' forecasts, orders, exports.

Bank Indonesia asks other firms, once a quarter, and does not adjust for the season: 50 is no change
on the quarter. Its firms also say what they expect of the quarter to come, a counterfactual that
nobody here has modelled. How unusual a miss of theirs is, only their other misses can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.windows import rank_p_value
from ikm_pmi.language import say, translated
from ikm_pmi.parameters import YardsticksParameters
from ikm_pmi.results import Estimate, Findings, TestResult, number, probability

#: Tables that :func:`surveys` reads, and those of the demand at home and abroad.
TABLES = ("exports_monthly", "indonesia_monthly", "pmi_bi_quarterly", "pmi_wording_monthly")
#: Components of the PMI whose direction is shown.
COMPONENTS = (
    *("output", "new orders", "new export orders", "employment"),
    "suppliers' delivery times",
)
_UNIT = "index points"
_USUAL = "the firms' miss of the quarter is one like those of the other quarters"
_PACE = {"faster": "faster", "slower": "more slowly", "similar": "as before"}


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class SurveysResult(Findings):
    """Two surveys of one quarter, and what firms had expected of it.

    ``levels`` (index quarter): ``pmi`` (mean of the three months), ``pmi_bi``, ``forecast`` and the
    changes on the quarter, in index points. ``misses`` (index quarter, the lowest first): forecast,
    outcome, ``miss``, ``less_mean`` and the source of the forecast. ``components``: the quarters
    in which Bank Indonesia's five are all printed.
    """

    quarter: str
    levels: pd.DataFrame
    misses: pd.DataFrame
    components: pd.DataFrame

    @property
    def rank(self) -> int:
        """Place of the quarter's miss, the lowest first."""
        return list(map(str, self.misses.index)).index(self.quarter) + 1

    @translated
    def sentence(self) -> str:
        """Both changes, and the miss with its rank and p."""
        own, other = self["survey.pmi.change"], self["survey.pmi_bi.change"]
        miss = self["survey.pmi_bi.miss"]
        return say("From the quarter before to {}, the quarterly mean of the PMI moved by {} "
                   "points and Bank Indonesia's PMI-BI by {}; the PMI-BI stood {} points from "
                   "what its firms had forecast, rank {} of {} from the lowest (p = {} with the "
                   "mean miss removed).", self.quarter, number(own.value, 1),
                   number(other.value, 1), number(miss.value, 1), self.rank, len(self.misses),
                   probability(self.tests[1].p_value))  # fmt: skip


def quarter_levels(pmi_bi: pd.DataFrame, monthly: pd.DataFrame) -> pd.DataFrame:
    """Both surveys by quarter; see :class:`SurveysResult`.

    Parameters
    ----------
    pmi_bi, monthly : DataFrame
        The tables ``pmi_bi_quarterly`` and ``indonesia_monthly``.
    """
    total = pmi_bi[pmi_bi["item"] == "total"].set_index(["quarter", "kind"])["value"].unstack()  # noqa: PD010
    months = monthly.set_index("month")["pmi"]
    by_quarter = months.groupby(pd.PeriodIndex(months.index).asfreq("Q"))
    table = pd.DataFrame(
        {
            # A mean of fewer months would be another month's index.
            "pmi": by_quarter.mean().where(by_quarter.count() == 3),
            "pmi_bi": total["headline"],
            "forecast": total["forecast"],
        }
    )
    whole = pd.period_range(total.index.min() - 1, total.index.max(), freq="Q", name="quarter")
    table = table.reindex(whole)
    return table.assign(pmi_change=table["pmi"].diff(), pmi_bi_change=table["pmi_bi"].diff())


def surveys(tables: Mapping[str, pd.DataFrame], parameters: YardsticksParameters) -> SurveysResult:
    """Both surveys in a quarter, and the miss of the firms' forecast ranked among all on record.

    Parameters
    ----------
    tables : mapping
        Those named in ``TABLES``.
    parameters : YardsticksParameters
        ``quarter``.

    Returns
    -------
    SurveysResult
        Estimates ``survey.<pmi|pmi_bi>.change``, ``survey.pmi_bi.miss`` and ``.mean_miss``; tests
        ``survey.pmi_bi.miss`` and ``.miss_less_mean``, ranks of the absolute miss.

    Raises
    ------
    EstimationError
        When the quarter has no forecast or no outcome on record.

    Examples
    --------
    >>> from ikm_pmi.data import package
    >>> found = surveys(package.load_many(TABLES), YardsticksParameters.parse({}))
    >>> found.rank, len(found.misses), round(found["survey.pmi_bi.miss"].value, 2)
    (8, 14, -1.14)
    """
    bank = tables["pmi_bi_quarterly"]
    levels = quarter_levels(bank, tables["indonesia_monthly"])
    pairs = levels[["forecast", "pmi_bi"]].dropna()
    miss = pairs["pmi_bi"] - pairs["forecast"]
    printed = bank[(bank["kind"] == "forecast") & (bank["item"] == "total")].set_index("quarter")
    misses = pairs.assign(miss=miss, less_mean=miss - miss.mean(), source=printed["source"])
    quarter = pd.Period(parameters.quarter, "Q")
    whole = levels[["pmi_change", "pmi_bi_change", "forecast"]].dropna()
    if quarter not in whole.index:
        raise EstimationError(
            "the surveys cannot be compared in this quarter",
            expected="one of " + ", ".join(map(str, whole.index)),
            found=f"{quarter}: no forecast, or no value in it or in the quarter before",
            where="pmi_bi_quarterly, indonesia_monthly",
            todo="choose one of these quarters",
        )
    row = levels[levels.index == quarter].iloc[0]
    components = bank[bank["kind"] == "component"].pivot_table(
        index="quarter", columns="item", values="value"
    )
    values = {
        "survey.pmi.change": (row["pmi_change"], "quarterly mean of the PMI, on the quarter"),
        "survey.pmi_bi.change": (row["pmi_bi_change"], "PMI-BI, not adjusted for the season"),
        "survey.pmi_bi.miss": (
            row["pmi_bi"] - row["forecast"],
            "PMI-BI minus its firms' own forecast",
        ),
        "survey.pmi_bi.mean_miss": (miss.mean(), "mean of all forecasts on record"),
    }
    return SurveysResult(
        quarter=parameters.quarter,
        levels=levels,
        misses=misses.sort_values("miss"),
        components=components.dropna(),
        estimates=tuple(
            Estimate(name=name, value=float(value), unit=_UNIT, method=how, n=len(miss))
            for name, (value, how) in values.items()
        ),
        tests=tuple(
            _ranked(
                f"survey.pmi_bi.{name}", misses[name if name == "miss" else "less_mean"], quarter
            )
            for name in ("miss", "miss_less_mean")
        ),
    )


def _ranked(name: str, values: pd.Series, quarter: pd.Period) -> TestResult:
    """The absolute value of one quarter among all."""
    own = values.index == quarter
    value = float(values[own].iloc[0])
    return TestResult(
        name=name,
        null=_USUAL + (", the mean miss removed" if name.endswith("mean") else ""),
        statistic=value,
        p_value=rank_p_value(value, values[~own].to_numpy(float)),
        distribution=say("rank of the absolute miss among {} forecasts", len(values)),
        n=len(values),
        minimum_p=1 / len(values),
    )


def wording(table: pd.DataFrame, parameters: YardsticksParameters) -> pd.DataFrame:
    """What the releases about the quarter print of five components, in words and as a direction.

    Parameters
    ----------
    table : DataFrame
        ``pmi_wording_monthly``.
    parameters : YardsticksParameters
        ``quarter``; the four months before it and the three after it are shown, too.

    Returns
    -------
    DataFrame, index component
        Columns of two levels: ``direction`` (1 rose, 0 unchanged, -1 fell) and ``words``, by
        month. A cell stays empty where no direction was printed.
    """
    rows = table[table["direction"].notna()].astype({"direction": float})
    rows = rows.assign(words=rows.apply(_in_words, axis=1))
    wide = rows.pivot_table(
        index="component", columns="month", values=["direction", "words"], aggfunc="first"
    )
    every = pd.MultiIndex.from_product([["direction", "words"], _months(parameters, 4, 3)])
    return wide.reindex(index=list(COMPONENTS), columns=every)


def _in_words(row: pd.Series) -> str:
    times = "delivery" in row["component"]
    up, down = ("longer", "shorter") if times else ("rose", "fell")
    word = {1: up, 0: "unchanged", -1: down}[int(row["direction"])]
    if row["pace"] == "turned" and word != "unchanged":
        return "began to rise" if word == up else "began to fall"
    return say("{} {}", word, _PACE.get(row["pace"], "")).strip()


def exports_by_vintage(table: pd.DataFrame, parameters: YardsticksParameters) -> pd.DataFrame:
    """Total exports in the months about the quarter, as first printed and as they stand now.

    Parameters
    ----------
    table : DataFrame
        ``exports_monthly``.
    parameters : YardsticksParameters
        ``quarter``; the two months before it and the one after it are shown, too.

    Returns
    -------
    DataFrame, index month
        ``first`` and ``latest`` (billion US dollars; a first print is empty where none is on
        record) and ``first_mom_pct``, ``latest_mom_pct``: percent change on the month before, which
        stands as it does now in both.
    """
    own = table[table["series"].str.startswith("total") & (table["measure"] == "value_mn_usd")]
    value = own.set_index(["month", "vintage"])["value"].unstack() / 1e3  # noqa: PD010
    before = value["latest"].shift(1)
    months = _months(parameters, 2, 1)
    growth = {f"{v}_mom_pct": 100 * (value[v] / before - 1) for v in ("first", "latest")}
    return value[["first", "latest"]].assign(**growth).loc[months[0] : months[-1]]


def _months(parameters: YardsticksParameters, before: int, after: int) -> pd.PeriodIndex:
    """The months of the quarter, with some before and after it."""
    quarter = pd.Period(parameters.quarter, "Q")
    first, last = (quarter.asfreq("M", end) for end in ("start", "end"))
    return pd.period_range(first - before, last + after, freq="M")
