"""What the site is made of: exhibits, words from data, links, refusals. No browser."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from ikm_pmi.engine import chapters, manifest
from ikm_pmi.errors import ChapterError
from ikm_pmi.language import using
from ikm_pmi.share import site as site_build
from ikm_pmi.share import site_pages as pages
from ikm_pmi.share.exhibits import Exhibit, exhibits, figure, places
from ikm_pmi.study import CHAPTERS

ROOT = Path(__file__).parents[3]
HOSTILE = "<script>window.hacked = 1</script><b onclick='x()'>"


class Tags(HTMLParser):
    """Tags of a page with their attributes, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data


def read(site, page):
    return Tags((site.folder / page).read_text(encoding="utf-8"))


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])


def test_cells_behind_exhibits_are_read_from_the_call_of_publish():
    found = places(
        notebook(
            "first, second = draw()\nresult = estimate()",
            "display(second, first)",
            'publish(p, tables={"t": result.table().head()}, figures={"a": first, "b": second})',
        )
    )
    assert found.cells == {("tables", "t"): 0, ("figures", "a"): 1, ("figures", "b"): 1}
    assert found.shown == {1: ("b", "a")}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_picture_of_a_chapter_has_a_name(chapter):
    own = chapters.read_notebook(ROOT / "notebooks" / f"{chapter}.ipynb")
    where = places(own)
    for place, cell in enumerate(own.cells):
        pictures = [o for o in cell.get("outputs", ()) if "image/png" in o.get("data", {})]
        assert len(pictures) == len(where.shown.get(place, ())), f"cell {place}"
    assert where.cells
    last = max(i for i, cell in enumerate(own.cells) if cell.cell_type == "code")
    assert all(place < last for place in where.cells.values())


def test_exhibits_have_the_hashes_of_their_files(results):
    found = exhibits(results)
    kinds = {kind: [e for e in found if e.kind == kind] for kind in ("figure", "table")}
    assert len(kinds["figure"]) >= 24
    assert len(kinds["table"]) >= 48
    for one in found:
        for path, sha in one.files.items():
            content = (results / path).read_bytes()
            assert sha == "sha256:" + hashlib.sha256(content).hexdigest()
        assert one.inputs
        assert re.fullmatch(r"cell-\d\d", one.cell)


@pytest.mark.parametrize("words", [HOSTILE, "a | b", "`code` *x* [a](b) {c}`d`", "x\ny", "&lt;"])
def test_words_from_data_are_shown_as_they_are(words):
    from markdown_it import MarkdownIt

    shown = Tags(MarkdownIt().render(pages.text(words)))
    assert {tag for tag, _ in shown.tags} <= {"p"}
    assert shown.words.strip() == " ".join(words.split())


def test_a_figure_has_its_words_and_no_markup_from_them():
    made = Exhibit(
        kind="figure", chapter="03_pmi_impact", name="dose", cell="cell-01", inputs={},
        title=HOSTILE, text="Across: month", files={"a/dose.png": "x", "a/dose.svg": "y"},
    )  # fmt: skip
    tags = Tags(figure(made, "../")).tags
    images = [attrs for tag, attrs in tags if tag == "img"]
    assert [image["alt"] for image in images] == [f"{HOSTILE}. Across: month."]
    assert images[0]["src"] == "../files/a/dose.svg"
    assert "script" not in {tag for tag, _ in tags}


def test_links_of_documents_lead_to_pages_or_are_words():
    page, there = ROOT / "docs" / "guide.md", {ROOT / "ARCHITECTURE.md": "guide/architecture.md"}
    words = "[a](../ARCHITECTURE.md#x) [b](../LICENSE) [c](https://e.org/) ![d](d.png) [e](#f)"
    led = pages.relinked(words, page, there, Path("guide"))
    assert led == "[a](architecture.md#x) b [c](https://e.org/) ![d](d.png) [e](#f)"


def test_a_picture_says_its_title_and_axes():
    from ikm_pmi.report.figures.canvas import canvas, described

    drawn = canvas("The PMI fell", "BPS")
    drawn.ax.plot([1, 2], label="Indonesia")
    drawn.ax.set(xlabel="month", ylabel="PMI, points")
    drawn.ax.legend()
    assert described(drawn.figure) == {
        "Title": "The PMI fell",
        "Description": "Across: month. Upward: PMI, points. Series: Indonesia. Source: BPS",
    }


def test_the_build_has_nothing_to_warn_of(site):
    assert site.warnings == ()
    assert site.pages >= 30
    assert not (site.folder / "check.html").exists()  # R is there where it is asked for


def test_every_reference_is_cited_and_every_citation_has_one(site):
    keys = set(re.findall(r"@\w+\{(\w+),", (ROOT / "docs/site/references.bib").read_text("utf-8")))
    methods = (ROOT / "docs/site/methods.md").read_text(encoding="utf-8")
    cited = {key for group in re.findall(r"\}`([\w,]+)`", methods) for key in group.split(",")}
    assert keys == cited
    listed = [t for t in read(site, "methods.html").tags if "citation" in t[1].get("class", "")]
    assert len(listed) >= len(keys)


