"""The page on which a reader computes the headline numbers again, with R in the browser."""

import json
import re
import shutil
import threading
from pathlib import Path

import pytest

from ikm_pmi.errors import IkmPmiError
from ikm_pmi.share.in_r import page_files, place_page, webr_folder
from ikm_pmi.share.site import _write_check, server

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The committed numbers, as results of a run."""
    folder = tmp_path_factory.mktemp("results")
    for path in (ROOT / "reference").glob("??_*.json"):
        (folder / path.stem).mkdir()
        shutil.copy(path, folder / path.stem / "result.json")
    return folder


def test_it_has_every_table_that_the_script_reads(results):
    made = page_files(ROOT, results)
    script = made["headlines.R"].decode()
    assert script == (ROOT / "replication/headlines.R").read_text(encoding="utf-8")
    tables = {Path(name).stem for name in made if name.endswith(".csv")}
    assert tables == set(re.findall(r'read_table\("(\w+)"', script))
    known = json.loads(made["check.json"])["known"]
    assert known["pmi.ppkm_2021.mean"]["ci_low"] < known["pmi.ppkm_2021.mean"]["value"]


def test_without_the_pmi_no_table_holds_it_and_the_script_asks_for_none(results):
    made = page_files(ROOT, results, without=["pmi"])
    tables = {name: content.splitlines()[0] for name, content in made.items() if "csv" in name}
    assert tables
    assert not [name for name, head in tables.items() if b"pmi" in head.split(b",")]
    assert made["headlines.R"].decode().splitlines()[-1].startswith("write.csv(elasticities()")


@pytest.mark.parametrize(("size", "there"), [(25.2, True), (None, False)])
def test_the_page_says_what_is_loaded_or_is_not_there(tmp_path, size, there):
    source = shutil.copytree(ROOT / "docs/site", tmp_path / "source")
    _write_check(source, size)
    page = source / "check.md"
    assert page.exists() == there
    assert ("\ncheck\n" in (source / "index.md").read_text(encoding="utf-8")) == there
    assert not there or "Load R (25 MB) and run" in page.read_text(encoding="utf-8")


@pytest.mark.reliability
@pytest.mark.parametrize("without", [[], ["pmi"]])
def test_r_in_the_browser_finds_what_python_found(
    browser, results, tmp_path, requests_and_messages, without
):
    from selenium.webdriver.support.ui import WebDriverWait

    try:
        webr_folder(ROOT)
    except IkmPmiError as error:
        pytest.skip(str(error))
    size = place_page(ROOT, results, tmp_path / "check", without)
    source = (ROOT / "docs/site/check.md").read_text(encoding="utf-8")
    part = re.search(r"```\{raw\} html\n(.*?)```", source, re.DOTALL)[1]
    icon = '<link rel="icon" href="data:,">'
    page = f"<!doctype html><meta charset='utf-8'>{icon}{part.replace('$megabytes', f'{size:.0f}')}"
    (tmp_path / "check.html").write_text(page, encoding="utf-8")
    with server(tmp_path) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{running.server_port}/"
        browser.get(address + "check.html")
        state = "return document.getElementById('check-status').textContent"
        button = "return document.getElementById('check-run')"
        WebDriverWait(browser, 20).until(lambda b: b.execute_script(f"{button}.disabled") is False)
        browser.execute_script(f"{button}.click()")
        ended = re.compile("R was there|R stopped")
        WebDriverWait(browser, 90).until(lambda b: ended.search(b.execute_script(state)))
        assert "numbers: none of the estimates differ." in browser.execute_script(state)
        requests, messages = requests_and_messages()
        running.shutdown()
    assert [one for one in messages if one["level"] == "SEVERE"] == []
    asked = {url for url in requests if url.startswith("http")}
    assert asked
    assert not {url for url in asked if not url.startswith(address)}
