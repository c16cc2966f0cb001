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
from ikm_pmi.parameters import Coding, RestrictionsParameters
from ikm_pmi.restrictions import (
    AREAS,
    CLASSES,
    READINGS,
    check_calendar,
    class_shares,
    daily_intensity,
    monthly_intensity,
    outside,
    shares_by_subsector,
)
from ikm_pmi.restrictions.calendar import KINDS, composition

SPELLS = load("regime_spells")
RULES = load("industry_rules")
MANUFACTURING = load("industry_classes")
DEFAULT = RestrictionsParameters()
DAILY = daily_intensity(SPELLS, RULES, MANUFACTURING, DEFAULT)
STRICT = daily_intensity(SPELLS, RULES, MANUFACTURING, DEFAULT.read("low"))
EXPOSURES = ("fieldwork", "calendar", "since_last")
COUNTS = ["n_level1", "n_level2", "n_level3", "n_level4"]
few = settings(max_examples=20, deadline=None)
share = st.floats(0, 1)


def daily(weight: float = 0.71, **coding: object) -> pd.DataFrame:
    entries = [f"{name}={value!s}" for name, value in coding.items()]
    own = RestrictionsParameters(java_bali_weight=weight, coding=entries)
    return daily_intensity(SPELLS, RULES, MANUFACTURING, own)


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


def test_printed_rules_do_not_depend_on_the_reading_and_others_say_why() -> None:
    printed = RULES["assumed"] == "no"
    assert (RULES["onsite_low"] <= RULES["onsite_high"]).all()
    assert (RULES["onsite_low"] == RULES["onsite_high"])[printed].all()
    assert RULES["note"].notna()[~printed].all()
    basis = outside.printed_rules(RULES)
    assert basis["printed"].sum() == printed.sum()
    assert basis.to_numpy().sum() == len(RULES)
    # PPKM Darurat is printed throughout; PPKM Jawa-Bali named no factory but the critical ones.
    assert basis.loc["ppkm_darurat"].to_dict() == {"printed": 3, "carried": 0, "range": 0}
    assert basis.loc["ppkm_jawa_bali", "range"] == 2


def test_shares_for_offices_are_no_factory_rules() -> None:
    offices = RULES["note"].str.contains("not for factories", na=False)
    assert offices.sum() >= 12
    assert (RULES["assumed"][offices] == "yes").all()
    assert (RULES["onsite_high"][offices] == 1).all()


@pytest.mark.published
@pytest.mark.parametrize(
    ("day", "area", "level", "industry", "share"),
    [
        ("2020-06-20", "jakarta", "psbb_transisi", "critical", 0.5),  # Kepgub DKI 563/2020
        ("2020-09-20", "jakarta", "psbb_ketat", "critical", 0.5),  # Pergub DKI 88/2020
        ("2021-07-10", "java_bali", "ppkm_darurat", "export", 0.5),  # Inmendagri 18/2021
        ("2021-07-28", "java_bali", "3", "export", 1),  # 24/2021: two shifts of 50 percent
        ("2021-08-28", "java_bali", "4", "export", 0.5),  # 35/2021
        ("2021-09-03", "java_bali", "4", "export", 0.5),  # 38/2021
        ("2021-09-10", "java_bali", "4", "non_essential", 1),  # 39/2021
        ("2022-04-20", "outside_java_bali", "3", "export", 0.5),  # 21/2022
    ],
)
def test_a_share_is_the_printed_one(
    day: str, area: str, level: str, industry: str, share: float
) -> None:
    own = RULES[(RULES["area"] == area) & (RULES["level"] == level)]
    own = own[(own["industry_class"] == industry) & (own["start"] <= day) & (own["end"] >= day)]
    assert own[["onsite_low", "onsite_high", "assumed"]].to_numpy().tolist() == [
        [share, share, "no"]
    ]


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
    assert (ppkm["onsite_high"] == 1).all()
    # The strict reading takes "industry 50%" of Inmendagri 21/2022 for critical industry, too.
    capped = ppkm[ppkm["onsite_low"] < 1]
    assert set(capped["area"]) == {"outside_java_bali"}
    assert capped["start"].min() == pd.Timestamp("2021-12-07")


