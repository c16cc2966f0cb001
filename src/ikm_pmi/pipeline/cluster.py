"""Runs on a Dask cluster, whose workers need the installed package and nothing else.

Dask ships functions and results between its processes by pickle: whoever can speak to a scheduler
can run code on its workers and on this machine. Hence TLS, or an address of this machine.
"""

from __future__ import annotations

import io
import ipaddress
import json
import os
import platform
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from ikm_pmi.errors import ChapterError, ParameterError
from ikm_pmi.parameters import ChapterParameters
from ikm_pmi.pipeline import manifest, warm
from ikm_pmi.pipeline.chapters import run_apart
from ikm_pmi.pipeline.kernel import TIMEOUT

__all__ = ["check_address", "client_of", "pack", "run_there"]

_PATIENCE = "15s"


def check_address(scheduler: str) -> None:
    """Refuse an address whose messages others could read, or answer with code of their own.

    Raises
    ------
    ParameterError
        When it is neither ``tls://`` nor of this machine.
    """
    kind, _, rest = scheduler.rpartition("://")
    host = urlsplit(f"//{rest}").hostname or ""
    with suppress(ValueError):
        host = "localhost" if ipaddress.ip_address(host).is_loopback else host
    if kind != "tls" and host != "localhost":
        raise ParameterError(
            "the scheduler's address is not encrypted",
            expected="tls://host:port, or tcp:// on this machine (127.0.0.1, localhost)",
            found=scheduler,
            where="--scheduler",
            todo="set up Dask's TLS, or, on a network you trust: --unencrypted-scheduler",
        )


@contextmanager
def client_of(address: str) -> Iterator[Any]:
    """A client of the scheduler at this address.

    Raises
    ------
    ChapterError
        When it cannot be reached.
    """
    import distributed

    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=_PATIENCE)
    except (OSError, ValueError, TypeError) as error:  # the last without certificates
        raise ChapterError(
            "the Dask scheduler cannot be reached",
            expected="an address such as tls://host:8786",
            found=str(error).splitlines()[0],
            where=f"--scheduler {address}",
            todo="start one: dask scheduler; and workers: dask worker ADDRESS --nworkers N",
        ) from None
    with client:
        yield client


def pack(root: Path, names: Iterable[str], client: Any) -> Any:
    """The project's files as a future of the cluster."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(root / name, name)
    return client.submit(bytes, file.getvalue())


def run_there(
    content: bytes, check: Mapping[str, Any], parameters: ChapterParameters, seconds: int
) -> dict[str, Any]:
    """A run on a worker, refused where other code would give another result."""
    own = {"code": manifest.code_digest(), "versions": manifest.versions()}
    if own != check:
        raise ChapterError(
            "a worker has other software",
            expected=json.dumps(check),
            found=json.dumps(own),
            where=platform.node(),
            todo="install the same ikm_pmi and requirements.lock on every worker",
        )
    os.environ[TIMEOUT] = str(seconds)
    warm.start()
    root = _unpacked(content)
    return run_apart(root, root, parameters)


@cache
def _unpacked(content: bytes) -> Path:
    from distributed import get_worker

    folder = Path(mkdtemp(dir=get_worker().local_directory))  # Dask removes it with the worker
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        outside = [name for name in archive.namelist() if not _inner(folder, name)]
        if outside:
            raise ChapterError(
                "the project sent to a worker leads out of its folder",
                expected="names below the project's folder",
                found=outside[0],
                where=platform.node(),
                todo="see who may send to this scheduler; tls:// keeps others out",
            )
        archive.extractall(folder)
    return folder


def _inner(folder: Path, name: str) -> bool:
    return (folder / name).resolve().is_relative_to(folder.resolve())
