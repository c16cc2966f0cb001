"""The explorer in a browser, against the functions of chapter 07 run with the same settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from ikm_pmi.language import tr, using
from ikm_pmi.models import explorer as numbers
from ikm_pmi.models.order_book import order_book
from ikm_pmi.models.study import assemble
from ikm_pmi.models.transmission import chain
from ikm_pmi.parameters import JobsParameters
from ikm_pmi.pipeline.explorer import explorer, explorer_tables
from ikm_pmi.pipeline.values import collect
from ikm_pmi.report import explorer as page
from ikm_pmi.results import number

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
SHOWN = "return document.querySelector(`[data-name='${arguments[0]}']`).textContent"


@pytest.fixture(scope="module")
def chapter():
    """Raw tables and elasticities: what the page is made from."""
    return explorer_tables(ROOT)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    for language, text in explorer(ROOT).items():
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


def printed(estimate, digits):
    with using("en"):  # composed in English, then said in the language of the page
        low, high = number(estimate.ci_low, digits), number(estimate.ci_high, digits)
        value = number(estimate.value, digits)
    return tr(value), tr(f"{low} to {high}")


def chapter_07(chapter, parameters, *, scenario="pilot", elasticity=None, multiplier=None):
    """What the chapter prints: PMI points, jobs of the restriction, jobs of the order."""
    raw, elasticities = chapter
    if elasticity is not None:
        move = elasticity - elasticities[f"elasticity.{parameters.estimator}"].value
        moved = [
            replace(e, value=e.value + move, ci_low=e.ci_low + move, ci_high=e.ci_high + move)
            for e in elasticities.estimates
            if e.ci_low is not None and e.ci_high is not None
        ]
        elasticities = replace(elasticities, estimates=tuple(moved))
    if multiplier is not None:
        table = raw["io_multipliers"].assign(output_multiplier_national_weighted=multiplier)
        raw = {**raw, "io_multipliers": table}
    frame = assemble(raw, parameters.impact())
    growth = raw["manufacturing_growth"].set_index("quarter")["growth_yoy_pct"]
    workers = numbers.imk_year(raw["imk_panel"], parameters.base_year)[0]
    found = chain(frame, growth, elasticities, workers, parameters)
    book = order_book(raw, elasticities, parameters)
    answers = {
        "pmi": printed(found["chain.pmi_points"], 1),
        "jobs": printed(found["chain.workers"], 0),
        "bought": printed(book[f"bumn.{scenario}.workers"], 0),
    }
    flat = {f"{k}-{part}": t for k, v in answers.items() for part, t in zip(
        ("number", "interval"), v, strict=True)}  # fmt: skip
    return flat, found


# Controls of the page; what of it is no parameter of the chapter is given to its functions.
SETTINGS = [
    pytest.param({}, {}, id="as in the chapter"),
    pytest.param({"strength": 60}, {}, id="weaker"),
    pytest.param({"strength": 0, "length": 5}, {}, id="none"),
    pytest.param({"length": 12}, {}, id="followed to June 2022"),
    pytest.param({"length": 1, "strength": 120}, {}, id="one month"),
    pytest.param({"shape": "held", "held": 1, "length": 6}, {}, id="full for six months"),
    pytest.param({"shape": "held", "held": 0.05, "length": 2}, {}, id="looser than June"),
    pytest.param({"measure": "industry_closure"}, {}, id="cap on factory staff"),
    pytest.param({"measure": "oxcgrt", "shape": "held", "held": 0.9}, {}, id="Oxford index"),
    pytest.param({"bridge": "without_pandemic"}, {}, id="bridge without the pandemic"),
    pytest.param({"value": 2.5, "share": 0.4}, {}, id="larger order, smaller share"),
    pytest.param({"order": "padi_2025"}, {"scenario": "padi_2025"}, id="UMKM spending"),
    pytest.param(
        {"elasticity": 0.5, "length": 4}, {"elasticity": 0.5}, id="elasticity"),
    pytest.param({"elasticity": -0.05}, {"elasticity": -0.05}, id="negative elasticity"),
    pytest.param(
        {"order": "padi_2022", "multiplier": 2.4, "elasticity": 0.1},
        {"scenario": "padi_2022", "elasticity": 0.1},
        id="multiplier",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "beside"), SETTINGS)
def test_the_page_says_what_the_chapter_says(shown, chapter, browser, setting, beside):
    found = shown(setting)
    if "multiplier" in setting:  # a slider takes its nearest step
        slider = "return Number(document.querySelector('[data-name=multiplier]').value)"
        beside = {**beside, "multiplier": browser.execute_script(slider)}
    words = found["command"].split()
    assert words[:3] == ["ikm-pmi", "run", "07"]
    given = [word for word in words[3:] if word != "-p"]
    expected, _ = chapter_07(chapter, collect(JobsParameters, given), **beside)
    assert {k: found[k] for k in expected} == expected


@pytest.mark.parametrize(
    "setting", [{"length": 12}, {"shape": "held", "held": 0.9, "length": 4}], ids=str
)
def test_the_table_is_the_fan_of_the_chapter(shown, chapter, browser, setting):
    command = shown(setting)["command"].split()
    parameters = collect(JobsParameters, [w for w in command[3:] if w != "-p"])
    if parameters.path:  # to the page's last month, the restriction back where it was
        months = numbers.explorer_inputs(*chapter).values["months"][len(parameters.path) :]
        stay = assemble(chapter[0], parameters.impact())["level"][parameters.reference_month]
        path = [*parameters.path, *(f"{month}:{stay}" for month in months)]
        parameters = parameters.model_copy(update={"path": path})
    _, found = chapter_07(chapter, parameters)
    expected = []
    for _, rows in found.fan.groupby("month"):
        line = []
        for name, digits in {"pmi_points": 1, "output_pct": 2, "workers": 0}.items():
            row = rows[rows["quantity"] == name].iloc[0]
            low, high = number(row["low"], digits), number(row["high"], digits)
            line += [number(row["point"], digits), f"{low} to {high}"]
        expected.append(line)
    rows = browser.execute_script(
        "return [...document.querySelectorAll('[data-name=rows] tr')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    assert [row[2:] for row in rows] == expected


def test_in_indonesian_with_its_numbers_and_no_english_left(shown, chapter, browser):
    found = shown({"measure": "industry_closure"}, "id")
    with using("id"):
        expected, _ = chapter_07(chapter, JobsParameters(intensity="industry_closure"))
        said = {text: tr(text) for text in [*page.TEXTS.values(), *page.WORDS.values()]}
    assert {k: found[k] for k in expected} == expected
    assert "lapangan kerja di industri kecil dan menengah berkurang 63.444" in found["answer"]
    assert [text for text, other in said.items() if text == other] == []
    labels = browser.execute_script(
        "return [...document.querySelectorAll('label, small, option, legend')]"
        ".map((x) => x.textContent)"
    )
    assert not [text for text in labels if any(f" {w} " in f" {text} " for w in ("the", "of"))]


def test_a_slider_moves_with_the_keyboard_and_the_answer_is_announced(shown, browser):
    before = shown({})
    slider = browser.find_element("css selector", "[data-name=length]")
    slider.send_keys("\ue014")  # arrow to the right
    browser.execute_script(SET, {})
    assert browser.execute_script(SHOWN, "length-value") == "4"
    assert slider.get_attribute("aria-valuetext") == "4"
    answer = browser.find_element("css selector", "[data-name=answer]")
    assert answer.get_attribute("aria-live") == "polite"
    assert "4 months" in answer.text
    assert browser.execute_script(SHOWN, "jobs-number") != before["jobs-number"]
    for name in ("pmi", "jobs", "both"):
        chart = browser.find_element("css selector", f"[data-name=chart-{name}]")
        assert chart.get_attribute("aria-label") in answer.text.replace("\n", " ")
        assert chart.find_elements("css selector", "svg path")


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
    assert browser.find_elements("css selector", "[data-name=chart-pmi] svg")


def test_a_phone_does_not_scroll_sideways(shown, browser):
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        shown({"length": 12})
        width = "return [document.documentElement.scrollWidth, innerWidth]"
        assert browser.execute_script(width) == [360, 360]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_draws_are_those_of_the_chapter(chapter):
    """From what is handed over, the chapter's own triangular draws and coefficients."""
    import numpy as np

    from ikm_pmi.models.links import draw_range

    found = numbers.explorer_inputs(*chapter)
    u, (low, high) = found.draws["u_share"], found.values["share_range"]
    mode = JobsParameters().share_manufacturing
    below = low + np.sqrt(u * (mode - low) * (high - low))
    above = high - np.sqrt((1 - u) * (high - mode) * (high - low))
    mine = np.where(u * (high - low) <= mode - low, below, above)
    own = draw_range("share_manufacturing", mode, (low, high), JobsParameters())[1:, 0]
    np.testing.assert_allclose(mine, own, rtol=1e-14)
    packed = page._packed(own)
    assert packed["step"] < 1e-9 * own.max()
