"""The explorer in a browser, against the functions of chapter 07 run with the same settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from ikm_pmi.engine.values import collect
from ikm_pmi.jobs import explorer as numbers
from ikm_pmi.jobs.chain import chain_rows, dose_gap
from ikm_pmi.jobs.orders import order_book
from ikm_pmi.language import say, tr, using
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.pmi.sample import assemble
from ikm_pmi.report import explorer as page
from ikm_pmi.results import significant
from ikm_pmi.share.site import explorer, explorer_tables

ROOT = Path(__file__).parents[2]
SET = """
for (const [name, value] of Object.entries(arguments[0])) {
  const box = document.querySelector(`[name="${name}"][value="${value}"]`);
  const target = box ?? document.querySelector(`[data-name="${name}"]`);
  if (box) box.checked = true; else target.value = value;
  target.dispatchEvent(new Event("input", { bubbles: true }));
}
return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
"""
HEAD = """<!DOCTYPE html>
<html lang="{}"><meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>explorer</title>
"""
SHOWN = "return document.querySelector(`[data-name='${arguments[0]}']`).textContent"


@pytest.fixture(scope="module")
def chapter():
    """Raw tables and elasticities: what the page is made from."""
    return explorer_tables(ROOT)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    for language, section in explorer(ROOT).items():
        text = HEAD.format(language) + section
        (folder / f"{language}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def shown(browser, pages):
    """A function: the texts of the page after a setting, by name."""

    def after(setting, language="en"):
        address = (pages / f"{language}.html").as_uri()
        if browser.current_url != address:
            browser.get(address)
        browser.execute_script("document.querySelector('[data-name=reset]').click()")
        browser.execute_script(SET, setting)
        names = ("pmi", "jobs", "bought")
        parts = [f"{name}-{part}" for name in names for part in ("number", "interval")]
        return {k: browser.execute_script(SHOWN, k) for k in (*parts, "answer", "command")}

    return after


def printed(estimate):
    with using("en"):  # composed in English, then said in the language of the page
        low, high = significant(estimate.ci_low), significant(estimate.ci_high)
        value = significant(estimate.value)
    return tr(value), tr(say("{} to {}", low, high))


def chapter_07(chapter, parameters, scenario="pilot"):
    """What the chapter prints: PMI points, workers of the restriction, workers of the order."""
    raw, found = chapter
    if parameters.path:
        frame = assemble(raw, parameters.impact())
        found = replace(found, gaps={"dose": dose_gap(frame, parameters)})
    answer = chain_rows(found, parameters)
    book = order_book(raw, found.elasticities, parameters)
    answers = {
        "pmi": printed(answer["chain.pmi_points"]),
        "jobs": printed(answer["chain.workers"]),
        "bought": printed(book[f"bumn.{scenario}.workers"]),
    }
    return {f"{k}-{part}": t for k, v in answers.items() for part, t in zip(
        ("number", "interval"), v, strict=True)}  # fmt: skip


#: Controls of the page, and the scenario of the order.
SETTINGS = [
    pytest.param({}, "pilot", id="as in the chapter"),
    pytest.param({"shape": "real"}, "pilot", id="the same by the dose-response"),
    pytest.param({"shape": "real", "strength": 60}, "pilot", id="weaker"),
    pytest.param({"shape": "real", "strength": 0, "length": 5}, "pilot", id="none"),
    pytest.param({"shape": "real", "length": 12}, "pilot", id="followed to June 2022"),
    pytest.param({"shape": "held", "held": 1, "length": 6}, "pilot", id="full for six months"),
    pytest.param({"shape": "held", "held": 0.05, "length": 2}, "pilot", id="looser than June"),
    pytest.param({"shape": "real", "measure": "industry_closure"}, "pilot", id="cap on staff"),
    pytest.param({"measure": "oxcgrt", "shape": "held", "held": 0.9}, "pilot", id="Oxford index"),
    pytest.param({"bridge": "without_2020"}, "pilot", id="bridge without 2020"),
    pytest.param({"elasticity": "without_flagged"}, "pilot", id="without the flagged cells"),
    pytest.param({"elasticity": "intensive"}, "pilot", id="establishments held constant"),
    pytest.param({"value": 2.5, "share": 0.4}, "pilot", id="larger order, smaller share"),
    pytest.param({"order": "umkm_2025_08"}, "umkm_2025_08", id="UMKM spending"),
    pytest.param({"order": "reserve", "order_elasticity": "twfe"}, "reserve", id="two-way"),
]


@pytest.mark.parametrize(("setting", "scenario"), SETTINGS)
def test_the_page_says_what_the_chapter_says(shown, chapter, setting, scenario):
    found = shown(setting)
    words = found["command"].split()
    assert words[:3] == ["ikm-pmi", "run", "07"]
    given = [word for word in words[3:] if word != "-p"]
    expected = chapter_07(chapter, collect(JobsParameters, given), scenario)
    assert {k: found[k] for k in expected} == expected


def test_it_says_which_question_it_answers(shown):
    assert "given how far the PMI fell" in shown({})["answer"]
    assert "given what tightening and easing" in shown({"shape": "real"})["answer"]


def test_in_indonesian_with_its_numbers_and_no_english_left(shown, chapter, browser):
    found = shown({"bridge": "without_2020"}, "id")
    with using("id"):
        expected = chapter_07(chapter, JobsParameters(bridge_sample="without_2020"))
        said = {
            text: tr(text)
            for text in [*page._TEXT.findall(page._asset("explorer.html")), *page.WORDS.values()]
        }
    assert {k: found[k] for k in expected} == expected
    assert [text for text, other in said.items() if text == other] == []
    labels = browser.execute_script(
        "return [...document.querySelectorAll('label, small, option, legend')]"
        ".map((x) => x.textContent)"
    )
    assert not [text for text in labels if any(f" {w} " in f" {text} " for w in ("the", "of"))]


def test_a_slider_moves_with_the_keyboard_and_the_answer_is_announced(shown, browser):
    before = shown({"shape": "real"})
    slider = browser.find_element("css selector", "[data-name=length]")
    slider.send_keys("\ue014")  # arrow to the right
    browser.execute_script(SET, {})
    assert browser.execute_script(SHOWN, "length-value") == "4"
    assert slider.get_attribute("aria-valuetext") == "4"
    answer = browser.find_element("css selector", "[data-name=answer]")
    assert answer.get_attribute("aria-live") == "polite"
    assert browser.execute_script(SHOWN, "jobs-number") != before["jobs-number"]
    chart = browser.find_element("css selector", "[data-name=chart]")
    assert chart.get_attribute("aria-label") in answer.text.replace("\n", " ")
    assert len(chart.find_elements("css selector", "svg circle")) == 2


@pytest.mark.parametrize("language", ["en", "id"])
def test_no_request_leaves_and_nothing_is_complained_of(
    shown, browser, pages, requests_and_messages, language
):
    browser.get("about:blank")
    shown({"shape": "held", "held": 0.3, "order": "reserve"}, language)
    asked, messages = requests_and_messages()
    assert messages == []
    assert {a for a in asked if not a.startswith(("about:", "data:"))} == {
        (pages / f"{language}.html").as_uri()
    }


def test_it_stands_beside_the_scripts_of_a_site(browser, chapter, tmp_path, requests_and_messages):
    names = "<script>const _ = 0, $ = 0, n = 0, t = 0, page = 0, values = 0;</script>"
    section = page.fragment(numbers.explorer_inputs(*chapter))
    place = tmp_path / "within.html"
    place.write_text(f'<!DOCTYPE html><meta charset="utf-8">{names}{section}', encoding="utf-8")
    browser.get(place.as_uri())
    browser.execute_script(SET, {})
    assert [m for m in requests_and_messages()[1] if "favicon" not in m["message"]] == []
    assert browser.find_elements("css selector", "[data-name=chart] svg")


def test_a_phone_does_not_scroll_sideways(shown, browser):
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        shown({"shape": "real", "length": 12})
        width = "return [document.documentElement.scrollWidth, innerWidth]"
        assert browser.execute_script(width) == [360, 360]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
