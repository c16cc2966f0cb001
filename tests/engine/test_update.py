"""`ikm-pmi data update` against a server on this machine that answers as BPS does."""

import http.server
import json
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from ikm_pmi.cli import main
from ikm_pmi.data.official import Limits, _Bounded
from ikm_pmi.data.package import RAW, find_root, load
from ikm_pmi.engine import processed
from ikm_pmi.engine.manifest import file_hashes
from sample import sampled

KEY = "0123456789abcdef0123456789abcdef"
SERIES = "manufacturing, constant 2010 prices"
QUARTERS = {31: "Triwulan I", 32: "Triwulan II", 33: "Triwulan III", 34: "Triwulan IV"}
PROVINCES = {"DI YOGYAKARTA": 3400, "KEP. BANGKA BELITUNG": 1900}


class Source(http.server.ThreadingHTTPServer):
    """Answers of BPS; ``faults`` are taken one a request, before any answer."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.figures, self.faults, self.asked = {}, [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        fault = self.server.faults.pop(0) if self.server.faults else None
        if fault == "silence":
            time.sleep(1.5)
        elif fault == "half":
            body = self.body()
            self.reply(200, body[: len(body) // 2], length=len(body))
        elif isinstance(fault, int):
            self.reply(fault, b"<html>Bad</html>")
        elif isinstance(fault, bytes):
            self.reply(200, fault)
        else:
            self.reply(200, self.body())

    def body(self):
        parts = self.path.strip("/").split("/")
        given = dict(zip(parts[5::2], parts[6::2], strict=True))
        variable, years = int(given["var"]), [int(th) for th in given["th"].split(";")]
        return json.dumps(self.server.figures[variable](years)).encode()

    def reply(self, status, body, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(body)))
        if status == 302:
            self.send_header("Location", f"{self.server.address}/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def page(variable, items, derived, years, periods, value):
    """A page of the WebAPI: ``value(item, derived, year, period)`` or None."""
    content = {}
    for item in items:
        for one in derived:
            for th in years:
                for period in periods:
                    found = value(items[item], derived[one], th + 1900, periods[period])
                    if found is not None:
                        content[f"{item}{variable}{one}{th}{period}"] = found
    if not content:
        return {"status": "OK", "data-availability": "list-not-available", "data": ""}

    def listed(these):
        return [{"val": number, "label": label} for number, label in these.items()]

    return {
        "status": "OK",
        "data-availability": "available",
        "last_update": None,
        "var": [{"val": variable, "label": "…", "unit": "Persen"}],
        "vervar": listed(items),
        "turvar": listed(derived),
        "tahun": listed({th: str(th + 1900) for th in years}),
        "turtahun": listed(periods),
        "datacontent": content,
    }


@pytest.fixture
def source(monkeypatch):
    for name, value in (("read_seconds", 0.5), ("pause_seconds", 0.0)):
        monkeypatch.setattr(Limits, name, value)
    server = Source()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def root(tmp_path, monkeypatch, source):
    """A copy of the data whose register asks the server above, with a BPS that agrees."""
    copy = tmp_path / "a project"
    shutil.copytree(find_root(Path(__file__)) / "data", copy / "data")
    monkeypatch.setenv("IKM_PMI_ROOT", str(copy))
    monkeypatch.setenv("BPS_API_KEY", KEY)
    path = copy / RAW / "datapackage.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for table in content["resources"]:
        for entry in table.get("update", ()):
            entry["url"] = source.address + "/v1/api"
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    growth = load("manufacturing_quarterly", copy).query("measure == 'yoy_growth_pct'")
    growth = growth[growth.series == SERIES].set_index(["year", "quarter"]).value
    imk = load("imk_province", copy).set_index(["province", "scale", "year"])
    names = {"DI YOGYAKARTA": "DI Yogyakarta", "KEP. BANGKA BELITUNG": "Kep. Bangka Belitung"}
    scales = {"Mikro": "micro", "Kecil": "small", "Jumlah": "total"}

    def recorded(_, derived, year, period):
        if derived != "y-on-y":
            return 99.9  # another growth rate of the same table
        numbers = {label: str(n) for n, label in enumerate(QUARTERS.values(), 1)}
        return growth.get((year, numbers[period]))

    sectors = {1000: "<b>A. Pertanian</b>", 3000: "<b>C. Industri Pengolahan</b>"}
    rates = {3: "q-to-q", 4: "c-to-c", 5: "y-on-y"}
    source.figures[104] = lambda years: page(104, sectors, rates, years, QUARTERS, recorded)

    def counted(column):
        def value(label, scale, year, _):
            key = (names.get(label), scales[scale], year)
            return int(imk[column][key]) if key in imk.index else None

        return value

    items = {9999: "INDONESIA", **{code: label for label, code in PROVINCES.items()}}
    for variable, column in ((440, "establishments"), (441, "workers"), (443, "output_mn_idr")):
        source.figures[variable] = lambda years, v=variable, c=column: page(
            v, items, {1: "Mikro", 2: "Kecil", 3: "Jumlah"}, years, {0: "Tahun"}, counted(c)
        )
    return copy


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ikm-pmi", "data", "update", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return run


def changed_by(source, period, value, year=2026):
    """BPS says one more figure of manufacturing, or another one."""
    before = source.figures[104]

    def figures(years):
        content = before(years)
        if year - 1900 in years:
            if "datacontent" not in content:
                content = before([121])
                content["tahun"] = [{"val": th, "label": str(th + 1900)} for th in years]
                content["datacontent"] = {}
            content["datacontent"][f"30001045{year - 1900}{period}"] = value
        return content

    source.figures[104] = figures


def test_a_source_that_agrees_changes_nothing(root, source, call):
    before = file_hashes(root)
    status, shown, _ = call("--json")
    assert status == 0
    found = json.loads(shown)
    assert set(found["tables"]) == {"manufacturing_quarterly", "imk_province"}
    assert all(one["agree"] and not one["new"] + one["revised"] for one in found["tables"].values())
    assert not found["written"]
    assert file_hashes(root) == before
    years = [path.split("/th/")[1].split("/")[0] for path in source.asked if "/var/104/" in path]
    assert all(len(one.split(";")) <= 3 for one in years)


def test_new_figures_are_taken_and_revised_ones_shown(root, source, call):
    changed_by(source, 31, 5.04)
    changed_by(source, 33, 5.18, year=2023)
    before = file_hashes(root)
    status, shown, _ = call("--dry-run")
    assert status == 0
    assert "2026, 1, value: 5.04" in shown
    assert "5.20 → 5.18 (kept as on record)" in shown
    assert file_hashes(root) == before
    assert call()[0] == 0
    table = load("manufacturing_quarterly", root)
    table = table[(table.series == SERIES) & (table.measure == "yoy_growth_pct")]
    table = table.set_index(["year", "quarter"])
    assert table.value[2026, "1"] == 5.04
    assert table.value[2023, "3"] == 5.2
    assert processed.check(root).ok
    assert load("manufacturing_growth", root).set_index("quarter").growth_yoy_pct["2026Q1"] == 5.04
    done = call("--accept-revisions")
    assert done[0] == 0, done
    table = load("manufacturing_quarterly", root)
    row = table[(table.series == SERIES) & (table.year == 2023) & (table.quarter == "3")]
    row = row[row.measure == "yoy_growth_pct"].iloc[0]
    assert row.value == 5.18
    assert row.source.startswith("BPS WebAPI")
    assert "value was 5.20" in row.note
    assert call()[1].count("0 new, 0 differ") == 2


def test_a_new_year_of_imk_names_its_source(root, source, call):
    new = {440: (1000, 100, 1100), 441: (2000, 1000, 3000), 443: (3000, 5000, 8000)}
    for variable, values in new.items():
        before = source.figures[variable]

        def figures(years, before=before, variable=variable, values=values):
            content = before(years)
            if 126 in years:
                content["tahun"] = [{"val": 126, "label": "2026"}]
                for scale, value in enumerate(values, 1):
                    content["datacontent"][f"3400{variable}{scale}1260"] = value
            return content

        source.figures[variable] = figures
    status, _, error = call()
    assert status == 0, error
    rows = load("imk_province", root).query("year == 2026").set_index("scale")
    assert list(rows.loc[["micro", "small", "total"], "workers"]) == [2000, 1000, 3000]
    assert set(rows.source) == {"bps_webapi"}
    assert "bps_webapi" in set(load("sources", root)["key"])
    assert processed.check(root).ok


FAULTS = {
    "silence": ["silence"] * 3,
    "half an answer": ["half"] * 3,
    "an error of the server": [500, 502, 503],
    "a key that is refused": [403],
    "a page instead of JSON": [b"<!DOCTYPE html><html>maintenance</html>"],
    "cut JSON": [b'{"status": "OK", "datacontent": {"1'],
    "null": [b"null"],
    "a list": [b"[]"],
    "refused in words": [b'{"status": "Error", "message": "key ' + KEY.encode() + b' unknown"}'],
    "another layout": [b'{"status": "OK", "vervar": [], "datacontent": {}}'],
    "empty pages": [b'{"status": "OK", "data-availability": "list-not-available"}'] * 6,
    "no figure": [b""],
    "not found": [404],
    "another address": [302],
}


@pytest.mark.parametrize("name", sampled(FAULTS, 3))
def test_what_a_source_may_answer_instead_changes_nothing(root, source, call, name):
    source.faults = list(FAULTS[name])
    before = file_hashes(root)
    status, out, error = call()
    assert status == 1
    for part in ("expected", "found", "where", "what to do"):
        assert f"\n  {part}" in error
    assert "Traceback" not in error
    assert KEY not in out + error
    assert "/elsewhere" not in source.asked
    assert file_hashes(root) == before


@pytest.mark.usefixtures("root")
def test_a_fault_that_passes_is_tried_again(source, call):
    source.faults = [500, "half", None, "silence"]
    status, shown, _ = call()
    assert status == 0
    assert shown.count("0 new, 0 differ") == 2
    assert len(source.asked) == 6 + 3 * 5 + 3  # three requests were made twice


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda page: page["turvar"][2].update(label="tahun ke tahun"), "tahun ke tahun"),
        (lambda page: page["vervar"].append(dict(page["vervar"][1])), "C. Industri Pengolahan"),
        (lambda page: page["datacontent"].update({"3000104512131": "n.a."}), "n.a."),
        (lambda page: page["datacontent"].update({"3000104512131": True}), "True"),
    ],
    ids=["label gone", "label twice", "words", "truth value"],
)
def test_labels_and_values_that_do_not_fit_stop_it(root, source, call, edit, said):
    before = source.figures[104]

    def figures(years):
        content = before(years)
        if 121 in years:
            edit(content)
        return content

    source.figures[104] = figures
    hashes = file_hashes(root)
    status, _, error = call()
    assert status == 1
    assert said in error
    assert file_hashes(root) == hashes


@pytest.mark.usefixtures("root")
def test_without_a_key_it_says_where_to_get_one(source, call, monkeypatch):
    monkeypatch.delenv("BPS_API_KEY")
    status, _, error = call()
    assert status == 2
    assert "BPS_API_KEY" in error
    assert "webapi.bps.go.id" in error
    monkeypatch.setenv("BPS_API_KEY", "a/b?c secret")
    status, _, error = call()
    assert status == 2
    assert "a/b?c" not in error
    assert source.asked == []


def test_the_key_is_nowhere(root, source, call, monkeypatch):
    changed_by(source, 31, 5.04)
    for arguments in ([], ["--json"], ["--debug"]):
        source.faults = [500, 500, 500] if arguments == ["--debug"] else []
        if arguments == ["--debug"]:
            monkeypatch.setattr(sys, "argv", ["ikm-pmi", "--debug", "data", "update"])
            with pytest.raises(Exception, match="whole answer") as caught:
                main()
            assert KEY not in str(caught.getrepr(chain=True))
        else:
            _, out, error = call(*arguments)
            assert KEY not in out + error
    assert any(KEY in path for path in source.asked)  # the server did see it
    for path in root.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_the_key_goes_over_https_only(root, call):
    path = root / RAW / "datapackage.json"
    path.write_text(path.read_text().replace("http://127.0.0.1", "http://bps.example"))
    status, _, error = call()
    assert status == 1
    assert "https" in error
    assert KEY not in error


def test_what_was_tried_is_counted(record_property):
    record_property(
        "reliability",
        {
            "part": "sources",
            "what": "answers of a source that are late, cut short, wrong or refused",
            "times": len(FAULTS) + 4,
            "outcome": "four-part message, no file changed, the key not shown",
        },
    )
    assert len(FAULTS) == 14


def test_an_answer_too_long_is_not_taken(monkeypatch):
    monkeypatch.setattr(Limits, "size", 5)
    with pytest.raises(OSError, match="more than 5 bytes"):
        _Bounded().write(b"123456")
