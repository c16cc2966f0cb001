"""The multiverse at once against one statsmodels regression a specification.

Run: python benchmarks/multiverse.py [specifications of the loop]

The loop is given its frames for nothing: only choosing rows, building the design and fitting are
timed. The engine is timed whole, summaries and curves under the null included.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
import statsmodels.api as sm

from ikm_pmi.data import package
from ikm_pmi.engine.values import read_grids
from ikm_pmi.inference.har import truncation
from ikm_pmi.jobs import regressions
from ikm_pmi.parameters import Episode, RobustnessParameters
from ikm_pmi.pmi import sample
from ikm_pmi.pmi.sample import in_spells
from ikm_pmi.pmi.spells import find_spells
from ikm_pmi.trust.multiverse_elasticity import elasticity_curve
from ikm_pmi.trust.multiverse_pmi import dose_curve, event_curve

PARAMETERS = RobustnessParameters.parse({})


class Inputs:
    """Tables, and the frames of the specifications, each made once."""

    def __init__(self):
        self.tables = package.load_many(sample.TABLES)
        self.panel = package.load("imk_panel")
        table = package.load("deflators")
        self.deflators = {k: regressions.deflator_index(table, k) for k in ("cpi", "gdp")}
        self.made = {}

    def frame(self, p):
        key = p.model_dump_json(
            exclude={"episodes", "leads", "after", "controls", "leave_out", "outcome"}
        )
        if key not in self.made:
            self.made[key] = sample.assemble(self.tables, p)
        return self.made[key]


def _in_points(p, y, idle, value):
    """The effect in points of the PMI, from the mean of the idle months where in log odds."""
    if p.outcome == "points":
        return value
    start = y[idle].mean()
    return 100 / (1 + np.exp(-(start + value))) - 100 / (1 + np.exp(-start))


def _outcome(p, pmi):
    return np.log(pmi / (100 - pmi)) if p.outcome == "logit" else pmi


def dose(inputs, p):
    """Coefficient and Newey-West standard error, the latter on the scale of the outcome."""
    frame = inputs.frame(p)
    controls = list(p.controls)
    y, X, _ = sample.dose_design(frame, p.intensity, controls, p.start_month, p.end_month)
    kept = ~in_spells(y.index, p.leave_out)
    y, X = _outcome(p, y[kept]), X[kept] if p.level_term else X[kept].drop(columns="before")
    lags = {"maxlags": truncation(len(y)) - 1, "use_correction": False}
    fit = sm.OLS(y, X).fit(cov_type="HAC", cov_kwds=lags)
    idle = (X[["change", "before"] if p.level_term else ["change"]] == 0).all(axis=1)
    return _in_points(p, y, idle, fit.params["change"]), fit.bse["change"]


def event(inputs, p):
    """Mean of the month dummies of the episode, and its classical standard error."""
    frame = inputs.frame(p)
    frame = sample.lagged(frame, p.controls)
    rows, _ = sample.select_months(frame, ["pmi", *p.controls], p.start_month, p.end_month)
    rows = rows[~in_spells(rows.index, p.leave_out)]
    episodes, span = [Episode.parse(e) for e in p.episodes], (p.start_month, p.end_month)
    on = find_spells(episodes, rows.index, span, leads=p.leads, after=p.after)
    switched = on.months
    dummies = {str(m): (rows.index == m).astype(float) for m in switched}
    X = rows[list(p.controls)].assign(const=1.0, **dummies)
    y = _outcome(p, rows["pmi"])
    fit = sm.OLS(y, X).fit()
    own = [str(m) for m in on.spells[p.episode].months]
    test = fit.t_test(np.where(X.columns.isin(own), 1 / len(own), 0.0))
    value = _in_points(p, y, ~rows.index.isin(switched), float(test.effect[0]))
    return value, float(test.sd[0, 0])


def elasticity(inputs, p):
    """Coefficient and CRV1 standard error by dummy variables."""
    panel = inputs.panel[
        (inputs.panel["scale"] == p.scale)
        & ~inputs.panel["year"].isin(p.leave_out_years)
        & ~inputs.panel["unit"].isin(p.leave_out_units)
    ]
    f = regressions.sample(panel, p, inputs.deflators[p.deflator])
    if p.form == "within_frames" and f["frame"].nunique() == f["unit"].nunique():
        f["frame"] = f["unit"]
    if p.form == "first_difference":
        names = ("log_workers", "log_output", "log_establishments")
        f = regressions.differences(f, names)
        f = f.drop(columns=list(names)).rename(columns={f"d_{n}": n for n in names})
    effects = {
        "twfe": ["unit", "year"],
        "within_frames": ["frame", "year"],
        "fe": ["unit"],
        "first_difference": ["year"],
    }.get(p.form, [])
    if p.form == "long_difference":
        f = _ends(f)
    if p.form == "fe":
        f = f[np.isfinite(f["log_real_output"])].assign(log_output=lambda t: t["log_real_output"])
    X = [f["log_output"], *([f["log_establishments"]] if p.hold_establishments else [])]
    X = pd.concat([*X, *(pd.get_dummies(f[e], dtype=float) for e in effects)], axis=1)
    if not effects:
        X = X.assign(const=1.0)
    codes = pd.factorize(f["unit"])[0]
    keep = _independent(X.to_numpy())
    fit = sm.WLS(f["log_workers"], X.to_numpy()[:, keep], weights=f["weight"]).fit(
        cov_type="cluster", cov_kwds={"groups": codes}
    )
    # Effects nested in the clusters count as one intercept in the package, statsmodels counts all.
    nested = {"twfe": "unit", "within_frames": "frame", "fe": "unit"}.get(p.form)
    n, K = len(f), len(keep)
    years = f["year"].nunique() if "year" in effects else 1
    own = 1 + p.hold_establishments + years if nested or effects else K
    return fit.params.iloc[0], fit.bse.iloc[0] * np.sqrt((n - K) / (n - own))


def _ends(f):
    years = sorted(set(f["year"]))
    names = ["log_workers", "log_output", "log_establishments"]
    groups = [f[f["year"].isin(span)].groupby("unit") for span in (years[:2], years[-2:])]
    first, last = (g[names].mean()[g.size() == 2] for g in groups)
    return (last - first).dropna().join(f.groupby("unit")["weight"].first()).reset_index()


def _independent(X):
    """Columns that add to the rank, the first ones first."""
    R = np.abs(np.diag(np.linalg.qr(X)[1]))
    return np.flatnonzero(1e-9 * R.max() < R)


LOOPS = {"event": event, "dose": dose, "elasticity": elasticity}


def engine(name, inputs, grid):
    if name == "elasticity":
        return elasticity_curve(inputs.panel, inputs.deflators, grid, PARAMETERS)
    return (event_curve if name == "event" else dose_curve)(inputs.tables, grid, PARAMETERS)


def sampled(grid, curve, n, seed=20210903):
    """Some rows of a curve with the parameters behind them."""
    table = curve.specifications
    places = np.sort(np.random.default_rng(seed).choice(len(table), min(n, len(table)), False))
    codes = {tuple(table[c].cat.codes.iloc[i] for c in curve.choices): i for i in places}
    return [(table.iloc[codes[k]], p) for k, p in grid.specifications() if k in codes]


def main(n=200):
    inputs, grids = Inputs(), read_grids()
    head = ("grid", "specifications", "engine s", "engine ms each", "loop ms each", "ratio")
    print("{:<11}{:>15}{:>10}{:>16}{:>14}{:>8}".format(*head))
    for name, grid in grids.items():
        engine(name, inputs, grid)  # imports and caches
        start = time.perf_counter()
        curve = engine(name, inputs, grid)
        took = time.perf_counter() - start
        rows = sampled(grid, curve, n)
        for _, p in rows:
            LOOPS[name](inputs, p)
        start = time.perf_counter()
        for _, p in rows:
            LOOPS[name](inputs, p)
        loop = (time.perf_counter() - start) / len(rows) * 1e3
        own = took / len(curve.specifications) * 1e3
        line = (name, len(curve.specifications), took, own, loop, loop / own)
        print("{:<11}{:>15,}{:>10.2f}{:>16.3f}{:>14.2f}{:>8.0f}".format(*line))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
