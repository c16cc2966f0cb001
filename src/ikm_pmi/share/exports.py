"""``ikm-pmi export``: the tables of the study as csv, xlsx, dta, tex and docx, from its results."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ikm_pmi.data.atomic import write_files
from ikm_pmi.data.package import load, read_descriptor
from ikm_pmi.engine import manifest
from ikm_pmi.errors import ChapterError, IkmPmiError, ParameterError, named
from ikm_pmi.language import Language, learn, tr, using
from ikm_pmi.report.tables import Table, of_chapter
from ikm_pmi.results import ChapterResult
from ikm_pmi.share import formats
from ikm_pmi.study import CHAPTERS, WITHHELD, Withheld, parameters_for

#: A file a table; xlsx and docx hold several.
_ONE: Mapping[str, Callable[[Table], bytes]] = {
    "csv": formats.csv,
    "dta": formats.dta,
    "tex": formats.tex,
}
_MANY: Mapping[str, Callable[[Sequence[Table]], bytes]] = {
    "xlsx": formats.xlsx,
    "docx": formats.docx,
}
FORMATS = ("csv", "xlsx", "dta", "tex", "docx")
_PRINTED = ("tex", "docx")
_SHEET_ROWS = 20_000  # beyond, a workbook takes longer to write than all the rest


def chosen_formats(text: str) -> tuple[str, ...]:
    """The formats in a text such as ``csv,xlsx``.

    Raises
    ------
    ParameterError
        When one is not known, or none is given.
    """
    found = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    for name in found or ("",):
        known = dict.fromkeys(FORMATS)
        named(known, name, what="format", where="--format, with commas", error=ParameterError)
    return found


def write_table(table: Table, folder: Path, wanted: Iterable[str] = FORMATS) -> tuple[Path, ...]:
    """Write one table in these formats: ``<folder>/<name>.<format>``, all of them or none.

    tex and docx are left out where the table has too many rows or columns to print, xlsx where it
    has more than 20,000 rows.

    Returns
    -------
    tuple of Path
        What was written.
    """
    kinds = [kind for kind in wanted if _fits(table, kind)]
    return write_files({folder / f"{table.name}.{one}": _bytes(one, [table]) for one in kinds})


def _fits(table: Table, kind: str) -> bool:
    if kind == "xlsx":
        return len(table.data) <= _SHEET_ROWS
    return kind not in _PRINTED or table.printed is not None


def _bytes(kind: str, tables: Sequence[Table]) -> bytes:
    """One table, or several, as a file of this format."""
    try:
        return _MANY[kind](tables) if kind in _MANY else _ONE[kind](tables[0])
    except ValueError as error:
        raise IkmPmiError(
            f"{tables[0].name} cannot be written as {kind}",
            expected="finite numbers and texts",
            found=str(error),
            where=", ".join(table.name for table in tables),
            todo="choose other formats, such as --format csv",
        ) from error


def chapter_tables(
    folder: Path,
    *,
    question: str = "",
    language: Language = "en",
    stars: bool = False,
    without: Sequence[str] = (),
) -> list[Table]:
    """All tables of a chapter's results folder, in the reader's language.

    Raises
    ------
    ChapterError
        When there is no ``result.json`` to read.
    """
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChapterError(
            f"{folder.name} has no results to export",
            expected="result.json as a run writes it",
            found=f"{type(error).__name__}: {error}",
            where=str(folder),
            todo="run: ikm-pmi reproduce",
        ) from None
    frames = {path.stem: pd.read_csv(path) for path in sorted((folder / "tables").glob("*.csv"))}
    gone = [column for one in chosen(without) for column in one.columns]
    frames = {name: frame.drop(columns=gone, errors="ignore") for name, frame in frames.items()}
    if (known := folder / "wording.json").is_file():
        learn(json.loads(known.read_text(encoding="utf-8")))
    with using(language):
        return of_chapter(ChapterResult.from_dict(content), frames, question=question, stars=stars)


def data_tables(
    root: Path, *, language: Language = "en", without: Sequence[str] = ()
) -> list[Table]:
    """The processed tables with what each column is, checked against their hashes."""
    folder, found = root / "data" / "processed", []
    for entry in read_descriptor(folder)["resources"]:
        load(entry["name"], root)  # refuses a table that is not as sealed
        frame = pd.read_csv(folder / entry["path"])
        gone = [c for one in chosen(without) for c in one.columns if c in frame]
        frame = frame.drop(columns=gone)
        with using(language):
            labels = {
                item["name"]: tr(item["description"])
                + (f" ({tr(item['unit'])})" if item.get("unit") else "")
                for item in entry["schema"]["fields"]
                if item["name"] in frame
            }
            note = tr("Built from data/raw, where each row names its source.")
            notes = (tr(entry["description"]), note)
            title = tr(entry["title"])
        named = {"name": entry["name"], "title": title, "notes": notes, "labels": labels}
        found.append(Table(data=frame, printed=None, **named))
    return found


def export(
    root: Path,
    folder: Path,
    wanted: Sequence[str],
    *,
    results_dir: Path | None = None,
    chapters: Sequence[str] = (),
    language: Language = "en",
    stars: bool = False,
    data: bool = True,
    without: Sequence[str] = (),
    tell: Callable[[str, str], None] = lambda *_: None,
) -> tuple[Path, ...]:
    """Write the tables of chapters, and the analysis data, into a folder: all files or none.

    Parameters
    ----------
    root, folder : Path
        The project; where to write.
    wanted : sequence of str
        Of :data:`FORMATS`.
    results_dir : Path, optional
        ``results/`` of the project by default.
    chapters : sequence of str
        Names, or beginnings, of chapters or results folders; all chapters when empty.
    language : {"en", "id"}
        Of titles, notes, labels and printed tables; column names stay.
    stars : bool
        Mark p-values in the printed tables.
    data : bool
        The processed tables as well.
    without : sequence of str
        Values to leave out, of ``study.WITHHELD``: their columns, and tables that give them away.
    tell : callable
        Called with ``"start"`` or ``"success"`` and what is being written.

    Raises
    ------
    ChapterError
        When results are missing or are not those of the manifest.
    """
    results_dir = results_dir or root / "results"
    names = _results(results_dir, chapters)
    manifest.check(results_dir, names)
    files: dict[Path, bytes] = {}
    for name in names:
        tell("start", name)
        asked, own = question(root, name), results_dir / name
        tables = chapter_tables(
            own, question=asked, language=language, stars=stars, without=without
        )
        files |= _group(folder / name, name, tables, wanted, language)
        tell("success", name)
    if data:
        tell("start", "data")
        tables = data_tables(root, language=language, without=without)
        files |= _group(folder / "data", "data", tables, wanted, language)
        tell("success", "data")
    printed = [path.relative_to(folder).as_posix() for path in files if path.suffix == ".tex"]
    if printed:
        files[folder / "tables.tex"] = formats.tex_document(printed)
    return write_files(files)


def _results(results_dir: Path, chapters: Sequence[str]) -> list[str]:
    known = manifest.read(results_dir)["results"]
    if not chapters:
        return list(CHAPTERS)
    return [name if name in known else parameters_for(name).chapter for name in chapters]


def question(root: Path, name: str) -> str:
    """The heading of the chapter a results folder belongs to."""
    from ikm_pmi.engine.chapters import read_notebook

    chapter = next((one for one in CHAPTERS if name.startswith(one)), name)
    cells = read_notebook(root / "notebooks" / f"{chapter}.ipynb").cells
    return str(cells[0].source).splitlines()[0].removeprefix("# ")


def _group(
    folder: Path, name: str, tables: Sequence[Table], wanted: Sequence[str], language: Language
) -> dict[Path, bytes]:
    """The files of tables that belong together."""
    files: dict[Path, bytes] = {}
    with using(language):
        for kind in wanted:
            fit = [table for table in tables if _fits(table, kind)]
            own = {name: fit} if kind in _MANY else {table.name: [table] for table in fit}
            files |= {folder / f"{file}.{kind}": _bytes(kind, t) for file, t in own.items() if t}
        files[folder / "notes.txt"] = _notes(tables, wanted)
    return files


def _notes(tables: Sequence[Table], wanted: Sequence[str]) -> bytes:
    """What the tables are, for the formats that cannot say it themselves."""
    lines = []
    for table in tables:
        lines += [table.name, f"  {table.title}", *(f"  {note}" for note in table.notes)]
        lines += [f"  {column}: {label}" for column, label in table.labels.items()]
        left_out = [kind for kind in wanted if not _fits(table, kind)]
        if left_out:
            lines.append("  " + tr("Too large for") + f": {', '.join(left_out)}.")
        lines.append("")
    return "\n".join(lines).encode()


def chosen(names: Sequence[str]) -> tuple[Withheld, ...]:
    """What these names stand for.

    Raises
    ------
    ParameterError
        For a name that is none.
    """
    what, where = "value to leave out", "--without"
    return tuple(
        named(WITHHELD, name, what=what, where=where, error=ParameterError) for name in names
    )


def leave_out(found: Mapping[str, bytes], names: Sequence[str]) -> dict[str, bytes]:
    """Files of a project without the values: their cells are blank.

    Parameters
    ----------
    found : mapping of str to bytes
        Path below the project to content; tables are the csv files of ``data`` and ``results``.
    names : sequence of str
        As for :func:`chosen`.
    """
    columns = {column for one in chosen(names) for column in one.columns}
    table = re.compile(r"(data|results)/.+\.csv")
    return {
        name: _blank(content, columns) if columns and table.fullmatch(name) else content
        for name, content in found.items()
    }


def _blank(content: bytes, columns: set[str]) -> bytes:
    """The same table, these columns without a value; other tables byte for byte."""
    header, *rows = csv.reader(io.StringIO(content.decode()))
    places = [place for place, name in enumerate(header) if name in columns]
    if not places:
        return content
    text = io.StringIO()
    for row in rows:
        for place in places:
            row[place] = ""
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def statement(names: Sequence[str]) -> str:
    """What is left out, whose it is, and how a reader puts their own in its place."""
    parts = [
        f"The values of `{one.table}` belong to {one.owner} and are left out: its periods, sources "
        f"and the SHA-256 of the whole table (`data/raw/datapackage.json`) are here, columns "
        f"{', '.join(f'`{column}`' for column in one.columns)} are blank. Estimates, notebooks and "
        f"pictures are as they were computed with them. `ikm-pmi data use {name} FILE` takes "
        f"your own licensed file; then `make reproduce`."
        for name, one in zip(names, chosen(names), strict=True)
    ]
    return "\n\n".join(["## Left out", *parts]) + "\n" if parts else ""
