import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.data import frames, package
from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference.clusters import critical_t, crv1
from ikm_pmi.inference.wild_bootstrap import wild_bootstrap
from ikm_pmi.models.country_inference import detectable
from ikm_pmi.models.country_panel import CONTROLS, CountryPanel, assemble, regress
from ikm_pmi.models.cross_country import estimate
from ikm_pmi.models.local_projections import project
from ikm_pmi.parameters import CrossCountryParameters

DEFAULTS = CrossCountryParameters()
QUICK = CrossCountryParameters(draws=199)
TERMS = ("change", "level", "log_cases", "log_cases_lag")
MONTHS = pd.period_range("2019-01", "2022-06", freq="M")


@pytest.fixture(scope="module")
def frame():
    tables = ("pmi_headline", "covid_monthly", "restrictions_monthly")
    return frames.country_monthly({name: package.load(name) for name in tables})


@pytest.fixture(scope="module")
def panel(frame):
    return assemble(frame, DEFAULTS)


@pytest.fixture(scope="module")
def result(frame):
    return estimate(frame, QUICK)


def fit_of(panel, names=TERMS):
    return regress(panel, panel.wide["pmi"], {name: panel.wide[name] for name in names})


def stacked(panel):
    window = slice(panel.first, panel.last)
    columns = {
        name: panel.wide[name]
        .loc[window]
        .melt(ignore_index=False)
        .set_index("country_iso3", append=True)
        for name in ("pmi", *TERMS)
    }
    rows = pd.concat({name: column["value"] for name, column in columns.items()}, axis=1).dropna()
    months, countries = rows.index.get_level_values(0), rows.index.get_level_values(1)
    return rows.set_index([countries, months.to_timestamp()])


def autoregressive(rng, rho, shape, burn=40):
    x = rng.standard_normal((shape[0] + burn, shape[1]))
    for t in range(1, len(x)):
        x[t] += rho * x[t - 1]
    return x[burn:]


CHANGE, LEVEL, DECAY = -0.75, -0.3, 0.8


def simulated(rng):
    """19 countries x 36 months with the spreads and persistence of the study's own panel.

    Restrictions decay by a fifth a month; errors are AR(1) of .67 and differ in size by country.
    """
    countries, shape = sorted(DEFAULTS.countries), (len(MONTHS), 19)
    shocks = [autoregressive(rng, DECAY, (len(MONTHS), width)) for width in (19, 1)]
    level = pd.DataFrame(0.72 * sum(shocks), MONTHS, countries)
    change = level.diff()
    noise = autoregressive(rng, 0.67, shape) * rng.uniform(1.3, 4.0, 19)
    effects = 50 + rng.standard_normal(19) + 2 * rng.standard_normal((len(MONTHS), 1))
    return CountryPanel(
        wide={
            "pmi": CHANGE * change + LEVEL * level + noise + effects,
            "level": level,
            "change": change,
        },
        first=MONTHS[6],
        last=MONTHS[-1],
        excluded=pd.DataFrame(),
        gaps=pd.DataFrame(),
    )


@pytest.mark.second
def test_coefficients_and_driscoll_kraay_are_those_of_linearmodels(panel):
    from linearmodels.panel import PanelOLS

    rows, ours = stacked(panel), fit_of(panel)
    model = PanelOLS(rows["pmi"], rows[list(TERMS)], entity_effects=True, time_effects=True)
    errors, lags = ours.driscoll_kraay()
    theirs = model.fit(cov_type="driscoll-kraay", bandwidth=lags, debiased=True)
    np.testing.assert_allclose(ours.params, theirs.params, atol=1e-8)
    np.testing.assert_allclose(errors, theirs.std_errors, rtol=1e-8)


