"""The short answers, read from the chapters' results, and the documents that repeat them.

The README's answers come from ``reference/``; ``docs/parameters.md`` comes from the models. A test
compares them with what they are generated from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from ikm_pmi.engine.manifest import read_object, write_whole
from ikm_pmi.errors import ChapterError, named
from ikm_pmi.language import Language, say, tr, using
from ikm_pmi.parameters import allowed, is_assumed
from ikm_pmi.results import number, p_said, percent, probability, span
from ikm_pmi.study import CHAPTERS, HEADLINES, HYPOTHESES, LANDING, Headline, differing

_NUMBERS = ("value", "ci_low", "ci_high", "ci_level", "n")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as texts; ``value`` and ``sentence`` are empty where the chapter has no result."""

    question: str
    value: str
    interval: str
    n: str
    chapter: str
    name: str
    sentence: str


def headlines(
    folder: Path, place: str = "{chapter}/result.json", *, language: Language = "en"
) -> list[Answer]:
    """The answers in the order of the study; numbers of other parameters are no answers of it.

    Parameters
    ----------
    folder : Path
        ``results/``, or ``reference/`` with ``place="{chapter}.json"``.
    place : str
        Where in it a chapter's result is.
    language : {"en", "id"}
        Of the words and the numbers.
    """
    with using("en"):
        english = [
            _answer(answer, _estimate(folder / place.format(chapter=answer.chapter), answer))
            for answer in HEADLINES
        ]
    if language == "en":
        return english
    shown = ("question", "value", "interval", "n", "sentence")
    with using(language):
        return [replace(one, **{k: tr(getattr(one, k)) for k in shown}) for one in english]


def landing(folder: Path, place: str = "{chapter}/result.json") -> list[tuple[str, str, str]]:
    """Question, number and words of the first screen, in the reader's language.

    Parameters
    ----------
    folder : Path
        ``results/``, or ``reference/`` with ``place="{chapter}.json"``.
    place : str
        Where a chapter's numbers lie in it.

    Raises
    ------
    ChapterError
        When an estimate that a question asks for is missing.
    """
    found = []
    for one in LANDING:
        with using("en"):
            slots = [_slot(folder / place.format(chapter=c), *slot) for c, *slot in one.slots]
            first = one.number.count("{}")
            texts = one.question, say(one.number, *slots[:first]), say(one.words, *slots[first:])
        question, number_, words = map(tr, texts)
        found.append((question, number_, words))
    return found


def _slot(path: Path, pattern: str, field: str) -> str:
    """A field of the estimates, or the p of the test, that a pattern finds."""
    kind = "tests" if field == "p" else "estimates"
    entries = [e for e in read_object(path).get(kind, ()) if fnmatch(e["name"], pattern)]
    if not entries:
        raise ChapterError(
            f"the first page lacks {pattern}",
            expected=f"{kind} of that name in {path.parent.name}/{path.name}",
            found="none",
            todo="run: ikm-pmi reproduce",
        )
    first, values = entries[0], [e.get("value") for e in entries]
    if field == "p":
        return probability(first["p_value"])
    if field == "interval":
        return span(first["ci_low"], first["ci_high"], 1)
    chosen = {"least": min, "most": max}.get(field, lambda found: found[0])(values)
    return number(abs(chosen) if field == "size" else chosen, 1)


def _answer(answer: Headline, entry: dict[str, float | None] | None) -> Answer:
    question, chapter, name = answer.question, answer.chapter, answer.name
    if entry is None or entry["value"] is None:
        return Answer(question, "", "", "", chapter, name, "")
    value = number(entry["value"], answer.digits)
    interval, sentence = "", say(answer.words, value)
    if entry["ci_low"] is not None and entry["ci_high"] is not None:
        interval = span(entry["ci_low"], entry["ci_high"], answer.digits)
        if entry["ci_level"] is not None:
            level = percent(entry["ci_level"])
            sentence = say("{} ({} interval {})", sentence, level, interval)
            interval = say("{} ({})", interval, level)
    count = "" if entry["n"] is None else number(entry["n"], 0)
    return Answer(question, value, interval, count, chapter, name, say("{}.", sentence))


