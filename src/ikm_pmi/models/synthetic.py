"""Synthetic control of Indonesia's PMI: the effect of each episode, and how sure it is.

Four answers side by side, from the one that assumes least overlap to the one that assumes most:
classic, augmented and penalised synthetic control, and plain difference in differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.language import spoken
from ikm_pmi.models.synthetic_donors import months_used, screen, spell, wide
from ikm_pmi.models.synthetic_fit import VARIANTS, SyntheticFit, fit
from ikm_pmi.models.synthetic_placebo import (
    conformal_set,
    leave_one_out,
    placebo_dates,
    placebo_space,
    rank_p,
)
from ikm_pmi.parameters import Episode, SyntheticParameters
from ikm_pmi.results import Estimate, Findings, TestResult

__all__ = ["SyntheticResult", "compare_windows", "estimate"]

_TITLES = {
    "classic": "synthetic control",
    "augmented": "ridge-augmented synthetic control",
    "penalised": "penalised synthetic control",
    "difference": "difference in differences with equal weights",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SyntheticResult(Findings):
    """Effects of each episode by four synthetic controls, and the tables a referee asks for.

    Parameters
    ----------
    estimates, tests : tuple
        Names ``counterfactual.synthetic.<episode>.<mean|cumulative|YYYY-MM>`` for the classic
        variant, with ``.augmented``, ``.penalised``, ``.difference`` behind for the others;
        ``placebo_space.<episode>`` likewise.
    screening : DataFrame
        One row an episode and country: role, reason, missing months, tightening (points).
    weights : DataFrame
        One row an episode and donor, one column a variant.
    paths : DataFrame
        One row an episode and month: observed, and the synthetic PMI of each variant.
    placebos, left_out, dates : DataFrame
        In space, without each donor, and at earlier dates (classic variant).
    notes : tuple of str
    """

    screening: pd.DataFrame
    weights: pd.DataFrame
    paths: pd.DataFrame
    placebos: pd.DataFrame
    left_out: pd.DataFrame
    dates: pd.DataFrame

    @spoken
    def sentence(self) -> str:
        """Each episode's mean effect by each variant, and the placebo tests."""
        means = [one for one in self.estimates if ".mean" in one.name]
        lines = [one.sentence() for one in means] + [one.sentence() for one in self.tests]
        return "\n".join(lines)


def estimate(frame: pd.DataFrame, parameters: SyntheticParameters) -> SyntheticResult:
    """Effect of each episode on the treated country's PMI by synthetic control.

    Parameters
    ----------
    frame : DataFrame
        Long: ``country_iso3``, ``month``, ``pmi`` (index points), ``stringency`` (0-100).
    parameters : SyntheticParameters

    Raises
    ------
    DataError
        When a column is missing or a country-month appears twice.
    EstimationError
        When the treated country has a gap, the episode lies outside the sample, the pre-period
        is too short, or fewer than three donors are left.

    References
    ----------
    Abadie (2021) on donor screening and placebos; Chernozhukov, Wüthrich & Zhu (2021) on the
    intervals.
    """
    parts = []
    for episode in map(Episode.parse, parameters.synthetic_episodes):
        outcomes, screening = _outcomes(frame, episode, parameters)
        parts.append(_study(outcomes, screening, episode, parameters))
    tables = {
        name: pd.concat([getattr(part, name) for part in parts])
        for name in ("screening", "weights", "paths", "placebos", "left_out", "dates")
    }
    return SyntheticResult(
        estimates=tuple(one for part in parts for one in part.estimates),
        tests=tuple(one for part in parts for one in part.tests),
        notes=tuple(one for part in parts for one in part.notes),
        **tables,
    )


