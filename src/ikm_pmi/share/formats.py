"""One table, or several, as the bytes of a csv, xlsx, dta, tex or docx file.

The same tables give the same bytes on every machine. A text that a spreadsheet would run as a
formula is written with an apostrophe before it, in csv and xlsx; numbers stay numbers.
"""

from __future__ import annotations

import datetime
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pandas as pd

from ikm_pmi.data.atomic import scratch
from ikm_pmi.language import tr
from ikm_pmi.report.tables import Table

_SIGNS = {
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{sign: "\\" + sign for sign in "&%$#{}"},
    **{"_": r"\_\allowbreak{}", "−": "$-$", "∞": r"$\infty$", "≤": r"$\leq$", "≥": r"$\geq$"},
    **{"×": r"$\times$", "→": r"$\to$", "≈": r"$\approx$", "·": r"$\cdot$", "±": r"$\pm$"},
    **{"–": "--", "—": "---", "“": "``", "”": "''", "‘": "`", "’": "'", "…": r"\ldots{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''"},
}
_GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "theta", "mu", "pi", "rho", "sigma", "tau")
_SIGNS |= {unicodedata.lookup(f"GREEK SMALL LETTER {n.upper()}"): f"$\\{n}$" for n in _GREEK}
_SIGNS |= {"λ": r"$\lambda$", "φ": r"$\phi$", "χ": r"$\chi$", "ω": r"$\omega$"}
_LINE = 118  # characters that fit on a line of the width of a landscape page
_LONG = 28  # lines from which a table may break over pages
_CONTINUED = re.compile(r"\\multicolumn\{\d+\}\{r\}\{Continued on next page\} \\\\\n\\midrule\n")
_PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[landscape,margin=2cm]{geometry}
\usepackage{array,booktabs,longtable}
\setlength{\LTleft}{0pt}
\setlength{\tabcolsep}{4pt}
\sloppy
\begin{document}
"""


def escape(text: str) -> str:
    """A text as LaTeX sets it; a sign that LaTeX has no name for by its number."""
    return "".join(_SIGNS.get(sign) or _plain(sign) for sign in text)


def _plain(sign: str) -> str:
    if sign.isascii() or "À" <= sign <= "ÿ":  # Latin letters with accents are in every font
        return sign if sign >= " " else " "
    simple = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return _SIGNS.get(simple, simple) or f"[U+{ord(sign):04X}]"


def _widths(frame: pd.DataFrame) -> list[int]:
    """Characters a column gets: what it needs, and what is left for those that need most."""
    needs = [
        max(len(str(name)), *(len(str(value)) for value in column), 1)
        for name, column in frame.items()
    ]
    left, widths = _LINE, list(needs)
    for rank, place in enumerate(sorted(range(len(needs)), key=lambda i: needs[i])):
        widths[place] = min(needs[place], max(4, left // (len(needs) - rank)))
        left -= widths[place]
    return widths


def _numeric(column: pd.Series[str]) -> bool:
    """Whether most cells that are not blank begin as a number does."""
    said = [str(value) for value in column if str(value)]
    return sum(bool(re.match(r"[\[(<]?[−\d]", text)) for text in said) > len(said) / 2


def _lines(frame: pd.DataFrame) -> int:
    """Lines the rows take when long texts are broken to the width of their columns."""
    widths = _widths(frame)
    rows = frame.astype(str).itertuples(index=False, name=None)
    return sum(
        max(-(-len(text) // width) for text, width in zip(row, widths, strict=True)) for row in rows
    )


def _columns(frame: pd.DataFrame) -> str:
    """Numbers to the right, texts to the left, long texts in paragraphs."""
    kinds = []
    for (_, column), width in zip(frame.items(), _widths(frame), strict=True):
        longest = max([len(str(value)) for value in column], default=0)
        if longest > width:
            kinds.append(
                rf">{{\raggedright\arraybackslash}}p{{{width / _LINE * 0.94:.3f}\linewidth}}"
            )
        else:
            kinds.append("r" if _numeric(column) else "l")
    return "".join(kinds)


def tex(table: Table) -> bytes:
    """A table for another document to read in: needs array, booktabs and longtable.

    Raises
    ------
    ValueError
        When the table has no printed form.
    """
    if table.printed is None:
        raise ValueError(table.name)
    frame = table.printed
    long = _lines(frame) >= _LONG
    cells = frame.set_axis(range(frame.shape[1]), axis="columns").map(lambda v: escape(str(v)))
    heads = [escape(str(name)) for name in frame.columns]
    body = str(
        cells.set_axis(heads, axis="columns")
        .style.hide(axis="index")
        .to_latex(
            column_format="@{}" + _columns(frame) + "@{}",
            hrules=True,
            caption=escape(table.title),
            label=f"tab:{table.name.replace('_', '-')}",
            environment="longtable" if long else "table",
            position=None if long else "htbp",
        )
    )
    body = _CONTINUED.sub("", body)
    notes = "\n\n".join(rf"\noindent {escape(note)}" for note in table.notes)
    notes = f"\\par\\smallskip{{\\scriptsize\n{notes}\\par}}\n"
    if long:
        body = f"{body.rstrip()}\n{notes}"
    else:
        body = body.replace(r"\end{table}", notes + r"\end{table}")
    head = "% needs: array, booktabs, longtable\n\\begingroup\\footnotesize\n"
    head += "\\setlength{\\LTcapwidth}{\\linewidth}\n"
    return f"{head}{body}\\endgroup\n".encode()


def tex_document(files: Sequence[str]) -> bytes:
    """A document that reads in these files, each on a page of its own."""
    lines = [rf"\input{{{name.removesuffix('.tex')}}}\clearpage" for name in files]
    return (_PREAMBLE + "\n".join(lines) + "\n\\end{document}\n").encode()


def docx(tables: Sequence[Table]) -> bytes:
    """A Word document of all printed tables, a heading and notes with each."""
    import docx as word
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt

    document = word.Document()
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21)
    section.left_margin = section.right_margin = Cm(2)
    document.core_properties.author = "ikm_pmi"
    document.core_properties.title = tables[0].title if tables else ""
    document.core_properties.comments = ""
    for table in tables:
        if table.printed is None:
            continue
        document.add_heading(_legal(table.title), level=2)
        _word_table(document, table.printed)
        for note in table.notes:
            run = document.add_paragraph().add_run(_legal(note))
            run.font.size = Pt(8)
    whole = io.BytesIO()
    document.save(whole)
    return same_bytes(whole.getvalue())


def _legal(text: str) -> str:
    """A text without the control signs that no XML file can hold."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text)


