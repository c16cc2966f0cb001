"""Indonesian as the reader's language: numbers, words, and what must not change."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikm_pmi.errors import ParameterError
from ikm_pmi.language import language, numeral, spoken, tr, using
from ikm_pmi.pipeline.headlines import headlines
from ikm_pmi.results import number, probability

ROOT = Path(__file__).parents[1]


def back(text):
    """An Indonesian numeral as the English one."""
    return text.translate(str.maketrans(".,", ",."))


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (43.7, 1, "43,7"),
        (4_410_000, 0, "4.410.000"),
        (-1234.5, 2, "−1.234,50"),
        (-0.001, 2, "0,00"),
    ],
)
def test_numbers_as_indonesians_write_them(value, digits, said):
    with using("id"):
        assert number(value, digits) == said
        assert probability(0.0002) == "< 0,001"
        assert probability(0.0416) == "0,042"


@pytest.mark.property
@given(
    st.floats(-1e15, 1e15, allow_nan=False).filter(lambda x: abs(x) < 1e15),
    st.integers(0, 6),
)
def test_number_reads_back(value, digits):
    english = number(value, digits)
    with using("id"):
        said = number(value, digits)
        assert tr(english) == said
    assert back(said) == english
    assert float(back(said).replace(",", "").replace("−", "-")) == float(f"{value:.{digits}f}")


def test_a_block_is_undone_and_of_its_own_thread():
    seen = []
    with using("id"):
        thread = threading.Thread(target=lambda: seen.append(language()))
        thread.start()
        thread.join()
        with pytest.raises(ZeroDivisionError), using("en"):
            raise ZeroDivisionError
        assert language() == "id"
    assert (language(), seen) == ("en", ["en"])


def test_unknown_language():
    with pytest.raises(ParameterError, match="unknown language 'fr'"), using("fr"):
        pass


def test_what_is_said_is_not_said_twice():
    with using("id"):
        once = tr("1,234")
        assert (once, tr(once), numeral("1,234.5")) == ("1.234", "1.234", "1.234,5")


def test_composed_in_english_shown_in_the_readers_language():
    compose = spoken(lambda: f"{number(1234.5, 1)} to {tr('2,000')}")
    assert compose() == "1,234.5 to 2,000"
    with using("id"):
        assert compose() == "1.234,5 sampai 2.000"


def test_unknown_text_stays_english():
    with using("id"):
        assert tr("Nobody translated this, with 1,234.5 in it.") == (
            "Nobody translated this, with 1,234.5 in it."
        )


def test_headlines_in_both_languages():
    place = (ROOT / "reference", "{chapter}.json")
    english, said = headlines(*place), headlines(*place, language="id")
    assert language() == "en"
    for one, other in zip(english, said, strict=True):
        assert (one.name, one.chapter) == (other.name, other.chapter)
        assert one.question != other.question
        assert back(other.value) == one.value
        assert back(other.interval).replace("sampai", "to") == one.interval
        assert one.value in one.sentence
        assert other.value in other.sentence
        assert not {"the", "of", "to", "and"} & set(other.sentence.split()), other.sentence


def test_headline_without_a_result(tmp_path):
    one = headlines(tmp_path, language="id")[0]
    assert (one.value, one.interval, one.n, one.sentence) == ("", "", "", "")
