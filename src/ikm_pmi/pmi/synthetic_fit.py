"""Months, donors and weights of a synthetic control, and the gap they leave.

A donor must have every month, be a country rather than an aggregate, and not have changed its own
restrictions in the same months: one that tightens hides part of the gap, one that eases adds to it.

The quadratic programme goes to scipy's non-negative least squares, which is exact. pysyncon, whose
optimiser (SLSQP with numerical derivatives) can stop a little short of the optimum, is the second
implementation in the tests: placebos, conformal refits and cross-validation need hundreds of fits,
and one decomposition serves every ridge penalty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import DataError, EstimationError, named
from ikm_pmi.language import joined, say
from ikm_pmi.parameters import Episode, SyntheticParameters
from ikm_pmi.parameters.pmi import FEWEST_BEFORE

AGGREGATES = MappingProxyType({"ASN": "contains Indonesia", "EUZ": "made of other donors"})
_COLUMNS = ("country_iso3", "month", "pmi", "stringency")
_REFERENCE_MONTHS = 3  # before the episode, against which a donor's own change is measured


def wide(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of the long panel as months × countries, months without a gap."""
    absent = [name for name in _COLUMNS if name not in frame.columns]
    twice = frame.duplicated(list(_COLUMNS[:2])) if not absent else pd.Series(dtype=bool)
    if absent or twice.any():
        raise DataError(
            "the country panel cannot be used",
            expected="columns " + ", ".join(_COLUMNS) + " and one row a country and month",
            found=f"no column {', '.join(absent)}" if absent else f"{twice.sum()} repeated rows",
            todo="build it with ikm_pmi.data.frames.country_monthly",
        )
    month = pd.PeriodIndex(frame["month"].astype(str), freq="M")
    by_month = frame.assign(month=month).set_index(["month", "country_iso3"])[column]
    table = by_month.unstack("country_iso3")  # noqa: PD010 (nothing to aggregate)
    every = pd.period_range(month.min(), month.max(), freq="M", name="month")
    return table.reindex(every).sort_index(axis=1)


def spell(episode: Episode) -> pd.PeriodIndex:
    """The months of an episode."""
    return pd.period_range(episode.first, episode.last, freq="M", name="month")


def _before(episode: Episode, parameters: SyntheticParameters) -> pd.PeriodIndex:
    """Months from the first of the pre-period to the episode, without gaps and other episodes."""
    last = pd.Period(episode.first, "M") - 1
    months = pd.period_range(parameters.synthetic_start_month, last, freq="M", name="month")
    for text in (*parameters.masked, *parameters.episodes):
        months = months.difference(spell(Episode.parse(text)))
    return months


def months_used(
    pmi: pd.DataFrame, episode: Episode, parameters: SyntheticParameters
) -> pd.PeriodIndex:
    """Months used: those of the pre-period with a PMI of the country, then the episode."""
    treated, own, before = parameters.treated_country, spell(episode), _before(episode, parameters)
    named({name: name for name in pmi}, treated, what="country", where="treated_country")
    known = pd.PeriodIndex(pmi.index[pmi[treated].notna()])
    kept, lost = before.intersection(known), own.difference(known)
    if len(lost) or len(kept) < parameters.minimum_pre_months:
        raise EstimationError(
            f"{treated} cannot be studied in {episode.name}",
            expected="its PMI in every month of the episode and in at least "
            f"{parameters.minimum_pre_months} before",
            found=f"{len(kept)} months before {own[0]}"
            + (", no PMI in " if len(lost) else "")
            + ", ".join(map(str, lost)),
            where=f"{parameters.synthetic_start_month} to {episode.last}",
            todo=f"choose an episode without {', '.join(map(str, lost))}"
            if len(lost)
            else f"set minimum_pre_months={len(kept)}, or take an earlier synthetic_start_month"
            if len(kept) >= FEWEST_BEFORE
            else "take an earlier synthetic_start_month, a later episode or another country",
        )
    return pd.PeriodIndex(kept.append(own))


def unseen(months: pd.Index, episode: Episode, parameters: SyntheticParameters) -> tuple[str, ...]:
    """A note that names the months of the pre-period without a PMI, where there are any."""
    holes = _before(episode, parameters).difference(pd.PeriodIndex(months))
    if not len(holes):
        return ()
    listed = joined(", ", holes)
    return (
        say("{}: {} has no PMI in {}; left out.", episode.name, parameters.treated_country, listed),
    )


