"""Which file came from what: hashes of every result and of all that went into it.

``results/manifest.json`` holds, for each results folder, the SHA-256 of each file and the hashes of
the data tables, parameters, notebook, code and package versions it was made with. The seconds and
the memory that each chapter took are in ``results/costs.json`` instead: they are never the same
twice. Nothing here imports more than the standard library: an unchanged study is told from these
hashes alone.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ikm_pmi.data import atomic
from ikm_pmi.engine.folders import brief_lock
from ikm_pmi.errors import ChapterError

#: What is no file of anybody's work.
BESIDE = re.compile(
    r"(^|/)(\.|~\$|#|__pycache__/|__MACOSX/|Thumbs\.db$|desktop\.ini$|Icon\r$)|[~#]$|\.(bak|swp|tmp)$"
)
#: Files of the library that results depend on.
CODE = ("**/*.py", "**/*.csv")
# Whatever can move a number: a new version of one of these makes a chapter run again.
PACKAGES = (
    *("ikm-pmi", "matplotlib", "numpy", "pandas", "pydantic", "scipy", "seaborn"),
    "statsmodels",
)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages a number can depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def to_json(content: Any) -> str:
    """JSON with sorted keys, an indent of one, a final newline, and never NaN."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def write_whole(path: Path, content: str | bytes) -> None:
    """Write one file beside its place, then rename it."""
    atomic.write_files({path: content.encode() if isinstance(content, str) else content})


def file_hashes(folder: Path, patterns: Iterable[str] = ("**/*",)) -> dict[str, str]:
    """SHA-256 of each file below a folder, by its path with forward slashes, sorted.

    Hidden files and what editors, spreadsheets and file managers leave beside what is read
    (``~$x.xlsx``, ``x.csv~``, ``Thumbs.db``) do not count.
    """
    files = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    found = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: atomic.digest(found[name].read_bytes())
        for name in sorted(found)
        if not BESIDE.search(name)
    }


def digest(content: Any) -> str:
    """SHA-256 of plain values, written as sorted JSON."""
    return atomic.digest(to_json(content).encode())


@cache
def code_digest() -> str:
    """One hash for the whole library as it is on disk."""
    return digest(file_hashes(Path(__file__).parents[1], CODE))


def software() -> dict[str, Any]:
    """What a number can depend on beside data, notebook and parameters."""
    return {"code": code_digest(), "versions": versions()}


