"""Indonesian as the reader's language: numbers, words, and what must not change."""

import ast
import json
import re
import threading
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ikm_pmi.engine.chapters import run
from ikm_pmi.engine.headlines import headlines
from ikm_pmi.engine.publish import publish
from ikm_pmi.errors import ParameterError
from ikm_pmi.language import joined, language, learn, say, tr, translated, using, wording
from ikm_pmi.parameters import CounterfactualParameters, DataParameters
from ikm_pmi.report import figures
from ikm_pmi.report.words import worded
from ikm_pmi.results import Estimate, number, probability
from ikm_pmi.share.exhibits import Exhibit, in_indonesian
from ikm_pmi.study import CHAPTERS, PICTURES
from sample import sampled

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
        assert tr(number(value, digits)) == said
        assert tr(probability(0.0002)) == "< 0,001"
        assert tr(probability(0.0416)) == "0,042"


@pytest.mark.property
@settings(deadline=None)  # the first example reads the catalogue
@given(
    st.floats(-1e15, 1e15, allow_nan=False).filter(lambda x: abs(x) < 1e15),
    st.integers(0, 6),
)
def test_number_reads_back(value, digits):
    english = number(value, digits)
    with using("id"):
        said = tr(english)
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
        assert (once, tr(once), tr("1,234.5")) == ("1.234", "1.234", "1.234,5")


def test_composed_in_english_shown_in_the_readers_language():
    compose = translated(lambda: say("{} to {:,}", number(1234.5, 1), 2000))
    assert compose() == "1,234.5 to 2,000"
    with using("id"):
        assert compose() == "1.234,5 sampai 2.000"


def test_unknown_text_stays_english():
    with using("id"):
        assert tr("Nobody translated this, with 1,234.5 in it.") == (
            "Nobody translated this, with 1,234.5 in it."
        )


WORDS = st.sampled_from(
    ["index points", "{0}", "{", "}", "%s", " to ", " and ", "; ", ": ", ", ", ". ", "(", ")"]
)


@pytest.mark.property
@settings(deadline=None)
@given(st.lists(WORDS | st.floats().map(str) | st.text(max_size=4), max_size=12).map("".join))
def test_no_text_is_too_odd(text):
    with using("id"):
        said = tr(text)
        assert tr(said) == said
    assert digits(said) == digits(text)


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


def test_the_parameter_sets_the_language_of_the_chapter():
    try:
        DataParameters.from_notebook({"language": "id"})
        assert language() == "id"
        sentence = Estimate(
            name="pmi.dose.level", value=-3.82, unit="index points", method="value added", n=1300,
            ci_low=-17.2, ci_high=1.6, ci_level=0.95,
        ).sentence()  # fmt: skip
    finally:
        DataParameters.from_notebook({})
    assert sentence == (
        "pmi.dose.level: −3,82 poin indeks (selang kepercayaan 95%: −17,20 sampai 1,60), "
        "n = 1.300; nilai tambah."
    )
    assert language() == "en"
    with pytest.raises(ParameterError, match="language is refused"):
        DataParameters.parse({"language": "fr"})


def test_the_picture_of_the_landing_page_is_published_in_both_languages(tmp_path, monkeypatch):
    monkeypatch.setenv("IKM_PMI_RESULTS", str(tmp_path))
    [(chapter, name)] = PICTURES
    counts = pd.DataFrame({"size": ["micro", "small"], "persons": [7e6, 2e6]})
    drawn = figures.workers_by_size(counts, 15.64e6, 2021, "S")
    found = [Estimate(name="a.b", value=1.0, unit="percent", method="m")]
    publish(CounterfactualParameters(), estimates=found, figures={name: drawn, "other": drawn})
    folder = tmp_path / chapter / "figures"
    assert {path.name for path in (folder / "id").iterdir()} == {f"{name}.png", f"{name}.svg"}
    with Image.open(folder / f"{name}.png") as english, Image.open(folder / "other.png") as other:
        assert english.tobytes() == other.tobytes()
    with Image.open(folder / "id" / f"{name}.png") as image:
        assert image.info["Title"].startswith("15,64 juta tenaga kerja IKM diumumkan")
        assert image.info["Description"] == "Mendatar: juta tenaga kerja. Sumber: S"
    files = {f"figures/{part}{name}.{kind}": "0" for part in ("", "id/") for kind in ("png", "svg")}
    (tmp_path / "manifest.json").write_text(
        json.dumps({"schema": 1, "results": {chapter: {"inputs": {}, "files": files}}}),
        encoding="utf-8",
    )
    shown = Exhibit(
        kind="figure", chapter=chapter, name=name, title="", text="", cell="", files={}, inputs={}
    )
    said = in_indonesian(shown, tmp_path)
    assert said.title.startswith("15,64 juta")
    assert sorted(said.files) == [f"{chapter}/figures/id/{name}.{kind}" for kind in ("png", "svg")]
    lone = replace(shown, name="other")
    assert in_indonesian(lone, tmp_path) == lone


