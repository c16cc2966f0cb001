"""Tables for reading: rounded as printed, so that another machine's last digits do not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ikm_pmi.language import language, numeral, tr
from ikm_pmi.results import Estimate, TestResult, number, probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["estimates", "print_whole", "reading", "said", "shown", "tests"]


def print_whole() -> None:
    """Let a notebook show long words and all columns, and frames in the reader's language."""
    import pandas as pd

    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.max_columns", None)
    pd.set_option("display.max_rows", 200)
    pd.set_option("display.width", 160)
    if language() != "en":
        _translate_frames()


def _translate_frames() -> None:
    import pandas as pd
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or shell.display_formatter is None:  # no notebook
        return
    rows = {"max_rows": pd.get_option("display.max_rows"), "decimal": numeral(".")}
    kinds = shell.display_formatter.formatters
    kinds["text/html"].for_type(pd.DataFrame, lambda f: shown(f).to_html(notebook=True, **rows))
    kinds["text/plain"].for_type(
        pd.DataFrame, lambda f, printer, _: printer.text(shown(f).to_string(**rows))
    )


def said(*texts: str) -> str:
    """Texts in the reader's language, a line each."""
    return "\n".join(map(tr, texts))


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with its heads, its labels and the words and printed numbers of its cells translated.

    Cells that are still numbers stay so.
    """
    import pandas as pd

    def word(cell: object) -> object:
        return tr(str(cell)) if isinstance(cell, str | bool) else cell

    def label(index: pd.Index) -> pd.Index:
        return index.map(
            lambda one: tuple(map(word, one)) if isinstance(one, tuple) else word(one)
        ).set_names([word(name) for name in index.names])

    cells = [[word(cell) for cell in column] for _, column in frame.items()]
    out = pd.DataFrame(dict(enumerate(cells)), index=label(frame.index))
    return out.set_axis(label(frame.columns), axis="columns")


def _p(value: float | None) -> str:
    return "" if value is None else probability(value).replace(" ", "")


def _interval(record: Estimate, digits: int) -> str:
    if record.ci_low is None and record.ci_high is None:
        return str(record.detail.get("set", ""))  # a set that is no interval is spelt out
    low = "−∞" if record.ci_low is None else number(record.ci_low, digits)
    high = "∞" if record.ci_high is None else number(record.ci_high, digits)
    return f"{low} to {high}"


def estimates(records: Sequence[Estimate], digits: int = 2) -> pd.DataFrame:
    """Estimates for a reader: value, standard error, interval, p, n, unit, method.

    An interval end that is open is printed as infinite; what does not apply is blank. Numbers from
    a thousand on are whole.
    """
    import pandas as pd

    places = [0 if abs(r.value) >= 1000 else digits for r in records]
    pairs = list(zip(records, places, strict=True))
    return pd.DataFrame(
        {
            "value": [number(r.value, d) for r, d in pairs],
            "s.e.": [number(r.std_error, d) if r.std_error is not None else "" for r, d in pairs],
            "interval": [_interval(r, d) for r, d in pairs],
            "p": [_p(r.p_value) for r in records],
            "n": ["" if r.n is None else f"{r.n:,}" for r in records],
            "unit": [r.unit for r in records],
            "method": [r.method for r in records],
        },
        index=pd.Index([r.name for r in records], name="estimate"),
    )


def tests(records: Sequence[TestResult]) -> pd.DataFrame:
    """Tests for a reader: the null in words, statistic, p, smallest attainable p, reference."""
    import pandas as pd

    holm = [r.detail.get("holm_p", r.detail.get("p_holm")) for r in records]
    adjusted = {"Holm p": [_p(p) for p in holm]} if any(p is not None for p in holm) else {}
    return pd.DataFrame(
        {
            "null hypothesis": [r.null for r in records],
            "statistic": [number(r.statistic, 2) for r in records],
            "p": [_p(r.p_value) for r in records],
            **adjusted,
            "smallest p": [_p(r.minimum_p) for r in records],
            "compared with": [r.distribution for r in records],
        },
        index=pd.Index([r.name for r in records], name="test"),
    )


def reading(
    frame: pd.DataFrame, digits: int = 2, *, by_column: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Any frame with its numbers printed to a fixed number of digits; missing cells are blank.

    A plain row count is not shown: the first column takes its place.

    Parameters
    ----------
    frame : DataFrame
    digits : int
        Digits after the point for floating-point columns; whole numbers get separators only.
    by_column : mapping, optional
        Other digits for columns by name.
    """
    import pandas as pd

    if isinstance(frame.index, pd.RangeIndex) and frame.shape[1] > 1:
        frame = frame.set_index(frame.columns[0])
    places = dict(by_column or {})
    out: dict[object, object] = {}
    for name, column in frame.items():
        if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
            out[name] = column.astype("string").fillna("")
            continue
        if str(name) == "p" or str(name).endswith(("_p", "p_value", "_p_har")):
            out[name] = ["" if pd.isna(value) else _p(float(value)) for value in column]
            continue
        whole = pd.api.types.is_integer_dtype(column)
        places_here = places.get(str(name), 0 if whole else digits)
        out[name] = [
            "" if pd.isna(value) else number(float(value), places_here) for value in column
        ]
    return pd.DataFrame(out, index=frame.index)
