"""Every specification of the PMI's response: the mean effect of an episode, and the dose."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.data.frames import lebaran_share
from ikm_pmi.inference.multiverse import series_fits
from ikm_pmi.models.episodes import find_spells
from ikm_pmi.models.multiverse import Curve, summarise
from ikm_pmi.models.peers import within
from ikm_pmi.models.specifications import Grid
from ikm_pmi.models.study import UNIT, study_frame
from ikm_pmi.parameters import (
    Episode,
    IntensityParameters,
    PmiSpecification,
    RobustnessParameters,
)
from ikm_pmi.restrictions import daily_intensity, monthly_intensity

__all__ = ["Columns", "dose_curve", "event_curve"]

Floats = NDArray[np.float64]
#: Kinds of standard error, the main one last. Newey-West and cosine would read the residuals of the
#: episode's own two months, which sum to zero.
_ERRORS = {"event": ("ols", "shift"), "dose": ("ols", "newey_west", "cosine", "shift")}

_FIELDWORK = ("fieldwork_first_day", "fieldwork_last_day")
_CODING = tuple(
    key
    for key in IntensityParameters.model_fields
    if key not in {"seed", "exposure", "start_month", "end_month", *_FIELDWORK}
)
_RULES = attrgetter(*_CODING, "exposure", *_FIELDWORK)
#: The parameters each column of the study frame depends on.
_DEPENDS: Mapping[str, Callable[[PmiSpecification], Hashable]] = {
    "pmi": lambda _: None,
    "lebaran_share": attrgetter(*_FIELDWORK),
    "peers_pmi": lambda p: tuple(p.peers),
    "log_cases": attrgetter("case_lag"),
    "log_deaths": attrgetter("case_lag"),
    "oxcgrt": lambda _: None,
    "level": _RULES,
    "industry_closure": _RULES,
}


class Columns:
    """Columns of the study frame, each made once for the parameters it depends on.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Those named in ``ikm_pmi.models.study.TABLES``.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self.tables = tables
        self.monthly = tables["indonesia_monthly"].set_index("month")
        self.months = pd.PeriodIndex(self.monthly.index)
        self._made: dict[Hashable, Any] = {}

    def key(self, name: str, p: PmiSpecification) -> Hashable:
        """What makes two specifications share a column."""
        return name, _DEPENDS[name](p)

    def __call__(self, name: str, p: PmiSpecification) -> Floats:
        """The column for these parameters, over all months; missing stays missing."""
        key = self.key(name, p)
        if key not in self._made:
            days = ("lebaran", p.fieldwork_first_day, p.fieldwork_last_day)
            if days not in self._made:
                self._made[days] = lebaran_share(self.tables["lebaran"], self.months, *days[1:])
            peers = self.tables["country_monthly"]
            frame = study_frame(self.monthly, self._intensity(p), self._made[days], peers, p)
            self._made[key] = frame[name].to_numpy(float)
        found: Floats = self._made[key]
        return found

    def finite(self, name: str, p: PmiSpecification) -> NDArray[np.bool_]:
        """The months in which a column is present."""
        key = ("finite", self.key(name, p))
        if key not in self._made:
            self._made[key] = np.isfinite(self(name, p))
        found: NDArray[np.bool_] = self._made[key]
        return found

    def _intensity(self, p: PmiSpecification) -> pd.DataFrame:
        daily, monthly = ("daily", attrgetter(*_CODING)(p)), ("monthly", _DEPENDS["level"](p))
        if daily not in self._made:
            own = self.tables
            self._made[daily] = daily_intensity(
                own["regime_spells"], own["industry_rules"], own["industry_classes"], p
            )
        if monthly not in self._made:
            ends = {"start_month": str(self.months[0]), "end_month": str(self.months[-1])}
            whole = p.model_copy(update=ends)
            self._made[monthly] = monthly_intensity(self._made[daily], whole)
        found: pd.DataFrame = self._made[monthly]
        return found

    def window(self, p: PmiSpecification) -> NDArray[np.bool_]:
        """Months of the sample, missing ones included."""
        key = ("window", p.start_month, p.end_month, *p.leave_out)
        if key not in self._made:
            inside = within(self.months, [f"sample:{p.start_month}:{p.end_month}"])
            self._made[key] = inside & ~within(self.months, p.leave_out)
        found: NDArray[np.bool_] = self._made[key]
        return found

    def episode(self, p: PmiSpecification) -> tuple[Floats, NDArray[np.bool_]]:
        """Treatments whose first coefficient is the mean effect, and the months left to compare.

        Months of other episodes and of leads have effects of their own: they leave the sample,
        which is the same as a dummy each.
        """
        key = ("episode", p.episode, p.leads, p.start_month, p.end_month, *p.episodes)
        if key not in self._made:
            here = self.months[self.window(p) & np.isfinite(self("pmi", p))]
            spells, leads, _ = find_spells([Episode.parse(e) for e in p.episodes], here, p)
            own = spells.pop(p.episode).months
            gone = [m for s in [*spells.values(), *leads.values()] for m in s.months]
            dummies = np.stack([self.months == m for m in own], axis=1).astype(float)
            D = np.column_stack([dummies.sum(axis=1), dummies[:, :-1] - dummies[:, 1:]])
            self._made[key] = D, ~self.months.isin(gone)
        found: tuple[Floats, NDArray[np.bool_]] = self._made[key]
        return found

    def treatments(self, p: PmiSpecification, kind: str) -> tuple[bytes, Floats, NDArray[np.bool_]]:
        """Their values as a key, columns over all months, and the months that can be used."""
        if kind == "event":
            D, usable = self.episode(p)
            return D.tobytes(), D, usable
        key = (self.key(p.intensity, p), p.level_term)
        if key not in self._made:
            s = self(p.intensity, p)
            before = np.concatenate([[np.nan], s[:-1]])
            D = np.column_stack([s - before, before] if p.level_term else [s - before])
            # An assumed number that a measure does not use leaves its values, and so its key.
            self._made[key] = D.tobytes(), D, np.isfinite(D).all(axis=1)
        found: tuple[bytes, Floats, NDArray[np.bool_]] = self._made[key]
        return found


