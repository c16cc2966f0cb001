"""What the replication package says of itself: its README and its RO-Crate metadata.

The README is the Social Science Data Editors' template, filled: sections and words are in
``package_readme.md`` beside this module.
"""

from __future__ import annotations

import hashlib
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ikm_pmi.share.package import PackageFacts


README = "README_REPLICATION.md"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = ([re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in row] for row in rows)
    lines = ["| " + " | ".join(row) + " |\n" for row in cells]
    return "".join(["| " + " | ".join(heads) + " |\n", "|" + "---|" * len(heads) + "\n", *lines])


def _rights(entry: dict[str, Any]) -> str:
    return "; ".join(
        str(one["title"]) + (f" ({one['path']})" if one.get("path") else "")
        for one in entry.get("licenses", ())
    )


def _bytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _spent(study: PackageFacts) -> tuple[str, str]:
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


def readme(study: PackageFacts) -> str:
    """The text, in the sections and the order of the template."""
    words = (pkgutil.get_data(__package__, "package_readme.md") or b"").decode()
    time, memory = _spent(study)
    return Template(words).substitute(
        _tables(study),
        title=study.cite["title"],
        description=study.description,
        chapters=len(study.questions),
        time=time,
        memory=memory,
        version=study.version,
        released=study.cite["date-released"],
        data=study.raw["description"],
        python=study.python.removeprefix(">="),
        used=next(iter(study.results.values()))["versions"]["python"],
        locked=len(study.locked),
        seeds=", ".join(map(str, sorted({result["seed"] for result in study.results.values()}))),
        size=_bytes(sum(study.sizes.values())),
        licence=study.cite["license"],
        sources="\n".join(
            f"- {one['citation']}. {one['url']} ({one['version']}; accessed {one['accessed']})."
            for one in study.sources
        ),
    )


def _tables(study: PackageFacts) -> dict[str, str]:
    """The tables of the text by their place in it."""
    raw = [(f"data/raw/{one['path']}", one) for one in study.raw["resources"]]
    built = [(f"data/processed/{one['path']}", one) for one in study.processed["resources"]]
    how = dict.fromkeys((path for path, _ in raw), "as collected")
    packages = [re.split(r"[<>=\[;~! ]", text)[0] for text in study.dependencies]
    costs = {name: study.costs[name] for name in study.questions if name in study.costs}
    return {
        "rights": _table(("table", "rights"), ((f"`{path}`", _rights(one)) for path, one in raw)),
        "origins": _table(
            ("table", "what", "origin", "accessed"),
            ((f"`{one['path']}`", one["title"], one["origin"], one["accessed"]) for _, one in raw),
        ),
        "datasets": _table(
            ("file", "content", "size", "made", "provided"),
            (
                (f"`{path}`", one["title"], _bytes(study.sizes[path]),
                 how.get(path, "built by `ikm-pmi data build`"), "yes")
                for path, one in [*raw, *built]
            ),
        ),
        "packages": _table(
            ("package", "version"), ((name, study.locked.get(name, "")) for name in packages)
        ),
        "costs": _table(
            ("chapter", "seconds", "peak memory, MB"),
            (
                (name, f"{one['seconds']:.0f}", f"{one['peak_memory_mb'] or 'n/a'}")
                for name, one in costs.items()
            ),
        ),
        "questions": _table(
            ("chapter", "question"),
            ((f"`notebooks/{name}.ipynb`", text) for name, text in study.questions.items()),
        ),
        "exhibits": _table(
            ("exhibit", "program", "cell", "files"),
            (
                (f"{one.kind}: {one.title}", f"`notebooks/{one.chapter}.ipynb`", str(one.cell),
                 ", ".join(f"`{path}`" for path in one.files))
                for one in study.exhibits
            ),
        ),
    }  # fmt: skip


CRATE = "ro-crate-metadata.json"
_MEDIA = {
    **{"csv": "text/csv", "json": "application/json", "png": "image/png", "svg": "image/svg+xml"},
    **{"ipynb": "application/x-ipynb+json", "md": "text/markdown"},
    **{"yaml": "application/yaml", "yml": "application/yaml", "toml": "application/toml"},
}
#: Described as a whole; each file of the other folders is described by itself.
_FOLDERS = {
    "src/": "the library that the chapters call, and the commands",
    "tests/": "tests of the library, of the chapters and of the documentation",
    "docs/": "documentation and the sources of the site",
    "benchmarks/": "timings against other packages",
    "tools/": "scripts that set up the environment and generate the lock",
    ".github/": "continuous integration",
}
_LICENCE = {"MIT": "https://spdx.org/licenses/MIT"}


