import json
import re

import pytest

from ikm_pmi.data import package
from ikm_pmi.data.package import RAW, load, seal
from ikm_pmi.errors import DataError
from ikm_pmi.pipeline import processed

PMI, IMK = "pmi_headline.csv", "imk_province.csv"


def only(report):
    assert not report.ok
    assert len(report.problems) == 1, report.text()
    return report.problems[0]


def by_row(report, file):
    return {problem.row: problem for problem in report.problems if problem.file == file}


def test_the_package_as_committed_is_valid_without_a_warning():
    report = processed.check()
    assert report.problems == ()
    assert report.table().hash_ok.all()
    assert set(report.table().name) >= {"pmi_headline", "regime_spells", "intensity_monthly"}


def test_every_kind_of_cell_fault_is_named_with_row_and_column(root, put):
    faults = {
        # row: (column, cell put in, column reported, in expected, in found or todo)
        6: (2, "153", "pmi", "at most 90", "'153'"),
        8: (2, "-1", "pmi", "at least 10", "'-1'"),
        10: (2, "abc", "pmi", "number", "'abc'"),
        12: (2, '"53,5"', "pmi", "number", "write 53.5"),
        14: (1, "2021-13", "month", "yearmonth", "'2021-13'"),
        16: (0, "XXX", "country_iso3", "countries.csv", "'XXX'"),
        18: (3, "final", "vintage", "one of first, revised, unknown", "'final'"),
        20: (5, "", "source_url", "a value", "an empty cell"),
    }
    for row, (position, text, *_) in faults.items():
        put(PMI, row, position, text)
    put(PMI, 22, 2, "53,5")  # unquoted: one cell too many
    problems = by_row(package.check(root), PMI)
    assert set(problems) == {*faults, 22}
    for row, (_, _, column, expected, found) in faults.items():
        problem = problems[row]
        assert problem.column == column
        assert expected in problem.expected
        assert found in f"{problem.found} {problem.todo}"
    assert problems[22].found == "7 cells"
    assert "decimal point" in problems[22].todo


def test_counts_and_provinces(root, put):
    put(IMK, 2, 3, "-5")
    put(IMK, 3, 3, "12.5")
    put(IMK, 5, 2, "tiny")
    put(IMK, 8, 0, "Acheh")
    put("provinces.csv", 2, 1, "Atjeh")
    report = package.check(root)
    found = {(p.file, p.row, p.column) for p in report.problems}
    assert found == {
        (IMK, 2, "establishments"),
        (IMK, 3, "establishments"),
        (IMK, 5, "scale"),
        (IMK, 8, "province"),
        ("provinces.csv", 2, "unit"),
    }


def test_the_same_month_twice(root, rewrite):
    rewrite(PMI, lambda line: f"{line}\n{line}", row=6)
    problem = only(package.check(root))
    assert (problem.row, problem.column) == (7, "country_iso3, month")
    assert problem.found == "the key of row 6"


@pytest.mark.parametrize(
    ("edit", "found", "row"),
    [
        (lambda b: b"\xef\xbb\xbf" + b, "a byte-order mark", None),
        (lambda b: b.replace(b"\n", b"\r\n"), "a carriage return (CRLF)", 1),
        (lambda b: b.decode().encode("utf-16"), "UTF-16", None),
        (lambda b: b.replace(b"Aceh,2014", b"Ac\xe9h,2014", 1), "the byte 0xe9", 5),
        (lambda _: b"", "an empty file", None),
        (lambda b: b[: b.index(b"\n") + 1], "a header only", None),
        (lambda b: b.replace(b",", b";"), "province;year;scale", 1),
        (lambda b: b[:-1], "Bali,2025,total", 73),
        (lambda b: b.replace(b"Aceh", b'"Aceh', 1), '"Aceh,2013', 2),
    ],
)
def test_a_file_that_is_no_table(root, rewrite, edit, found, row):
    rewrite(IMK, edit)
    problem = only(package.check(root))
    assert (problem.file, problem.row) == (IMK, row)
    assert problem.found.startswith(found)
    assert problem.todo


@pytest.mark.parametrize(
    ("edit", "row", "found"),
    [
        (lambda line: line.replace("pmi", "PMI"), 1, "country_iso3, month, PMI"),
        (lambda line: f"{line}\n", 7, "an empty line"),
        (lambda _: "ASN,2016-08,50.3", 6, "3 cells"),
    ],
)
def test_rows_and_headers_of_another_shape(root, rewrite, edit, row, found):
    rewrite(PMI, edit, row=1 if row == 1 else 6)
    problem = only(package.check(root))
    assert problem.row == row
    assert problem.found.startswith(found)


@pytest.mark.parametrize("text", ["1_000", "1e400", " 12"])
def test_what_only_a_parser_takes_for_a_count(root, put, text):
    put(IMK, 2, 3, text)
    problem = only(package.check(root))
    assert (problem.row, problem.column) == (2, "establishments")


