import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import DataError, ParameterError
from ikm_pmi.jobs import orders
from ikm_pmi.jobs.chain import elasticities as named_elasticities
from ikm_pmi.jobs.orders import IRIO, LINES, imk_year
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.results import Estimate


@pytest.fixture(scope="module")
def tables():
    return package.load_many(orders.TABLES)


@pytest.fixture(scope="module")
def elasticities(tables):
    return named_elasticities(tables["imk_panel"], seed=1)


@pytest.fixture
def run(tables, elasticities):
    return lambda **changes: orders.order_book(tables, elasticities, JobsParameters.parse(changes))


def test_workers_are_base_times_elasticity_times_output_percent(run, tables, elasticities):
    found = run(uncertain=[])
    workers, output, _ = imk_year(tables["imk_panel"], 2021)
    mix = found.industries
    multiplier = (mix["order_share"] * mix["multiplier"]).sum()
    gained = 52_230 * 1.0 * 0.9 * (1 + (multiplier - 1) * 0.084)
    assert found["bumn.pilot.output_idr_mn"].value == pytest.approx(gained, rel=1e-12)
    jobs = workers * elasticities["lower_bound"].value * gained / output
    assert found["bumn.pilot.workers"].value == pytest.approx(jobs, rel=1e-12)
    assert found["bumn.pilot.workers"].ci_low == pytest.approx(jobs, rel=1e-12)


def test_doubling_an_order_doubles_its_workers_exactly(run):
    once, twice = run(order_bn_idr=52.23), run(order_bn_idr=104.46)
    for name in ("bumn.pilot.output_idr_mn", "bumn.pilot.workers"):
        for part in ("value", "ci_low", "ci_high"):
            assert getattr(twice[name], part) == 2 * getattr(once[name], part)


def test_every_ranged_input_moves_the_interval(run):
    names = ("additional", "share_manufacturing", "import_leakage", "indirect_share", "multiplier")
    for name in names:
        e = run(uncertain=[name], additional=0.7)["bumn.padi_2022.workers.twfe"]
        assert e.ci_low < e.value < e.ci_high, name


def test_the_break_even_order_gives_one_percent_more_workers(run, tables):
    even = run(uncertain=[])["bumn.break_even_tn_idr"].value
    jobs = run(uncertain=[], order_bn_idr=even * 1e3, order_share=0.3)["bumn.pilot.workers"]
    assert jobs.value == pytest.approx(0.01 * imk_year(tables["imk_panel"], 2021)[0], rel=1e-9)


def test_the_break_even_is_open_above_where_workers_may_not_rise(run):
    found = run()
    assert found["bumn.break_even_tn_idr"].ci_high is None
    two_way = found["bumn.break_even_tn_idr.twfe"]
    assert two_way.ci_low < two_way.value < two_way.ci_high


def test_no_order_is_large_enough_where_the_elasticity_is_not_positive(tables):
    falls = Estimate(name="e", value=-0.01, ci_low=-0.05, ci_high=0.03, ci_level=0.95, unit="",
                     method="")  # fmt: skip
    found = orders.order_book(tables, {"lower_bound": falls, "twfe": falls}, JobsParameters())
    assert "bumn.break_even_tn_idr" not in found
    assert "No order is large enough" in found.sentence()


def test_lines_of_business_have_workers_where_they_are_manufacturing(run):
    lines = run(uncertain=[]).lines.set_index("line")
    assert set(lines.index) == set(LINES)
    assert lines["workers_per_bn_idr"].isna().tolist() == [code == "" for code in LINES.values()]
    cast = run(uncertain=[], industries=["24"], order_bn_idr=1.0)["bumn.pilot.workers"]
    assert lines.loc["metal casting", "workers_per_bn_idr"] == pytest.approx(cast.value)


def test_what_rests_on_a_doubted_cell_is_said(run):
    assert any("Fabricated metal" in note for note in run().notes)


def test_partners_are_what_the_survey_counts(tables, run):
    rows = tables["imk_partnership_2025"]
    found = run()["bumn.partners"]
    assert found.value == rows["partnership_yes"].sum()
    assert found.method.startswith("15 percent")


def test_a_longer_horizon_spreads_the_order(run):
    one, two = run(), run(horizon_years=2.0)
    half = one["bumn.padi_2022.workers"].value / 2
    assert two["bumn.padi_2022.workers"].value == pytest.approx(half, rel=1e-12)
    same = one["bumn.break_even_tn_idr"].value
    assert two["bumn.break_even_tn_idr"].value == pytest.approx(same, rel=1e-12)


@pytest.mark.published
def test_orders_are_the_figures_printed(tables):
    """bumn_umkm: Nawacita, CNBC/detik, Fortune Indonesia, JPNN; trillion and billion IDR."""
    book = {s.name: s for s in orders.scenarios(tables["bumn_umkm"], JobsParameters())}
    printed = {
        "pilot": 0.05223, "padi_2021": 10.4, "padi_2022": 28, "umkm_2023": 44, "umkm_2024_09": 47,
        "umkm_2025_08": 60, "reserve": 55,
    }  # fmt: skip
    assert {k: s.order_idr_mn / 1e6 for k, s in book.items()} == pytest.approx(printed)
    assert book["umkm_2024_09"].what == "UMKM spending of all BUMN, to 2024-09"
    assert book["umkm_2025_08"].what.endswith("as said in 2025-08")


def test_the_default_share_of_indirect_output_is_what_the_tables_say(tables):
    imk = imk_year(tables["imk_panel"], 2017)[1]
    all_industry = tables["io_multipliers"].set_index("irio_code")["output_2016_mn_idr"]["all"]
    assert JobsParameters().indirect_share == pytest.approx(imk / all_industry, abs=0.0005)


def test_the_default_order_is_the_one_on_record(tables):
    rows = tables["bumn_umkm"].set_index("measure")["value"]
    assert JobsParameters().order_bn_idr == rows["MoU value (estimate)"]
    assert JobsParameters().order_enterprises == rows["UMKM/IKM partners in MoU pilot"]


def test_a_mix_of_industries_changes_multiplier_and_labour_intensity(run):
    every, tobacco = run(), run(industries=["12"])
    assert every.industries["order_share"].sum() == pytest.approx(1)
    mix = every.industries.set_index("kbli2").loc["12"]
    assert tobacco.industries["multiplier"].tolist() == [1.3637]
    gain = tobacco.scenarios["workers"] / tobacco.scenarios["output_pct"]
    whole = every.scenarios["workers"] / every.scenarios["output_pct"]
    pd.testing.assert_series_equal(gain / whole, 0 * gain + mix["intensity"], check_names=False)


def test_every_industry_has_its_row_in_the_input_output_table(tables):
    assert set(tables["imk_kbli"]["kbli2"]) <= set(IRIO)
    assert set(IRIO.values()) == set(tables["io_multipliers"]["irio_code"]) - {"all"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"industries": ["19"]}, "no IKM"),
        ({"share_manufacturing": 0.9}, "inside its range"),
        ({"base_year": 2016}, "base_year"),
    ],
)
def test_what_cannot_be_is_refused_by_name(run, changes, words):
    with pytest.raises(ParameterError, match=words):
        run(**changes)


def test_a_year_without_a_survey_is_refused(tables):
    with pytest.raises(DataError, match="2016"):
        imk_year(tables["imk_panel"], 2016)


def test_no_total_of_spending_no_reserve(tables):
    rows = tables["bumn_umkm"]
    with pytest.raises(DataError, match="total BUMN spending"):
        orders.scenarios(rows[~rows["measure"].str.startswith("total BUMN")], JobsParameters())
