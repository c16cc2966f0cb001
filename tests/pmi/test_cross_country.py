from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.data import frames, package
from ikm_pmi.errors import DataError, EstimationError, ParameterError
from ikm_pmi.inference.clusters import critical_t
from ikm_pmi.parameters import CrossCountryParameters
from ikm_pmi.pmi.country_panel import CountryPanel, assemble, regress
from ikm_pmi.pmi.cross_country import country_panel, detectable
from ikm_pmi.pmi.local_projections import project

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
    return country_panel(frame, QUICK)


def fit_of(panel, names=TERMS):
    return regress(panel.sample(), f"pmi ~ {' + '.join(names)} | country + month")


def stacked(panel):
    rows = panel.sample().dropna(subset=["pmi", *TERMS])
    months = pd.PeriodIndex(rows["month"]).to_timestamp()
    return rows[["pmi", *TERMS]].set_axis(pd.MultiIndex.from_arrays([rows["country"], months]))


def with_pmi(panel, pmi):
    return replace(panel, rows=panel.rows.assign(pmi=pmi))


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
    wide = {
        "pmi": CHANGE * change + LEVEL * level + noise + effects,
        "level": level,
        "change": change,
    }
    long = {name: frame.unstack() for name, frame in wide.items()}  # noqa: PD010
    return CountryPanel(
        rows=pd.DataFrame(long).rename_axis(["country", "month"]).reset_index(),
        countries=tuple(countries),
        first=MONTHS[6],
        last=MONTHS[-1],
        excluded=pd.DataFrame(),
        gaps=pd.DataFrame(),
    )


@pytest.mark.second
def test_coefficients_and_clustered_errors_are_those_of_linearmodels(panel):
    from linearmodels.panel import PanelOLS

    rows, ours = stacked(panel), fit_of(panel)
    model = PanelOLS(rows["pmi"], rows[list(TERMS)], entity_effects=True, time_effects=True)
    theirs = model.fit(cov_type="clustered", cluster_entity=True, group_debias=True)
    np.testing.assert_allclose(ours.fit.params, theirs.params, atol=1e-8)
    n, k, months, countries = len(rows), len(TERMS), 36, 19
    # linearmodels counts each country effect, CRV1 here counts the nested ones as one intercept.
    factor = (n - k - (months - 1) - countries) / (n - k - (months - 1) - 1)
    expected = [ours.clusters(name, QUICK, interval=False).crv1 for name in TERMS]
    np.testing.assert_allclose(theirs.std_errors * np.sqrt(factor), expected, rtol=1e-8)


@pytest.mark.second
def test_leave_one_out_equals_refitting_with_dummies(panel, result):
    import statsmodels.formula.api as smf

    rows = stacked(panel).reset_index()
    rows = rows[rows["country"] != "JPN"].assign(when=lambda r: r["month"].astype(str))
    formula = f"pmi ~ {' + '.join(TERMS)} + C(country) + C(when)"
    refitted = smf.ols(formula, rows).fit()
    without = fit_of(panel).without_each("change")
    assert without["JPN"] == pytest.approx(refitted.params["change"], rel=1e-9)
    change = result["panel.change"]
    crv3 = np.sqrt(18 / 19 * ((without - change.value) ** 2).sum())
    assert change.std_error == pytest.approx(crv3, rel=1e-9)
    alone = fit_of(panel).jackknife(pd.Series({"change": 1.0}), QUICK)
    assert (alone.value, alone.ci_low) == pytest.approx((change.value, change.ci_low))


@pytest.mark.truth
def test_country_clustered_intervals_cover():
    rng, runs = np.random.default_rng(7), 60
    truth = np.array([CHANGE, LEVEL])
    hits, misses = {"CRV3": np.zeros(2), "wild bootstrap": np.zeros(2)}, []
    few = CrossCountryParameters(draws=199)
    for _ in range(runs):
        fit = fit_of(simulated(rng), ("change", "level"))
        misses.append(fit.fit.params.to_numpy() - truth)
        for i, name in enumerate(("change", "level")):
            table = fit.clusters(name, few).table()
            for kind, hit in hits.items():
                hit[i] += table.loc[kind, "ci_low"] <= truth[i] <= table.loc[kind, "ci_high"]
    monte_carlo = 3 * np.sqrt(0.95 * 0.05 / runs)
    for kind, hit in hits.items():
        assert np.all(np.abs(hit / runs - 0.95) <= monte_carlo), (kind, hit / runs)
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
    np.testing.assert_allclose(again.fit.params, fit_of(panel).fit.params, rtol=1e-9)
    shift = dict(zip(panel.countries, size * rng.standard_normal(19), strict=True))
    moved = with_pmi(panel, panel.rows["pmi"] + panel.rows["country"].map(shift))
    np.testing.assert_allclose(fit_of(moved).fit.params, fit_of(panel).fit.params, atol=1e-8)
    errors = [fit_of(one).clusters("change", QUICK, interval=False).crv3 for one in (moved, panel)]
    assert errors[0] == pytest.approx(errors[1], abs=1e-8)