# --- values by hand -------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """Class shares of 2020 value added (billion IDR), each subsector split as in the table."""

    total: float = (
        755914.9 + 202603.7 + 64239.2 + 213360.5 + 97099.5 + 193026.6 + 29536.4 + 159359
    ) + (132851 + 26142.6 + 58212.1 + 27167.5 + 80385.3 + 68337.7 + 85257.5 + 16426.8)

    def of(self, reading: str) -> tuple[float, float, float]:
        """Critical, export, non-essential: of the parts that no text names, as they are read."""
        critical = 755914.9 + 202603.7 + 64239.2 + 0.75 * 213360.5 + 0.5 * (80385.3 + 68337.7)
        export = 0.5 * (97099.5 + 193026.6 + 27167.5 + 80385.3 + 68337.7 + 132851)
        export += 0.75 * (26142.6 + 58212.1) + 0.25 * (29536.4 + 16426.8 + 159359)
        if reading == "high":
            critical += 0.5 * 97099.5 + 0.25 * (213360.5 + 193026.6)
            export += 0.5 * 29536.4
        found = critical / self.total, export / self.total
        return *found, 1 - sum(found)


W = Share()
CRITICAL, EXPORT, OTHER = W.of("high")


@pytest.mark.parametrize("reading", READINGS)
def test_class_shares_by_hand(reading: str) -> None:
    found = class_shares(MANUFACTURING, DEFAULT.read(reading)).to_numpy()
    assert found == pytest.approx(W.of(reading), abs=1e-12)


def test_exports_of_trade_keep_the_size_of_the_class() -> None:
    exports = load("industry_exports_2023")
    own = shares_by_subsector(MANUFACTURING, DEFAULT)
    trade = shares_by_subsector(MANUFACTURING, DEFAULT, exports)
    value = MANUFACTURING.groupby("subsector")["value_added_bn_idr_2020"].first()
    assert trade.sum(axis=1).to_numpy() == pytest.approx(1)
    assert (trade >= -1e-12).to_numpy().all()
    assert (trade["export"] * value).sum() == pytest.approx((own["export"] * value).sum())
    # Where all that is not critical is not yet exported, value per dollar is the same.
    inside = trade["non_essential"] > 1e-9
    worth = (trade["export"] * value / exports.set_index("subsector")["exports_usd"])[inside]
    assert worth.max() == pytest.approx(worth.min())
    assert inside.sum() > 3
    with pytest.raises(DataError, match="no exports on record"):
        shares_by_subsector(MANUFACTURING, DEFAULT, exports[1:])


def both(java_bali: float, outside: float) -> float:
    return 0.71 * java_bali + 0.29 * outside


@pytest.mark.parametrize(("reading", "severity"), [("high", 0.75), ("low", 1.0)])
def test_darurat_on_10_july_2021(reading: str, severity: float) -> None:
    # Java-Bali all under Darurat; outside 43 tightened (level 3 or 4), 343 Mikro in half the zones.
    critical, export, _ = W.of(reading)
    level = both(1, (43 * severity + 343 * 0.5 * 0.4) / 386)
    open_ = {
        "high": 1.0,
        "low": (
            43 * (critical + 0.25 * (1 - critical))
            + 343 * (0.5 + 0.5 * (critical + 0.5 * (1 - critical)))
        )
        / 386,
    }
    cap = both(critical + 0.5 * export, open_[reading])
    table = {"high": DAILY, "low": STRICT}[reading]
    assert table.loc["2021-07-10"].to_list() == pytest.approx([level, cap], abs=1e-12)


def test_levels_on_20_august_2021() -> None:
    level = both((2 * 0.5 + 59 * 0.75 + 67) / 128, (39 * 0.5 + 302 * 0.75 + 45) / 386)
    java_bali = (2 + 59 * (CRITICAL + EXPORT) + 67 * (CRITICAL + 0.5 * EXPORT)) / 128
    outside_ = (341 + 45 * (CRITICAL + EXPORT)) / 386
    expected = [level, both(java_bali, outside_)]
    assert DAILY.loc["2021-08-20"].to_list() == pytest.approx(expected, abs=1e-12)


def test_reopened_factories_on_15_september_2021() -> None:
    level = both((43 * 0.5 + 82 * 0.75 + 3) / 128, (9 * 0.25 + 117 * 0.5 + 237 * 0.75 + 23) / 386)
    assert DAILY.loc["2021-09-15"].to_list() == pytest.approx([level, 1], abs=1e-12)
    critical, export, other = W.of("low")
    # Level 1 and 2 by the level above them, level 3 exports half, others and level 4 a quarter.
    loose = critical + 0.5 * export + 0.25 * other
    strict = (363 * loose + 23 * (critical + export + 0.25 * other)) / 386
    assert STRICT.loc["2021-09-15", "industry_cap"] == pytest.approx(both(1, strict), abs=1e-12)


