"""Everything side by side in one go; writes RESULTS.md beside this file. Run with: make bench.

Every row is the median of several repeats in one process, rivals in turn, so that a change of the
machine's speed meets both. Times are in milliseconds unless the row says otherwise.
"""

import functools
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from ikm_pmi.data import package
from ikm_pmi.inference.conformal import conformal
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.models import elasticity, elasticity_sample, synthetic
from ikm_pmi.models.panel import design, moments
from ikm_pmi.models.synthetic_fit import solve
from ikm_pmi.models.within import within
from ikm_pmi.parameters import ElasticityParameters, SyntheticParameters

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGES = ("ikm-pmi", "numpy", "pandas", "scipy", "statsmodels", "linearmodels", "pyfixest",
            "pysyncon", "wildboottest", "papermill")  # fmt: skip


def seconds(call, repeats=5):
    """Median seconds of a call after one warm-up."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def beside(ours, *rivals, repeats=5):
    """Median seconds of several calls, in turn."""
    calls = [ours, *rivals]
    for call in calls:
        call()
    taken = [[] for _ in calls]
    for _ in range(repeats):
        for place, call in enumerate(calls):
            start = time.perf_counter()
            call()
            taken[place].append(time.perf_counter() - start)
    return [statistics.median(one) for one in taken]


def bootstrap():
    import pyfixest
    import statsmodels.api as sm
    from wildboottest.wildboottest import wildboottest

    p = ElasticityParameters()
    rows = elasticity_sample.sample(package.load("imk_panel"), p)
    f = rows[rows["scale"] == "total"].reset_index(drop=True)
    f["code"] = f["unit"].astype("category").cat.codes.astype(int)
    m = moments(
        design(f, "log_workers", ["log_output"], effects=("unit", "year"), weights="weight")
    )
    restriction = np.eye(m.gram.shape[1])[0]

    def ours(interval=False):
        rng = np.random.default_rng(1)
        return wild_bootstrap(m, restriction, draws=9999, kind="webb", rng=rng, interval=interval)

    X = pd.get_dummies(f[["unit", "year"]].astype(str), drop_first=True, dtype=float)
    X = pd.concat([f[["log_output"]], X], axis=1).assign(const=1.0)
    model = sm.OLS(f["log_workers"], X)

    def theirs():
        return wildboottest(
            model, param="log_output", cluster=f["code"], B=9999,
            weights_type="webb", impose_null=True, seed=1, show=False, parallel=False,
        )  # fmt: skip

    fixed = pyfixest.feols("log_workers ~ log_output | unit + year", f, vcov={"CRV1": "code"})

    def fixest():
        return fixed.wildboottest(
            param="log_output", cluster="code", reps=9999, weights_type="webb", seed=1
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own, other, third = beside(ours, theirs, fixest)
        whole = seconds(lambda: ours(interval=True))
        p_own, p_other = ours().p_value, float(theirs()["p-value"].iloc[0])
    yield (
        "wild bootstrap, 9,999 draws, p",
        own,
        "wildboottest",
        other,
        f"p {p_own:.4f}, {p_other:.4f}",
    )
    yield "the same", own, "pyfixest", third, "target: 40 times wildboottest"
    yield "the same with its interval", whole, "", None, "by inversion"


def conformal_set():
    rng = np.random.default_rng(1)
    y = np.cumsum(rng.normal(size=110)) * 0.1 + rng.normal(size=110) + 50
    X = np.column_stack([np.ones(110), rng.normal(size=110)])
    own = seconds(lambda: conformal(y, X, np.array([100, 101]), candidates=200), 20)
    yield "conformal set, T = 110, 200 candidates", own, "", None, "target: under 300 ms"


def synthetic_control():
    from pysyncon.base import VanillaOptimMixin

    countries = package.load("country_monthly")
    p = SyntheticParameters()
    rng = np.random.default_rng(1)
    y0, y1 = rng.normal(50, 3, (30, 9)), rng.normal(50, 3, 30)

    def theirs():
        for donor in range(10):
            VanillaOptimMixin.w_optimize(np.eye(30), np.roll(y0, donor, 0), y1)

    def ours():
        for donor in range(10):
            solve(np.roll(y0, donor, 0), y1)

    own, other = beside(ours, theirs)
    whole = seconds(lambda: synthetic.estimate(countries, p), 3)
    yield "synthetic control, weights with 9 placebos", own, "pysyncon", other, "the same programme"
    yield "four variants, placebos, sets, leave-one-out", whole, "", None, ""


def two_way():
    import linearmodels
    from pyfixest.estimation import demean

    for rows in (10_000, 100_000, 1_000_000):
        rng = np.random.default_rng(1)
        unit, year = np.arange(rows) // 10, np.arange(rows) % 10
        kept = rng.random(rows) > 0.1  # unbalanced
        unit = pd.factorize(unit[kept])[0]
        year, x = year[kept], rng.normal(size=int(kept.sum()))
        codes = np.column_stack([unit, year]).astype(np.uintp)
        weights = np.ones(len(x))
        index = pd.MultiIndex.from_arrays([unit, year], names=["unit", "year"])
        panel = linearmodels.panel.data.PanelData(pd.DataFrame({"x": x}, index=index))
        calls = (
            functools.partial(within, x, [unit, year]),
            functools.partial(demean, x[:, None], codes, weights, tol=1e-10),
            functools.partial(panel.demean, "both"),
        )
        own, fixest, linear = beside(*calls, repeats=3)
        yield f"two-way demeaning, {rows:,} rows, unbalanced", own, "pyfixest", fixest, ""
        yield "the same", own, "linearmodels", linear, ""


def microdata():
    rng = np.random.default_rng(1)
    units, years = 50_000, 10
    unit, year = np.repeat(np.arange(units), years), np.tile(np.arange(2013, 2013 + years), units)
    output = rng.normal(size=units)[unit] + rng.normal(size=units * years) * 0.5
    workers = 0.3 * output + rng.normal(size=units)[unit] + rng.normal(size=units * years) * 0.3
    frame = pd.DataFrame(
        {"unit": unit.astype(str), "island": "Java", "java": True, "year": year, "scale": "total",
         "establishments": 1, "workers": (np.exp(workers + 5)).astype(int) + 1,
         "output_idr_mn": np.exp(output + 8), "flagged": False, "n_provinces": 1}
    )  # fmt: skip
    p = ElasticityParameters(first_year=2013, last_year=2022)
    own = seconds(lambda: elasticity.estimate(frame, p, only={"twfe"}), 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield (
        "elasticity of 500,000 rows, two-way",
        own,
        "",
        None,
        f"target: 3 s, 1 GB; peak {peak:.2f} GB",
    )


def commands():
    def run(*words):
        return lambda: subprocess.run(words, check=True, capture_output=True, cwd=ROOT)  # noqa: S603

    ikm = str(Path(sys.executable).with_name("ikm-pmi"))
    bare = seconds(run(sys.executable, "-c", "pass"))
    imported = seconds(run(sys.executable, "-c", "import ikm_pmi"))
    yield "import ikm_pmi (less a bare interpreter)", imported - bare, "", None, "target: 300 ms"
    yield "ikm-pmi --help", seconds(run(ikm, "--help")), "", None, "target: 600 ms"
    yield (
        "reproduce with nothing changed",
        seconds(run(ikm, "reproduce"), 3),
        "",
        None,
        "target: 2 s",
    )
    taken = []
    for chapter in ("03", "04", "05"):
        start = time.perf_counter()
        run(ikm, "run", chapter, "--out", str(ROOT / "results" / "bench"))()
        taken.append(time.perf_counter() - start)
    yield (
        "chapters 03, 04, 05 one after the other",
        sum(taken),
        "",
        None,
        "target: 40 s on two cores",
    )


PARTS = (bootstrap, conformal_set, synthetic_control, two_way, microdata, commands)


def line(row):
    what, own, rival, other, note = row
    ratio = "" if other is None else f"{other / own:,.1f}"
    theirs = "" if other is None else f"{1000 * other:,.1f}"
    return f"| {what} | {1000 * own:,.1f} | {rival} | {theirs} | {ratio} | {note} |"


def main():
    head = [
        "# Benchmarks",
        "",
        "Written by `make bench`: medians of repeats in one process, rivals in turn, one BLAS",
        "thread. Demeaning: pyfixest stops at 1e-10, this package at 1e-12 of the spread.",
        "",
        f"Machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}.",
        "Versions: " + ", ".join(f"{name} {version(name)}" for name in PACKAGES) + ".",
        "",
        "| what | ours, ms | rival | rival, ms | rival / ours | note |",
        "|---|---|---|---|---|---|",
    ]
    rows = []
    for part in PARTS:
        for row in part():
            rows.append(line(row))
            print(rows[-1], flush=True)
    text = "\n".join([*head, *rows]) + "\n\n"
    several = subprocess.run(  # noqa: S603
        [sys.executable, HERE / "multiverse.py"], check=True, capture_output=True, text=True
    ).stdout
    text += "## Multiverse against a plain statsmodels loop\n\n```\n" + several.strip() + "\n```\n"
    beside_path = HERE / ".RESULTS.md"
    beside_path.write_text(text, encoding="utf-8")
    beside_path.replace(HERE / "RESULTS.md")


if __name__ == "__main__":
    main()
