"""What raw tables print and others let compute again: as they are committed, they agree.

Tolerances are half the last printed digit of what is compared, or what a description says
of the source's rounding.
"""

import csv
import io
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ikm_pmi.data import checks
from ikm_pmi.data.package import RAW, find_root, load

ROOT = find_root(Path(__file__))
# Rows that are two prints of one figure: table, column, earlier, later, what names the figure.
PRINTS = (
    ("exports_monthly", "vintage", "first", "latest", ["series", "measure", "month"]),
    ("pmi_bi_quarterly", "kind", "headline", "headline_revised", ["item", "quarter"]),
    (
        "manufacturing_quarterly", "measure", "yoy_growth_pct_alt", "yoy_growth_pct",
        ["series", "year", "quarter"],
    ),
)  # fmt: skip


@pytest.mark.parametrize("table", ["subsector_gdp_quarterly", "province_industry_va_2016"])
def test_no_combination_is_missing(table):
    frame = load(table, ROOT)
    if table == "province_industry_va_2016":
        keys, across, due = ["province"], "irio_code", set(frame.irio_code)
    else:
        keys, across = ["code", "measure"], "quarter"
        due = set(pd.period_range(frame.quarter.min(), frame.quarter.max()))
    assert frame.groupby(keys)[across].agg(set).map(lambda own: own == due).all()


@pytest.mark.parametrize(("table", "column", "early", "late", "keys"), PRINTS)
def test_a_figure_printed_twice_has_two_rows_only_where_it_was_revised(
    table, column, early, late, keys
):
    frame = load(table, ROOT)
    first, last = (frame[frame[column] == kind].set_index(keys).value for kind in (early, late))
    both = pd.concat({"first": first, "last": last}, axis=1, join="inner")
    assert len(both)
    assert both[both["first"] == both["last"]].empty


def test_contributions_sum_to_the_growth_of_manufacturing_which_another_table_prints():
    frame, other = load("subsector_gdp_quarterly", ROOT), load("manufacturing_growth", ROOT)
    growth = frame[frame.measure == "yoy_growth_pct"]
    total = growth[growth.code == "C"].set_index("quarter").value
    parts = frame[frame.measure == "contribution_pp"].groupby("quarter").value.sum()
    assert (total - parts).abs().max() <= 0.005 + 1e-9
    printed = other.set_index("quarter").growth_yoy_pct
    assert (total - printed).abs().max() <= 0.05 + 1e-9


def test_a_years_growth_lies_between_those_of_its_quarters():
    growth, other = load("subsector_gdp_quarterly", ROOT), load("manufacturing_quarterly", ROOT)
    growth = growth[growth.measure == "yoy_growth_pct"]
    names = dict(zip(growth.subsector.str.split(",").str[0], growth.subsector, strict=True))
    levels = other[(other.measure == "level_bn_idr") & other.series.str.startswith("subsector: ")]
    own = levels.series.str.removeprefix("subsector: ").str.split(",").str[0].map(names)
    levels = levels.assign(subsector=own).sort_values(["subsector", "year"])
    levels["growth"] = 100 * levels.groupby("subsector").value.pct_change()
    quarters = growth.groupby(["subsector", growth.quarter.dt.year]).value.agg(["min", "max"])
    both = levels.join(quarters, on=["subsector", "year"]).dropna(subset=["growth", "min"])
    assert len(both)
    # Levels are printed to a tenth of a billion, growth to a hundredth of a percent.
    assert both.growth.between(both["min"] - 0.01, both["max"] + 0.01).all()


def test_workers_in_manufacturing_are_their_printed_share_of_all():
    frame = load("manufacturing_employment", ROOT)
    whole = frame[frame.sector == "all sectors"].set_index(["year", "period"]).workers_mn
    own = frame[frame.sector == "manufacturing"].join(whole.rename("all"), on=["year", "period"])

    def half(values):
        return 0.5 * 10.0 ** -values.map(lambda value: len(str(value).partition(".")[2]))

    due = own["all"] * own.share_of_employment_pct / 100
    within = half(own.share_of_employment_pct) / 100 * own["all"] + half(own.workers_mn)
    assert not ((own.workers_mn - due).abs() > within + 1e-9).any()


def test_the_index_of_bank_indonesia_lies_between_its_five_components():
    frame = load("pmi_bi_quarterly", ROOT)
    five = frame[frame.kind == "component"].groupby("quarter").value.agg(["min", "max", "size"])
    own = frame[frame.kind == "headline"].join(five[five["size"] == 5], on="quarter")
    own = own.dropna(subset=["size"])
    assert own.value.between(own["min"], own["max"]).all()


def test_establishments_with_partners_and_internet_are_those_of_the_survey():
    frame, other = load("imk_partnership_2025", ROOT), load("imk_province", ROOT)
    total = other[(other.scale == "total") & (other.year == 2025)].set_index("province")
    assert (frame.establishments == frame.province.map(total.establishments)).all()
    for parts in (["internet_no", "internet_yes"], ["partnership_no", "partnership_yes"]):
        assert (frame.establishments - frame[parts].sum(axis=1)).abs().max() <= 1


def test_the_weight_of_java_and_bali_is_the_sum_of_its_provinces():
    value = load("province_industry_va_2016", ROOT).groupby("province").value_added_mn_idr.sum()
    inside = load("provinces", ROOT).set_index("province").java_bali.astype(bool)
    frame = load("area_weights", ROOT)
    own = frame.measure.str.startswith("share of manufacturing value added (IRIO")
    cells = frame.value[own & (frame.area == "Java-Bali")]
    due = 100 * value[inside.reindex(value.index)].sum() / value.sum()
    assert len(cells)
    assert (cells - due).abs().max() <= 0.005 + 1e-9


# Table, column with a number.
NUMBERS = {
    "subsector_gdp_quarterly.csv": "value",
    "pmi_bi_quarterly.csv": "value",
    "pmi_wording_monthly.csv": "direction",
    "exports_monthly.csv": "value",
    "industry_monthly.csv": "value",
    "iomki_permits.csv": "value",
    "province_industry_va_2016.csv": "value_added_mn_idr",
    "industry_exports_2023.csv": "exports_usd",
    "imk_partnership_2025.csv": "with_loan",
    "imk_profile_shares.csv": "value",
}


@pytest.mark.parametrize("fault", ["text", "twice"])
def test_text_for_a_number_and_a_period_twice(tmp_path, fault):
    shutil.copytree(ROOT / RAW, tmp_path / RAW)
    for file, column in NUMBERS.items():
        path = tmp_path / RAW / file
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        if fault == "twice":
            rows.insert(2, rows[1])
        else:
            rows[1][rows[0].index(column)] = "some"
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        path.write_text(out.getvalue(), encoding="utf-8")
    problems = [p for p in checks.check(tmp_path).problems if not p.expected.startswith("sha256")]
    found = {(p.file, p.row, p.column) for p in problems if p.severity == "error"}
    if fault == "twice":
        assert {(file, row) for file, row, _ in found} == {(file, 3) for file in NUMBERS}
    else:
        assert found == {(file, 2, column) for file, column in NUMBERS.items()}
