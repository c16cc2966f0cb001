"""Two surveys of one quarter: ranks by hand, gaps that stay gaps, and the announcement's words."""

import json

import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError
from ikm_pmi.parameters import YardsticksParameters
from ikm_pmi.pmi import surveys


@pytest.fixture(scope="module")
def tables():
    return package.load_many(surveys.TABLES)


def parsed(**values):
    return YardsticksParameters.parse(values)


def made_up(forecasts, outcomes):
    """Tables with these pairs, a quarter each from 2020Q1, and a PMI that is the outcome."""
    quarters = pd.period_range("2020Q1", periods=len(outcomes), freq="Q")
    parts = [
        pd.DataFrame({"quarter": quarters, "kind": kind, "value": values, "source": "made up"})
        for kind, values in (("forecast", forecasts), ("headline", outcomes))
    ]
    months = pd.period_range("2020-01", periods=3 * len(outcomes), freq="M")
    pmi = [value for value in outcomes for _ in range(3)]
    component = pd.DataFrame({"quarter": quarters, "kind": "component", "value": 50.0})
    return {
        "pmi_bi_quarterly": pd.concat(
            [*(p.assign(item="total") for p in parts), component.assign(item="production")]
        ),
        "indonesia_monthly": pd.DataFrame({"month": months, "pmi": pmi}),
    }


def test_ranks_by_hand():
    """Misses -1, -6, -2, -3 about a mean of -3: that of 2020Q4 is 0 from it, that of 2020Q2 -3."""
    made = made_up([51.0, 56.0, 52.0, 53.0], [50.0, 50.0, 50.0, 50.0])
    found = surveys.surveys(made, parsed(quarter="2020Q4"))
    assert list(map(str, found.misses.index)) == ["2020Q2", "2020Q4", "2020Q3", "2020Q1"]
    assert (found.rank, found["survey.pmi_bi.miss"].value) == (2, -3.0)
    plain, less_mean = found.tests
    assert (plain.p_value, less_mean.p_value, plain.minimum_p) == (2 / 4, 1.0, 1 / 4)
    worst = surveys.surveys(made, parsed(quarter="2020Q2"))
    assert worst.rank == 1
    assert [t.p_value for t in worst.tests] == [1 / 4, 1 / 4]


def test_the_printed_pairs_are_found_again(tables):
    """Chapter's notes: 54.5 to 45.3 against 51.45 to 48.75, fourteen pairs, the eighth lowest."""
    found = surveys.surveys(tables, parsed())
    before, now = (found.levels.loc[quarter] for quarter in ("2021Q2", "2021Q3"))
    assert [before["pmi_bi"], now["pmi_bi"]] == [51.45, 48.75]
    assert [before["pmi"], now["pmi"]] == pytest.approx([54.5, 45.3], abs=0.05)
    lowest = found.misses["miss"].head(5).round(1)
    assert lowest.tolist() == pytest.approx([-20.2, -7.1, -3.8, -3.1, -2.5], abs=0.051)
    assert (found.rank, len(found.misses)) == (8, 14)
    assert list(map(str, found.components.index)) == [
        *("2020Q3", "2021Q2", "2021Q3", "2022Q2", "2022Q3")
    ]
    assert json.loads(json.dumps(found.to_dict()))["quarter"] == "2021Q3"


def test_a_mean_needs_three_months(tables):
    monthly = tables["indonesia_monthly"]
    short = monthly[monthly["month"] != pd.Period("2021-08", "M")]
    with pytest.raises(EstimationError) as error:
        surveys.surveys({**tables, "indonesia_monthly": short}, parsed())
    assert "2021Q2" in error.value.expected
    assert "2021Q3" not in error.value.expected


@pytest.mark.parametrize("quarter", ["2019Q2", "2023Q1", "2040Q1"])
def test_a_quarter_without_a_pair_is_refused_with_those_that_have_one(tables, quarter):
    with pytest.raises(EstimationError, match="cannot be compared") as error:
        surveys.surveys(tables, parsed(quarter=quarter, base_year=2014))
    for other in error.value.expected.removeprefix("one of ").split(", "):
        assert surveys.surveys(tables, parsed(quarter=other, base_year=2014)).quarter == other


def test_words_stay_empty_where_none_was_printed(tables):
    table = surveys.wording(tables["pmi_wording_monthly"], parsed())
    assert tuple(table.index) == surveys.COMPONENTS
    words, july, august = table["words"], pd.Period("2021-07", "M"), pd.Period("2021-08", "M")
    assert words.loc["new export orders", july] == "began to fall"
    assert words.loc["output", august] == "fell more slowly"
    assert words.loc["suppliers' delivery times", [july, august]].isna().all()
    assert pd.isna(words.loc["employment", august])
    assert (words.isna() == table["direction"].isna()).all(axis=None)
    early = surveys.wording(tables["pmi_wording_monthly"], parsed(quarter="2020Q2"))
    assert list(map(str, early["words"].columns))[::9] == ["2019-12", "2020-09"]


def test_the_sign_of_july_hangs_on_the_vintage(tables):
    found = surveys.exports_by_vintage(tables["exports_monthly"], parsed())
    july = found.loc[pd.Period("2021-07", "M")]
    assert july["first_mom_pct"] < 0 < july["latest_mom_pct"]
    assert july["latest_mom_pct"] == pytest.approx(4.4, abs=0.05)
    # -4.53 was printed against the June of the time; here against June as it stands now.
    assert july["first_mom_pct"] == pytest.approx(-4.53, abs=0.1)
    assert found["first"].notna().sum() == 1
