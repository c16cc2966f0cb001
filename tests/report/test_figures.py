"""Every picture has words on its axes, a title that comes from its numbers, and a source."""

import ast
import hashlib
import inspect
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.language import months_said, tr, using
from ikm_pmi.parameters import Episode
from ikm_pmi.report import figures
from ikm_pmi.report.figures import canvas, marks
from ikm_pmi.report.words import worded
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
    return [("pooled", 0.3, 0.1, None), ("two-way", 0.3, 0.1, None)]


def rates():
    """One method that is right, one that is far off, one that has no interval."""
    rows = {"experiment": ["a", "a", "b"], "method": ["one", "two", "three"]}
    sizes = {"size": [0.05, 0.9, 0.1], "size_mc": [0.01] * 3}
    covers = {"coverage": [0.95, 0.1, None], "coverage_mc": [0.01, 0.01, None]}
    words = ["nothing off", "rejects too often; covers too rarely", "nothing off"]
    return pd.DataFrame({**rows, **sizes, **covers, "verdict": words})


def shares():
    return pd.DataFrame({"choice": ["controls", "all choices"], "alone": [0.78, 0.92]})


PICTURES = {
    "rates": lambda _: figures.size_and_coverage(rates(), "A title", "S"),
    "workers": lambda _: figures.workers_by_size(
        pd.DataFrame({"size": ["micro", "small"], "persons": [7e6, 2e6]}), 15.64e6, 2021, "S"
    ),
    "coverage": lambda _: figures.coverage(package.load("country_monthly"), {"IDN": "Here"}, "S"),
    "pmi": lambda m: figures.pmi_with_spells(m["pmi"]["2019-01":"2022-06"], EPISODES, "S"),
    "effects": lambda _: figures.episode_effects(months(), "A title", "S"),
    "path": lambda m: figures.observed_and_counterfactual(
        m["pmi"]["2019-06":"2022-06"], paths(), EPISODES, "S"
    ),
    "forest": lambda _: figures.forest(forest(), "A title", "S", label="percent"),
    "influence": lambda _: figures.influence(
        pd.DataFrame({"unit": ["Bali", "Riau"], "without": [0.2, 0.31]}), 0.25, "S"
    ),
    "projections": lambda _: figures.local_projections(
        [estimate(f"panel.lp.{h}", -0.5, -1, 0, band_low=-1.5, band_high=0.5) for h in (0, 1)],
        "A title",
        "S",
    ),
    "variance": lambda _: figures.explained_variance({"event": shares(), "dose": shares()}, "S"),
    "wave and rest": lambda _: figures.wave_and_rest(
        pd.DataFrame(
            {"words": ["a form"], "value": [-2.0], "ci_low": [-4.0], "ci_high": [0.0]}
            | {"rest": [-6.0], "rest_low": [-9.0], "rest_high": [-3.0]}
        ),
        estimate("wave.gap", -8.0, -11.0, -5.0),
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
        assert ax.get_xlabel() or ax.get_ylabel() or ax.get_title(loc="left")


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
    assert [len(dots(ax)) for ax in (sizes, covers)] == [3, 2]


def dots(ax):
    """Where the dots of a panel stand."""
    found = [group.get_offsets() for group in ax.collections if len(group.get_offsets())]
    return [(float(x), float(y)) for group in found for x, y in group if group is not None]


def test_an_open_end_of_an_interval_is_no_whisker():
    ax = PICTURES["forest"](None).axes[0]
    assert [line for line in ax.lines if line.get_linewidth() > 1.2] == []
    assert len(dots(ax)) == 2


def labels(figure):
    """Every text of a picture: its own, those of its panels, and those of its axes."""
    figure.canvas.draw()
    for text in (*figure.texts, *canvas._texts(figure)):
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
        for text, said in pairs:
            assert said.replace("\n", " ") == tr(text).replace("\n", " ")
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
    with using("id"), canvas.figure_translated(figure):
        inside = list(labels(figure))
    assert "juta tenaga kerja" in inside
    assert list(labels(figure)) == before


HERE = Path(figures.__file__).parent
AGGREGATE = {"lineplot", "pointplot", "barplot", "relplot", "catplot"}
FIT = {"regplot", "lmplot", "residplot", "jointplot", "pairplot", "Est", "PolyFit", "Agg"}


def own_intervals(text):
    """Calls of seaborn that would compute an interval of their own."""
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if not name.startswith(("sns.", "so.", "seaborn.")):
            continue
        given = {key.arg: ast.unparse(key.value) for key in call.keywords}
        function = name.rpartition(".")[2]
        if function in FIT or (function in AGGREGATE and given.get("errorbar") != "None"):
            yield ast.unparse(call)


def test_seaborn_computes_no_interval():
    texts = {path.name: path.read_text(encoding="utf-8") for path in HERE.glob("*.py")}
    assert {
        name: found for name, text in texts.items() if (found := list(own_intervals(text)))
    } == {}
    imported = {
        line.strip()
        for text in texts.values()
        for line in text.splitlines()
        if "seaborn" in line and line.lstrip().startswith(("import", "from"))
    }
    assert imported == {"import seaborn as sns", "import seaborn.objects as so"}
    for bad in ("sns.lineplot(x=x)", "sns.barplot(errorbar='ci')", "sns.regplot(x=x, ci=None)"):
        assert list(own_intervals(bad)), bad


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_resampled_for_a_picture(name, monthly, monkeypatch):
    import seaborn as sns

    def refuse(*_, **__):
        raise AssertionError("seaborn resamples")

    monkeypatch.setattr(sns.algorithms, "bootstrap", refuse)
    for module in ("_statistics", "regression"):
        monkeypatch.setattr(getattr(sns, module), "bootstrap", refuse, raising=False)
    with pytest.raises(AssertionError, match="resamples"):
        sns.lineplot(x=[1, 1], y=[1.0, 2.0], ax=PICTURES["pmi"](monthly).axes[0])
    assert PICTURES[name](monthly).axes


@pytest.mark.parametrize("absent", ["value", "row"])
def test_a_missing_month_breaks_the_line(absent, monthly):
    pmi = monthly["pmi"]["2019-01":"2022-06"].copy()
    gap = pd.PeriodIndex(["2019-08", "2019-10"], freq="M")
    pmi = pmi.drop(gap) if absent == "row" else pmi.mask(pmi.index.isin(gap))
    ax = figures.pmi_with_spells(pmi, EPISODES, "S").axes[0]
    runs = [line for line in ax.lines if len(line.get_xdata()) and line.get_linewidth() == 1.5]
    assert [len(run.get_xdata()) for run in runs] == [7, 1, 32]
    assert [run.get_marker() for run in runs] == ["None", "o", "None"]
    path = figures.observed_and_counterfactual(pmi, paths(), EPISODES, "S").axes[0]
    assert [text.get_text() for text in path.get_legend().get_texts()].count("observed") == 1


def test_a_series_of_the_readers_own_has_their_words(monthly):
    sales = monthly["pmi"]["2019-01":"2022-06"] * 3
    figure = figures.pmi_with_spells(
        sales, EPISODES, "S", title="Sales fell", label="sales, index", reference=None
    )
    assert figure.get_suptitle() == "Sales fell"
    ax = figure.axes[0]
    assert ax.get_ylabel() == "sales, index"
    assert not [text for text in ax.texts if "50 =" in text.get_text()]
    assert not [line for line in ax.lines if list(line.get_xdata()) == [0, 1]]
    path = figures.observed_and_counterfactual(
        sales, paths(), EPISODES, "S", title="As expected", reference=120.0
    )
    assert path.get_suptitle() == "As expected"
    assert [line for line in path.axes[0].lines if list(line.get_ydata()) == [120.0, 120.0]]


@pytest.mark.parametrize("name", figures.__all__)
def test_every_picture_takes_a_title(name):
    assert "title" in inspect.signature(getattr(figures, name)).parameters


def test_names_of_countries_and_spans_of_months():
    assert [worded(code) for code in ("IDN", "KOR", "ASN", "Jawa Barat", "GDP")] == [
        *("Indonesia", "South Korea", "ASEAN aggregate", "Jawa Barat", "GDP")
    ]
    assert months_said("2021-07", "2021-08") == "July and August 2021"
    assert months_said("2021-07", "2021-09") == "July to September 2021"
    assert months_said("2020-11", "2021-01") == "November 2020 to January 2021"
    assert months_said("2021-07", "2021-07") == "July 2021"


def test_months_under_an_axis_carry_their_year_once():
    several = [*months("pmi.x.2021-11"), *months("pmi.x.2021-12"), *months("pmi.x.2022-01")]
    figure = figures.episode_effects(several, "A title", "S")
    shown = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert shown == ["Nov\n2021", "Dec", "Jan\n2022"]
    assert {label.get_rotation() for label in figure.axes[0].get_xticklabels()} == {0}


@pytest.mark.parametrize("name", ["pmi", "effects", "variance", "forest"])
def test_a_picture_is_the_same_bytes_whatever_the_settings(name, monthly):
    import matplotlib as mpl
    import seaborn as sns

    def svg():
        drawn = io.BytesIO()
        figure = PICTURES[name](monthly)
        with canvas.theme():
            figure.savefig(drawn, format="svg", metadata={"Date": None})
        return hashlib.sha256(drawn.getvalue()).hexdigest()

    plain = svg()
    before = dict(mpl.rcParams)
    assert svg() == plain
    assert dict(mpl.rcParams) == before
    with mpl.rc_context():
        sns.set_theme("talk", "dark", rc={"lines.linewidth": 9, "font.family": "serif"})
        assert svg() == plain


def test_a_notebook_shows_the_same_picture_after_pyplot(monthly, monkeypatch):
    from IPython.core.formatters import DisplayFormatter
    from matplotlib.figure import Figure

    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    shell.display_formatter.formatters["image/png"].for_type(Figure, lambda _: b"as pyplot would")
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    canvas._kind.cache_clear()
    data, _ = shell.display_formatter.format(PICTURES["pmi"](monthly))
    canvas._kind.cache_clear()
    assert data["image/png"] == PICTURES["pmi"](monthly)._repr_png_()


def test_what_does_not_draw_imports_no_library_of_pictures():
    code = "import sys, ikm_pmi.study, ikm_pmi.report.figures; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"seaborn", "matplotlib"} & set(found.stdout.split())


def test_a_value_between_two_missing_ones_is_a_dot():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    marks.line(ax, range(5), [1.0, None, 2.0, None, 3.0], "named")
    assert [line.get_marker() for line in ax.lines] == ["o"] * 3
    assert [line.get_label() for line in ax.lines] == ["named", "_", "_"]
