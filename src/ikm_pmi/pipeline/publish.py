"""What a chapter calls in its last code cell: its results written, all of them or none."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikm_pmi.errors import ChapterError
from ikm_pmi.language import language, tr, using
from ikm_pmi.pipeline.docs import PICTURES
from ikm_pmi.pipeline.folders import staging, swap
from ikm_pmi.pipeline.manifest import to_json, versions, write_whole
from ikm_pmi.results import ChapterResult, Estimate, TestResult

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.parameters import ChapterParameters

__all__ = ["peak_memory", "publish"]

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

    Inside a run they go to the run's own folder; in a notebook opened by hand they replace
    ``results/<chapter>/`` of the project.

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
    """
    from ikm_pmi.data.package import find_root, hashes

    tables, figures = dict(tables or {}), dict(figures or {})
    _check_published(parameters.chapter, estimates, [*tables, *figures])
    result = ChapterResult(
        chapter=parameters.chapter,
        parameters=parameters.model_dump(mode="json"),
        estimates=tuple(estimates),
        tests=tuple(tests),
        notes=tuple(map(tr, notes)),
        data=hashes(list(data)),
        versions=versions(),
        seed=parameters.seed,
    )
    given = os.environ.get("IKM_PMI_RESULTS")
    results_dir = Path(given) if given else find_root() / "results"
    with staging(results_dir, parameters.chapter) as work:
        folder = work / "whole"
        write_whole(folder / "result.json", to_json(result.to_dict()))
        _write_tables(folder / "tables", tables)
        _write_figures(folder / "figures", parameters.chapter, figures)
        swap(folder, results_dir, parameters.chapter)
    if given:
        _tell_memory(results_dir)
    counts = {"estimate": estimates, "test": tests, "table": tables, "figure": figures}
    listed = ", ".join(
        f"{len(many)} {word}{'' if len(many) == 1 else 's'}" for word, many in counts.items()
    )
    return f"{parameters.chapter}: {listed}"


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
    import matplotlib as mpl

    from ikm_pmi.report.figures.words import translated

    # Without this setting and the date below an svg carries random ids and the time of day.
    with mpl.rc_context({"svg.hashsalt": "ikm_pmi"}):
        for name, figure in figures.items():
            _write_figure(folder / name, figure)
            if language() == "en" and (chapter, name) in PICTURES:
                with using("id"), translated(figure):
                    _write_figure(folder / "id" / name, figure)


def _write_figure(place: Path, figure: Any) -> None:
    """A picture as png and svg, with its title and description in both."""
    from ikm_pmi.report.figures.canvas import described

    place.parent.mkdir(parents=True, exist_ok=True)
    text = described(figure)
    figure.savefig(f"{place}.png", dpi=_DPI, metadata=text)
    figure.savefig(f"{place}.svg", metadata={**text, "Date": None})
