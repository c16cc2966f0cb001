"""Pages made from what the project knows: answers, data dictionary, exhibits, parameters, API."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ikm_pmi
from ikm_pmi.data.package import PROCESSED, RAW, read_descriptor
from ikm_pmi.engine.headlines import headlines, landing
from ikm_pmi.language import Language, using
from ikm_pmi.report.words import worded
from ikm_pmi.share import package
from ikm_pmi.share.exhibits import Exhibit
from ikm_pmi.study import CHAPTERS, SHORT

# Import order of the library, which is the order a reader meets its parts in.
#: Rooms with a reference page. What runs and hands on the study is for its developers, in the code.
_LAYERS = (
    *("errors", "parameters", "results", "data", "restrictions", "inference"),
    *("pmi", "jobs", "trust", "report"),
)


def text(value: Any) -> str:
    """Words from data as Markdown that shows them as they are: no markup, no HTML, one line."""
    words = " ".join(str(value).split())
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", words)


def _code(value: Any) -> str:
    return f"<code>{html.escape(' '.join(str(value).split()))}</code>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def answers(results_dir: Path, language: Language, up: str) -> str:
    """The headline answers with their intervals, each linked to its chapter.

    Parameters
    ----------
    results_dir : Path
        Whole results.
    language : str
        ``"en"`` or ``"id"``.
    up : str
        Relative path from the page to the site's first page.
    """
    heads = {
        "en": ("what", "value and interval", "n", "chapter"),
        "id": ("apa", "nilai dan selang", "n", "bab"),
    }
    rows = []
    for one in headlines(results_dir, language=language):
        link = f'<a href="{up}chapters/{one.chapter}.html">{one.chapter[:2]}</a>'
        value = f'**{text(one.value)}** <span class="interval">{text(one.interval)}</span>'
        rows.append((text(one.question), value, one.n, link))
    return "\n".join(['<div class="answers">', "", *_table(heads[language], rows), "</div>"])


def first_screen(results_dir: Path, language: Language) -> str:
    """Three questions with their numbers, intervals and words."""
    with using(language):
        rows = landing(results_dir)
    boxes = (
        f'<div><span class="question">{question}</span><strong>{value}</strong>'
        f'<span class="words">{words}.</span></div>'
        for question, value, words in (map(html.escape, row) for row in rows)
    )
    return f'<div class="three">{"".join(boxes)}</div>\n'


def short(results_dir: Path, language: Language) -> str:
    """The questions on workers and orders answered, each by the sentences of its estimates."""
    sentences = {one.name: one.sentence for one in headlines(results_dir, language=language)}
    return "\n".join("- " + " ".join(text(sentences[name]) for name in names) for names in SHORT)


def citation(root: Path) -> str:
    """How to cite the package, from ``CITATION.cff``."""
    cited = package.citation(root)
    authors = ", ".join(str(one.get("name", "")) for one in cited["authors"])
    year = str(cited["date-released"])[:4]
    return text(f"{authors} ({year}). {cited['title']}. Version {cited['version']}.")


def dictionary(root: Path) -> str:
    """The data dictionary: every table of both data packages, its terms, hash and columns."""
    lines = [
        "# Data dictionary",
        "",
        "Generated from `data/raw/datapackage.json` and `data/processed/datapackage.json`. A table",
        "whose bytes do not have the SHA-256 named here is not read.",
        "",
    ]
    heads = {RAW: "Figures with their sources", PROCESSED: "Tables built from them"}
    for part, head in heads.items():
        lines += [f"## {head}", ""]
        for entry in read_descriptor(root / part)["resources"]:
            lines += [f"({_anchor(entry['name'])})=", f"### {text(entry['name'])}", ""]
            lines += [f"**{text(entry['title'])}.** {text(entry.get('description', ''))}", ""]
            lines += _terms(entry, part)
            head_row = ("column", "type", "unit", "meaning")
            lines += _table(head_row, map(_column, entry["schema"]["fields"]))
    return "\n".join(lines)


def _anchor(name: str) -> str:
    return "table-" + name.replace("_", "-")


def _terms(entry: Mapping[str, Any], part: Path) -> list[str]:
    facts = {"origin": text(entry.get("origin", "")), "accessed": text(entry.get("accessed", ""))}
    terms = []
    for licence in entry.get("licenses", ()):
        path = str(licence.get("path", ""))
        title = text(licence.get("title") or licence.get("name"))
        safe = path.startswith(("https://", "http://"))
        terms.append(f'<a href="{html.escape(path)}">{title}</a>' if safe else title)
    facts["terms"] = "; ".join(terms)
    facts["key"] = text(", ".join(entry["schema"].get("primaryKey", ())))
    facts["file"] = (
        _code(f"{part.as_posix()}/{entry['path']}") + f", {entry.get('bytes', 0):,} bytes"
    )
    facts["SHA-256"] = _code(str(entry.get("hash", "")).removeprefix("sha256:"))
    return [*(f"- {name}: {fact}" for name, fact in facts.items() if fact), ""]


def _column(field: Mapping[str, Any]) -> tuple[str, str, str, str]:
    rules = field.get("constraints", {})
    kind = text(field["type"]) + ("" if rules.get("required") else ", may be empty")
    notes = [text(field.get("description", ""))]
    if "enum" in rules:
        notes.append("one of " + ", ".join(_code(one) for one in rules["enum"]))
    if "minimum" in rules or "maximum" in rules:
        notes.append(f"from {rules.get('minimum', '−∞')} to {rules.get('maximum', '∞')}")
    return _code(field["name"]), kind, text(field.get("unit", "")), "; ".join(notes)


def gallery(found: Sequence[Exhibit]) -> str:
    """Every figure as a thumbnail and every table by its columns, hashes folded under each."""
    lines = [
        "# Figures and tables",
        "",
        "Each exhibit with what it says, the cell that makes it and its downloads. The same list",
        'for machines: <a href="exhibits.json">exhibits.json</a>.',
        "",
    ]
    for chapter in dict.fromkeys(one.chapter for one in found):
        own = [one for one in found if one.chapter == chapter]
        about = (CHAPTERS[chapter].__doc__ or "").splitlines()[0].partition(": ")[2].rstrip(".")
        lines += [
            f"(exhibits-{chapter[:2]})=",
            f"## {text(chapter[:2])} · {text(about[:1].upper() + about[1:])}",
            "",
        ]
        lines += [f'<div class="gallery">{"".join(map(_card, own))}</div>', ""]
        inputs = (
            f'<a href="data.html#{_anchor(name.removesuffix(".csv"))}">{text(name)}</a>'
            for name in own[0].inputs
        )
        lines += [
            f"Read from: {', '.join(inputs)}. "
            f'<a href="files/{chapter}/notebook.ipynb" download>Executed notebook</a>, '
            f'<a href="files/{chapter}/result.json" download>numbers</a>.',
            "",
        ]
    return "\n".join(lines)


def _card(one: Exhibit) -> str:
    """One exhibit: a thumbnail or the columns, a line of words, downloads, hashes folded."""
    every = {**one.files, **one.converted}
    kinds = {path: path.rsplit(".", 1)[-1] for path in every}
    cell = f"chapters/{one.chapter}.html#{one.cell}"
    name = html.escape(one.name.replace("_", " "))
    if one.kind == "figure":
        svg = next(path for path in one.files if path.endswith(".svg"))
        alt = html.escape(f"{one.title}. {one.text}.")
        shown = f'<a href="{cell}"><img src="files/{svg}" alt="{alt}" loading="lazy"></a>'
        words = html.escape(one.title)
    else:
        shown, words = "", html.escape(", ".join(map(worded, one.text.split(", "))))
    links = " · ".join(
        f'<a href="files/{path}" aria-label="{one.name} as {kind}" download>{kind}</a>'
        for path, kind in kinds.items()
    )
    hashes = "".join(
        f'<code class="sha">{kinds[path]} {sha.removeprefix("sha256:")}</code>'
        for path, sha in every.items()
    )
    return (
        f'<div>{shown}<strong><a href="{cell}">{name}</a></strong><br>{words}<br>{links}'
        f"<details><summary>SHA-256</summary>{hashes}</details></div>"
    )


def api(source: Path) -> dict[str, str]:
    """Reference pages by file name: the front door, and one a part with its modules in turn.

    Parameters
    ----------
    source : Path
        Folder of the package.
    """
    made = {"door.md": _door()}
    for layer in _LAYERS:
        files = [source / f"{layer}.py", *sorted((source / layer).rglob("*.py"))]
        names = [
            ".".join(("ikm_pmi", *file.relative_to(source).with_suffix("").parts))
            for file in files
            if file.is_file()
        ]
        lines = [f"# ikm\\_pmi.{layer}", ""]
        for name in (one.removesuffix(".__init__") for one in names):
            if name != f"ikm_pmi.{layer}" or len(names) == 1:
                short = name.removeprefix(f"ikm_pmi.{layer}.")
                lines += [f"## {text(short)}", ""]
            # What a package only hands on from its modules is not its own.
            own = "   :members:\n   :ignore-module-all:"
            lines += ["```{eval-rst}", f".. automodule:: {name}", own, "```", ""]
        made[f"{layer}.md"] = "\n".join(lines)
    return made


def _door() -> str:
    """The names of ``import ikm_pmi as ikm``, each with its arguments and an example."""
    lines = ["# The front door", ""]
    lines += ["What `import ikm_pmi as ikm` offers, for the chapters and for data of your own.", ""]
    for name in ikm_pmi.__all__:
        kind = "class" if isinstance(getattr(ikm_pmi, name), type) else "function"
        # Its room's page is where a reference to it leads.
        shown = [f".. auto{kind}:: ikm_pmi.{name}", "   :no-index:"]
        lines += [f"## {text(name)}", "", "```{eval-rst}", *shown, "```", ""]
    return "\n".join(lines)


def relinked(words: str, page: Path, pages: Mapping[Path, str], home: Path) -> str:
    """A document of the project with its links leading to pages of the site.

    A link to a file that is no page of the site becomes its words alone.

    Parameters
    ----------
    words : str
        Markdown.
    page : Path
        The file it comes from.
    pages : mapping of Path to str
        Files that have a page → its path below the site's sources.
    home : Path
        Folder of this page below the site's sources.
    """

    def lead(match: re.Match[str]) -> str:
        mark, shown, target, rest = match.groups()
        if mark or "://" in target or target.startswith("mailto:"):
            return match.group()  # pictures are copied beside the page
        there = (page.parent / target).resolve()
        if there in pages:
            return f"[{shown}]({Path(os.path.relpath(pages[there], home)).as_posix()}{rest or ''})"
        return shown

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)", lead, words)
