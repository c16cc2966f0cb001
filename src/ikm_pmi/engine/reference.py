"""What is committed: everything held against it by ``verify``, or rewritten by ``refresh``.

Verified are the environment against ``requirements.lock``, the data against their hashes, results
against ``results/manifest.json``, the committed chapters executed again (nbval), and their fresh
numbers against ``reference/``. With nothing changed the diff of a refresh is empty.
"""

from __future__ import annotations

import importlib.util
import re
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from ikm_pmi.data.atomic import clear_leftovers
from ikm_pmi.engine import chapters as runs
from ikm_pmi.engine import child_process, headlines, manifest
from ikm_pmi.engine.build import Build, Tell, build
from ikm_pmi.engine.folders import lock_folder, staging
from ikm_pmi.engine.manifest import to_json, write_whole
from ikm_pmi.errors import Problem, shown
from ikm_pmi.parameters.base import RARELY
from ikm_pmi.study import CHAPTERS, HEADLINES, PICTURES, differing

_DIGITS = 10
TOLERANCE = 1e-6  # relative; another machine's linear algebra differs by far less
_LOCK, _MORE_LOCKS = "requirements.lock", "requirements-*.lock"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))?", re.MULTILINE)
_AGAIN = "ikm-pmi reproduce"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Outcome of :func:`verify`: how much was compared in each part, and what is not as known."""

    compared: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as known."""
        return not self.problems


def verify(
    root: Path,
    *,
    chapters: Iterable[str] = tuple(CHAPTERS),
    jobs: int = 2,
    execute: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Compare environment, data, results, chapters and numbers with what is committed.

    Parameters
    ----------
    root : Path
        The project's checkout.
    chapters : iterable of str
        Names of chapters to execute; all by default.
    jobs : int
        Processes; more than one where pytest-xdist is installed.
    execute : bool
        Whether the chapters are executed; otherwise the numbers compared are those of ``results/``.
    tell : callable, optional
        Called with each line of nbval's report as it comes.
    """
    from ikm_pmi.engine.processed import check

    data = check(root)
    compared = {"packages": len(_pins(root)), "tables": len(data.rows)}
    compared["results"] = len(manifest.read(root / "results")["results"])
    problems = [*environment(root), *(one for one in data.problems if one.severity == "error")]
    problems += (unlike := results(root))
    chapters = tuple(chapters)
    if execute:
        found = _executed(root, chapters, jobs, tell)
    else:
        # A folder that is not what its run wrote is told once, not number by number.
        told = {problem.file.split("/")[1] for problem in unlike}
        there = {path.parent.name for path in root.glob("results/*/result.json")}
        chapters = tuple(c for c in chapters if c in there - told)
        found = [one for chapter in chapters for one in _numbers(root, root / "results", chapter)]
    compared |= {"chapters": len(chapters) * execute, "chapters' numbers": len(chapters)}
    return Verification(compared=compared, problems=(*problems, *found))


def _pins(root: Path) -> dict[str, str]:
    """Version by package, of what the locks ask for on this machine; none without the first."""
    from packaging.markers import Marker

    try:
        lock = (root / _LOCK).read_text(encoding="utf-8")
        lock += "".join(path.read_text(encoding="utf-8") for path in root.glob(_MORE_LOCKS))
    except OSError:
        return {}
    return {
        name: pinned
        for name, pinned, marker in _PINNED.findall(lock)
        if not marker or Marker(marker.strip()).evaluate()
    }


def environment(root: Path) -> list[Problem]:
    """Installed packages that are not as locked; one that only tests or the site use may lack."""
    pins, needed = _pins(root), _needed()
    todo = "install what is locked: make setup (after removing .venv, if need be)"
    if not pins:
        return [Problem(_LOCK, "pinned packages", "none", _restored(_LOCK))]
    problems = []
    for name, pinned in pins.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed" if name in needed else pinned
        if found != pinned:
            problems.append(Problem(f"package {name}", pinned, found, todo))
    script = root / "tools" / "setup.py"  # which finds files that are not as installed
    damaged = runpy.run_path(str(script))["damaged"] if script.is_file() else lambda _: []
    for place in damaged(Path(sys.prefix)):
        name = f"package {place.name.removesuffix('.dist-info')}"
        problems.append(Problem(name, "all files, as installed", "a file is gone or cut", todo))
    return problems


def _needed() -> set[str]:
    """What the study asks for, directly or not, by normal names."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    todo, seen = [("ikm-pmi", ""), ("ikm-pmi", "study")], set[tuple[str, str]]()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            texts = requires(name) or []
        except PackageNotFoundError:
            continue
        for one in map(Requirement, texts):
            if not one.marker or one.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(one.name), each) for each in ("", *one.extras)]
    return {name for name, _ in seen}


