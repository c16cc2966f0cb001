"""The description of the tables and the results read back, spoilt node by node and byte by byte."""

import json
from collections import Counter
from itertools import islice, product

import pytest
from corruptions import read, rows_of, stated
from small import ROOT, in_four_parts, left, project
from test_bad_input_parameters import JUNK, places, replaced, told

from ikm_pmi.data.checks import check, seal
from ikm_pmi.data.package import DESCRIPTOR, RAW, catalogue, fields, load
from ikm_pmi.engine.headlines import headlines
from ikm_pmi.engine.processed import build
from ikm_pmi.errors import DataError
from sample import sampled

DEEP = b'{"a": ' * 50_000
PATHS = ("../pmi_headline.csv", "/etc/passwd", "a/b.csv", "..", ".", "C:\\x.csv", "x\x00.csv", "",
         "http://localhost/x.csv", "x.csv ", "PMI_HEADLINE.csv", "countries.csv")  # fmt: skip
KEPT = "industry_exports_2023"  # a small table, and the sources it refers to


def spoilt_descriptions(whole):
    """(bytes) of descriptions that are not what they should be."""
    yield from (
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        DEEP,
        b"[" * 100_000,
        b"\xff\xfe{",
        b"\x00",
        b"NaN",
    )
    text = json.dumps(whole)
    yield b"\xef\xbb\xbf" + text.encode()
    yield text.encode("utf-16")
    yield text.replace('"bytes": ', '"bytes": 1e999, "more": ', 1).encode()
    yield text.replace('"bytes": ', '"bytes": ' + "9" * 5000 + ', "more": ', 1).encode()
    yield text.replace('{"name"', '{"name": "other", "name"', 1).encode()
    yield from (text[: len(text) * part // 12].encode() for part in range(1, 12))
    for path in PATHS:
        yield json.dumps(replaced(whole, ("resources", 0, "path"), path)).encode()
    yield json.dumps({**whole, "resources": whole["resources"] * 2}).encode()
    for turn, place in enumerate(places(whole)):
        for junk in (..., *JUNK[turn % 2 :: 2]):
            if place or junk is not ...:
                yield json.dumps(replaced(whole, place, junk)).encode()


def test_a_spoilt_description_changes_no_number(tmp_path, tries, record_property):
    case, seen, found = project(KEPT, tmp_path / "a project"), set(), Counter()
    meant = stated(rows_of(case.content), case.fields)
    every = tries(1, 8)
    for content in islice(spoilt_descriptions(json.loads(case.good[DESCRIPTOR])), 0, None, every):
        if content in seen:
            continue
        seen.add(content)
        case.spoil(content, DESCRIPTOR)
        before = case.files()
        report = check(case.root)
        assert all(p.expected and p.found and p.todo for p in report.problems)
        try:
            fields(KEPT, case.root)
            catalogue(case.root)
            frame = load(KEPT, case.root)
        except DataError as error:
            in_four_parts(error)
            left(case, before)
            found["refused"] += 1
        else:
            names = [field["name"] for field in case.fields]
            assert frame.columns.tolist() == names
            as_texts = [column.astype(str).tolist() for _, column in frame.items()]
            assert (
                as_texts
                == [
                    column.astype(str).tolist()
                    for _, column in load(KEPT, ROOT).astype(frame.dtypes.to_dict()).items()
                ]
                or read(frame, case.fields) == meant
            )
            found["the same table read"] += 1
        try:
            seal(case.root)
        except DataError as error:
            in_four_parts(error)
            left(case, before)
        case.restore()
    assert len(seen) > 250 / every
    told(found, len(seen), record_property, "datapackage.json")


def test_a_spoilt_result_is_a_missing_answer_not_another_number(tmp_path, record_property):
    whole = json.loads((ROOT / "reference" / "00_the_claims.json").read_text(encoding="utf-8"))
    path, seen, found = tmp_path / "00_the_claims.json", set(), Counter()
    name, place = "claim.workers", "{chapter}.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    true = next(line for line in headlines(tmp_path, place) if line.name == name)
    where = next(k for k, entry in enumerate(whole["estimates"]) if entry["name"] == name)
    keys = [(), ("estimates",), ("estimates", where)]
    keys += [("estimates", where, key) for key in ("name", "value", "ci_low", "ci_high", "n")]
    files = []
    for key in keys:
        for junk in (None, "x", [], {}) if key[-1:] == ("value",) else JUNK:
            files.append(json.dumps(replaced(whole, key, junk)).encode())
    files += [b"", b"{", DEEP, b"\xff\xfe", b'{"estimates": NaN}', b"9" * 5000]
    for content in files:
        seen.add(content)
        path.write_bytes(content)
        line = next(line for line in headlines(tmp_path, place) if line.name == name)
        assert line.value in ("", true.value)
        found["missing answer" if line.value == "" else "the same answer"] += 1
    told(found, len(seen), record_property, "result.json of a chapter")


@pytest.fixture(scope="module")
def whole_project(tmp_path_factory):
    import shutil

    root = tmp_path_factory.mktemp("whole") / "a project"
    for part in ("data/raw", "data/processed"):
        shutil.copytree(ROOT / part, root / part)
    return root


CUTS = ("pmi_headline", "covid_monthly", "restrictions_monthly", "mobility_monthly", "imk_province",
        "provinces", "regime_spells", "industry_rules", "industry_classes",
        "manufacturing_quarterly")  # fmt: skip


KEPT_ROWS = ("first half", "one row", "without Indonesia")


@pytest.mark.parametrize(("table", "kept"), sampled([*product(CUTS, KEPT_ROWS)], 13))
def test_tables_are_built_from_fewer_rows_or_it_is_said_why_not(whole_project, table, kept):
    path = whole_project / RAW / f"{table}.csv"
    content, sealed = path.read_bytes(), (whole_project / RAW / DESCRIPTOR).read_bytes()
    processed = {p.name: p.read_bytes() for p in (whole_project / "data/processed").iterdir()}
    header, *lines = content.decode().splitlines(keepends=True)
    rows = {"first half": lines[: len(lines) // 2], "one row": lines[:1],
            "without Indonesia": [line for line in lines if "IDN" not in line]}[kept]  # fmt: skip
    path.write_text(header + "".join(rows), encoding="utf-8", newline="")
    try:
        seal(whole_project)
        build(whole_project)
    except DataError as error:
        in_four_parts(error)
        now = {p.name: p.read_bytes() for p in (whole_project / "data/processed").iterdir()}
        assert now == processed
    finally:
        path.write_bytes(content)
        (whole_project / RAW / DESCRIPTOR).write_bytes(sealed)
        for name, whole in processed.items():
            (whole_project / "data/processed" / name).write_bytes(whole)
