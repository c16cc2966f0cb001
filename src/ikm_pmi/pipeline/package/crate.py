"""RO-Crate metadata of the replication package: what each file is, and what made the results."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ikm_pmi.pipeline.package.readme import README
from ikm_pmi.pipeline.package.study import Study

__all__ = ["CRATE", "crate"]

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


def crate(study: Study, found: Mapping[str, bytes]) -> dict[str, Any]:
    """The metadata as JSON-LD (RO-Crate 1.3).

    Parameters
    ----------
    study : Study
    found : mapping of str to bytes
        The files of the package, by their paths.
    """
    from rocrate.model import ContextEntity
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
        "license": whole.add(ContextEntity(whole, licence, properties=mit)),
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


def _organisation(whole: Any, name: str) -> Any:
    from rocrate.model import ContextEntity

    about = {"@type": "Organization", "name": name, "url": f"#{name.replace(' ', '-')}"}
    return whole.add(ContextEntity(whole, f"#{name.replace(' ', '-')}", properties=about))


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


def _describe(whole: Any, study: Study, files: Mapping[str, Any]) -> None:
    """What the data tables, the chapters, their results and the README are."""
    from rocrate.model import ContextEntity

    about = {"@type": "ComputerLanguage", "name": "Python", "url": "https://www.python.org/"}
    about["version"] = next(iter(study.results.values()))["versions"]["python"]
    python = whole.add(ContextEntity(whole, "https://www.python.org/", properties=about))
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


def _runs(whole: Any, study: Study, files: Mapping[str, Any]) -> None:
    """One action a chapter: which notebook made which results from which tables."""
    from rocrate.model import ContextEntity

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
        plain = {key: value for key, value in about.items() if key in {"@type", "name"}}
        action = whole.add(ContextEntity(whole, f"#run-{chapter}", properties=plain))
        for key in ("instrument", "object", "result"):
            some = about[key]
            if some:
                action[key] = some[0] if isinstance(some, list) and len(some) == 1 else some
        actions.append(action)
    whole.root_dataset["mentions"] = actions
