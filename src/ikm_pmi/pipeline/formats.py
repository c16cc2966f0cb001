"""One table, or several, as the bytes of a csv, xlsx, dta, tex or docx file.

The same tables give the same bytes on every machine. A text that a spreadsheet would run as a
formula is written with an apostrophe before it, in csv and xlsx; numbers stay numbers.
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ikm_pmi.data.whole import scratch
from ikm_pmi.language import tr
from ikm_pmi.pipeline.archive import same_bytes

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from ikm_pmi.report.exports import Table

__all__ = ["csv", "dta", "stata_frame", "stata_names", "unique", "xlsx"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no XML file can hold these
_STAMP = datetime.datetime(1980, 1, 1)
_TIMES = ((r"\d{4}-\d{2}", "M", "tm"), (r"\d{4}Q[1-4]", "Q", "tq"), (r"\d{4}-\d\d-\d\d", "D", "td"))
_LABELS = 1000  # categories Stata users can look through; beyond, texts stay texts


def _harmless(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; anything else as it is."""
    if not isinstance(value, str):
        return value
    return "'" + value if value.startswith(_FORMULA) else value


def unique(names: Iterable[str], longest: int) -> list[str]:
    """Names cut to a length, numbered at the end where two would be the same (case aside)."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        short, count = name[:longest], 1
        while short.lower() in taken:
            count += 1
            end = f"_{count}"
            short = name[: longest - len(end)] + end
        taken.add(short.lower())
        found.append(short)
    return found


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its texts, and its column names, harmless in a spreadsheet."""
    import pandas as pd

    out = frame.copy(deep=False)
    for name, column in frame.items():
        if not pd.api.types.is_numeric_dtype(column):
            out[name] = column.map(_harmless)
    return out.set_axis([_harmless(str(name)) for name in frame.columns], axis="columns")


def csv(table: Table) -> bytes:
    """Comma-separated, UTF-8, a full stop in numbers, ten significant digits, empty = missing."""
    text: str = _texts(table.data).to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return text.encode()


def xlsx(tables: Sequence[Table]) -> bytes:
    """A workbook: a sheet of notes, then a sheet for each table."""
    with scratch(default=True):  # openpyxl leaves a file a sheet behind when it is killed
        return _workbook(tables)


def _workbook(tables: Sequence[Table]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    book.properties.creator = "ikm_pmi"
    notes = book.create_sheet(tr("notes"))
    notes.column_dimensions["A"].width = 28
    notes.column_dimensions["B"].width = 120
    sheets = unique([re.sub(r"[\[\]:*?/\\]", "_", table.name) for table in tables], 31)
    for sheet, table in zip(sheets, tables, strict=True):
        lines = [(sheet, table.title), *(("", note) for note in table.notes), *table.labels.items()]
        for head, text in [*lines, ("", "")]:
            notes.append([_cell(head), _cell(text)])
        _write_sheet(book.create_sheet(sheet), table.data)
    whole = io.BytesIO()
    book.save(whole)
    return same_bytes(whole.getvalue())


def _cell(value: Any) -> Any:
    return _harmless(_CONTROL.sub("", value)) if isinstance(value, str) else value


def _write_sheet(sheet: WriteOnlyWorksheet, frame: pd.DataFrame) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.freeze_panes = "A2"
    plain = frame.astype(object).where(frame.notna(), None)
    heads = []
    for place, name in enumerate(map(str, frame.columns), start=1):
        longest = plain.iloc[:50, place - 1].map(lambda value: len(str(value))).max()
        width = max(len(name), 0 if longest != longest else int(longest))
        sheet.column_dimensions[get_column_letter(place)].width = min(width, 60) + 2
        head = WriteOnlyCell(sheet, _cell(name))
        head.font = Font(bold=True)
        heads.append(head)
    sheet.append(heads)
    for row in plain.itertuples(index=False, name=None):
        sheet.append([_cell(value if _known(value) else str(value)) for value in row])


def _known(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def stata_names(names: Iterable[str]) -> list[str]:
    """Names Stata takes: letters, digits, ``_``, at most 32, no word of its own, all different."""
    from pandas.io.stata import StataParser

    taken: set[str] = getattr(StataParser(), "RESERVED_WORDS")  # noqa: B009 (not in its stubs)
    clean = [re.sub(r"\W", "_", str(name), flags=re.ASCII) or "_" for name in names]
    own = [f"_{name}" if name[0].isdigit() or name in taken else name for name in clean]
    return unique(own, 32)


def stata_frame(
    frame: pd.DataFrame,
) -> tuple[pd.DataFrame, dict[str, str], dict[str, dict[int, str]]]:
    """A frame as Stata holds it, its date formats, and the value labels of its numbers.

    Months, quarters and days become dates; texts that repeat become numbers with value labels, so
    that a panel can be declared; true and false become 1 and 0, labelled yes and no.

    Returns
    -------
    frame, dates, labels
        ``dates`` maps a column to ``tm``, ``tq`` or ``td``.
    """
    import pandas as pd

    out, dates = {}, {}
    labels: dict[str, dict[int, str]] = {}
    for name, column in frame.set_axis(stata_names(frame.columns), axis="columns").items():
        known = column.dropna()
        numeric = pd.api.types.is_numeric_dtype(column)
        if len(known) and known.map(lambda value: isinstance(value, bool)).all():
            out[name] = column.map({True: 1.0, False: 0.0}).astype("float64")
            labels[str(name)] = {0: tr("no"), 1: tr("yes")}
        elif numeric:
            out[name] = column.astype("float64") if column.isna().any() else column
        else:
            out[name], kind = _stata_text(column.astype("string"))
            if kind:
                dates[str(name)] = kind
    return pd.DataFrame(out), dates, labels


def _stata_text(column: pd.Series[str]) -> tuple[Any, str]:
    import pandas as pd

    known = column.dropna()
    for pattern, freq, kind in _TIMES:
        if len(known) and known.str.fullmatch(pattern).all():
            return pd.PeriodIndex(column, freq=freq).to_timestamp(), kind
    if 0 < known.nunique() <= min(_LABELS, len(known) - 1):
        return column.astype(object).astype("category"), ""
    return column.fillna("").astype(object), ""


def dta(table: Table) -> bytes:
    """Stata 14 or newer: variable labels, value labels, dates in Stata's own formats."""
    from pandas.io.stata import StataWriterUTF8  # type: ignore[attr-defined]  # not in stubs

    frame, dates, values = stata_frame(table.data)
    texts = frame.select_dtypes(["object", "string"])
    long = [str(name) for name, column in texts.items() if column.map(len).max() > 2045]
    whole = io.BytesIO()
    writer = StataWriterUTF8(
        whole,
        frame,
        convert_dates=dates,
        write_index=False,
        time_stamp=_STAMP,
        data_label=table.title[:80],
        variable_labels=_stata_labels(table.labels, table.data.columns, frame.columns),
        convert_strl=long,
        value_labels=values or None,
    )
    writer.write_file()
    return whole.getvalue()


def _stata_labels(
    said: Mapping[str, str], names: Iterable[Any], short: Iterable[Any]
) -> dict[str, str]:
    """What each variable is, in 80 characters; its own name where nothing was said."""
    return {
        str(new): said.get(str(old), str(old))[:80] for old, new in zip(names, short, strict=True)
    }
