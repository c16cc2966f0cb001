"""Bytes from a public source: bounded in time, size and tries; a key is never shown.

The transport is pooch's. Its errors are not passed on: their texts hold the whole address, and the
address of a BPS request holds the key.
"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ikm_pmi.data.whole import scratch
from ikm_pmi.errors import SourceError

__all__ = ["Limits", "fetch", "fetch_checked"]

_AGENT = "ikm-pmi (reproducible study; figures refreshed on request)"
_AGAIN = (408, 429, 500, 502, 503, 504)


class Limits:
    """What a source is given: seconds a read and in all, bytes, tries and the pause between."""

    read_seconds = 20.0
    whole_seconds = 120.0
    size = 64 * 2**20
    tries = 3
    pause_seconds = 2.0


class _TooMuchError(OSError):
    """An answer that is longer, or takes longer, than a source's would."""


class _Bounded(io.BytesIO):
    """Takes an answer in until it is too long or too late."""

    def __init__(self) -> None:
        super().__init__()
        self.until = time.monotonic() + Limits.whole_seconds

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > Limits.size:
            raise _TooMuchError(f"more than {Limits.size:,} bytes")
        if time.monotonic() > self.until:
            raise _TooMuchError(f"no end within {Limits.whole_seconds:.0f} s")
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
    from pooch import HTTPDownloader

    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise SourceError(
            f"{source} is not asked over an open connection",
            expected="an address that begins with https://",
            found=f"{parts.scheme}://{parts.hostname}",
            where="data/raw/datapackage.json, update",
            todo="correct the address",
        )
    # Not redirected: an address that holds a key goes to the host it was meant for only.
    get = HTTPDownloader(
        timeout=Limits.read_seconds, headers={"User-Agent": _AGENT}, allow_redirects=False
    )
    for again in range(Limits.tries):
        answer = _Bounded()
        try:
            get(url, answer, None)
        except OSError as error:  # every error of requests is one
            found, hopeless = _what(error)
            if hopeless or again == Limits.tries - 1:
                raise _no_answer(source, parts.hostname or "", found) from None
            time.sleep(Limits.pause_seconds * (again + 1))
        else:
            break
    return answer.getvalue()


def _what(error: OSError) -> tuple[str, bool]:
    """An error in words that hold no address, and whether another try would end the same."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"HTTP status {status}", status not in _AGAIN
    if isinstance(error, _TooMuchError):
        return str(error), True
    name = type(error).__name__
    words = {
        "ReadTimeout": f"silence for {Limits.read_seconds:.0f} s",
        "ConnectTimeout": f"no connection within {Limits.read_seconds:.0f} s",
        "ChunkedEncodingError": "an answer cut short",
        "ConnectionError": "no connection, or one that broke off",
    }
    return words.get(name, name), False


def _no_answer(source: str, host: str, found: str) -> SourceError:
    refused = found.endswith((" 401", " 403"))
    return SourceError(
        f"{source}: no whole answer",
        expected=f"an answer of {host} in {Limits.tries} tries",
        found=found,
        where=host,
        todo="check the key; the host may also refuse this network"
        if refused
        else "try again later; nothing was changed",
    )


def fetch_checked(url: str, known_hash: str | None, *, source: str) -> tuple[bytes, str]:
    """The answer of a source and its SHA-256, as pooch checks it.

    Raises
    ------
    SourceError
        As :func:`fetch`, or when the hash is another.
    """
    import pooch

    def download(url: str, output_file: str, _: object) -> None:
        Path(output_file).write_bytes(fetch(url, source=source))

    pooch.get_logger().setLevel("ERROR")
    with scratch() as folder:
        try:
            path = pooch.retrieve(url, known_hash, "answer", folder, downloader=download)
        except ValueError as error:
            raise SourceError(
                f"{source}: not the file that was recorded",
                expected=str(known_hash),
                found="".join(re.findall(r"but got (\w+)", str(error))) or "another",
                where=url,
                todo="if the source has a new version, set the new address and hash in "
                "data/raw/datapackage.json, update; otherwise try again",
            ) from None
        return Path(path).read_bytes(), "sha256:" + pooch.file_hash(path)
