"""How far a gap is from chance: conformal sets and placebos in space, donor by donor.

One treated unit and two months leave no sampling theory to lean on, so each tool here is a
rearrangement, and each says the smallest p it can attain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.conformal import shift_p
from ikm_pmi.inference.inversion import pieces
from ikm_pmi.inference.regression import check_rows
from ikm_pmi.pmi.synthetic_fit import Array, SyntheticFit, fit, solve

_REACH = 12.0  # the grid of effects reaches this many pre-period RMSPE to either side
_STEPS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class ConformalSet:
    """Constant effects that a conformal test does not reject.

    Parameters
    ----------
    low, high : float or None
        Ends of the set in outcome units; None where it does not end within the grid.
    p_zero : float
        p of no effect.
    minimum_p : float
        One over the number of periods.
    shape : {"interval", "in pieces", "unbounded", "empty"}
        Of a set ``in pieces`` the outermost ends are given.
    """

    low: float | None
    high: float | None
    p_zero: float
    minimum_p: float
    shape: str


def conformal_set(model: SyntheticFit, outcomes: pd.DataFrame, level: float) -> ConformalSet:
    """Constant effects that `conformal_p` does not reject, by a grid and halving at its ends.

    Parameters
    ----------
    model : SyntheticFit
    outcomes : DataFrame, shape (periods, units)
        What the model was fitted on, treated periods last.
    level : float
        Coverage, between 0 and 1.
    """
    p_of, alpha, floor = _p_of(model, outcomes), 1 - level, 1 / len(outcomes)
    found: Sequence[tuple[float | None, float | None]] = [(None, None)]  # 1/n refuses nothing
    if floor <= alpha:
        step = max(model.pre_rmspe, float(outcomes[model.treated].std()) / 50) * _REACH / _STEPS
        grid = np.asarray(model.mean + step * np.arange(-_STEPS, _STEPS + 1), float)
        found = pieces(lambda effects: p_of(effects) > alpha, grid, atol=1e-6 * step)
    low, high = (found[0][0], found[-1][1]) if found else (None, None)
    if not found:
        shape = "empty"
    elif low is None or high is None:
        shape = "unbounded"
    else:
        shape = "interval" if len(found) == 1 else "in pieces"
    p_zero = float(p_of(np.zeros(1))[0])
    return ConformalSet(low=low, high=high, p_zero=p_zero, minimum_p=floor, shape=shape)


def conformal_p(model: SyntheticFit, outcomes: pd.DataFrame, effect: float = 0.0) -> float:
    """Conformal p of "the effect is ``effect`` in every treated period", by moving blocks.

    The treated unit is relieved of the effect, the weights are fitted on *all* periods, and the
    mean absolute gap of the treated periods (the last ones) is ranked among its cyclic shifts.
    The penalty stays at the value of ``model``. Valid for stationary, weakly dependent gaps.

    References
    ----------
    Chernozhukov, Wüthrich & Zhu (2021), An Exact and Robust Conformal Inference Method, JASA.
    """
    return float(_p_of(model, outcomes)(np.array([effect]))[0])


def _p_of(model: SyntheticFit, outcomes: pd.DataFrame) -> Callable[[Array], Array]:
    _check(model, outcomes)
    y0 = outcomes.drop(columns=model.treated).to_numpy(float)
    y1 = outcomes[model.treated].to_numpy(float)

    def size(effect: float) -> Array:
        relieved = y1 - effect * model.post
        weights, intercept = solve(y0, relieved, variant=model.variant, penalty=model.penalty)
        return np.asarray(np.abs(relieved - y0 @ weights - intercept), float)

    return shift_p(lambda effects: np.stack([*map(size, effects)]), np.flatnonzero(model.post))


def _check(model: SyntheticFit, outcomes: pd.DataFrame) -> None:
    """Refuse other rows than those of the fit, and treated periods that are not the last."""
    check_rows(model.gaps, outcomes, where=model.treated)
    if not model.post[-int(model.post.sum()) :].all():
        raise EstimationError(
            "the treated periods are not the last rows",
            expected="the episode at the end of the outcomes",
            found=f"{int(model.post.sum())} treated of {len(outcomes)}, the last "
            + ("treated" if model.post[-1] else "not"),
            where=model.treated,
            todo="leave the periods after the episode out, and sort the rows",
        )


def placebo_space(model: SyntheticFit, outcomes: pd.DataFrame) -> pd.DataFrame:
    """The same study with each donor in the treated unit's place, the treated unit left out.

    Returns
    -------
    DataFrame
        Indexed by unit, the treated one first: ``mean``, ``pre_rmspe``, ``rmspe_ratio``.

    Raises
    ------
    EstimationError
        With fewer than three donors, or when a unit is fitted exactly before.
    """
    check_rows(model.gaps, outcomes, where=model.treated)
    donors = outcomes.drop(columns=model.treated)
    if donors.shape[1] < 3:
        raise EstimationError(
            "no placebo in space can be run",
            expected="at least 3 donors, so that each has 2 of its own",
            found=f"{donors.shape[1]} donors",
            where=model.treated,
            todo="widen the donor pool or shorten the pre-period",
        )
    post = outcomes.index[model.post]
    fits = [model] + [
        fit(donors, unit, post, variant=model.variant, penalty=model.penalty)
        for unit in donors.columns
    ]
    return pd.DataFrame(
        {
            "mean": [one.mean for one in fits],
            "pre_rmspe": [one.pre_rmspe for one in fits],
            "rmspe_ratio": [one.rmspe_ratio for one in fits],
        },
        index=pd.Index([one.treated for one in fits], name="unit"),
    )


def rank_p(placebos: pd.DataFrame) -> float:
    """Share of units whose RMSPE ratio is at least the treated unit's, itself included."""
    ratios = placebos["rmspe_ratio"].to_numpy()
    return float(np.mean(ratios >= ratios[0] * (1 - 1e-12)))


def leave_one_out(model: SyntheticFit, outcomes: pd.DataFrame) -> pd.DataFrame:
    """The study again without each donor that carries weight.

    Returns
    -------
    DataFrame
        Indexed by the donor left out: ``weight`` it had, ``mean`` effect and ``pre_rmspe``
        without it.
    """
    check_rows(model.gaps, outcomes, where=model.treated)
    post = outcomes.index[model.post]
    shares = model.weights[model.weights.abs() > 1e-3]
    again = [
        fit(
            outcomes.drop(columns=unit),
            model.treated,
            post,
            variant=model.variant,
            penalty=model.penalty,
        )
        for unit in shares.index
    ]
    return pd.DataFrame(
        {
            "weight": shares.to_numpy(),
            "mean": [one.mean for one in again],
            "pre_rmspe": [one.pre_rmspe for one in again],
        },
        index=pd.Index(shares.index, name="left_out"),
    )
