"""Descriptors and whole files of the data package: fixed number format, hashes beside it.

A change of several files that belong together (a table, its hash, what is built from it) is
prepared in a folder of its own. One rename of that folder decides; whoever reads a descriptor next
finishes what a killed command left.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikm_pmi.errors import DataError, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "digest",
    "fingerprint",
    "read_descriptor",
    "sealed",
    "settle",
    "write_files",
    "write_tables",
    "write_together",
]

DESCRIPTOR = "datapackage.json"
_PENDING = ".pending"
_DAY = 24 * 3600


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


def write_files(files: Mapping[Path, bytes]) -> tuple[Path, ...]:
    """Write files whole: all beside their places first, then renamed, in the order given."""
    owner = f"{platform.node()}.{os.getpid()}"  # so that a later run can tell what was left
    beside = {path: path.with_name(f".{path.name}.{owner}.tmp") for path in files}
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


def write_together(folder: Path, changes: Mapping[str, tuple[bytes | None, bytes]]) -> None:
    """Replace files that belong together: all of them, or none, whenever the process is killed.

    Parameters
    ----------
    folder : Path
        Usually ``data``.
    changes : mapping
        Path below ``folder`` → what was read there (None: no such file) and what takes its place.

    Raises
    ------
    DataError
        When another command is writing, or a file is no longer what was read; nothing is written.
    """
    settle(folder)
    for left in folder.glob(f"{_PENDING}-*"):  # of a command killed before it decided
        if time.time() - left.stat().st_mtime > _DAY:
            shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f"{_PENDING}-", dir=folder))
    try:
        entries = []
        for place, (path, (old, new)) in enumerate(changes.items()):
            (work / str(place)).write_bytes(new)
            before = None if old is None else digest(old)
            entries.append({"path": path, "before": before, "after": digest(new)})
        (work / "index.json").write_text(json.dumps(entries), encoding="utf-8")
        try:
            work.rename(folder / _PENDING)
        except OSError:
            if not (folder / _PENDING).exists():
                raise
            raise DataError(
                "another command is changing the data",
                expected="one change at a time",
                found="a change that is being written",
                where=str(folder / _PENDING),
                todo="wait for it to end, then give the command again",
            ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if edited := _finish(folder):
        raise DataError(
            "the data changed while the command was at work",
            expected="the files as they were read",
            found=", ".join(edited) + " changed since",
            where=str(folder),
            todo="nothing was written; give the command again",
        )


def settle(folder: Path) -> None:
    """Finish a change of :func:`write_together` that was decided but not wholly written.

    Raises
    ------
    DataError
        When one of its files was edited in between; the rest of the change is dropped.
    """
    if edited := _finish(folder):
        raise DataError(
            "a change of the data that was cut short cannot be finished",
            expected="the files as they were when it was prepared",
            found=", ".join(edited) + " edited since",
            where=str(folder),
            todo="see: git diff data; then give the command again, or ikm-pmi data seal and build",
        )


def _finish(folder: Path) -> list[str]:
    """Put what is prepared into its place; the files edited since, which stop it."""
    pending = folder / _PENDING
    entries = []
    with suppress(FileNotFoundError):  # without an index nothing is left to do
        entries = json.loads((pending / "index.json").read_bytes())
    edited = [entry["path"] for entry in entries if _state(folder, entry) not in _known(entry)]
    for place, entry in enumerate(entries if not edited else ()):
        with suppress(FileNotFoundError):  # in its place already
            (folder / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
            (pending / str(place)).replace(folder / entry["path"])
    shutil.rmtree(pending, ignore_errors=True)
    return edited


def _state(folder: Path, entry: Mapping[str, Any]) -> str | None:
    try:
        return digest((folder / entry["path"]).read_bytes())
    except FileNotFoundError:
        return None


def _known(entry: Mapping[str, Any]) -> tuple[str | None, str]:
    return entry["before"], entry["after"]


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
