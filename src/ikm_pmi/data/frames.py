"""From raw tables to analysis frames: pure functions, no reading or writing.

Months as people and programs write them are read by named patterns and never guessed. A frame is
made from a mapping from table name to the table as :func:`ikm_pmi.data.package.load` gives it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ikm_pmi.errors import DataError, ParameterError, shown

Tables = Mapping[str, pd.DataFrame]

# Google's Indonesian series breaks in late February 2022: homes and workplaces both rise.
_MOBILITY_LAST = pd.Period("2022-01", freq="M")


def _some(rows: pd.DataFrame, what: str, where: str) -> pd.DataFrame:
    """The rows, of which there has to be one."""
    if rows.empty:
        raise DataError(
            f"there is no {what}",
            expected="one row at least",
            found="none",
            where=where,
            todo="restore the rows (git restore), or add them with their source",
        )
    return rows


def _restrictions_and_cases(tables: Tables) -> pd.DataFrame:
    keys = ["country_iso3", "month"]
    covid = tables["covid_monthly"][[*keys, "new_cases", "new_deaths"]]
    oxcgrt = tables["restrictions_monthly"][[*keys, "stringency_mean"]]
    both = oxcgrt.rename(columns={"stringency_mean": "stringency"}).merge(
        covid, on=keys, how="outer", validate="1:1"
    )
    return both.astype({"new_cases": "float64", "new_deaths": "float64"})


def indonesia_monthly(tables: Tables) -> pd.DataFrame:
    """The Indonesian PMI with cases, deaths, restrictions and mobility beside it.

    Parameters
    ----------
    tables : mapping
        Needs ``pmi_headline``, ``covid_monthly``, ``restrictions_monthly``, ``mobility_monthly``.

    Returns
    -------
    DataFrame
        Index ``month``, contiguous from the first to the last PMI; columns ``pmi`` (index points;
        missing where not found) and ``vintage``; ``new_cases``, ``new_deaths`` (persons a month)
        and ``stringency`` (0-100), zero before the pandemic tables begin and missing after they
        end; ``workplaces`` (percent change from Google's baseline), 2020-02 to 2022-01 only.

    Raises
    ------
    DataError
        When there is not one row to begin with.
    """
    headline = tables["pmi_headline"]
    own = _some(headline[headline.country_iso3 == "IDN"], "PMI of Indonesia", "pmi_headline.csv")
    pmi = own.set_index("month")[["pmi", "vintage"]]
    months = pd.period_range(pmi.index.min(), pmi.index.max(), freq="M", name="month")
    pandemic = _restrictions_and_cases(tables)
    pandemic = pandemic[pandemic.country_iso3 == "IDN"].set_index("month")
    mobility = tables["mobility_monthly"]
    national = mobility[(mobility.country_iso3 == "IDN") & (mobility.region == "National")]
    workplaces = national.set_index("month").workplaces.loc[lambda s: s.index <= _MOBILITY_LAST]
    columns = ["new_cases", "new_deaths", "stringency"]
    frame = pmi.reindex(months).join(pandemic[columns]).join(workplaces)
    # Before the first month of the tables there was neither a case nor a rule.
    frame.loc[frame.index < pandemic.index.min(), columns] = 0.0
    return frame


def country_monthly(tables: Tables) -> pd.DataFrame:
    """PMI, stringency and cases of every country with a PMI, one row a country-month.

    A month is there when the PMI or the pandemic tables have it; what one of them lacks is missing
    (pandemic columns outside 2020-2022; the PMI of Turkey in 2021-04).

    Parameters
    ----------
    tables : mapping
        Needs ``pmi_headline``, ``covid_monthly``, ``restrictions_monthly``.

    Returns
    -------
    DataFrame
        ``country_iso3``, ``month``, ``pmi``, ``stringency``, ``new_cases``, ``new_deaths``.
    """
    keys = ["country_iso3", "month"]
    pmi = tables["pmi_headline"][[*keys, "pmi"]]
    pandemic = _restrictions_and_cases(tables)
    pandemic = pandemic[pandemic.country_iso3.isin(pmi.country_iso3)]
    frame = pmi.merge(pandemic, on=keys, how="outer", validate="1:1")
    return frame.sort_values(keys, ignore_index=True)


def imk_panel(tables: Tables) -> pd.DataFrame:
    """Micro and small manufacturing in the harmonised units, summed over split provinces.

    Parameters
    ----------
    tables : mapping
        Needs ``imk_province`` and ``provinces``.

    Returns
    -------
    DataFrame
        ``unit``, ``island``, ``java``, ``year``, ``scale``, ``establishments``, ``workers``
        (persons), ``output_idr_mn`` (million IDR, current prices), ``flagged`` (a province in the
        sum is out of line with its neighbouring years), ``n_provinces`` (rows summed).

    Raises
    ------
    DataError
        When a province is not in the table of provinces.
    """
    raw, provinces = tables["imk_province"], tables["provinces"]
    unknown = sorted(set(raw.province) - set(provinces.province))
    if unknown:
        raise DataError(
            "a province has no harmonised unit",
            expected="every province of imk_province.csv in provinces.csv",
            found=", ".join(unknown),
            where="imk_province.csv, column province",
            todo="correct the name, or add the province to provinces.csv",
        )
    rows = raw.merge(provinces[["province", "unit"]], on="province", validate="m:1")
    rows["flagged"] = rows.flag.notna()
    panel = rows.groupby(["unit", "year", "scale"], as_index=False).agg(
        establishments=("establishments", "sum"),
        workers=("workers", "sum"),
        output_idr_mn=("output_mn_idr", "sum"),
        flagged=("flagged", "any"),
        n_provinces=("province", "count"),
    )
    island = provinces.set_index("province").island
    panel.insert(1, "island", panel.unit.map(island))
    panel.insert(2, "java", panel.island == "Java")
    return panel


def manufacturing_growth(tables: Tables) -> pd.DataFrame:
    """Year-on-year growth of manufacturing GDP by quarter.

    Parameters
    ----------
    tables : mapping
        Needs ``manufacturing_quarterly``.

    Returns
    -------
    DataFrame
        Index ``quarter``, contiguous; ``growth_yoy_pct`` (all manufacturing) and
        ``nonoil_growth_yoy_pct`` (without oil and gas), percent; missing where not seen in print.

    Raises
    ------
    DataError
        When there is not one row to begin with.
    """
    raw = tables["manufacturing_quarterly"]
    quarterly = raw[(raw.measure == "yoy_growth_pct") & (raw.quarter != "annual")]
    rows = _some(quarterly, "quarterly growth", "manufacturing_quarterly.csv")
    labels = rows.year.astype(str) + "Q" + rows.quarter
    rows = rows.assign(quarter=pd.PeriodIndex(labels, freq="Q"))
    columns = {
        "growth_yoy_pct": "manufacturing, constant 2010 prices",
        "nonoil_growth_yoy_pct": "non-oil-and-gas manufacturing, constant 2010 prices",
    }
    quarters = pd.period_range(rows.quarter.min(), rows.quarter.max(), freq="Q", name="quarter")
    by_quarter = rows.set_index("quarter")
    return pd.DataFrame(
        {
            column: by_quarter.value[by_quarter.series == series].reindex(quarters)
            for column, series in columns.items()
        }
    )


def lebaran_days(lebaran: pd.DataFrame) -> pd.DatetimeIndex:
    """All days of Eid al-Fitr and of collective leave, sorted, each once."""
    first, second = pd.DatetimeIndex(lebaran.eid_start), pd.DatetimeIndex(lebaran.eid_end)
    eid = [pd.date_range(start, end) for start, end in zip(first, second, strict=True)]
    leave = pd.to_datetime(lebaran.collective_leave_dates.str.split().explode())
    return (
        pd.DatetimeIndex(pd.Index([]).append([*eid, pd.DatetimeIndex(leave)]))
        .unique()
        .sort_values()
    )


def lebaran_share(
    lebaran: pd.DataFrame, months: pd.PeriodIndex, first_day: int, last_day: int
) -> pd.Series:
    """Share of each month's survey fieldwork that is Eid or collective leave.

    Parameters
    ----------
    lebaran : DataFrame
        The raw table.
    months : PeriodIndex
        Monthly.
    first_day, last_day : int
        Days of the month on which fieldwork begins and ends, 1-28, both included.

    Returns
    -------
    Series
        Between 0 and 1, indexed by ``months``: holidays in the window over calendar days in it.

    Raises
    ------
    ParameterError
        When the window is empty or leaves the month.
    DataError
        When the table lacks a year of ``months``: no holiday is then not the same as none known.
    """
    if not 1 <= first_day <= last_day <= 28:
        raise ParameterError(
            "the fieldwork window is refused",
            expected="1 <= first day <= last day <= 28",
            found=f"{first_day} to {last_day}",
            todo="correct fieldwork_first_day and fieldwork_last_day",
        )
    uncovered = sorted(set(months.year) - set(lebaran.year))
    if uncovered:
        raise DataError(
            "the dates of Eid are not known for every month",
            expected=f"years within {lebaran.year.min()}-{lebaran.year.max()}",
            found=", ".join(map(str, uncovered)),
            where="lebaran.csv, column year",
            todo="add the years to lebaran.csv, or shorten the sample",
        )
    days = lebaran_days(lebaran)
    inside = days[(days.day >= first_day) & (days.day <= last_day)].to_period("M")
    counts = pd.Series(1, index=inside).groupby(level=0).sum().reindex(months, fill_value=0)
    return (counts / (last_day - first_day + 1)).rename("lebaran_share")


_NAMES = {
    name: number
    for number, names in enumerate(
        (
            *("jan january januari", "feb february februari peb pebruari", "mar march maret"),
            *("apr april", "may mei", "jun june juni", "jul july juli", "aug august agustus agu"),
            *("sep sept september", "oct october okt oktober", "nov november nop nopember"),
            "dec december des desember",
        ),
        start=1,
    )
    for name in names.split()
}
_YEAR, _MONTH = r"(?P<year>(?:19|20)\d\d)", r"(?P<month>0?[1-9]|1[0-2])"
_PATTERNS = (
    re.compile(rf"{_YEAR}[-/.]{_MONTH}(?:[-/.](?:0?[1-9]|[12]\d|3[01]))?(?:[T ]00:00:00)?"),
    re.compile(rf"{_YEAR}[Mm](?P<month>0?[1-9]|1[0-2])"),
    re.compile(rf"{_YEAR}(?P<month>0[1-9]|1[0-2])"),
    re.compile(rf"{_MONTH}[-/.]{_YEAR}"),
    re.compile(rf"(?P<name>[A-Za-z]+)\.?[- ,]*{_YEAR}"),
    re.compile(rf"{_YEAR}[- ,]*(?P<name>[A-Za-z]+)\.?"),
)
_FORMS = "2021-07, 2021M07, 202107, 07/2021, Jul 2021, Juli 2021, a date or a pandas period"


def month_of(value: Any) -> str:
    """One month as ``YYYY-MM``.

    Parameters
    ----------
    value : str, int, date, Timestamp or Period
        A date stands for its month. Text has one of the named patterns; English and Indonesian
        names of months are known.

    Raises
    ------
    DataError
        When it is none of these.

    Examples
    --------
    >>> month_of("Juli 2021"), month_of("07/2021"), month_of(202107)
    ('2021-07', '2021-07', '2021-07')
    """
    if hasattr(value, "year") and hasattr(value, "month") and value == value:
        return f"{value.year:04d}-{value.month:02d}"
    text = str(value).strip()
    for pattern in _PATTERNS:
        if found := pattern.fullmatch(text):
            parts = found.groupdict()
            number = parts.get("month") or _NAMES.get(str(parts.get("name")).lower())
            if number:
                return f"{parts['year']}-{int(number):02d}"
    raise DataError(
        "a month cannot be read",
        expected=_FORMS,
        found=shown(value),
        where="the index of months",
        todo="write months in one of these forms",
    )


def as_months(index: pd.Index) -> pd.PeriodIndex:
    """An index of months as a PeriodIndex, whatever it was written in.

    Parameters
    ----------
    index : Index of periods, dates or texts, shape (T,)
        One entry a month, in order; months may be missing.

    Raises
    ------
    DataError
        Naming the first entry that is no month, stands twice or is out of order, and for an index
        that counts rows instead of months.

    Examples
    --------
    >>> import pandas as pd
    >>> list(as_months(pd.Index(["Jan 2015", "Maret 2015"])).astype(str))
    ['2015-01', '2015-03']
    """
    if isinstance(index, pd.RangeIndex) or not len(index):
        raise DataError(
            "the rows have no months",
            expected=f"an index of months: {_FORMS}",
            found=f"{len(index)} rows, counted" if len(index) else "no rows",
            where="the index",
            todo='set the column of months as the index: data.set_index("month")',
        )
    if isinstance(index, pd.PeriodIndex) and index.freqstr == "M":
        months = index
    else:
        months = pd.PeriodIndex([month_of(value) for value in index], freq="M", name=index.name)
    late = next((i for i, step in enumerate(months.asi8[1:] - months.asi8[:-1]) if step <= 0), None)
    if late is not None:
        before, after = months[late], months[late + 1]
        raise DataError(
            "the months are not in order, each once",
            expected="months that ascend",
            found=f"{after} twice" if before == after else f"{after} after {before}",
            where=f"row {late + 2} of {len(months)}",
            todo="sort the rows by month and keep one row a month",
        )
    return months