@pytest.mark.second
def test_clustered_errors_are_those_of_linearmodels_but_for_the_count_of_nested_effects(panel):
    from linearmodels.panel import PanelOLS

    rows, ours = stacked(panel), fit_of(panel)
    model = PanelOLS(rows["pmi"], rows[list(TERMS)], entity_effects=True, time_effects=True)
    theirs = model.fit(cov_type="clustered", cluster_entity=True, group_debias=True)
    n, k, months, countries = len(rows), len(TERMS), 36, 19
    # linearmodels counts each country effect, CRV1 here counts the nested ones as one intercept.
    factor = (n - k - (months - 1) - countries) / (n - k - (months - 1) - 1)
    expected = np.sqrt(np.diag(crv1(ours.moments))[:k])
    np.testing.assert_allclose(theirs.std_errors * np.sqrt(factor), expected, rtol=1e-8)


@pytest.mark.second
def test_leave_one_out_equals_refitting_with_dummies(panel, result):
    import statsmodels.formula.api as smf

    rows = stacked(panel).reset_index(names=["country", "month"])
    rows = rows[rows["country"] != "JPN"].assign(when=lambda r: r["month"].astype(str))
    formula = f"pmi ~ {' + '.join(TERMS)} + C(country) + C(when)"
    refitted = smf.ols(formula, rows).fit()
    row = result.influence.set_index("left_out").loc["JPN"]
    np.testing.assert_allclose([row["change"], row["level"]], refitted.params[["change", "level"]])
    influence = result.influence["change_moves"]
    crv3 = np.sqrt(18 / 19 * (influence**2).sum())
    assert result.estimates[0].std_error == pytest.approx(crv3, rel=1e-9)


@pytest.mark.truth
def test_country_clustered_intervals_cover_and_driscoll_kraay_undercovers():
    rng, runs = np.random.default_rng(7), 100
    truth = np.array([CHANGE, LEVEL])
    hits = {kind: np.zeros(2) for kind in ("CRV3", "wild", "Driscoll-Kraay")}
    misses = []
    for _ in range(runs):
        fit = fit_of(simulated(rng), ("change", "level"))
        misses.append(fit.params - truth)
        off = np.abs(misses[-1])
        hits["CRV3"] += off <= critical_t(0.95, 19) * np.sqrt(np.diag(fit.cov))
        hits["Driscoll-Kraay"] += off <= critical_t(0.95, 36) * fit.driscoll_kraay()[0]
        for i, name in enumerate(fit.names):
            options = {"draws": 299, "kind": "webb", "rng": rng, "interval": False}
            test = wild_bootstrap(fit.moments, fit.pick(**{name: 1.0}), truth[i], **options)
            hits["wild"][i] += test.p_value > 0.05
    monte_carlo = 3 * np.sqrt(0.95 * 0.05 / runs)
    for kind in ("CRV3", "wild"):
        assert np.all(np.abs(hits[kind] / runs - 0.95) <= monte_carlo), (kind, hits[kind] / runs)
    assert hits["Driscoll-Kraay"][1] / runs < 0.95 - monte_carlo  # so the table labels it
    error = np.std(misses, axis=0) / np.sqrt(runs)
    assert np.all(np.abs(np.mean(misses, axis=0)) <= 4 * error)


@pytest.mark.truth
def test_projections_find_the_responses_and_the_band_covers_them():
    rng, runs = np.random.default_rng(8), 40
    parameters = CrossCountryParameters(horizons=1, controls=[])
    truth = np.array([CHANGE + LEVEL, CHANGE * (DECAY - 1) + LEVEL * DECAY])
    found, covered = [], 0
    for _ in range(runs):
        path = project(simulated(rng), parameters).path
        found.append(path["response"].to_numpy())
        covered += bool(((path["band_low"] <= truth) & (truth <= path["band_high"])).all())
    error = np.std(found, axis=0) / np.sqrt(runs)
    # The level before is predetermined, not exogenous: a bias of order 1/T with T = 36.
    assert np.all(np.abs(np.mean(found, axis=0) - truth) <= 4 * error + 2 / 36)
    assert abs(covered / runs - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / runs)


