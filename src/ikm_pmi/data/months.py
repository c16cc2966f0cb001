"""Months as people and programs write them, read by named patterns and never guessed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ikm_pmi.errors import DataError, shown

if TYPE_CHECKING:
    import pandas as pd

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
    import pandas as pd

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
