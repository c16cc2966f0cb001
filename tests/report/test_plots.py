"""Every result draws itself, and sets itself into tables of regressions."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import ikm_pmi as ikm
from ikm_pmi.errors import EstimationError
from ikm_pmi.results import Estimate, Findings

MONTHS = pd.period_range("2015-01", periods=72, freq="M")
SPELLS = {"flood": ("2018-03", "2018-04"), "strike": ("2019-09", "2019-09")}


@pytest.fixture(scope="module")
def sales():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"sales": 100 + rng.normal(size=72).cumsum() / 4}, MONTHS)
    frame["wages"] = rng.normal(size=72)
    frame.loc["2018-03":"2018-04", "sales"] -= 8
    return frame


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(2)
    f = pd.DataFrame({"firm": np.repeat(range(12), 6), "x": rng.normal(size=72)})
    f["y"] = 0.5 * f["x"] + rng.normal(size=72)
    return smf.ols("y ~ x", f).fit(), f["firm"]


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))


def test_an_event_study_and_a_counterfactual_of_own_data(sales):
    event = ikm.event_study(sales, "sales", SPELLS, controls=["wages"], unit="percent")
    drawn = event.plot(source="own survey")
    assert {"percent", "Source: own survey"} <= {t.get_text() for t in drawn.findobj(has_text)}
    assert "In September 2019, sales stood 0.1 percent below what other" in words(drawn)
    expected = ikm.counterfactual(sales, "sales", SPELLS, unit="percent")
    drawn = expected.plot(title="What was lost")
    assert "What was lost" in words(drawn)
    assert "PMI" not in words(drawn)
    assert "Source" not in words(drawn)


def has_text(artist):
    return hasattr(artist, "get_text")


def test_any_estimates_are_drawn_with_their_intervals(fit):
    found = ikm.few_clusters(fit[0], "x", groups=fit[1], draws=199)
    drawn = found.plot(label="percent", reference=0.5)
    ax = drawn.axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["CRV1", "CRV3", "wild bootstrap"]
    assert ax.get_xlabel() == "percent"
    ends = sorted(line.get_xdata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1)
    table = found.table()
    assert ends == pytest.approx(sorted(table["ci_low"]))
    one = Estimate(name="a.b", value=1.0, unit="points", method="mean")
    assert "points" in words(one.plot())
    with pytest.raises(EstimationError, match="no estimates to draw"):
        Findings(estimates=()).plot()


def test_maketables_finds_coefficients_errors_and_observations(fit):
    found = ikm.few_clusters(fit[0], "x", groups=fit[1], draws=199)
    table = found.__maketables_coef_table__
    assert table.index.tolist() == ["x"]
    assert table.loc["x", "b"] == found.value
    assert table.loc["x", "se"] == found.crv1
    assert table.loc["x", "p"] == found.wild.p_value
    assert (found.__maketables_stat__("N"), found.__maketables_stat__("r2")) == (72, None)
    beside = ikm.har(fit[0], "x")
    assert beside.__maketables_coef_table__.index.tolist() == [e.name for e in beside.estimates]


@pytest.mark.parametrize("chapter", ["03", "04", "05", "06", "07", "08"])
def test_what_the_chapters_draw(chapter, chapters):
    drawn = chapters[chapter]().plot(source="S")
    assert "Source: S" in words(drawn)


@pytest.fixture(scope="module")
def chapters():
    def elasticities():
        few = ikm.defaults("06").model_copy(update={"draws": 99})
        return ikm.elasticity(ikm.load("imk_panel"), few)

    def response():
        parameters = ikm.defaults("03")
        return ikm.dose_response(ikm.monthly_frame(parameters), parameters)

    def chain():
        known = {"unit": "", "method": "assumed", "ci_level": 0.95}
        links = [
            ikm.Estimate(name="link", value=v, ci_low=v - 0.3, ci_high=v + 0.3, **known)
            for v in (-16.0, 1.0, 0.3)
        ]
        return ikm.chain(*links, 9e6, month="September 2021")

    few = {"draws": 99}
    countries = ikm.load("country_monthly")
    return {
        "03": response,
        "04": lambda: ikm.synthetic_control(countries, ikm.defaults("04")),
        "05": lambda: ikm.country_panel(countries, ikm.defaults("05").model_copy(update=few)),
        "06": elasticities,
        "07": chain,
        "08": lambda: ikm.multiverse("elasticity", ikm.defaults("08").model_copy(update=few)),
    }
