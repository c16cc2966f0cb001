"""One chapter over many parameter sets: one tidy table, and nothing done twice.

A run is known by the digest of its parameters, notebook, code, versions and data. Its result is
kept in ``runs/`` under that name; a sweep that is called again runs only what is not there. Runs
happen in threads here, each with a kernel of its own, or on a Dask cluster whose workers need the
installed package and nothing else: notebook and data are sent to them.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import os
import platform
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from ikm_pmi.data.atomic import clear_leftovers
from ikm_pmi.engine import kernel_server, manifest
from ikm_pmi.engine.chapters import TIMEOUT, cell_timeout, check_result, run_isolated
from ikm_pmi.engine.folders import lock_folder
from ikm_pmi.errors import ChapterError, IkmPmiError, ParameterError
from ikm_pmi.parameters import ChapterParameters
from ikm_pmi.study import READS, differing

_PATIENCE = "15s"
#: Seconds in which no run ends, after which it is seen whether anyone is left to end one.
_QUIET = 15.0


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
        When it cannot be reached, or has no workers.
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
        wait_for_a_worker(client, address)
        yield client


def wait_for_a_worker(client: Any, address: str) -> None:
    """Return when the cluster has a worker.

    Raises
    ------
    ChapterError
        When none comes in time.
    """
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise ChapterError(
            "the Dask scheduler has no workers",
            expected="at least one worker, for the runs to go to",
            found=f"none within {_PATIENCE}",
            where=f"--scheduler {address}",
            todo=f"start some: dask worker {address} --nworkers N; what is done is kept",
        ) from None


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
    own = manifest.software()
    if own != check:
        raise ChapterError(
            "a worker has other software",
            expected=json.dumps(check),
            found=json.dumps(own),
            where=platform.node(),
            todo="install the same ikm_pmi and requirements.lock on every worker",
        )
    os.environ[TIMEOUT] = str(seconds)
    kernel_server.start()
    root = _unpacked(content)
    return run_isolated(root, root, parameters)


@cache
def _unpacked(content: bytes) -> Path:
    from distributed import get_worker

    folder = Path(mkdtemp(dir=get_worker().local_directory))  # Dask removes it with the worker
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)  # no name leads out of it: zipfile sees to that
    return folder


#: Whatever a chapter reads.
_PROJECT = ("data/raw/*", "data/processed/*", *(path for some in READS.values() for path in some))
_COLUMNS = (
    *("name", "value", "std_error", "ci_low", "ci_high", "ci_level", "p_value"),
    *("unit", "n", "method"),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sweep is, after each run; ``run`` says what in it is not the default."""

    run: str
    error: str
    done: int
    total: int
    seconds_left: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """What a sweep did: its table, the names of runs by how they ended."""

    table: Path
    ran: tuple[str, ...]
    kept: tuple[str, ...]
    failed: Mapping[str, str]


def run_names(runs: Sequence[ChapterParameters], root: Path) -> dict[str, ChapterParameters]:
    """Each run under the digest of all it is made from."""
    project = manifest.file_hashes(root, _PROJECT)
    notebook = root / "notebooks" / f"{runs[0].chapter}.ipynb"
    made_from = [
        {**manifest.inputs(notebook, one.model_dump(mode="json")), "data": project} for one in runs
    ]
    names = [manifest.digest(one).removeprefix("sha256:")[:16] for one in made_from]
    return dict(zip(names, runs, strict=True))


