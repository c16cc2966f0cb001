"""Every page of the site in a browser: as it comes, in the dark, on a phone, and read by axe."""

import os
from pathlib import Path

import pytest

from ikm_pmi.language import using
from ikm_pmi.results import significant

ROOT = Path(__file__).parents[3]
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
BROKEN = """
document.querySelectorAll("img[loading]").forEach((image) => (image.loading = "eager"));
const images = [...document.images].filter((image) => image.offsetParent !== null);
return Promise.all(images.map((image) => image.decode().catch(() => image.src)))
  .then(() => images.filter((image) => image.naturalWidth === 0).map((image) => image.src));
"""
DARKENED = """
const isDark = () => document.documentElement.dataset.theme === "dark";
return new Promise((done) => {
  const look = (times) => (isDark() || !times ? done() : setTimeout(look, 50, times - 1));
  look(100);
});
"""
AXE = """
const part = { include: [["html"]], exclude: arguments[1] };
return axe.run(part, arguments[0]).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)]));
"""
#: Tables for reading that are wider than what holds them.
CUT = """
return [...document.querySelectorAll(".ikm-table table, .answers table")]
  .filter((table) => table.offsetParent && table.scrollWidth > table.closest("div").clientWidth + 1)
  .map((table) => table.rows[0].innerText.slice(0, 60));
"""
#: Where the numbers and the picture of the first page end.
LOWEST = """
const shown = document.querySelectorAll(".three, figure.exhibit img");
return Math.max(...[...shown].map((part) => part.getBoundingClientRect().bottom));
"""
#: Modules of one part of the library look alike: on its long pages the first five are read.
ALIKE = [["section section:nth-of-type(n+6)"]]
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def axe_source():
    """axe-core: as fetched by .ci/run, or the older one that the Python package brings."""
    fetched = Path(os.environ.get("AXE_CORE", ROOT / ".cache" / "axe-core" / "axe.min.js"))
    if not fetched.is_file():
        import axe_core_python

        fetched = Path(axe_core_python.__file__).with_name("axe.min.js")
    return fetched.read_text(encoding="utf-8")


def emulate(browser, *, dark=False, phone=False):
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    if phone:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    else:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def seen(browser, address, page_names, tries):
    """What each page did, by what it was looked at for; each page is opened once.

    The pages of a folder are made from one template: one in six is a sample.
    """
    import json

    axe, found = axe_source(), {}
    browser.set_script_timeout(180)
    folders = {name.rpartition("/")[0] for name in page_names}
    own = {folder: [n for n in page_names if n.rpartition("/")[0] == folder] for folder in folders}
    sampled = {name for names in own.values() for name in names[:: tries(1, 6)]}
    sampled |= {"index.html", "explorer.html", "exhibits.html", "chapters/01_data.html"}
    for name in (one for one in page_names if one in sampled):
        emulate(browser)
        browser.get_log("performance")
        browser.get_log("browser")
        browser.get(address + name)
        one = {"broken": browser.execute_script(BROKEN)}
        browser.execute_script(axe)
        out = ALIKE if name.startswith("api/") else []
        one["cut"] = browser.execute_script(CUT)
        one["light"] = browser.execute_script(AXE, {"resultTypes": ["violations"]}, out)
        one["axe"] = browser.execute_script("return axe.version")
        emulate(browser, dark=True)
        browser.execute_script(DARKENED)
        one["theme"] = browser.execute_script("return document.documentElement.dataset.theme")
        one["dark"] = browser.execute_script(AXE, CONTRAST, out)
        emulate(browser, phone=True)
        one["cut on a phone"] = browser.execute_script(CUT)
        one["width"] = browser.execute_script("return document.documentElement.scrollWidth")
        one["hacked"] = browser.execute_script("return window.hacked ?? null")
        one["console"] = [m for m in browser.get_log("browser") if m["level"] == "SEVERE"]
        events = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        one["asked"] = [s["request"]["url"] for s in sent]
        found[name] = one
    emulate(browser)
    return found


def wrong(seen, what, *, but=()):
    return {name: one[what] for name, one in seen.items() if one[what] not in ([], None, *but)}


def test_no_page_has_an_error_in_the_console(seen):
    assert wrong(seen, "console") == {}


def test_no_page_asks_another_host(seen, address):
    local = (address, "data:", "blob:", "about:", "chrome")
    asked = {n: [u for u in one["asked"] if not u.startswith(local)] for n, one in seen.items()}
    assert {name: urls for name, urls in asked.items() if urls} == {}
    assert all(one["asked"] for one in seen.values())


def test_every_image_is_shown(seen):
    assert wrong(seen, "broken") == {}


def test_axe_finds_no_serious_fault(seen, record_property):
    assert wrong(seen, "light") == {}
    version = seen["index.html"]["axe"]
    what = f"pages read by axe-core {version}, in the light and in the dark"
    tried = {"part": "site", "what": what, "times": len(seen), "outcome": "no serious fault"}
    record_property("reliability", tried)


def test_axe_finds_no_serious_fault_in_the_dark(seen):
    assert {one["theme"] for one in seen.values()} == {"dark"}
    assert wrong(seen, "dark") == {}


def test_no_page_is_wider_than_a_phone(seen):
    assert wrong(seen, "width", but=(390,)) == {}


@pytest.mark.parametrize("what", ["cut", "cut on a phone"])
def test_no_table_for_reading_is_cut(seen, what):
    assert wrong(seen, what) == {}


@pytest.mark.parametrize("page", ["index.html", "id/index.html"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_numbers_and_the_picture_are_on_the_first_screen(browser, address, page, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address + page)
    browser.execute_script(BROKEN)
    assert 300 < browser.execute_script(LOWEST) <= height
    emulate(browser)


def test_no_word_from_data_runs_as_a_script(seen):
    assert wrong(seen, "hacked") == {}


def test_the_search_finds_elastisitas(browser, address):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{address}search.html?q=elastisitas")
    wanted = "#search-results li a[href*='/id/'], #search-results li a[href^='id/']"
    assert WebDriverWait(browser, 20).until(  # they come one by one
        lambda b: b.find_elements(By.CSS_SELECTOR, wanted)
    )


def test_the_explorer_answers_in_the_site(browser, address, results):
    import json

    content = json.loads((results / "07_jobs_and_supply_chain/result.json").read_text("utf-8"))
    jobs = next(e["value"] for e in content["estimates"] if e["name"] == "chain.workers")
    shown = "return document.querySelector(`[data-name='jobs-number']`).textContent"
    move = (
        "const s = document.querySelector(`[data-name='elasticity']`); s.value = 'lower_bound';"
        "s.dispatchEvent(new Event('input', {bubbles: true}));"
        "return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )
    for page, separator in (("explorer.html", ","), ("id/penjelajah.html", ".")):
        browser.get(address + page)
        with using("en"):
            assert browser.execute_script(shown) == significant(jobs).replace(",", separator)
        browser.execute_script(move)
        assert browser.execute_script(shown) != significant(jobs).replace(",", separator)
        assert browser.execute_script("return document.querySelectorAll('.bar0').length") == 2
