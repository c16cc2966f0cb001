from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.data import frames
from ikm_pmi.data.package import find_root, load, load_many
from ikm_pmi.errors import DataError, ParameterError

ROOT = find_root(Path(__file__))
NAMES = (
    "covid_monthly",
    "imk_kbli",
    "imk_province",
    "lebaran",
    "manufacturing_quarterly",
    "mobility_monthly",
    "pmi_headline",
    "provinces",
    "restrictions_monthly",
)
RAW = load_many(NAMES, ROOT)
MEASURES = ["establishments", "workers", "output_mn_idr"]

# BPS national totals seen outside the provincial tables: establishments, workers, and where.
BPS_TOTALS = [
    (2017, 4_464_688, 10_778_596, "IMK by two-digit KBLI"),
    (2018, 4_264_047, 9_434_258, "IMK by two-digit KBLI"),
    (2019, 4_380_176, 9_575_446, "IMK by two-digit KBLI"),
    (2020, 4_209_817, 9_647_542, "Databoks citing BPS; IMK by two-digit KBLI (workers)"),
    (2021, 4_162_688, 9_109_297, "IMK by two-digit KBLI"),
]


@pytest.mark.published
@pytest.mark.parametrize(("year", "establishments", "workers", "source"), BPS_TOTALS)
def test_units_sum_to_the_published_national_totals(year, establishments, workers, source):
    panel = frames.imk_panel(RAW)
    panel = panel[(panel.year == year) & (panel.scale == "total")]
    assert panel.establishments.sum() == establishments, source
    assert panel.workers.sum() == workers, source


@pytest.mark.published
def test_the_2023_total_as_printed_in_millions():
    panel = frames.imk_panel(RAW).query("year == 2023 and scale == 'total'")
    assert panel.establishments.sum() == 4_500_584  # GoodStats citing BPS Profil IMK 2023
    assert panel.workers.sum() / 1e6 == pytest.approx(9.84, abs=0.005)  # Databoks, same


def test_the_table_by_industry_agrees_but_for_the_cell_known_to_be_mistyped():
    industries = RAW["imk_kbli"].query("scale == 'total' and year <= 2021").groupby("year")
    panel = frames.imk_panel(RAW).query("scale == 'total'").groupby("year")
    workers = industries.workers.sum() - panel.workers.sum().loc[2017:2021]
    establishments = industries.establishments.sum() - panel.establishments.sum().loc[2017:2021]
    assert workers.tolist() == [0, 0, 0, 0, 0]
    assert establishments.tolist() == [0, 0, 0, 540, 0]


def test_thirty_two_units_every_year_and_all_provinces_in_them():
    panel = frames.imk_panel(RAW)
    assert panel.groupby(["year", "scale"]).unit.nunique().unique().tolist() == [32]
    counts = panel[panel.scale == "micro"].groupby("year").n_provinces.sum()
    assert counts[[2013, 2015, 2025]].tolist() == [33, 34, 38]
    assert set(panel[panel.java].unit) == {
        "Banten",
        "DI Yogyakarta",
        "DKI Jakarta",
        "Jawa Barat",
        "Jawa Tengah",
        "Jawa Timur",
    }


def test_a_flag_of_a_province_flags_its_unit_and_a_remark_does_not():
    panel = frames.imk_panel(RAW).set_index(["unit", "year", "scale"]).flagged
    assert panel["Gorontalo", 2019, "total"]
    assert not panel["Kalimantan Timur", 2013, "total"]  # moved cells, no outlier
    assert panel.sum() == RAW["imk_province"].flag.notna().sum()


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.02, 1))
def test_harmonising_conserves_totals(seed, share):
    rng = np.random.default_rng(seed)
    rows = RAW["imk_province"].sample(frac=share, random_state=seed).copy()
    for column in MEASURES:
        rows[column] = rng.integers(0, 10**9, len(rows))
    panel = frames.imk_panel({"imk_province": rows, "provinces": RAW["provinces"]})
    by = ["year", "scale"]
    got = panel.rename(columns={"output_idr_mn": "output_mn_idr"}).groupby(by)[MEASURES].sum()
    pd.testing.assert_frame_equal(got, rows.groupby(by)[MEASURES].sum())
    assert panel.n_provinces.sum() == len(rows)
    assert not panel.duplicated(["unit", *by]).any()


