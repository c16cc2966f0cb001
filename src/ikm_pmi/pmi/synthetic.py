"""A twin of a country made of others: how far its PMI fell beside them, and how sure that is.

Classic and ridge-augmented synthetic control. The PMI is a stationary index of diffusion, so the
twin is a forecast from common factors: it needs the donors' months, not their history of growth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import Episode, SyntheticParameters
from ikm_pmi.pmi.synthetic_fit import (
    VARIANTS,
    SyntheticFit,
    fit,
    months_used,
    screen,
    spell,
    unseen,
    wide,
)
from ikm_pmi.pmi.synthetic_placebo import (
    conformal_set,
    leave_one_out,
    placebo_space,
    rank_p,
)
from ikm_pmi.results import Estimate, Findings, TestResult

_TITLES = {
    "classic": "synthetic control",
    "augmented": "ridge-augmented synthetic control",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SyntheticResult(Findings):
    """Gaps of each episode by two synthetic controls, and the tables a referee asks for.

    Parameters
    ----------
    estimates, tests : tuple
        Names ``counterfactual.synthetic.<episode>.<mean|YYYY-MM>`` for the classic variant,
        ``.mean.augmented`` for the other; test ``placebo_space.<episode>`` of the classic one.
    screening : DataFrame
        One row an episode and country: role, reason, missing months, change (points).
    weights : DataFrame
        One row an episode and donor, one column a variant.
    paths : DataFrame
        One row an episode and month: observed, and the synthetic PMI of each variant.
    placebos, left_out : DataFrame
        In space, and without each donor (classic variant).
    notes : tuple of str
    """

    screening: pd.DataFrame
    weights: pd.DataFrame
    paths: pd.DataFrame
    placebos: pd.DataFrame
    left_out: pd.DataFrame

    @translated
    def sentence(self) -> str:
        """Each episode's mean gap by each variant, and the placebo test."""
        means = [one for one in self.estimates if ".mean" in one.name]
        lines = [one.sentence() for one in means] + [one.sentence() for one in self.tests]
        return joined("\n", lines)