def _estimate(path: Path, answer: Headline) -> dict[str, float | None] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entry = next(one for one in content["estimates"] if one["name"] == answer.name)
        numbers = all(entry[key] is None or isinstance(entry[key], int | float) for key in _NUMBERS)
        if numbers and not differing(answer.chapter, content["parameters"]):
            return dict(entry)
    except (OSError, ValueError, TypeError, LookupError, StopIteration, RecursionError):
        pass  # no whole result, so no answer
    return None


BEGIN, END = "<!-- answers: generated by ikm-pmi refresh -->", "<!-- end of answers -->"


def answers(root: Path) -> str:
    """The README's answers, from ``reference/``: three questions, and the table of all.

    Raises
    ------
    ChapterError
        When a headline is not among the reference numbers.
    """
    lines = ["| answer | value | interval | n | from |", "|---|---|---|---|---|"]
    for one in headlines(root / "reference", "{chapter}.json"):
        if not one.value:
            raise ChapterError(
                f"the headline {one.name} is missing",
                expected=f"an estimate of that name in reference/{one.chapter}.json",
                found="none",
                todo="run: ikm-pmi refresh",
            )
        link = f"[{one.chapter[:2]}](notebooks/{one.chapter}.ipynb)"
        answer = f"{one.question} (`{one.name}`)"
        lines.append(f"| {answer} | **{one.value}** | {one.interval} | {one.n} | {link} |")
    first = [
        f"- **{question}** **{value}** {words}."
        for question, value, words in landing(root / "reference", "{chapter}.json")
    ]
    head = ["<details>", f"<summary>All {len(lines) - 2} answers, and two tests</summary>", ""]
    tests = [_verdict(root, *one) for one in HYPOTHESES]
    return "\n".join([*first, "", *head, *lines, "", *tests, "", "</details>"])


def _verdict(root: Path, chapter: str, name: str) -> str:
    """A hypothesis with its statistic, p and verdict at five percent, as an entry of a list."""
    content = read_object(root / "reference" / f"{chapter}.json")
    known = {entry["name"]: entry for entry in content.get("tests", ())}
    found = named(known, name, what="test", where=f"reference/{chapter}.json")
    verdict = "rejected" if found["p_value"] < 0.05 else "not rejected"
    null = found["null"].removesuffix(".")
    return (
        f"- H0 “{null}”: **{verdict}** at five percent (t = {number(found['statistic'], 1)}, "
        f"p {p_said(found['p_value'])}, {found['distribution']})"
    )


def parameters_page() -> str:
    """``docs/parameters.md``: every parameter of every chapter."""
    lines = [
        "# Parameters",
        "",
        "Generated from `src/ikm_pmi/parameters/`. *Assumed* marks a judgement call that no source",
        "settles. Set one with `ikm-pmi run 03 -p name=value`, or in the notebook's own cell.",
    ]
    for chapter, model in CHAPTERS.items():
        lines += ["", f"## {chapter}", "", "| name | default | meaning | allowed |"]
        lines.append("|---|---|---|---|")
        may_be = allowed(model)
        for name, info in model.model_fields.items():
            note = " *(assumed)*" if is_assumed(info) else ""
            lines.append(
                f"| `{name}` | `{info.default!r}` | {info.description}{note} | {may_be[name]} |"
            )
    return "\n".join(lines) + "\n"


def generated(root: Path) -> dict[Path, str]:
    """Each generated document and the text it must have."""
    readme = root / "README.md"
    head, rest = readme.read_text(encoding="utf-8").split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    return {
        readme: f"{head}{BEGIN}\n{answers(root)}\n{END}{tail}",
        root / "docs" / "parameters.md": parameters_page(),
    }


def write_documents(root: Path) -> None:
    """Write every generated document whose text changed."""
    for path, text in generated(root).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_whole(path, text)