def _word_table(document: Any, frame: pd.DataFrame) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.shared import Cm, Pt

    grid = document.add_table(rows=len(frame) + 1, cols=frame.shape[1])
    grid.autofit = False
    widths = [0.18 * width + 0.5 for width in _widths(frame)]  # cm at 8 pt, with the margins
    widths = [width * min(1, 25.7 / sum(widths)) for width in widths]
    right = [_numeric(column) for _, column in frame.items()]
    rows = [list(map(str, frame.columns)), *frame.astype(str).to_numpy().tolist()]
    cells = grid._cells  # the public ones walk the whole table for each cell
    for place, text in enumerate(text for row in rows for text in row):
        column = place % len(widths)
        cells[place].width = Cm(widths[column])
        paragraph = cells[place].paragraphs[0]
        paragraph.paragraph_format.space_after = Pt(1)
        if right[column]:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        run = paragraph.add_run(_legal(text))
        run.font.size = Pt(8)
        run.bold = place < len(widths)
    for wide, width in zip(grid.columns, widths, strict=True):
        wide.width = Cm(width)
    head = grid.rows[0]._tr.get_or_add_trPr()
    head.append(OxmlElement("w:tblHeader"))  # again on every page
    _rules(cells[: len(widths)], ("top", "bottom"))
    _rules(cells[-len(widths) :], ("bottom",))