def sweep(
    runs: Sequence[ChapterParameters],
    out: Path,
    *,
    root: Path,
    jobs: int = 2,
    scheduler: str | None = None,
    unencrypted: bool = False,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Sweep:
    """Run a chapter with each parameter set and write ``sweep.csv``.

    Parameters
    ----------
    runs : sequence of ChapterParameters
        Parameter sets of one chapter, no two of them equal.
    out : Path
        Folder of the table and of ``runs/``, one result a file.
    root : Path
        The project's checkout.
    jobs : int
        Runs at the same time on this machine.
    scheduler : str, optional
        Address of a Dask scheduler (``tls://host:port``) whose workers run instead.
    unencrypted : bool
        Allow an address without TLS that is not this machine's own.
    tell : callable, optional
        Called after each run.

    Returns
    -------
    Sweep
        A failed run is a row of the table with its error, and is run again by the next call.

    Raises
    ------
    ParameterError
        When the scheduler's address is neither ``tls://`` nor of this machine.
    ChapterError
        When the notebook is missing, the scheduler cannot be reached, or another process is at work
        in the folder.
    """
    root, out = root.resolve(), out.resolve()
    if scheduler and not unencrypted:
        check_address(scheduler)
    with lock_folder(out, "sweep"):
        clear_leftovers(out, out / "runs")
        named = run_names(runs, root)
        kept = {name: result for name, one in named.items() if (result := _stored(out, name, one))}
        found, failed, begun = dict(kept), dict[str, str](), time.monotonic()
        try:
            with _executor(root, out, jobs, scheduler) as (submit, look):
                names = {submit(one): name for name, one in named.items() if name not in kept}
                for future in _ended(names, look):
                    name = names[future]
                    result, error = _outcome(future)
                    if result is None:
                        failed[name] = error
                    else:
                        found[name] = result
                        _store(out, name, result)
                    done = len(found) + len(failed)
                    pace = (time.monotonic() - begun) / (done - len(kept))
                    left = pace * (len(named) - done)
                    values = named[name].model_dump(mode="json")
                    differ = differing(named[name].chapter, values).items()
                    run = ", ".join(f"{key}={value}" for key, value in differ)
                    tell(Progress(run, error, done, len(named), left))
        finally:  # interrupted or not, the table holds what is done
            table = out / "sweep.csv"
            manifest.write_whole(table, _table(named, found, failed))
        ran = tuple(name for name in found if name not in kept)
        return Sweep(table=table, ran=ran, kept=tuple(kept), failed=failed)


def _ended(
    runs: Iterable[futures.Future[Any]], look: Callable[[], None]
) -> Iterator[futures.Future[Any]]:
    """The futures as they end; when none does for a while, ``look`` is called and may raise."""
    waiting = set(runs)
    while waiting:
        done, waiting = futures.wait(waiting, timeout=_QUIET, return_when=futures.FIRST_COMPLETED)
        if not done:
            look()
        yield from done


def _store(out: Path, name: str, result: Mapping[str, Any]) -> None:
    """Keep a result, with its digest so that an edit by hand is noticed."""
    sealed = {**result, "digest": manifest.digest(result)}
    manifest.write_whole(out / "runs" / f"{name}.json", manifest.to_json(sealed))


def _stored(out: Path, name: str, parameters: ChapterParameters) -> dict[str, Any] | None:
    try:
        result = check_result(out / "runs" / f"{name}.json", parameters)
    except ChapterError:  # not there, or spoiled: it is run again
        return None
    return result if result.pop("digest", "") == manifest.digest(result) else None


def _outcome(future: futures.Future[dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
    try:
        return future.result(), ""
    except IkmPmiError as error:
        return None, f"{error.summary}: {error.found}"
    except futures.CancelledError:
        return None, "the cluster went away"
    except Exception as error:  # a worker that died, or whatever a worker raised
        return None, f"{type(error).__name__}: {error}"


def _table(
    named: Mapping[str, ChapterParameters],
    found: Mapping[str, Mapping[str, Any]],
    failed: Mapping[str, str],
) -> str:
    """Tidy: a row for each estimate of each run, in the order of the grid."""
    file = io.StringIO()
    fields = list(next(iter(named.values())).model_dump())
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["run", "status", *fields, *_COLUMNS, "error"])
    for name, one in named.items():
        values = one.model_dump(mode="json").values()
        head = [json.dumps(value) if isinstance(value, list) else value for value in values]
        if name in found:
            for entry in found[name]["estimates"]:
                cells = (entry[column] for column in _COLUMNS)
                rows.writerow([name, "done", *head, *cells, ""])
        else:
            status = "failed" if name in failed else "not run"
            rows.writerow([name, status, *head, *[""] * len(_COLUMNS), failed.get(name, "")])
    return file.getvalue()


Submit = Callable[[ChapterParameters], "futures.Future[dict[str, Any]]"]


@contextmanager
def _executor(
    root: Path, out: Path, jobs: int, scheduler: str | None
) -> Iterator[tuple[Submit, Callable[[], None]]]:
    """What takes a run and gives its future, and what raises when there is no one to run it.

    Runs not begun are cancelled at the end.
    """
    pool: futures.Executor
    if scheduler is None:
        kernel_server.start(root)
        pool = futures.ThreadPoolExecutor(jobs)
        try:
            yield lambda one: pool.submit(run_isolated, root, out, one), lambda: None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return
    with client_of(scheduler) as client:
        pool = client.get_executor(pure=False)
        # A task of its own, so that the scheduler makes it again when the worker holding it dies.
        content = pack(root, manifest.file_hashes(root, ("notebooks/*.ipynb", *_PROJECT)), client)
        check, seconds = manifest.software(), cell_timeout()
        yield (
            lambda one: pool.submit(run_there, content, check, one, seconds),
            lambda: wait_for_a_worker(client, scheduler),
        )