def _restored(path: str) -> str:
    return f"git checkout -- {path}"


def results(root: Path) -> list[Problem]:
    """Results that are not what their run wrote, or were made from other inputs than today's."""
    folder, problems = root / "results", list[Problem]()
    entries = manifest.read(folder)["results"]
    # A folder of other parameters without an entry was written by hand: the reader's own.
    there = {path.parent.name for path in folder.glob("[0-9]*/result.json")} & set(CHAPTERS)
    for name in [*entries, *sorted(there - entries.keys())]:
        place, result = f"results/{name}", manifest.read_object(folder / name / "result.json")
        chapter: Any = result.get("chapter")
        values: Any = result.get("parameters")
        known = name in CHAPTERS and isinstance(values, dict)
        if changed := differing(name, values) if known else {}:
            found = ", ".join(f"{key} = {shown(one)}" for key, one in changed.items())
            expected = "the study's own numbers, of the default parameters"
            problems.append(Problem(place, expected, f"numbers of {found}", _AGAIN))
            continue
        if name not in entries:
            problems.append(Problem(place, "an entry in results/manifest.json", "none", _AGAIN))
            continue
        for file in manifest.edited_files(entries[name], folder / name):
            found = "edited since" if (folder / name / file).is_file() else "no such file"
            found = found if file in entries[name]["files"] else "a file that no run wrote"
            expected = "the file as its run wrote it"
            problems.append(Problem(f"{place}/{file}", expected, found, _AGAIN))
        # Of a missing or edited file it is told already.
        whole = isinstance(chapter, str) and isinstance(values, dict)
        if whole and (other := manifest.outdated(root, chapter, values, entries[name]["inputs"])):
            expected = "made from today's notebook, parameters, code, data and package versions"
            todo = _AGAIN if name == chapter else f"ikm-pmi run {chapter} again"
            problems.append(Problem(place, expected, f"made from other {', '.join(other)}", todo))
    return problems


def _executed(
    root: Path, chapters: tuple[str, ...], jobs: int, tell: Callable[[str], None]
) -> list[Problem]:
    """Outputs that nbval finds different, and fresh numbers that moved."""
    with staging(root / "results", "verify") as folder:
        command = child_process.command("pytest", "--nbval", "--nbval-current-env", "-q")
        command += ["-p", "no:cacheprovider"]
        if jobs > 1 and importlib.util.find_spec("xdist"):
            command += ["-n", str(jobs), "--dist", "loadscope"]
        command += [f"notebooks/{chapter}.ipynb" for chapter in chapters]
        # What nbval leaves when it is killed goes with the folder.
        settings = runs.kernel_settings(folder, root) | {"TMPDIR": str(folder)}
        report, status = child_process.run(command, settings, tell, root)
        found = "others, or an error; see nbval's report"
        todo = "if they are meant to differ: ikm-pmi refresh, and say why in CHANGELOG.md"
        problems = [
            Problem(place, "the outputs committed", found, todo)
            for place in re.findall(r"^(?:FAILED|ERROR) (notebooks/.+?)(?: - .*)?$", report, re.M)
        ]
        if status and not problems:
            last = report.strip().rpartition("\n")[2]
            todo = "see nbval's report; install what is locked: make setup"
            problems.append(Problem("notebooks", "a run of nbval", last, todo))
        return problems + [one for each in chapters for one in _numbers(root, folder, each)]


