"""The elasticity on the study's own panel, on simulated panels, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference.absorb import design, moments
from ikm_pmi.inference.clusters import crv1, crv3
from ikm_pmi.jobs.bounds import bounds
from ikm_pmi.jobs.elasticity import all_years, elasticity, movement
from ikm_pmi.jobs.regressions import check_panel, deflator_index, sample
from ikm_pmi.parameters import ElasticityParameters

FEW = ElasticityParameters(draws=999)


@pytest.fixture(scope="module")
def imk():
    return package.load("imk_panel")


@pytest.fixture(scope="module")
def result(imk):
    return elasticity(imk, FEW, deflator=deflator_index(package.load("deflators"), "cpi"))


def test_all_names_are_there_for_total_micro_and_small(result):
    names = {e.name.removeprefix("elasticity.") for e in result.estimates}
    rows = ["twfe", "first_difference", "intensive"]
    assert {f"{row}{suffix}" for row in rows for suffix in ("", ".micro", ".small")} <= names
    assert {"without_flagged", "long_difference", "pooled", "between", "fe"} <= names
    assert {t.name.removeprefix("elasticity.") for t in result.tests} == {
        "is_zero", "is_one", "micro_equals_small", "java_equals_elsewhere", "stable_2020",
    }  # fmt: skip


def test_the_two_margins_add_up_to_the_two_way_elasticity(result):
    parts = [result[f"elasticity.margin.{m}"].value for m in ("extensive", "intensive")]
    assert sum(parts) == pytest.approx(result["elasticity.twfe"].value, abs=1e-10)


def test_without_the_flagged_cells_is_the_panel_that_drops_them(imk, result):
    dropped = elasticity(imk, FEW.model_copy(update={"drop_flagged": True}), only={"twfe"})
    row = result["elasticity.without_flagged"]
    assert (row.n, row.value) == (254, dropped["elasticity.twfe"].value)


def test_stability_is_the_difference_of_two_separate_panels(imk, result):
    total = sample(imk[imk["scale"] == "total"], FEW)
    early, late = total.query("year < 2020"), total.query("year >= 2020")
    slopes = [
        moments(design(f, "log_workers", ["log_output"], effects=["unit", "year"])).params[0]
        for f in (early, late)
    ]
    found = result.test("elasticity.stable_2020").detail["value"]
    assert found == pytest.approx(slopes[1] - slopes[0], abs=1e-10)


def test_leads_and_lags_are_the_regression_on_three_years_of_output(imk, result):
    import statsmodels.formula.api as smf

    f = sample(imk, FEW).query("scale == 'total'")
    group = f.groupby("unit")["log_output"]
    f = f.assign(before=group.shift(1), after=group.shift(-1)).dropna(subset=["before", "after"])
    fit = smf.ols("log_workers ~ log_output + before + after + C(unit) + C(year)", f).fit()
    for name, term in (("own", "log_output"), ("before", "before"), ("after", "after")):
        found = result[f"elasticity.timing.levels.{name}"]
        assert (found.value, found.n) == (pytest.approx(fit.params[term], abs=1e-10), 6 * 32)
    columns = ["log_workers", "log_output", "before", "after"]
    d = f[["unit", *columns]].groupby("unit").diff().assign(year=f["year"]).dropna()
    fit = smf.ols("log_workers ~ log_output + before + after + C(year)", d).fit()
    for name, term in (("own", "log_output"), ("before", "before"), ("after", "after")):
        found = result[f"elasticity.timing.changes.{name}"]
        assert (found.value, found.n) == (pytest.approx(fit.params[term], abs=1e-10), 5 * 32)
    assert len(result.timing()) == 6


def test_a_hypothesis_is_rejected_where_the_set_leaves_it_out(result):
    table = result.answers()
    assert list(table.index[:2]) == ["all cells", "without the flagged cells"]
    assert table.loc["all cells", ["H0: zero", "H0: one"]].tolist() == ["rejected", "rejected"]
    assert table.loc["establishments held constant", "H0: zero"] == "not rejected"


def test_what_the_survey_counted_is_the_sum_of_the_provinces(imk):
    table = movement(imk, 2018)
    small = imk.query("scale == 'small' and year == 2021")
    assert table.loc[2021, "small workers, million"] == pytest.approx(small["workers"].sum() / 1e6)
    assert list(table.index) == list(range(2018, 2026))


def test_tests_agree_with_the_estimates_they_are_about(result):
    assert result.test("elasticity.is_zero").p_value == result["elasticity.twfe"].p_value
    difference = result.test("elasticity.micro_equals_small").detail["value"]
    apart = result["elasticity.twfe.small"].value - result["elasticity.twfe.micro"].value
    assert difference == pytest.approx(apart, abs=1e-10)


def test_tests_are_weighted_as_the_estimates_are(imk, result):
    weighted = elasticity(imk, FEW.model_copy(update={"weighting": "establishments"}))
    value = weighted["elasticity.twfe"].value
    assert weighted.test("elasticity.is_zero").detail["value"] == pytest.approx(value, abs=1e-10)
    assert abs(value - result["elasticity.twfe"].value) > 1e-3


def test_influence_is_the_estimate_without_the_unit(imk, result):
    top = result.influence.iloc[0]
    total = imk[imk["scale"] == "total"]
    without = elasticity(total[total["unit"] != top["unit"]], FEW)
    assert without["elasticity.twfe"].value == pytest.approx(top["without"], abs=1e-10)
    assert result.influence["change"].abs().is_monotonic_decreasing
    two_way, table = result["elasticity.twfe"], result.influence
    assert table["change"].to_numpy() == pytest.approx(table["without"] - two_way.value)
    relative = table["change"] / two_way.std_error
    assert table["change_in_std_errors"].to_numpy() == pytest.approx(relative)
    assert any(top["unit"] in note for note in result.notes)


def test_years_without_a_deflator_are_named_and_not_used(imk):
    short = deflator_index(package.load("deflators"), "cpi").loc[:2023]
    result = elasticity(imk, FEW, deflator=short)
    fe = result["elasticity.fe"]
    assert (fe.detail["first_year"], fe.detail["last_year"], fe.n) == (2018, 2023, 192)
    assert any("2024, 2025" in note for note in result.notes)


def test_a_gap_in_the_survey_is_not_bridged(imk):
    everything = elasticity(imk, FEW.model_copy(update={"first_year": 2013}))
    assert everything["elasticity.first_difference"].n == 10 * 32  # 12 waves, none over 2015-17
    assert everything["elasticity.twfe"].n == 12 * 32
    assert {"elasticity.stable_2017", "elasticity.stable_2020"} <= {
        t.name for t in everything.tests
    }
    assert any("2016" in note for note in everything.notes)


@pytest.mark.second
def test_own_panel_agrees_with_pyfixest_and_linearmodels(imk, result):
    import pyfixest
    from linearmodels.panel import PanelOLS

    f = sample(imk, FEW).query("scale == 'total'")
    m = moments(design(f, "log_workers", ["log_output"], effects=["unit", "year"]))
    formula = "log_workers ~ log_output | unit + year"
    other = pyfixest.feols(formula, f, vcov={"CRV1": "unit"})
    twfe = result["elasticity.twfe"]
    assert twfe.value == pytest.approx(other.coef().iloc[0], abs=1e-8)
    assert twfe.std_error == pytest.approx(other.se().iloc[0], abs=1e-8)
    plain = pyfixest.ssc(k_adj=False, G_adj=False)
    jack = pyfixest.feols(formula, f, vcov={"CRV3": "unit"}, ssc=plain).se().iloc[0]
    assert twfe.detail["crv3_std_error"] == pytest.approx(jack * np.sqrt(31 / 32), abs=1e-6)
    assert np.sqrt(crv3(m)[0, 0]) == pytest.approx(twfe.detail["crv3_std_error"], abs=1e-12)
    d = f.set_index(["unit", "year"])
    lm = PanelOLS(d["log_workers"], d[["log_output"]], entity_effects=True, time_effects=True)
    lm = lm.fit(cov_type="clustered", cluster_entity=True, group_debias=True)
    assert twfe.value == pytest.approx(lm.params.iloc[0], abs=1e-8)
    # linearmodels counts all 39 effects, CRV1 here only those not nested in the units.
    counted = np.sqrt(crv1(m)[0, 0] * (256 - 9) / (256 - 40))
    assert counted == pytest.approx(lm.std_errors.iloc[0], abs=1e-8)


def simulate(rng, beta, G=32, T=8):
    shape = (G, T)
    y = rng.normal(14, 1, (G, 1)) + 0.05 * rng.normal(size=(1, T)) + 0.3 * rng.normal(size=shape)
    workers = beta * y + rng.normal(5, 0.3, (G, 1)) + 0.1 * rng.normal(size=shape)
    return pd.DataFrame(
        {
            "unit": np.repeat([f"u{g:02d}" for g in range(G)], T),
            "year": np.tile(np.arange(2018, 2018 + T), G),
            "scale": "total",
            "java": np.repeat(np.arange(G) < 6, T),
            "establishments": np.exp(workers - 0.5 + 0.1 * rng.normal(size=shape)).ravel(),
            "workers": np.exp(workers).ravel(),
            "output_idr_mn": np.exp(y).ravel(),
        }
    )


@pytest.mark.truth
def test_the_estimators_find_a_known_elasticity_and_intervals_cover_it():
    names = [f"elasticity.{n}" for n in ("fe", "twfe", "first_difference", "long_difference")]
    runs = [
        elasticity(
            simulate(np.random.default_rng(seed), 0.4),
            ElasticityParameters(draws=199),
            only={name.removeprefix("elasticity.") for name in names},
        )
        for seed in range(25)
    ]
    for name in names:
        values = np.array([run[name].value for run in runs])
        assert values.mean() == pytest.approx(0.4, abs=4 * values.std() / 5)
        covered = sum(run[name].ci_low <= 0.4 <= run[name].ci_high for run in runs)
        assert covered >= 20  # P(fewer | 95%) < 0.001


def test_one_scale_and_unbalanced_rows_are_enough():
    frame = simulate(np.random.default_rng(1), 0.4).sample(frac=0.9, random_state=1)
    found = elasticity(frame, FEW)
    assert found["elasticity.twfe"].n == len(frame)
    assert any("unbalanced" in note for note in found.notes)
    assert not any("one establishment" in note for note in found.notes)
    assert not any(t.name.endswith("small") for t in found.tests)


def test_firms_are_one_establishment_each_and_have_no_margins():
    found = elasticity(simulate(np.random.default_rng(1), 0.4).assign(establishments=1), FEW)
    assert found["elasticity.twfe"].value == pytest.approx(0.4, abs=0.1)
    assert not any("intensive" in e.name for e in found.estimates)
    assert any("one establishment" in note for note in found.notes)


def test_weights_by_establishments_are_constant_within_a_unit(imk):
    rows = sample(imk, FEW.model_copy(update={"weighting": "establishments"}))
    spread = rows.groupby(["scale", "unit"])["weight"].agg(["min", "max"])
    assert (spread["min"] == spread["max"]).all()
    assert spread["min"].min() < spread["min"].max()
    with pytest.raises(DataError, match="no column of weights"):
        sample(imk, FEW.model_copy(update={"weighting": "column"}))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("output_idr_mn", 0, "output_idr_mn is not positive"),
        ("output_idr_mn", -5, "output_idr_mn is not positive"),
        ("workers", np.nan, "workers is not positive"),
        ("unit", "Atlantis", "unknown unit"),
        ("year", 2019, "a year is present twice"),
    ],
)
def test_bad_input_is_refused_with_the_row(imk, column, value, message):
    bad = imk.astype({"workers": float, "output_idr_mn": float})
    row = bad.index[(bad.unit == "Bali") & (bad.year == 2020) & (bad.scale == "total")][0]
    bad.loc[row, column] = value
    with pytest.raises(DataError, match=message) as error:
        check_panel(bad, units=set(imk["unit"]))
    if column != "year":
        assert str(row) in error.value.where


def test_workers_in_thousands_are_refused_as_a_jump_but_no_published_row_is(imk):
    check_panel(imk)
    bad = imk.astype({"workers": float})
    row = bad.index[(bad.unit == "Bali") & (bad.year == 2020) & (bad.scale == "total")][0]
    bad.loc[row, "workers"] /= 1000
    with pytest.raises(DataError, match="workers jumps implausibly") as error:
        check_panel(bad)
    assert f"row {row}: Bali, 2020, total" in error.value.where


def test_too_few_years_and_a_missing_column_are_refused(imk):
    with pytest.raises(EstimationError, match="too short"):
        elasticity(imk, ElasticityParameters(first_year=2023, last_year=2025))
    with pytest.raises(DataError, match="lacks a column"):
        elasticity(imk.drop(columns="workers"), FEW)


def test_only_the_estimators_wanted_for_microdata(imk):
    every = elasticity(imk, FEW)
    one = elasticity(imk, FEW, only={"twfe"})
    assert [e.name for e in one.estimates] == [
        "elasticity.twfe",
        "elasticity.twfe.micro",
        "elasticity.twfe.small",
    ]
    assert one.tests == ()
    assert one["elasticity.twfe"].value == every["elasticity.twfe"].value


def test_all_years_are_told_apart_and_bring_the_test_across_the_break(imk):
    everything = all_years(imk, FEW)
    names = {e.name for e in everything.estimates}
    assert {"elasticity.twfe.all_years", "elasticity.twfe.within_frames.all_years"} <= names
    assert all(name.endswith(".all_years") for name in names)
    assert [t.name for t in everything.tests] == ["elasticity.stable_2017"]
    whole = FEW.model_copy(update={"first_year": 2013})
    assert all_years(imk, whole).tests == ()
    values = {e.name: e.value for e in everything.estimates}
    assert values["elasticity.twfe.all_years"] == elasticity(imk, whole)["elasticity.twfe"].value


# A reader's own panel of firms.


def firms(seed=3, years=range(1976, 1985)):
    """An unbalanced panel as in Arellano & Bond (1991), one establishment a firm."""
    rng = np.random.default_rng(seed)
    f = pd.DataFrame([(i, year) for i in range(40) for year in years], columns=["firm", "t"])
    f["capital"], wage = rng.lognormal(3, 1, len(f)), rng.normal(size=len(f))
    f["sales"] = f["capital"] ** 0.3 * rng.lognormal(2, 1, len(f))
    f["emp"] = f["sales"] ** 0.5 * np.exp(0.4 * wage + 0.1 * rng.normal(size=len(f)))
    return f.assign(wage=wage).sample(frac=0.9, random_state=1).reset_index(drop=True)


OWN = {"unit": "firm", "year": "t", "workers": "emp", "output": "sales"}


def test_firms_of_any_years_own_columns_controls_and_two_way_clusters():
    import statsmodels.formula.api as smf

    from ikm_pmi.inference.few_clusters import few_clusters

    f = firms()
    found = elasticity(f, **OWN, controls=["wage"], clusters=["firm", "t"])
    fit = smf.ols("np.log(emp) ~ np.log(sales) + wage + C(firm) + C(t)", f).fit()
    same = few_clusters(fit, "np.log(sales)", groups=f[["firm", "t"]])
    twfe = found["elasticity.twfe"]
    assert twfe.value == pytest.approx(same.value, abs=1e-10)
    assert twfe.std_error == pytest.approx(same.crv1, rel=1e-8)
    assert twfe.detail["crv3_std_error"] == pytest.approx(same.crv3, rel=1e-8)
    assert {"first_difference", "fe"} <= {e.name.split(".")[1] for e in found.estimates}
    words = " ".join((*found.notes, *(e.method for e in found.estimates)))
    assert "frame" not in words  # the sampling frames of another country
    assert not any("stable" in t.name for t in found.tests)
    given = ElasticityParameters.parse({"first_year": 1976, "last_year": 1984})
    assert elasticity(f, given, **OWN, only={"twfe"})["elasticity.twfe"].n == len(f)


def test_bounds_on_firms_have_no_lower_end_and_say_why():
    found = bounds(firms(), **OWN, controls=["wage"])
    assert (found.low, [e.name for e in found.estimates]) == (None, ["elasticity.reverse_bound"])
    assert found.high is not None
    assert any("one establishment" in note for note in found.notes)
    assert "no lower end" in found.sentence()


@pytest.mark.parametrize(
    ("change", "message", "found"),
    [
        ({"clusters": [["firm", "t"]]}, "no column called", "['firm', 't']"),
        ({"clusters": ["firm", "town"]}, "no column called", "'town'"),
        ({"controls": ["wages"]}, "no column called", "'wages'"),
        ({"turnover": "sales"}, "no argument called", "'turnover'"),
        ({"output": "sale"}, "no column called", "'sale'"),
        ({"parameters": ElasticityParameters(first_year=1976, last_year=1984, drop_flagged=True)},
         "no column called", "'flagged'"),
    ],
)  # fmt: skip
def test_what_a_reader_gets_wrong_is_refused_in_four_parts(change, message, found):
    with pytest.raises(EstimationError, match=message) as caught:
        elasticity(firms(), **OWN | change)
    error = caught.value
    assert error.found == found
    assert error.expected
    assert error.where
    assert error.todo


def test_a_year_or_a_control_that_is_no_number_is_refused_with_the_row():
    f = firms().astype({"t": object})
    f.loc[7, "t"] = "1980/81"
    with pytest.raises(DataError, match="t is missing or unreadable") as caught:
        elasticity(f, **OWN)
    assert (caught.value.found, caught.value.where) == ("'1980/81'", "row 7")
    f = firms()
    f.loc[[3, 9], "wage"] = np.nan
    with pytest.raises(DataError, match="wage is missing or unreadable in 2 of"):
        elasticity(f, **OWN, controls=["wage"])


def test_clusters_as_a_list_are_refused_by_the_design_too(imk):
    f = sample(imk, FEW).query("scale == 'total'")
    with pytest.raises(EstimationError, match="no column called"):
        design(f, "log_workers", ["log_output"], cluster=["unit", "year"])