def screen(
    pmi: pd.DataFrame,
    stringency: pd.DataFrame,
    episode: Episode,
    parameters: SyntheticParameters,
) -> pd.DataFrame:
    """Which countries may be donors, and why the others may not.

    The change is the monthly stringency of the episode farthest from the mean of the three months
    before it, less that mean; a donor that tightened or eased by more than ``max_change`` is out.

    Parameters
    ----------
    pmi : DataFrame, shape (months used, countries)
    stringency : DataFrame, shape (months, countries)
        0-100, of all months known.

    Returns
    -------
    DataFrame
        Indexed by country: ``episode``, ``role`` (treated, donor, excluded), ``reason``,
        ``months_missing`` and ``change`` (stringency points; missing where not measured).
    """
    own = spell(episode)
    reference = pd.period_range(own[0] - _REFERENCE_MONTHS, own[0] - 1, freq="M")
    needed = stringency.reindex(reference.append(own))
    known = needed.notna().all()
    moved = needed.loc[own] - needed.loc[reference].mean()
    rise, fall = moved.max(), moved.min()
    largest = rise.where(rise >= -fall, fall).where(known)
    holes = pmi.isna()
    rows = []
    for country in pmi.columns:
        gap, change = int(holes[country].sum()), float(largest.get(country, np.nan))
        reason = _why_not(country, holes.index[holes[country]], change, parameters)
        role = "excluded" if reason else "donor"
        if country == parameters.treated_country:
            role, reason = "treated", ""
        rows.append((country, episode.name, role, reason, gap, change))
    columns = ["country_iso3", "episode", "role", "reason", "months_missing", "change"]
    table = pd.DataFrame(rows, columns=columns).set_index("country_iso3")
    donors = table.index[table["role"] == "donor"]
    if len(donors) < 3:
        counts = table.loc[table["role"] == "excluded", "reason"].str.split(":").str[0]
        raise EstimationError(
            f"too few donors for {episode.name}",
            expected="at least 3, so that each placebo has 2 donors of its own",
            found=f"{len(donors)} ({', '.join(donors) or 'none'}); excluded: "
            + "; ".join(f"{n} {why}" for why, n in counts.value_counts().items()),
            where=f"{pmi.index[0]} to {pmi.index[-1]}",
            todo="move synthetic_start_month forward or raise max_change",
        )
    return table


def _why_not(
    country: str, missing: pd.Index, change: float, parameters: SyntheticParameters
) -> str:
    """Why a country is no donor; empty when it is one."""
    if country in AGGREGATES:
        return say("aggregate: {}", AGGREGATES[country])
    if country in parameters.own_lockdown:
        return "lockdown of its own: named in own_lockdown"
    if len(missing) > 0:
        first = joined(", ", missing[:3])
        first = say("{} …", first) if len(missing) > 3 else first
        return say("missing months: {} ({})", len(missing), first)
    if parameters.max_change < 100 and np.isnan(change):
        return "stringency unknown: its own change cannot be judged"
    if change > parameters.max_change:
        return say("tightened itself: stringency rose by {:.1f} points", change)
    if change < -parameters.max_change and not parameters.keep_easers:
        return say("eased: stringency fell by {:.1f} points", -change)
    return ""


Variant = Literal["classic", "augmented", "difference"]
VARIANTS: tuple[Variant, ...] = ("classic", "augmented")

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SyntheticFit:
    """A treated unit beside its synthetic control.

    Parameters
    ----------
    weights : Series, shape (donors,)
        Sum to one; not negative except in the augmented variant.
    penalty : float or None
        Ridge penalty of the augmented variant, squared outcome units.
    gaps : Series, shape (periods,)
        Observed minus synthetic, in outcome units, less the intercept of ``difference``.
    post : ndarray of bool, shape (periods,)
        The periods whose gap is the effect; the weights saw only the others.
    """

    variant: Variant
    treated: str
    weights: pd.Series
    penalty: float | None
    gaps: pd.Series
    post: NDArray[np.bool_]

    @property
    def effects(self) -> pd.Series:
        """Gap of each treated period."""
        return self.gaps[self.post]

    @property
    def mean(self) -> float:
        """Mean gap over the treated periods."""
        return float(self.effects.mean())

    @property
    def pre_rmspe(self) -> float:
        """Root mean squared gap over the periods the weights were fitted on."""
        return float(np.sqrt((self.gaps[~self.post] ** 2).mean()))

    @property
    def rmspe_ratio(self) -> float:
        """Root mean squared gap after over before (Abadie, Diamond & Hainmueller 2010).

        Raises
        ------
        EstimationError
            When the fit before is exact, so that the ratio has no value.
        """
        before = self.pre_rmspe
        if before <= 1e-9 * float(np.abs(self.gaps).max()) or before == 0:
            raise EstimationError(
                f"the RMSPE ratio of {self.treated} has no value",
                expected="a synthetic control that does not fit the pre-period exactly",
                found=f"pre-period RMSPE {before:.2g} with {len(self.weights)} donors",
                where=f"{self.variant} synthetic control",
                todo="lengthen the pre-period or leave out donors",
            )
        return float(np.sqrt((self.effects**2).mean())) / before