def _numbers(root: Path, results_dir: Path, chapter: str) -> list[Problem]:
    """Numbers of a chapter that are not those of ``reference/``, the headlines first."""
    known, new = root / "reference" / f"{chapter}.json", results_dir / chapter / "result.json"
    reference, fresh = manifest.read_object(known), rounded(manifest.read_object(new))
    if not reference:
        place = f"reference/{known.name}"
        return [Problem(place, "a result", "none to be read", _restored(place))]
    if not fresh:
        whose = f"a fresh result of {chapter}"
        return [Problem(whose, "a result", "none to be read", "see nbval's report")]
    fresh.pop("versions", None)
    lead = {f"estimates[{one.name}]" for one in HEADLINES if one.chapter == chapter}
    todo = "find what moved it; if it is meant: ikm-pmi refresh, and CHANGELOG.md old → new"
    problems = []
    for path, old, new in moved(reference, fresh, TOLERANCE):
        place = f"{chapter}, {'headline ' if path.rpartition('.')[0] in lead else ''}{path}"
        close = f" within {TOLERANCE:g} of itself" if isinstance(old, float) else ""
        problems.append(Problem(place, f"{old}{close}", str(new), todo))
    return sorted(problems, key=lambda problem: ", headline " not in problem.file)


def rounded(value: Any) -> Any:
    """Plain values with every float at ten significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list) else value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value of a result with its path; named entries of a list go by their name."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from leaves(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            name = entry.get("name", place) if isinstance(entry, dict) else place
            yield from leaves(entry, f"{path}[{name}]")
    else:
        yield path, value


def moved(reference: Any, fresh: Any, relative: float) -> list[tuple[str, Any, Any]]:
    """What differs between two results: path, old, new; close floats agree."""
    before, after = dict(leaves(reference)), dict(leaves(fresh))
    found = []
    for path in [*before, *(path for path in after if path not in before)]:
        old, new = before.get(path, "absent"), after.get(path, "absent")
        if isinstance(old, float) and isinstance(new, int | float):
            same = abs(new - old) <= relative * max(abs(old), abs(new))
        else:
            same = old == new
        if not same:
            found.append((path, old, new))
    return found


def refresh(
    root: Path,
    *,
    chapters: Iterable[str] = tuple(CHAPTERS),
    jobs: int = 2,
    tell: Tell | None = None,
) -> Build:
    """Execute the chapters with their defaults and rewrite notebooks and reference numbers.

    The parameters cells are made again from the models first. A chapter that fails keeps its
    committed outputs.

    Parameters
    ----------
    root : Path
        The project's checkout.
    chapters, jobs, tell
        As in :func:`ikm_pmi.engine.build.build`.

    Raises
    ------
    ChapterError
        When a notebook is missing or has no clear parameters cell, or another process is at work
        on the project's results.
    """
    chapters = tuple(chapters)
    written = [root / name for name in ("notebooks", "reference", "docs", ".")]
    results = root / "results"
    with lock_folder(results, "refresh"), staging(results, "refresh") as results_dir:
        clear_leftovers(*written)
        for chapter in chapters:
            _renew_parameters(root / "notebooks" / f"{chapter}.ipynb", chapter)
        done = build(root, results_dir=results_dir, chapters=chapters, jobs=jobs, tell=tell)
        for chapter in (name for name in done.ran if name in chapters):
            executed = runs.read_notebook(results_dir / chapter / "notebook.ipynb")
            runs.write_notebook(executed, root / "notebooks" / f"{chapter}.ipynb")
            result = manifest.read_object(results_dir / chapter / "result.json")
            del result["versions"]  # another machine's versions are not another result
            write_whole(root / "reference" / f"{chapter}.json", to_json(rounded(result)))
        for chapter, figure in PICTURES:
            if chapter in done.ran:
                drawn = results_dir / chapter / "figures" / f"{figure}.png"
                write_whole(root / "docs" / drawn.name, drawn.read_bytes())
        if set(chapters) == set(CHAPTERS) and not done.failed:
            headlines.write_documents(root)
    return done


def _renew_parameters(path: Path, chapter: str) -> None:
    notebook = runs.read_notebook(path)
    model, cell = CHAPTERS[chapter], runs.parameters_cell(notebook, path.name)
    new = [(cell, model.cell())]
    new += [
        (one, model.cell(rarely=True)) for one in notebook.cells if one.source.startswith(RARELY)
    ]
    if any(one.source != source for one, source in new):
        for one, source in new:
            one.source = source
        runs.write_notebook(notebook, path)
