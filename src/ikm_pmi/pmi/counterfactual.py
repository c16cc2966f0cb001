"""The PMI without the restrictions, forecast by time-series models trained before an episode.

Two models: a structural one (random-walk level plus AR(1), ``ucm``) and an ARIMA(1,0,0) with a
constant (``sarimax``), each with or without the PMI of other countries. An effect is the observed
value minus the forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError, named
from ikm_pmi.inference.conformal import conformal_by_shifts
from ikm_pmi.inference.windows import end_of_sample, placebo_time
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import CounterfactualParameters, Episode
from ikm_pmi.parameters.pmi import FEWEST_TRAINED
from ikm_pmi.pmi.sample import PeerSample, in_spells, monthly_rows, select_sample
from ikm_pmi.pmi.spells import parse_episodes
from ikm_pmi.pmi.state_space import LABELS, effect_estimates, effect_path, forecast
from ikm_pmi.results import Estimate, Findings, TestResult

_NAMES = {"IDN": "Indonesia"}


@dataclass(frozen=True, slots=True, eq=False)
class CounterfactualResult(Findings):
    """Effects of all episodes by all models.

    Parameters
    ----------
    estimates : tuple of Estimate
        ``counterfactual.<model>.<episode>.<YYYY-MM>|mean`` and
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
    observed : Series
        ``outcome`` in the months of the sample, in ``unit``.
    notes : tuple of str
    """

    paths: pd.DataFrame
    missing_months: tuple[str, ...]
    excluded_peers: Mapping[str, str]
    observed: pd.Series
    episodes: tuple[Episode, ...]
    outcome: str
    unit: str

    def __getitem__(self, name: str) -> Estimate:
        """The mean effect of an episode by the main model, or the estimate of this whole name."""
        if name in {episode.name for episode in self.episodes}:
            ending = f".{name}.mean"
            return next(e for e in self.estimates if e.name.endswith(ending))
        return Findings.__getitem__(self, name)

    def reading(self) -> pd.DataFrame:
        """Mean effects as texts, a row each."""
        means = tuple(e for e in self.estimates if e.name.endswith(".mean"))
        return Findings(estimates=means).reading()

    @translated
    def sentence(self) -> str:
        """Mean effect of each episode by each model, a sentence each."""
        means = [e.sentence() for e in self.estimates if e.name.endswith(".mean")]
        return joined("\n", means)


@dataclass(frozen=True, kw_only=True, slots=True)
class _How:
    """How a sample is forecast: what the outcome is called, and the models' settings."""

    models: Sequence[str]
    masked: Sequence[str]
    min_training: int
    level: float
    lags: int
    outcome: str = "PMI"
    unit: str = "index points"
    season: int = 0

    def label(self, model: str) -> str:
        """The model in words."""
        words = LABELS[model]
        return say("{}, season of {} months", words, self.season) if self.season else words


def estimate(frame: pd.DataFrame, parameters: CounterfactualParameters) -> CounterfactualResult:
    """:func:`counterfactual` of the parameters' episodes, sample and peers, for chapter 04.

    Each episode has models of its own, trained on the months before it (``masked`` months as
    missing values). Intervals and p-values are those of the normal forecast errors with the
    variances held at their estimates; the regressors' coefficients and the state are uncertain in
    them. ``detail`` of a mean carries
    the interval and p from the placebo windows, which assume no distribution. The conformal and
    end-of-sample tests are of a regression on a constant and the peers, other episodes left out.

    Parameters
    ----------
    frame : DataFrame, index PeriodIndex[M]
        ``pmi`` and a column for each peer, in index points
        (:func:`~ikm_pmi.pmi.sample.wide_frame`).

    Raises
    ------
    EstimationError
        For an episode outside the sample or with a missing month, too short a training, a model
        that does not converge, or no usable peer.
    """
    sample = select_sample(frame, parameters)
    how = _How(
        models=parameters.models,
        masked=parameters.masked,
        min_training=parameters.min_training,
        level=parameters.confidence_level,
        lags=parameters.conformal_lags,
    )
    found = _of_sample(sample, list(map(Episode.parse, parameters.episodes)), how)
    return replace(found, notes=_notes(sample, found.missing_months, parameters))


