import re
from pathlib import Path

import pytest

from ikm_pmi.data import checks
from ikm_pmi.data.checks import seal
from ikm_pmi.data.package import RAW, find_root, load, read_descriptor
from ikm_pmi.engine import processed
from ikm_pmi.errors import DataError

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
        6: (2, "153", "pmi", '"maximum" is "90"', "'153'"),
        8: (2, "-1", "pmi", '"minimum" is "10"', "'-1'"),
        10: (2, "abc", "pmi", "number", "'abc'"),
        12: (2, '"53,5"', "pmi", "number", "write 53.5"),
        14: (1, "2021-13", "month", "yearmonth", "'2021-13'"),
        16: (0, "XXX", "country_iso3", "countries", "'XXX'"),
        18: (3, "final", "vintage", "first', 'revised', 'unknown", "'final'"),
        20: (5, "", "source_url", "required", "an empty cell"),
    }
    for row, (position, text, *_) in faults.items():
        put(PMI, row, position, text)
    problems = by_row(checks.check(root), PMI)
    assert set(problems) == set(faults)
    for row, (_, _, column, expected, found) in faults.items():
        problem = problems[row]
        assert problem.column == column
        assert expected in problem.expected
        assert found in f"{problem.found} {problem.todo}"


def test_counts_and_provinces(root, put):
    put(IMK, 2, 3, "-5")
    put(IMK, 3, 3, "12.5")
    put(IMK, 5, 2, "tiny")
    put(IMK, 8, 0, "Acheh")
    put("provinces.csv", 2, 1, "Atjeh")
    report = checks.check(root)
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
    problem = only(checks.check(root))
    assert (problem.row, problem.column) == (7, "country_iso3, month")
    assert "position 6" in problem.expected


@pytest.mark.parametrize(
    ("edit", "found", "row"),
    [
        (lambda b: b"\xef\xbb\xbf" + b, "the sign 0xfeff", 1),
        (lambda b: b.replace(b"\n", b"\r\n"), "the sign 0x0d", 1),
        (lambda b: b.decode().encode("utf-16"), "the byte 0xff", 1),
        (lambda b: b.replace(b"Aceh,2014", b"Ac\xe9h,2014", 1), "the byte 0xe9", 5),
        (lambda _: b"", "0 lines", None),
        (lambda b: b[: b.index(b"\n") + 1], "1 lines", None),
        (lambda b: b.replace(b",", b";"), "province;year;scale", 1),
        (lambda b: b[:-1], "Bali,2025,total", None),
        (lambda b: b.replace(b"Aceh", b'"Aceh', 1), '"Aceh,2013', 2),
    ],
)
def test_a_file_that_is_no_table(root, rewrite, edit, found, row):
    rewrite(IMK, edit)
    problem = only(checks.check(root))
    assert (problem.file, problem.row) == (IMK, row)
    assert problem.found.startswith(found)
    assert problem.todo


@pytest.mark.parametrize(
    ("edit", "row", "found"),
    [
        (lambda line: line.replace("pmi", "PMI"), 1, "country_iso3,month,PMI"),
        (lambda line: f"{line}\n", 7, "0 cells"),
        (lambda _: "ASN,2016-08,50.3", 6, "3 cells"),
        (lambda line: line.replace(".", ",", 1), 6, "7 cells"),
    ],
)
def test_rows_and_headers_of_another_shape(root, rewrite, edit, row, found):
    rewrite(PMI, edit, row=1 if row == 1 else 6)
    problem = only(checks.check(root))
    assert problem.row == row
    assert problem.found.startswith(found)


@pytest.mark.parametrize("text", ["1_000", "1e400", " 12"])
def test_what_only_a_parser_takes_for_a_count(root, put, text):
    put(IMK, 2, 3, text)
    problem = only(checks.check(root))
    assert (problem.row, problem.column) == (2, "establishments")


