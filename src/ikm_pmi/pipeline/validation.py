"""The printed table of the Monte Carlo: run, written whole beside the reference numbers, read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ikm_pmi.errors import DataError
from ikm_pmi.pipeline.manifest import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.parameters import ValidationParameters

__all__ = ["FULL", "read_full", "write_full"]

FULL = Path("reference", "validation_full.csv")


def write_full(
    root: Path, parameters: ValidationParameters, tell: Callable[[str], None]
) -> pd.DataFrame:
    """Run :func:`ikm_pmi.models.known_truth.full_table` and write it, whole or not at all."""
    from ikm_pmi.data import package
    from ikm_pmi.models import known_truth

    table = known_truth.full_table(package.load_many(known_truth.TABLES, root), parameters, tell)
    write_whole(root / FULL, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    return table


def read_full(root: Path | None = None) -> pd.DataFrame:
    """The table as committed.

    Raises
    ------
    DataError
        When it is not there.
    """
    import pandas as pd

    from ikm_pmi.data.package import find_root

    path = (root or find_root()) / FULL
    if not path.is_file():
        raise DataError(
            "the printed Monte-Carlo table is missing",
            expected=FULL.name,
            found="no such file",
            where=str(path),
            todo="ikm-pmi replicate --full",
        )
    return pd.read_csv(path).fillna({"verdict": ""})
