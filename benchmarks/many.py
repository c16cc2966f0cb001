"""Many specifications at once: beside a plain statsmodels loop and the package specification_curve.

The package joins in where it can be imported; `make bench` puts it into .venv-bench, apart from the
study's environment, since it brings a dozen packages of its own.
"""

import contextlib
import io
from itertools import combinations

import numpy as np
import pandas as pd
from multiverse import LOOPS, Inputs, engine, sampled
from timing import Row, beside

from ikm_pmi.engine.values import read_grids
from ikm_pmi.trust.specification_curve import series_fits

ERRORS = {"event": "std_error_ols", "dose": "std_error_newey_west", "elasticity": "std_error"}


def multiverse():
    """Time per specification; the engine's includes p-values, summaries, curves under the null."""
    inputs = Inputs()
    for name, grid in read_grids().items():
        curve = engine(name, inputs, grid)
        rows, size = sampled(grid, curve, 200), len(curve.specifications)
        own, loop = beside(
            lambda name=name, grid=grid: engine(name, inputs, grid),
            lambda name=name, rows=rows: [LOOPS[name](inputs, p) for _, p in rows],
            repeats=3,
        )
        values, errors = differences(name, inputs, rows)
        one = Row(
            what=f"{name}: each of {size:,} specifications", ours=[t / size for t in own],
            rival="statsmodels loop (200 of them)", theirs=[t / len(rows) for t in loop],
            note=f"coefficients within {values:.0e}, standard errors within {errors:.0e}",
        )  # fmt: skip
        reached = one.ratio >= 20 and values < 1e-10 and errors < 1e-8
        yield Row(
            what=one.what, ours=one.ours, rival=one.rival, theirs=one.theirs, note=one.note,
            target="20 times, 1e-10 and 1e-8", reached=reached,
        )  # fmt: skip
    yield from subsets()


def differences(name, inputs, rows):
    """Largest difference of coefficients, and of errors where both are in points."""
    pairs = [(row, p, *LOOPS[name](inputs, p)) for row, p in rows]
    values = max(abs(row["estimate"] - value) for row, _, value, _ in pairs)
    errors = max(
        abs(row[ERRORS[name]] - error)
        for row, p, _, error in pairs
        if getattr(p, "outcome", "points") == "points"
    )
    return values, errors


def subsets(T=110, controls=10):
    """All subsets of ten controls, T = 110: the one kind of multiverse specification_curve has."""
    rng = np.random.default_rng(1)
    names = [f"z{i}" for i in range(controls)]
    f = pd.DataFrame(rng.normal(size=(T, controls + 2)), columns=["y", "x", *names])
    f["y"] += 0.5 * f["x"] + f[names].sum(axis=1) / 10

    def ours():
        found = {}
        for size in range(controls + 1):
            sets = list(combinations(names, size))
            W = np.stack([np.column_stack([np.ones(T), f[list(s)]]) for s in sets])
            y, D = f["y"].to_numpy()[None, :, None], f["x"].to_numpy()[None, None, :, None]
            fits = series_fits(np.repeat(y, len(W), 0), np.repeat(D, len(W), 0), W, 0.95)
            cells = zip(fits.value[:, 0, 0], fits.std_error["ols"][:, 0, 0], strict=True)
            found |= dict(zip(map(frozenset, sets), cells, strict=True))
        return found

    what = f"every subset of {controls} controls, {2**controls:,} regressions, whole"
    try:
        from specification_curve import SpecificationCurve
    except ImportError as error:
        note = f"specification_curve cannot be imported here ({error.name} is absent)"
        yield Row(what=what, ours=beside(ours)[0], note=note)
        return

    def theirs():
        with contextlib.redirect_stdout(io.StringIO()):
            curve = SpecificationCurve(f, "y", "x", list(names))
            curve.fit()
        return curve.df_r

    own, other = beside(ours, theirs, repeats=3)
    found, table = ours(), theirs()
    both = [
        (found[frozenset(row.Specification) - {"x", "y"}], (row.Coefficient, row.bse))
        for row in table.itertuples()
    ]
    apart = np.abs(np.array(both)[:, 0] - np.array(both)[:, 1]).max(axis=0)
    yield Row(
        what=what, ours=own, rival="specification_curve", theirs=other,
        note=f"coefficients within {apart[0]:.0e}, standard errors within {apart[1]:.0e}; ours "
        "gives Newey-West, cosine and shift errors too",
    )  # fmt: skip
