"""All answers to one question side by side, with what each assumes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.results import Estimate, TestResult

__all__ = ["ARMS", "synthesis"]

#: Estimator, name of its mean effect, name of its test, kind of p, what it assumes.
ARMS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "event study",
        "pmi.{episode}.mean",
        "pmi.{episode}.no_effect",
        "rank among placebo windows",
        "other months, peers and season say what this month would have been; no hidden shock",
    ),
    (
        "structural time series",
        "counterfactual.ucm.{episode}.mean",
        "placebo_time.{episode}",
        "rank among earlier forecasts",
        "the level and the peers before carry on; the month before is the yardstick",
    ),
    (
        "SARIMAX",
        "counterfactual.sarimax.{episode}.mean",
        "placebo_time.{episode}.sarimax",
        "rank among earlier forecasts",
        "the PMI returns to its mean as fast as before",
    ),
    (
        "conformal set",
        "counterfactual.conformal.{episode}.mean",
        "conformal.{episode}",
        "moving-block permutation",
        "errors are stationary; no distribution",
    ),
    (
        "synthetic control",
        "counterfactual.synthetic.{episode}.mean",
        "placebo_space.{episode}",
        "rank among donors",
        "a fixed mix of countries moves as Indonesia would have; donors untouched",
    ),
    (
        "augmented synthetic control",
        "counterfactual.synthetic.{episode}.mean.augmented",
        "placebo_space.{episode}.augmented",
        "rank among donors",
        "the same, with what the mix misses corrected by regression",
    ),
    (
        "penalised synthetic control",
        "counterfactual.synthetic.{episode}.mean.penalised",
        "placebo_space.{episode}.penalised",
        "rank among donors",
        "the same, with donors that resemble Indonesia preferred",
    ),
    (
        "difference in differences",
        "counterfactual.synthetic.{episode}.mean.difference",
        "placebo_space.{episode}.difference",
        "rank among donors",
        "all donors alike move in parallel with Indonesia",
    ),
)


def synthesis(
    episode: str, estimates: Sequence[Estimate], tests: Sequence[TestResult]
) -> pd.DataFrame:
    """One row an estimator of an episode's mean effect.

    Parameters
    ----------
    episode : str
        Name shared by the estimators.
    estimates, tests : sequence
        Of all chapters that answer the question; estimators not among them are left out.

    Returns
    -------
    DataFrame
        estimator, estimate, ci_low, ci_high, p, smallest_p (index points and probabilities),
        kind_of_p, assumes.

    Raises
    ------
    EstimationError
        When no estimator has this episode.
    """
    found = {e.name: e for e in estimates}
    tested = {t.name: t for t in tests}
    rows = []
    for estimator, name, test, kind, assumes in ARMS:
        e = found.get(name.format(episode=episode))
        t = tested.get(test.format(episode=episode))
        if e is None or t is None:
            continue
        rows.append(
            {
                "estimator": estimator,
                "estimate": e.value,
                "ci_low": e.ci_low,
                "ci_high": e.ci_high,
                "p": t.p_value,
                "smallest_p": t.minimum_p,
                "kind_of_p": kind,
                "assumes": assumes,
            }
        )
    if not rows:
        raise EstimationError(
            f"no estimator answers for episode {episode}",
            expected="an episode that the chapters have in common",
            found=episode,
            todo="give the episode the same name in the chapters' parameters",
        )
    return pd.DataFrame(rows)