def test_level_1_on_10_june_2022() -> None:
    level = both(0.25, (385 * 0.25 + 1 * 0.5) / 386)
    assert DAILY.loc["2022-06-10"].to_list() == pytest.approx([level, 1], abs=1e-12)


def test_the_half_of_june_2020_is_jakartas_or_that_of_all_psbb() -> None:
    # 60% of Java-Bali under PSBB; Jakarta is 13.6% of its manufacturing.
    level = both(0.6 * 0.5, 0)
    alone, all_of_it = both(1 - 0.136 * 0.5, 1), both(1 - 0.6 * 0.5, 1)
    assert DAILY.loc["2020-06-15"].to_list() == pytest.approx([level, alone], abs=1e-12)
    assert STRICT.loc["2020-06-15"].to_list() == pytest.approx([level, all_of_it], abs=1e-12)
    assert (round(alone, 2), round(all_of_it, 2)) == (0.95, 0.79)
    # Nothing covered is nothing capped; less than Jakarta is a part of Jakarta.
    assert daily(coverage_psbb=0).loc["2020-06-15", "industry_cap"] == 1
    part = daily(coverage_psbb=0.1).loc["2020-06-15", "industry_cap"]
    assert part == pytest.approx(both(1 - 0.1 * 0.5, 1), abs=1e-12)


# --- the known history ----------------------------------------------------------------------


def test_the_cap_recovers_in_september_2021_while_the_level_stays_high() -> None:
    month = monthly_intensity(DAILY, DEFAULT)
    june, july, august, september = (month.loc[f"2021-{m}"] for m in ("06", "07", "08", "09"))
    assert july["level"] - june["level"] > 0.5
    assert max(july["industry_cap"], august["industry_cap"]) < 0.85
    strict = monthly_intensity(STRICT, DEFAULT)
    assert (strict["industry_cap"] <= month["industry_cap"] + 1e-12).all()
    assert (strict["level"] >= month["level"] - 1e-12).all()
    assert september["industry_cap"] > 0.99
    assert september["level"] > 0.6
    for table in (month, strict):
        assert table["industry_cap"].idxmin() == pd.Period("2021-07")


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

JAVA_BALI, OUTSIDE = daily(1.0), daily(0.0)
severities = st.fixed_dictionaries(
    {
        name: share
        for name in ("weight", *Coding.judged(), "jakarta_share")
        if name != "critical_shift"
    }
)


@pytest.mark.property
@few
@given(severities, st.sampled_from(READINGS), st.floats(-0.5, 0.15))
def test_both_measures_stay_within_0_and_1(
    drawn: dict[str, float], reading: str, critical: float
) -> None:
    table = daily(**drawn, reading=reading, critical_shift=critical)
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
    assert np.allclose(daily(weight), expected, atol=1e-12)


def test_weight_zero_and_one_give_one_area() -> None:
    assert (OUTSIDE.loc[:"2021-03-08", "level"] == 0).all()
    assert (OUTSIDE.loc[:"2021-03-08", "industry_cap"] == 1).all()
    assert JAVA_BALI.loc["2021-07-10", "level"] == 1


def test_a_share_moved_to_critical_industry_opens_it() -> None:
    moved = daily(critical_shift=0.1).loc["2021-07-10", "industry_cap"]
    expected = DAILY.loc["2021-07-10", "industry_cap"] + 0.71 * 0.1
    assert moved == pytest.approx(expected, abs=1e-12)


# --- the parameter coding -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (["reading=middle"], "reading"),
        (["raeding=low"], "did you mean reading?"),
        (["severity_psbb"], "name=value"),
        (["severity_psbb=1.5"], "severity_psbb"),
        (["severity_psbb=much"], "severity_psbb"),
        (["reading=low", "reading=high"], "once"),
    ],
)
def test_a_coding_that_is_none_is_refused(entries: list[str], words: str) -> None:
    with pytest.raises(ParameterError, match=words.replace("?", r"\?")):
        RestrictionsParameters.parse({"coding": entries})


def test_the_reading_is_changed_and_the_rest_of_the_coding_kept() -> None:
    own = RestrictionsParameters(coding=["reading = low", "severity_psbb=0.8"])
    assert own.read("high").coding == ["severity_psbb=0.8", "reading=high"]
    assert (own.rules.reading, own.read("high").rules.severity_psbb) == ("low", 0.8)
    assert set(Coding.table().index) == set(Coding.model_fields)


# --- the coding beside the world ------------------------------------------------------------

