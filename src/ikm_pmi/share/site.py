"""Build the site from existing results, beside its place, and put it there when it is whole."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ikm_pmi.data.atomic import write_files
from ikm_pmi.engine import child_process, headlines, manifest
from ikm_pmi.engine.folders import check_replaceable, staging, swap
from ikm_pmi.errors import IkmPmiError, not_installed
from ikm_pmi.language import LANGUAGES, Language, using
from ikm_pmi.share import in_r
from ikm_pmi.share import site_pages as pages
from ikm_pmi.share.exhibits import Exhibit, exhibits, figure, in_indonesian, stage
from ikm_pmi.share.exports import chapter_tables, write_table
from ikm_pmi.share.paper import NAME as PAPER
from ikm_pmi.share.paper import paper
from ikm_pmi.study import CHAPTERS, PICTURES

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.jobs.chain import Links

SOURCES = Path("docs", "site")
_PROJECT_PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
_SPHINX = ("sphinx", "myst-nb", "sphinx-book-theme", "sphinx-design", "sphinxcontrib-bibtex")
#: What shows that a folder is a site of ours.
_MARKS = ("exhibits.json",)
#: Made of each table that fits, beside its csv.
_FORMATS = ("xlsx", "tex", "docx")


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A built site; ``warnings`` is what Sphinx had to say."""

    folder: Path
    pages: int
    warnings: tuple[str, ...]