def test_scales_that_do_not_add_up_and_values_in_thousands(root, put):
    put(IMK, 4, 4, "156")
    report = checks.check(root)
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
    severities = {p.severity for p in checks.check(root).problems if p.column == "workers"}
    assert severities == {"warning"}


def test_a_jump_of_the_index_is_a_warning(root, put):
    put(PMI, 3, 2, "20.3")
    warnings = [p for p in checks.check(root).problems if p.severity == "warning"]
    assert [(p.row, p.column) for p in warnings] == [(3, "pmi")]


def test_leave_days_are_counted(root, put):
    put("lebaran.csv", 3, 3, "5")
    problem = next(p for p in checks.check(root).problems if p.file == "lebaran.csv" and p.row)
    assert (problem.row, problem.column) == (3, "collective_leave_days")


def test_a_missing_file_is_one_problem_and_breaks_no_other_table(root):
    (root / RAW / "provinces.csv").unlink()
    problem = only(checks.check(root))
    assert (problem.file, problem.found) == ("provinces.csv", "no such file")


@pytest.mark.parametrize(
    "content",
    [None, b"", b'{"resources": [', b"[]", b'{"resources": [{"name": "x"}]}', b"\xff\xfe{"],
)
def test_a_description_that_cannot_be_read(root, content):
    path = root / RAW / "datapackage.json"
    path.unlink() if content is None else path.write_bytes(content)
    assert only(checks.check(root)).file == "raw/datapackage.json"
    with pytest.raises(DataError, match=r"datapackage\.json") as caught:
        load("pmi_headline", root)
    assert caught.value.exit_status == 2


def test_a_description_that_frictionless_refuses(root, rewrite):
    rewrite("datapackage.json", lambda b: b.replace(b'"yearmonth"', b'"yearmonths"'))
    assert "yearmonths" in only(checks.check(root)).found


def test_a_description_the_rules_do_not_know(root, rewrite):
    def as_text(description):
        unbounded = re.sub(rb',\s*"minimum": "2000-01",\s*"maximum": "2039-12"', b"", description)
        return unbounded.replace(b'"yearmonth"', b'"string"')

    rewrite("datapackage.json", as_text)
    assert only(checks.check(root)).file == "datapackage.json"


def test_every_row_of_every_raw_table_names_its_source():
    for entry in read_descriptor(find_root(Path(__file__)) / RAW)["resources"]:
        fields = {item["name"]: item for item in entry["schema"]["fields"]}
        source = fields["citation" if entry["name"] == "sources" else "source"]
        assert source["constraints"]["required"], entry["name"]


def test_a_table_without_description_is_a_warning(root):
    (root / RAW / "mine.csv").write_text("a\n1\n", encoding="utf-8")
    report = checks.check(root)
    assert report.ok
    assert [(p.file, p.severity) for p in report.problems] == [("mine.csv", "warning")]


def test_an_intended_edit_is_refused_until_sealed(root, put):
    load("pmi_headline", root)
    put(PMI, 3, 2, "50.4")
    with pytest.raises(DataError, match="not the table that was sealed") as caught:
        load("pmi_headline", root)
    assert "ikm-pmi data seal" in caught.value.todo
    problem = only(checks.check(root))
    assert problem.expected.startswith("sha256:")
    assert "ikm-pmi data seal" in problem.todo
    assert seal(root) == ("pmi_headline",)
    assert seal(root) == ()
    assert load("pmi_headline", root).pmi[1] == 50.4
    assert checks.check(root).ok


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
    text = checks.check(root).text()
    assert "… and 8 more in pmi_headline.csv" in text
    assert text.endswith("21 error(s); 4 tables, 0 warning(s).")
    assert text == str(checks.check(root))


def test_gaps_are_reported_and_no_error(root):
    report = checks.check(root)
    assert report.ok
    assert "IDN: 2012-07, 2012-11, 2017-09\n" in report.text()
    table = report.table().set_index("name")
    assert table.loc["pmi_headline", ["first", "last"]].tolist() == ["2012-03", "2026-07"]
