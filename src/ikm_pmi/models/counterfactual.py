"""The PMI without the restrictions, forecast by time-series models trained before an episode.

Two models: a structural one (random-walk level plus AR(1), ``ucm``) and an ARIMA(1,0,0) with a
constant (``sarimax``), each with or without the PMI of other countries. An effect is the observed
value minus the forecast.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.conformal import conformal, end_of_sample, placebo_time
from ikm_pmi.language import spoken
from ikm_pmi.models.peers import PeerSample, select_sample, within
from ikm_pmi.models.state_space import LABELS, effect_estimates, effect_path, forecast
from ikm_pmi.parameters import CounterfactualParameters, Episode
from ikm_pmi.results import Estimate, Findings, TestResult

__all__ = ["CounterfactualResult", "compare", "estimate", "evaluate"]


@dataclass(frozen=True, slots=True, eq=False)
class CounterfactualResult(Findings):
    """Effects of all episodes by all models.

    Parameters
    ----------
    estimates : tuple of Estimate
        ``counterfactual.<model>.<episode>.<YYYY-MM>|mean|cumulative`` and
        ``counterfactual.conformal.<episode>.mean``.
    tests : tuple of TestResult
        ``conformal.<episode>``, ``end_of_sample.<episode>``, ``placebo_time.<episode>`` (main
        model) and ``placebo_time.<episode>.<model>`` (the others).
    paths : DataFrame
        ``episode, model, month, observed, counterfactual, low, high, simultaneous_low,
        simultaneous_high``, in index points.
    missing_months : tuple of str
        Months without a PMI in the sample; the models treat them as missing.
    excluded_peers : mapping
        Peer to the reason why it is left out.
    notes : tuple of str
    """

    paths: pd.DataFrame
    missing_months: tuple[str, ...]
    excluded_peers: Mapping[str, str]

    @spoken
    def sentence(self) -> str:
        """Mean effect of each episode by each model, a sentence each."""
        means = [e.sentence() for e in self.estimates if e.name.endswith(".mean")]
        return "\n".join(means)

    def to_dict(self) -> dict[str, Any]:
        """Estimates, tests and exclusions as JSON-safe values."""
        return Findings.to_dict(self) | {
            "missing_months": list(self.missing_months),
            "excluded_peers": dict(self.excluded_peers),
        }


def estimate(frame: pd.DataFrame, parameters: CounterfactualParameters) -> CounterfactualResult:
    """Counterfactual effects of the parameters' episodes; see :func:`evaluate`."""
    sample = select_sample(frame, parameters)
    estimates: list[Estimate] = []
    tests: list[TestResult] = []
    paths: list[pd.DataFrame] = []
    for text in parameters.episodes:
        episode = Episode.parse(text)
        for model in parameters.models:
            found, placebo, path = _one(sample, episode, model, parameters)
            estimates += found
            tests.append(placebo)
            paths.append(path)
        effect, *ranked = _rank_tests(sample, episode, parameters)
        estimates.append(effect)
        tests += ranked
    missing = tuple(sample.pmi.index[sample.pmi.isna()].astype(str))
    return CounterfactualResult(
        estimates=tuple(estimates),
        tests=tuple(tests),
        paths=pd.concat(paths, ignore_index=True),
        missing_months=missing,
        excluded_peers=sample.excluded,
        notes=_notes(sample, missing, parameters),
    )


def evaluate(
    frame: pd.DataFrame, episodes: Sequence[str], parameters: CounterfactualParameters
) -> CounterfactualResult:
    """Effects of several on/off episodes in one call, deterministic with the seed.

    Each episode has models of its own, trained on the months before it (``masked`` months as
    missing values), and generators of its own: an episode's forecasts do not depend on the others.
    Intervals and p-values come from simulated paths with the variances held at their estimates;
    the regressors' coefficients and the state are uncertain in them. ``detail`` of a mean carries
    the interval and p from the placebo windows, which assume no distribution. The conformal and
    end-of-sample tests are of a regression on a constant and the peers, other episodes left out.

    Parameters
    ----------
    frame : DataFrame, index PeriodIndex[M]
        ``pmi`` and a column for each peer, in index points (:func:`wide_frame`).
    episodes : sequence of str
        Each ``name:first:last``.

    Raises
    ------
    EstimationError
        For an episode outside the sample or with a missing month, too short a training, a model
        that does not converge, or no usable peer.

    References
    ----------
    Harvey (1989), "Forecasting, Structural Time Series Models and the Kalman Filter", ch. 4 and 7;
    Brodersen et al. (2015), "Inferring causal impact", Annals of Applied Statistics 9.
    """
    values = parameters.model_dump() | {"episodes": list(episodes)}
    return estimate(frame, type(parameters).parse(values))


def compare(frame: pd.DataFrame, parameters: CounterfactualParameters) -> pd.DataFrame:
    """Mean effects with and without peers, with and without the masked spells in training.

    Returns
    -------
    DataFrame
        ``peers, masked, name, value, ci_low, ci_high, p_value, placebo_p, n``.
    """
    rows = []
    for peers in ([], parameters.peers):
        for masked in (parameters.masked, []):
            variant = parameters.model_copy(update={"peers": peers, "masked": masked})
            table = estimate(frame, variant).table()
            table = table[table["name"].str.endswith(".mean")]
            rows.append(table.assign(peers=bool(peers), masked=bool(masked)))
    columns = ["peers", "masked", "name", "value", "ci_low", "ci_high", "p_value", "placebo_p", "n"]
    return pd.concat(rows, ignore_index=True)[columns]


