"""Every raw table spoilt in thousands of ways: read as it stands, or refused in four parts."""

import hashlib
from collections import Counter

import pytest
from corruptions import cell_faults, column_faults, file_faults, read, rewritten, rows_of, stated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import ENTRIES, in_four_parts, left, project

from ikm_pmi.data.checks import check
from ikm_pmi.data.package import load
from ikm_pmi.engine.processed import seal
from ikm_pmi.errors import DataError
from sample import sampled

TABLES = list(ENTRIES)

# Whole columns that may be read in another unit without notice, and why no range can tell.
NO_UNIT = {
    ("covid_monthly", "new_cases"): "a month may have nine cases or nine million",
    ("covid_monthly", "new_deaths"): "as cases",
    ("elasticity_benchmarks", "estimate"): "an elasticity may be near zero",
    ("imk_quarterly_growth", "growth_yoy_pct"): "growth may be near zero",
    ("imk_quarterly_growth", "growth_qoq_pct"): "growth may be near zero",
    ("mobility_monthly", "workplaces"): "a change from the baseline may be near zero",
    ("mobility_monthly", "retail_and_recreation"): "as workplaces",
    ("mobility_monthly", "transit_stations"): "as workplaces",
    ("mobility_monthly", "grocery_and_pharmacy"): "as workplaces",
    ("mobility_monthly", "parks"): "as workplaces",
    ("mobility_monthly", "residential"): "as workplaces",
    ("province_industry_va_2016", "value_added_mn_idr"): "a province may hardly have an industry",
    ("subsector_gdp_quarterly", "value"): "growth may be near zero",
    ("restrictions_monthly", "stringency_mean"): "a month may be almost without restrictions",
    ("restrictions_monthly", "c2_workplace_mean"): "as stringency",
    ("restrictions_monthly", "c6_stay_home_mean"): "as stringency",
    ("restrictions_monthly", "economic_support_mean"): "as stringency",
}


@pytest.fixture(scope="module")
def projects():
    return {}


@pytest.fixture
def spoilt(tmp_path_factory, projects):
    """The small project of a table, put back after each use."""

    def get(table):
        if table not in projects:
            projects[table] = project(table, tmp_path_factory.mktemp(table) / "a project")
            assert check(projects[table].root).problems == ()
        return projects[table]

    return get


def outcome(case, content, verdict):
    """What became of one spoilt table: refused, warned of, or read as it stands."""
    case.spoil(content)
    before = case.files()
    try:
        with pytest.raises(DataError, match="not the table that was sealed"):
            load(case.table, case.root)
        told = []
        try:
            changed = seal(case.root, tell=told.append)
        except DataError as error:
            in_four_parts(error)
            left(case, before)
            return "refused"
        assert changed == (case.table,)
        assert verdict != "refused"
        meant = rows_of(case.content if verdict == "same" else content)
        assert read(load(case.table, case.root), case.fields) == stated(meant, case.fields)
        after = case.files()
        assert {n: c for n, c in after.items() if n != "datapackage.json"} == {
            n: c for n, c in before.items() if n != "datapackage.json"
        }
        return "warned of" if told else "sealed by name, read as it stands"
    finally:
        case.restore()


def enumerated(case, turn, every):
    """(kind, bytes, what must follow, what): all of whole columns, one in ``every`` of all others.

    The tables begin at different ones, so that each has its turn.
    """
    yield from column_faults(case.content, case.fields)
    others = [(*fault, "") for fault in file_faults(case.content)]
    header, *body = rows_of(case.content)
    for place, field in enumerate(case.fields):
        row = next((k for k, cells in enumerate(body) if cells[place]), 0)
        for kind, text, verdict in cell_faults(field, body[row][place]):
            cells = [list(line) for line in body]
            cells[row][place] = text
            content = rewritten(case.content, [header, *cells])
            others.append((kind, content, verdict, f"{field['name']} = {text[:40]!r}"))
    yield from others[turn % every :: every]


@pytest.mark.parametrize("table", sampled(TABLES, 4, first=1))
def test_a_spoilt_table_is_read_as_it_stands_or_refused(table, spoilt, tries, record_property):
    case, every, seen, found = spoilt(table), tries(5, 25), set(), Counter()
    for kind, content, verdict, what in enumerated(case, TABLES.index(table), every):
        key = hashlib.sha256(content).digest()
        if content == case.content or key in seen:
            continue
        seen.add(key)
        try:
            end = outcome(case, content, verdict)
        except Exception as error:
            error.add_note(f"{table}: {kind}: {what}")
            raise
        if verdict == "noticed" and end not in ("refused", "warned of"):
            excused = what.endswith("0.001") and (table, what.split(" ")[0]) in NO_UNIT
            assert excused, (kind, what)
        found[end] += 1
    assert len(seen) > 200 / every
    counted = ", ".join(f"{count} {end}" for end, count in sorted(found.items()))
    record_property(
        "reliability",
        {"part": "bad input", "what": f"raw table {table}", "times": len(seen), "outcome": counted},
    )


MONTHLY = [
    name for name in TABLES if "yearmonth" in {f["type"] for f in ENTRIES[name]["schema"]["fields"]}
]


#: Single months from the press: no series in which one could be missing.
SPARSE = {"exports_monthly", "industry_monthly", "pmi_wording_monthly"}


@pytest.mark.parametrize("table", [name for name in MONTHLY if name not in SPARSE])
def test_a_month_that_is_missing_is_listed_and_one_that_is_there_twice_refused(table, spoilt):
    case = spoilt(table)
    header, *body = rows_of(case.content)
    place = header.index("month")
    case.spoil(rewritten(case.content, [header, *body[:5], *body[6:]]))
    assert seal(case.root) == (table,)
    text = check(case.root).text()
    case.restore()
    assert body[5][place] in text.split("Months missing")[1]
    again = [*body[5][:place], body[4][place], *body[5][place + 1 :]]
    twice = rewritten(case.content, [header, *body[:5], again, *body[6:]])
    assert outcome(case, twice, "refused") == "refused"


@pytest.mark.property
def test_bytes_changed_at_random_are_read_as_they_stand_or_refused(spoilt, tries, record_property):
    often, seen, found = tries(200, 40), set(), Counter()

    @settings(
        max_examples=often,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(TABLES), st.data())
    def spoil(table, data):
        case = spoilt(table)
        content = bytearray(case.content)
        for _ in range(data.draw(st.integers(1, 4), label="changes")):
            start = data.draw(st.integers(0, len(content) - 1), label="from")
            length = data.draw(st.sampled_from([0, 1, 1, 2, 7, 40]), label="bytes replaced")
            new = data.draw(
                st.one_of(
                    st.binary(max_size=4),
                    st.text(max_size=6).map(str.encode),
                    st.sampled_from([b",", b'"', b"\n", b"-", b"0", b".", b"e"]),
                )
            )
            content[start : start + length] = new
        if bytes(content) != case.content:
            seen.add(bytes(content))
            found[outcome(case, bytes(content), "stated")] += 1

    spoil()
    assert len(seen) > 0.75 * often
    counted = ", ".join(f"{count} {end}" for end, count in sorted(found.items()))
    record_property(
        "reliability",
        {
            "part": "bad input",
            "what": "raw tables, random bytes",
            "times": len(seen),
            "outcome": counted,
        },
    )