@pytest.mark.truth
def test_the_minimum_detectable_effect_is_found_with_the_power_it_names():
    rng, cov = np.random.default_rng(9), np.array([[0.04]])
    effect = detectable(cov, 19, DEFAULTS)
    t = (effect + 0.2 * rng.standard_normal(40_000)) / (
        0.2 * np.sqrt(rng.chisquare(18, 40_000) / 18)
    )
    assert np.mean(np.abs(t) > critical_t(0.95, 19)) == pytest.approx(0.8, abs=0.008)
    bloom = 0.2 * (critical_t(0.95, 19) + critical_t(0.6, 19))
    assert effect == pytest.approx(bloom, rel=0.02)


@pytest.mark.property
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-20, 20))
def test_order_of_rows_and_constants_of_countries_do_not_matter(frame, panel, seed, size):
    rng = np.random.default_rng(seed)
    shuffled = frame.sample(frac=1, random_state=seed % 2**31)
    again = fit_of(assemble(shuffled, DEFAULTS))
    np.testing.assert_allclose(again.params, fit_of(panel).params, rtol=1e-9)
    names = panel.countries
    shift = pd.Series(size * rng.standard_normal(len(names)), index=list(names))
    moved = regress(panel, panel.wide["pmi"] + shift, {n: panel.wide[n] for n in TERMS})
    np.testing.assert_allclose(moved.params, fit_of(panel).params, atol=1e-8)
    np.testing.assert_allclose(moved.cov, fit_of(panel).cov, atol=1e-8)


@pytest.mark.property
def test_tightening_and_easing_add_up_to_the_change(panel):
    total = panel.wide["tightening"] + panel.wide["easing"]
    pd.testing.assert_frame_equal(total, panel.wide["change"], check_names=False)


@pytest.mark.property
def test_a_common_shock_does_not_matter(panel):
    shock = pd.Series(np.arange(len(panel.wide["pmi"])) % 7, index=panel.wide["pmi"].index)
    y = panel.wide["pmi"].add(shock, axis=0)
    moved = regress(panel, y, {name: panel.wide[name] for name in TERMS})
    np.testing.assert_allclose(moved.params, fit_of(panel).params, atol=1e-8)


def test_names_and_nulls_that_others_rely_on(result):
    names = {item.name for item in result.estimates}
    assert {"panel.change", "panel.level", *(f"panel.lp.{h}" for h in range(7))} <= names
    assert {"panel.change.without_idn", "panel.tightening", "panel.easing"} <= names
    tests = {test.name: test for test in result.tests}
    assert {"panel.level_is_zero", "panel.tightening_equals_easing", "panel.pre_trend"} <= set(
        tests
    )
    assert all(test.null.endswith(".") for test in tests.values())
    family = [test for test in tests.values() if "p_holm" in test.detail]
    assert all(test.detail["p_holm"] >= test.p_value for test in family)
    assert len(family) == 3


def test_the_same_seed_gives_the_same_numbers(frame, result):
    assert estimate(frame, QUICK).to_dict() == result.to_dict()


def test_all_steps_use_the_same_rows_and_the_headline_is_one_of_them(result):
    assert set(result.steps["n"]) == {result.estimates[0].n}
    headline = result.steps[result.steps["headline"]]
    assert headline["change"].item() == pytest.approx(result.estimates[0].value)
    assert len(result.steps) == 1 + len(CONTROLS)


def test_the_band_is_wider_than_the_intervals_and_sums_are_sums(result):
    path = result.projections.path
    assert (path["band_low"] < path["ci_low"]).all()
    np.testing.assert_allclose(path["cumulative"], path["response"].cumsum())
    assert path["n"].is_monotonic_decreasing
    assert path["stringency"].iloc[0] == pytest.approx(1.0)
    pd.testing.assert_frame_equal(result.projections.table(), path)
    listed = [e["name"] for e in result.projections.to_dict()["estimates"]]
    assert listed == [*(f"panel.lp.{h}" for h in path["horizon"]), "panel.lp.cumulative"]


