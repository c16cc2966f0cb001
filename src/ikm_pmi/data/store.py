"""Descriptors and whole files of the data package: fixed number format, hashes beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikm_pmi.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "digest",
    "fingerprint",
    "read_descriptor",
    "sealed",
    "write_files",
    "write_tables",
]

DESCRIPTOR = "datapackage.json"


def digest(content: bytes) -> str:
    """SHA-256 as written in ``datapackage.json``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


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
        package = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{DESCRIPTOR} is not JSON", found=str(error), **refused) from None
    resources = package.get("resources") if isinstance(package, dict) else None
    if not isinstance(resources, list) or not all(_describes(entry) for entry in resources):
        raise DataError(f"{DESCRIPTOR} lists no tables", found="another structure", **refused)
    return dict(package)


def _describes(entry: Any) -> bool:
    """Whether a resource has what reading needs: name, path, and fields with name and type."""
    texts = isinstance(entry, dict) and all(isinstance(entry.get(k), str) for k in ("name", "path"))
    fields = (
        entry["schema"].get("fields") if texts and isinstance(entry.get("schema"), dict) else None
    )
    return isinstance(fields, list) and all(
        isinstance(item, dict) and {"name", "type", "description"} <= item.keys() for item in fields
    )


def write_files(files: Mapping[Path, bytes]) -> tuple[Path, ...]:
    """Write files whole: all beside their places first, then renamed, in the order given."""
    beside = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in files}
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside[path].write_bytes(content)
        for path, temporary in beside.items():
            temporary.replace(path)
    finally:
        for temporary in beside.values():
            temporary.unlink(missing_ok=True)
    return tuple(files)


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
