"""Employment and output of all manufacturing, national and half-yearly.

Log employment (Sakernas, February and August) on log real output as an error-correction model of
statsmodels, with its bounds test (Pesaran, Shin & Smith 2001). Thirty rounds with one recession
settle little: the test's critical values are for long samples, and the verdict hangs on lags.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd

from ikm_pmi.data.frames import manufacturing_growth
from ikm_pmi.errors import DataError
from ikm_pmi.language import say, translated
from ikm_pmi.results import Estimate, number


def half_years(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Employment and real output of manufacturing, one row a Sakernas round.

    Only growth on the same quarter of the year before is printed for every quarter. Output is
    chained from the quarters of 2010, each set to 100, so it has no season of its own; the output
    of a round is the mean of the survey's quarter and the one before. A quarter whose growth was
    not printed takes the derived figure of the same table (``yoy_growth_pct_alt``), marked.

    Parameters
    ----------
    tables : mapping
        Needs ``manufacturing_employment`` and ``manufacturing_quarterly``.

    Returns
    -------
    DataFrame
        Index ``quarter`` of the survey (Q1 February, Q3 August); ``workers_mn``, ``output``
        (2010 = 100), ``log_workers`` less the mean of its season (February or August),
        ``log_output``, and ``derived`` (bool).

    Raises
    ------
    DataError
        When a quarter of growth or a round of employment is missing.
    """
    growth, derived = _growth(tables["manufacturing_quarterly"])
    base = pd.Series(100.0, index=pd.period_range(growth.index[0] - 4, periods=4, freq="Q"))
    chained = 100 * (1 + growth / 100).groupby(np.arange(len(growth)) % 4).cumprod()
    quarters = pd.concat([base, chained])
    raw = tables["manufacturing_employment"]
    # November's round is new (2025) and has none before it to compare with.
    rows = raw[(raw["sector"] == "manufacturing") & (raw["period"] != "November")]
    labels = rows["year"].astype(str) + rows["period"].map({"February": "Q1", "August": "Q3"})
    workers = rows.set_index(pd.PeriodIndex(labels, freq="Q", name="quarter"))["workers_mn"]
    every = pd.period_range(workers.index.min(), workers.index.max(), freq="Q", name="quarter")
    rounds = pd.PeriodIndex(every[::2])
    output = ((quarters + quarters.shift(1)) / 2).reindex(rounds)
    workers = workers.reindex(rounds)
    _require(output, "manufacturing_quarterly.csv")
    _require(workers, "manufacturing_employment.csv")
    logs = np.log(workers)
    return pd.DataFrame(
        {
            "workers_mn": workers,
            "output": output,
            "log_workers": logs - logs.groupby(rounds.quarter).transform("mean") + logs.mean(),
            "log_output": np.log(output),
            "derived": (derived | derived.shift(1, fill_value=False)).reindex(rounds),
        }
    )


def _growth(quarterly: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Growth by quarter without gaps, and which quarters are derived."""
    printed = manufacturing_growth({"manufacturing_quarterly": quarterly})["growth_yoy_pct"]
    rows = quarterly[
        (quarterly["measure"] == "yoy_growth_pct_alt")
        & (quarterly["series"] == "manufacturing, constant 2010 prices")
        & (quarterly["quarter"] != "annual")
    ]
    labels = pd.PeriodIndex(rows["year"].astype(str) + "Q" + rows["quarter"], freq="Q")
    growth = printed.fillna(rows.set_index(labels)["value"])
    _require(growth, "manufacturing_quarterly.csv")
    return growth, printed.isna()


def _require(series: pd.Series, file: str) -> None:
    missing = series.index[series.isna()]
    if len(missing):
        raise DataError(
            f"{series.name or 'output'} has a gap",
            expected=f"every period from {series.index[0]} to {series.index[-1]}",
            found="none for " + ", ".join(map(str, missing)),
            where=file,
            todo="add the rows, with their source",
        )


#: A year: longer lags leave too few of thirty rows.
MAX_LAG = 2
LEVEL = 0.05


def verdict(p_lower: float, p_upper: float) -> str:
    """What a bounds test says at 5 percent; between the bounds it says nothing."""
    if p_upper <= LEVEL:
        return "a level relationship"
    return "inconclusive" if p_lower <= LEVEL else "no level relationship found"


def estimate(frame: pd.DataFrame) -> Estimate:
    """The national long-run elasticity, and what the bounds test says of it.

    Lags of up to a year are chosen by BIC. The test is statsmodels' own, case 3 (constant outside
    the relationship); its tables hold for long samples, and with thirty rows it rejects too often.

    Parameters
    ----------
    frame : DataFrame
        From :func:`half_years`.

    Returns
    -------
    Estimate
        ``elasticity.national.long_run`` with its delta-method standard error and no interval: where
        there is no level relationship it may be spurious. In ``detail``: ``verdict``, ``statistic``
        (F), ``p_lower``, ``p_upper`` (regressors I(0), I(1)), and ``verdicts``, by lags.

    References
    ----------
    Pesaran, Shin & Smith (2001), Journal of Applied Econometrics 16. Narayan (2005), Applied
    Economics 37 (small samples).
    """
    from statsmodels.tsa.ardl import UECM

    rows, models, verdicts = frame.reset_index(drop=True), {}, {}
    for p, q in product(range(1, MAX_LAG + 1), repeat=2):
        model = UECM(rows["log_workers"], p, rows[["log_output"]], {"log_output": q}, trend="c",
                     hold_back=MAX_LAG)  # fmt: skip
        models[p, q] = model.fit()
        tested = models[p, q].bounds_test(3)
        verdicts[p, q] = verdict(*tested.pvalue[["lower", "upper"]])
    order = min(models, key=lambda lags: models[lags].bic)
    chosen, tested = models[order], models[order].bounds_test(3)
    method = (
        "ARDL{} of log workers on log output, lags by BIC; standard error by the delta method; "
        "bounds test of statsmodels, case 3"
    )
    return Estimate(
        name="elasticity.national.long_run",
        value=-float(chosen.ci_params["log_output"]),
        unit="percent of workers per percent of output",
        n=int(chosen.nobs),
        std_error=float(chosen.ci_bse["log_output"]),
        method=say(method, order),
        detail={
            "verdict": verdicts[order],
            "statistic": float(tested.statistic),
            **{f"p_{end}": float(tested.pvalue[end]) for end in ("lower", "upper")},
            "verdicts": {str(lags): words for lags, words in verdicts.items()},
        },
    )


@translated
def sentence(found: Estimate) -> str:
    """The long run and what the bounds test says of it, with its caveat, in words."""
    others = list(found.detail["verdicts"].values())
    same = sum(words == found.detail["verdict"] for words in others)
    return say("In the national series the long-run elasticity would be {} ({} half-years), but "
               "the bounds test says: {} (F {}); {} of {} choices of lags say the same, and its "
               "critical values are for longer samples.", number(found.value), found.n,
               found.detail["verdict"], number(found.detail["statistic"]), same,
               len(others))  # fmt: skip
