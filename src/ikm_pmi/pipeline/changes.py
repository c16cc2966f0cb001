"""What moved since the last run, or beside the defaults: old → new where printed digits differ.

``results/changes.json`` holds what moved and, for the next run, every estimate as it is now. Where
there are no earlier results, the committed numbers in ``reference/`` are the old ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ikm_pmi.parameters import CHAPTERS
from ikm_pmi.pipeline.headlines import HEADLINES
from ikm_pmi.pipeline.manifest import read_object, to_json, write_whole
from ikm_pmi.results import number

__all__ = ["FILE", "Change", "beside_defaults", "compare", "known", "record"]

FILE = "changes.json"
_DIGITS = {(answer.chapter, answer.name): answer.digits for answer in HEADLINES}
_QUESTIONS = {(answer.chapter, answer.name): answer.question for answer in HEADLINES}

State = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """One estimate that moved.

    Parameters
    ----------
    question : str
        What it answers, if it is one of the short answers; otherwise empty.
    old, new : float or None
        None where the estimate is not there.
    old_text, new_text : str
        As printed: the short answers with their digits, others with three significant ones.
    cause : str
        Parameters and tables that differ, or else what can have moved it.
    """

    chapter: str
    name: str
    question: str
    old: float | None
    new: float | None
    old_text: str
    new_text: str
    cause: str


def known(root: Path, results_dir: Path) -> State:
    """Estimates and hashes of tables of each chapter, before a run.

    A run that was killed leaves the comparison as it was: ``changes.json`` is written at the end.
    """
    kept = read_object(results_dir / FILE).get("chapters", {})
    found: State = {}
    for chapter in CHAPTERS:
        places = (results_dir / chapter / "result.json", root / "reference" / f"{chapter}.json")
        content = kept.get(chapter) or next(filter(None, map(_state, places)), None)
        if content:
            found[chapter] = content
    return found


def record(before: State, results_dir: Path, ran: Iterable[str]) -> tuple[Change, ...]:
    """Compare the results with what was known, and keep both for the next run.

    Parameters
    ----------
    before : dict
        As :func:`known` gave it before the run.
    results_dir : Path
        Folder of the results.
    ran : iterable of str
        Chapters that ran.
    """
    after = {**before, **{name: _state(results_dir / name / "result.json") or {} for name in ran}}
    moved = compare(before, after)
    content = {"schema": 1, "changed": [asdict(one) for one in moved], "chapters": after}
    write_whole(results_dir / FILE, to_json(content))
    return moved


def beside_defaults(root: Path, folder: Path, chapter: str) -> tuple[Change, ...]:
    """What other parameters move: a run's results beside those of the defaults.

    The defaults' are in ``results/``, or else the committed ones.
    """
    before = {chapter: _state(folder.parent / chapter / "result.json")}
    before[chapter] = before[chapter] or _state(root / "reference" / f"{chapter}.json")
    found = {name: state for name, state in before.items() if state}
    return compare(found, {chapter: _state(folder / "result.json") or {}})


def compare(before: State, after: State) -> tuple[Change, ...]:
    """The estimates that print differently; the short answers first."""
    moved = []
    for chapter in (name for name in after if name in before):
        old, new = before[chapter].get("estimates", {}), after[chapter].get("estimates", {})
        cause = _cause(before[chapter], after[chapter])
        for name in [*old, *(name for name in new if name not in old)]:
            key = (chapter, name)
            was, now = old.get(name), new.get(name)
            texts = (_printed(key, was), _printed(key, now))
            if texts[0] != texts[1]:
                question = _QUESTIONS.get(key, "")
                moved.append(Change(chapter, name, question, was, now, *texts, cause))
    order = list(_QUESTIONS)
    return tuple(
        sorted(moved, key=lambda one: (not one.question, one.question and order.index(_key(one))))
    )


def _key(one: Change) -> tuple[str, str]:
    return one.chapter, one.name


def _printed(key: tuple[str, str], value: float | None) -> str:
    if value is None:
        return "not there"
    digits = _DIGITS.get(key)
    if digits is None:  # three significant ones, and no fewer than the whole part has
        size = math.floor(math.log10(abs(value))) if value else 0
        digits = min(max(2 - size, 0), 8)
    return number(value, digits)


def _cause(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    differ = [
        name
        for kind in ("parameters", "data")
        for name, value in new.get(kind, {}).items()
        if old.get(kind, {}).get(name, None) != value
    ]
    return ", ".join(differ) or "code, notebook or versions"


def _state(path: Path) -> dict[str, Any] | None:
    content = read_object(path)
    if not isinstance(content.get("estimates"), list):
        return None
    values = {entry["name"]: entry["value"] for entry in content["estimates"]}
    return {"estimates": values} | {kind: content.get(kind, {}) for kind in ("parameters", "data")}
