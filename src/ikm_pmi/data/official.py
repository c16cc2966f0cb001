"""What BPS says, as cells of the raw tables, beside what is on record.

A table's ``update`` entries in ``datapackage.json`` say which variable of the BPS WebAPI fills
which column. Items are found by their labels, which are said beside each table; a label that is not
there stops the update, so that no figure lands in a wrong row.

The package ``stadata`` of BPS cannot be locked together with this project (it holds pandas, lxml
and pytest below the versions used here), so the two requests needed are made directly. A value's
key in ``datacontent`` is the item's, variable's, derived item's, year's and derived period's
numbers one behind the other: it is put together here, never taken apart.

An answer is bounded in time, size and tries. The transport is pooch's; its errors are not passed
on, since their texts hold the whole address and that of a BPS request holds the key.
"""

from __future__ import annotations

import bisect
import csv
import io
import itertools
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ikm_pmi.data.series import table_bytes
from ikm_pmi.errors import SourceError

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
    except (ValueError, RecursionError):  # the latter of brackets in brackets without end
        start = " ".join(answer[:400].decode("utf-8", "replace").split())
        kind = "a web page" if start.startswith("<") else f"{len(answer):,} bytes of something else"
        raise _refused(source, "JSON", kind, "try again later; nothing was changed") from None
    if content is None:  # what it answers when too much is asked for
        raise _refused(source, "a JSON object", "null", "ask for fewer years: first_year")
    layout = {"vervar": list, "turvar": list, "tahun": list, "turtahun": list, "datacontent": dict}
    if isinstance(content, dict):
        # A dimension that is not used may be lacking.
        found: dict[str, Any] = {"turvar": [], "turtahun": [], **content}
        if found.get("data-availability") in _EMPTY or found.get("datacontent") == []:
            return None
        if str(found.get("status")).upper() != "OK":
            said = str(found.get("message", "no reason given"))[:120]
            raise _refused(source, "status OK", said, "check BPS_API_KEY and the variable's number")
        whole = all(isinstance(found.get(name), kind) for name, kind in layout.items())
        items = [one for name in _DIMENSIONS for one in found[name]] if whole else []
        if whole and all(isinstance(i, dict) and {"val", "label"} <= i.keys() for i in items):
            return found
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
            expected = f"the names, or other_names, in data/raw/{rule['names']}.csv"
            todo = f"add each to other_names of its row in {rule['names']}.csv, then data seal"
            _no_label(entry, dimension, expected, unknown, todo)
        return [(number, names[plain(label)]) for number, label in kept]
    if not rule:  # no item or one, which says that the dimension is not used
        if not found:  # its place in the key is then a zero, or empty
            return [(0, ""), ("", "")]
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
    entry: Mapping[str, Any], dimension: str, expected: str, found: Sequence[str], todo: str = ""
) -> None:
    raise _refused(
        f"BPS WebAPI, variable {entry['variable']}, {dimension}",
        expected,
        "; ".join(found[:12]) or "no item",
        todo or f"correct the labels of {dimension} in data/raw/datapackage.json, update",
    )


def _refused(where: str, expected: str, found: str, todo: str) -> SourceError:
    said = "the answer is not as documented"
    return SourceError(said, expected=expected, found=found, where=where, todo=todo)


_AGENT = "ikm-pmi (reproducible study; figures refreshed on request)"
_AGAIN = (408, 429, 500, 502, 503, 504)


class Limits:
    """What a source is given: seconds a read and in all, bytes, tries and the pause between."""

    read_seconds = 20.0
    all_seconds = 120.0
    size = 64 * 2**20
    tries = 3
    pause_seconds = 2.0