def test_months_before_the_pandemic_have_no_restrictions_and_gaps_are_named(panel, result):
    assert (panel.wide["level"].loc[:"2019-12"] == 0).all(axis=None)
    assert panel.gaps.to_numpy().tolist() == [["TUR", "2021-04", "pmi"]]
    assert any(note.startswith("TUR 2021-04 is left out") for note in result.notes)


def test_a_country_with_too_few_months_is_a_named_exclusion(frame):
    parameters = CrossCountryParameters(countries=[*DEFAULTS.countries, "SGP"])
    panel = assemble(frame, parameters)
    row = panel.excluded.set_index("country").loc["SGP"]
    assert "SGP" not in panel.countries
    assert row["usable_months"] == 23
    assert row["reason"] == "fewer than 30 usable months"


def test_a_negative_count_makes_a_named_gap(frame):
    late = CrossCountryParameters(end_month="2022-12")
    gaps = assemble(frame, late).gaps.set_index(["country", "month"])
    assert "log_deaths" in gaps.loc[("CHN", "2022-11"), "missing"]


def test_too_few_countries_are_refused(frame):
    with pytest.raises(EstimationError, match="too few countries") as caught:
        assemble(frame, CrossCountryParameters(countries=["IDN", "MYS", "THA"]))
    assert caught.value.found == "3: IDN, MYS, THA"


def test_restrictions_that_are_the_same_everywhere_are_refused(panel):
    common = panel.wide["level"].copy()
    common[:] = panel.wide["level"][["IDN"]].to_numpy()
    with pytest.raises(EstimationError, match="collinear"):
        regress(panel, panel.wide["pmi"], {"level": common})


@pytest.mark.parametrize(
    ("change", "summary", "found"),
    [
        (lambda f: f.drop(columns="stringency"), "a column is missing", "no stringency"),
        (
            lambda f: pd.concat([f, f.iloc[[0]]]),
            "a country-month occurs twice",
            "1 repeated, first {0} {1}",
        ),
        (lambda f: f[f["country_iso3"] != "IDN"], "a listed country is not there", "IDN"),
        (lambda f: f.assign(pmi=100.5), "pmi is out of range", "100.5 for {0} {1}"),
        (lambda f: f.assign(stringency=-1), "stringency is out of range", "-1 for {0} {1}"),
    ],
)
def test_a_faulty_frame_is_refused(frame, change, summary, found):
    with pytest.raises(DataError, match=summary) as caught:
        assemble(change(frame), DEFAULTS)
    first = frame.iloc[0]
    assert caught.value.found == found.format(first["country_iso3"], first["month"])


def test_the_ends_of_a_scale_are_on_it(frame):
    assemble(
        frame.assign(stringency=frame["stringency"].where(frame["stringency"] < 99, 100)), DEFAULTS
    )
    leaves = frame.assign(pmi=frame["pmi"].where(frame["country_iso3"] != "SGP", 0.0))
    assert assemble(leaves, DEFAULTS).countries == assemble(frame, DEFAULTS).countries


def test_leads_are_a_table_of_their_own(result, panel):
    leads = result.leads
    assert list(leads.columns) == ["months_ahead", "value", "std_error"]
    assert leads["months_ahead"].tolist() == list(range(1, QUICK.leads + 1))
    terms = {name: panel.wide[name] for name in TERMS}
    ahead = {f"lead_{j}": panel.wide["change"].shift(-j) for j in leads["months_ahead"]}
    fit = regress(panel, panel.wide["pmi"], terms | ahead)
    np.testing.assert_allclose(leads["value"], fit.params[-len(leads) :])
    np.testing.assert_allclose(leads["std_error"], np.sqrt(np.diag(fit.cov))[-len(leads) :])


def test_a_thin_country_is_named_in_the_notes_with_its_months(frame):
    more = CrossCountryParameters(countries=[*DEFAULTS.countries, "SGP"], draws=99)
    assert "SGP is left out: fewer than 30 usable months (23)." in estimate(frame, more).notes
