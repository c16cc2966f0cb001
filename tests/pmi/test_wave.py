"""The wave in other countries and the rest of the gap: known truth, other countries, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikm_pmi as ikm
from ikm_pmi.errors import EstimationError, ParameterError
from ikm_pmi.inference.windows import half_width, joint_half_width, joint_p_value, rank_p_value
from ikm_pmi.parameters import CrossCountryParameters
from ikm_pmi.pmi.country_panel import assemble, regress
from ikm_pmi.pmi.wave import FORKS, TABLES, country_gap, country_months, dose, wave

QUICK = CrossCountryParameters(draws=99)


@pytest.fixture(scope="module")
def study():
    return ikm.load_many(TABLES)


@pytest.fixture(scope="module")
def frame(study):
    return country_months(study)


@pytest.fixture(scope="module")
def gap(study):
    return country_gap(study, QUICK)


@pytest.fixture(scope="module")
def result(frame, gap):
    return wave(frame, gap, QUICK)


def test_the_gap_is_that_of_chapter_three(gap):
    p = ikm.defaults("03")
    from ikm_pmi.pmi import event_study

    chapter = event_study.evaluate(ikm.monthly_frame(p), p.episodes, p)
    assert gap["ppkm_2021"].to_dict() == chapter["ppkm_2021"].to_dict()


def test_every_fork_has_wave_rest_and_restriction_and_the_rest_is_a_difference(result):
    assert len(FORKS) == len({fork.name for fork in FORKS}) == 16
    for fork in FORKS:
        w, r = result[f"wave.{fork.name}.wave"], result[f"wave.{fork.name}.rest"]
        assert r.value == pytest.approx(result.gap.value - w.value)
        assert r.ci_high - r.ci_low > max(w.ci_high - w.ci_low, 0)
        assert r.ci_high - r.ci_low > result.gap.ci_high - result.gap.ci_low - 1.0
        assert f"wave.{fork.name}.change" in result
    assert result["wave.envelope.low"].value == result.forks["ci_low"].min()
    assert result["wave.rest_envelope.high"].value == result.forks["rest_high"].max()


def test_it_is_estimated_without_the_country_studied(frame, gap, result):
    assert "IDN" not in set(result.rows["country"])
    own = frame["country_iso3"] == "IDN"
    spoilt = frame.assign(pmi=frame["pmi"].where(~own, 50.0))
    again = wave(spoilt, gap, QUICK)
    pd.testing.assert_series_equal(again.forks["value"], result.forks["value"])


def test_the_wave_is_what_the_formula_says_by_hand(frame, result):
    import statsmodels.formula.api as smf

    panel = assemble(frame, QUICK)
    for fork in FORKS[1:4:2]:
        effect = "country_era" if fork.era else "country"
        rows = result.rows.dropna(subset=["pmi", "change", *fork.terms])
        rows = rows.assign(when=rows["month"].astype(str))
        left = fork.formula.split("|")[0]
        fit = smf.ols(f"{left} + C({effect}) + C(when)", rows).fit()
        doses = dose(panel, fork, QUICK)
        assert result[f"wave.{fork.name}.wave"].value == pytest.approx(
            fit.params[doses.index] @ doses
        )
    share = dose(panel, FORKS[0], QUICK)["share_of_peak"]
    assert 0.9 < share < 1  # the look-ahead scale: Indonesia's peak is August 2021


def test_what_is_not_separated_is_said(result):
    low, high = (result[f"wave.rest_envelope.{end}"].value for end in ("low", "high"))
    apart = not (low <= 0 <= high) and not (low <= result.gap.value <= high)
    assert result.verdict.startswith("not separated") != apart
    assert result.verdict in result.sentence()
    for table in (result.reading(), result.robustness()):
        assert len(table) <= 12
        assert table.shape[1] <= 6


def test_the_numbers_of_the_review_are_found_again(frame):
    panel = assemble(frame, QUICK)
    whole = "pmi ~ change + level + share_of_peak + share_of_peak_lag | country + month"
    everyone = regress(panel.sample(), whole)
    others = regress(panel.sample(without=["IDN"]), whole)
    # The review's wave is the coefficient of the month alone; the lag has the opposite sign.
    assert everyone.fit.params["share_of_peak"] == pytest.approx(-4.9, abs=0.05)
    assert others.fit.params["share_of_peak"] == pytest.approx(-4.4, abs=0.05)
    assert others.fit.params["share_of_peak_lag"] > 0
    change = everyone.jackknife(pd.Series({"change": 1.0}), QUICK)
    assert (change.value, change.std_error) == pytest.approx((-0.58, 0.21), abs=0.005)
    logs = regress(panel.sample(), whole.replace("share_of_peak", "log_deaths"))
    change = logs.jackknife(pd.Series({"change": 1.0}), QUICK)
    assert change.value == pytest.approx(-0.31, abs=0.006)
    assert change.std_error == pytest.approx(0.29, abs=0.006)  # the review prints .30


@pytest.mark.truth
def test_a_known_wave_is_found_and_its_interval_covers(frame):
    rng, runs, truth = np.random.default_rng(5), 60, -4.0
    panel = assemble(frame, QUICK)
    fork = FORKS[1]
    doses = dose(panel, fork, QUICK)
    slope = truth / float(doses.sum())
    rows = panel.sample(without=["IDN"])
    told = slope * rows[list(fork.terms)].sum(axis=1)
    found, covered = [], 0
    for _ in range(runs):
        noise = pd.Series(rng.standard_normal(len(rows)), rows.index)
        noise = noise + 0.67 * noise.groupby(rows["country"]).shift(fill_value=0.0)
        spread = rows["country"].map(dict(zip(panel.countries, rng.uniform(1, 3, 19), strict=True)))
        made = regress(rows.assign(pmi=50 + told + spread * noise), fork.formula)
        one = made.jackknife(doses, QUICK)
        found.append(one.value)
        covered += one.ci_low <= truth <= one.ci_high
    assert abs(np.mean(found) - truth) <= 4 * np.std(found) / np.sqrt(runs)
    assert abs(covered / runs - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / runs)


@pytest.mark.truth
def test_the_set_of_the_rest_covers_where_both_parts_err():
    rng, runs, df = np.random.default_rng(6), 400, 17
    covered = 0
    for _ in range(runs):
        misses = rng.laplace(size=101)
        error = np.sqrt(rng.chisquare(df) / df) * 0.8
        off = misses[0] - rng.normal(scale=0.8)
        covered += abs(off) <= joint_half_width(misses[1:], error, df, 0.95)
    assert abs(covered / runs - 0.95) <= 3 * np.sqrt(0.95 * 0.05 / runs)


def test_without_an_error_of_the_wave_the_set_is_the_windows_own():
    misses = np.random.default_rng(7).normal(size=80)
    assert joint_half_width(misses, 1e-9, 17, 0.9) == pytest.approx(half_width(misses, 0.9))
    assert joint_p_value(1.5, misses, 1e-9, 17) == pytest.approx(rank_p_value(1.5, misses))
    alone = joint_p_value(2.0, np.zeros(10_000), 1.0, 17)
    assert alone == pytest.approx(2 * stats.t.sf(2.0, 17), abs=2e-4)
    assert joint_half_width(misses[:10], 1.0, 17, 0.95) is None


@pytest.mark.parametrize("country", ["VNM", "MYS", "IND", "DEU"])
def test_other_countries_go_through_the_whole(study, frame, country):
    p = CrossCountryParameters(treated_country=country, draws=99)
    found = wave(frame, country_gap(study, p), p)
    assert found.country == country
    assert country not in set(found.rows["country"])
    assert len(found.forks) == 16
    assert country in found.sentence()


def test_seven_countries_are_enough_and_the_check_gives_way(frame, gap):
    seven = ["IDN", "MYS", "THA", "PHL", "IND", "KOR", "JPN"]
    found = wave(frame, gap, CrossCountryParameters(countries=seven, draws=99))
    assert found.rows["country"].nunique() == 6
    assert found.checks.index.tolist() == ["all other countries"]


def test_without_a_population_the_forms_per_head_are_left_out_by_name(study, gap):
    found = wave(study["country_monthly"], gap, QUICK)
    assert set(found.forks["form"]) == {"share_of_peak", "log_deaths"}
    assert any("deaths per head is left out" in note for note in found.notes)


def test_a_month_without_deaths_is_no_wave(study, frame):
    p = CrossCountryParameters(episode="before:2019-09:2019-10", draws=99)
    with pytest.raises(EstimationError, match="no wave"):
        wave(frame, country_gap(study, p), p)
    with pytest.raises(ParameterError, match="episode"):
        CrossCountryParameters.parse({"episode": "late:2023-07:2023-08"})


def test_too_few_windows_are_refused_with_the_remedy(frame, gap):
    few = replace(gap.placebos["ppkm_2021"], errors=gap.placebos["ppkm_2021"].errors[:12])
    short = replace(gap, placebos={**gap.placebos, "ppkm_2021": few})
    with pytest.raises(EstimationError) as caught:
        wave(frame, short, QUICK)
    assert "confidence_level" in caught.value.todo


def test_the_weights_are_those_of_the_coefficient(result):
    weights = result.weights
    assert weights.index[0] == "change of stringency"
    assert (weights["sum of negative"] <= 0).all()
    # With an effect of its own in every month the coefficient is the weighted sum of them.
    rows = result.rows.dropna(subset=["pmi", "change", "level", "share_of_peak"])
    own = pd.Series(np.random.default_rng(3).normal(size=len(rows)), rows.index)
    made = rows.assign(pmi=own * rows["share_of_peak"])
    formula = "share_of_peak ~ change + level | country + month"
    left = regress(made, formula).fit.resid * rows["share_of_peak"]
    fit = regress(made, "pmi ~ change + level + share_of_peak | country + month").fit
    assert fit.params["share_of_peak"] == pytest.approx((left / left.sum()) @ own)
    share = weights.loc["share of own peak", "sum of negative"]
    assert share == pytest.approx((left / left.sum()).clip(upper=0).sum())
