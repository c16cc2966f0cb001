import pandas as pd

from ikm_pmi.language import using
from ikm_pmi.report import tables
from ikm_pmi.results import Estimate, TestResult


def test_an_open_interval_is_printed_as_infinite_and_small_p_as_a_bound():
    row = Estimate(
        name="e", value=0.5, unit="percent", method="AR set", ci_low=0.1, p_value=0.0001, n=320
    )
    printed = tables.estimates([row]).loc["e"]
    assert printed["interval"] == "0.10 to ∞"
    assert printed["p"] == "<0.001"
    assert printed["s.e."] == ""
    assert printed["n"] == "320"


def test_a_test_is_printed_with_its_null():
    row = TestResult(name="t", null="no effect", statistic=-2.5, p_value=0.04, distribution="t(31)")
    printed = tables.tests([row]).loc["t"]
    assert printed["null hypothesis"] == "no effect"
    assert printed["statistic"] == "−2.50"
    assert printed["smallest p"] == ""


def test_reading_rounds_numbers_and_leaves_missing_cells_blank():
    columns = {"a": [1.23456, None], "n": [4410000, 5], "ok": [True, False], "t": ["x", None]}
    frame = pd.DataFrame(columns, index=["one", "two"])
    printed = tables.reading(frame)
    assert list(printed["a"]) == ["1.23", ""]
    assert list(printed["n"]) == ["4,410,000", "5"]
    assert list(printed["t"]) == ["x", ""]
    assert list(tables.reading(frame, by_column={"a": 4})["a"]) == ["1.2346", ""]


def test_a_row_count_gives_way_to_the_first_column():
    printed = tables.reading(pd.DataFrame({"island": ["Java", "Bali"], "share": [0.5, 0.25]}))
    assert list(printed.index) == ["Java", "Bali"]
    assert list(printed["share"]) == ["0.50", "0.25"]


def test_a_table_in_indonesian_keeps_names_and_order():
    row = Estimate(
        name="elasticity.twfe", value=1234.5, unit="persons", n=1320, ci_low=0.1, p_value=0.0001,
        method="two-way fixed effects",
    )  # fmt: skip
    english = tables.estimates([row])
    assert tables.shown(english).equals(english)
    with using("id"):
        said = tables.shown(english)
    assert list(said.columns) == ["nilai", "g.b.", "selang", "p", "n", "satuan", "metode"]
    assert said.index.name == "estimasi"
    expected = ["1.234", "", "0 sampai ∞", "<0,001", "1.320", "orang", "efek tetap dua arah"]
    assert list(said.loc["elasticity.twfe"]) == expected


def test_cells_that_are_numbers_stay_numbers():
    columns = pd.MultiIndex.from_tuples([("level", "small"), ("level", "n")], names=["scale", None])
    frame = pd.DataFrame(
        [[1.5, True], [2.5, False]], pd.Index(["yes", "no"], name="choice"), columns
    )
    with using("id"):
        said = tables.shown(frame)
    assert list(said.columns) == [("level", "kecil"), ("level", "n")]
    assert said.columns.names == ["skala", None]
    assert list(said.iloc[:, 0]) == [1.5, 2.5]
    assert list(said.iloc[:, 1]) == ["ya", "tidak"]
    assert list(said.index) == ["ya", "tidak"]