@pytest.mark.notebooks
def test_a_chapter_in_indonesian(tmp_path):
    target = run("00", {"language": "id"}, root=ROOT, results_dir=tmp_path)
    found = json.loads((target / "result.json").read_text(encoding="utf-8"))
    reference = json.loads((ROOT / "reference/00_the_claims.json").read_text(encoding="utf-8"))
    assert [e["name"] for e in found["estimates"]] == [e["name"] for e in reference["estimates"]]
    assert [e["unit"] for e in found["estimates"]] == [e["unit"] for e in reference["estimates"]]
    values = [e["value"] for e in reference["estimates"]]
    assert [e["value"] for e in found["estimates"]] == pytest.approx(values, rel=1e-9)
    assert [digits(note) for note in found["notes"]] == [*map(digits, reference["notes"])]
    assert not set(found["notes"]) & set(reference["notes"])
    shown = set(visible(target / "notebook.ipynb"))
    assert {"terkonfirmasi", "43,7", "4.410.000", "tidak dapat diperiksa"} <= shown
    assert not {"confirmed", "43.7", "4,410,000"} & shown


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SLOT = re.compile(r"\{:?[^{}]*\}")
WORD = re.compile(r"(?<!\w)[a-z]{2,}(?!\w)")


class Cells(HTMLParser):
    """The texts of a table's cells, of sentences made from results, and of folds."""

    parts = frozenset({"th", "td", "caption", "p", "li", "summary"})

    def __init__(self):
        super().__init__()
        self.texts, self.open = [], False

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        if tag in self.parts:
            self.open = True
            self.texts.append("")

    def handle_endtag(self, tag):
        self.open = self.open and tag not in self.parts

    def handle_data(self, data):
        if self.open:
            self.texts[-1] += data


def visible(path):
    """Every printed line and every cell of the tables of a committed chapter."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            if output["output_type"] == "stream":
                yield from "".join(output["text"]).splitlines()
            elif "text/html" in output.get("data", {}):
                cells = Cells()
                cells.feed("".join(output["data"]["text/html"]))
                yield from cells.texts


def digits(text):
    """The digits of a text in groups, whatever separates them."""
    return sorted(re.findall(r"\d+", text.replace("chi2", "")))


def catalogue():
    """Msgid to msgstr."""
    from babel.messages.pofile import read_po

    with (ROOT / "src/ikm_pmi/locale/id.po").open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    assert not [message.id for message in messages if message.fuzzy]
    return {str(message.id): str(message.string) for message in messages}


@pytest.mark.notebooks
@pytest.mark.parametrize("chapter", sampled(CHAPTERS, len(CHAPTERS), first=2))
def test_all_that_a_chapter_shows_is_translated_and_keeps_its_numbers(
    chapter, tmp_path, record_property
):
    """In Indonesian beside the committed English: every word is one of the translations'."""
    words = set(WORD.findall(" ".join(catalogue().values())))
    path = ROOT / "notebooks" / f"{chapter}.ipynb"
    target = run(chapter[:2], {"language": "id"}, root=ROOT, results_dir=tmp_path)
    pairs = list(zip(visible(path), visible(target / "notebook.ipynb"), strict=True))
    assert len(pairs) > 30
    for text, said in pairs:
        assert set(WORD.findall(said)) <= words, said
        assert digits(said) == digits(text), said
        if not re.search(r"[A-Za-z]|, ", text.replace(" to ", "")):
            assert back(said.replace(" sampai ", " to ")) == text
    learn(json.loads((target / "wording.json").read_text(encoding="utf-8")))
    content = json.loads((target / "result.json").read_text(encoding="utf-8"))
    texts = {entry[key] for entry in content["estimates"] for key in ("unit", "method")}
    texts |= {entry[key] for entry in content["tests"] for key in ("null", "distribution")}
    with using("id"):
        for text in texts:
            assert set(WORD.findall(tr(text))) <= words, text
    for picture in (target / "figures").glob("*.png"):
        with Image.open(picture) as image:
            told = " ".join(image.info[key] for key in ("Title", "Description"))
        assert set(WORD.findall(told)) <= words, told
    record_property(
        "reliability",
        {"part": "numbers", "what": "texts shown in Indonesian, their numbers read back",
         "times": len(pairs), "outcome": "the same numbers as in English"},
    )  # fmt: skip


def sources():
    """The trees of the modules and of the chapters."""
    for path in (ROOT / "src/ikm_pmi").rglob("*.py"):
        if "cli" not in path.parts:  # its say() prints
            yield ast.parse(path.read_text(encoding="utf-8"))
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield from (ast.parse("".join(c["source"])) for c in cells if c["cell_type"] == "code")


