"""Two-way demeaning beside linearmodels and pyfixest, and half a million rows absorbed."""

import functools
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from timing import Row, beside

from ikm_pmi.inference.absorb import within
from ikm_pmi.inference.absorbed import absorb
from ikm_pmi.inference.few_clusters import few_clusters

SIZES = (10_000, 100_000, 1_000_000)


def unbalanced(rows, columns):
    """Units by ten years, a tenth of the rows missing."""
    rng = np.random.default_rng(1)
    kept = np.flatnonzero(rng.random(rows) > 0.1)
    return pd.factorize(kept // 10)[0], kept % 10, rng.normal(size=(len(kept), columns))


def left(values, effects):
    """Largest mean of an effect that is left in any column."""
    return max(
        float(np.abs(np.bincount(c, x) / np.bincount(c)).max()) for c in effects for x in values.T
    )


def two_way():
    """Unit and year effects removed from unbalanced panels."""
    from linearmodels.panel.data import PanelData
    from pyfixest.estimation import demean

    for columns in (1, 4):
        each = []
        for rows in SIZES:
            unit, year, x = unbalanced(rows, columns)
            codes, weights = np.column_stack([unit, year]).astype(np.uint64), np.ones(len(x))
            index = pd.MultiIndex.from_arrays([unit, year], names=["unit", "year"])
            panel = PanelData(pd.DataFrame(x, index=index, columns=list("abcd")[:columns]))
            ours = functools.partial(within, x, [unit, year])
            close = functools.partial(demean, x, codes, weights, tol=1e-10)
            calls = (
                ours,
                functools.partial(demean, x, codes, weights),
                close,
                functools.partial(panel.demean, "both"),
            )
            own, loose, tight, linear = beside(*calls, repeats=7 if rows < 10**6 else 5)
            what = f"{rows:,} rows, a tenth missing, {columns} column{'s' * (columns > 1)}"
            means = [left(v, [unit, year]) for v in (ours(), close()[0], calls[1]()[0])]
            fast = replace(
                Row(what=what, ours=own, rival="pyfixest", theirs=tight),
                note=f"means left {means[0]:.0e} and {means[1]:.0e} (its tolerance at 1e-10)",
            )
            default = Row(
                what="the same", ours=own, rival="pyfixest, its default tolerance", theirs=loose,
                note=f"means left {means[0]:.0e} and {means[2]:.0e}",
            )  # fmt: skip
            other = Row(what="the same", ours=own, rival="linearmodels", theirs=linear)
            faster = min((fast, other), key=lambda r: r.ratio)
            for one in (fast, default, other):
                judged = {"target": "no slower than the faster", "reached": one.ratio >= 1}
                yield replace(one, **judged) if one is faster else one
            each.append((len(x), median(own)))
        growth = np.diff(np.log(each), axis=0)
        power = (growth[:, 1] / growth[:, 0]).round(2)
        yield Row(
            what=f"growth with rows, {columns} column{'s' * (columns > 1)}", ours=[],
            target="linear (power up to 1.1 over all)",
            reached=bool(np.log(each[-1][1] / each[0][1]) / np.log(each[-1][0] / each[0][0]) < 1.1),
            note=f"power of rows {power[0]:.2f}, then {power[1]:.2f} as the data outgrow the cache",
        )  # fmt: skip


def microdata():
    """`absorb` and `few_clusters` (99 draws) on firms by ten years, each size a process."""
    for rows in (50_000, 500_000):
        done = subprocess.run(  # noqa: S603 (our own interpreter, our own arguments)
            [sys.executable, __file__, str(rows)], check=True, capture_output=True, text=True
        )
        found = json.loads(done.stdout)
        big = rows == 500_000
        yield Row(
            what=f"{rows:,} rows, {rows // 10:,} units, two effects, CRV1, CRV3, p",
            ours=found["seconds"],
            target="under 3 s and 1 GB" if big else "",
            reached=(median(found["seconds"]) < 3 and found["peak"] < 1) if big else None,
            note=f"peak {found['peak']:.2f} GB, of which the data before {found['before']:.2f} GB",
        )  # fmt: skip


def firms(rows):
    """A panel of firms whose elasticity is 0.3."""
    rng = np.random.default_rng(1)
    units = rows // 10
    unit, year = np.repeat(np.arange(units), 10), np.tile(np.arange(2013, 2023), units)
    output = rng.normal(size=units)[unit] + rng.normal(size=rows) * 0.5
    workers = 0.3 * output + rng.normal(size=units)[unit] + rng.normal(size=rows) * 0.3
    return pd.DataFrame({"unit": unit, "year": year, "output": output, "workers": workers})


def peak():
    """Largest memory of this program so far, GB; getrusage would count the process that forked."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(one.split()[1]) for one in lines if one.startswith("VmHWM")) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30  # bytes on macOS


def alone(rows):
    """Seconds of five warm calls and the memory of this process, as JSON."""
    frame, taken = firms(rows), []
    before = peak()
    for _ in range(6):
        start = time.perf_counter()
        fit = absorb("workers ~ output | unit + year", frame)
        few_clusters(fit, "output", groups=frame["unit"], draws=99, interval=False)
        taken.append(time.perf_counter() - start)
    print(json.dumps({"seconds": taken[1:], "before": before, "peak": peak()}))


if __name__ == "__main__":
    alone(int(sys.argv[1]))