def event_curve(
    tables: Mapping[str, pd.DataFrame], grid: Grid[PmiSpecification], p: RobustnessParameters
) -> Curve:
    """The mean effect of an episode in every specification of a grid.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Those named in ``ikm_pmi.models.study.TABLES``.
    grid : Grid
        From :func:`ikm_pmi.models.specifications.parse_grid`, the first options being chapter 03.

    Raises
    ------
    EstimationError
        When a specification cannot be estimated, with its parameters that differ.
    """
    return _curve("event", tables, grid, p, "index points")


def dose_curve(
    tables: Mapping[str, pd.DataFrame], grid: Grid[PmiSpecification], p: RobustnessParameters
) -> Curve:
    """The immediate effect of a full tightening in every specification; see `event_curve`."""
    return _curve("dose", tables, grid, p, UNIT)


def _curve(
    kind: str,
    tables: Mapping[str, pd.DataFrame],
    grid: Grid[PmiSpecification],
    parameters: RobustnessParameters,
    unit: str,
) -> Curve:
    columns, level = Columns(tables), parameters.confidence_level
    blocks, combinations, duplicates = _blocks(kind, columns, grid)
    base = grid.model.parse({})
    y = columns("pmi", base)
    outcomes = {"points": y, "logit": np.log(y / (100 - y))}
    # Shifts that every specification has, both ways in time, the data as they are first.
    reach = (min(int(block.rows.sum()) for block in blocks) - 1) // 2
    turns = np.concatenate([np.arange(reach + 1), np.arange(-reach, 0)])
    first = next(e.first for e in map(Episode.parse, base.episodes) if e.name == base.episode)
    start = int(np.flatnonzero(columns.months == pd.Period(first, "M"))[0])
    N, kinds = len(combinations), _ERRORS[kind]
    null, record, errors = np.empty((len(turns), N)), np.empty((N, 4)), np.empty((N, len(kinds)))
    found = np.empty((N, len(kinds)), bool)
    for members in _same_size(blocks):
        names = members[0].outcomes
        Y = np.stack([np.column_stack([outcomes[o][b.rows] for o in names]) for b in members])
        D = np.stack([np.stack([d[b.rows] for d in b.treatments.values()]) for b in members])
        fits = series_fits(Y, D, np.stack([b.controls[b.rows] for b in members]), level)
        se = np.stack([fits.std_error[k] for k in kinds], axis=-1)
        beyond = np.abs(fits.value)[..., None] > se * [fits.critical.get(k, 0.0) for k in kinds]
        beyond[..., -1] = fits.p_shift <= 1 - level + 1e-9
        for b, block in enumerate(members):
            order = {key: c for c, key in enumerate(block.treatments)}
            for (key, outcome), place in block.places.items():
                at = b, order[key], names.index(outcome)
                value, curve, factor = float(fits.value[at]), fits.shifted[at], 1.0
                onset = block.treatments[key][start, 0] * value
                if outcome == "logit":
                    idle = float(Y[b][(D[b, at[1]] == 0).all(axis=1), at[2]].mean())
                    onset = _points(idle, onset)
                    # Delta method: the slope of the logistic curve at the end point.
                    end = 100 / (1 + np.exp(-(idle + value)))
                    factor = end * (100 - end) / 100
                    value, curve = _points(idle, value), _points(idle, curve)
                null[:, place] = curve[turns]
                record[place] = value, fits.p_shift[at], onset, Y.shape[1]
                errors[place], found[place] = factor * se[at], beyond[at]
    table = grid.labels(combinations)
    table["estimate"], table["std_error"], table["p_value"] = (
        record[:, 0],
        errors[:, -1],
        record[:, 1],
    )
    table["significant"], table["at_onset"], table["n"] = found[:, -1], record[:, 2], record[:, 3]
    table["n"] = table["n"].astype(int)
    table[[f"std_error_{key}" for key in kinds[:-1]]] = errors[:, :-1]
    return summarise(
        kind,
        table,
        null,
        parameters,
        unit=unit,
        distribution=f"{len(turns)} circular shifts, the same for all specifications",
        by_error=dict(zip(kinds, map(float, found.mean(axis=0)), strict=True)),
        duplicates=duplicates,
    )