class _Bounded(io.BytesIO):
    """Takes an answer in until it is too long."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > Limits.size:
            raise OSError(f"more than {Limits.size:,} bytes")
        return super().write(data)


def fetch(url: str, *, source: str) -> bytes:
    """The whole answer of a source.

    Parameters
    ----------
    url : str
        May hold a key; it is neither shown nor written anywhere.
    source : str
        What the answer is, for messages: source and table, without the key.

    Raises
    ------
    SourceError
        When the source refuses, or gives no whole answer in the tries it has.
    """
    host, found, todo = str(urlsplit(url).hostname), "", "try again later; nothing was changed"
    if not url.startswith("https://") and host not in ("127.0.0.1", "localhost", "::1"):
        todo = "correct the address in data/raw/datapackage.json, update"
        raise _no_answer(source, "an address that begins with https://", "another", host, todo)
    for again in range(Limits.tries):
        time.sleep(Limits.pause_seconds * again)
        try:
            return _get(url)
        except OSError as error:  # every error of requests is one; its text may hold the address
            status = getattr(getattr(error, "response", None), "status_code", None)
            found = f"HTTP status {status}" if status else type(error).__name__
            todo = _CAUSES.get(found, todo)
            if status and status not in _AGAIN:
                todo = "check the key; the host may also refuse this network"
                break
    raise _no_answer(source, f"an answer in {Limits.tries} tries", found, host, todo)


_CAUSES = {
    "SSLError": "the certificate is not trusted: set this machine's clock; behind a proxy that "
    "opens connections, name its certificates in REQUESTS_CA_BUNDLE",
    "ProxyError": "the proxy does not answer: see HTTPS_PROXY and NO_PROXY",
    "ConnectionError": "see whether this machine has a network and finds the host; try again later",
}


def _get(url: str) -> bytes:
    """One request; in a thread of its own, for a read that trickles has no end of its own.

    Raises
    ------
    OSError
        What requests raises; TimeoutError after all the seconds there are.
    """
    from pooch import HTTPDownloader

    # Not redirected: an address that holds a key goes to the host it was meant for only.
    get = HTTPDownloader(
        timeout=Limits.read_seconds, headers={"User-Agent": _AGENT}, allow_redirects=False
    )
    answer, errors = _Bounded(), list[BaseException]()

    def ask() -> None:
        try:
            get(url, answer, None)
        except BaseException as error:  # told by the thread that waits
            errors.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(Limits.all_seconds)
    if asking.is_alive():
        raise TimeoutError
    if errors:
        raise errors[0]
    return answer.getvalue()


def _no_answer(source: str, expected: str, found: str, host: str, todo: str) -> SourceError:
    summary = f"{source}: no whole answer"
    return SourceError(summary, expected=expected, found=found, where=host, todo=todo)


@dataclass(frozen=True, slots=True)
class Moved:
    """One cell that the source says otherwise, or that is new (``old`` is then empty)."""

    row: str
    column: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """A table beside what a source says.

    Parameters
    ----------
    content : bytes
        The table with new figures, and with revised ones where they are accepted.
    agree : int
        Cells that say the same.
    """

    content: bytes
    agree: int
    new: tuple[Moved, ...]
    revised: tuple[Moved, ...]


def merge(
    table: Mapping[str, Any],
    content: bytes,
    figures: Mapping[str, tuple[Mapping[tuple[str, ...], str], int]],
    origin: Mapping[str, str],
    *,
    accept: bool,
) -> Merged:
    """Put a source's figures beside a table's.

    Parameters
    ----------
    table : mapping
        The table's entry in ``datapackage.json``.
    content : bytes
        The table as it is.
    figures : mapping of str to (mapping, int)
        For each column: key of a row → text, and the decimals to which texts are compared.
    origin : mapping of str to str
        Cells that name the source, for rows that are new or revised.
    accept : bool
        Whether revised figures take the place of those on record.
    """
    columns = [item["name"] for item in table["schema"]["fields"]]
    keys = table["schema"]["primaryKey"]
    body = csv.DictReader(io.StringIO(content.decode("utf-8")))
    rows = {tuple(row[name] for name in keys): row for row in body}
    order, agree, new, revised = list(rows), 0, list[Moved](), list[Moved]()
    for column, (cells, decimals) in figures.items():
        for key, text in cells.items():
            if key not in rows:
                rows[key] = {**dict.fromkeys(columns, ""), **dict(zip(keys, key, strict=True))}
                bisect.insort(order, key)
            row, old = rows[key], rows[key][column]
            if old and f"{float(old):.{decimals}f}" == f"{float(text):.{decimals}f}":
                agree += 1
                continue
            (revised if old else new).append(Moved(", ".join(key), column, old, text))
            if not old or accept:
                if old and "note" in row:  # what a revised cell said, and who said it
                    was = f"{column} was {old} ({row['source']})"
                    row["note"] = "; ".join(filter(None, (row["note"], was)))
                row |= {column: text, **origin}
    whole = table_bytes(table, [rows[key] for key in order])
    return Merged(content=whole, agree=agree, new=tuple(new), revised=tuple(revised))
