"""The chain from a restriction to workers: intensity, PMI, manufacturing, IKM output, IKM workers.

With d_t the intensity of the path less that of the month it is compared with, the PMI deviates by

    p_t = b (d_t - d_(t-1)) + c d_(t-1),

b and c the change and level coefficients of the dose-response. The bridge explains year-on-year
growth G of manufacturing by the mean of PMI-50 over four quarters, G_q = a + g (P_q + P_(q-1) +
P_(q-2) + P_(q-3)) / 4. Since G_q is the sum of the last four quarterly growth rates h (to first
order), h_q = a/4 + (g/4) P_q satisfies it: a quarter's PMI deviation moves that quarter's growth
by g/4 of it, and the level of output by as much until a later deviation takes it back. P_q is a
mean of three months, so a month's deviation moves the level by g/12 of it. IKM output moves by the
pass-through times that, workers by the elasticity times that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.har import har_fits
from ikm_pmi.inference.regression import HarFit
from ikm_pmi.language import spoken
from ikm_pmi.models.bridge import bridge_estimate, bridge_rows, slope
from ikm_pmi.models.drivers import variance_shares
from ikm_pmi.models.elasticity import ElasticityResult
from ikm_pmi.models.links import draw_elasticity, draw_fit, draw_range, with_interval
from ikm_pmi.models.study import MAIN, dose_design
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.results import Estimate, Findings

__all__ = ["ChainResult", "alternatives", "chain", "dose_fit"]

_LINKS = ("pmi", "bridge", "pass_through", "elasticity")
Draws = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ChainResult(Findings):
    """The chain at its point values, its intervals, and what they rest on.

    ``fan`` has one row a quantity (``pmi_points``, ``output_pct``, ``workers``) and month:
    ``point``, the ends of the central interval ``low, high``, and of the central half ``q25, q75``.
    ``bridge`` holds the quarters of the bridge regression and ``shares`` each link's share of the
    variance of workers (empty when they do not vary).
    """

    fan: pd.DataFrame
    bridge: pd.DataFrame
    shares: pd.Series

    @spoken
    def sentence(self) -> str:
        """PMI, output and workers, a sentence each, and the notes."""
        digits = {"chain.pmi_points": 1, "chain.output_pct": 2, "chain.workers": 0}
        return " ".join([*(self[name].sentence(d) for name, d in digits.items()), *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: estimates, variance shares and notes."""
        return Findings.to_dict(self) | {
            "shares": {str(k): float(v) for k, v in self.shares.items()},
        }


def chain(
    frame: pd.DataFrame,
    growth: pd.Series,
    elasticities: ElasticityResult,
    workers: float,
    parameters: JobsParameters,
) -> ChainResult:
    """Carry a path of intensity through to IKM workers, the error of every link with it.

    Parameters
    ----------
    frame : DataFrame, monthly
        From :func:`ikm_pmi.models.study.study_frame`: PMI, controls and intensities.
    growth : Series, quarterly PeriodIndex
        Year-on-year growth of manufacturing, percent; missing where not known.
    elasticities : ElasticityResult
        From :func:`ikm_pmi.models.elasticity.estimate`.
    workers : float
        IKM workers before, persons.
    parameters : JobsParameters

    Returns
    -------
    ChainResult
        ``chain.pmi_points`` (mean over the path, and by month), ``chain.growth_points`` (year on
        year, in the last quarter of the path), ``chain.output_pct`` and ``chain.workers`` (level at
        the end of the path), ``chain.bridge.slope``. The values are products of the links' point
        values; the intervals are quantiles of joint draws, each estimated link normal with the
        width of its own interval, the links independent of each other.

    Raises
    ------
    EstimationError
        When the path leaves the data, has a gap, or a link cannot be estimated.
    """
    d = _deviation(frame[parameters.intensity], parameters)
    dose = dose_fit(frame, parameters)
    rows, notes = bridge_rows(frame["pmi"], growth, parameters.bridge_sample)
    fit = slope(rows["growth"], rows["pmi"])
    span = parameters.span("pass_through")
    drawn = {
        "pmi": draw_fit("pmi", dose, ["change", "before"], parameters),
        "bridge": draw_fit("bridge", fit, ["slope"], parameters),
        "pass_through": draw_range("pass_through", parameters.pass_through, span, parameters),
        "elasticity": draw_elasticity(elasticities, parameters),
    }
    before = d.shift(fill_value=0.0)
    pmi = drawn["pmi"] @ np.vstack([(d - before).to_numpy(), before.to_numpy()])
    moved = pmi * drawn["bridge"] / 12
    output = np.cumsum(moved, axis=1) * drawn["pass_through"]
    paths = {"pmi_points": pmi, "output_pct": output,
             "workers": workers * drawn["elasticity"] * output / 100}  # fmt: skip
    quarters = pd.PeriodIndex(d.index).asfreq("Q")
    ends = {
        "pmi_points": ("index points, mean of the path", pmi.mean(axis=1)),
        "growth_points": (f"points of year-on-year growth, {quarters[-1]}",
                          moved[:, quarters > quarters[-1] - 4].sum(axis=1)),
        "output_pct": ("percent of IKM output", output[:, -1]),
        "workers": ("persons", paths["workers"][:, -1]),
    } | {f"pmi_points.{m}": ("index points", pmi[:, k]) for k, m in enumerate(d.index)}  # fmt: skip
    return ChainResult(
        estimates=(
            *_estimates(ends, d, parameters),
            bridge_estimate(fit, rows, parameters.confidence_level),
        ),
        fan=pd.concat(
            [_fan(k, v, d.index, parameters) for k, v in paths.items()], ignore_index=True
        ),
        bridge=rows,
        shares=_shares(drawn, pmi, paths["workers"][1:, -1]),
        notes=tuple(notes),
    )


