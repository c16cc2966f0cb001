"""Printed tables for a paper: LaTeX (booktabs) by pandas, Word by python-docx.

Not maketables (0.2): it writes several borders a cell, which the schema of Word forbids, and LaTeX
that is neither escaped nor broken over pages.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ikm_pmi.pipeline.archive import same_bytes

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.report.exports import Table

__all__ = ["docx", "escape", "tex", "tex_document"]

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