def counterfactual(
    data: pd.DataFrame | pd.Series,
    outcome: str,
    episodes: Mapping[str, tuple[Any, Any]] | Sequence[str | Episode],
    *,
    controls: Sequence[str] = (),
    season: int = 0,
    min_training: int = 36,
    unit: str = "index points",
    level: float = 0.95,
) -> CounterfactualResult:
    """What a monthly outcome would have been without some episodes, by a structural model.

    Each episode is forecast by a random-walk level plus AR(1), with a season where asked for,
    trained on the months before it, earlier episodes taken as missing; its effect is the outcome
    less the forecast. Intervals of months and mean are those of normal errors, those in
    ``detail`` from placebo windows, and ``conformal`` is a regression on a constant and the
    controls, by ranks.

    Parameters
    ----------
    data : DataFrame or Series, shape (T, ...)
        Monthly rows in order; the index in any form that :func:`ikm_pmi.data.frames.as_months`
        reads. A Series is the outcome itself. Months of the outcome may be missing.
    outcome : str
        Column of the outcome, in ``unit``.
    episodes : mapping or sequence
        Name to first and last month, or texts ``name:first:last``; they may not overlap.
    controls : sequence of str
        Columns that the episodes do not touch, known in every month.
    season : int
        Months after which a pattern comes again (12), or 0 for none: a component that may drift,
        and a constant for each of its months in the rank tests.
    min_training : int
        Fewest observed months before an episode.
    level : float
        Coverage of the intervals, between 0 and 1.

    Returns
    -------
    CounterfactualResult
        ``counterfactual.ucm.<episode>.mean|<YYYY-MM>``; an episode's name alone
        gives its mean.

    Raises
    ------
    DataError, EstimationError
        As :func:`estimate`; for a column that is not there, or a control with a gap.

    References
    ----------
    Harvey (1989), chapters 4 and 7; Brodersen et al. (2015), Annals of Applied Statistics 9.

    Examples
    --------
    >>> months = pd.period_range("2014-01", periods=72, freq="M")
    >>> sales = pd.Series(np.random.default_rng(1).normal(100, 1, 72), months)
    >>> sales["2019-03":"2019-04"] -= 20
    >>> found = counterfactual(sales, "sales", {"flood": ("Mar 2019", "Apr 2019")})
    >>> round(found["flood"].value), found["flood"].n
    (-21, 62)
    """
    frame = monthly_rows(data, outcome)
    controls = [controls] if isinstance(controls, str) else list(controls)
    for column in [outcome, *controls]:
        named(dict(frame.items()), column, what="column", where="data")
    frame = frame.loc[frame[outcome].first_valid_index() :, [outcome, *controls]].astype(float)
    holes = [name for name in controls if frame[name].isna().any()]
    parsed = sorted(parse_episodes(episodes), key=lambda episode: episode.first)
    spells = [str(m) for e in parsed for m in pd.period_range(e.first, e.last, freq="M")]
    absent = sorted(set(spells) - set(frame.index[frame[outcome].notna()].astype(str)))
    if holes or absent:
        raise EstimationError(
            "a control has months without a value"
            if holes
            else "an episode is not wholly observed",
            expected="every month from the first outcome on" if holes else "an outcome in each",
            found=", ".join(holes or absent),
            where="controls" if holes else "episodes",
            todo="fill it in, or leave it out" if holes else "shorten the episode",
        )
    how = _How(
        models=("ucm",),
        masked=list(map(_text, parsed)),
        min_training=min_training,
        level=level,
        lags=0,
        outcome=outcome,
        unit=unit,
        season=season,
    )
    sample = PeerSample(frame[outcome].rename("pmi"), frame[controls], {})
    return _of_sample(sample, parsed, how)


def _of_sample(sample: PeerSample, episodes: Sequence[Episode], how: _How) -> CounterfactualResult:
    estimates: list[Estimate] = []
    tests: list[TestResult] = []
    paths: list[pd.DataFrame] = []
    for episode in episodes:
        for model in how.models:
            found, placebo, path = _one(sample, episode, model, how)
            estimates += found
            tests.append(placebo)
            paths.append(path)
        effect, *ranked = _rank_tests(sample, episode, episodes, how)
        estimates.append(effect)
        tests += ranked
    return CounterfactualResult(
        estimates=tuple(estimates),
        tests=tuple(tests),
        paths=pd.concat(paths, ignore_index=True),
        missing_months=tuple(sample.pmi.index[sample.pmi.isna()].astype(str)),
        excluded_peers=sample.excluded,
        observed=sample.pmi,
        episodes=tuple(episodes),
        outcome=how.outcome,
        unit=how.unit,
    )


def compare(frame: pd.DataFrame, parameters: CounterfactualParameters) -> pd.DataFrame:
    """Mean effects with and without peers, with and without the masked spells in training.

    Returns
    -------
    DataFrame
        ``peers, masked, name, value, ci_low, ci_high, p_value, placebo_p, n``.
    """
    rows = []
    # Without peers or masked spells there is nothing to leave out.
    for peers in [[], parameters.peers] if parameters.peers else [[]]:
        for masked in [parameters.masked, []] if parameters.masked else [[]]:
            variant = parameters.model_copy(update={"peers": peers, "masked": masked})
            table = estimate(frame, variant).table()
            table = table[table["name"].str.endswith(".mean")]
            rows.append(table.assign(peers=bool(peers), masked=bool(masked)))
    columns = ["peers", "masked", "name", "value", "ci_low", "ci_high", "p_value", "placebo_p", "n"]
    return pd.concat(rows, ignore_index=True)[columns]