def _outcomes(
    frame: pd.DataFrame, episode: Episode, parameters: SyntheticParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Months × (donors, treated country), the episode's months last; and the screening."""
    pmi, stringency = wide(frame, "pmi"), wide(frame, "stringency")
    months = months_used(pmi, episode, parameters)
    screening = screen(pmi.reindex(months), stringency, episode, parameters)
    donors = screening.index[screening["role"] == "donor"]
    return pmi.loc[months, [*donors, parameters.treated_country]], screening


def _study(
    outcomes: pd.DataFrame,
    screening: pd.DataFrame,
    episode: Episode,
    parameters: SyntheticParameters,
) -> SyntheticResult:
    """One episode: every variant with its estimates, tests and tables."""
    treated, post, head = parameters.treated_country, spell(episode), {"episode": episode.name}
    fits = [fit(outcomes, treated, post, variant=variant) for variant in VARIANTS]
    spaces = [placebo_space(model, outcomes) for model in fits]
    classic, observed = fits[0], outcomes[treated]
    without = leave_one_out(classic, outcomes)
    estimates = [
        line
        for model in fits
        for line in _estimates(model, outcomes, episode, parameters.confidence_level)
    ]
    ends = without["mean"].agg(["min", "max"])
    reach = {"leave_one_out_low": float(ends["min"]), "leave_one_out_high": float(ends["max"])}
    estimates[0] = replace(estimates[0], detail={**estimates[0].detail, **reach})
    note = (
        f"{episode.name}: weights from {len(outcomes) - len(post)} months ({outcomes.index[0]} to "
        f"{post[0] - 1}) of {len(classic.weights)} donors. Augmented weights may be negative. "
        "Penalties are chosen once and held in placebos and conformal refits."
    )
    paths = {"observed": observed} | {model.variant: observed - model.gaps for model in fits}
    return SyntheticResult(
        estimates=tuple(estimates),
        tests=tuple(
            _placebo_test(model, space, episode) for model, space in zip(fits, spaces, strict=True)
        ),
        screening=screening,
        weights=pd.concat([model.weights for model in fits], axis=1).assign(**head),
        paths=pd.DataFrame(paths).assign(**head),
        placebos=spaces[0].assign(**head),
        left_out=without.assign(**head),
        dates=placebo_dates(classic, outcomes, parameters.minimum_pre_months).assign(**head),
        notes=(note,),
    )


def _suffix(model: SyntheticFit) -> str:
    return "" if model.variant == "classic" else f".{model.variant}"


def _estimates(
    model: SyntheticFit,
    outcomes: pd.DataFrame,
    episode: Episode,
    level: float,
) -> list[Estimate]:
    """Mean and cumulative effect; for the classic variant each month too."""
    length, tail = len(model.effects), _suffix(model)
    overall = conformal_set(model, outcomes, level)
    rows = [("mean" + tail, model.mean, 1, overall, "index points")]
    rows += [("cumulative" + tail, model.mean * length, length, overall, "point-months")]
    if model.variant == "classic":
        for month, gap in model.effects.items():
            kept = outcomes[~model.post | (outcomes.index == month)]
            alone = fit(kept, model.treated, [month])
            own = conformal_set(alone, kept, level)
            rows.append((str(month), float(gap), 1, own, "index points"))
    return [
        Estimate(
            name=f"counterfactual.synthetic.{episode.name}.{name}",
            value=value,
            unit=unit,
            method=f"{_TITLES[model.variant]}, {len(model.weights)} donors; conformal set of "
            "constant effects (moving blocks, refitted under each)",
            n=len(outcomes),
            ci_low=None if found.low is None else found.low * times,
            ci_high=None if found.high is None else found.high * times,
            ci_level=level,
            p_value=found.p_zero,
            detail={
                "minimum_p": found.minimum_p,
                "set": found.shape,
                "pre_rmspe": model.pre_rmspe,
                "penalty": model.penalty,
            },
        )
        for name, value, times, found, unit in rows
    ]


def _placebo_test(model: SyntheticFit, placebos: pd.DataFrame, episode: Episode) -> TestResult:
    n_units = len(placebos)
    return TestResult(
        name=f"placebo_space.{episode.name}{_suffix(model)}",
        null=f"the gap of {model.treated} in {episode.name} is no larger, beside the fit before, "
        "than that of a country without the treatment",
        statistic=model.rmspe_ratio,
        p_value=rank_p(placebos),
        distribution=f"rank of the RMSPE ratio among {n_units} countries, {model.variant}",
        n=n_units,
        minimum_p=1 / n_units,
    )


def compare_windows(
    frame: pd.DataFrame, parameters: SyntheticParameters, starts: Sequence[str]
) -> pd.DataFrame:
    """What the first month of the pre-period buys and costs: months against donors.

    A longer pre-period leaves fewer donors with every month. Each start is run with the classic
    variant on every episode of ``parameters``.

    Parameters
    ----------
    starts : sequence of str
        First months, ``YYYY-MM``.

    Returns
    -------
    DataFrame
        One row an episode and start: ``n_pre``, ``n_donors``, ``donors``, ``pre_rmspe``, ``mean``,
        ``placebo_p``, ``minimum_p``; no row where the country or the donors lack months.
    """
    rows = []
    for episode in map(Episode.parse, parameters.synthetic_episodes):
        for start in starts:
            chosen = parameters.model_copy(update={"synthetic_start_month": start})
            try:
                outcomes, _ = _outcomes(frame, episode, chosen)
            except EstimationError:  # another country than Indonesia is often not whole in it
                continue
            model = fit(outcomes, chosen.treated_country, spell(episode))
            placebos = placebo_space(model, outcomes)
            rows.append(
                {
                    "episode": episode.name,
                    "start": start,
                    "n_pre": len(outcomes) - len(model.effects),
                    "n_donors": len(model.weights),
                    "donors": " ".join(model.weights.index),
                    "pre_rmspe": model.pre_rmspe,
                    "mean": model.mean,
                    "placebo_p": rank_p(placebos),
                    "minimum_p": 1 / len(placebos),
                }
            )
    return pd.DataFrame(rows)
