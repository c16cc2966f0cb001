"""Two links held against the data: PMI to manufacturing growth, manufacturing to IKM output.

Year-on-year growth G of manufacturing is explained by the mean of PMI-50 over four quarters,
G_q = a + g (P_q + P_(q-1) + P_(q-2) + P_(q-3)) / 4. Since G_q is the sum of the last four quarterly
growth rates h (to first order), h_q = a/4 + (g/4) P_q satisfies it: a quarter's PMI deviation
moves that quarter's growth by g/4 of it, and the level of output by as much until a later deviation
takes it back. P_q is a mean of three months, so a month's deviation moves the level by g/12.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from ikm_pmi.inference.har import slope, truncation
from ikm_pmi.language import joined, say
from ikm_pmi.results import Estimate, Findings, TestResult, number

UNIT = "points of year-on-year growth per point of the four-quarter mean of PMI-50"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BridgeResult(Findings):
    """``chain.bridge.all|without_2020``, and the test that the four quarters count alike.

    ``rows`` has the index ``quarter`` and ``growth, pmi`` (four-quarter mean of PMI-50).
    """

    rows: pd.DataFrame


def bridge(growth: pd.Series, pmi: pd.Series, level: float = 0.95) -> BridgeResult:
    """Growth of manufacturing on the PMI, with 2020 and without.

    Parameters
    ----------
    growth : Series
        Manufacturing, year on year, percent, by quarter; quarters without one are named.
    pmi : Series
        Index points by month. A quarter needs two of its three months; those with two are named.
    level : float
        Coverage of the intervals (Newey-West, fixed-b).

    Raises
    ------
    EstimationError
        When too few quarters are left.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> growth = ikm.load("manufacturing_growth").set_index("quarter")["growth_yoy_pct"]
    >>> found = bridge(growth, ikm.monthly_frame(ikm.defaults("03"))["pmi"])
    >>> [round(e.value, 2) for e in found.estimates]
    [0.99, 0.38]
    """
    grouped = (pmi - 50).groupby(pd.PeriodIndex(pmi.index).asfreq("Q"))
    count = grouped.count()
    quarterly = grouped.mean()[count >= 2]
    lags = pd.DataFrame({f"lag_{k}": quarterly.shift(k) for k in range(4)})
    rows = lags.assign(growth=growth, pmi=lags.mean(axis=1, skipna=False))
    used = rows.dropna().rename_axis("quarter")
    missing = rows.loc[used.index[0] : used.index[-1]].index.difference(used.index)
    thin = count.index[(count == 2) & (count.index <= used.index[-1])]
    notes = [
        say(text, joined(", ", quarters))
        for text, quarters in (
            ("Quarters with two of three PMI months: {}.", thin),
            ("Quarters without a growth rate: {}.", missing),
        )
        if len(quarters)
    ]
    samples = {"all": used, "without_2020": used[pd.PeriodIndex(used.index).year != 2020]}
    found = []
    for name, part in samples.items():
        e = slope(part["growth"], part["pmi"]).estimate(
            f"chain.bridge.{name}", "slope", unit=UNIT, level=level
        )
        r2 = float(part["growth"].corr(part["pmi"]) ** 2)
        found.append(replace(e, detail={"r_squared": r2}))
    return BridgeResult(
        estimates=tuple(found), tests=(_equal(used),), notes=tuple(notes),
        rows=used[["growth", "pmi"]],
    )  # fmt: skip


def _equal(rows: pd.DataFrame) -> TestResult:
    """Whether the four quarters of the mean have one coefficient."""
    import statsmodels.formula.api as smf

    lags, S = [f"lag_{k}" for k in range(4)], truncation(len(rows))
    fit = smf.ols("growth~" + "+".join(lags), rows).fit(
        cov_type="HAC", cov_kwds={"maxlags": S - 1, "use_correction": False}, use_t=True
    )
    test = fit.f_test(", ".join(f"{one}=lag_0" for one in lags[1:]))
    return TestResult(
        name="chain.bridge.equal_quarters",
        null="the PMI of each of the last four quarters has the same coefficient",
        statistic=float(test.fvalue),
        p_value=float(test.pvalue),
        distribution=say("F(3, {}), Newey-West (S = {})", int(fit.df_resid), S),
        n=len(rows),
        detail={one: float(fit.params[one]) for one in lags},
    )


def pass_through(quarterly: pd.DataFrame, growth: pd.Series, level: float) -> tuple[Estimate, ...]:
    """IMK growth on that of manufacturing GDP and of large and medium industry (IBS).

    Parameters
    ----------
    quarterly : DataFrame
        ``scale`` (IMK, IBS), ``region``, ``year``, ``quarter``, ``growth_yoy_pct``.
    growth : Series
        Manufacturing GDP, year on year, percent, by quarter.

    Returns
    -------
    tuple of Estimate
        ``chain.pass_through.manufacturing|ibs``, and ``.from_2014``: the two releases of 2013
        cannot be on one base.
    """
    rows = quarterly[(quarterly["region"] == "Indonesia") & (quarterly["quarter"] != "annual")]
    labels = rows["year"].astype(str) + "Q" + rows["quarter"].astype(str)
    wide = rows.assign(quarter=pd.PeriodIndex(labels, freq="Q")).pivot_table(
        index="quarter", columns="scale", values="growth_yoy_pct"
    )
    found = []
    for name, other in {"manufacturing": growth, "ibs": wide["IBS"]}.items():
        both = pd.DataFrame({"imk": wide["IMK"], "x": other}).dropna()
        later = both[pd.PeriodIndex(both.index).year >= 2014]
        for suffix, part in (("", both), (".from_2014", later)):
            fit = slope(part["imk"], part["x"])
            unit = say("percent of IMK output per percent (r = {})",
                       number(part["imk"].corr(part["x"])))  # fmt: skip
            found.append(
                fit.estimate(f"chain.pass_through.{name}{suffix}", "slope", unit=unit, level=level)
            )
    return tuple(found)
