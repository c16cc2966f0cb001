"""Monte Carlo: how often a test rejects what is true, and an interval holds it.

An experiment makes one sample and says what each method made of it; :func:`monte_carlo` repeats it
and :func:`summarise` counts. Every replication has a generator of its own, so a table does not
depend on which experiments run beside it or in which order.

References
----------
Morris, White & Crowther (2019), Using simulation studies to evaluate statistical methods,
Statistics in Medicine 38, table 6 (Monte-Carlo standard errors).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.language import joined, say, translated
from ikm_pmi.results import Estimate

#: Nominal size of the tests and one minus nominal coverage of the intervals.
ALPHA = 0.05
#: A rate is called off when its Clopper-Pearson interval of this level excludes the nominal one.
SURE = 0.99
#: Samples whose counts stand in the table by themselves, so that anybody can repeat them.
FIRST = 25
#: Months before the first, so that an AR(1) path starts from its stationary distribution.
BURN_IN = 100


@dataclass(frozen=True, slots=True)
class Draw:
    """What one method made of one sample; None where the question does not apply.

    Parameters
    ----------
    error : float or None
        Estimate minus truth.
    size, power, coverage : bool or None
        Whether a true null was rejected, a false one was, and the interval holds the truth.
    minimum_p : float
        The smallest p the test can attain.
    """

    method: str
    error: float | None = None
    size: bool | None = None
    power: bool | None = None
    coverage: bool | None = None
    minimum_p: float = 0.0


Experiment = Callable[[np.random.Generator], Iterable[Draw]]


def ar1(rng: np.random.Generator, n: int, persistence: float, sd: float) -> NDArray[np.float64]:
    """A stationary AR(1) path of n periods whose values (not innovations) have this sd."""
    from scipy.signal import lfilter

    shocks = rng.standard_normal(n + BURN_IN) * sd * np.sqrt(1 - persistence**2)
    path: NDArray[np.float64] = lfilter([1.0], [1.0, -persistence], shocks)[BURN_IN:]
    return path


def deal(rng: np.random.Generator, paths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residual paths, shape (units, periods), dealt to the units anew with random signs.

    Keeps the dependence over time and the unlike variances of the units; the signs make every path
    one of mean zero, unrelated to any regressor.
    """
    signs = rng.choice([-1.0, 1.0], len(paths))
    dealt: NDArray[np.float64] = signs[:, None] * paths[rng.permutation(len(paths))]
    return dealt


def judge(method: str, null: Estimate, other: Estimate, truth: float) -> Draw:
    """A method by its estimates without an effect and with the true one.

    An interval without an end counts as holding everything on that side.
    """
    low = -np.inf if other.ci_low is None else other.ci_low
    high = np.inf if other.ci_high is None else other.ci_high
    tested = null.p_value is not None and other.p_value is not None
    return Draw(
        method,
        error=other.value - truth,
        size=bool((null.p_value or 0.0) <= ALPHA) if tested else None,
        power=bool((other.p_value or 0.0) <= ALPHA) if tested else None,
        coverage=bool(low <= truth <= high),
        minimum_p=float(null.detail.get("minimum_p") or 0.0),
    )


