"""Ways in which a table, a description or a parameter goes wrong; and a second reader of tables.

Each way has a kind and says what has to follow: ``refused``; ``same`` (read as if nothing had
happened, or refused); ``stated`` (read exactly as the cells now say, and named by ``data seal``,
or refused).
"""

import csv
import io
import re
from fractions import Fraction

import pandas as pd

LONG = "9" * 400
MARKUP = '<script>alert(1)</script>"" \' {{ x }} \\'

# What people and spreadsheets write where a number is meant; no reader may take it for another.
NOT_NUMBERS = {
    "not a number": ("nan", "NaN", "-nan", "NA", "N/A", "null", "None", "#N/A", "#REF!", "abc"),
    "infinity": ("inf", "-inf", "Infinity", "1e400", "-1e999"),
    "decimal comma": ("53,5", "0,5", "1,5e3", ",5"),
    "thousands separator": ("1.234.567", "1,234", "1,234,567", "1_000", "1 000", "1\u00a0000"),
    "another notation": ("0x1F", "1e", "--5", "+5", "5-", "(5)", "5%", "Rp5", "٣", "５", "1/2"),
    "formula": ("=1+1", "=SUM(A1:A9)", "@A1", "+A1", '=HYPERLINK("x")'),
    "type": ("TRUE", "true", "2021-07", "53.5.1", ".", "-", "'5"),
    "blank": (" 12", "12 ", "\t12", " "),
    "NUL byte": ("\x00", "1\x002"),
    "very long cell": ("x" * 100_000, "1 " * 50_000),
}
NOT_MONTHS = (
    *("2021-13", "2021-00", "2021/07", "2021-7", "07-2021", "Jul-21", "Juli 2021", "2021-07-01"),
    *("21-07", "202107", "44378", "0000-00", " 2021-07", "2021-07 ", "2021-07T00:00", "", "NaT"),
    *("2021Q3", "=A1", "2021-07\x00", "1e3", "99999-01", "-2021-07", "２０２１-07", "today"),
)
NOT_DATES = (
    *("2021-02-30", "01/02/2021", "2021-2-3", "44378", "2021-07", "2021-13-01", "3 Juli 2021"),
    *("", "NaT", "2021-07-03T00:00:00", " 2021-07-03", "0000-01-01", "20210703", "=TODAY()"),
    *("2021-07-03\x00", "1e9", "now", "2021-07-03+07:00"),
)
NOT_BOOLEANS = ("TRUE", "True", "yes", "1", "0", "benar", "", " true", "T", "wahr", "=TRUE()")
NOT_YEARS = ("21", "2021.5", "20 21", "'2021", "", "MMXXI", "2021/22", "99999", "-2021", "2.021")
TEXTS = (
    *("=1+1", "@SUM(A1)", "+62", "-x", MARKUP, "NA", "nan", "null", "naïve – “quoted”", "مرحبا"),
    *("a\tb", "../../etc/passwd", "x" * 100_000, "%s %d {0}", "\u202eabc", "🏭"),
)


def is_text(field):
    rules = field.get("constraints", {})
    return field["type"] == "string" and not {"enum", "pattern"} & rules.keys()


def cell_faults(field, value):
    """(kind, text, what must follow) for a cell that holds ``value``."""
    kind, rules = field["type"], field.get("constraints", {})
    if kind in ("integer", "number", "year"):
        for name, texts in NOT_NUMBERS.items():
            yield from ((name, text, "refused") for text in texts)
        yield "huge number", LONG, "refused"
        yield "huge number", "9" * 19, "refused" if kind != "number" else "stated"
        if kind == "year":
            yield from (("type", text, "refused") for text in NOT_YEARS)
        if kind == "integer":
            yield from (("type", text, "refused") for text in ("12.5", "1e3", "9" * 30))
        for end, step in (("minimum", -1), ("maximum", 1)):
            if end in rules:
                yield "range", str(rules[end] + step), "refused"
        if value:
            yield "shifted unit", scaled(value, 1000), "stated"
            yield "shifted unit", scaled(value, Fraction(1, 1000)), "stated"
            yield "sign", value.removeprefix("-") if value[0] == "-" else "-" + value, "stated"
    elif kind == "yearmonth" or "period" in field:
        yield from (("type", text, "refused") for text in NOT_MONTHS)
    elif kind == "date":
        yield from (("type", text, "refused") for text in NOT_DATES)
        yield "range", "1021-07-03", "refused"
    elif kind == "boolean":
        yield from (("type", text, "refused") for text in NOT_BOOLEANS)
    elif is_text(field):
        yield from (("text", text, "stated") for text in TEXTS)
        yield "NUL byte", "a\x00b", "refused"
    else:
        texts = (
            "?",
            value.swapcase() + "'",
            value + " ",
            " " + value,
            "a\x00b",
            MARKUP,
            LONG + "'",
        )
        yield from (("range", text, "refused") for text in texts)
    if rules.get("required"):
        yield "missing value", "", "refused"


