"""The README of the replication package: the Social Science Data Editors' template, filled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ikm_pmi.pipeline.package.study import Study

__all__ = ["README", "readme"]

README = "README_REPLICATION.md"
_PROGRAMS = (
    ("notebooks/", "the chapters; each writes the tables and figures listed below"),
    ("src/ikm_pmi/", "the library they call: data, restrictions, inference, models, report"),
    ("src/ikm_pmi/pipeline/", "runs the chapters in order, skips what is unchanged, keeps hashes"),
    ("tools/", "sets up the environment, generates the lock"),
    ("params/", "parameter files: the declared specifications of chapter 08"),
    ("tests/", "published numbers, second implementations, known truth, properties"),
    ("benchmarks/", "timings against other packages; not needed for any result"),
    ("reference/", "the numbers that a run is compared with"),
)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield (
            "| " + " | ".join(re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in row) + " |"
        )
    yield ""


def _rights(entry: dict[str, Any]) -> str:
    return "; ".join(
        str(one["title"]) + (f" ({one['path']})" if one.get("path") else "")
        for one in entry.get("licenses", ())
    )


def _bytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def readme(study: Study) -> str:
    """The text, in the sections and the order of the template."""
    lines: list[str] = [f"# Replication package: {study.cite['title']}", ""]
    sections = (_overview, _availability, _datasets, _computing, _programs, _instructions)
    for section in (*sections, _exhibits, _references):
        lines += section(study)
    return "\n".join(lines).rstrip() + "\n"


def _overview(study: Study) -> Iterator[str]:
    yield from ("## Overview", "")
    yield from (study.description, "")
    seconds, _ = _spent(study)
    chapters = len(study.questions)
    yield (
        f"The {chapters} chapters in `notebooks/` compute every table and figure from the files in "
        "`data/`; one command, `make reproduce`, sets up the environment and runs them all. "
        f"{seconds}"
    )
    yield from ("", f"Version {study.version}, {study.cite['date-released']}.", "")


def _availability(study: Study) -> Iterator[str]:
    entries = study.raw["resources"]
    yield from (
        "## Data availability and provenance statements",
        "",
        str(study.raw["description"]),
        "",
    )
    yield from ("### Statement about rights", "")
    yield (
        "The figures are facts from public sources, with the source on every row. The terms of "
        "each source are given below as far as they were read; where it says that a licence was "
        "not seen or terms were not re-read, whoever redistributes the table should look first."
    )
    yield ""
    yield from _table(
        ("table", "rights"), ((f"`data/raw/{one['path']}`", _rights(one)) for one in entries)
    )
    yield from ("### Summary of availability", "")
    yield "- All data **are** publicly available, and all of them are in this package."
    yield "- No data are confidential, restricted or bought; no application or key is needed."
    yield from ("", "### Details on each data source", "")
    rows = ((f"`{one['path']}`", one["title"], one["origin"], one["accessed"]) for one in entries)
    yield from _table(("table", "what", "origin", "accessed"), rows)
    yield (
        "Columns, units, allowed values and keys of every table: `data/raw/datapackage.json` and "
        "`data/processed/datapackage.json`. The sources that rows name by a key are in "
        "`data/raw/sources.csv` and among the references at the end."
    )
    yield ""


def _datasets(study: Study) -> Iterator[str]:
    yield from ("## Dataset list", "")
    rows = []
    for folder, described in (("raw", study.raw), ("processed", study.processed)):
        for one in described["resources"]:
            path = f"data/{folder}/{one['path']}"
            made = "as collected" if folder == "raw" else "built by `ikm-pmi data build`"
            rows.append((f"`{path}`", one["title"], _bytes(study.sizes[path]), made, "yes"))
    yield from _table(("file", "content", "size", "made", "provided"), rows)


def _spent(study: Study) -> tuple[str, str]:
    """Run time and memory of the last run, each in a sentence."""
    known = [study.costs[name] for name in study.questions if name in study.costs]
    if len(known) < len(study.questions):
        return ("The run time was not recorded.", "The memory was not recorded.")
    minutes = sum(one["seconds"] for one in known) / 60
    on = f"{known[0]['system']} with {known[0]['processors']} processors"
    time = f"The chapters' run times add up to {minutes:.1f} minutes on {on}; several run at once."
    peaks = [one["peak_memory_mb"] for one in known if one["peak_memory_mb"]]
    memory = f"The largest chapter took {max(peaks):,} MB." if peaks else "Memory is not known."
    return time, memory


def _computing(study: Study) -> Iterator[str]:
    used = next(iter(study.results.values()))["versions"]
    yield from ("## Computational requirements", "", "### Software requirements", "")
    least = study.python.removeprefix(">=")
    yield f"- Python {least} or newer (the results here: {used['python']})"
    yield "- `make`; nothing else is installed by hand, and no licence is needed"
    yield (
        f"- {len(study.locked)} packages, each with version and SHA-256 in `requirements.lock`, "
        "installed into `.venv` by the first command (needs the internet once). Directly used:"
    )
    yield ""
    names = [re.split(r"[<>=\[;~! ]", text)[0] for text in study.dependencies]
    yield from _table(
        ("package", "version"), ((name, study.locked.get(name, "")) for name in names)
    )
    yield from ("### Controlled randomness", "")
    seeds = sorted({result["seed"] for result in study.results.values()})
    said = ", ".join(map(str, seeds))
    yield (
        f"Each chapter has one parameter `seed` (here {said}), handed down to "
        "every draw. The numbers do not depend on the number of processors or threads."
    )
    yield from ("", "### Memory, run time and storage requirements", "")
    yield from (*_spent(study), "")
    rows = [
        (name, f"{one['seconds']:.0f}", f"{one['peak_memory_mb'] or 'n/a'}")
        for name in study.questions
        if (one := study.costs.get(name))
    ]
    yield from _table(("chapter", "seconds", "peak memory, MB"), rows)
    total = sum(study.sizes.values())
    yield (
        f"This package is {_bytes(total)} unpacked; the environment in `.venv` comes on top. An "
        "ordinary laptop will do."
    )
    yield ""


def _programs(study: Study) -> Iterator[str]:
    yield from ("## Description of programs", "")
    yield from _table(("folder", "what"), ((f"`{path}`", what) for path, what in _PROGRAMS))
    rows = ((f"`notebooks/{name}.ipynb`", text) for name, text in study.questions.items())
    yield from _table(("chapter", "question"), rows)
    yield f"Licence of the code: {study.cite['license']}, see `LICENSE`."
    yield ""


def _instructions(study: Study) -> Iterator[str]:
    del study
    yield from ("## Instructions to replicators", "")
    yield from ("    make reproduce", "    make test", "")
    yield (
        "The first command sets up the environment and computes everything in `results/` anew; the "
        "second runs the tests, which execute the chapters once more and compare them with the "
        "committed outputs. Further, in this folder:"
    )
    yield ""
    yield "- `sha256sum --check SHA256SUMS`, before the first run: is the package whole?"
    yield "- `.venv/bin/ikm-pmi verify`: the chapters once more, and every number that moved."
    yield "- `.venv/bin/ikm-pmi run 03 -p exposure=calendar`: a chapter with another parameter."
    yield ""


def _exhibits(study: Study) -> Iterator[str]:
    yield from ("## List of tables and figures", "")
    yield "Paths are below `results/`; cells by their ids in the notebook's file."
    yield ""
    rows = (
        (
            f"{one.kind}: {one.title}",
            f"`notebooks/{one.chapter}.ipynb`",
            str(one.cell),
            ", ".join(f"`{path}`" for path in one.files),
        )
        for one in study.exhibits
    )
    yield from _table(("exhibit", "program", "cell", "files"), rows)
    yield "The numbers quoted in texts are in `results/<chapter>/result.json`, each with its name."
    yield ""


def _references(study: Study) -> Iterator[str]:
    yield from ("## References", "", "Data:", "")
    for one in study.sources:
        yield f"- {one['citation']}. {one['url']} ({one['version']}; accessed {one['accessed']})."
    yield from (
        "",
        "Methods: `docs/site/references.bib`. How to cite this package: `CITATION.cff`.",
    )