def test_no_page_names_another_host_for_anything_but_a_link(site, page_names):
    for name in page_names:
        for tag, attrs in read(site, name).tags:
            asked = [attrs.get(key) or "" for key in ("src", "srcset", "data", "action")]
            asked += [attrs.get("href") or ""] if tag != "a" else []
            assert not [url for url in asked if re.match(r"(https?:)?//", url)], (name, attrs)
    for sheet in site.folder.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text), sheet


def test_every_link_and_download_is_there(site, page_names):
    for name in page_names:
        for tag, attrs in read(site, name).tags:
            target = (attrs.get("href") if tag == "a" else attrs.get("src")) or ""
            path = target.split("#")[0].split("?")[0]
            if path and not re.match(r"\w+:|//", target):
                assert ((site.folder / name).parent / path).resolve().exists(), (name, target)


def test_every_image_says_what_it_shows(site, page_names):
    titles = set()
    for name in page_names:
        for tag, attrs in read(site, name).tags:
            if tag == "img" and "logo" not in attrs.get("class", ""):
                assert len(attrs.get("alt", "")) > 20, (name, attrs)
                titles.add(attrs["alt"])
    assert len(titles) >= 24


def test_the_dictionary_has_every_table_with_its_hash(site, project, hostile):
    words = read(site, "data.html").words
    for part in ("raw", "processed"):
        package = json.loads((project / "data" / part / "datapackage.json").read_text("utf-8"))
        for entry in package["resources"]:
            assert entry["name"] in words
            assert entry["hash"].removeprefix("sha256:") in words
    assert hostile in words


def test_exhibits_for_machines_are_those_of_the_page(site, results):
    listed = json.loads((site.folder / "exhibits.json").read_text(encoding="utf-8"))
    mine = [{**one, "converted": {}} for one in listed]
    assert mine == [one.to_dict() for one in exhibits(results)]
    made = [path.rsplit(".", 1)[-1] for one in listed for path in one["converted"]]
    tables = sum(one["kind"] == "table" for one in listed)
    assert {kind: made.count(kind) for kind in ("xlsx", "tex", "docx")} == dict.fromkeys(
        ("xlsx", "tex", "docx"), tables
    )
    words = read(site, "exhibits.html").words
    for one in listed:
        for path, sha in (one["files"] | one["converted"]).items():
            assert sha.removeprefix("sha256:") in words
            content = (site.folder / "files" / path).read_bytes()
            assert sha == "sha256:" + hashlib.sha256(content).hexdigest()


def test_the_landing_pages_have_the_numbers_of_the_results_in_their_language(site, results):
    from ikm_pmi.engine.headlines import headlines, landing

    for page, language in (("index.html", "en"), ("id/index.html", "id")):
        made = read(site, page)
        assert dict(made.tags[0][1])["lang"] == language
        for one in headlines(results, language=language):
            assert one.value in made.words
            assert one.interval in made.words
            assert one.question in made.words
        with using(language):
            first_screen = landing(results)
        assert len(first_screen) == 3
        for texts in first_screen:
            assert all(text in made.words for text in texts)
        metas = [attrs for tag, attrs in made.tags if tag == "meta"]
        said = {one.get("name") or one.get("property"): one.get("content", "") for one in metas}
        assert len(said["description"]) > 80
        assert said["description"] == said["og:description"]
        assert said["og:title"]


def test_a_first_screen_without_its_estimate_is_refused(tmp_path):
    from ikm_pmi.engine.headlines import landing

    (tmp_path / "03_pmi_impact").mkdir()
    (tmp_path / "03_pmi_impact/result.json").write_text('{"estimates": []}', encoding="utf-8")
    with pytest.raises(ChapterError, match=r"lacks pmi\.ppkm_2021\.mean"):
        landing(tmp_path)


def test_results_that_are_missing_or_not_of_the_present_are_refused(project, results, tmp_path):
    with pytest.raises(ChapterError) as error:
        site_build.build(project, tmp_path / "site", results_dir=tmp_path / "none")
    assert "ikm-pmi reproduce" in error.value.todo
    assert not (tmp_path / "site").exists()

    manifest.check_current(project, results)  # as they are, they are not refused
    path = results / "02_restrictions" / "result.json"
    before = path.read_bytes()
    try:
        path.write_bytes(before + b" ")
        with pytest.raises(ChapterError) as error:
            manifest.check_current(project, results)
        assert error.value.found == "02_restrictions: result.json is not as the manifest lists it"
    finally:
        path.write_bytes(before)

    source = project / "notebooks" / "05_cross_country.ipynb"
    before = source.read_bytes()
    try:
        source.write_bytes(before + b" ")
        with pytest.raises(ChapterError) as error:
            site_build.build(project, tmp_path / "site", results_dir=results)
        assert error.value.found == "05_cross_country: made from other notebook"
    finally:
        source.write_bytes(before)


def test_a_folder_of_somebody_else_is_not_replaced(project, results, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ChapterError, match="did not write"):
        site_build.build(project, tmp_path / "mine", results_dir=results)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
