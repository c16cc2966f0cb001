"""What a chapter shows: words for names, captions, folds, intervals behind their values."""

import re

import pandas as pd

from ikm_pmi.language import language, using
from ikm_pmi.report import page
from ikm_pmi.report.words import episodes_said, worded
from ikm_pmi.results import Estimate, TestResult


def estimate(name="pmi.ppkm_2021.mean", unit="index points", value=-8.34):
    return Estimate(
        name=name, value=value, unit=unit, method="m", n=1300, ci_low=-11.2, ci_high=-5.4,
        ci_level=0.95, p_value=0.01,
    )  # fmt: skip


def test_estimates_are_shown_in_words_with_unit_and_interval():
    names = page.episodes_said(["ppkm_2021:2021-07:2021-08"])
    shown = page.table([estimate()], "A caption", 1, names=names)
    assert list(shown.frame.columns) == ["estimate", "value, index points", "p", "observations"]
    assert list(shown.frame.iloc[0]) == [
        *("PPKM, July-August 2021", "−8.3 (−11.2 to −5.4)", "0.010", "1,300")
    ]
    html = shown._repr_html_()
    assert ">A caption</caption>" in html
    interval = '<span class="interval" style="white-space:nowrap">(−11.2 to −5.4)</span>'
    assert f"−8.3 {interval}</td>" in html
    assert '<td data-head="observations" style="text-align:right;white-space:nowrap">1,300' in html
    different = page.table([estimate(), estimate("pmi.dose.change", "points per rule")], "")
    assert list(different.frame["unit"]) == ["index points", "points per rule"]


def test_tests_are_shown_by_their_null():
    one = TestResult(name="a.b", null="no effect", statistic=2.5, p_value=0.0001, distribution="t")
    shown = page.table([one], "Tests")
    assert list(shown.frame.iloc[0]) == ["no effect", "2.50", "<0.001", "", "t"]


def test_what_is_beyond_twelve_rows_and_six_columns_is_folded():
    frame = pd.DataFrame({f"c{i}": range(20) for i in range(9)}).add_prefix("x")
    html = page.table(frame, "Many")._repr_html_()
    lead, rest = html.split("<details>", 1)
    assert (lead.count("<tr>"), lead.count('scope="col"')) == (13, 6)
    assert "8 more rows" in rest
    assert "More columns" in rest
    assert html.count(">19<") == 9 + 1  # each number once, the label in both parts


def test_a_label_of_several_rows_is_said_once_and_markup_is_text():
    index = pd.MultiIndex.from_product([["<b>low</b>", "high"], ["all", "some"]], names=["r", "s"])
    shown = page.table(pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}, index), "C")
    assert list(shown.frame["r"]) == ["<b>low</b>", "", "high", ""]
    assert "&lt;b&gt;low&lt;/b&gt;" in shown._repr_html_()


def test_prose_is_in_words_and_in_the_readers_language():
    assert page.said("index points", "percent") == "index points\npercent"
    notes = page.notes("IDN: no value in 2021-07", "percent")
    assert repr(notes) == "Indonesia: no value in Jul 2021\npercent"
    assert "<summary>2 notes</summary><ul><li>Indonesia" in notes._repr_html_()
    assert page.answer("a < b")._repr_html_() == "<p><strong>a &lt; b</strong></p>"
    with using("id"):
        assert page.said("index points", "percent") == "poin indeks\npersen"
        shown = page.table([estimate()], "percent", 1)
        assert shown.frame.iloc[0, 1] == "−8,3 (−11,2 sampai −5,4)"
        assert 'class="interval"' in shown._repr_html_()
    assert language() == "en"


def test_words_for_names_months_quarters_and_countries():
    said = {
        "pmi.ppkm_2021.lead.2021-06": "PPKM 2021, the month before, Jun 2021",
        "peers_pmi reaches 60 in 2021-07": "mean PMI of the peers reaches 60 in Jul 2021",
        "psbb_2020:2020-03:2020-06": "PSBB 2020, Mar 2020 to Jun 2020",
        "2020-04-10": "10 Apr 2020",
        "from 2021Q3": "from Q3 2021",
        "DEU, GBR": "Germany, United Kingdom",
        "Machinery n.e.c. (imk_province), 2017-2021": "Machinery n.e.c. (imk_province), 2017-2021",
    }
    assert {text: worded(text) for text in said} == said
    assert episodes_said(["flood:2015-03:2015-05"]) == {"flood": "flood, March-May 2015"}
    assert not [text for text in said.values() if re.search(r"\d{4}-\d\d\b", text)]