def inputs(notebook: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Hashes of what a chapter is made from, besides its data tables."""
    return {
        "notebook": atomic.digest(notebook.read_bytes()),
        "parameters": digest(dict(parameters)),
        **software(),
    }


def read_object(path: Path) -> dict[str, Any]:
    """What a JSON file holds, or nothing when it is missing, cut short or no object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def read(results_dir: Path) -> dict[str, Any]:
    """The manifest, or an empty one when there is none that can be read."""
    content = read_object(results_dir / "manifest.json")
    entries = content.get("results") if content.get("schema") == 1 else None
    # An entry of another form is none: its chapter runs again.
    parts = ("inputs", "files")
    kept = {
        name: one
        for name, one in (entries.items() if isinstance(entries, dict) else ())
        if isinstance(one, dict) and all(isinstance(one.get(part), dict) for part in parts)
    }
    return {"schema": 1, "results": kept}


def outdated(
    root: Path, chapter: str, parameters: Mapping[str, Any], made_from: Mapping[str, Any]
) -> list[str]:
    """Which of notebook, parameters, code, versions and data are not those of today.

    Parameters
    ----------
    root : Path
        The project folder.
    chapter, parameters : str, mapping
        What was run.
    made_from : mapping
        :func:`inputs` and the hashes of ``data``, or some of them.
    """
    notebook = root / "notebooks" / f"{chapter}.ipynb"
    now = inputs(notebook, parameters) if notebook.is_file() else {}
    names = made_from.get("data") or ()
    tables = [root / "data" / part / name for part in ("processed", "raw") for name in names]
    now["data"] = {one.name: atomic.digest(one.read_bytes()) for one in tables if one.is_file()}
    return [key for key, value in made_from.items() if now.get(key) != value]


def check_current(root: Path, results_dir: Path) -> None:
    """Refuse results that are not whole or not of the present, of any chapter.

    Whole are those whose files are the ones that the manifest lists, present those made from the
    notebook, default parameters, code, package versions and data tables as they are now.

    Raises
    ------
    ChapterError
        Naming the first three things that are wrong.
    """
    from ikm_pmi.study import CHAPTERS

    entries, wrong = read(results_dir)["results"], []
    for name, model in CHAPTERS.items():
        entry = entries.get(name)
        if entry is None or not (results_dir / name / "result.json").is_file():
            wrong.append(f"{name}: no results")
            continue
        defaults = model.parse({}).model_dump(mode="json")
        if moved := outdated(root, name, defaults, entry["inputs"]):
            wrong.append(f"{name}: made from other {', '.join(moved)}")
        if edited := edited_files(entry, results_dir / name):
            wrong.append(f"{name}: {edited[0]} is not as the manifest lists it")
    if wrong:
        raise ChapterError(
            "the results are not those of the present data, code and chapters",
            expected="whole results of every chapter, as results/manifest.json lists them",
            found="; ".join(wrong[:3]) + (f"; {len(wrong) - 3} more" if len(wrong) > 3 else ""),
            where="results",
            todo="run: ikm-pmi reproduce",
        )


def edited_files(entry: Mapping[str, Any], folder: Path) -> list[str]:
    """Files of a results folder that are not as its entry lists them."""
    there, listed = file_hashes(folder), entry["files"]
    return sorted(file for file in there | listed if there.get(file) != listed.get(file))


def check(results_dir: Path, names: Iterable[str]) -> None:
    """Refuse results folders that are missing or whose files are not those of the manifest.

    Raises
    ------
    ChapterError
        Naming the first folder and file that differ.
    """
    known = read(results_dir)["results"]
    for name in names:
        found = "no entry for it"
        if name in known:
            edited = edited_files(known[name], results_dir / name)
            found = f"{edited[0]}: changed, added or missing" if edited else ""
        if found:
            raise ChapterError(
                f"the results of {name} are not those of the manifest",
                expected="files as results/manifest.json lists them",
                found=found,
                where=f"results/{name}",
                todo="run: ikm-pmi reproduce",
            )


def record(results_dir: Path, made: Mapping[str, Mapping[str, Any]]) -> Path:
    """Enter results folders into ``manifest.json`` and drop entries whose folder is gone.

    The file is left alone where it says so already.

    Parameters
    ----------
    results_dir : Path
        Folder that holds one folder a chapter.
    made : mapping of str to mapping
        Name of a results folder → its :func:`inputs`.
    """
    path = results_dir / "manifest.json"
    with brief_lock(results_dir):
        known = read(results_dir)["results"]
        for name, sources in made.items():
            result = json.loads((results_dir / name / "result.json").read_text(encoding="utf-8"))
            known[name] = {
                "inputs": {**sources, "data": result["data"]},
                "files": file_hashes(results_dir / name),
            }
        there = {name: entry for name, entry in known.items() if (results_dir / name).is_dir()}
        text = to_json({"schema": 1, "results": there}).encode()
        if not path.is_file() or path.read_bytes() != text:
            write_whole(path, text)
    return path


def forget(results_dir: Path, name: str) -> None:
    """Take the entry of a results folder out, whose files no run has written."""
    with brief_lock(results_dir):
        content = read(results_dir)
        if name in content["results"] and (results_dir / name).is_dir():
            del content["results"][name]
            write_whole(results_dir / "manifest.json", to_json(content))


def costs(results_dir: Path) -> dict[str, dict[str, Any]]:
    """What the last run of each results folder took: seconds, peak memory, processors, system."""
    return read_object(results_dir / "costs.json")


def record_costs(results_dir: Path, name: str, seconds: float, peak_memory_mb: int | None) -> None:
    """Enter what a run took into ``costs.json``.

    Parameters
    ----------
    results_dir : Path
        Folder that holds one folder a chapter.
    name : str
        The results folder the run filled.
    seconds : float
        From the start of the kernel to the results in place.
    peak_memory_mb : int or None
        Largest resident memory of the kernel; None where the system does not tell.
    """
    with brief_lock(results_dir):
        known = {
            one: entry for one, entry in costs(results_dir).items() if (results_dir / one).is_dir()
        }
        known[name] = {
            "seconds": round(seconds, 1),
            "peak_memory_mb": peak_memory_mb,
            "processors": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
        }
        write_whole(results_dir / "costs.json", to_json(known))