def monte_carlo(
    experiments: Mapping[str, Experiment],
    replications: int,
    seed: int,
    tell: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Repeat the experiments; one summary row a method.

    Parameters
    ----------
    experiments : mapping of name to experiment
    replications : int
        Samples of each.
    seed : int
    tell : callable
        Given the name of an experiment when it begins.

    Returns
    -------
    DataFrame
        See :func:`summarise`.
    """
    draws: list[tuple[str, Draw]] = []
    for name, experiment in experiments.items():
        tell(name)
        key = zlib.crc32(name.encode())
        for replication in range(replications):
            rng = np.random.default_rng([seed, key, replication])
            draws += [(name, draw) for draw in experiment(rng)]
    return summarise(draws)


def summarise(draws: Sequence[tuple[str, Draw]]) -> pd.DataFrame:
    """Count draws by experiment and method.

    Returns
    -------
    DataFrame
        experiment, method, replications, bias and rmse (with bias_mc, in the units of the
        estimate), size, power, coverage (each with its Monte-Carlo standard error ``_mc``;
        missing where the question does not apply), minimum_p, verdict (what is off, in words), and
        the counts among the ``FIRST`` samples.
    """
    long = pd.DataFrame([{"experiment": name, **asdict(draw)} for name, draw in draws])
    rows = []
    for (experiment, method), group in long.groupby(["experiment", "method"], sort=False):
        n = len(group)
        row: dict[str, Any] = {"experiment": experiment, "method": method, "replications": n}
        errors = group["error"].dropna().to_numpy(float)
        if len(errors):
            row |= {
                "bias": errors.mean(),
                "bias_mc": errors.std(ddof=1) / np.sqrt(n),
                "rmse": np.sqrt((errors**2).mean()),
            }
        for rate in ("size", "power", "coverage"):
            if group[rate].notna().all():
                hits = int(group[rate].sum())
                shrunk = (hits + 2) / (n + 4)  # a rate of 0 or 1 is not known exactly either
                row |= {rate: hits / n, f"{rate}_mc": np.sqrt(shrunk * (1 - shrunk) / n)}
                row[f"{rate}_first"] = int(group[rate].head(FIRST).sum())
        row["minimum_p"] = group["minimum_p"].max()
        rows.append(row | {"verdict": _verdict(row)})
    rates = [name for rate in ("size", "power", "coverage") for name in (rate, f"{rate}_mc")]
    known = ["experiment", "method", "replications", "bias", "bias_mc", "rmse", *rates]
    first = [f"{rate}_first" for rate in ("size", "power", "coverage")]
    table = pd.DataFrame(rows).reindex(columns=[*known, "minimum_p", "verdict", *first])
    return table.astype(dict.fromkeys(first, "Int64"))


def _verdict(row: Mapping[str, Any]) -> str:
    """What is off beyond Monte-Carlo error."""
    n, found = int(row["replications"]), []
    if "bias" in row and abs(row["bias"]) > 3 * row["bias_mc"]:
        found.append("biased")
    if row["minimum_p"] > ALPHA:
        found.append(say("cannot reject at {:.0%}: smallest p {:.2f}", ALPHA, row["minimum_p"]))
    elif "size" in row:
        side = _side(round(row["size"] * n), n, ALPHA)
        found += [{1: "rejects too often", -1: "rejects too rarely"}[side]] if side else []
    if "coverage" in row:
        side = _side(round(row["coverage"] * n), n, 1 - ALPHA)
        found += [{1: "covers more than claimed", -1: "covers too rarely"}[side]] if side else []
    return joined("; ", found) or "nothing off"


def _side(hits: int, n: int, nominal: float) -> int:
    """1 or -1 where a rate is surely above or below the nominal one, else 0."""
    from scipy.stats import binomtest

    if binomtest(hits, n, nominal).pvalue >= 1 - SURE:
        return 0
    return 1 if hits / n > nominal else -1


def estimates(table: pd.DataFrame) -> list[Estimate]:
    """Sizes and coverages as ``validation.<experiment>.<method>.size`` or ``.coverage``.

    Where the table has a ``world`` that is not empty, it stands before the last part.
    """
    known = table[["size", "coverage"]].notna().to_numpy()
    records = table.to_dict("records")
    return [
        Estimate(
            name=".".join(["validation", *_parts(row), rate]),
            value=row[rate],
            unit="share of samples",
            std_error=row[f"{rate}_mc"],
            n=row["replications"],
            method="Monte Carlo; the standard error is that of the simulation",
            detail={"nominal": ALPHA if rate == "size" else 1 - ALPHA, "verdict": row["verdict"]},
        )
        for row, there in zip(records, known, strict=True)
        for rate, known_here in zip(("size", "coverage"), there, strict=True)
        if known_here
    ]


def _parts(row: Mapping[Any, Any]) -> list[str]:
    parts = (row["experiment"], row["method"], row.get("world") or "")
    return [slug(part) for part in parts if part]


@translated
def sentence(table: pd.DataFrame) -> str:
    """How many methods are off, and which, in a sentence."""
    off = table[table["verdict"] != "nothing off"]
    if off.empty:
        return say("{} of {} methods are off.", 0, len(table))
    words = [say("{}, {} ({})", r.experiment, r.method, r.verdict) for r in off.itertuples()]
    return say("{} of {} methods are off: {}.", len(off), len(table), joined("; ", words))


@translated
def coverage_sentence(table: pd.DataFrame) -> str:
    """How often the interval of some rows, one a world, holds the truth."""
    rows = table.sort_values("coverage").to_dict("records")
    lowest, highest = rows[0], rows[-1]
    return say("An interval of {:.0%} of the {} holds the truth in {:.0%} ({}) to {:.0%} ({}) of "
               "samples; its test rejects a true null in {:.0%} to {:.0%}.", 1 - ALPHA,
               lowest["experiment"], lowest["coverage"], lowest["world"], highest["coverage"],
               highest["world"], table["size"].min(), table["size"].max())  # fmt: skip


def slug(text: str) -> str:
    """A part of a result's name: lower case, letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