def fit(
    outcomes: pd.DataFrame,
    treated: str,
    post: Iterable[Any],
    *,
    variant: Variant = "classic",
    penalty: float | None = None,
) -> SyntheticFit:
    """Fit one synthetic control on all periods outside ``post``.

    Classic: ``min_w ||y_1 - Y_0 w||²`` over the simplex, every pre-period outcome a predictor of
    equal importance. Augmented: the same plus a ridge correction of what imbalance is left.
    Difference: equal weights and a constant, the two-way difference in differences.

    Parameters
    ----------
    outcomes : DataFrame, shape (periods, units)
        Complete, in time order; all columns other than ``treated`` are donors.
    treated : str
        Column of the treated unit.
    post : index labels
        Treated periods.
    variant : {"classic", "augmented", "difference"}
    penalty : float, optional
        Of the augmented variant; when left out chosen by leaving out one pre-period at a time
        (largest within one standard error).

    Raises
    ------
    EstimationError
        For missing or infinite outcomes, donors that are all alike, fewer than two donors, no
        treated or no other period (three others where a ridge penalty is chosen), or weights that
        are not the optimum.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010); Ben-Michael, Feller & Rothstein (2021).

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"A": [5.0, 1, 3, 0], "B": [1.0, 3, 2, 5], "C": [7.0, 0, 5, 6]})
    >>> wide["T"] = (wide["A"] + wide["B"]) / 2 + [0, 0, 0, -2]
    >>> round(fit(wide, "T", [3]).mean, 3)
    -2.0
    """
    named({one: one for one in get_args(Variant)}, variant, what="variant")
    named({one: one for one in outcomes}, treated, what="unit", where="outcomes")
    mask = np.asarray(outcomes.index.isin(list(post)))
    _check(outcomes, treated, mask, 3 if variant == "augmented" and penalty is None else 1)
    donors = outcomes.drop(columns=treated)
    y0, y1 = donors.to_numpy(float), outcomes[treated].to_numpy(float)
    if penalty is None and variant == "augmented":
        penalty = _ridge_penalty(y0[~mask], y1[~mask])
    weights, intercept = solve(y0[~mask], y1[~mask], variant=variant, penalty=penalty)
    return SyntheticFit(
        variant=variant,
        treated=treated,
        weights=pd.Series(weights, index=donors.columns, name=variant),
        penalty=penalty,
        gaps=pd.Series(y1 - y0 @ weights - intercept, index=outcomes.index, name=variant),
        post=mask,
    )


def _check(outcomes: pd.DataFrame, treated: str, post: NDArray[np.bool_], least: int) -> None:
    holes = outcomes.columns[outcomes.isna().any()]
    values = outcomes.drop(columns=treated).to_numpy(float)[~post]
    endless = outcomes.columns[np.isinf(outcomes.to_numpy(float)).any(axis=0)]
    apart = float(np.ptp(values, axis=1).max()) if values.size and not len(holes) else 1.0
    n_donors, n_before = outcomes.shape[1] - 1, int((~post).sum())
    for wrong, expected, found in (
        (len(holes) > 0, "complete outcomes", f"missing periods in {', '.join(map(str, holes))}"),
        (len(endless) > 0, "finite outcomes", f"infinite ones in {', '.join(map(str, endless))}"),
        (n_donors < 2, "at least 2 donors", f"{n_donors} donor(s)"),
        (not post.any(), "treated periods among the rows", "none of them"),
        (n_before < least, f"at least {least} period(s) outside the treated ones", f"{n_before}"),
        (
            not 1e-75 < apart < 1e75 or apart <= 1e-12 * np.abs(values).max(),
            "donors that differ before, by numbers whose fourth powers are numbers",
            f"differences of up to {apart:.2g}",
        ),
    ):
        if wrong:
            raise EstimationError(
                "no synthetic control can be fitted",
                expected=expected,
                found=found,
                where=f"{treated}, {outcomes.shape[0]} periods",
                todo="choose another window or other donors",
            )


