"""Descriptors and whole files of the data package: fixed number format, hashes beside it.

Files are written by :mod:`ikm_pmi.data.whole`; whoever reads a descriptor finishes first what a
killed command left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikm_pmi.data.whole import digest, settle, write_files
from ikm_pmi.errors import DataError, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "digest",
    "fingerprint",
    "read_descriptor",
    "sealed",
    "write_tables",
]

DESCRIPTOR = "datapackage.json"


def fingerprint(package: Mapping[str, Any]) -> str:
    """One digest of all table hashes: tells whether processed tables are older than raw ones."""
    hashes = {entry["name"]: entry.get("hash") for entry in package["resources"]}
    return digest(json.dumps(hashes, sort_keys=True).encode())


def read_descriptor(folder: Path) -> dict[str, Any]:
    """The content of a folder's ``datapackage.json``.

    Raises
    ------
    DataError
        When it is missing, not JSON, or has no list of named resources; or as :func:`settle`.
    """
    settle(folder.parent)
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
    inside = re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", entry["path"])
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
    text = json.dumps({**package, "resources": resources}, indent=2, ensure_ascii=False)
    return (text + "\n").encode()


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

    Raises
    ------
    DataError
        When a described table is not given, or one given is not described.
    """
    template = json.loads(Path(__file__).with_name("processed.json").read_text(encoding="utf-8"))
    names = [entry["name"] for entry in template["resources"]]
    if set(names) != set(tables):
        raise DataError(
            "the tables to write are not the tables described",
            expected=", ".join(sorted(names)),
            found=", ".join(sorted(tables)),
            where="processed.json",
            todo="describe the new table, or build the missing one",
        )
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
