"""The monthly intensities beside the world, under both readings and three exposure windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd

from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import IntensityParameters
from ikm_pmi.restrictions.calendar import KINDS, READINGS
from ikm_pmi.restrictions.intensity import class_shares, daily_intensity, monthly_intensity
from ikm_pmi.results import Estimate, Readable, number

#: Months whose intensity is a result by itself.
_SHOWN = ("2021-06", "2021-07", "2021-08", "2021-09")
MEASURES = ("level", "industry_cap", "oxcgrt", "workplaces_mobility", "deaths")


@dataclass(frozen=True, slots=True, eq=False)
class IntensityComparison(Readable):
    """Measures of restriction by month, and the wave.

    ``monthly`` (index month): level and industry_cap (0-1), oxcgrt (0-100), workplaces_mobility
    (percent change from baseline; missing where Google published nothing), deaths (0-1, of the
    worst month). ``correlations`` holds
    levels and changes with the number of months of each pair.
    """

    monthly: pd.DataFrame
    correlations: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Month and the measures, as in ``tables/intensity_monthly.csv``."""
        return self.monthly.reset_index(names="month")

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Correlation of the level with each outside measure, and the months around July 2021.

        A correlation that does not exist is left out; without those months the strictest stands.
        """
        found = [
            Estimate(
                name=f"intensity.correlation.{row['outside']}",
                value=float(row["in_levels"]),
                unit="correlation",
                n=int(row["months"]),
                method=say("PPKM level and {}, monthly, in levels", row["outside"]),
            )
            for row in self.correlations.to_dict("records")
            if math.isfinite(row["in_levels"])
        ]
        months = [month for month in _SHOWN if month in self.monthly.index]
        months = months or [str(self.monthly["level"].idxmax())]
        found += [
            Estimate(
                name=f"intensity.{name}.{month}",
                value=float(self.monthly[name][month]),
                unit="share, 0-1",
                method="own coding of dated rules",
            )
            for name in ("level", "industry_cap")
            for month in months
        ]
        return tuple(found)

    @translated
    def sentence(self) -> str:
        """The strictest month of each own measure and the correlations with the outside ones."""
        strict = self.monthly["level"].idxmax()
        closed = self.monthly["industry_cap"].idxmin()
        months = self.monthly.index
        parts = [
            say("The PPKM level is highest in {} ({}), the industry cap lowest in {} ({})",
                strict, number(self.monthly["level"].max()),
                closed, number(self.monthly["industry_cap"].min()))
            if self.monthly["level"].any()
            else say("No rule is in force from {} to {}", months[0], months[-1])
        ]  # fmt: skip
        parts += map(_correlated, self.correlations.to_dict("records"))
        return say("{}.", joined("; ", parts))


def _correlated(row: dict[Any, Any]) -> str:
    """A row of the correlations in words; what does not move is correlated with nothing."""
    if not math.isfinite(row["in_levels"]):
        return say("the level has no correlation with {}: in {} common months one of the two does "
                   "not move",
                   row["outside"], row["months"])  # fmt: skip
    changes = float(row["in_changes"])
    return say("the level's correlation with {} is {} in levels and {} in changes (n = {})",
               row["outside"], number(float(row["in_levels"])),
               number(changes if math.isfinite(changes) else None), row["months"])  # fmt: skip


def compare(
    monthly: pd.DataFrame, outside: pd.DataFrame, parameters: IntensityParameters
) -> IntensityComparison:
    """Put level and cap beside the Oxford index, workplace mobility and deaths.

    Parameters
    ----------
    monthly : DataFrame
        ``restrictions.monthly_intensity``: level, industry_cap.
    outside : DataFrame
        Index month; stringency (0-100), workplaces (percent change from baseline) and new_deaths
        (persons).
    parameters : IntensityParameters
        ``start_month`` and ``end_month`` bound the comparison.
    """
    months = pd.period_range(parameters.start_month, parameters.end_month, freq="M", name="month")
    own = monthly.reindex(months)[["level", "industry_cap"]]
    # Outside its calendar no rule was in force.
    own = own.fillna({"level": 0.0, "industry_cap": 1.0})
    names = {"stringency": "oxcgrt", "workplaces": "workplaces_mobility", "new_deaths": "deaths"}
    both = own.join(outside[list(names)].rename(columns=names)).astype(float)
    both["deaths"] /= outside["new_deaths"].max()
    rows = []
    for column in MEASURES[2:]:
        levels, changes, n = _correlations(both["level"], both[column])
        rows.append({"outside": column, "in_levels": levels, "in_changes": changes, "months": n})
    return IntensityComparison(both, pd.DataFrame(rows))


def _correlations(own: pd.Series, other: pd.Series) -> tuple[float, float, int]:
    """Of the levels and of the changes, over the months that both have; and their number."""
    pair = pd.DataFrame({"own": own, "other": other.reindex(own.index)}).dropna()
    moves = pair.diff().dropna()
    return pair["own"].corr(pair["other"]), moves["own"].corr(moves["other"]), len(pair)


def by_exposure(daily: pd.DataFrame, parameters: IntensityParameters) -> pd.DataFrame:
    """Level and cap by month under each exposure window; columns ``<measure>.<window>``."""
    parts = {}
    for window in ("fieldwork", "calendar", "since_last"):
        monthly = monthly_intensity(daily, parameters.model_copy(update={"exposure": window}))
        for measure in ("level", "industry_cap"):
            parts[f"{measure}.{window}"] = monthly[measure]
    table = pd.DataFrame(parts)
    return table[sorted(parts, reverse=True)]


def printed_rules(rules: pd.DataFrame) -> pd.DataFrame:
    """Rules by regime or level: printed, carried between prints that agree, and with a range.

    Parameters
    ----------
    rules : DataFrame
        ``industry_rules``.

    Returns
    -------
    DataFrame, index level
        Rows of the table: ``printed``, ``carried`` (assumed, both readings the same), ``range``.
    """
    basis = pd.Series("range", rules.index)
    basis[rules["onsite_low"] == rules["onsite_high"]] = "carried"
    basis[rules["assumed"] == "no"] = "printed"
    order = [kind for kind in KINDS if kind in set(rules["level"])]
    return pd.crosstab(rules["level"], basis).reindex(
        index=order, columns=["printed", "carried", "range"], fill_value=0
    )


def by_reading(
    regime_spells: pd.DataFrame,
    industry_rules: pd.DataFrame,
    industry_classes: pd.DataFrame,
    parameters: IntensityParameters,
) -> pd.DataFrame:
    """Level and closure by month under both readings of the rules.

    Returns
    -------
    DataFrame, index month
        ``level_low``, ``level_high``, ``closure_low``, ``closure_high`` (0-1; closure is one minus
        the cap, and ``low`` the strictest reading, whose closure is the larger).
    """
    table = {}
    for reading in READINGS:
        own = parameters.read(reading)
        daily = daily_intensity(regime_spells, industry_rules, industry_classes, own)
        monthly = monthly_intensity(daily, own)
        table[f"level_{reading}"] = monthly["level"]
        table[f"closure_{reading}"] = 1 - monthly["industry_cap"]
    return pd.DataFrame(table)[sorted(table, reverse=True)]


def against(readings: pd.DataFrame, outside: pd.DataFrame) -> pd.DataFrame:
    """Correlations of both measures, under both readings, with the wave, Oxford and mobility.

    Parameters
    ----------
    readings : DataFrame
        From :func:`by_reading`.
    outside : DataFrame
        ``indonesia_monthly`` by month: new_deaths (persons), stringency (0-100), workplaces
        (percent change from baseline).

    Returns
    -------
    DataFrame
        ``measure, beside, low, high`` (correlation of the changes under each reading),
        ``levels_low``, ``levels_high`` (of the levels) and ``months``.
    """
    world = {
        "deaths of the month": outside["new_deaths"],
        "Oxford stringency": outside["stringency"],
        "lost workplace visits": -outside["workplaces"],
    }
    rows = []
    for measure, (name, column) in product(("level", "closure"), world.items()):
        row: dict[str, Any] = {"measure": measure, "beside": name}
        for reading in READINGS:
            found = _correlations(readings[f"{measure}_{reading}"], column)
            row[f"levels_{reading}"], row[reading], row["months"] = found
        rows.append(row)
    columns = ["measure", "beside", *READINGS, *(f"levels_{r}" for r in READINGS), "months"]
    return pd.DataFrame(rows)[columns]


def printed_industry(readings: pd.DataFrame, industry: pd.DataFrame) -> pd.DataFrame:
    """Cars built and cement used beside the closure, in the months that the press printed.

    Parameters
    ----------
    industry : DataFrame
        ``industry_monthly``.

    Returns
    -------
    DataFrame, index month
        ``closure_high``, ``closure_low`` (0-1), ``cars`` (built, thousand), ``java`` and
        ``elsewhere`` (cement used, thousand tonnes; elsewhere is Indonesia less Java), missing
        where not printed.
    """
    single = industry[industry["start_month"] == industry["end_month"]]
    cells = single.set_index(["series", "region", "measure", "start_month"])["value"].sort_index()
    cars = cells["cars produced", "Indonesia", "units"] / 1e3
    cement = cells["cement, domestic consumption"].xs("thousand_tonnes", level="measure")
    java, whole = cement["Java"], cement["Indonesia"]
    table = pd.DataFrame({"cars": cars, "java": java, "elsewhere": whole - java})
    inside = readings[["closure_high", "closure_low"]].reindex(table.index)
    return inside.join(table).dropna(subset=["closure_low"]).rename_axis("month")


def permits(
    readings: pd.DataFrame, iomki: pd.DataFrame, ikm_national: pd.DataFrame
) -> pd.DataFrame:
    """Permits to operate and the workers of the firms that held them, beside the closure.

    Returns
    -------
    DataFrame
        ``date``, ``item``, ``value``; of workers also ``of_large_medium_pct``, percent of the
        workers that BPS counts in large and medium industry of the year (or the last one on
        record); ``closure_high``, ``closure_low`` of the month.
    """
    sizes = ikm_national[ikm_national["definition"].str.startswith("IBS BPS")]
    workers = sizes.set_index("year")["workers"].astype(float).sort_index()
    rows = iomki.sort_values(["date", "item"], ignore_index=True)
    of_year = [workers.loc[: day.year].iloc[-1] for day in rows["date"]]
    share = (100 * rows["value"] / of_year).where(rows["unit"] == "workers")
    months = pd.PeriodIndex(rows["date"], freq="M")
    closure = readings[["closure_high", "closure_low"]].reindex(months).reset_index(drop=True)
    return rows[["date", "item", "value"]].assign(of_large_medium_pct=share).join(closure)


def shares_by_reading(
    industry_classes: pd.DataFrame, parameters: IntensityParameters
) -> pd.DataFrame:
    """Share of manufacturing in each class of industry (0-1), a column each reading."""
    shares = {r: class_shares(industry_classes, parameters.read(r)) for r in READINGS}
    return pd.DataFrame(shares).rename_axis("class")


def by_year(readings: pd.DataFrame) -> pd.DataFrame:
    """The cap by month of the year, a column each year and reading: ``2020 low`` ..., all 0-1.

    Parameters
    ----------
    readings : DataFrame
        From :func:`by_reading`.
    """
    months = pd.PeriodIndex(readings.index)
    caps = {reading: 1 - readings[f"closure_{reading}"] for reading in READINGS}
    table = {
        say("{} low" if reading == "low" else "{} high", year): pd.Series(
            cap[months.year == year].to_numpy(), months.month[months.year == year]
        )
        for year in sorted(set(months.year))
        for reading, cap in caps.items()
    }
    return pd.DataFrame(table).sort_index().rename_axis("month")


def _key(words: str) -> str:
    return words.lower().replace(" ", "_")


def estimates(readings: pd.DataFrame, correlations: pd.DataFrame) -> tuple[Estimate, ...]:
    """Level and cap around July 2021, and the correlations of changes, under both readings."""
    found = [
        Estimate(
            name=f"intensity.{name}.{reading}.{month}",
            value=float(value[month]),
            unit="share, 0-1",
            method=say("own coding of dated rules, {}", f"{reading} reading"),
        )
        for reading in READINGS
        for name, value in (
            ("level", readings[f"level_{reading}"]),
            ("industry_cap", 1 - readings[f"closure_{reading}"]),
        )
        for month in ("2020-06", *_SHOWN)
        if month in readings.index
    ]
    found += [
        Estimate(
            name=f"intensity.changes.{row['measure']}.{_key(row['beside'])}.{reading}",
            value=float(row[reading]),
            unit="correlation",
            n=int(row["months"]) - 1,
            method=say(
                "changes of {} and {}, {}", row["measure"], row["beside"], f"{reading} reading"
            ),
        )
        for row in correlations.to_dict("records")
        for reading in READINGS
        if math.isfinite(row[reading])
    ]
    return tuple(found)