def crate(study: PackageFacts, found: Mapping[str, bytes]) -> dict[str, Any]:
    """The metadata as JSON-LD (RO-Crate 1.3).

    Parameters
    ----------
    study : PackageFacts
    found : mapping of str to bytes
        The files of the package, by their paths.
    """
    from rocrate.rocrate import ROCrate

    whole = ROCrate(version="1.3")
    licence = _LICENCE[study.cite["license"]]
    authors = [_organisation(whole, one["name"]) for one in study.cite["authors"]]
    mit = {"@type": "CreativeWork", "name": study.cite["license"], "description": "of the code"}
    whole.root_dataset.append_to("author", authors)
    properties = {
        "name": study.cite["title"],
        "description": study.description,
        "datePublished": str(study.cite["date-released"]),
        "version": study.version,
        "keywords": ", ".join(study.cite["keywords"]),
        "license": _entity(whole, licence, mit),
        "publisher": authors[0],
    }
    for key, value in properties.items():
        whole.root_dataset[key] = value
    files = {}
    for name, content in sorted(found.items()):
        folder = next((one for one in _FOLDERS if name.startswith(one)), None)
        if folder is None:
            files[name] = _file(whole, name, content)
        elif folder not in files:
            about = {"name": folder.rstrip("/"), "description": _FOLDERS[folder]}
            files[folder] = whole.add_directory(dest_path=folder, properties=about)
    _describe(whole, study, files)
    _runs(whole, study, files)
    return dict(whole.metadata.generate())


def _entity(whole: Any, identifier: str, about: dict[str, Any]) -> Any:
    from rocrate.model import ContextEntity

    return whole.add(ContextEntity(whole, identifier, properties=about))


def _organisation(whole: Any, name: str) -> Any:
    place = f"#{name.replace(' ', '-')}"
    return _entity(whole, place, {"@type": "Organization", "name": name, "url": place})


def _file(whole: Any, name: str, content: bytes) -> Any:
    end = name.rsplit(".", 1)[-1]
    kind = ["File", "SoftwareSourceCode"] if end in {"py", "ipynb"} else "File"
    about = {
        "@type": kind,
        "name": name.rsplit("/", 1)[-1],
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
        "encodingFormat": _MEDIA.get(end, "text/plain"),
    }
    return whole.add_file(dest_path=name, properties=about)


def _describe(whole: Any, study: PackageFacts, files: Mapping[str, Any]) -> None:
    """What the data tables, the chapters, their results and the README are."""
    about = {"@type": "ComputerLanguage", "name": "Python", "url": "https://www.python.org/"}
    about["version"] = next(iter(study.results.values()))["versions"]["python"]
    python = _entity(whole, about["url"], about)
    for folder, described in (("raw", study.raw), ("processed", study.processed)):
        for one in described["resources"]:
            entity = files[f"data/{folder}/{one['path']}"]
            entity["name"], entity["description"] = one["title"], one["description"]
            titles = [licence["title"] for licence in one.get("licenses", ())]
            if titles:
                entity["usageInfo"] = "; ".join(titles)
    for chapter, question in study.questions.items():
        entity = files[f"notebooks/{chapter}.ipynb"]
        entity["name"], entity["programmingLanguage"] = question, python
        entity["description"] = f"Chapter {chapter}, executed with its default parameters"
        files[f"reference/{chapter}.json"]["description"] = f"Numbers {chapter} is compared with"
        for name in study.entries[chapter]["files"]:
            files[f"results/{chapter}/{name}"]["description"] = f"Result of chapter {chapter}"
    for one in study.exhibits:
        for name in one.files:
            files[f"results/{name}"]["description"] = f"{one.kind} of {one.chapter}: {one.title}"
    files[README]["description"] = "README in the template of the Social Science Data Editors"


def _runs(whole: Any, study: PackageFacts, files: Mapping[str, Any]) -> None:
    """One action a chapter: which notebook made which results from which tables."""
    actions = []
    for chapter, entry in study.entries.items():
        if chapter not in study.questions:
            continue
        read = entry["inputs"]["data"]
        places = [f"data/{part}/{name}" for name in read for part in ("processed", "raw")]
        about = {
            "@type": "CreateAction",
            "name": f"Run of {chapter}",
            "instrument": files[f"notebooks/{chapter}.ipynb"],
            "object": [files[place] for place in places if place in files],
            "result": [files[f"results/{chapter}/{name}"] for name in entry["files"]],
        }
        kept = {key: value for key, value in about.items() if value}
        actions.append(_entity(whole, f"#run-{chapter}", kept))
    whole.root_dataset["mentions"] = actions
