"""What a chapter calls in its last code cell: its results written, all of them or none."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikm_pmi.engine import manifest
from ikm_pmi.engine.changes import beside_defaults, changes_in_words
from ikm_pmi.engine.folders import staging, swap
from ikm_pmi.engine.manifest import digest, to_json, versions, write_whole
from ikm_pmi.errors import ChapterError, shown
from ikm_pmi.language import language, tr, using, wording
from ikm_pmi.results import ChapterResult, Estimate, TestResult, records_table
from ikm_pmi.study import PICTURES, differing

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.parameters import ChapterParameters

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_DPI = 150
_MEMORY = "peak_memory_mb.txt"


def publish(
    parameters: ChapterParameters,
    *,
    estimates: Sequence[Estimate],
    tests: Sequence[TestResult] = (),
    notes: Sequence[str] = (),
    tables: Mapping[str, pd.DataFrame] | None = None,
    figures: Mapping[str, Any] | None = None,
    data: Sequence[str] = (),
) -> str:
    """Write a chapter's ``result.json``, tables and figures, all of them or none.

    Inside a run they go to the run's own folder. By hand (JupyterLab, plain papermill, nbconvert)
    they go to ``results/<chapter>-<digest>/``, the folder of these parameters, and with the
    defaults nowhere: the study's own results are a run's to write. Either way what differs from the
    defaults is printed.

    Parameters
    ----------
    parameters : ChapterParameters
        The parameters the chapter was computed with.
    estimates, tests, notes : sequence
        What the chapter found; names are unique. Notes are written in the reader's language.
    tables : mapping of str to DataFrame
        Written to ``tables/<name>.csv`` with ten significant digits; a plain row count is not
        written.
    figures : mapping of str to matplotlib Figure
        Written to ``figures/<name>.png`` and ``.svg``; those that documents show also in
        Indonesian, to ``figures/id/``.
    data : sequence of str
        Names of the data tables read; their hashes go into ``result.json``.

    Returns
    -------
    str
        What was written, in a line that is the same on every machine.

    Raises
    ------
    ChapterError
        When the chapter has no estimates, or a table or figure has an unusable name.
    DataError
        When a name in ``data`` is no table of the data package.

    Examples
    --------
    >>> from ikm_pmi.study import parameters_for
    >>> one = Estimate(name="a", value=1.0, unit="points", method="mean")
    >>> publish(parameters_for("01").parse({"country": "MYS"}), estimates=[one])
    '01_data: 1 estimate, 0 tests, 0 tables, 0 figures'
    """
    from ikm_pmi.data.package import find_root, hashes
    from ikm_pmi.engine.own_file import notes as own_files

    tables, figures = dict(tables or {}), dict(figures or {})
    _check_published(parameters.chapter, estimates, [*tables, *figures])
    result = ChapterResult(
        chapter=parameters.chapter,
        parameters=parameters.model_dump(mode="json"),
        estimates=tuple(estimates),
        tests=tuple(tests),
        notes=tuple(map(tr, [*notes, *(own_files() if data else ())])),
        data=hashes(list(data)),
        versions=versions(),
        seed=parameters.seed,
    )
    content, given = result.to_dict(), os.environ.get("IKM_PMI_RESULTS")
    results_dir = Path(given) if given else find_root() / "results"
    name = parameters.chapter if given else results_name(parameters)
    said = "" if given else _by_hand(content, name)
    if given or name != parameters.chapter:
        with staging(results_dir, name) as work:
            folder = work / "whole"
            write_whole(folder / "result.json", to_json(content))
            write_whole(folder / "wording.json", to_json(wording(_texts(result, tables))))
            _write_tables(folder / "tables", tables)
            _write_figures(folder / "figures", parameters.chapter, figures)
            swap(folder, results_dir, name)
        if given:
            _tell_memory(results_dir)
        else:
            manifest.forget(results_dir, name)
    if said:
        print(said)
    counts = {"estimate": estimates, "test": tests, "table": tables, "figure": figures}
    listed = ", ".join(
        f"{len(many)} {word}{'' if len(many) == 1 else 's'}" for word, many in counts.items()
    )
    return f"{parameters.chapter}: {listed}"


def _texts(result: ChapterResult, tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """What a reader may want in another language later."""
    for frame in (result.table(), records_table(result.tests), *tables.values()):
        yield from map(str, frame.columns)
        for _, column in frame.reset_index().select_dtypes(exclude="number").items():
            yield from column.astype(str)
    yield from result.notes


def results_name(parameters: ChapterParameters) -> str:
    """Folder name: the chapter, with a short digest when a parameter differs from its default."""
    if parameters == type(parameters).parse({}):
        return parameters.chapter
    short = digest(parameters.model_dump(mode="json")).removeprefix("sha256:")[:8]
    return f"{parameters.chapter}-{short}"


def _by_hand(content: dict[str, Any], name: str) -> str:
    """Where the results of a chapter run by hand go, and what is not as with the defaults."""
    from ikm_pmi.data.package import find_root

    moved = changes_in_words(beside_defaults(find_root(), content))
    changed = differing(content["chapter"], content["parameters"])
    if not changed:
        return (
            "Run by hand with the default parameters: nothing is written; the study's own results, "
            f"results/{name}, are written by: ikm-pmi reproduce\n{moved}"
        )
    said = ", ".join(f"{key} = {shown(value)}" for key, value in changed.items())
    return f"Run by hand with {said}\nwritten to results/{name}; the study's own stay\n{moved}"


def _tell_memory(folder: Path) -> None:
    """Leave this kernel's peak memory to :func:`peak_memory`, where the system tells it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, on macOS bytes
    write_whole(folder / _MEMORY, f"{peak >> (20 if sys.platform == 'darwin' else 10)}\n")


def peak_memory(folder: Path) -> int | None:
    """Peak memory in MiB of the kernel that published into a folder, or None if it is not known."""
    try:
        return int((folder / _MEMORY).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _check_published(chapter: str, estimates: Sequence[Estimate], names: Sequence[str]) -> None:
    bad = [name for name in names if not _NAME.fullmatch(name)]
    if bad or not estimates:
        raise ChapterError(
            f"{chapter} cannot be published",
            expected="at least one estimate, and table and figure names of a-z, 0-9 and _",
            found=f"the name {bad[0]!r}" if bad else "no estimates",
            where="the call of publish",
            todo="correct the chapter's last code cell",
        )


def _write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    import pandas as pd

    for name, table in tables.items():
        counted = isinstance(table.index, pd.RangeIndex)
        text = table.to_csv(float_format="%.10g", index=not counted, lineterminator="\n")
        write_whole(folder / f"{name}.csv", text)


def _write_figures(folder: Path, chapter: str, figures: Mapping[str, Any]) -> None:
    if not figures:
        return
    from ikm_pmi.report.figures.canvas import figure_translated, theme

    with theme():
        for name, figure in figures.items():
            _write_figure(folder / name, figure)
            if language() == "en" and (chapter, name) in PICTURES:
                with using("id"), figure_translated(figure):
                    _write_figure(folder / "id" / name, figure)


def _write_figure(place: Path, figure: Any) -> None:
    """A picture as png and svg, with its title and description in both."""
    from ikm_pmi.report.figures.canvas import described

    place.parent.mkdir(parents=True, exist_ok=True)
    text = described(figure)
    figure.savefig(f"{place}.png", dpi=_DPI, metadata=text)
    figure.savefig(f"{place}.svg", metadata={**text, "Date": None})  # else the time of day
