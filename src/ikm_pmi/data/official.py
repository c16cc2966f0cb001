"""What official sources say, as cells of the raw tables.

A table's ``update`` entries in ``datapackage.json`` say which variable of the BPS WebAPI, or which
file of OxCGRT, fills which column. Items of BPS are found by their labels, which are said beside
each table; a label that is not there stops the update, so that no figure lands in a wrong row.

The package ``stadata`` of BPS cannot be locked together with this project (it holds pandas, lxml
and pytest below the versions used here), so the two requests needed are made directly. A value's
key in ``datacontent`` is the item's, variable's, derived item's, year's and derived period's
numbers one behind the other: it is put together here, never taken apart.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ikm_pmi.errors import SourceError

__all__ = ["Cells", "bps_cells", "bps_url", "oxcgrt_cells", "plain", "year_groups"]

#: Key of a row (cells of the table's key columns) → text of the value.
Cells = dict[tuple[str, ...], str]
_YEARS_A_REQUEST = 3  # what the WebAPI allows
_DIMENSIONS = ("vervar", "turvar", "tahun", "turtahun")
_EMPTY = ("list-not-available", "not-available")


def bps_url(entry: Mapping[str, Any], years: Sequence[int], key: str) -> str:
    """Address of the figures of a variable for some years; it holds the key."""
    periods = ";".join(str(year - 1900) for year in years)
    path = f"list/model/data/lang/ind/domain/{entry['domain']}/var/{entry['variable']}"
    return f"{entry['url']}/{path}/th/{periods}/key/{key}/"


def year_groups(first: int, last: int) -> list[list[int]]:
    """Years as they are asked for: a few a request."""
    years = list(range(first, last + 1))
    return [years[at : at + _YEARS_A_REQUEST] for at in range(0, len(years), _YEARS_A_REQUEST)]


def bps_cells(
    answer: bytes, entry: Mapping[str, Any], key: Sequence[str], names: Mapping[str, str]
) -> Cells:
    """The figures in one answer of the WebAPI.

    Parameters
    ----------
    answer : bytes
        What was answered.
    entry : mapping
        The ``update`` entry.
    key : sequence of str
        The table's key columns.
    names : mapping of str to str
        Normalised label → name, for the dimension that takes its names from another table.

    Returns
    -------
    dict
        Empty when BPS has no figures for those years.

    Raises
    ------
    SourceError
        When the answer is no JSON of the documented layout, or a label is not there.
    """
    content = _content(answer, entry)
    if content is None:
        return {}
    wanted = {name: _items(content, entry, name, names) for name in _DIMENSIONS}
    columns = [_column(entry, name) for name in _DIMENSIONS]
    cells: Cells = {}
    for picks in itertools.product(*wanted.values()):
        numbers = [number for number, _ in picks]
        place = "".join(map(str, [numbers[0], entry["variable"], *numbers[1:]]))
        value = content["datacontent"].get(place)
        text = _figure(value, entry, place)
        if text is None:
            continue
        row = {**entry.get("row", {}), **dict(zip(columns, (n for _, n in picks), strict=True))}
        cells[tuple(row[column] for column in key)] = text
    return cells


def _content(answer: bytes, entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """The decoded answer; None where BPS says that it has no figures."""
    source = f"BPS WebAPI, variable {entry['variable']}"
    try:
        content = json.loads(answer)
    except ValueError:
        start = " ".join(answer[:400].decode("utf-8", "replace").split())
        kind = "a web page" if start.startswith("<") else f"{len(answer):,} bytes of something else"
        raise _refused(source, "JSON", kind, "try again later; nothing was changed") from None
    if content is None:  # what it answers when too much is asked for
        raise _refused(source, "a JSON object", "null", "ask for fewer years: first_year")
    layout = {"vervar": list, "turvar": list, "tahun": list, "turtahun": list, "datacontent": dict}
    if isinstance(content, dict):
        if content.get("data-availability") in _EMPTY or content.get("datacontent") == []:
            return None
        if str(content.get("status")).upper() != "OK":
            said = str(content.get("message", "no reason given"))[:120]
            raise _refused(source, "status OK", said, "check BPS_API_KEY and the variable's number")
        if all(isinstance(content.get(name), kind) for name, kind in layout.items()):
            return dict(content)
    todo = "compare with the documentation of the WebAPI; nothing was changed"
    raise _refused(source, ", ".join(layout), "another layout", todo)


def _column(entry: Mapping[str, Any], dimension: str) -> str:
    return str(entry.get(dimension, {}).get("column", dimension))


def _items(
    content: Mapping[str, Any], entry: Mapping[str, Any], dimension: str, names: Mapping[str, str]
) -> list[tuple[object, str]]:
    """Number and name of the items of a dimension that are wanted."""
    rule = entry.get(dimension, {})
    found = [(item["val"], str(item["label"])) for item in content[dimension]]
    if dimension == "tahun":
        return [(number, label.strip()) for number, label in found]
    if rule.get("names"):
        ignored = {plain(label) for label in rule.get("ignore", ())}
        kept = [(number, label) for number, label in found if plain(label) not in ignored]
        unknown = [label for _, label in kept if plain(label) not in names]
        if unknown:
            _no_label(entry, dimension, f"the names in {rule['names']}.csv", unknown)
        return [(number, names[plain(label)]) for number, label in kept]
    if not rule:  # one item, which says that the dimension is not used
        if len(found) != 1:
            _no_label(entry, dimension, "one item", [label for _, label in found])
        return [(found[0][0], "")]
    wanted = []
    for name, labels in rule["labels"].items():
        known = {plain(label) for label in labels}
        hits = [number for number, label in found if plain(label) in known]
        if len(hits) > 1 or (not hits and not rule.get("may_lack")):
            _no_label(entry, dimension, " or ".join(labels), [label for _, label in found])
        wanted += [(number, name) for number in hits]
    return wanted


def plain(label: str) -> str:
    """A label without tags, case, blanks and punctuation: BPS writes one name in several ways."""
    return re.sub(r"[\W_]+", "", re.sub(r"<[^>]*>", "", label)).casefold()


def _figure(value: Any, entry: Mapping[str, Any], place: str) -> str | None:
    """A value as a cell holds it; None where there is no figure."""
    text = str(value).strip().replace(",", ".") if value is not None else ""
    if text in ("", "-", "...", "…"):
        return None
    if isinstance(value, bool) or not re.fullmatch(r"-?\d+(\.\d+)?", text):
        source = f"BPS WebAPI, variable {entry['variable']}, {place}"
        raise _refused(source, "a number", repr(value)[:60], "ask BPS; nothing was changed")
    return f"{float(text):.{entry['decimals']}f}"


def _no_label(
    entry: Mapping[str, Any], dimension: str, expected: str, found: Sequence[str]
) -> None:
    raise _refused(
        f"BPS WebAPI, variable {entry['variable']}, {dimension}",
        expected,
        "; ".join(found[:12]),
        f"correct the labels of {dimension} in data/raw/datapackage.json, update",
    )


def _refused(where: str, expected: str, found: str, todo: str) -> SourceError:
    return SourceError(
        "the answer is not as documented",
        expected=expected,
        found=found,
        where=where,
        todo=todo,
    )


def oxcgrt_cells(answer: bytes, entry: Mapping[str, Any], countries: Sequence[str]) -> Cells:
    """Monthly means of a daily file of OxCGRT, national rows only.

    Parameters
    ----------
    answer : bytes
        A row a jurisdiction, a column a day.
    entry : mapping
        The ``update`` entry: ``first`` and ``last`` month, ``decimals``.
    countries : sequence of str
        Codes of the countries wanted.

    Raises
    ------
    SourceError
        When the file has another layout, or lacks a country.
    """
    import pandas as pd

    source = f"OxCGRT, {entry['url'].rpartition('/')[2]}"
    todo = "compare the file with the one in data/raw/sources.csv; nothing was changed"
    try:
        daily = pd.read_csv(io.BytesIO(answer), dtype={"CountryCode": str}, low_memory=False)
        daily = daily[daily["Jurisdiction"] == "NAT_TOTAL"].set_index("CountryCode")
        days = [name for name in daily.columns if re.fullmatch(r"\d{2}[A-Z][a-z]{2}\d{4}", name)]
        table = daily.loc[list(countries), days].astype("float64")
    except (ValueError, KeyError) as error:
        expected = "CountryCode, Jurisdiction, a column a day, a row for each country"
        raise _refused(source, expected, str(error)[:120], todo) from None
    months = pd.to_datetime(pd.Index(days), format="%d%b%Y").to_period("M")
    means = table.T.groupby(months).mean()
    wanted = means.loc[entry["first"] : entry["last"]]
    if wanted.isna().any(axis=None) or not len(wanted):
        raise _refused(source, f"every month {entry['first']} to {entry['last']}", "gaps", todo)
    return {
        (str(country), str(month)): f"{value:.{entry['decimals']}f}"
        for country, series in wanted.items()
        for month, value in series.items()
    }