def build(
    root: Path,
    out: Path,
    *,
    results_dir: Path | None = None,
    with_r: bool = False,
    without: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Site:
    """Build the site; the previous one stays until the new one is whole.

    Parameters
    ----------
    root : Path
        The project's checkout.
    out : Path
        Folder of the site.
    results_dir : Path, optional
        Results of the whole study; ``results/`` of the project by default.
    with_r : bool
        Also the page on which a reader computes the headline numbers again, with R itself.
    without : sequence of str
        Values to leave out of that page's tables, of ``study.WITHHELD``.
    tell : callable, optional
        Called with a line of progress.

    Raises
    ------
    ChapterError
        When results are missing, or are not those of the present data, code and chapters, or the
        place of the site holds something else.
    IkmPmiError
        When Sphinx is not installed or cannot build the pages.
    """
    _check_sphinx()
    results_dir = (results_dir or root / "results").resolve()
    manifest.check_current(root, results_dir)
    out = out.resolve()
    check_replaceable(out, _MARKS)
    out.parent.mkdir(parents=True, exist_ok=True)
    with staging(out.parent, out.name) as work:
        for chapter in CHAPTERS:
            for name in manifest.file_hashes(results_dir / chapter):
                place = work / "files" / chapter / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(results_dir / chapter / name, place)
        found = [*_converted(work / "files", exhibits(results_dir), tell)]
        _write_sources(root, results_dir, work / "source", found)
        html, check = work / "html", work / "check"
        size = in_r.place_page(root, results_dir, check, without) if with_r else None
        _write_check(work / "source", size)
        warnings = _sphinx(work, tell)
        if with_r:
            check.rename(html / "check")
        (work / "files").rename(html / "files")
        listed = [one.to_dict() for one in found]
        manifest.write_whole(html / "exhibits.json", manifest.to_json(listed))
        manifest.write_whole(html / PAPER, paper(root, results_dir))
        swap(html, out.parent, out.name, marks=_MARKS)
    pages_made = [path for path in out.rglob("*.html") if "_static" not in path.parts]
    return Site(folder=out, pages=len(pages_made), warnings=warnings)


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder for this machine alone; port 0 takes a free one."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    return ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=folder))


def _check_sphinx() -> None:
    try:
        list(map(version, _SPHINX))
    except PackageNotFoundError as error:
        raise not_installed(error, "site", what="the site") from None


def _converted(files: Path, found: list[Exhibit], tell: Callable[[str], None]) -> Iterator[Exhibit]:
    """The exhibits, each table also for a spreadsheet, a paper and a word processor."""
    for chapter in CHAPTERS:
        tell(f"{chapter}: tables as {', '.join(_FORMATS)}")
        for table in chapter_tables(files / chapter):
            write_table(table, files / chapter / "tables", _FORMATS)
    for one in found:
        kinds = _FORMATS if one.kind == "table" else ()
        made = [f"{one.chapter}/tables/{one.name}.{kind}" for kind in kinds]
        yield replace(one, converted=manifest.file_hashes(files, made))


def _write_sources(root: Path, results_dir: Path, source: Path, found: list[Exhibit]) -> None:
    """The written pages, and beside them those made from results, data and code."""
    shutil.copytree(root / SOURCES, source)
    order = "\n".join(f"chapters/{name}" for name in CHAPTERS)
    _replace(source / "index.md", "chapters/*", order)  # by the register, not by name
    for chapter in CHAPTERS:
        own = [one for one in found if one.chapter == chapter]
        place = source / "chapters" / f"{chapter}.ipynb"
        stage(results_dir / chapter / "notebook.ipynb", place, own)
    picture = next(one for one in found if (one.chapter, one.name) == PICTURES[0])
    with using("id"):
        other = figure(in_indonesian(picture, results_dir), "../")
    made = {
        "made/cite.md": pages.citation(root),
        "made/picture.md": figure(picture, ""),
        "made/picture-id.md": other,
        "data.md": pages.dictionary(root),
        "parameters.md": headlines.parameters_page(),
        "exhibits.md": pages.gallery(found),
    }
    for language, section in explorer(root).items():
        up = "" if language == "en" else "../"
        made[f"made/answers-{language}.md"] = pages.answers(results_dir, language, up)
        made[f"made/short-{language}.md"] = pages.short(results_dir, language)
        made[f"made/three-{language}.md"] = pages.first_screen(results_dir, language)
        made[f"made/explorer-{language}.html"] = section
    made |= {f"api/{name}": page for name, page in pages.api(Path(__file__).parents[1]).items()}
    made |= _guide(root, source)
    write_files({source / name: page.encode() for name, page in made.items()})


def _write_check(source: Path, megabytes: float | None) -> None:
    """The page that runs R with its size, or no such page."""
    if megabytes is None:
        (source / "check.md").unlink()
        _replace(source / "index.md", "\ncheck\n", "\n")
    else:
        _replace(source / "check.md", "$megabytes", f"{megabytes:.0f}")


def _replace(page: Path, old: str, new: str) -> None:
    page.write_text(page.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def _guide(root: Path, source: Path) -> dict[str, str]:
    """The documents of ``docs/`` and of the project itself, with links between pages."""
    own = [
        path
        for path in sorted((root / "docs").rglob("*"))
        if path.is_file() and not path.is_relative_to(root / SOURCES)
    ]
    written = {
        path: "guide/" + path.relative_to(root / "docs").as_posix()
        for path in own
        if path.suffix == ".md" and path.name != "parameters.md"
    }
    written |= {root / name: f"guide/{name.lower()}" for name in _PROJECT_PAGES}
    targets = written | {root / "docs" / "parameters.md": "parameters.md"}
    targets |= {root / f"notebooks/{name}.ipynb": f"chapters/{name}.ipynb" for name in CHAPTERS}
    for path in own:
        if path.suffix in {".png", ".svg"}:
            place = source / "guide" / path.relative_to(root / "docs")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    return {
        name: pages.relinked(path.read_text(encoding="utf-8"), path, targets, Path(name).parent)
        for path, name in written.items()
    }


def _sphinx(work: Path, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Run Sphinx in a process of its own: it keeps state that a second build would meet."""
    noted = work / "warnings.txt"
    command = child_process.command("sphinx", "-b", "html", "-j", "auto", "-w", str(noted))
    command += ["-d", str(work / "doctrees"), "--no-color"]
    library = str(Path(__file__).parents[2])
    paths = [library, *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1", "TMPDIR": str(work)}
    command += [str(work / "source"), str(work / "html")]
    printed, status = child_process.run(command, settings, tell)
    if status:
        raise IkmPmiError(
            "Sphinx could not build the pages",
            expected="exit status 0",
            found="\n  ".join([f"exit status {status}", *printed.splitlines()[-5:]]),
            where=SOURCES.as_posix(),
            todo="correct the page that is named",
        )
    text = noted.read_text(encoding="utf-8") if noted.is_file() else ""
    return tuple(line.replace(str(work), "") for line in text.splitlines() if line)


def explorer(root: Path) -> dict[Language, str]:
    """The explorer by language, as sections to be put into a page, some 20 kB each.

    Computed from the data with the chapters' default parameters, not from ``results/``: no chapter
    needs to have run.

    Parameters
    ----------
    root : Path
        The project.

    Raises
    ------
    DataError, EstimationError
        Where the chapter itself could not be computed.
    """
    from ikm_pmi.jobs.explorer import explorer_inputs
    from ikm_pmi.report.explorer import fragment

    values = explorer_inputs(*explorer_tables(root))
    return {language: fragment(values, language) for language in LANGUAGES}


def explorer_tables(root: Path) -> tuple[dict[str, pd.DataFrame], Links]:
    """The tables and the links that the explorer is made from."""
    from ikm_pmi.data import package
    from ikm_pmi.jobs.explorer import TABLES, default_links

    raw = package.load_many(TABLES, root)
    return raw, default_links(raw)