def _rules(cells: Sequence[Any], sides: Sequence[str]) -> None:
    """Lines above and below, as booktabs draws them."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for cell in cells:
        borders = OxmlElement("w:tcBorders")
        for side in sides:
            line = OxmlElement(f"w:{side}")
            line.set(qn("w:val"), "single")
            line.set(qn("w:sz"), "8")
            borders.append(line)
        cell._tc.get_or_add_tcPr().append(borders)


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STAMP = datetime.datetime(1980, 1, 1)
_TIMES = ((r"\d{4}-\d{2}", "M", "tm"), (r"\d{4}Q[1-4]", "Q", "tq"), (r"\d{4}-\d\d-\d\d", "D", "td"))
_LABELS = 1000  # categories Stata users can look through; beyond, texts stay texts


def _harmless(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; anything else as it is."""
    if not isinstance(value, str):
        return value
    return ("'" if value.startswith(_FORMULA) else "") + _legal(value)


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
    sheets = unique([re.sub(r"[\[\]:*?/\\]", "_", table.name) for table in tables], 31)
    notes: list[tuple[str, str]] = []
    for sheet, table in zip(sheets, tables, strict=True):
        notes += [(sheet, table.title), *(("", note) for note in table.notes)]
        notes += [*table.labels.items(), ("", "")]
    whole = io.BytesIO()
    # openpyxl leaves a file a sheet behind when it is killed.
    with scratch(default=True), pd.ExcelWriter(whole, engine="openpyxl") as book:
        _sheet(book, tr("notes"), pd.DataFrame(notes), header=False)
        for sheet, table in zip(sheets, tables, strict=True):
            _sheet(book, sheet, table.data, freeze_panes=(1, 0))
        book.book.properties.creator = "ikm_pmi"
    return same_bytes(whole.getvalue())


def _sheet(book: pd.ExcelWriter[Any], name: str, frame: pd.DataFrame, **more: Any) -> None:
    from openpyxl.utils import get_column_letter

    texts = _texts(frame)
    texts.to_excel(book, sheet_name=name, index=False, **more)
    for place, (head, column) in enumerate(texts.items(), start=1):
        width = max([len(str(head)), *(len(str(value)) for value in column[:50])])
        letter = get_column_letter(place)
        book.sheets[name].column_dimensions[letter].width = min(width, 60) + 2


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
    known = column.dropna()
    for pattern, freq, kind in _TIMES:
        if len(known) and known.str.fullmatch(pattern).all():
            return pd.PeriodIndex(column, freq=freq).to_timestamp(), kind
    if 0 < known.nunique() <= min(_LABELS, len(known) - 1):
        return column.astype(object).astype("category"), ""
    return column.fillna("").astype(object), ""


def dta(table: Table) -> bytes:
    """Stata 14 or newer: variable labels, value labels, dates in Stata's own formats."""
    frame, *rest = stata_frame(table.data)
    dates, values = cast("list[Any]", rest)  # narrower in the stubs of pandas than to pandas
    texts = frame.select_dtypes(["object", "string"])
    long = [str(name) for name, column in texts.items() if column.map(len).max() > 2045]
    # What each variable is, in 80 characters; its own name where nothing was said.
    said = [table.labels.get(str(name), str(name))[:80] for name in table.data.columns]
    whole = io.BytesIO()
    frame.to_stata(
        whole,
        convert_dates=dates,
        write_index=False,
        time_stamp=_STAMP,
        data_label=table.title[:80],
        variable_labels=dict(zip(map(str, frame.columns), said, strict=True)),
        convert_strl=long,
        value_labels=values or None,
        version=118,
    )
    return whole.getvalue()


_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip archive knows
_WRITTEN = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(<)")
_OFFICE = "docProps/core.xml"


def zipped(files: Mapping[str, bytes], executable: frozenset[str] = frozenset()) -> bytes:
    """A zip archive of these files, by their paths; the bytes depend on nothing else.

    Parameters
    ----------
    files : mapping of str to bytes
        Path with forward slashes → content.
    executable : frozenset of str
        Paths of files to be unpacked as programs.
    """
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every machine
            entry.external_attr = (0o755 if name in executable else 0o644) << 16
            archive.writestr(entry, files[name])
    return whole.getvalue()


def same_bytes(office: bytes) -> bytes:
    """An xlsx or docx without the time at which it was written."""
    with zipfile.ZipFile(io.BytesIO(office)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files[_OFFICE] = _WRITTEN.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", files[_OFFICE])
    return zipped(files)
