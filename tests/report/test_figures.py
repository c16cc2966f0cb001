"""Every picture has words on its axes, a title that comes from its numbers, and a source."""

import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.language import Catalogue, using
from ikm_pmi.parameters import Episode
from ikm_pmi.report import figures
from ikm_pmi.report.figures import words
from ikm_pmi.results import Estimate

EPISODES = [Episode.parse("psbb_2020:2020-04:2020-06"), Episode.parse("ppkm_2021:2021-07:2021-08")]


def estimate(name, value, low=None, high=None, **detail):
    return Estimate(
        name=name, value=value, unit="u", method="m", ci_low=low, ci_high=high, detail=detail
    )


@pytest.fixture(scope="module")
def monthly():
    return package.load("indonesia_monthly").set_index("month")


def paths():
    months = ["2020-04", "2020-05", "2020-06", "2021-07", "2021-08"]
    frame = pd.DataFrame({"episode": ["psbb_2020"] * 3 + ["ppkm_2021"] * 2, "month": months})
    frame = frame.assign(observed=40.0, counterfactual=50.0)
    return frame.assign(simultaneous_low=45.0, simultaneous_high=55.0)


def months(name="pmi.ppkm_2021.2021-07"):
    return [estimate(name, -11.0, -15.0, -7.0, band_low=-16.0, band_high=-6.0)]


def forest():
    names = ("pooled", "twfe")
    return {"total": [estimate(f"elasticity.{name}", 0.3, 0.1, None) for name in names]}


def rates():
    """One method that is right, one that is far off, one that has no interval."""
    rows = {"experiment": ["a", "a", "b"], "method": ["one", "two", "three"]}
    sizes = {"size": [0.05, 0.9, 0.1], "size_mc": [0.01] * 3}
    covers = {"coverage": [0.95, 0.1, None], "coverage_mc": [0.01, 0.01, None]}
    words = ["nothing off", "rejects too often; covers too rarely", "nothing off"]
    return pd.DataFrame({**rows, **sizes, **covers, "verdict": words})


PICTURES = {
    "rates": lambda _: figures.size_and_coverage(rates(), "A title", "S"),
    "workers": lambda _: figures.workers_by_size(
        pd.DataFrame({"size": ["micro", "small"], "persons": [7e6, 2e6]}), 15.64e6, 2021, "S"
    ),
    "coverage": lambda _: figures.coverage(package.load("country_monthly"), {"IDN": "Here"}, "S"),
    "pmi": lambda m: figures.pmi_with_spells(m["pmi"]["2019-01":"2022-06"], EPISODES, "S"),
    "effects": lambda _: figures.episode_effects(months(), "A title", "S"),
    "implied": lambda m: figures.implied_level(
        (m["pmi"]["2021-07":"2022-06"] - 50).cumsum(), "2021-06", "S"
    ),
    "path": lambda m: figures.observed_and_counterfactual(
        m["pmi"]["2019-06":"2022-06"], paths(), EPISODES, "S"
    ),
    "forest": lambda _: figures.elasticity_forest(forest(), "A title", "S"),
    "influence": lambda _: figures.influence(
        pd.DataFrame({"unit": ["Bali", "Riau"], "without": [0.2, 0.31]}), 0.25, "S"
    ),
    "projections": lambda _: figures.local_projections(
        [estimate(f"panel.lp.{h}", -0.5, -1, 0, band_low=-1.5, band_high=0.5) for h in (0, 1)],
        "A title",
        "S",
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_names_its_axes_title_and_source(name, monthly):
    figure = PICTURES[name](monthly)
    assert figure._suptitle.get_text()
    assert figure._supxlabel.get_text().startswith("Source: ")
    for ax in figure.axes:
        assert ax.get_xlabel() or ax.get_ylabel()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("workers", "15.64 million IKM workers were announced"),
        ("pmi", "fell from 53.5 to 40.1 in July 2021"),
        ("path", "stood 10.0 points"),
        ("influence", "Leaving out Riau moves the elasticity most, from 0.25 to 0.31"),
    ],
)
def test_the_title_is_computed_from_the_numbers(name, words, monthly):
    title = PICTURES[name](monthly)._suptitle.get_text().replace("\n", " ")
    assert words in title


def test_a_rate_beyond_the_panel_keeps_its_value_and_what_does_not_apply_is_not_drawn():
    sizes, covers = PICTURES["rates"](None).axes
    assert [text.get_text() for text in sizes.texts] == ["0.90"]
    assert [text.get_text() for text in covers.texts] == ["0.10"]
    dots = [[line for line in ax.lines if line.get_marker() == "o"] for ax in (sizes, covers)]
    assert [len(found) for found in dots] == [3, 2]


def test_an_open_end_of_an_interval_is_no_whisker():
    ax = PICTURES["forest"](None).axes[0]
    whiskers = [
        line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"
    ]
    assert len([line for line in whiskers if line.get_linewidth() > 1.2]) == 0


def labels(figure):
    """Every text of a picture: its own, those of its panels, and those of its axes."""
    figure.canvas.draw()
    for text in (*figure.texts, *words._texts(figure)):
        yield text.get_text()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            yield from (label.get_text() for label in axis.get_ticklabels())


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_in_indonesian_has_the_same_texts_translated(name, monthly):
    english = PICTURES[name](monthly)
    with using("id"):
        other = PICTURES[name](monthly)
        pairs = list(zip(labels(english), labels(other), strict=True))
        catalogue = Catalogue.of("id")
        for text, said in pairs:
            expected = catalogue.say(text.replace("\n", " "))[0].replace("\n", " ")
            assert said.replace("\n", " ") in {expected, catalogue.say(text)[0].replace("\n", " ")}
    assert sum(text != said for text, said in pairs) >= 3
    for one, two in zip(english.texts, other.texts, strict=True):
        same = ("get_position", "get_ha", "get_fontsize", "get_fontweight", "get_color")
        assert [getattr(one, get)() for get in same] == [getattr(two, get)() for get in same]


def test_numbers_and_months_of_a_picture_in_indonesian(monthly):
    with using("id"):
        title = PICTURES["pmi"](monthly)._suptitle.get_text().replace("\n", " ")
        bars = PICTURES["workers"](None)
    assert title == "PMI manufaktur Indonesia turun dari 53,5 ke 40,1 pada Juli 2021"
    assert {text.get_text() for text in bars.axes[0].texts} >= {"mikro\n7,00", "IKM, 15,64"}
    assert bars._supxlabel.get_text() == "Sumber: S"


def test_a_picture_is_in_english_again_after_the_block(monthly):
    figure = PICTURES["workers"](monthly)
    before = list(labels(figure))
    with using("id"), words.translated(figure):
        inside = list(labels(figure))
    assert "juta tenaga kerja" in inside
    assert list(labels(figure)) == before
