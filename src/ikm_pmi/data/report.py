"""What a check of the data package found: problems with place and remedy, and a table of tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

Severity = Literal["error", "warning"]

_SHOWN = 12  # problems of one file printed; a wrong column would otherwise fill the screen


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (error) or odd (warning), and what to do about it.

    Parameters
    ----------
    row : int or None
        Line of the file; the header is line 1.
    """

    file: str
    expected: str
    found: str
    todo: str
    row: int | None = None
    column: str = ""
    severity: Severity = "error"

    @property
    def where(self) -> str:
        """File, row and column as far as they are known."""
        row = f", row {self.row}" if self.row is not None else ""
        return self.file + row + (f", column {self.column}" if self.column else "")

    def text(self) -> str:
        """The problem in four lines."""
        return "\n".join(
            [
                f"{self.severity}: {self.where}",
                f"  expected   {self.expected}",
                f"  found      {self.found}",
                f"  what to do {self.todo}",
            ]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSummary:
    """Size, span and gaps of one table that could be read.

    Parameters
    ----------
    gaps : tuple of (str, tuple of Period)
        Months missing between the first and the last of a series, by series.
    """

    name: str
    rows: int
    first: str
    last: str
    gaps: tuple[tuple[str, tuple[pd.Period, ...]], ...]
    hash_ok: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The result of a check; ``ok`` when nothing is wrong (warnings and gaps are not errors)."""

    tables: tuple[TableSummary, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any(problem.severity == "error" for problem in self.problems)

    def table(self) -> pd.DataFrame:
        """One row a table: name, rows, first, last, missing_months, hash_ok."""
        rows = [
            (t.name, t.rows, t.first, t.last, sum(len(m) for _, m in t.gaps), t.hash_ok)
            for t in self.tables
        ]
        columns = ["name", "rows", "first", "last", "missing_months", "hash_ok"]
        return pd.DataFrame(rows, columns=columns)

    def text(self) -> str:
        """The whole report for a reader at a terminal."""
        lines = [f"{'table':<26}{'rows':>6}  {'span':<24}{'missing months':>14}  hash"]
        for table in self.tables:
            span = f"{table.first} to {table.last}" if table.first else ""
            missing = sum(len(months) for _, months in table.gaps) or ""
            seal = "ok" if table.hash_ok else "differs"
            lines.append(f"{table.name:<26}{table.rows:>6,}  {span:<24}{missing:>14}  {seal}")
        for summary in self.tables:
            if summary.gaps:
                lines += ["", f"Months missing within a series of {summary.name} (no error):"]
                lines += [f"  {series}: {month_ranges(months)}" for series, months in summary.gaps]
        for file in dict.fromkeys(problem.file for problem in self.problems):
            own = [problem for problem in self.problems if problem.file == file]
            lines += ["", *(problem.text() for problem in own[:_SHOWN])]
            if len(own) > _SHOWN:
                lines.append(f"… and {len(own) - _SHOWN} more in {file}")
        errors = sum(problem.severity == "error" for problem in self.problems)
        warnings = len(self.problems) - errors
        verdict = "The data package is valid" if self.ok else f"{errors} error(s)"
        return "\n".join(
            [*lines, "", f"{verdict}; {len(self.tables)} tables, {warnings} warning(s)."]
        )

    __str__ = text


def month_ranges(months: tuple[pd.Period, ...]) -> str:
    """Months as runs: ``2012-07, 2017-09 to 2017-11``."""
    runs: list[list[pd.Period]] = []
    for month in months:
        if runs and month.ordinal == runs[-1][-1].ordinal + 1:
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in runs)
