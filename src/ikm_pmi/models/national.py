"""Employment and output of all manufacturing, national and half-yearly.

Log employment (Sakernas, February and August) on log real output as an error-correction model.
Thirty rounds with one recession settle little: the bounds tests use null distributions simulated
for this very sample, and every lag order and treatment of the breaks is shown beside the headline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.inference.bounds_test import CASES, BoundsResult, Case, simulate_null
from ikm_pmi.language import spoken
from ikm_pmi.models.error_correction import ErrorCorrection, error_correction
from ikm_pmi.models.national_sample import STEP, half_years
from ikm_pmi.results import Estimate, Findings, TestResult

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

__all__ = ["NationalResult", "estimate", "half_years"]

#: A year: longer lags leave too few of thirty rows.
MAX_LAG = 2
ORDERS = tuple((p, q) for p in range(1, MAX_LAG + 1) for q in range(1, MAX_LAG + 1))
#: Dummies beside the constant, the headline's first.
DUMMIES: Mapping[str, tuple[str, ...]] = {
    "season": ("february",),
    "season, August 2022": ("february", "august_2022"),
    "season, step in 2017": ("february", "from_2017"),
}
#: Simulated samples behind the headline tests.
SIMULATIONS = 40_000


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class NationalResult(Findings):
    """The national elasticity, its bounds tests, and ``sensitivity``: one row a specification."""

    sensitivity: pd.DataFrame

    @spoken
    def sentence(self) -> str:
        """The long-run elasticity and the verdict of the two bounds tests."""
        (long_run,) = self.estimates
        return f"{long_run.sentence()} Bounds tests: {long_run.detail['verdict']}."


def estimate(
    frame: pd.DataFrame,
    parameters: ElasticityParameters,
    *,
    order: tuple[int, int] | None = None,
    simulations: int = SIMULATIONS,
) -> NationalResult:
    """The national employment elasticity and the bounds tests.

    Parameters
    ----------
    frame : DataFrame
        From :func:`ikm_pmi.models.national_sample.half_years`.
    parameters : ElasticityParameters
        Seed, coverage, and draws of the simulations behind the sensitivity table.
    order : (int, int), optional
        Lags of workers and of output; if not given, the lowest BIC of up to a year each.
    simulations : int
        Draws behind the headline tests.

    Raises
    ------
    EstimationError
        When too few rows are left.
    """
    season = DUMMIES["season"]
    chosen = order or min(ORDERS, key=lambda pq: _model(frame, pq, season, 3, parameters).bic)
    main = _model(frame, chosen, season, 3, parameters)
    f, t = _bounds(frame, main, season, simulations, parameters.seed)
    rows, cases = [], tuple[Case, ...]((3, 5))
    for (words, dummies), pq, case in product(DUMMIES.items(), ORDERS, cases):
        m = _model(frame, pq, dummies, case, parameters)
        tests = _bounds(frame, m, dummies, parameters.draws, parameters.seed)
        rows.append({"dummies": words, "lags": str(pq), "trend": case == 5} | _row(m, *tests))
    sensitivity = pd.DataFrame(rows)
    rule = "as given" if order else f"by the lowest BIC up to {MAX_LAG}"
    return NationalResult(
        estimates=(_estimate(main, parameters, rule, _verdict(f, t)),),
        tests=tuple(_test(result, main, simulations) for result in (f, t)),
        notes=tuple(_notes(frame, sensitivity)),
        sensitivity=sensitivity,
    )


def _model(
    frame: pd.DataFrame,
    lags: tuple[int, int],
    dummies: Sequence[str],
    case: Case,
    parameters: ElasticityParameters,
) -> ErrorCorrection:
    """One specification, all of them on the rows that the longest lags leave."""
    return error_correction(
        frame,
        "log_workers",
        {"log_workers": lags[0], "log_output": lags[1]},
        case=case,
        fixed=dummies,
        hold_back=MAX_LAG,
        level=parameters.confidence_level,
    )


def _bounds(
    frame: pd.DataFrame, m: ErrorCorrection, dummies: Sequence[str], draws: int, seed: int
) -> tuple[BoundsResult, BoundsResult]:
    null = simulate_null(
        m.nobs,
        m.case,
        order=m.order,
        fixed=frame[list(dummies)].to_numpy()[-m.nobs :],
        draws=draws,
        rng=np.random.default_rng(seed),
    )
    return null.test("F", m.f), null.test("t", m.t)


def _row(m: ErrorCorrection, f: BoundsResult, t: BoundsResult) -> dict[str, Any]:
    ratio = m.long_run["log_output"]
    tests = {
        f"{r.kind.lower()}{end}": value
        for r in (f, t)
        for end, value in (("", r.statistic), ("_p_lower", r.p_lower), ("_p_upper", r.p_upper))
    }
    return {
        "long_run": ratio.value,
        "std_error": ratio.std_error,
        "fieller": str(ratio),
        **tests,
        "verdict": _verdict(f, t),
        "bic": m.bic,
        "autocorrelation": m.autocorrelation,
    }


def _verdict(f: BoundsResult, t: BoundsResult) -> str:
    """A level relationship needs both tests: F alone may reject for output's level alone."""
    verdicts = {f.verdict(), t.verdict()}
    for words in ("no level relationship found", "inconclusive"):
        if words in verdicts:
            return words
    return "level relationship"


