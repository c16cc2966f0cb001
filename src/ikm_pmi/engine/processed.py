"""The processed tables: assembled from the raw ones with default parameters, and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from ikm_pmi.data import checks, frames, package
from ikm_pmi.data.atomic import clear_leftovers
from ikm_pmi.errors import Problem
from ikm_pmi.parameters import IntensityParameters
from ikm_pmi.restrictions import check_calendar, daily_intensity, monthly_intensity

_EXPOSURES = ("calendar", "fieldwork", "since_last")
_RAW = (
    "covid_monthly",
    "imk_province",
    "industry_classes",
    "industry_rules",
    "manufacturing_quarterly",
    "mobility_monthly",
    "pmi_headline",
    "provinces",
    "regime_spells",
    "restrictions_monthly",
)


def processed_tables(root: Path) -> dict[str, pd.DataFrame]:
    """Every processed table by name, keys as columns, sorted by key."""
    raw = package.load_many(_RAW, root)
    defaults = IntensityParameters.parse({})
    calendar = (raw["regime_spells"], raw["industry_rules"], raw["industry_classes"])
    daily = daily_intensity(*calendar, defaults)
    monthly = {
        exposure: monthly_intensity(daily, defaults.model_copy(update={"exposure": exposure}))
        for exposure in _EXPOSURES
    }
    return {
        "country_monthly": frames.country_monthly(raw),
        "imk_panel": frames.imk_panel(raw),
        "indonesia_monthly": frames.indonesia_monthly(raw).reset_index(),
        "intensity_daily": daily.reset_index(),
        "intensity_monthly": pd.concat(monthly, names=["exposure"]).reset_index(),
        "manufacturing_growth": frames.manufacturing_growth(raw).reset_index(),
    }


def check(root: Path | None = None) -> checks.Report:
    """Check the data package, the PPKM calendar's overlaps, gaps and counts included."""
    return checks.check(root, rules=(_calendar,))


def seal(
    root: Path | None = None, tell: Callable[[str], object] = lambda _: None
) -> tuple[str, ...]:
    """Accept intended edits of raw tables that pass :func:`check`; see :func:`package.seal`."""
    return checks.seal(root, rules=(_calendar,), tell=tell)


def _calendar(raw: Mapping[str, pd.DataFrame]) -> list[Problem]:
    tables = [raw[name] for name in ("regime_spells", "industry_rules") if name in raw]
    return list(map(Problem.of, check_calendar(*tables))) if len(tables) == 2 else []


def build(root: Path | None = None) -> tuple[Path, ...]:
    """Rebuild ``data/processed`` from ``data/raw``, byte for byte the same from the same tables.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    DataError
        When a raw table is missing, changed or unfit; nothing is written then.
    """
    root = root or package.find_root()
    clear_leftovers(root / package.PROCESSED)
    built_from = package.fingerprint(package.read_descriptor(root / package.RAW))
    return package.write_tables(processed_tables(root), root / package.PROCESSED, built_from)
