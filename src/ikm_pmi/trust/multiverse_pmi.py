"""Every specification of the PMI's response: the mean effect of an episode, and the dose."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.data.frames import lebaran_share
from ikm_pmi.language import say
from ikm_pmi.parameters import (
    Episode,
    PmiSpecification,
    RobustnessParameters,
)
from ikm_pmi.pmi.sample import UNIT, in_spells, lagged, study_frame
from ikm_pmi.pmi.spells import find_spells
from ikm_pmi.restrictions import daily_intensity, monthly_intensity
from ikm_pmi.trust.multiverse import Curve, Grid, summarise
from ikm_pmi.trust.specification_curve import series_fits

T = TypeVar("T")
Floats = NDArray[np.float64]
#: Kinds of standard error, the main one last. Newey-West and cosine would read the residuals of the
#: episode's own two months, which sum to zero.
_ERRORS = {"event": ("ols", "shift"), "dose": ("ols", "newey_west", "cosine", "shift")}

_FIELDWORK = ("fieldwork_first_day", "fieldwork_last_day")


def _coding(p: PmiSpecification) -> Hashable:
    """What makes two specifications share a daily intensity."""
    return p.java_bali_weight, tuple(p.coding)


def _rules(p: PmiSpecification) -> Hashable:
    return _coding(p), p.exposure, *attrgetter(*_FIELDWORK)(p)


#: The parameters a column of the study frame depends on, those of none not named.
_DEPENDS: Mapping[str, Callable[[PmiSpecification], Hashable]] = {
    "pmi": lambda _: None,
    "lebaran_share": attrgetter(*_FIELDWORK),
    "peers_pmi": lambda p: tuple(p.peers),
    "oxcgrt": lambda _: None,
    "level": _rules,
    "industry_closure": _rules,
}


class Columns:
    """Columns of the study frame, each made once for the parameters it depends on.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Those named in ``ikm_pmi.pmi.sample.TABLES``.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self.tables = tables
        self.monthly = tables["indonesia_monthly"].set_index("month")
        self.months = pd.PeriodIndex(self.monthly.index)
        self._made: dict[Hashable, Any] = {}

    def key(self, name: str, p: PmiSpecification) -> Hashable:
        """What makes two specifications share a column."""
        depends = _DEPENDS.get(name.partition(":")[0])
        return name, depends(p) if depends else None

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once for a key."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def __call__(self, name: str, p: PmiSpecification) -> Floats:
        """The column for these parameters, over all months; missing stays missing."""

        def make() -> Floats:
            first, last = p.fieldwork_first_day, p.fieldwork_last_day
            lebaran, months = self.tables["lebaran"], self.months
            days = self._once(
                ("lebaran", first, last), lambda: lebaran_share(lebaran, months, first, last)
            )
            peers = self.tables["country_monthly"]
            frame = study_frame(self.monthly, self._intensity(p), days, peers, p)
            return lagged(frame, [name])[name].to_numpy(float)

        return self._once(self.key(name, p), make)

    def finite(self, name: str, p: PmiSpecification) -> NDArray[np.bool_]:
        """The months in which a column is present."""
        return self._once(("finite", self.key(name, p)), lambda: np.isfinite(self(name, p)))

    def _intensity(self, p: PmiSpecification) -> pd.DataFrame:
        own, daily = self.tables, ("daily", _coding(p))
        rules = own["regime_spells"], own["industry_rules"], own["industry_classes"]
        ends = {"start_month": str(self.months[0]), "end_month": str(self.months[-1])}
        return self._once(
            ("monthly", _DEPENDS["level"](p)),
            lambda: monthly_intensity(
                self._once(daily, lambda: daily_intensity(*rules, p)), p.model_copy(update=ends)
            ),
        )

    def window(self, p: PmiSpecification) -> NDArray[np.bool_]:
        """Months of the sample, missing ones included."""
        span = f"sample:{p.start_month}:{p.end_month}"
        return self._once(
            ("window", span, *p.leave_out),
            lambda: in_spells(self.months, [span]) & ~in_spells(self.months, p.leave_out),
        )

    def rows(self, p: PmiSpecification, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Usable months of the sample that have the outcome and every control."""
        rows = self.window(p) & usable
        for name in ("pmi", *p.controls):
            rows &= self.finite(name, p)
        return rows

    def episode(self, p: PmiSpecification) -> tuple[Floats, NDArray[np.bool_]]:
        """Treatments whose first coefficient is the mean effect, and the months left to compare.

        Months of other episodes and of leads have effects of their own: they leave the sample,
        which is the same as a dummy each.
        """

        def make() -> tuple[Floats, NDArray[np.bool_]]:
            here = self.months[self.window(p) & np.isfinite(self("pmi", p))]
            episodes, span = map(Episode.parse, p.episodes), (p.start_month, p.end_month)
            apart = {"leads": p.leads, "after": p.after}
            on = find_spells(list(episodes), here, span, **apart)
            own = on.spells.pop(p.episode).months
            gone = on.months
            dummies = np.stack([self.months == m for m in own], axis=1).astype(float)
            D = np.column_stack([dummies.sum(axis=1), dummies[:, :-1] - dummies[:, 1:]])
            return D, ~self.months.isin(gone)

        key = ("episode", p.episode, p.leads, p.after, p.start_month, p.end_month, *p.episodes)
        return self._once(key, make)

    def treatments(self, p: PmiSpecification, kind: str) -> tuple[bytes, Floats, NDArray[np.bool_]]:
        """Their values as a key, columns over all months, and the months that can be used."""
        if kind == "event":
            D, usable = self.episode(p)
            return D.tobytes(), D, usable

        def make() -> tuple[bytes, Floats, NDArray[np.bool_]]:
            s = self(p.intensity, p)
            before = np.concatenate([[np.nan], s[:-1]])
            D = np.column_stack([s - before, before] if p.level_term else [s - before])
            # An assumed number that a measure does not use leaves its values, and so its key.
            return D.tobytes(), D, np.isfinite(D).all(axis=1)

        return self._once((self.key(p.intensity, p), p.level_term), make)


def event_curve(
    tables: Mapping[str, pd.DataFrame], grid: Grid[PmiSpecification], p: RobustnessParameters
) -> Curve:
    """The mean effect of an episode in every specification of a grid.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Those named in ``ikm_pmi.pmi.sample.TABLES``.
    grid : Grid
        From :func:`ikm_pmi.trust.multiverse.parse_grid`, the first options being chapter 03.

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
    outcomes = null_outcomes(kind, columns, base)
    first = next(e.first for e in map(Episode.parse, base.episodes) if e.name == base.episode)
    start = int(np.flatnonzero(columns.months == pd.Period(first, "M"))[0])
    N, kinds = len(combinations), _ERRORS[kind]
    null, record = np.empty((outcomes.shape[1], N)), np.empty((N, 4))
    errors, found = np.empty((N, len(kinds))), np.empty((N, len(kinds)), bool)
    for fit in fitted(blocks, outcomes, level):
        place, factor, (value, *_) = fit.place, 1.0, fit.estimates
        onset = fit.treatment[start, 0] * value
        null[:, place] = fit.estimates
        if fit.idle is not None:
            factor = _slope(fit.idle[0] + value)
            null[:, place] = _points(fit.idle, fit.estimates)
            value, onset = (_points(fit.idle[0], x) for x in (value, onset))
        record[place] = value, fit.p_value, onset, fit.n
        errors[place] = factor * np.array([fit.std_error[k] for k in kinds])
        reach = [fit.std_error[k] * fit.critical.get(k, 0.0) for k in kinds]
        found[place] = np.abs(fit.estimates[0]) > reach
        found[place, -1] = fit.p_value <= 1 - level + 1e-9
    return summarise(
        kind,
        _table(grid.labels(combinations), record, errors, found, kinds),
        null,
        parameters,
        unit=unit,
        distribution=say("{} null outcomes, one series for all specifications: residuals of the "
                         "first, moved in time", len(null)),
        by_error=dict(zip(kinds, map(float, found.mean(axis=0)), strict=True)),
        duplicates=duplicates,
    )  # fmt: skip


def null_outcomes(kind: str, columns: Columns, p: PmiSpecification) -> Floats:
    """The PMI, then what it would be without any effect, with the same residuals elsewhere in time.

    One outcome for all specifications: controls of the first specification as they fit, and its
    residuals moved around the circle of its months. Months that it does not use stay as they are.

    Returns
    -------
    ndarray of shape (months, R)
        The first column is the PMI itself; R is the number of months of the specification.
    """
    rows = columns.rows(p, columns.treatments(p, kind)[2])
    W = np.column_stack([np.ones(rows.sum()), *(columns(name, p)[rows] for name in p.controls)])
    y = columns("pmi", p)
    basis = np.linalg.qr(W)[0]
    expected = basis @ (basis.T @ y[rows])
    residual, out = y[rows] - expected, np.repeat(y[:, None], rows.sum(), axis=1)
    moved = [np.roll(residual, k) for k in range(len(residual))]
    out[rows] = expected[:, None] + np.stack(moved, axis=1)
    out[:, 0] = y
    return out


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fit:
    """One specification: its coefficient for every outcome, and how sure the first one is.

    Parameters
    ----------
    estimates : ndarray of shape (R,)
        In log odds where ``idle`` is given.
    idle : ndarray of shape (R,), or None
        Mean log odds in months without any treatment; None where the estimates are in points.
    treatment : ndarray of shape (months, p)
    """

    place: int
    estimates: Floats
    idle: Floats | None
    treatment: Floats
    std_error: Mapping[str, float]
    critical: Mapping[str, float]
    p_value: float
    n: int


def fitted(blocks: Sequence[_Block], outcomes: Floats, level: float) -> Iterator[Fit]:
    """Every specification of some blocks, for all outcomes (months, R) at once."""
    by_form = {"points": outcomes}
    if any("logit" in block.outcomes for block in blocks):
        by_form["logit"] = np.log(outcomes / (100 - outcomes))
    for members in _same_size(blocks):
        names = members[0].outcomes
        Y = np.stack([np.stack([by_form[o][b.rows] for o in names], axis=1) for b in members])
        D = np.stack([np.stack([d[b.rows] for d in b.treatments.values()]) for b in members])
        controls = np.stack([b.controls[b.rows] for b in members])
        fits = series_fits(Y[..., 0], D, controls, level)
        values = np.einsum("bct,btor->bcor", fits.weights, Y, optimize=True)
        for b, block in enumerate(members):
            order = {key: c for c, key in enumerate(block.treatments)}
            for (key, form), place in block.places.items():
                at = b, order[key], names.index(form)
                untreated = (D[b, at[1]] == 0).all(axis=1) if form == "logit" else ()
                yield Fit(
                    place=place,
                    estimates=values[at],
                    idle=Y[b][untreated, at[2]].mean(axis=0) if form == "logit" else None,
                    treatment=block.treatments[key],
                    std_error={k: float(v[at]) for k, v in fits.std_error.items()},
                    critical=fits.critical,
                    p_value=float(fits.p_shift[at]),
                    n=Y.shape[1],
                )


def _table(
    table: pd.DataFrame,
    record: Floats,
    errors: Floats,
    found: NDArray[np.bool_],
    kinds: Sequence[str],
) -> pd.DataFrame:
    """The options of each specification with what came of it; the main standard error is last."""
    main = [record[:, 0], errors[:, -1], record[:, 1]]
    table[["estimate", "std_error", "p_value"]] = np.column_stack(main)
    table["significant"], table["at_onset"] = found[:, -1], record[:, 2]
    table["n"] = record[:, 3].astype(int)
    table[[f"std_error_{key}" for key in kinds[:-1]]] = errors[:, :-1]
    return table


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
        rows = columns.rows(p, usable)
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


def _points(start: Any, effect: Any) -> Any:
    """Effects on the log odds as points, from the mean log odds of the months without treatment."""
    return 100 / (1 + np.exp(-(start + effect))) - 100 / (1 + np.exp(-start))


def _slope(end: float) -> float:
    """Points by log odds at the end point, for the delta method."""
    level = 100 / (1 + np.exp(-end))
    return float(level * (100 - level) / 100)