def solve(
    y0: Array, y1: Array, *, variant: Variant = "classic", penalty: float | None = None
) -> tuple[Array, float]:
    """Weights and intercept from outcome arrays of shape (periods, donors) and (periods,).

    Raises
    ------
    EstimationError
        When the optimiser stops short of the optimum.
    """
    level = y0.mean(axis=1)
    if variant == "difference":
        return np.full(y0.shape[1], 1 / y0.shape[1]), float((y1 - level).mean())
    scale = float(np.sqrt(((y0 - level[:, None]) ** 2).mean())) or 1.0
    x0, x1 = (y0 - level[:, None]) / scale, (y1 - level) / scale
    weights = _simplex(x0, x1)
    if variant == "augmented":
        ridge = max((penalty or 0.0) / scale**2, 1e-12)
        weights = weights + _ridge(x0, x1 - x0 @ weights, np.array([ridge]))[0]
    return weights, 0.0


def _simplex(x0: Array, x1: Array) -> Array:
    """Minimise ``||x1 - x0 w||²`` over the simplex.

    On the simplex ``x1 - x0 w = -B w`` with ``B = x0 - x1 1'``, and the minimiser of
    ``||B u||² + (1'u - 1)²`` over ``u >= 0`` is a multiple of the one sought: one call of
    non-negative least squares.
    """
    from scipy.optimize import nnls

    rows = x0 - x1[:, None]
    size = float(np.sqrt((rows**2).sum(axis=0).mean())) or 1.0
    target = np.append(np.zeros(len(rows)), 1.0)
    raw, _ = nnls(np.vstack([rows / size, np.ones(rows.shape[1])]), target)
    weights: Array = raw / raw.sum()
    # The Frank-Wolfe gap bounds the distance of half the objective to its minimum from above.
    gradient = x0.T @ (x0 @ weights - x1)
    gap = float(gradient @ weights - gradient.min())
    if not gap <= 1e-6 * float(x1 @ x1 + len(x1)):
        raise EstimationError(
            "the weights of a synthetic control did not converge",
            expected="an objective within one millionth of its minimum",
            found=f"up to {gap:.2g} above it",
            where=f"{x0.shape[1]} donors, {x0.shape[0]} periods",
            todo="check the outcomes for units of very different size",
        )
    return weights


def _ridge(x0: Array, left: Array, penalties: Array) -> Array:
    """Corrections ``(x0'x0 + λ)⁻¹ x0' left`` of shape (penalties, donors); x0 without row means."""
    u, size, v = np.linalg.svd(x0, full_matrices=False)
    corrections: Array = (left @ u) * size / (size**2 + penalties[:, None]) @ v
    # Rows of x0 sum to zero, and so do the corrections: what they do not is rounding over λ.
    corrections -= corrections.mean(axis=1, keepdims=True)
    return corrections


def _ridge_penalty(y0: Array, y1: Array) -> float:
    """Ridge penalty by leaving out one period at a time, largest within one standard error.

    Grid and periods left out (all but the last) are those of Ben-Michael, Feller & Rothstein's own
    program, augsynth.
    """
    level = y0.mean(axis=1)
    x0, x1 = y0 - level[:, None], y1 - level
    largest = np.linalg.svd(x0, compute_uv=False)[0] ** 2
    penalties = largest * 1e-8 ** ((np.arange(21) - 1) / 20)
    errors = np.empty((len(x1) - 1, len(penalties)))
    for period in range(len(errors)):
        kept = np.arange(len(x1)) != period
        weights = _simplex(x0[kept], x1[kept])
        every = weights + _ridge(x0[kept], x1[kept] - x0[kept] @ weights, penalties)
        errors[period] = (x1[period] - every @ x0[period]) ** 2
    mean, error = errors.mean(axis=0), errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    best = int(mean.argmin())
    return float(penalties[mean <= mean[best] + error[best]].max())
