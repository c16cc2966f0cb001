"""Zip archives that are the same bytes on every machine: sorted, one date, no owner."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from ikm_pmi.errors import IkmPmiError

__all__ = ["same_bytes", "zipped"]

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip archive knows
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")
_OFFICE = "docProps/core.xml"


def _safe(name: str) -> str:
    """Refuse a name that would leave the folder it is unpacked in."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not path.parts:
        raise IkmPmiError(
            "an archive cannot hold a file of this name",
            expected="a path below the archive's own folder, with forward slashes",
            found=repr(name),
            todo="rename the file",
        )
    return name


def zipped(files: Mapping[str, bytes], executable: frozenset[str] = frozenset()) -> bytes:
    """A zip archive of these files, by their paths; the bytes depend on nothing else.

    Parameters
    ----------
    files : mapping of str to bytes
        Path with forward slashes → content.
    executable : frozenset of str
        Paths of files to be unpacked as programs.

    Raises
    ------
    IkmPmiError
        When a path would be unpacked outside its folder.
    """
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(_safe(name), _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = (0o755 if name in executable else 0o644) << 16
            archive.writestr(entry, files[name])
    return whole.getvalue()


def same_bytes(office: bytes) -> bytes:
    """An xlsx or docx without the time at which it was written."""
    with zipfile.ZipFile(io.BytesIO(office)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files[_OFFICE] = _STAMP.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", files[_OFFICE])
    return zipped(files)
