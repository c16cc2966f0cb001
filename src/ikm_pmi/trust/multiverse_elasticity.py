"""Every specification of the employment elasticity of IKM output."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.wild_bootstrap import draw_weights
from ikm_pmi.jobs.regressions import SCALES, UNIT, check_panel, sample
from ikm_pmi.language import say
from ikm_pmi.parameters import (
    ElasticityParameters,
    ElasticitySpecification,
    RobustnessParameters,
)
from ikm_pmi.trust.multiverse import Curve, Grid, summarise
from ikm_pmi.trust.specification_curve import PanelFits, panel_fits

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_LOGS = ("log_workers", "log_output", "log_establishments")
#: Effects of unit and of year that each form removes; a long difference has one year, a constant.
_EFFECTS = {
    "twfe": (True, True),
    "within_frames": (True, True),
    "fe": (True, False),
    "first_difference": (False, True),
    "long_difference": (False, True),
}


class Cube:
    """The panel as arrays of scale, unit and year.

    Parameters
    ----------
    panel : DataFrame
        Columns of :func:`ikm_pmi.jobs.regressions.check_panel` and ``flagged``.
    deflators : mapping of str to Series
        Price index by year, by the name the parameter ``deflator`` uses.
    """

    def __init__(self, panel: pd.DataFrame, deflators: Mapping[str, pd.Series]) -> None:
        check_panel(panel)
        self.units, self.years = sorted(set(panel["unit"])), sorted(set(panel["year"]))
        index = pd.MultiIndex.from_product([SCALES, self.units, self.years])
        span = {"first_year": self.years[0], "last_year": self.years[-1]}
        whole = ElasticityParameters.parse({}).model_copy(update=span)
        shape = (len(SCALES), len(self.units), len(self.years))

        def cells(deflator: pd.Series | None, *names: str) -> list[Floats]:
            rows = sample(panel, whole, deflator).set_index(["scale", "unit", "year"])
            rows = rows.reindex(index)[list(names)].astype(float)
            return [rows[name].to_numpy().reshape(shape) for name in names]

        self.logs = dict(zip(_LOGS, cells(None, *_LOGS), strict=True))
        self.establishments, flagged = cells(None, "establishments", "flagged")
        self.flagged = flagged == 1
        self.present = np.isfinite(self.logs["log_workers"])
        self.real = {
            name: cells(series, "log_real_output")[0] for name, series in deflators.items()
        }
        self.frame = np.searchsorted(whole.frames, self.years, side="right")

    def rows(self, p: ElasticitySpecification) -> Mask:
        """The cells of a specification, shape (units, years), before its form."""
        s, years = SCALES.index(p.scale), np.array(self.years)
        kept = np.isin(years, p.leave_out_years, invert=True)
        kept &= (years >= p.first_year) & (years <= p.last_year)
        mask: Mask = self.present[s] & kept & ~np.isin(self.units, p.leave_out_units)[:, None]
        if p.drop_flagged:
            mask &= ~self.flagged[s]
        if mask.any(axis=0).sum() < 4:
            raise EstimationError(
                "the panel is too short",
                expected="at least 4 survey years",
                found=", ".join(map(str, years[mask.any(axis=0)])),
                where=f"{p.first_year}-{p.last_year} without {p.leave_out_years}",
                todo="change the options of the grid",
            )
        return mask

    def weights(self, p: ElasticitySpecification, mask: Mask) -> Floats:
        """One weight a unit: 1, or its mean establishments over the rows used."""
        if p.weighting == "none":
            return np.ones(len(self.units))
        total = np.where(mask, self.establishments[SCALES.index(p.scale)], 0.0).sum(axis=1)
        return np.asarray(total / np.maximum(mask.sum(axis=1), 1))

    def columns(self, p: ElasticitySpecification, mask: Mask) -> tuple[list[Floats], Mask]:
        """Outcome and regressors, shape (units, groups of years, years), and the rows used."""
        s = SCALES.index(p.scale)
        names = _LOGS if p.hold_establishments else _LOGS[:2]
        values = [np.where(mask, self.logs[name][s], 0.0) for name in names]
        if p.form == "fe" and p.deflator != "none":
            real = self.real[p.deflator][s]
            mask = mask & np.isfinite(real)
            values[1] = np.where(mask, real, 0.0)
        elif p.form == "first_difference":
            joined: Mask = mask[:, 1:] & mask[:, :-1] & (np.diff(self.years) == 1)
            return [np.diff(v)[:, None] for v in values], joined[:, None]
        elif p.form == "long_difference":
            used = np.flatnonzero(mask.any(axis=0))
            first, last = used[:2], used[-2:]
            whole = mask[:, [*first, *last]].all(axis=1)
            ends = [v[:, last].mean(axis=1) - v[:, first].mean(axis=1) for v in values]
            return [v[:, None, None] for v in ends], np.asarray(whole)[:, None, None]
        if p.form == "within_frames":
            groups = np.equal.outer(np.unique(self.frame), self.frame)
            return [np.repeat(v[:, None], len(groups), axis=1) for v in values], (
                mask[:, None] & groups
            )
        return [v[:, None] for v in values], mask[:, None]


def elasticity_curve(
    panel: pd.DataFrame,
    deflators: Mapping[str, pd.Series],
    grid: Grid[ElasticitySpecification],
    parameters: RobustnessParameters,
) -> Curve:
    """The employment elasticity in every specification of a grid.

    Parameters
    ----------
    panel : DataFrame
        Table ``imk_panel``.
    deflators : mapping of str to Series
        See :class:`Cube`.
    grid : Grid
        From :func:`ikm_pmi.trust.multiverse.parse_grid`, the first options being chapter 06.

    Returns
    -------
    Curve
        p-values from CRV1 and t(G-1); the curve under the null from wild Rademacher draws of
        whole units, the same for all specifications (Cameron, Gelbach & Miller 2008).

    Raises
    ------
    EstimationError
        When a specification cannot be estimated.
    """
    from scipy.stats import t

    cube, level = Cube(panel, deflators), parameters.confidence_level
    jobs, combinations, duplicates = _jobs(cube, grid)
    N = len(combinations)
    record, parts = np.empty((N, 4)), np.empty((N, len(cube.units)))
    for (form, _), members in jobs.items():
        fits = _fit(form, list(members.values()))
        places = list(members)
        record[places] = np.stack([fits.value, fits.std_error, fits.clusters, fits.nobs], axis=1)
        parts[places] = fits.parts
    rng = np.random.default_rng(parameters.seed)
    v, _, _ = draw_weights(len(cube.units), parameters.draws, "rademacher", rng)
    null = np.vstack([np.ones(len(cube.units)), v]) @ parts.T
    null[0] = record[:, 0]
    ratio, G = record[:, 0] / record[:, 1], record[:, 2]
    table = grid.labels(combinations)
    table[["estimate", "std_error"]] = record[:, :2]
    table["p_value"] = 2 * t.sf(np.abs(ratio), G - 1)
    table["significant"] = table["p_value"] <= 1 - level
    table["n"] = record[:, 3].astype(int)
    reached = (np.abs(null) >= np.abs(null[0]) * (1 - 1e-9)).mean(axis=0)
    return summarise(
        "elasticity",
        table,
        null,
        parameters,
        unit=UNIT,
        distribution=say("{:,} wild draws of whole units, the same for all", parameters.draws),
        by_error={
            "crv1, t(G-1)": float(table["significant"].mean()),
            "wild, null imposed": float((reached <= 1 - level).mean()),
        },
        duplicates=duplicates,
    )


Job = tuple[list[Floats], Mask, Floats]


def _jobs(
    cube: Cube, grid: Grid[ElasticitySpecification]
) -> tuple[dict[tuple[str, int], dict[int, Job]], list[tuple[int, ...]], int]:
    """Regressions by form and number of regressors, each once, with its place."""
    jobs: dict[tuple[str, int], dict[int, Job]] = {}
    seen: set[Hashable] = set()
    combinations: list[tuple[int, ...]] = []
    duplicates = 0
    for combination, p in grid.specifications():
        mask = cube.rows(p)
        # Within one frame the frames say nothing; only `fe` reads prices.
        one_frame = p.form == "within_frames" and len(set(cube.frame[mask.any(axis=0)])) == 1
        form = "twfe" if one_frame else p.form
        prices = p.deflator if form == "fe" else ""
        own = (form, p.scale, p.hold_establishments, p.weighting, prices, mask.tobytes())
        if own in seen:
            duplicates += 1
            continue
        seen.add(own)
        values, rows = cube.columns(p, mask)
        job = values, rows, cube.weights(p, mask)
        jobs.setdefault((form, len(values)), {})[len(combinations)] = job
        combinations.append(combination)
    return jobs, combinations, duplicates


def _fit(form: str, members: list[Job]) -> PanelFits:
    values, masks, weights = zip(*members, strict=True)
    unit, year = _EFFECTS[form]
    stacked = [np.stack(column) for column in zip(*values, strict=True)]
    return panel_fits(stacked, np.stack(masks), np.stack(weights), unit=unit, year=year)
