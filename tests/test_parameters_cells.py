"""Which names are parameters: those that a parameters cell sets, however often cells are run."""

import pytest

from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.parameters.base import RARELY

CELL = ImpactParameters.cell()
DEFAULTS = ImpactParameters()


def after(*cells, **later):
    """The parameters read in a kernel that has run some cells, and what else it holds."""
    names = {"In": ["", *cells]}
    for cell in cells:
        exec(cell, names)  # noqa: S102 (our own cells)
    return ImpactParameters.from_notebook(names | later)


def test_the_readers_own_names_are_their_own_business():
    loop = "for number in range(3):\n    total = number\nindustry = 'textiles'; levels = [1, 2]"
    later = {"race": object(), "listed": ["a"], "means": [1.0], "title": "x"}
    assert after("x = 5", loop, CELL, "y = [x]", **later) == DEFAULTS


def test_run_again_and_changed_between():
    changed = CELL.replace('"fieldwork"', '"calendar"')
    assert after(CELL, "listed = [1]", CELL) == DEFAULTS
    assert after(CELL, "listed = [1]", changed).exposure == "calendar"
    assert after(changed, CELL).exposure == "fieldwork"


def test_a_slip_in_the_cell_is_refused_until_it_is_corrected():
    slip = CELL.replace("end_month =", "end_moth =")
    with pytest.raises(ParameterError, match="did you mean 'end_month'"):
        after(CELL, slip)
    assert after(slip, CELL) == DEFAULTS


def test_what_papermill_injects_counts_and_so_do_its_slips():
    assert after(CELL, "# Parameters\nleads = 2\n").leads == 2
    with pytest.raises(ParameterError, match="did you mean 'leads'"):
        after(CELL, "# Parameters\nleeds = 2\n")


def test_a_second_folded_cell():
    lines = CELL.split("\n")
    first, second = "\n".join(lines[:8]), "\n".join([RARELY, *lines[8:]])
    moved = second.replace("leads = 1", "leads = 3")
    assert after(first, second) == DEFAULTS
    assert after(first, moved).leads == after(moved, first).leads == 3
    with pytest.raises(ParameterError, match="leeds"):
        after(first, second.replace("leads", "leeds"), first)


@pytest.mark.parametrize(
    ("then", "found"),
    [
        ("from json import decoder as peers", "module"),
        ("leads = 3", "3"),
        ("for leads in range(4): pass", "3"),
        ("controls.append('log_cases')", "log_cases"),
        ("del leads", "None"),
        ("episodes = dict.fromkeys(episodes)", "psbb_2020"),
        ("leads = True", "True"),
    ],
)
def test_a_parameter_hidden_by_something_else_is_refused(then, found):
    with pytest.raises(ParameterError, match="is hidden by something else") as caught:
        after(CELL, then)
    assert found in caught.value.found
    assert "run the parameters cell again" in caught.value.todo
    assert after(CELL, then, CELL) == DEFAULTS


def test_comments_and_strings_of_a_readers_own_are_no_parameters_cells():
    own = (
        "# parameters of my plot\nwidth = 3",
        "x = 1\n# Parameters are kept below",
        'text = """\n# Parameters\n"""',
        "# Parameters (mine)\nheight = 2",
    )
    assert after(*own, CELL, *own) == DEFAULTS


def test_helpers_and_magics_in_the_cell():
    double = "def double(a):\n    b = 2 * a\n    return b\nleads = double(1)"
    assert after(CELL.replace("leads = 1", double)).leads == 2
    assert after(CELL.replace("leads = 1", "leads = [k for k in (2, 3)][0]")).leads == 2
    magic = f"get_ipython().run_cell_magic('time', '', {CELL!r})\n"
    assert ImpactParameters.from_notebook(DEFAULTS.model_dump() | {"In": ["", magic]}) == DEFAULTS


def test_every_name_of_a_chained_assignment_counts():
    lines = [line for line in CELL.split("\n") if not line.startswith("end_month")]
    chained = "\n".join(lines).replace('start_month = "', 'start_month = end_month = "')
    assert after(chained).end_month == DEFAULTS.start_month
    with pytest.raises(ParameterError, match="leeds"):
        after(CELL.replace("leads = 1", "leads = leeds = 2"))


def test_a_cell_that_never_ran_counts_for_nothing():
    broken = {"In": ["", CELL, CELL + "\nleads = (1"]}
    exec(CELL, broken)  # noqa: S102 (our own cell)
    assert ImpactParameters.from_notebook(broken) == DEFAULTS


@pytest.mark.parametrize(
    "written", ['("CHN", "USA")', '["CHN"] + ["USA"]', '["CHN"]\npeers.append("USA")']
)
def test_a_list_however_it_is_written(written):
    lines = [line for line in CELL.split("\n") if not line.startswith("peers")]
    assert after("\n".join([*lines, f"peers = {written}"])).peers == ["CHN", "USA"]


def test_a_value_that_the_cell_computes():
    computed = CELL.replace("leads = 1", "first = 1\nleads = first + 1")
    with pytest.raises(ParameterError, match="unknown parameter 'first'"):
        after(computed)
    assert after(CELL.replace("leads = 1", "leads = 1 + 1")).leads == 2
    with pytest.raises(ParameterError, match="leads is hidden"):
        after(CELL.replace("leads = 1", "leads = min(2, 3)"), "import math as leads")


def test_without_a_parameters_cell_nothing_is_taken_for_one():
    with pytest.raises(ParameterError, match="no parameters cell was run") as caught:
        after("leads = 3")
    assert "Run All" in caught.value.todo


@pytest.mark.parametrize("kept", [{}, {"In": [""]}])
def test_where_no_cell_is_on_record_the_known_names_are_taken(kept):
    assert ImpactParameters.from_notebook({**kept, "leads": 3, "other": 5}).leads == 3
    with pytest.raises(ParameterError, match="leads is hidden"):
        ImpactParameters.from_notebook({**kept, "leads": object()})
