"""How often to try, and a headless Chromium for tests that look at pages as a reader does."""

import json
import os
import shutil

import pytest


@pytest.fixture(scope="session")
def tries(request):
    """How often something is tried: ``tries(all, sample)``, all of it by ``make reliability``."""
    whole = request.config.getoption("--reliability") is not None
    return lambda every, sample: every if whole else sample


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Debian's chromium under chromedriver; it may open no address but files and this machine."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    driver = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium and chromedriver here: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        "window-size=1200,1000",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()


@pytest.fixture
def requests_and_messages(browser):
    """A function: addresses asked for and console messages since it was last called."""

    def since():
        events = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [s["request"]["url"] for s in sent], browser.get_log("browser")

    since()
    return since