def scaled(value, factor):
    """A number as text, times a factor, without an exponent."""
    number = Fraction(value) * factor
    if number.denominator == 1:
        return str(number.numerator)
    text = f"{float(number):.12f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def file_faults(content):
    """(kind, bytes, what must follow) for a whole file."""
    text = content.decode()
    lines = text.split("\n")[:-1]
    yield "byte-order mark", b"\xef\xbb\xbf" + content, "same"
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        yield "UTF-16", text.encode(name), "refused"
    yield "line ends", content.replace(b"\n", b"\r\n"), "same"
    yield "line ends", content.replace(b"\n", b"\r"), "refused"
    yield "line ends", content.replace(b"\n", b"\r\n", 1), "same"
    yield "line ends", content + b"\n", "same"
    yield "line ends", content.replace(b"\n", b"\n\n", 2), "refused"
    yield "line ends", content.replace(b"\n", "\u2028".encode(), 1), "refused"
    yield "line ends", content[:-1], "same"
    yield "empty file", b"", "refused"
    yield "empty file", b" \n\n", "refused"
    yield "empty file", (lines[0] + "\n").encode(), "refused"
    yield "empty file", lines[0].encode(), "refused"
    yield "empty file", b"\x00" * 512, "refused"
    for part in range(1, 8):
        yield "truncated file", content[: len(content) * part // 8 - 1], "stated"
    yield "truncated file", content[: content.index(b"\n") + 9], "refused"
    yield "another separator", text.replace(",", ";").encode(), "refused"
    yield "another separator", text.replace(",", "\t").encode(), "refused"
    yield "encoding", text.replace("a", "á").encode("latin-1"), "refused"
    yield "encoding", content[:60] + b"\xff" + content[60:], "refused"
    yield "NUL byte", content[:60] + b"\x00" + content[60:], "refused"
    yield "header", text.replace(",", ",,", 1).encode(), "refused"
    yield "header", (lines[0].upper() + "\n" + "\n".join(lines[1:]) + "\n").encode(), "refused"
    yield "header", ("\n".join(lines[1:]) + "\n").encode(), "refused"
    yield "header", ("\n".join([lines[0], *lines]) + "\n").encode(), "refused"
    yield "header", (lines[0] + ",more\n" + ",\n".join(lines[1:]) + ",\n").encode(), "refused"
    yield "another file", b"PK\x03\x04" + content, "refused"
    yield "another file", b"<html><body>404 Not Found</body></html>\n", "refused"
    yield "another file", b'{"a": [1, 2]}\n', "refused"
    yield "another file", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "refused"
    yield "row order", ("\n".join([lines[0], *reversed(lines[1:])]) + "\n").encode(), "stated"
    yield "row twice", ("\n".join([*lines, lines[-1]]) + "\n").encode(), "refused"
    yield "row twice", ("\n".join([*lines[:2], *lines[1:]]) + "\n").encode(), "refused"
    yield "short row", ("\n".join([*lines, lines[-1].split(",")[0]]) + "\n").encode(), "refused"
    yield "quotation", text.replace(",", ',"', 1).encode(), "refused"
    yield "quotation", rewritten(content, quote=csv.QUOTE_ALL), "same"
    yield "merge left over", content + b"<<<<<<< HEAD\n=======\n>>>>>>> other\n", "refused"


def column_faults(content, fields):
    """(kind, bytes, what must follow, what) for whole columns, and for rows that are missing."""
    header, *body = rows_of(content)

    def changed(place, edit):
        return rewritten(
            content, [header, *([*r[:place], edit(r[place]), *r[place + 1 :]] for r in body)]
        )

    for place, field in enumerate(fields):
        name = field["name"]
        if field["type"] in ("integer", "number") and any(row[place] for row in body):
            for factor in (1000, Fraction(1, 1000)):
                shifted = changed(place, lambda text, by=factor: scaled(text, by) if text else text)
                yield "shifted unit", shifted, "noticed", f"{name} times {float(factor):g}"
        if place:
            order = [*range(place - 1), place, place - 1, *range(place + 1, len(fields))]
            both = [[row[k] for k in order] for row in (header, *body)]
            yield "swapped columns", rewritten(content, both), "refused", name
            cells = [header, *both[1:]]
            yield "swapped columns", rewritten(content, cells), "stated", f"cells of {name}"
        yield (
            "missing column",
            rewritten(content, [[*r[:place], *r[place + 1 :]] for r in (header, *body)]),
            "refused",
            name,
        )


def rows_of(content):
    """The cells of a table, read by the standard library."""
    csv.field_size_limit(10**8)
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def rewritten(content, rows=None, quote=csv.QUOTE_MINIMAL):
    """The table written anew: other rows, or other quotation."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=quote)
    writer.writerows(rows_of(content) if rows is None else rows)
    return out.getvalue().encode()


def stated(rows, fields):
    """What the cells say, by column: exact numbers, months as text; None where empty."""
    header, *body = rows
    assert header == [field["name"] for field in fields]
    return [[_meant(row[place], field) for row in body] for place, field in enumerate(fields)]


def _meant(text, field):
    kind = field["type"]
    if text == "":
        return None
    if kind in ("integer", "year"):
        return int(text)
    if kind == "number":
        assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", text)
        return float(Fraction(text))
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    return text


def read(frame, fields):
    """A loaded frame in the same form as :func:`stated`."""
    columns = []
    for field in fields:
        column = frame[field["name"]]
        if field["type"] == "date":
            column = column.dt.strftime("%Y-%m-%d")
        elif "period" in str(column.dtype):
            column = column.astype(str)
        columns.append([None if pd.isna(v) else v for v in column.tolist()])
    return columns