WORLD = load("indonesia_monthly").set_index("month")
MONTHS = outside.by_reading(SPELLS, RULES, MANUFACTURING, DEFAULT)


def test_correlations_of_changes_by_hand() -> None:
    found = outside.against(MONTHS, WORLD).set_index(["measure", "beside"])
    pair = pd.DataFrame({"a": MONTHS["closure_high"], "b": WORLD["new_deaths"]}).dropna().diff()
    row = found.loc[("closure", "deaths of the month")]
    assert row["high"] == pytest.approx(np.corrcoef(pair["a"][1:], pair["b"][1:])[0, 1])
    assert row["months"] == 36
    assert row["high"] > row["low"]  # the identification problem hangs on the reading


def test_the_cap_of_a_month_of_a_year() -> None:
    table = outside.by_year(MONTHS)
    assert table.shape == (12, 6)
    assert table.loc[7, "2021 low"] == 1 - MONTHS["closure_low"]["2021-07"]


def test_cars_cement_and_permits_are_the_printed_ones() -> None:
    printed = outside.printed_industry(MONTHS, load("industry_monthly"))
    assert printed.loc["2021-07", ["cars", "java", "elsewhere"]].tolist() == [74.409, 2850, 2610]
    permits = outside.permits(MONTHS, load("iomki_permits"), load("ikm_national"))
    row = permits[permits["value"] == 5172553].squeeze()
    assert row["of_large_medium_pct"] == pytest.approx(100 * 5172553 / 6009194)
    assert row["closure_low"] == MONTHS["closure_low"]["2021-07"]
    assert permits["of_large_medium_pct"].notna().sum() == 2


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
    bad = changed(RULES, 7, "onsite_low", value)
    problem = check_calendar(SPELLS, bad)[0]
    assert "row 9" in problem.where


def test_readings_out_of_order_and_a_printed_share_with_two() -> None:
    printed = RULES.index[(RULES["assumed"] == "no") & (RULES["onsite_low"] == 0.5)][0]
    ranged = RULES.index[RULES["onsite_low"] < RULES["onsite_high"]][0]
    for row, column, value in ((printed, "onsite_low", 0.25), (ranged, "onsite_low", 1.0)):
        other = "onsite_high" if row == ranged else column
        bad = changed(changed(RULES, row, column, value), row, other, 0.25)
        bad.loc[printed, "onsite_high"] = 0.5
        (problem,) = check_calendar(SPELLS, bad)
        assert f"row {row + 2}," in problem.where


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
        class_shares(MANUFACTURING, RestrictionsParameters(coding=["critical_shift=0.3"]))


def test_a_daily_series_with_a_hole() -> None:
    with pytest.raises(DataError, match=r"has a gap"):
        monthly_intensity(DAILY.drop(index=DAILY.index[40]), DEFAULT)


def test_months_out_of_order() -> None:
    with pytest.raises(ParameterError, match=r"end_month must not be before start_month"):
        RestrictionsParameters.parse({"start_month": "2022-01", "end_month": "2021-01"})


def test_industry_classes_are_those_of_the_rules() -> None:
    for reading in READINGS:
        assert set(MANUFACTURING[f"class_{reading}"]) == set(CLASSES)
    assert set(RULES["industry_class"]) == set(CLASSES)


# --- what a mutant would get wrong ----------------------------------------------------------


def test_a_part_of_an_area_under_a_rule_leaves_the_rest_without_one() -> None:
    spells = pd.DataFrame(
        {
            "start": pd.to_datetime(["2021-01-11", "2021-01-13"]),
            "end": pd.to_datetime(["2021-01-12", "2021-01-15"]),
            "area": "java_bali",
            "regime": ["psbb", "ppkm_mikro"],
            **dict.fromkeys(COUNTS, np.nan),
            "n_level3_or_4": np.nan,
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
    table = table.assign(class_high="critical", share=1.0)
    shares = class_shares(table, DEFAULT)
    assert shares.to_dict() == {"critical": 1, "export": 0, "non_essential": 0}


def test_an_industry_class_that_is_none_of_the_three_is_refused() -> None:
    table = MANUFACTURING.assign(class_high=["luxury", *MANUFACTURING["class_high"][1:]])
    with pytest.raises(DataError, match="unknown class high 'luxury'") as caught:
        class_shares(table, DEFAULT)
    assert caught.value.where == "industry_classes.csv, row 2, column class_high"


def test_days_and_months_are_named_in_the_index() -> None:
    assert (DAILY.index.name, monthly_intensity(DAILY, DEFAULT).index.name) == ("date", "month")