def _estimate(
    m: ErrorCorrection, parameters: ElasticityParameters, rule: str, verdict: str
) -> Estimate:
    ratio = m.long_run["log_output"]
    return Estimate(
        name="elasticity.national.long_run",
        value=ratio.value,
        unit="percent of workers per percent of output",
        n=m.nobs,
        std_error=ratio.std_error,
        ci_low=ratio.low if ratio.bounded else None,
        ci_high=ratio.high if ratio.bounded else None,
        ci_level=parameters.confidence_level,
        detail={
            "verdict": verdict,
            "fieller": str(ratio),
            "adjustment": m.adjustment[0],
            "adjustment_std_error": m.adjustment[1],
        },
        method=(
            f"ARDL{m.order} of log workers on log output, {CASES[m.case]}, February dummy, lags"
            f" {rule}; standard error by the delta method, {parameters.confidence_level:.0%}"
            f" Fieller set {ratio}"
        ),
    )


def _test(result: BoundsResult, m: ErrorCorrection, draws: int) -> TestResult:
    ends = {
        f"critical_{100 * level:.0f}pct_{end}": value
        for level, pair in result.critical.items()
        for end, value in zip(("lower", "upper"), pair, strict=True)
    }
    return TestResult(
        name=f"elasticity.bounds_{result.kind.lower()}",
        null="Workers and output of manufacturing have no level relationship.",
        statistic=result.statistic,
        p_value=result.p_upper,
        distribution=(
            f"upper bound (regressors I(1)), {draws:,} simulated samples of {m.nobs} rows with"
            f" the lags {m.order} and the dummy"
        ),
        n=m.nobs,
        detail={"p_lower": result.p_lower, "verdict": result.verdict(), **ends},
    )


def _notes(frame: pd.DataFrame, sensitivity: pd.DataFrame) -> Iterator[str]:
    counts = sensitivity["verdict"].value_counts()
    shown = ", ".join(f"{words} in {n}" for words, n in counts.items())
    low, high = sensitivity["long_run"].min(), sensitivity["long_run"].max()
    yield (
        f"Of {len(sensitivity)} specifications at 5 percent: {shown}. The long-run elasticity lies"
        f" between {low:.2f} and {high:.2f}; without a level relationship it may be spurious."
    )
    first = sensitivity[(sensitivity["dummies"] == "season") & ~sensitivity["trend"]]
    close = first[first["bic"] <= first["bic"].min() + 2]
    each = zip(close["lags"], close["bic"], close["verdict"], strict=True)
    yield "Lags within 2 of the lowest BIC: " + "; ".join(
        f"{lags} {bic:.1f}, {verdict}" for lags, bic, verdict in each
    )
    if frame["derived"].any():
        rounds = ", ".join(map(str, frame.index[frame["derived"]]))
        yield f"Output in {rounds} rests on a growth rate derived from annual levels."
    before, at = frame["workers_mn"].reindex([STEP - 2, STEP])
    yield (
        f"Employment steps from {before:.2f} to {at:.2f} million between {STEP - 2} and {STEP};"
        " a change of weights or classification is suspected, not verified."
    )
