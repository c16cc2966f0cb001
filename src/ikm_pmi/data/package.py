"""The data package: tables read only as described and sealed in ``datapackage.json``.

``data/raw`` holds the figures, ``data/processed`` what ``ikm-pmi data build`` makes of them. Each
folder has a ``datapackage.json`` (Frictionless) with units, constraints, keys, licences and the
SHA-256 of every table; a table whose bytes differ from its hash is not read.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikm_pmi.data.atomic import digest, write_files
from ikm_pmi.errors import DataError, named, shown
from ikm_pmi.language import joined

if TYPE_CHECKING:
    import pandas as pd

RAW = Path("data", "raw")
PROCESSED = Path("data", "processed")
DESCRIPTOR = "datapackage.json"
_NAME = "ikm-pmi-raw"  # of the description of data/raw
_TODO = {
    RAW: "if the edit is meant: ikm-pmi data seal (it checks first); if not: restore the file",
    PROCESSED: "run: ikm-pmi data build",
}


def find_root(start: Path | None = None) -> Path:
    """The project folder: the one whose ``data/raw`` is this study's, by its description.

    Parameters
    ----------
    start : Path, optional
        Where to begin the search upward. Without it: the folder named by ``IKM_PMI_ROOT``, else
        upward from the working directory, else from this package's own checkout.

    Raises
    ------
    DataError
        When there is none, with the folders whose ``data/raw`` are of something else.
    """
    named = os.environ.get("IKM_PMI_ROOT") if start is None else None
    begin = [start] if start is not None else [Path.cwd(), Path(__file__).parent]
    begin = [Path(named).expanduser()] if named else begin
    others = list[str]()
    for place in begin:
        for folder in [place.resolve(), *([] if named else place.resolve().parents)]:
            if _is_ours(folder):
                return folder
            others += [str(folder)] if (folder / RAW).is_dir() else []
    places = ", ".join(map(str, begin))
    raise DataError(
        "the project's data are not found",
        expected=f"a folder whose {(RAW / DESCRIPTOR).as_posix()} is named {_NAME}",
        found=f"{RAW.as_posix()} without it in {', '.join(others)}" if others else "none",
        where=f"IKM_PMI_ROOT = {named}" if named else f"from here upward: {places}",
        todo="run inside the project, or set IKM_PMI_ROOT to its folder",
    )


def _is_ours(folder: Path) -> bool:
    """Whether a folder is a checkout of this study: no other data package is written into."""
    try:
        text = (folder / RAW / DESCRIPTOR).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return f'"{_NAME}"' in text


def _entry(name: str, root: Path) -> tuple[Path, dict[str, Any]]:
    """Folder and resource entry of a table; raw tables come first."""
    known: dict[str, tuple[Path, dict[str, Any]]] = {}
    for part in (PROCESSED, RAW):
        if part == RAW or (root / part / DESCRIPTOR).is_file():
            known |= {one["name"]: (part, one) for one in read_descriptor(root / part)["resources"]}
    place = f"{root / RAW / DESCRIPTOR}; processed tables need: ikm-pmi data build"
    return named(known, name.removesuffix(".csv"), what="table", where=place, error=DataError)


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
            expected=f"{entry.get('hash')!s:.80}",
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
    """Several tables by name; see :func:`load`.

    Examples
    --------
    >>> list(load_many(["lebaran", "imk_panel"]))
    ['lebaran', 'imk_panel']
    """
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
    kinds = {"number": "float64", "boolean": "bool", "year": "int64", "integer": "Int64"}
    types: dict[str, Any] = {item["name"]: kinds.get(item["type"], "str") for item in described}
    for item in described:
        if item["type"] == "integer" and item.get("constraints", {}).get("required"):
            types[item["name"]] = "int64"
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
    """The raw tables: name, title, origin, licence, accessed (one row a table).

    Examples
    --------
    >>> catalogue().set_index("name").loc["lebaran", "licence"]
    'MIT License'
    """
    import pandas as pd

    rows = [
        {key: entry.get(key, "") for key in ("name", "title", "origin", "accessed")}
        | {"licence": joined("; ", (item["title"] for item in entry.get("licenses", ())))}
        for entry in read_descriptor((root or find_root()) / RAW)["resources"]
    ]
    return pd.DataFrame(rows)


def fingerprint(package: Mapping[str, Any]) -> str:
    """One digest of all table hashes: tells whether processed tables are older than raw ones."""
    hashes = {entry["name"]: entry.get("hash") for entry in package["resources"]}
    return digest(json.dumps(hashes, sort_keys=True).encode())


def read_descriptor(folder: Path) -> dict[str, Any]:
    """The content of a folder's ``datapackage.json``.

    Raises
    ------
    DataError
        When it is missing, not JSON, or has no list of named resources.
    """
    path = folder / DESCRIPTOR
    refused = {
        "expected": "JSON with a list of resources, each with name, path and schema",
        "where": str(path),
        "todo": "restore the file (git restore), or correct it at the place named",
    }
    if not path.is_file():
        raise DataError(f"{DESCRIPTOR} is missing", found="no such file", **refused)
    try:
        package = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{DESCRIPTOR} is not JSON", found=f"{error!s:.300}", **refused) from None
    resources = package.get("resources") if isinstance(package, dict) else None
    entries = resources if isinstance(resources, list) and resources else [None]
    for place, entry in enumerate(entries, start=1):
        if not _describes(entry):
            name = shown(entry.get("name")) if isinstance(entry, dict) else "no name"
            found = f"another structure in resource {place} ({name})"
            raise DataError(f"{DESCRIPTOR} lists no tables", found=found, **refused)
    for key in ("name", "path"):
        if len({str(entry[key]) for entry in package["resources"]}) < len(entries):
            raise DataError(f"{DESCRIPTOR} has a {key} twice", found="a repetition", **refused)
    return dict(package)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are different: of two equal ones json would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a name twice among {shown([name for name, _ in pairs])}")
    return found


def _describes(entry: Any) -> bool:
    """Whether a resource has what reading needs, and a path that stays in its folder."""
    if not (_has(entry, name=str, path=str, schema=dict) and entry["name"]):
        return False
    schema = entry["schema"]
    inside = re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}", entry["path"])
    keys, others = schema.get("primaryKey", []), schema.get("foreignKeys", [])
    licences = entry.get("licenses", [])
    if not inside or not all(isinstance(part, list) for part in (keys, others, licences)):
        return False
    return (
        _has(schema, fields=list)
        and bool(schema["fields"])
        and all(_has(item, name=str, type=str, description=str) for item in schema["fields"])
        and all(isinstance(item.get("constraints", {}), dict) for item in schema["fields"])
        and all(isinstance(item.get("unit", ""), str) for item in schema["fields"])
        and {key for key in keys if isinstance(key, str)}
        <= {item["name"] for item in schema["fields"]}
        and all(_has(key, fields=list, reference=dict) for key in others)
        and all(_has(key["reference"], resource=str, fields=list) for key in others)
        and all(_has(licence, title=str) for licence in licences)
    )


def _has(content: Any, **kinds: type) -> bool:
    """Whether a mapping has values of these types under these names."""
    return isinstance(content, dict) and all(
        isinstance(content.get(name), kind) for name, kind in kinds.items()
    )


def sealed(package: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """``datapackage.json`` with the hashes and sizes of the contents, by table name."""
    resources = []
    for entry in package["resources"]:
        content = contents[entry["name"]]
        resources.append({**entry, "bytes": len(content), "hash": digest(content)})
    return descriptor({**package, "resources": resources})


def descriptor(package: Mapping[str, Any]) -> bytes:
    """``datapackage.json`` as it is written."""
    return (json.dumps(package, indent=2, ensure_ascii=False) + "\n").encode()


def write_tables(
    tables: Mapping[str, pd.DataFrame], folder: Path, built_from: str
) -> tuple[Path, ...]:
    """Write the processed tables and their ``datapackage.json``, byte for byte reproducible.

    Numbers have ten significant digits, so that another machine's last bit changes nothing.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Exactly the tables that ``processed.json`` (beside this module) describes, with the columns
        named there.
    folder : Path
        Usually ``data/processed``.
    built_from : str
        :func:`fingerprint` of the raw package.

    Returns
    -------
    tuple of Path
        The files written, ``datapackage.json`` last.
    """
    template = json.loads(Path(__file__).with_name("processed.json").read_text(encoding="utf-8"))
    contents = {}
    for entry in template["resources"]:
        columns = [item["name"] for item in entry["schema"]["fields"]]
        frame = tables[entry["name"]][columns]
        for name in frame.select_dtypes("bool"):
            frame = frame.assign(**{str(name): frame[name].map({True: "true", False: "false"})})
        text = frame.to_csv(index=False, lineterminator="\n", float_format="%.10g")
        contents[entry["name"]] = text.encode()
    files = {folder / f"{name}.csv": content for name, content in contents.items()}
    package = {**template, "builtFrom": built_from}
    return write_files({**files, folder / DESCRIPTOR: sealed(package, contents)})
