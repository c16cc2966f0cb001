import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import Episode, ImpactParameters
from ikm_pmi.study import CHAPTERS, parameters_for


@pytest.mark.parametrize("model", CHAPTERS.values(), ids=list(CHAPTERS))
def test_the_cell_gives_back_the_defaults(model):
    namespace = {}
    exec(model.cell(rarely=True), namespace)  # noqa: S102 (the cell is our own)
    exec(model.cell(), namespace)  # noqa: S102 (the cell is our own)
    assert set(model.model_fields) <= set(namespace)
    assert model.from_notebook(namespace) == model.parse({})


@pytest.mark.parametrize("model", CHAPTERS.values(), ids=list(CHAPTERS))
def test_every_parameter_says_what_it_means(model):
    assert all(info.description for info in model.model_fields.values())


@pytest.mark.parametrize("model", CHAPTERS.values(), ids=list(CHAPTERS))
def test_only_scalars_and_lists_so_that_papermill_passes_them_on(model):
    for value in model.parse({}).model_dump().values():
        assert isinstance(value, str | int | float | bool | list)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ParameterError) as caught:
        ImpactParameters.parse({"end_moth": "2022-12"})
    assert "did you mean 'end_month'?" in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("end_month", "2022-13"),
        ("end_month", "Dec 2022"),
        ("end_month", "2001-01"),
        ("leads", -1),
        ("leads", "many"),
        ("confidence_level", 1.0),
        ("java_bali_weight", float("nan")),
        ("java_bali_weight", 1.2),
        ("episodes", []),
        ("episodes", ["ppkm_2021:2021-07"]),
        ("episodes", ["ppkm:2021-08:2021-07"]),
        ("episodes", ["a:2021-07:2021-08", "b:2021-08:2021-09"]),
        ("episodes", ["a:2020-04:2020-05", "a:2021-08:2021-09"]),
        ("after", 13),
        ("exposure", "always"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ParameterError) as caught:
        ImpactParameters.parse({name: value})
    assert name in str(caught.value) or "must not be before" in str(caught.value)


def test_parameters_are_frozen():
    parameters = ImpactParameters.parse({})
    with pytest.raises(ValueError, match="frozen"):
        parameters.leads = 3


def test_a_chapter_is_found_by_a_unique_beginning():
    assert parameters_for("03") is ImpactParameters
    with pytest.raises(ParameterError, match="several"):
        parameters_for("0")
    with pytest.raises(ParameterError, match="no chapter"):
        parameters_for("11")


@pytest.mark.property
@given(st.text(max_size=40))
def test_an_episode_is_read_or_refused_with_a_reason(text):
    try:
        episode = Episode.parse(text)
    except ValueError as refused:
        episode, reason = None, str(refused)
    if episode is None:
        assert reason
    else:
        assert text == f"{episode.name}:{episode.first}:{episode.last}"


@pytest.mark.parametrize(
    ("chapter", "values", "message"),
    [
        ("03", {"start_month": "2020-01", "end_month": "2019-12"}, "end_month must not be before"),
        ("04", {"start_month": "2020-01", "end_month": "2020-01"}, "end_month must be after"),
        ("05", {"start_month": "2020-01", "end_month": "2020-01"}, "end_month must be after"),
        ("06", {"first_year": 2019, "last_year": 2019}, "last_year must be after first_year"),
        (
            "07",
            {"first_month": "2021-09", "last_month": "2021-08"},
            "last_month must not be before",
        ),
        (
            "07",
            {"first_month": "2021-06", "last_month": "2021-09"},
            "must be after reference_month",
        ),
        ("07", {"ranges": []}, "ranges needs one entry"),
    ],
)
def test_values_that_contradict_each_other_are_refused(chapter, values, message):
    with pytest.raises(ParameterError, match=message):
        parameters_for(chapter).parse(values)


def test_a_range_of_the_chain_is_finite():
    model = parameters_for("07")
    ranges = [f"{r.rpartition(':')[0]}:2000000" for r in model.parse({}).ranges]
    with pytest.raises(ParameterError, match="must end below a million"):
        model.parse({"ranges": ranges})


@pytest.mark.parametrize("model", CHAPTERS.values(), ids=lambda model: model.chapter)
def test_papermill_can_read_every_line_of_a_parameters_cell(model):
    """It gives a line up, with a warning at every run, that has a second equals sign."""
    lines = f"{model.cell()}\n{model.cell(rarely=True)}".splitlines()
    assert [line for line in lines if line.count("=") > 1] == []