def written(tree):
    """Every text in it."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {SLOT.sub("{}", node.value) for node in nodes if isinstance(node.value, str)}


def templates(tree):
    """The texts that say() is given first: as such, the one or the other, or by a name."""
    named = {}
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            named.setdefault(ast.unparse(target), set()).update(written(node.value))
    for node in ast.walk(tree):
        func = getattr(node, "func", None)
        if "say" in (getattr(func, "id", ""), getattr(func, "attr", "")):
            first = node.args[0]
            parts = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
            for part in parts:
                yield from named.get(ast.unparse(part), ()) or written(part)


def test_every_template_is_in_the_catalogue_with_its_slots_and_no_other_is():
    known, trees = catalogue(), list(sources())
    given = {text for tree in trees for text in templates(tree) if "{}" in text}
    assert len(given) > 200
    assert sorted(text for text in given - set(known) if WORD.search(text)) == []
    texts = set().union(*map(written, trees))
    slotted = {text for text in known if "{}" in text}
    assert sorted(t for t in slotted - texts if t.replace("{}", "") not in texts) == []
    for text, said in known.items():
        assert said, text
        slots = SLOT.findall(said)
        assert sorted(slots) in (
            ["{}"] * text.count("{}"), [f"{{{k}}}" for k in range(text.count("{}"))]
        ), text  # fmt: skip


# Composed outside a call of an error, or no words for a reader.
NOT_SHOWN = {
    *("pmi.country_panel", "jobs.regressions", "inference.absorb", "pmi.synthetic_fit"),
    *("trust.published", "inference.clusters"),
    "report.figures.canvas",
}
PLACES = re.compile(
    r"(upper|lower) (left|right|center)|(axes|offset) (fraction|points)|#[0-9A-F]{6}"
    r"|[a-z,]+->[a-z]+|.* ~ .*|log_output = [01]|IKM Kemenperin|second source.*|.*UMKM[|].*"
    r"|shift test of \{\}|\{\}, option \{\}|.*\{\} samples"
)


def shown(node):
    """Texts with words that code has for readers: none of docstrings and errors."""
    name = getattr(getattr(node, "func", None), "id", "")
    if isinstance(node, ast.Raise) or name.endswith("Error") or name == "bad":
        return
    body = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else "{}" for p in node.values]  # noqa: PD011
        yield f"f-string: {''.join(parts)}"
        body = []
    elif isinstance(node, ast.Constant):
        yield SLOT.sub("{}", str(node.value))
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
        body.remove(node.body[0])
    for child in body:
        yield from shown(child)


def test_every_text_of_the_code_is_in_the_catalogue():
    known, missing = catalogue(), set()
    for top in ("inference", "pmi", "jobs", "trust", "report/figures"):
        for path in (ROOT / "src/ikm_pmi" / top).glob("*.py"):
            module = ".".join(path.relative_to(ROOT / "src/ikm_pmi").with_suffix("").parts)
            for text in shown(ast.parse(path.read_text(encoding="utf-8"))):
                bare = text.removeprefix("f-string: ").strip("; ")
                words = re.search(r"[A-Za-z]{2}", bare.replace("{}", "")) and " " in bare
                told = any(text.strip("; ") in one for one in known)
                if words and not (told or module in NOT_SHOWN or PLACES.fullmatch(bare)):
                    missing.add(f"{module}: {text}")
    assert not missing, sorted(missing)


#: A formula and a condition.
NO_WORDS = re.compile(r".* ~ .*|\w+ == .*")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_chapter_hands_to_tables_and_figures_is_in_the_catalogue(path):
    known, given = catalogue(), set()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not source.startswith("# Parameters"):
            calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
            values = [
                one for call in calls for one in (*call.args, *(k.value for k in call.keywords))
            ]
            given |= set().union(*map(written, values)) if values else set()
    words = {text for text in given if re.search("[a-z]{2}.* .*[a-z]{2}", text)}
    assert {text for text in words - set(known) if not NO_WORDS.fullmatch(text)} == set()


@pytest.mark.property
@settings(deadline=None)
@given(
    st.sampled_from([", ", "; ", " ", "\n"]),
    st.lists(st.text(max_size=4) | st.floats(), max_size=3),
    WORDS,
)
def test_what_is_composed_is_said_part_by_part(mark, parts, last):
    text = joined(mark, [*parts, say("{} to {}", last, "2,000")])
    assert text == mark.join([*map(str, parts), f"{last} to 2,000"])
    assert type(text) is str
    with using("id"):
        assert tr(text) == mark.join([*map(tr, map(str, parts)), f"{tr(last)} sampai 2.000"])


def test_words_for_names_are_put_into_the_parts():
    text = say("Without {}, the country that matters most, the coefficient of the change is {}.",
               "IDN", "1.5")  # fmt: skip
    with using("id"):
        assert tr(worded(text)).startswith("Tanpa Indonesia, ")
        assert tr(worded(joined(", ", ["pmi.ppkm_2021.after.2021-08"] * 2))) == (
            "PPKM 2021, bulan sesudahnya, Agu 2021, PPKM 2021, bulan sesudahnya, Agu 2021"
        )


def test_another_process_learns_what_texts_were_made_of(monkeypatch):
    text = joined("; ", [say("{} more rows", 17), "above"])
    known = json.loads(json.dumps(wording([text, "above"])))
    assert set(known) == {text, "17 more rows"}
    monkeypatch.setattr("ikm_pmi.language._composed", {})
    with using("id"):
        assert tr(text) == text
        learn(known)
        assert tr(text) == "17 baris lagi; di atas"