def _one(
    sample: PeerSample, episode: Episode, model: str, how: _How
) -> tuple[list[Estimate], TestResult, pd.DataFrame]:
    """Estimates, placebo test and path of one model for one episode."""
    months = pd.period_range(episode.first, episode.last, freq="M", name="month")
    training = sample.pmi.loc[: months[0] - 1]
    training = training.mask(in_spells(training.index, how.masked))
    n = int(training.notna().sum())
    if n < how.min_training:
        raise EstimationError(
            f"too few months before episode {episode.name}",
            expected=f"at least {how.min_training} observed months",
            found=f"{n} of {len(training)}",
            where=f"{sample.pmi.index[0]}..{months[0] - 1}",
            todo=f"set min_training to {FEWEST_TRAINED}..{most}, or start the sample earlier"
            if (most := n - len(months)) >= FEWEST_TRAINED
            else "start the sample earlier where there is a PMI, or take a later episode",
        )
    ahead = forecast(
        model,
        training,
        sample.peers,
        months,
        min_training=how.min_training,
        season=how.season,
    )
    effect = sample.pmi.loc[months] - ahead.expected
    level = how.level
    estimates = effect_estimates(
        f"counterfactual.{model}.{episode.name}",
        effect,
        ahead,
        method=say("{}, normal forecast errors", how.label(model)),
        level=level,
        unit=how.unit,
    )
    test = placebo_time(
        float(effect.mean()),
        ahead.placebos.mean(axis=1),
        name=f"placebo_time.{episode.name}" + f".{model}" * (model != how.models[0]),
        null=_null(episode, how.outcome),
        how=say("{} with its parameters fixed at those before the episode", how.label(model)),
        n=n,
    )
    path = effect_path(effect, ahead, level)
    path.insert(0, "model", model)
    path.insert(0, "episode", episode.name)
    return estimates, test, path


def _rank_tests(
    sample: PeerSample, episode: Episode, episodes: Sequence[Episode], how: _How
) -> tuple[Estimate, TestResult, TestResult]:
    """Conformal set and end-of-sample test by least squares on a constant and the peers."""
    index = sample.pmi.index
    treated = in_spells(index, [_text(episode)])
    others = in_spells(index, [*how.masked, *map(_text, episodes)]) & ~treated
    phase = np.arange(len(index)) % max(how.season, 1)
    constants = np.equal.outer(phase, np.unique(phase)).astype(float)
    X = np.column_stack([constants, sample.peers.to_numpy(float)])
    usable = sample.pmi.notna().to_numpy() & ~others
    exact = conformal_by_shifts(
        sample.pmi,
        X,
        treated,
        usable=usable,
        lags=how.lags,
        level=how.level,
    )
    return (
        exact.estimate(f"counterfactual.conformal.{episode.name}.mean", how.unit),
        exact.test(f"conformal.{episode.name}", _null(episode, how.outcome)),
        end_of_sample(
            sample.pmi,
            X,
            treated,
            usable=usable,
            name=f"end_of_sample.{episode.name}",
            null=say("the regression of the {} on a constant and the peers holds in {} as before",
                     how.outcome, f"{episode.first}..{episode.last}"),
        ),
    )  # fmt: skip


def _text(episode: Episode) -> str:
    return f"{episode.name}:{episode.first}:{episode.last}"


def _null(episode: Episode, outcome: str) -> str:
    return say("the {} of {} would have been the same without episode {}",
               outcome, f"{episode.first}..{episode.last}", episode.name)  # fmt: skip


def _notes(
    sample: PeerSample, missing: tuple[str, ...], parameters: CounterfactualParameters
) -> tuple[str, ...]:
    notes = ["Intervals hold the variances and the AR coefficient at their estimates."]
    country = parameters.treated_country
    if country != "IDN":
        notes.append(say("The time series are those of {}, in its own spells: {}.",
                         country, joined(", ", parameters.episodes)))  # fmt: skip
    if str(sample.pmi.index[0]) > parameters.start_month:
        notes.append(say("The sample begins in {}, with the first PMI.", sample.pmi.index[0]))
    if missing:
        notes.append(say("No PMI was found for {}; the models take these months as missing, the "
                         "rank tests leave them out.", joined(", ", missing)))  # fmt: skip
    if sample.peers.shape[1]:
        notes.append(say("The peers are observed during the episodes and may have been hit in the "
                         "same months: an effect given the peers is what {} lost beyond them.",
                         _NAMES.get(country, country)))  # fmt: skip
        notes += _extrapolated(sample.peers, parameters)
    notes += [say("Peer {} is left out: {}.", peer, why) for peer, why in sample.excluded.items()]
    if parameters.masked:
        notes.append(say("Not in training: {}.", joined(", ", parameters.masked)))
    return tuple(notes)


def _extrapolated(peers: pd.DataFrame, parameters: CounterfactualParameters) -> list[str]:
    """A note for each episode with a peer outside the range it had in training."""
    notes = []
    for episode in map(Episode.parse, parameters.episodes):
        past = peers.loc[: pd.Period(episode.first, "M") - 1]
        past = past[~in_spells(past.index, parameters.masked)]
        spell = peers.loc[episode.first : episode.last]
        outside = ((spell < past.min()) | (spell > past.max())).any(axis=1)
        if outside.any():
            months = joined(", ", spell.index[outside])
            notes.append(say("{}: in {} a peer is outside its range in training; the forecast "
                             "extrapolates, and the placebo interval does not know of it.",
                             episode.name, months))  # fmt: skip
    return notes
