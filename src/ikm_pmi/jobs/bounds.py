"""How far measurement error can move the elasticity, if output does not answer workers.

Let true log output y*, log workers l* = b y* + u and log establishments e* be measured with an
error w that all three share (survey weights) and errors of their own. Within units and years:

* The **reverse regression** bound ``1/d``, d from log output on log workers, is not below b for
  0 <= b <= 1, whatever the variances of the errors, as long as u is unrelated to y* (Klepper &
  Leamer 1984, two variables; the shared error only raises it).
* The **shared-weights bound** ``Cov(l - e, y) / Cov(y - e, y)`` is not above b for 0 <= b <= 1 and
  0 <= Cov(e*, y*) < Var(y*): w cancels in l - e and y - e, and what is taken away for it, all of
  Cov(e, y), is at least its variance.

The **stated range** runs from the lower confidence limit of the second to the upper one of the
first; each limit has half the error rate, so the range holds the truth with the coverage asked
for. Where more workers are more output (a household's workshop), u and y* are related and neither
bound holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.inference.absorb import design, moments
from ikm_pmi.inference.clusters import critical_t, leave_one_out
from ikm_pmi.inference.ratio import ratio_set
from ikm_pmi.jobs.panel import controls_of, own_panel, span_of
from ikm_pmi.jobs.regressions import (
    UNIT,
    Formula,
    by_unit,
    check_panel,
    margins_exist,
    sample,
)
from ikm_pmi.language import say, translated
from ikm_pmi.results import Estimate, Findings, number, percent

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class BoundsResult(Findings):
    """The two bounds, and the range they state.

    ``low`` and ``high`` are the ends of the stated range; None where it has no end.
    ``sensitivity`` shows the two-way elasticity corrected for shared weights: ``elasticity`` by
    ``share`` of Cov(e, y) that is error, 0 (none) to 1 (the shared-weights bound).
    """

    low: float | None
    high: float | None
    level: float
    sensitivity: pd.DataFrame

    @translated
    def sentence(self) -> str:
        """The stated range in one sentence."""
        low = number(self.low) if self.low is not None else "no lower end"
        high = number(self.high) if self.high is not None else "no upper end"
        return say("With errors in output and in the weights that output and workers share, the "
                   "elasticity lies between {} and {} ({} range).",
                   low, high, percent(self.level))  # fmt: skip


def bounds(
    frame: pd.DataFrame,
    parameters: ElasticityParameters | None = None,
    *,
    controls: Sequence[str] = (),
    **columns: str,
) -> BoundsResult:
    """Bound the two-way elasticity of the total.

    Parameters
    ----------
    frame, parameters, controls, **columns
        As for :func:`ikm_pmi.jobs.elasticity.elasticity`; clusters are the units.

    Returns
    -------
    BoundsResult
        ``elasticity.reverse_bound`` and ``elasticity.shared_weights_bound``; the second, and the
        lower end of the range, only where units have more than one establishment. A confidence set
        that is no interval leaves ``ci_low`` and ``ci_high`` empty and is spelt out in
        ``detail["set"]``.

    Raises
    ------
    DataError
        When the panel is refused.
    EstimationError
        When a regression is not identified in these years, or a name is unknown.

    References
    ----------
    Klepper & Leamer (1984), Econometrica 52. Griliches & Hausman (1986), Journal of Econometrics
    31. Fieller (1954), Journal of the Royal Statistical Society B 16 (the set of a ratio).

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> found = ikm.bounds(ikm.load("imk_panel"), ikm.defaults("06"))
    >>> round(found["elasticity.shared_weights_bound"].value, 2), round(found.high, 1)
    (0.02, 2.4)
    """
    frame = own_panel(frame, controls, **columns)
    check_panel(frame)
    parameters = parameters or span_of(frame)
    rows = sample(frame, parameters)
    total = rows[rows["scale"] == "total"]
    several = margins_exist(total)
    found = [_reverse(total, parameters)]
    found += [shared_weights(total, parameters)] if several else []
    notes = [
        "The bounds assume an elasticity between 0 and 1: an end of the range outside these says "
        "that the data alone do not narrow that side.",
        "They assume that output does not answer workers. Where it does, as in a household's "
        "workshop, they do not hold.",
    ]
    if not several:
        notes.append(
            "Every unit is one establishment: an error that output and workers share cannot be "
            "seen, and the range has no lower end."
        )
    return BoundsResult(
        estimates=tuple(found),
        notes=tuple(notes),
        low=found[1].ci_low if several else None,
        high=found[0].ci_high,
        level=parameters.confidence_level,
        sensitivity=_sensitivity(total) if several else pd.DataFrame(),
    )


def _pair(f: pd.DataFrame, *outcomes: str) -> tuple[float, float, np.ndarray]:
    """The coefficients of two outcomes on log output, two-way effects, and their joint CRV3."""
    regressors, effects = ["log_output", *controls_of(f)], ("unit", "year")
    both = [moments(design(f, y, regressors, effects=effects, weights="weight")) for y in outcomes]
    deviations = np.stack([leave_one_out(m)[:, 0] - m.params[0] for m in both], axis=1)
    G = both[0].n_clusters
    n, d = (float(m.params[0]) for m in both)
    return n, d, (G - 1) / G * deviations.T @ deviations


def _sensitivity(total: pd.DataFrame) -> pd.DataFrame:
    """``(b - s b_e) / (1 - s b_e)``, b_e of log establishments on log output, over shares s."""
    b, extensive, _ = _pair(total, "log_workers", "log_establishments")
    share = np.linspace(0, 1, 21)
    value = (b - share * extensive) / (1 - share * extensive)
    return pd.DataFrame({"share": share, "elasticity": value})


def _reverse(total: pd.DataFrame, parameters: ElasticityParameters) -> Estimate:
    """``1/d``: the interval of d by wild bootstrap inversion, turned over."""
    turned = Formula("log_output ~ log_workers | unit + year", "")
    found = by_unit(turned, total, parameters)
    wild = found.wild
    bounded = wild.ci_low is not None and wild.ci_low > 0 and wild.ci_high is not None
    method = "reciprocal of log output on log workers, two-way fixed effects; interval: {}"
    return Estimate(
        name="elasticity.reverse_bound",
        value=1 / wild.value,
        unit=UNIT,
        n=found.n,
        std_error=wild.std_error / wild.value**2,
        ci_low=1 / wild.ci_high if bounded and wild.ci_high else None,
        ci_high=1 / wild.ci_low if bounded and wild.ci_low else None,
        ci_level=parameters.confidence_level,
        method=say(method, wild.distribution),
        detail={"reverse_slope": wild.value, "n_units": wild.n_clusters},
    )


def shared_weights(total: pd.DataFrame, parameters: ElasticityParameters) -> Estimate:
    """Workers and output, both per establishment, on output: the ratio of the coefficients."""
    n, d, covariance = _pair(total, "log_workers_per", "log_output_per")
    G = total["unit"].nunique()
    ratio = ratio_set(n, d, covariance, critical_t(parameters.confidence_level, G))
    return Estimate(
        name="elasticity.shared_weights_bound",
        value=ratio.value,
        unit=UNIT,
        n=len(total),
        std_error=ratio.std_error,
        ci_low=ratio.low if ratio.bounded else None,
        ci_high=ratio.high if ratio.bounded else None,
        ci_level=parameters.confidence_level,
        method=say("log workers and log output, both per establishment, on log output, two-way "
                   "fixed effects: ratio of the coefficients; Fieller set with CRV3, t({})", G - 1),
        detail={"set": str(ratio), "numerator": n, "denominator": d},
    )  # fmt: skip