@dataclass(slots=True)
class _Block:
    """Regressions with the same rows and controls: treatments, and the number of each cell."""

    rows: NDArray[np.bool_]
    controls: Floats
    treatments: dict[Hashable, Floats]
    places: dict[tuple[Hashable, str], int]

    @property
    def outcomes(self) -> list[str]:
        """Forms of the outcome, in a fixed order."""
        return sorted({outcome for _, outcome in self.places})


def _same_size(blocks: Sequence[_Block], most: int = 64) -> Iterator[list[_Block]]:
    """Blocks whose arrays can be stacked, ``most`` at a time: memory stays small."""
    groups: dict[Hashable, list[_Block]] = {}
    for block in blocks:
        columns = next(iter(block.treatments.values())).shape[1]
        size = (int(block.rows.sum()), block.controls.shape[1], len(block.treatments), columns)
        groups.setdefault((*size, *block.outcomes), []).append(block)
    for members in groups.values():
        for first in range(0, len(members), most):
            yield members[first : first + most]


def _blocks(
    kind: str, columns: Columns, grid: Grid[PmiSpecification]
) -> tuple[list[_Block], list[tuple[int, ...]], int]:
    """The regressions by block, the combination behind each, and how many came up again."""
    blocks: dict[Hashable, _Block] = {}
    combinations: list[tuple[int, ...]] = []
    duplicates = 0
    for combination, p in grid.specifications():
        key, D, usable = columns.treatments(p, kind)
        rows = columns.window(p) & usable & columns.finite("pmi", p)
        for name in p.controls:
            rows &= columns.finite(name, p)
        own = (rows.tobytes(), D.shape[1], *(columns.key(name, p) for name in p.controls))
        if own not in blocks:
            W = [np.ones(len(rows)), *(columns(name, p) for name in p.controls)]
            blocks[own] = _Block(rows, np.column_stack(W), {}, {})
        block = blocks[own]
        if (key, p.outcome) in block.places:
            duplicates += 1
            continue
        block.treatments[key] = D
        block.places[key, p.outcome] = len(combinations)
        combinations.append(combination)
    return list(blocks.values()), combinations, duplicates


def _points(start: float, effect: Any) -> Any:
    """Effects on the log odds as points, from the mean log odds of the months without treatment."""
    return 100 / (1 + np.exp(-(start + effect))) - 100 / (1 + np.exp(-start))
