"""How far a gap is from chance: conformal sets and placebos in space, in time, donor by donor.

One treated unit and two months leave no sampling theory to lean on, so each tool here is a
rearrangement, and each says the smallest p it can attain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.models.synthetic_fit import SyntheticFit, fit, solve

__all__ = [
    "ConformalSet",
    "conformal_p",
    "conformal_set",
    "leave_one_out",
    "placebo_dates",
    "placebo_space",
    "rank_p",
]

_REACH = 12.0  # the grid of effects reaches this many pre-period RMSPE to either side
_STEPS = 24
_HALVINGS = 8


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

    def p_value(effect: float) -> float:
        return conformal_p(model, outcomes, effect)

    alpha, floor, centre = 1 - level, 1 / len(outcomes), model.mean
    p_zero = p_value(0.0)
    if floor > alpha:
        return ConformalSet(low=None, high=None, p_zero=p_zero, minimum_p=floor, shape="unbounded")
    step = max(model.pre_rmspe, float(outcomes[model.treated].std()) / 50) * _REACH / _STEPS
    grid = centre + step * np.arange(-_STEPS, _STEPS + 1)
    kept = np.array([p_value(effect) > alpha for effect in grid])
    if not kept.any():
        return ConformalSet(low=None, high=None, p_zero=p_zero, minimum_p=floor, shape="empty")
    first, last = int(kept.argmax()), len(kept) - 1 - int(kept[::-1].argmax())
    low = None if first == 0 else _edge(p_value, alpha, grid[first], grid[first - 1])
    high = None if last == len(kept) - 1 else _edge(p_value, alpha, grid[last], grid[last + 1])
    whole = "interval" if kept[first : last + 1].all() else "in pieces"
    shape = "unbounded" if low is None or high is None else whole
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
    y0 = outcomes.drop(columns=model.treated).to_numpy(float)
    relieved = outcomes[model.treated].to_numpy(float) - effect * model.post
    weights, intercept = solve(y0, relieved, variant=model.variant, penalty=model.penalty)
    size, n_post = np.abs(relieved - y0 @ weights - intercept), int(model.post.sum())
    blocks = np.asarray([np.roll(size, shift)[-n_post:].mean() for shift in range(len(size))])
    return float(np.mean(blocks >= blocks[0] * (1 - 1e-12)))  # ties count against the effect


def _edge(p_value: Callable[[float], float], alpha: float, inside: float, outside: float) -> float:
    """The end of the set between a kept and a rejected effect, by halving."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_value(middle) > alpha else (inside, middle)
    return float(inside)


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


def placebo_dates(model: SyntheticFit, outcomes: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """The episode moved to each earlier date that leaves ``minimum`` periods before it.

    Returns
    -------
    DataFrame
        Indexed by the first placebo period: ``n_pre``, ``mean`` gap, ``pre_rmspe``. What happened
        from the placebo date on is hidden from the weights. Empty when the pre-period is too
        short to be divided.
    """
    length = int(model.post.sum())
    starts = range(minimum, int((~model.post).sum()) - length + 1)
    again = [
        fit(
            outcomes.iloc[: start + length],
            model.treated,
            outcomes.index[start : start + length],
            variant=model.variant,
            penalty=model.penalty,
        )
        for start in starts
    ]
    return pd.DataFrame(
        {
            "n_pre": list(starts),
            "mean": [one.mean for one in again],
            "pre_rmspe": [one.pre_rmspe for one in again],
        },
        index=pd.Index(outcomes.index[list(starts)], name="start"),
    )
