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
for. The dynamic form and the instruments answer other objections and are shown beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.inference.clusters import critical_t, crv3
from ikm_pmi.inference.ratio import ratio_set
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.language import spoken
from ikm_pmi.models.elasticity_instruments import (
    from_ratio,
    instrumented,
    lagged_output,
    pair,
    shift_share,
)
from ikm_pmi.models.elasticity_sample import check_panel, differences, sample
from ikm_pmi.models.elasticity_specs import UNIT
from ikm_pmi.models.panel import design, moments
from ikm_pmi.results import Estimate, Findings, number

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

__all__ = ["BoundsResult", "bounds"]

TWO_WAY = ("unit", "year")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class BoundsResult(Findings):
    """Bounds, dynamic bracket and instruments, and the range they state.

    ``low`` and ``high`` are the ends of the stated range; None where it has no end.
    ``sensitivity`` shows the two-way elasticity corrected for shared weights: ``elasticity`` by
    ``share`` of Cov(e, y) that is error, 0 (none) to 1 (the shared-weights bound).
    """

    low: float | None
    high: float | None
    level: float
    sensitivity: pd.DataFrame

    @spoken
    def sentence(self) -> str:
        """The stated range in one sentence."""
        low = number(self.low) if self.low is not None else "no lower end"
        high = number(self.high) if self.high is not None else "no upper end"
        return (
            f"With errors in output and in the weights that output and workers share, the "
            f"elasticity lies between {low} and {high} ({self.level:.0%} range)."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: the range, the estimates and the notes."""
        return Findings.to_dict(self) | {
            "low": self.low,
            "high": self.high,
            "level": self.level,
        }


def bounds(frame: pd.DataFrame, parameters: ElasticityParameters) -> BoundsResult:
    """Bound the two-way elasticity of the total.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`ikm_pmi.models.elasticity.estimate`.
    parameters : ElasticityParameters
        Years, weighting, bootstrap, coverage.

    Returns
    -------
    BoundsResult
        ``elasticity.reverse_bound``, ``elasticity.shared_weights_bound``,
        ``elasticity.dynamic.ols`` and ``.lsdv`` (long run), ``elasticity.iv.lagged`` and, where
        micro and small are there, ``elasticity.iv.shift_share``. A confidence set that is no
        interval leaves ``ci_low`` and ``ci_high`` empty and is spelt out in ``detail["set"]``.

    Raises
    ------
    DataError
        When the panel is refused.
    EstimationError
        When a regression is not identified in these years.

    References
    ----------
    Klepper & Leamer (1984), Econometrica 52. Griliches & Hausman (1986), Journal of Econometrics
    31. Nickell (1981), Econometrica 49. Anderson & Hsiao (1982), Journal of Econometrics 18.
    Bartik (1991). Adão, Kolesár & Morales (2019), Quarterly Journal of Economics 134.
    """
    check_panel(frame)
    rows = sample(frame, parameters)
    total = rows[rows["scale"] == "total"]
    found = [_reverse(total, parameters), _shared_weights(total, parameters)]
    high, low = found[0].ci_high, found[1].ci_low
    found += list(_dynamic(total, parameters))
    found.append(lagged_output(total, parameters))
    notes = [
        "The bounds assume an elasticity between 0 and 1: an end of the range outside these says "
        "that the data alone do not narrow that side."
    ]
    if {"micro", "small"} <= set(rows["scale"]):
        found.append(shift_share(rows, parameters))
        notes.append(
            "The shift-share instrument moves by two national growth rates a year (micro and "
            "small): the panel has no industries by province. Clusters by unit then understate "
            "its uncertainty (Adão, Kolesár & Morales 2019)."
        )
    return BoundsResult(
        estimates=tuple(found),
        notes=tuple(notes),
        low=low,
        high=high,
        level=parameters.confidence_level,
        sensitivity=_sensitivity(total),
    )


def _sensitivity(total: pd.DataFrame) -> pd.DataFrame:
    """``(b - s b_e) / (1 - s b_e)``, b_e of log establishments on log output, over shares s."""
    b, extensive, *_ = pair(total, ("log_workers", "log_establishments"), ["log_output"], TWO_WAY)
    share = np.linspace(0, 1, 21)
    value = (b - share * extensive) / (1 - share * extensive)
    return pd.DataFrame({"share": share, "elasticity": value})


def _reverse(total: pd.DataFrame, parameters: ElasticityParameters) -> Estimate:
    """``1/d``: the interval of d by wild bootstrap inversion, turned over."""
    d = design(total, "log_output", ["log_workers"], effects=TWO_WAY, weights="weight")
    m = moments(d)
    wild = wild_bootstrap(
        m,
        np.eye(m.gram.shape[1])[0],
        draws=parameters.draws,
        kind=parameters.weights,
        rng=np.random.default_rng(parameters.seed),
        level=parameters.confidence_level,
    )
    bounded = wild.ci_low is not None and wild.ci_low > 0 and wild.ci_high is not None
    return Estimate(
        name="elasticity.reverse_bound",
        value=1 / wild.value,
        unit=UNIT,
        n=m.nobs,
        std_error=wild.std_error / wild.value**2,
        ci_low=1 / wild.ci_high if bounded and wild.ci_high else None,
        ci_high=1 / wild.ci_low if bounded and wild.ci_low else None,
        ci_level=parameters.confidence_level,
        method="reciprocal of log output on log workers, two-way fixed effects; "
        f"interval: {wild.distribution}",
        detail={"reverse_slope": wild.value, "n_units": m.n_clusters},
    )


def _shared_weights(total: pd.DataFrame, parameters: ElasticityParameters) -> Estimate:
    f = total.assign(log_output_per=total["log_output"] - total["log_establishments"])
    return instrumented(
        "elasticity.shared_weights_bound",
        "log workers on log output, both per establishment, by log output, two-way fixed effects",
        f,
        ("log_workers_per", "log_output_per"),
        "log_output",
        effects=TWO_WAY,
        parameters=parameters,
    )


def _dynamic(total: pd.DataFrame, parameters: ElasticityParameters) -> Iterator[Estimate]:
    """Long run of ``l = b y + r l(-1)``: OLS overstates r, LSDV understates it (Nickell 1981)."""
    f = differences(total, ("log_workers",))
    f = f.assign(before=f["log_workers"] - f["d_log_workers"])
    for name, effects in (("ols", ("year",)), ("lsdv", TWO_WAY)):
        d = design(f, "log_workers", ["log_output", "before"], effects=effects, weights="weight")
        m = moments(d)
        b, r = m.params[:2]
        turn = np.diag([1.0, -1.0])
        ratio = ratio_set(
            float(b),
            float(1 - r),
            turn @ crv3(m)[:2, :2] @ turn,
            critical_t(parameters.confidence_level, m.n_clusters),
        )
        words = "year effects" if name == "ols" else "two-way fixed effects"
        yield from_ratio(
            f"elasticity.dynamic.{name}",
            f"long run with lagged log workers, {words}; Fieller set with CRV3, "
            f"t({m.n_clusters - 1})",
            ratio,
            parameters,
            n=m.nobs,
            short_run=float(b),
            persistence=float(r),
        )