def test_a_province_without_unit_is_refused():
    rows = RAW["imk_province"].replace({"province": {"Bali": "Balı"}})
    with pytest.raises(DataError, match="no harmonised unit") as caught:
        frames.imk_panel({**RAW, "imk_province": rows})
    assert caught.value.found == "Balı"


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 150))
def test_indonesian_months_are_contiguous_and_a_missing_pmi_stays_missing(seed, n):
    headline = RAW["pmi_headline"]
    kept = headline[headline.country_iso3 == "IDN"].sample(n, random_state=seed)
    frame = frames.indonesia_monthly({**RAW, "pmi_headline": kept})
    span = pd.period_range(kept.month.min(), kept.month.max(), freq="M")
    assert frame.index.equals(span)
    assert frame.pmi.notna().sum() == n
    assert frame.pmi.dropna().to_dict() == kept.set_index("month").pmi.to_dict()


def test_indonesia_before_within_and_after_the_pandemic_tables():
    frame = frames.indonesia_monthly(RAW)
    gaps = frame.index[frame.pmi.isna()].astype(str).tolist()
    assert gaps == ["2012-07", "2012-11", "2017-09"]
    pandemic = ["new_cases", "new_deaths", "stringency"]
    assert (frame.loc[:"2019-12", pandemic] == 0).all(axis=None)
    assert frame.loc["2020-01":"2022-12", pandemic].notna().all(axis=None)
    assert frame.loc["2023-01":, pandemic].isna().all(axis=None)
    assert frame.loc["2020-01":"2022-12", "new_cases"].sum() == 6_719_815  # JHU, end of 2022
    have = frame.index[frame.workplaces.notna()].astype(str)
    assert (have[0], have[-1], len(have)) == ("2020-02", "2022-01", 24)


def test_country_months_are_unique_and_none_is_lost():
    frame = frames.country_monthly(RAW)
    assert not frame.duplicated(["country_iso3", "month"]).any()
    assert frame.pmi.notna().sum() == len(RAW["pmi_headline"])
    assert set(frame.country_iso3) == set(RAW["pmi_headline"].country_iso3)
    turkey = frame[frame.country_iso3 == "TUR"].set_index("month")
    assert np.isnan(turkey.pmi["2021-04"])
    assert turkey.stringency["2021-04"] > 0
    countries = load("countries", ROOT)
    panel = countries[countries.in_panel].iso3
    window = frame[frame.month.between(pd.Period("2019-07"), pd.Period("2022-06"))]
    complete = window[window.country_iso3.isin(panel)].groupby("country_iso3").pmi.count()
    assert complete.drop("TUR").eq(36).all()
    assert (len(complete), complete["TUR"]) == (19, 35)


def test_manufacturing_growth_keeps_the_main_vintage_and_the_gap():
    growth = frames.manufacturing_growth(RAW)
    assert growth.index.equals(pd.period_range("2011Q1", "2025Q4", freq="Q"))
    assert growth.index[growth.growth_yoy_pct.isna()].astype(str).tolist() == ["2024Q4"]
    assert growth.nonoil_growth_yoy_pct["2022Q3"] == 4.88  # 4.83 is kept as the alternative


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(
    first=st.integers(1, 28),
    length=st.integers(1, 28),
    start=st.integers(0, 180),
    n=st.integers(1, 12),
)
def test_lebaran_share_equals_a_count_by_hand(first, length, start, n):
    last = min(first + length - 1, 28)
    months = pd.period_range(pd.Period("2011-01", "M") + start, periods=n, freq="M")
    holidays = set()
    for row in RAW["lebaran"].itertuples():
        day = row.eid_start.date()
        while day <= row.eid_end.date():
            holidays.add(day)
            day += timedelta(days=1)
        holidays |= {date.fromisoformat(text) for text in row.collective_leave_dates.split()}
    share = frames.lebaran_share(RAW["lebaran"], months, first, last)
    assert share.index.equals(months)
    assert share.between(0, 1).all()
    for month, value in share.items():
        days = [date(month.year, month.month, day) for day in range(first, last + 1)]
        assert value == pytest.approx(sum(day in holidays for day in days) / len(days))


def test_lebaran_share_refuses_what_it_cannot_know():
    months = pd.period_range("2026-06", "2027-02", freq="M")
    with pytest.raises(DataError) as caught:
        frames.lebaran_share(RAW["lebaran"], months, 12, 23)
    assert caught.value.found == "2027"
    with pytest.raises(ParameterError):
        frames.lebaran_share(RAW["lebaran"], months[:3], 23, 12)
