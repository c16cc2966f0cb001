"""A reader's own panel, of firms or of anything, as the regressions read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError, named, shown

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

#: What a reader's own columns may be named as, and what the columns are called here.
NAMES = {name: name for name in ("unit", "year", "workers", "establishments", "weight")} | {
    "output": "output_idr_mn"
}
#: Further regressors of a reader, as the formulas call them.
CONTROL = "control_"


def own_panel(frame: pd.DataFrame, controls: Sequence[str] = (), **columns: str) -> pd.DataFrame:
    """A reader's frame with the columns that the regressions read.

    Parameters
    ----------
    frame : DataFrame
        One row a unit and year. Without a column ``scale`` all rows are the total; without
        ``establishments`` each unit is one; without ``java`` no two regions are compared.
    controls : sequence of str
        Numeric columns: further regressors.
    **columns : str
        The reader's names for ``unit, year, workers, output, establishments, weight``.

    Raises
    ------
    EstimationError
        For a name that is not known here, or not in the frame.
    DataError
        When a year is not a whole number, or a control is missing somewhere.

    Examples
    --------
    >>> firms = pd.DataFrame({"firm": [1, 1], "year": [1976, 1977], "jobs": 5, "sales": [7, 9]})
    >>> own_panel(firms, unit="firm", workers="jobs", output="sales")["output_idr_mn"].tolist()
    [7, 9]
    """
    have = dict(frame.items())
    out = frame.copy()
    for name, value in (("scale", "total"), ("java", False), ("establishments", 1)):
        out[name] = have.get(name, value)
    for name, own in columns.items():
        ours = named(NAMES, name, what="argument", where="arguments")
        out[ours] = named(have, own, what="column", where=name)
    names = {"year": columns.get("year", "year")} if "year" in out else {}
    for place, name in enumerate(controls):
        out[f"{CONTROL}{place}"] = named(have, name, what="column", where="controls")
        names[f"{CONTROL}{place}"] = name
    for name, own in names.items():
        number = pd.to_numeric(out[name], errors="coerce")
        bad = ~np.isfinite(number) | ((name == "year") & (number % 1 != 0))
        if bad.any():
            raise DataError(
                f"{own} is missing or unreadable in {int(bad.sum())} of {len(frame)} rows",
                expected="whole numbers, such as 1976" if name == "year" else "finite numbers",
                found=shown(frame[own][bad].iloc[0]),
                where=f"row {out.index[int(np.argmax(bad))]}",
                todo="correct these rows, or leave them out and say so",
            )
        out[name] = number.astype(int if name == "year" else float)
    return out


def span_of(frame: pd.DataFrame) -> ElasticityParameters:
    """Parameters for a panel that is not the study's: all its years, no breaks of our surveys."""
    from ikm_pmi.parameters import ElasticityParameters

    ends = {"first_year": int(frame["year"].min()), "last_year": int(frame["year"].max())}
    return ElasticityParameters.parse(ends | {"frames": [], "stable_years": []})


def controls_of(frame: pd.DataFrame) -> list[str]:
    """Further regressors among the columns."""
    return [str(name) for name in frame if str(name).startswith(CONTROL)]
