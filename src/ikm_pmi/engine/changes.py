"""What moved since the last run, or beside the defaults: old → new where printed digits differ.

``results/changes.json`` holds what moved and, for the next run, every estimate as it is now. Where
there are no earlier results, the committed numbers in ``reference/`` are the old ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ikm_pmi.engine import manifest
from ikm_pmi.results import in_words, number, probability, span
from ikm_pmi.study import CHAPTERS, HEADLINES, differing

FILE = "changes.json"
_SCHEMA = 2
_ANSWERS = {(answer.chapter, answer.name): answer for answer in HEADLINES}
_PARTS = ("value", "ci_low", "ci_high", "p_value", "unit")

State = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """One estimate that moved.

    Parameters
    ----------
    question : str
        What it answers, if it is one of the short answers; otherwise empty.
    words : str
        The estimate in words, with its unit.
    moved : tuple of str
        Which of ``value``, ``interval`` and ``p`` print differently.
    old, new : float or None
        None where the estimate is not there.
    old_text, new_text : str
        Value, interval and p as printed: the short answers with their digits, others with three
        significant ones.
    cause : str
        Parameters and tables that differ, or else what can have moved it.
    """

    chapter: str
    name: str
    question: str
    words: str
    moved: tuple[str, ...]
    old: float | None
    new: float | None
    old_text: str
    new_text: str
    cause: str


def known(root: Path, results_dir: Path) -> State:
    """Estimates and hashes of tables of each chapter, before a run.

    A run that was killed leaves the comparison as it was: ``changes.json`` is written at the end.
    """
    last = manifest.read_object(results_dir / FILE)
    kept = last.get("chapters", {}) if last.get("schema") == _SCHEMA else {}
    found: State = {}
    for chapter in CHAPTERS:
        places = (results_dir / chapter / "result.json", root / "reference" / f"{chapter}.json")
        content = kept.get(chapter) or next(filter(None, map(_read, places)), None)
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
    after = {**before, **{name: _read(results_dir / name / "result.json") or {} for name in ran}}
    moved = compare(before, after)
    content = {"schema": _SCHEMA, "changed": [asdict(one) for one in moved], "chapters": after}
    manifest.write_whole(results_dir / FILE, manifest.to_json(content))
    return moved


def beside_defaults(root: Path, result: Mapping[str, Any]) -> tuple[Change, ...] | None:
    """What other parameters move: a chapter's result beside that of the defaults.

    The defaults' are in ``results/``, or else the committed ones; None where there are none.
    """
    chapter = str(result.get("chapter"))
    places = (root / "results" / chapter / "result.json", root / "reference" / f"{chapter}.json")
    states = (state for state in map(_read, places) if state)
    before = next((one for one in states if not differing(chapter, one["parameters"])), None)
    return compare({chapter: before}, {chapter: _state(result) or {}}) if before else None


def changes_in_words(moved: Sequence[Change] | None) -> str:
    """What moved in lines for a reader: value, interval and p, old → new, a row an estimate."""
    if moved is None:
        return "There are no results of the default parameters to compare with."
    if not moved:
        return "No value moved, and no interval or p, to the digits printed."
    rows = [f"  {one.words}: {one.old_text} → {one.new_text}" for one in moved]
    values = any("value" in one.moved for one in moved)
    head = "These moved, defaults → now" if values else "No value moved; these intervals and p did"
    return "\n".join([f"{head}:", *rows])


def compare(before: State, after: State) -> tuple[Change, ...]:
    """The estimates that print differently; the short answers first."""
    moved = []
    for chapter in (name for name in after if name in before):
        old, new = before[chapter].get("estimates", {}), after[chapter].get("estimates", {})
        cause = _cause(before[chapter], after[chapter])
        for name in [*old, *(name for name in new if name not in old)]:
            key = (chapter, name)
            was, now = old.get(name, {}), new.get(name, {})
            texts = (_printed(key, was), _printed(key, now))
            kinds = tuple(kind for kind in texts[0] if texts[0][kind] != texts[1][kind])
            if kinds:
                question = _ANSWERS[key].question if key in _ANSWERS else ""
                words = question or in_words(name, now.get("unit") or was.get("unit"))
                old_text, new_text = ("".join(text.values()) for text in texts)
                values = (was.get("value"), now.get("value"), old_text, new_text)
                moved.append(Change(chapter, name, question, words, kinds, *values, cause))
    order = {key: place for place, key in enumerate(_ANSWERS)}
    moved.sort(key=lambda one: order.get((one.chapter, one.name), len(order)))
    return tuple(moved)


def _printed(key: tuple[str, str], entry: Mapping[str, Any]) -> dict[str, str]:
    """Value, interval and p as texts, to be read one after the other."""
    value, low, high, p = (entry.get(name) for name in _PARTS[:4])
    if value is None:
        return {"value": "not there", "interval": "", "p": ""}
    # Of others three significant ones, and no fewer than the whole part has.
    size = math.floor(math.log10(abs(value))) if value else 0
    digits = _ANSWERS[key].digits if key in _ANSWERS else min(max(2 - size, 0), 8)
    return {
        "value": number(value, digits),
        "interval": "" if low is None and high is None else f" ({span(low, high, digits)})",
        "p": "" if p is None else f", p {probability(p)}",
    }


def _cause(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    differ = [
        name
        for kind in ("parameters", "data")
        for name, value in new.get(kind, {}).items()
        if old.get(kind, {}).get(name, None) != value
    ]
    return ", ".join(differ) or "code, notebook or versions"


def _read(path: Path) -> dict[str, Any] | None:
    return _state(manifest.read_object(path))


def _state(content: Mapping[str, Any]) -> dict[str, Any] | None:
    if not isinstance(content.get("estimates"), list):
        return None
    found = {
        entry["name"]: {part: entry.get(part) for part in _PARTS} for entry in content["estimates"]
    }
    return {"estimates": found} | {kind: content.get(kind, {}) for kind in ("parameters", "data")}