def dose_fit(frame: pd.DataFrame, parameters: JobsParameters) -> HarFit:
    """The dose-response of chapter 03 in the chain's own measure of restriction."""
    impact = parameters.impact()
    y, X, _ = dose_design(
        frame, impact.intensity, list(impact.controls), impact.start_month, impact.end_month
    )
    return har_fits(y, X, methods=MAIN)["newey_west"]


def _estimates(
    ends: dict[str, tuple[str, Draws]], d: pd.Series, parameters: JobsParameters
) -> list[Estimate]:
    drawn = ", ".join(k for k in _LINKS if k in parameters.uncertain) or "nothing"
    method = (
        f"{d.index[0]} to {d.index[-1]} ({parameters.intensity}) against staying at "
        f"{parameters.reference_month}; product of point values, interval from joint draws of "
        + drawn
    )
    return [
        with_interval(
            Estimate(name=f"chain.{name}", value=float(v[0]), unit=unit, method=method),
            v[1:],
            parameters.confidence_level,
        )
        for name, (unit, v) in ends.items()
    ]


def _deviation(s: pd.Series, parameters: JobsParameters) -> pd.Series:
    """Intensity of the path less that of the month it is compared with."""
    if parameters.path:
        parts = [entry.split(":") for entry in parameters.path]
        path = pd.Series([float(v) for _, v in parts], pd.PeriodIndex([m for m, _ in parts], "M"))
    else:
        path = s.reindex(pd.period_range(parameters.path_first, parameters.path_last, freq="M"))
    gap = (np.diff(pd.PeriodIndex(path.index).asi8) != 1).any()
    reference = s.get(pd.Period(parameters.reference_month, "M"))
    if gap or path.isna().any() or reference is None or pd.isna(reference):
        raise EstimationError(
            "the path of intensity is not whole",
            expected="months in a row, each with a value, and a value in the month compared with",
            found=f"{len(path)} months, {int(path.isna().sum())} without a value",
            where=f"path, or {parameters.intensity} in {parameters.reference_month}",
            todo="complete path, or move path_first, path_last or reference_month into the data",
        )
    return path.astype(float) - float(reference)


def _fan(name: str, paths: Draws, months: pd.Index, parameters: JobsParameters) -> pd.DataFrame:
    tail = (1 - parameters.confidence_level) / 2
    low, q25, q75, high = np.quantile(paths[1:], [tail, 0.25, 0.75, 1 - tail], axis=0)
    return pd.DataFrame(
        {"quantity": name, "month": months, "point": paths[0], "low": low, "q25": q25, "q75": q75,
         "high": high}
    )  # fmt: skip


def _shares(drawn: dict[str, Draws], pmi: Draws, workers: Draws) -> pd.Series:
    if np.ptp(workers) == 0:  # nothing is drawn, or the path stays where it was
        return pd.Series(dtype=float)
    inputs = pd.DataFrame({k: drawn[k][1:, 0] for k in _LINKS if k != "pmi"})
    inputs.insert(0, "pmi", pmi[1:].sum(axis=1))
    return variance_shares(inputs, workers)


def alternatives(
    frame: pd.DataFrame,
    growth: pd.Series,
    elasticities: ElasticityResult,
    workers: float,
    parameters: JobsParameters,
) -> pd.DataFrame:
    """The chain under other defensible choices, one row each: PMI, output, workers, interval."""
    own: dict[str, Any] = {"elasticity_spread": "sampling"}
    changes: dict[str, dict[str, Any]] = {
        "as in the parameters": {},
        "cap on factory staff as the intensity": {"intensity": "industry_closure"},
        "Oxford stringency as the intensity": {"intensity": "oxcgrt"},
        "bridge without 2020 and 2021": {"bridge_sample": "without_pandemic"},
        "two-way elasticity, sampling error only": {"estimator": "twfe"} | own,
        "establishments held constant": {"estimator": "intensive"} | own,
        "between provinces (size, not response)": {"estimator": "between"} | own,
    }
    if not parameters.path:
        until = parameters.follow_until
        changes[f"path followed to {until}"] = {"path_last": until}
    rows = []
    for label, update in changes.items():
        found = chain(frame, growth, elasticities, workers, parameters.model_copy(update=update))
        jobs = found["chain.workers"]
        rows.append(
            {"choice": label, "pmi_points": found["chain.pmi_points"].value,
             "output_pct": found["chain.output_pct"].value, "workers": jobs.value,
             "low": jobs.ci_low, "high": jobs.ci_high}
        )  # fmt: skip
    return pd.DataFrame(rows)