def synthetic_control(frame: pd.DataFrame, parameters: SyntheticParameters) -> SyntheticResult:
    """Gap of the treated country's PMI in each episode by synthetic control.

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
        When the treated country has no PMI in the episode, the pre-period is too short, or fewer
        than three donors are left.

    References
    ----------
    Abadie (2021) on donor screening and placebos; Chernozhukov, Wüthrich & Zhu (2021) on the
    intervals.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> found = ikm.synthetic_control(ikm.load("country_monthly"), ikm.defaults("04"))
    >>> round(found["counterfactual.synthetic.ppkm_2021.mean"].value, 1)
    -12.5
    """
    parts = []
    for episode in map(Episode.parse, parameters.episodes):
        outcomes, screening = _outcomes(frame, episode, parameters)
        parts.append(_study(outcomes, screening, episode, parameters))
    tables = {
        name: pd.concat([getattr(part, name) for part in parts])
        for name in ("screening", "weights", "paths", "placebos", "left_out")
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
    classic, observed = fits[0], outcomes[treated]
    without, space = leave_one_out(classic, outcomes), placebo_space(classic, outcomes)
    estimates = [
        line
        for model in fits
        for line in _estimates(model, outcomes, episode, parameters.confidence_level)
    ]
    ends = without["mean"].agg(["min", "max"])
    reach = {"leave_one_out_low": float(ends["min"]), "leave_one_out_high": float(ends["max"])}
    estimates[0] = replace(estimates[0], detail={**estimates[0].detail, **reach})
    note = say("{}: weights from {} months ({} to {}) of {} donors. Augmented weights may be "
               "negative. The penalty is chosen once and held in conformal refits.", episode.name,
               len(outcomes) - len(post), outcomes.index[0], post[0] - 1,
               len(classic.weights))  # fmt: skip
    paths = {"observed": observed} | {model.variant: observed - model.gaps for model in fits}
    return SyntheticResult(
        estimates=tuple(estimates),
        tests=(_placebo_test(classic, space, episode),),
        screening=screening,
        weights=pd.concat([model.weights for model in fits], axis=1).assign(**head),
        paths=pd.DataFrame(paths).assign(**head),
        placebos=space.assign(**head),
        left_out=without.assign(**head),
        notes=(note, *unseen(outcomes.index, episode, parameters)),
    )


def _estimates(
    model: SyntheticFit,
    outcomes: pd.DataFrame,
    episode: Episode,
    level: float,
) -> list[Estimate]:
    """Mean gap; for the classic variant each month's too."""
    classic = model.variant == "classic"
    rows = [("mean" if classic else f"mean.{model.variant}", model.mean)]
    sets = [conformal_set(model, outcomes, level)]
    if classic:
        for month, gap in model.effects.items():
            kept = outcomes[~model.post | (outcomes.index == month)]
            alone = fit(kept, model.treated, [month])
            sets.append(conformal_set(alone, kept, level))
            rows.append((str(month), float(gap)))
    method = "{}, {} donors; conformal set of constant effects (moving blocks, refitted under each)"
    return [
        Estimate(
            name=f"counterfactual.synthetic.{episode.name}.{name}",
            value=value,
            unit="index points",
            method=say(method, _TITLES[model.variant], len(model.weights)),
            n=len(outcomes),
            ci_low=found.low,
            ci_high=found.high,
            ci_level=level,
            p_value=found.p_zero,
            detail={
                "minimum_p": found.minimum_p,
                "set": found.shape,
                "pre_rmspe": model.pre_rmspe,
                "penalty": model.penalty,
            },
        )
        for (name, value), found in zip(rows, sets, strict=True)
    ]


def _placebo_test(model: SyntheticFit, placebos: pd.DataFrame, episode: Episode) -> TestResult:
    n_units = len(placebos)
    return TestResult(
        name=f"placebo_space.{episode.name}",
        null=say(
            "the gap of {} in {} is no larger, beside the fit before, than that of a country "
            "without the treatment",
            model.treated,
            episode.name,
        ),
        statistic=model.rmspe_ratio,
        p_value=rank_p(placebos),
        distribution=say("rank of the RMSPE ratio among {} countries", n_units),
        n=n_units,
        minimum_p=1 / n_units,
    )


def alternatives(
    frame: pd.DataFrame, parameters: SyntheticParameters, starts: Sequence[str] = ()
) -> pd.DataFrame:
    """The twin beside those of other choices: masked spells, donors that eased, donors, windows.

    Parameters
    ----------
    frame, parameters
        As given to :func:`synthetic_control`.
    starts : sequence of str
        Other first months of the pre-period, ``YYYY-MM``: a longer one leaves fewer donors.

    Returns
    -------
    DataFrame
        ``choice, episode, value, ci_low, ci_high, p_value, donors, months, pre_rmspe``; no row
        where a choice leaves too few months or donors.
    """
    p, used = parameters, _donors(frame, parameters)
    choices: dict[str, dict[str, object]] = {"as in the parameters": {}}
    if p.masked:
        choices["masked spells in the training"] = {"masked": []}
    if not p.keep_easers:
        choices["donors that eased kept"] = {"keep_easers": True}
    for country in [c for c in ("IND",) if c in used]:  # its own wave ended in these months
        choices[say("without {}", country)] = {"own_lockdown": [*p.own_lockdown, country]}
    choices |= {say("from {}", start): {"synthetic_start_month": start} for start in starts}
    rows = []
    for choice, changed in choices.items():
        own = p.model_copy(update=changed)
        for episode in map(Episode.parse, p.episodes):
            try:
                outcomes, _ = _outcomes(frame, episode, own)
                model = fit(outcomes, own.treated_country, spell(episode))
            except EstimationError:  # another country than Indonesia is often not whole in it
                continue
            found = conformal_set(model, outcomes, own.confidence_level)
            size = len(model.weights), len(outcomes) - len(model.effects), model.pre_rmspe
            ends = found.low, found.high, found.p_zero
            rows.append((choice, episode.name, model.mean, *ends, *size))
    columns = ["choice", "episode", "value", "ci_low", "ci_high", "p_value"]
    return pd.DataFrame(rows, columns=[*columns, "donors", "months", "pre_rmspe"])


def _donors(frame: pd.DataFrame, parameters: SyntheticParameters) -> set[str]:
    """Donors of any episode."""
    episodes = map(Episode.parse, parameters.episodes)
    parts = [_outcomes(frame, episode, parameters)[0].columns for episode in episodes]
    return {country for part in parts for country in part}
