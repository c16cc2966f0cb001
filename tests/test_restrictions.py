"""The calendar is whole, its intensity is what the arithmetic says, and bad rows are refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.data.package import load
from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.parameters import RestrictionsParameters
from ikm_pmi.restrictions import (
    AREAS,
    CLASSES,
    check_calendar,
    class_shares,
    daily_intensity,
    monthly_intensity,
)
from ikm_pmi.restrictions.calendar import KINDS, composition

SPELLS = load("regime_spells")
RULES = load("industry_rules")
MANUFACTURING = load("industry_classes")
DEFAULT = RestrictionsParameters()
DAILY = daily_intensity(SPELLS, RULES, MANUFACTURING, DEFAULT)
EXPOSURES = ("fieldwork", "calendar", "since_last")
COUNTS = ["n_level1", "n_level2", "n_level3", "n_level4"]
few = settings(max_examples=20, deadline=None)
share = st.floats(0, 1)


def daily(**changes: object) -> pd.DataFrame:
    return daily_intensity(SPELLS, RULES, MANUFACTURING, RestrictionsParameters(**changes))


# --- the tables -----------------------------------------------------------------------------


def test_the_calendar_has_no_problem() -> None:
    assert check_calendar(SPELLS, RULES) == []


@pytest.mark.parametrize("area", AREAS)
def test_every_day_of_an_area_has_one_spell(area: str) -> None:
    own = SPELLS[SPELLS["area"] == area]
    spans = [pd.date_range(a, b) for a, b in zip(own["start"], own["end"], strict=True)]
    listed = [day for span in spans for day in span]
    assert sorted(listed) == list(pd.date_range("2020-04-10", "2022-12-30"))


def test_each_judgement_has_a_reason() -> None:
    for table in (SPELLS, RULES):
        judged = table[table["assumed"] == "yes"]
        assert judged["note"].notna().all()
        assert table["source"].notna().all()


def test_counts_collected_in_full_are_kept() -> None:
    names = {"java_bali": "Java-Bali", "outside_java_bali": "outside Java-Bali"}
    collected = load("ppkm_timeline").dropna(subset=COUNTS)
    mine = SPELLS.assign(area=SPELLS["area"].map(names)).merge(
        collected, on=["start", "area"], suffixes=("", "_collected")
    )
    assert len(mine) == len(collected) > 50
    for column in COUNTS:
        assert (mine[column] == mine[f"{column}_collected"]).all()


def test_value_added_is_that_of_the_national_accounts() -> None:
    accounts = load("manufacturing_quarterly")
    accounts = accounts[(accounts["year"] == 2020) & accounts["series"].str.startswith("subsector")]
    name = accounts["series"].str.extract(r"subsector: (.*), constant", expand=False)
    published = dict(zip(name, accounts["value"], strict=True))
    own = MANUFACTURING.groupby("subsector")["value_added_bn_idr_2020"].agg(["min", "max"])
    assert len(own) == len(published) == 16
    assert own["min"].to_dict() == own["max"].to_dict() == published


def test_critical_industry_was_never_capped_under_ppkm() -> None:
    ppkm = RULES[(RULES["start"] >= "2021-01-11") & (RULES["industry_class"] == "critical")]
    assert (ppkm["allowed_onsite_share"] == 1).all()


# --- values by hand -------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """Class shares of 2020 value added (billion IDR), each subsector split as in the table."""

    total: float = (
        755914.9 + 202603.7 + 64239.2 + 213360.5 + 97099.5 + 193026.6 + 29536.4 + 159359
    ) + (132851 + 26142.6 + 58212.1 + 27167.5 + 80385.3 + 68337.7 + 85257.5 + 16426.8)

    @property
    def critical(self) -> float:
        return (755914.9 + 202603.7 + 64239.2 + 0.75 * 213360.5) / self.total

    @property
    def domestic(self) -> float:
        half = 97099.5 + 29536.4 + 80385.3 + 68337.7
        return (0.5 * half + 0.25 * (213360.5 + 193026.6)) / self.total

    @property
    def other(self) -> float:
        quarter = 193026.6 + 29536.4 + 26142.6 + 58212.1
        return (
            85257.5 + 0.75 * (159359 + 16426.8) + 0.5 * (132851 + 27167.5) + 0.25 * quarter
        ) / self.total

    @property
    def export(self) -> float:
        return 1 - self.critical - self.domestic - self.other


W = Share()


def test_class_shares_by_hand() -> None:
    expected = [W.critical, W.export, W.domestic, W.other]
    assert class_shares(MANUFACTURING, DEFAULT).to_numpy() == pytest.approx(expected, abs=1e-12)


def both(java_bali: float, outside: float) -> float:
    return 0.71 * java_bali + 0.29 * outside


def test_darurat_on_10_july_2021() -> None:
    # Java-Bali all under Darurat; outside 43 tightened (as level 3), 343 Mikro in half the zones.
    level = both(1, (43 * 0.75 + 343 * 0.5 * 0.4) / 386)
    cap = both(W.critical + 0.5 * (W.export + W.domestic), 1)
    assert DAILY.loc["2021-07-10"].to_list() == pytest.approx([level, cap], abs=1e-12)


def test_levels_on_20_august_2021() -> None:
    level = both((2 * 0.5 + 59 * 0.75 + 67) / 128, (39 * 0.5 + 302 * 0.75 + 45) / 386)
    java_bali = (
        2 * (W.critical + W.export + 0.75 * W.domestic + 0.5 * W.other)
        + 59 * (W.critical + W.export + 0.5 * W.domestic)
        + 67 * (W.critical + 0.5 * W.export + 0.5 * W.domestic)
    ) / 128
    outside = (341 + 45 * (W.critical + W.export + 0.5 * W.domestic)) / 386
    expected = [level, both(java_bali, outside)]
    assert DAILY.loc["2021-08-20"].to_list() == pytest.approx(expected, abs=1e-12)


def test_reopened_factories_on_15_september_2021() -> None:
    level = both((43 * 0.5 + 82 * 0.75 + 3) / 128, (9 * 0.25 + 117 * 0.5 + 237 * 0.75 + 23) / 386)
    strict = W.critical + W.export + 0.5 * W.domestic + 0.25 * W.other
    expected = [level, both(1, (363 + 23 * strict) / 386)]
    assert DAILY.loc["2021-09-15"].to_list() == pytest.approx(expected, abs=1e-12)


def test_level_1_on_10_june_2022() -> None:
    level = both(0.25, (385 * 0.25 + 1 * 0.5) / 386)
    assert DAILY.loc["2022-06-10"].to_list() == pytest.approx([level, 1], abs=1e-12)


def test_psbb_in_may_2020() -> None:
    # 60% of Java-Bali like Jakarta, half of the staff outside the critical industries.
    cap = both(1 - 0.6 * 0.5 * (1 - W.critical), 1)
    assert DAILY.loc["2020-05-15"].to_list() == pytest.approx([both(0.6, 0), cap], abs=1e-12)


# --- the known history ----------------------------------------------------------------------


def test_the_cap_recovers_in_september_2021_while_the_level_stays_high() -> None:
    month = monthly_intensity(DAILY, DEFAULT)
    june, july, august, september = (month.loc[f"2021-{m}"] for m in ("06", "07", "08", "09"))
    assert july["level"] - june["level"] > 0.5
    assert max(july["industry_cap"], august["industry_cap"]) < 0.85
    assert september["industry_cap"] > 0.99
    assert september["level"] > 0.6
    assert month["industry_cap"].idxmin() == pd.Period("2021-07")


# --- months ---------------------------------------------------------------------------------


def test_fieldwork_window_by_hand() -> None:
    month = monthly_intensity(DAILY, DEFAULT)
    assert month.loc["2021-07", "level"] == pytest.approx(
        DAILY.loc["2021-07-12":"2021-07-23", "level"].mean(), abs=1e-12
    )


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_monthly_is_the_brute_force_mean(exposure: str) -> None:
    p = RestrictionsParameters(exposure=exposure, start_month="2020-03", end_month="2023-02")
    month = monthly_intensity(DAILY, p)
    assert list(month.index) == list(pd.period_range("2020-03", "2023-02", freq="M"))
    for m in month.index:
        window = {
            "calendar": (m.start_time, m.end_time),
            "fieldwork": (f"{m}-12", f"{m}-23"),
            "since_last": (f"{m - 1}-24", f"{m}-23"),
        }[exposure]
        dates = pd.date_range(window[0], pd.Timestamp(window[1]).normalize())
        level = np.mean([DAILY["level"].get(d, 0.0) for d in dates])
        cap = np.mean([DAILY["industry_cap"].get(d, 1.0) for d in dates])
        assert month.loc[m].to_list() == pytest.approx([level, cap], abs=1e-12)


def test_no_restriction_outside_the_calendar() -> None:
    p = RestrictionsParameters(start_month="2012-03", end_month="2019-12")
    month = monthly_intensity(DAILY, p)
    assert len(month) == 94
    assert (month["level"] == 0).all()
    assert (month["industry_cap"] == 1).all()


@pytest.mark.property
@few
@given(share, share, st.sampled_from(EXPOSURES), st.integers(1, 28), st.integers(1, 28))
def test_a_constant_calendar_gives_the_constant(
    level: float, cap: float, exposure: str, one: int, other: int
) -> None:
    index = pd.date_range("2020-11-01", "2022-01-31", name="date")
    constant = pd.DataFrame({"level": level, "industry_cap": cap}, index=index)
    p = RestrictionsParameters(
        exposure=exposure,
        fieldwork_first_day=min(one, other),
        fieldwork_last_day=max(one, other),
        start_month="2020-12",
        end_month="2022-01",
    )
    month = monthly_intensity(constant, p)
    assert month["level"].to_numpy() == pytest.approx(level, abs=1e-12)
    assert month["industry_cap"].to_numpy() == pytest.approx(cap, abs=1e-12)


# --- properties of the daily series ---------------------------------------------------------

JAVA_BALI, OUTSIDE = daily(java_bali_weight=1.0), daily(java_bali_weight=0.0)
severities = st.fixed_dictionaries(
    {
        name: share
        for name in RestrictionsParameters.model_fields
        if name.startswith(("severity_", "coverage_")) or name == "java_bali_weight"
    }
)


@pytest.mark.property
@few
@given(severities, st.floats(-1, 1), st.floats(-0.5, 0.15))
def test_both_measures_stay_within_0_and_1(
    drawn: dict[str, float], onsite: float, critical: float
) -> None:
    table = daily(**drawn, onsite_shift=onsite, critical_shift=critical)
    assert table.index.equals(DAILY.index)
    assert table.to_numpy().min() >= 0
    assert table.to_numpy().max() <= 1


@pytest.mark.property
@few
@given(severities, severities)
def test_the_level_rises_with_every_severity(one: dict[str, float], two: dict[str, float]) -> None:
    fixed = {name: one[name] for name in one if not name.startswith("severity_")}
    low = {n: min(one[n], two[n]) for n in one} | fixed
    high = {n: max(one[n], two[n]) for n in one} | fixed
    weaker, stricter = daily(**low), daily(**high)
    assert (stricter["level"] - weaker["level"] >= -1e-12).all()
    # The cap follows from the rules alone.
    assert np.allclose(stricter["industry_cap"], weaker["industry_cap"], atol=1e-12)


@pytest.mark.property
@few
@given(share)
def test_the_nation_is_a_mean_of_the_two_areas(weight: float) -> None:
    expected = weight * JAVA_BALI + (1 - weight) * OUTSIDE
    assert np.allclose(daily(java_bali_weight=weight), expected, atol=1e-12)


def test_weight_zero_and_one_give_one_area() -> None:
    assert (OUTSIDE.loc[:"2021-03-08", "level"] == 0).all()
    assert (OUTSIDE.loc[:"2021-03-08", "industry_cap"] == 1).all()
    assert JAVA_BALI.loc["2021-07-10", "level"] == 1


def test_judgements_on_rules_can_be_shifted() -> None:
    open_, shut = daily(onsite_shift=1.0), daily(onsite_shift=-1.0)
    assert (open_["industry_cap"] >= DAILY["industry_cap"] - 1e-12).all()
    assert (shut["industry_cap"] <= DAILY["industry_cap"] + 1e-12).all()
    assert daily(critical_shift=0.1).loc["2021-07-10", "industry_cap"] == pytest.approx(
        DAILY.loc["2021-07-10", "industry_cap"] + 0.71 * 0.1, abs=1e-12
    )


# --- bad input ------------------------------------------------------------------------------


def changed(table: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    copy = table.copy()
    copy.loc[row, column] = value
    return copy


def test_a_spell_that_ends_before_it_starts() -> None:
    bad = changed(SPELLS, 3, "end", pd.Timestamp("2019-01-01"))
    with pytest.raises(DataError, match=r"ends before it starts[\s\S]*regime_spells.csv, row 5"):
        daily_intensity(bad, RULES, MANUFACTURING, DEFAULT)


def test_an_unreadable_date() -> None:
    bad = changed(SPELLS.astype({"start": str}), 2, "start", "soon")
    with pytest.raises(DataError, match=r"cannot be read[\s\S]*soon[\s\S]*row 4, column start"):
        daily_intensity(bad, RULES, MANUFACTURING, DEFAULT)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (SPELLS, "regime", "lockdown"),
        (SPELLS, "area", "Java"),
        (RULES, "level", "5"),
        (RULES, "industry_class", "vital"),
    ],
)
def test_unknown_names(table: pd.DataFrame, column: str, value: str) -> None:
    bad = changed(table, 4, column, value)
    spells, rules = (bad, RULES) if table is SPELLS else (SPELLS, bad)
    (problem,) = check_calendar(spells, rules)
    assert value in problem.found
    assert f"row 6, column {column}" in problem.where


def test_overlap_gap_and_unequal_spans() -> None:
    own = SPELLS.index[SPELLS["area"] == "java_bali"]
    day = pd.Timedelta(days=1)
    overlap = changed(SPELLS, own[5], "end", SPELLS.loc[own[5], "end"] + day)
    gap = changed(SPELLS, own[5], "end", SPELLS.loc[own[5], "end"] - day)
    short = SPELLS.drop(index=own[-1])
    for table, words in ((overlap, "overlap"), (gap, "gap"), (short, "same days")):
        (problem,) = check_calendar(table, RULES)
        assert words in problem.summary
        assert problem.where == "regime_spells.csv" + ", area java_bali" * (table is not short)
        if table is gap:
            assert problem.found == f"{pd.Timestamp(SPELLS.loc[own[6], 'start']):%Y-%m-%d}"


def test_counts_that_do_not_sum() -> None:
    row = SPELLS.index[SPELLS["regime"] == "ppkm_level"][0]
    bad = changed(SPELLS, row, "n_level4", SPELLS.loc[row, "n_level4"] + 1)
    (problem,) = check_calendar(bad, RULES)
    assert (problem.expected, problem.found) == ("128", "129")


@pytest.mark.parametrize("value", [np.nan, 1.5, -0.1])
def test_a_share_that_is_none(value: float) -> None:
    bad = changed(RULES, 7, "allowed_onsite_share", value)
    (problem,) = check_calendar(SPELLS, bad)
    assert "row 9" in problem.where


def test_a_missing_and_a_double_rule_are_named() -> None:
    needed = (RULES["level"] == "ppkm_darurat") & (RULES["industry_class"] == "export")
    (missing,) = check_calendar(SPELLS, RULES[~needed])
    assert missing.summary == "a rule is missing"
    assert "2021-07-03, 18 such days" in missing.found
    assert missing.where.endswith("level ppkm_darurat, class export")
    (double,) = check_calendar(SPELLS, pd.concat([RULES, RULES[needed]]))
    assert double.summary == "two rules for the same day"


def test_subsector_shares_must_sum_to_one() -> None:
    with pytest.raises(DataError, match=r"do not sum to one"):
        class_shares(changed(MANUFACTURING, 0, "share", 0.4), DEFAULT)


def test_a_shift_larger_than_the_class() -> None:
    with pytest.raises(ParameterError, match=r"more than the class holds"):
        class_shares(MANUFACTURING, RestrictionsParameters(critical_shift=0.3))


def test_a_daily_series_with_a_hole() -> None:
    with pytest.raises(DataError, match=r"has a gap"):
        monthly_intensity(DAILY.drop(index=DAILY.index[40]), DEFAULT)


def test_months_out_of_order() -> None:
    with pytest.raises(ParameterError, match=r"end_month must not be before start_month"):
        RestrictionsParameters.parse({"start_month": "2022-01", "end_month": "2021-01"})


def test_industry_classes_are_the_four_of_the_rules() -> None:
    assert set(RULES["industry_class"]) == set(MANUFACTURING["industry_class"]) == set(CLASSES)


# --- what a mutant would get wrong ----------------------------------------------------------


def test_a_part_of_an_area_under_a_rule_leaves_the_rest_without_one() -> None:
    spells = pd.DataFrame(
        {
            "start": pd.to_datetime(["2021-01-11", "2021-01-13"]),
            "end": pd.to_datetime(["2021-01-12", "2021-01-15"]),
            "area": "java_bali",
            "regime": ["psbb", "ppkm_mikro"],
            **dict.fromkeys(COUNTS, np.nan),
            "share_of_area": [np.nan, 0.5],
        }
    )
    spells.loc[1, "n_level4"] = 32.0
    mix = composition(spells, "java_bali", psbb=0.3, mikro=0.8)
    assert mix.shape == (5, len(KINDS))
    rows = pd.DataFrame(mix, columns=list(KINDS))
    assert rows.loc[:1, "psbb"].tolist() == pytest.approx([0.3] * 2)
    assert rows.loc[:1, "none"].tolist() == pytest.approx([0.7] * 2)
    assert rows.loc[2:, "4"].tolist() == pytest.approx([32 / 128] * 3)
    assert rows.loc[2:, "ppkm_mikro"].tolist() == pytest.approx([0.75 * 0.5 * 0.8] * 3)
    assert mix.sum(axis=1) == pytest.approx(1)


def test_a_class_without_industry_has_a_share_of_zero() -> None:
    table = MANUFACTURING.groupby("subsector", as_index=False).first()
    table = table.assign(industry_class="critical", share=1.0)
    shares = class_shares(table, DEFAULT)
    assert shares.to_dict() == {"critical": 1, "export": 0, "domestic_essential": 0} | {
        "non_essential": 0
    }


def test_an_industry_class_that_is_none_of_the_four_is_refused() -> None:
    table = MANUFACTURING.assign(industry_class=["luxury", *MANUFACTURING["industry_class"][1:]])
    with pytest.raises(DataError, match="unknown industry class 'luxury'") as caught:
        class_shares(table, DEFAULT)
    assert caught.value.where == "industry_classes.csv, row 2, column industry_class"


def test_days_and_months_are_named_in_the_index() -> None:
    assert (DAILY.index.name, monthly_intensity(DAILY, DEFAULT).index.name) == ("date", "month")
