"""The working paper, set by typst from the results: every number in it is read, none is typed.

The words are ``paper.typ``. It gets one folder a chapter, by its two digits, and the references.
"""

from __future__ import annotations

import pkgutil
import shutil
from collections.abc import Sequence
from pathlib import Path

from ikm_pmi.data.atomic import scratch
from ikm_pmi.engine import manifest
from ikm_pmi.errors import ChapterError, ParameterError, not_installed
from ikm_pmi.study import CHAPTERS, differing

NAME, TEMPLATE, REFERENCES = "paper.pdf", "paper.typ", "docs/site/references.bib"


def paper(root: Path, results_dir: Path, runs: Sequence[str] = ()) -> bytes:
    """The paper as PDF; the same results give the same bytes.

    Parameters
    ----------
    root : Path
        The project.
    results_dir : Path
        Results of the whole study.
    runs : sequence of str
        Results of other parameters, by name, in place of the defaults'.

    Raises
    ------
    ChapterError
        When results are missing, are not those of the manifest, or lack a number of the paper.
    ParameterError
        When a run is of no chapter.
    """
    try:
        import typst
    except ModuleNotFoundError as error:
        raise not_installed(error, "site", what="the paper") from None

    used = {name: name for name in CHAPTERS} | {_chapter(run): run for run in runs}
    manifest.check(results_dir, used.values())
    unused = shutil.ignore_patterns("tables", "*.ipynb", "*.png")
    with scratch() as folder:
        for chapter, name in used.items():
            shutil.copytree(results_dir / name, folder / chapter[:2], ignore=unused)
        shutil.copy(root / REFERENCES, folder)
        template = folder / TEMPLATE
        template.write_bytes(pkgutil.get_data("ikm_pmi.share", TEMPLATE) or b"")
        given = {"chapters": " ".join(chapter[:2] for chapter in used), "changed": _changed(folder)}
        try:
            made = typst.compile(
                str(template), root=str(folder), ignore_system_fonts=True, sys_inputs=given
            )
        except typst.TypstError as error:
            raise ChapterError(
                "the paper cannot be set from these results",
                expected="the numbers and figures that its words name",
                found=error.message,
                where=", ".join(runs) or str(results_dir),
                todo="leave out the run whose parameters took them away, or run ikm-pmi reproduce",
            ) from None
    return bytes(made)


def _chapter(run: str) -> str:
    chapter = next((name for name in CHAPTERS if run.startswith(name)), None)
    if chapter is None:
        raise ParameterError(
            f"{run!r} is no run of a chapter",
            expected="the name of a folder in results/ that begins with a chapter",
            found=run,
            where="--run",
            todo="take a name that ikm-pmi run printed",
        )
    return chapter


def _changed(folder: Path) -> str:
    """What other parameters the results were computed with, in words."""
    found = []
    for chapter in CHAPTERS:
        result = manifest.read_object(folder / chapter[:2] / "result.json")
        changed = differing(chapter, result["parameters"])
        found += [f"{chapter[:2]} {name} = {value}" for name, value in changed.items()]
    return "; ".join(found)