def test_scales_that_do_not_add_up_and_values_in_thousands(root, put):
    put(IMK, 4, 4, "156")
    report = package.check(root)
    problems = [(p.severity, p.row, p.column) for p in report.problems if "sha256" not in p.found]
    assert problems == [
        ("error", 4, "workers"),  # the sum
        ("warning", 4, "workers"),  # the other years
        ("error", 4, "workers"),  # in each establishment
        ("warning", 4, "output_mn_idr"),  # of each worker
    ]
    assert "156,844" in report.problems[1].expected
    assert "thousands" in report.problems[2].todo


def test_a_sum_that_the_source_itself_has_wrong_is_an_exception_with_a_note(root, put):
    put(IMK, 4, 4, "156845")
    put(IMK, 4, 11, "the source prints one more")
    severities = {p.severity for p in package.check(root).problems if p.column == "workers"}
    assert severities == {"warning"}


def test_a_jump_of_the_index_is_a_warning(root, put):
    put(PMI, 3, 2, "20.3")
    warnings = [p for p in package.check(root).problems if p.severity == "warning"]
    assert [(p.row, p.column) for p in warnings] == [(3, "pmi")]


def test_leave_days_are_counted(root, put):
    put("lebaran.csv", 3, 3, "5")
    problem = next(p for p in package.check(root).problems if p.file == "lebaran.csv" and p.row)
    assert (problem.row, problem.column) == (3, "collective_leave_days")


def test_a_missing_file_is_one_problem_and_breaks_no_other_table(root):
    (root / RAW / "provinces.csv").unlink()
    problem = only(package.check(root))
    assert (problem.file, problem.found) == ("provinces.csv", "no such file")


@pytest.mark.parametrize(
    "content",
    [None, b"", b'{"resources": [', b"[]", b'{"resources": [{"name": "x"}]}', b"\xff\xfe{"],
)
def test_a_description_that_cannot_be_read(root, content):
    path = root / RAW / "datapackage.json"
    path.unlink() if content is None else path.write_bytes(content)
    assert only(package.check(root)).file == "raw/datapackage.json"
    with pytest.raises(DataError, match=r"datapackage\.json") as caught:
        load("pmi_headline", root)
    assert caught.value.exit_status == 2


def test_a_description_that_frictionless_refuses(root, rewrite):
    rewrite("datapackage.json", lambda b: b.replace(b'"yearmonth"', b'"yearmonths"'))
    assert "yearmonths" in only(package.check(root)).found


def test_a_description_the_rules_do_not_know(root, rewrite):
    def as_text(description):
        unbounded = re.sub(rb',\s*"minimum": "2000-01",\s*"maximum": "2039-12"', b"", description)
        return unbounded.replace(b'"yearmonth"', b'"string"')

    rewrite("datapackage.json", as_text)
    assert only(package.check(root)).file == "datapackage.json"


def test_a_table_that_need_not_name_its_sources(root):
    path = root / RAW / "datapackage.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    for entry in described["resources"]:
        for item in entry["schema"]["fields"]:
            if entry["name"] == "lebaran" and item["name"] == "source":
                del item["constraints"]
    path.write_text(json.dumps(described), encoding="utf-8")
    assert "source" in only(package.check(root)).todo


def test_a_table_without_description_is_a_warning(root):
    (root / RAW / "mine.csv").write_text("a\n1\n", encoding="utf-8")
    report = package.check(root)
    assert report.ok
    assert [(p.file, p.severity) for p in report.problems] == [("mine.csv", "warning")]


def test_an_intended_edit_is_refused_until_sealed(root, put):
    load("pmi_headline", root)
    put(PMI, 3, 2, "50.4")
    with pytest.raises(DataError, match="not the table that was sealed") as caught:
        load("pmi_headline", root)
    assert "ikm-pmi data seal" in caught.value.todo
    problem = only(package.check(root))
    assert problem.expected.startswith("sha256:")
    assert "ikm-pmi data seal" in problem.todo
    assert seal(root) == ("pmi_headline",)
    assert seal(root) == ()
    assert load("pmi_headline", root).pmi[1] == 50.4
    assert package.check(root).ok


def test_a_wrong_edit_is_not_sealed(root, put):
    before = (root / RAW / "datapackage.json").read_bytes()
    put(PMI, 3, 2, "504")
    with pytest.raises(DataError, match="not sealed") as caught:
        seal(root)
    assert caught.value.where == f"{PMI}, row 3, column pmi"
    assert (root / RAW / "datapackage.json").read_bytes() == before


def test_the_report_lists_gaps_and_cuts_long_lists(root, put):
    for row in range(40, 60):
        put(PMI, row, 2, "999")
    put(IMK, 2, 3, "-5")
    text = package.check(root).text()
    assert "… and 8 more in pmi_headline.csv" in text
    assert text.endswith("21 error(s); 4 tables, 0 warning(s).")
    assert text == str(package.check(root))


def test_gaps_are_reported_and_no_error(root):
    report = package.check(root)
    assert report.ok
    assert "IDN: 2012-07, 2012-11, 2017-09\n" in report.text()
    table = report.table().set_index("name")
    assert table.loc["pmi_headline", ["first", "last"]].tolist() == ["2012-03", "2026-07"]