def _one(
    sample: PeerSample, episode: Episode, model: str, parameters: CounterfactualParameters
) -> tuple[list[Estimate], TestResult, pd.DataFrame]:
    """Estimates, placebo test and path of one model for one episode."""
    months = pd.period_range(episode.first, episode.last, freq="M", name="month")
    training = sample.pmi.loc[: months[0] - 1]
    training = training.mask(within(training.index, parameters.masked))
    n = int(training.notna().sum())
    if n < parameters.min_training:
        raise EstimationError(
            f"too few months before episode {episode.name}",
            expected=f"at least {parameters.min_training} observed months",
            found=f"{n} of {len(training)}",
            where=f"{sample.pmi.index[0]}..{months[0] - 1}",
            todo="start the sample earlier or lower min_training",
        )
    key = zlib.crc32(f"{model}.{episode.name}".encode())
    ahead = forecast(
        model,
        training,
        sample.peers,
        months,
        draws=parameters.draws,
        rng=np.random.default_rng([parameters.seed, key]),
        min_training=parameters.min_training,
    )
    effect = sample.pmi.loc[months] - ahead.expected
    level = parameters.confidence_level
    estimates = effect_estimates(
        f"counterfactual.{model}.{episode.name}",
        effect,
        ahead,
        method=f"{LABELS[model]}, {parameters.draws:,} simulated paths",
        level=level,
    )
    test = placebo_time(
        float(effect.mean()),
        ahead.placebos.mean(axis=1),
        name=f"placebo_time.{episode.name}" + f".{model}" * (model != parameters.models[0]),
        null=_null(episode),
        how=f"{LABELS[model]} with its parameters fixed at those before the episode",
        n=n,
    )
    path = effect_path(effect, ahead, level)
    path.insert(0, "model", model)
    path.insert(0, "episode", episode.name)
    return estimates, test, path


def _rank_tests(
    sample: PeerSample, episode: Episode, parameters: CounterfactualParameters
) -> tuple[Estimate, TestResult, TestResult]:
    """Conformal set and end-of-sample test by least squares on a constant and the peers."""
    index = sample.pmi.index
    treated = within(index, [f"{episode.name}:{episode.first}:{episode.last}"])
    others = within(index, [*parameters.masked, *parameters.episodes]) & ~treated
    X = np.column_stack([np.ones(len(index)), sample.peers.to_numpy(float)])
    usable = sample.pmi.notna().to_numpy() & ~others
    exact = conformal(
        sample.pmi,
        X,
        treated,
        usable=usable,
        lags=parameters.conformal_lags,
        level=parameters.confidence_level,
    )
    return (
        exact.estimate(f"counterfactual.conformal.{episode.name}.mean"),
        exact.test(f"conformal.{episode.name}", _null(episode)),
        end_of_sample(
            sample.pmi,
            X,
            treated,
            usable=usable,
            name=f"end_of_sample.{episode.name}",
            null="the regression of the PMI on a constant and the peers holds in "
            f"{episode.first}..{episode.last} as before",
        ),
    )


def _null(episode: Episode) -> str:
    return (
        f"the PMI of {episode.first}..{episode.last} would have been the same without "
        f"episode {episode.name}"
    )


def _notes(
    sample: PeerSample, missing: tuple[str, ...], parameters: CounterfactualParameters
) -> tuple[str, ...]:
    notes = ["Simulated intervals hold the variances and the AR coefficient at their estimates."]
    if missing:
        notes.append(
            "No PMI was found for " + ", ".join(missing) + "; the models take these months as "
            "missing, the rank tests leave them out."
        )
    if sample.peers.shape[1]:
        notes.append(
            "The peers are observed during the episodes and may have been hit in the same months: "
            "an effect given the peers is what Indonesia lost beyond them."
        )
        notes += _extrapolated(sample.peers, parameters)
    notes += [f"Peer {peer} is left out: {why}." for peer, why in sample.excluded.items()]
    if parameters.masked:
        notes.append("Not in training: " + ", ".join(parameters.masked) + ".")
    return tuple(notes)


def _extrapolated(peers: pd.DataFrame, parameters: CounterfactualParameters) -> list[str]:
    """A note for each episode with a peer outside the range it had in training."""
    notes = []
    for episode in map(Episode.parse, parameters.episodes):
        past = peers.loc[: pd.Period(episode.first, "M") - 1]
        past = past[~within(past.index, parameters.masked)]
        spell = peers.loc[episode.first : episode.last]
        outside = ((spell < past.min()) | (spell > past.max())).any(axis=1)
        if outside.any():
            months = ", ".join(spell.index[outside].astype(str))
            notes.append(
                f"{episode.name}: in {months} a peer is outside its range in training; the "
                "forecast extrapolates, and the placebo interval does not know of it."
            )
    return notes