@pytest.mark.property
def test_tightening_and_easing_add_up_to_the_change(panel):
    total = panel.rows["tightening"] + panel.rows["easing"]
    pd.testing.assert_series_equal(total, panel.rows["change"], check_names=False)


@pytest.mark.property
def test_a_common_shock_does_not_matter(panel):
    moved = with_pmi(panel, panel.rows["pmi"] + panel.rows["month"].dt.month % 7)
    np.testing.assert_allclose(fit_of(moved).fit.params, fit_of(panel).fit.params, atol=1e-8)


def test_names_and_nulls_that_others_rely_on(result):
    names = {item.name for item in result.estimates}
    assert {"panel.change", "panel.level", *(f"panel.lp.{h}" for h in range(7))} <= names
    assert {"panel.change.own_lag", "panel.tightening", "panel.easing"} <= names
    tests = {test.name: test for test in result.tests}
    assert {"panel.level_is_zero", "panel.tightening_equals_easing", "panel.pre_trend"} <= set(
        tests
    )
    assert all(test.null.endswith(".") for test in tests.values())
    family = [test for test in tests.values() if "p_holm" in test.detail]
    assert all(test.detail["p_holm"] >= test.p_value for test in family)
    assert len(family) == 3


def test_the_same_seed_gives_the_same_numbers(frame, result):
    assert country_panel(frame, QUICK).to_dict() == result.to_dict()


def test_the_regressions_of_a_restriction_stand_beside_each_other(result):
    table = result.restriction()
    assert table["value"].tolist() == [
        result[name].value for name in ("panel.change", "panel.change.own_lag", "panel.lp.0")
    ]
    assert table["n"].is_monotonic_decreasing


def test_the_band_is_wider_than_the_intervals_and_sums_are_sums(result):
    path = result.projections.path
    assert (path["band_low"] < path["ci_low"]).all()
    np.testing.assert_allclose(path["cumulative"], path["response"].cumsum())
    assert path["n"].is_monotonic_decreasing
    pd.testing.assert_frame_equal(result.projections.table(), path)
    listed = [e["name"] for e in result.projections.to_dict()["estimates"]]
    assert listed == [*(f"panel.lp.{h}" for h in path["horizon"]), "panel.lp.cumulative"]


def test_months_before_the_pandemic_have_no_restrictions_and_gaps_are_named(panel, result):
    before = panel.rows[panel.rows["month"] < pd.Period("2020-01", "M")]
    assert (before["level"] == 0).all()
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
        assemble(
            frame,
            CrossCountryParameters(countries=["IDN", "MYS", "THA", "PHL", "MMR", "MEX", "SGP"]),
        )
    assert caught.value.found == "4: IDN, MYS, PHL, THA"
    with pytest.raises(ParameterError) as refused:
        CrossCountryParameters.parse({"countries": ["IDN", "MYS", "THA"]})
    assert "at least 6" in refused.value.expected


def test_with_six_countries_the_studied_one_among_them_the_message_names_the_remedy():
    six = ["IDN", "MYS", "THA", "PHL", "IND", "KOR"]
    with pytest.raises(ParameterError) as refused:
        CrossCountryParameters.parse({"countries": six})
    assert "at least 6 beside IDN" in refused.value.expected
    assert "list more countries" in refused.value.expected
    CrossCountryParameters.parse({"countries": six, "treated_country": "VNM"})
    CrossCountryParameters.parse({"countries": [*six, "JPN"]})


def test_restrictions_that_are_the_same_everywhere_are_refused(panel):
    own = panel.rows[panel.rows["country"] == "IDN"].set_index("month")["level"]
    rows = panel.sample().assign(level=lambda f: f["month"].map(own))
    with pytest.raises(EstimationError, match="does not vary"):
        regress(rows, "pmi ~ level | country + month")


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
    ahead = {f"lead_{j}": panel.shifted("change", -j) for j in leads["months_ahead"]}
    rows = panel.sample().assign(**ahead)
    fit = regress(rows, f"pmi ~ {' + '.join([*TERMS, *ahead])} | country + month")
    np.testing.assert_allclose(leads["value"], fit.fit.params[-len(leads) :])
    errors = [fit.clusters(name, QUICK, interval=False).crv3 for name in ahead]
    np.testing.assert_allclose(leads["std_error"], errors)


def test_a_thin_country_is_named_in_the_notes_with_its_months(frame):
    more = CrossCountryParameters(countries=[*DEFAULTS.countries, "SGP"], draws=99)
    assert "SGP is left out: fewer than 30 usable months (23)." in country_panel(frame, more).notes
