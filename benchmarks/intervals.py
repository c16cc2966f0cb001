"""Wild bootstrap, conformal set and synthetic control beside the packages that have them."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from timing import Row, beside, row

from ikm_pmi.data import package
from ikm_pmi.inference.absorb import design, moments
from ikm_pmi.inference.conformal import conformal_by_shifts
from ikm_pmi.inference.few_clusters import few_clusters
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.jobs import regressions
from ikm_pmi.parameters import ElasticityParameters, Episode, SyntheticParameters
from ikm_pmi.pmi import synthetic
from ikm_pmi.pmi.synthetic_fit import fit, months_used, screen, spell, wide
from ikm_pmi.pmi.synthetic_placebo import placebo_space

DRAWS, SEED = 9999, 1


class StudyPanel:
    """The total of the study's panel, its outcome moved so that the null tested is not absurd.

    The null is put 1.8 standard errors from the estimate; at zero all p-values are the smallest.
    """

    def __init__(self, units=None):
        parameters = ElasticityParameters(weighting="none")
        rows = regressions.sample(package.load("imk_panel"), parameters)
        f = rows[rows["scale"] == "total"]
        if units:
            f = f[f["unit"].isin(sorted(set(f["unit"]))[:units])]
        self.frame = f.assign(code=pd.factorize(f["unit"])[0]).reset_index(drop=True)
        found = self.ours()
        null = found.value - 1.8 * found.std_error
        self.frame["log_workers"] -= null * self.frame["log_output"]

    def moments(self):
        d = design(self.frame, "log_workers", ["log_output"], effects=("unit", "year"))
        return moments(d)

    def ours(self, interval=False, kind="webb", draws=DRAWS):
        m = self.moments()  # from the frame, as the rivals
        restriction, rng = np.eye(m.gram.shape[1])[0], np.random.default_rng(SEED)
        return wild_bootstrap(m, restriction, draws=draws, kind=kind, rng=rng, interval=interval)

    def wildboottest(self, draws=DRAWS, kind="webb"):
        import statsmodels.api as sm
        from wildboottest.wildboottest import wildboottest

        f = self.frame
        X = pd.get_dummies(f[["unit", "year"]].astype(str), drop_first=True, dtype=float)
        X = pd.concat([f[["log_output"]], X], axis=1).assign(const=1.0)
        found = wildboottest(
            sm.OLS(f["log_workers"], X), param="log_output", cluster=f["code"], B=draws,
            weights_type=kind, impose_null=True, seed=SEED, show=False, parallel=False,
        )  # fmt: skip
        return float(found["p-value"].iloc[0])

    def pyfixest(self):
        import pyfixest

        fixed = pyfixest.feols("log_workers ~ log_output | unit + year", self.frame)
        found = fixed.wildboottest(
            param="log_output", cluster="code", reps=DRAWS, weights_type="webb", seed=SEED
        )
        return float(found["Pr(>|t|)"])

    def every_draw(self):
        """p of all sign patterns, each refitted with dummy variables."""
        f = self.frame
        effects = pd.get_dummies(f[["unit", "year"]].astype(str), drop_first=True, dtype=float)
        W = effects.assign(const=1.0).to_numpy(float)
        basis = np.linalg.qr(W)[0]
        x, y = (
            v - basis @ (basis.T @ v)
            for v in (f["log_output"].to_numpy(), f["log_workers"].to_numpy())
        )
        codes = f["code"].to_numpy()

        def statistic(outcome):
            b = x @ outcome / (x @ x)
            return abs(b) / np.sqrt((np.bincount(codes, x * (outcome - b * x)) ** 2).sum())

        G = codes.max() + 1
        signs = np.where(np.arange(2**G)[:, None] >> np.arange(G) & 1, 1.0, -1.0)
        drawn = (v[codes] * y for v in signs)
        at_least = statistic(y) * (1 - 1e-9)
        return np.mean([statistic(u - basis @ (basis.T @ u)) >= at_least for u in drawn])


def bootstrap():
    """Restricted wild cluster bootstrap, Webb weights."""
    panel = StudyPanel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = (panel.ours, panel.wildboottest, panel.pyfixest)
        own, one, two = beside(*calls)
        few = beside(lambda: panel.wildboottest(99))[0]
        p = [panel.ours().p_value, panel.wildboottest(), panel.pyfixest()]
        whole = beside(lambda: panel.ours(interval=True))[0]
    error = np.sqrt(2 * p[0] * (1 - p[0]) / DRAWS)  # of a difference of two
    same = f"p {p[0]:.4f} and {{:.4f}}; Monte-Carlo error of the difference {error:.4f}"
    what = f"{DRAWS:,} draws, {len(panel.frame)} rows, {panel.frame['code'].nunique()} clusters: p"
    first = Row(what=what, ours=own, rival="wildboottest", theirs=one)
    reached = first.ratio >= 40 and abs(p[0] - p[1]) < 3 * error
    yield replace(first, target="40 times, the same p", reached=reached, note=same.format(p[1]))
    yield Row(
        what="the same", ours=own, rival="pyfixest", theirs=two,
        target="the same p", reached=abs(p[0] - p[2]) < 3 * error,
        note=same.format(p[2]) + "; it hands over to wildboottest",
    )  # fmt: skip
    yield Row(
        what="9,999 draws beside their 99: most of their time does not depend on draws", ours=own,
        rival="wildboottest, 99 draws", theirs=few,
        note="it compiles its inner loop anew in each call",
    )  # fmt: skip
    yield Row(what="p and the interval by inversion", ours=whole, note="the rivals give none")
    yield from enumerated()


def of_a_fit():
    """Few clusters from a fit of statsmodels: CRV1, CRV3, wild bootstrap of 9,999 draws."""
    import statsmodels.formula.api as smf

    f = StudyPanel().frame
    fit = smf.ols("log_workers ~ log_output + C(unit) + C(year)", f).fit()

    def ours(**how):
        return few_clusters(fit, "log_output", groups=f["unit"], **how)

    what = f"the study's panel, {len(f)} rows: "
    yield limited(row(what + "p alone", [lambda: ours(interval=False)], repeats=15), 0.005)
    yield limited(row(what + "both errors, p and set", [ours], repeats=15), 0.02)
    rng = np.random.default_rng(SEED)
    groups = np.repeat(np.arange(40_000), 4)
    many = pd.DataFrame({"x": rng.normal(size=len(groups)) + rng.normal(size=40_000)[groups]})
    many["y"] = 0.5 * many["x"] + rng.normal(size=40_000)[groups] + rng.normal(size=len(groups))
    large = smf.ols("y ~ x", many).fit()
    yield limited(
        row(
            "40,000 clusters, 160,000 rows, everything",
            [lambda: few_clusters(large, "x", groups=groups)],
            repeats=3,
        ),
        10,
    )


def enumerated():
    few = StudyPanel(units=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own, theirs = beside(
            lambda: few.ours(kind="rademacher"), lambda: few.wildboottest(kind="rademacher")
        )
        found, slow = few.ours(kind="rademacher"), few.every_draw()
        other = few.wildboottest(kind="rademacher")
    note = (
        f"p {found.p_value * 1024:.0f}/1024; refitting each draw {slow * 1024:.0f}/1024; "
        f"wildboottest {other * 1024:.0f}/1024"
    )
    yield Row(
        what="10 clusters, all 1,024 sign patterns", ours=own, rival="wildboottest", theirs=theirs,
        target="exact", reached=bool(np.isclose(found.p_value, slow, atol=1e-12)), note=note,
    )  # fmt: skip


def conformal_set():
    """Conformal set: test of every candidate effect, moving blocks, refitted under each."""
    rng = np.random.default_rng(SEED)
    y, X = np.zeros(110), np.column_stack([np.ones(110), rng.normal(size=110)])
    for t in range(1, 110):
        y[t] = 0.67 * y[t - 1] + rng.normal()
    for lags in (0, 1):
        yield limited(
            row(
                f"T = 110, two treated months, 200 candidates, {('no lag', 'one lag')[lags]}",
                [
                    lambda lags=lags: conformal_by_shifts(
                        y, X, [108, 109], lags=lags, candidates=200
                    )
                ],
                repeats=15,
            ),
            0.3,
        )


def limited(one, limit):
    """The row with a limit in seconds on its slowest repeat."""
    text = f"{limit:g} s" if limit >= 1 else f"{1000 * limit:.0f} ms"
    return replace(one, target=f"under {text}", reached=max(one.ours) < limit)


def synthetic_control():
    """Synthetic control of the study and every placebo in space, classic variant."""
    p = SyntheticParameters()
    countries = package.load("country_monthly")
    episode = Episode.parse(p.episodes[0])
    pmi, stringency = wide(countries, "pmi"), wide(countries, "stringency")
    months = months_used(pmi, episode, p)
    screening = screen(pmi.reindex(months), stringency, episode, p)
    donors = list(screening.index[screening["role"] == "donor"])
    outcomes = pmi.loc[months, [*donors, p.treated_country]]
    post = outcomes.index.isin(list(spell(episode)))

    def ours():
        model = fit(outcomes, p.treated_country, spell(episode))
        return placebo_space(model, outcomes)["pre_rmspe"].to_numpy()

    def theirs():
        first = one_pysyncon(outcomes, p.treated_country, post)
        others = outcomes.drop(columns=p.treated_country)
        return np.array([first, *(one_pysyncon(others, unit, post) for unit in donors)])

    worse = float((theirs() / ours() - 1).max())
    yield row(
        f"{len(donors)} donors, {len(outcomes)} months, treated unit and {len(donors)} placebos",
        [ours, theirs],
        rival="pysyncon in a loop",
        note=f"same programme; its pre-period RMSPE is up to {100 * worse:.4f}% above ours",
    )
    yield row(
        "the study: 4 variants, placebos in space and time, conformal sets, leave-one-out",
        [lambda: synthetic.synthetic_control(countries, p)],
        repeats=5,
    )


def one_pysyncon(outcomes, treated, post):
    """Pre-period RMSPE of pysyncon's Synth; V undoes its scaling of the months."""
    from pysyncon import Synth

    before = outcomes[~post]
    X0, X1 = before.drop(columns=treated), before[treated]
    model = Synth()
    model.fit(X0=X0, X1=X1, Z0=X0, Z1=X1, custom_V=(before.std(axis=1) ** 2).to_numpy())
    return float(np.sqrt(((X1 - X0 @ model.W) ** 2).mean()))
