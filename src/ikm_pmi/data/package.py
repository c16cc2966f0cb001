"""The data package: tables read only as described and sealed in ``datapackage.json``.

``data/raw`` holds the figures, ``data/processed`` what ``ikm-pmi data build`` makes of them. Each
folder has a ``datapackage.json`` (Frictionless) with units, constraints, keys, licences and the
SHA-256 of every table; a table whose bytes differ from its hash is not read.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikm_pmi.data.store import DESCRIPTOR, read_descriptor, sealed
from ikm_pmi.data.whole import digest, write_files
from ikm_pmi.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.data.checks import Rule
    from ikm_pmi.data.report import Report

__all__ = [
    "PROCESSED",
    "RAW",
    "catalogue",
    "check",
    "fields",
    "find_root",
    "hashes",
    "load",
    "load_many",
    "seal",
    "typed",
]

RAW = Path("data", "raw")
PROCESSED = Path("data", "processed")
_TODO = {
    RAW: "if the edit is meant: ikm-pmi data seal (it checks first); if not: restore the file",
    PROCESSED: "run: ikm-pmi data build",
}


def find_root(start: Path | None = None) -> Path:
    """The project folder: the one that holds ``data/raw``.

    Parameters
    ----------
    start : Path, optional
        Where to begin the search upward. Without it: the folder named by ``IKM_PMI_ROOT``, else
        upward from the working directory, else from this package's own checkout.

    Raises
    ------
    DataError
        When no folder with ``data/raw`` is found.
    """
    named = os.environ.get("IKM_PMI_ROOT") if start is None else None
    if named:
        if (Path(named) / RAW).is_dir():
            return Path(named).resolve()
        places = [named]
    else:
        begin = [start] if start is not None else [Path.cwd(), Path(__file__).parent]
        for place in begin:
            for folder in (place.resolve(), *place.resolve().parents):
                if (folder / RAW).is_dir():
                    return folder
        places = [str(place) for place in begin]
    raise DataError(
        "the project's data are not found",
        expected=f"a folder that holds {RAW.as_posix()}",
        found="none",
        where="IKM_PMI_ROOT = " + places[0] if named else "from here upward: " + ", ".join(places),
        todo="run inside the project, or set IKM_PMI_ROOT to its folder",
    )


def _entry(name: str, root: Path) -> tuple[Path, dict[str, Any]]:
    """Folder and resource entry of a table; raw tables come first."""
    known: list[str] = []
    for part in (RAW, PROCESSED):
        if part == PROCESSED and not (root / part / DESCRIPTOR).is_file():
            continue
        for entry in read_descriptor(root / part)["resources"]:
            if entry["name"] == name.removesuffix(".csv"):
                return part, entry
            known.append(entry["name"])
    raise DataError(
        f"no table is called {name!r}",
        expected="one of " + ", ".join(known),
        found=name,
        where=str(root / RAW / DESCRIPTOR),
        todo="correct the name; processed tables need: ikm-pmi data build",
    )


def _verified(name: str, root: Path) -> tuple[bytes, dict[str, Any]]:
    part, entry = _entry(name, root)
    path = root / part / entry["path"]
    where = {"where": str(path), "todo": _TODO[part]}
    if not path.is_file():
        raise DataError(f"{path.name} is missing", expected="a file", found="none", **where)
    content = path.read_bytes()
    if digest(content) != entry.get("hash"):
        raise DataError(
            f"{path.name} is not the table that was sealed",
            expected=str(entry.get("hash")),
            found=digest(content),
            **where,
        )
    return content, entry


def load(name: str, root: Path | None = None) -> pd.DataFrame:
    """A raw or processed table, verified and typed.

    Parameters
    ----------
    name : str
        Table name without ``.csv`` (``"pmi_headline"``).
    root : Path, optional
        The project folder; found by :func:`find_root` if not given.

    Returns
    -------
    DataFrame
        A copy, in the order of the file. Months are ``period[M]``, quarters ``period[Q]``, dates
        ``datetime64``, counts ``int64`` (``Int64`` where cells may be empty), numbers ``float64``.

    Raises
    ------
    DataError
        When the table is unknown, missing, changed since it was sealed, or cannot be typed.

    Examples
    --------
    >>> from ikm_pmi.data.package import load
    >>> load("pmi_headline").query("country_iso3 == 'IDN'").set_index("month").pmi["2021-07"]
    np.float64(40.1)
    """
    content, entry = _verified(name, root or find_root())
    return typed(content, entry).copy()


def load_many(names: Iterable[str], root: Path | None = None) -> dict[str, pd.DataFrame]:
    """Several tables by name; see :func:`load`."""
    root = root or find_root()
    return {name: load(name, root) for name in names}


def typed(content: bytes, entry: dict[str, Any]) -> pd.DataFrame:
    """A table's bytes as a frame with the types of its description; shared, not a copy.

    Raises
    ------
    DataError
        When the bytes do not fit the description.
    """
    return _typed(content, json.dumps(entry["schema"]["fields"]), entry["path"])


@lru_cache(maxsize=64)
def _typed(content: bytes, schema: str, file: str) -> pd.DataFrame:
    import pandas as pd

    described = json.loads(schema)
    kinds = {"number": "float64", "boolean": "bool", "year": "int64"}
    types: dict[str, Any] = {}
    for item in described:
        required = item.get("constraints", {}).get("required", False)
        kind = kinds.get(item["type"], "str")
        types[item["name"]] = (
            ("int64" if required else "Int64") if item["type"] == "integer" else kind
        )
    try:
        frame = pd.read_csv(
            io.BytesIO(content),
            dtype=types,
            keep_default_na=False,
            na_values=[""],
            true_values=["true"],
            false_values=["false"],
        )
        for item in described:
            column = item["name"]
            freq = "M" if item["type"] == "yearmonth" else item.get("period")
            if freq:
                months = {text: pd.Period(text, freq=freq) for text in frame[column].unique()}
                frame[column] = frame[column].map(months).astype(f"period[{freq}]")
            elif item["type"] == "date":
                frame[column] = pd.to_datetime(frame[column], format="%Y-%m-%d")
    except (ValueError, KeyError, OverflowError) as error:
        raise DataError(
            f"{file} does not fit its description",
            expected="the columns and types of datapackage.json",
            found=str(error),
            where=file,
            todo="run: ikm-pmi data check",
        ) from None
    return frame


def hashes(names: Iterable[str], root: Path | None = None) -> dict[str, str]:
    """SHA-256 of verified tables by file name, ``{"pmi_headline.csv": "sha256:…"}``.

    Raises
    ------
    DataError
        As :func:`load`.
    """
    root = root or find_root()
    read = [_verified(name, root) for name in names]
    return {entry["path"]: digest(content) for content, entry in read}


def fields(name: str, root: Path | None = None) -> pd.DataFrame:
    """What each column of a table is: name, type, unit, description (one row a column)."""
    import pandas as pd

    _, entry = _entry(name, root or find_root())
    columns = ["name", "type", "unit", "description"]
    described = entry["schema"]["fields"]
    return pd.DataFrame([{key: item.get(key, "") for key in columns} for item in described])


def catalogue(root: Path | None = None) -> pd.DataFrame:
    """The raw tables: name, title, origin, licence, accessed (one row a table)."""
    import pandas as pd

    rows = [
        {key: entry.get(key, "") for key in ("name", "title", "origin", "accessed")}
        | {"licence": "; ".join(item["title"] for item in entry.get("licenses", ()))}
        for entry in read_descriptor((root or find_root()) / RAW)["resources"]
    ]
    return pd.DataFrame(rows)


def check(root: Path | None = None, rules: Sequence[Rule] = ()) -> Report:
    """Validate every table of the project. Problems are listed in the report, not raised.

    ``rules`` are further checks, from the raw tables by name to problems.
    """
    from ikm_pmi.data.checks import check_package

    return check_package(root or find_root(), rules=rules)


def seal(
    root: Path | None = None,
    rules: Sequence[Rule] = (),
    tell: Callable[[str], object] = lambda _: None,
) -> tuple[str, ...]:
    """Accept intended edits of raw tables: check them, then rewrite their hashes.

    Parameters
    ----------
    root, rules : optional
        As for :func:`check`.
    tell : callable, optional
        Called with the text of each warning: what is odd is accepted, but not unseen.

    Returns
    -------
    tuple of str
        Names of the tables whose hash changed.

    Raises
    ------
    DataError
        When a table has errors other than its hash; nothing is written then.
    """
    from ikm_pmi.data.checks import check_package

    root = root or find_root()
    report = check_package(root, parts=(RAW,), hashes=False, rules=rules)
    errors = [problem for problem in report.problems if problem.severity == "error"]
    if errors:
        raise DataError(
            f"not sealed: {len(errors)} error(s) in the tables",
            expected=errors[0].expected,
            found=errors[0].found,
            where=errors[0].where,
            todo=errors[0].todo + "; for all errors: ikm-pmi data check",
        )
    for problem in report.problems:
        tell(problem.text())
    package = read_descriptor(root / RAW)
    entries = package["resources"]
    contents = {e["name"]: (root / RAW / e["path"]).read_bytes() for e in entries}
    changed = tuple(e["name"] for e in entries if e.get("hash") != digest(contents[e["name"]]))
    if changed:
        write_files({root / RAW / DESCRIPTOR: sealed(package, contents)})
    return changed
