"""The register of the study: the only file that knows its chapters, its answers and its inputs.

Everything below (``engine``, ``share``, ``cli``) works for any study that is registered like this.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ikm_pmi.errors import ParameterError, shown
from ikm_pmi.parameters import (
    ChapterParameters,
    ClaimsParameters,
    CounterfactualParameters,
    CrossCountryParameters,
    DataParameters,
    ElasticityParameters,
    ElasticitySpecification,
    ImpactParameters,
    JobsParameters,
    PmiSpecification,
    RestrictionsParameters,
    RobustnessParameters,
    ValidationParameters,
    YardsticksParameters,
)

#: The declared grids of specifications, and what each row of a grid is.
GRID = Path("params", "multiverse.yaml")
GRID_MODELS: Mapping[str, type[ChapterParameters]] = {
    "event": PmiSpecification,
    "dose": PmiSpecification,
    "elasticity": ElasticitySpecification,
}
#: The printed table of the Monte Carlo, and the parameters it is run with.
MONTE_CARLO = Path("reference", "validation_full.csv")
MONTE_CARLO_PARAMETERS = ValidationParameters
#: Parameters that end a chapter's window, and the frequency of what they name.
WINDOW_ENDS = {"end_month": "M", "last_year": "Y"}


def curve_of(name: str, grid: Any, parameters: Any, root: Path | None = None) -> Any:
    """The estimand of a declared grid in all its specifications, from the tables it needs."""
    from ikm_pmi.data import package
    from ikm_pmi.jobs.regressions import deflator_index
    from ikm_pmi.pmi.sample import TABLES
    from ikm_pmi.trust.multiverse_elasticity import elasticity_curve
    from ikm_pmi.trust.multiverse_pmi import dose_curve, event_curve

    if name != "elasticity":
        curve = event_curve if name == "event" else dose_curve
        return curve(package.load_many(TABLES, root), grid, parameters)
    tables = package.load_many(["deflators", "imk_panel"], root)
    indices = {kind: deflator_index(tables["deflators"], kind) for kind in ("cpi", "gdp")}
    prices = {kind: index for kind, index in indices.items() if index is not None}
    return elasticity_curve(tables["imk_panel"], prices, grid, parameters)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """One chapter.

    Parameters
    ----------
    model : type of ChapterParameters
        Its parameters; the model knows the chapter's name.
    reads : tuple of Path
        Files it reads besides data, code and its notebook.
    long : bool
        Begun first, so that it is not left running alone at the end.
    pictures : tuple of str
        Its figures that documents show, in both languages; the first of all leads the landing page.
    """

    model: type[ChapterParameters]
    reads: tuple[Path, ...] = ()
    long: bool = False
    pictures: tuple[str, ...] = ()


class Withheld(NamedTuple):
    """Values that belong to somebody: a package can leave them out, a reader bring their own."""

    table: str  # raw table whose periods, sources and hash stay
    columns: tuple[str, ...]  # what holds the values, in any table of data and results
    owner: str


class Headline(NamedTuple):
    """One of the short answers: an estimate of a chapter, and how it is said."""

    question: str  # with its unit
    chapter: str
    name: str  # of the estimate
    digits: int
    words: str  # the value in a sentence for anybody


class Question(NamedTuple):
    """One of the questions of the first screen, answered by a number and the words after it."""

    question: str
    number: str
    words: str
    slots: tuple[tuple[str, str, str], ...]  # chapter, pattern of names, field


_CHAPTERS = (
    Chapter(model=ClaimsParameters),
    Chapter(model=DataParameters),
    Chapter(model=RestrictionsParameters),
    Chapter(model=ImpactParameters),
    Chapter(model=CounterfactualParameters, long=True, pictures=("observed_and_counterfactual",)),
    Chapter(model=CrossCountryParameters),
    Chapter(model=YardsticksParameters),
    Chapter(model=ElasticityParameters, long=True),
    Chapter(model=JobsParameters),
    Chapter(model=RobustnessParameters, long=True, reads=(GRID,)),
    Chapter(model=ValidationParameters, long=True, reads=(MONTE_CARLO,)),
)

#: Parameters by chapter, in the order of the study.
CHAPTERS: Mapping[str, type[ChapterParameters]] = {
    one.model.chapter: one.model for one in _CHAPTERS
}
LONG = frozenset(one.model.chapter for one in _CHAPTERS if one.long)
READS = {one.model.chapter: tuple(path.as_posix() for path in one.reads) for one in _CHAPTERS}
#: What ``--without`` and ``data use`` may name.
WITHHELD: Mapping[str, Withheld] = {
    "pmi": Withheld("pmi_headline", ("pmi", "observed", "pmi_change"), "S&P Global"),
}
#: Chapter and figure.
PICTURES = tuple((one.model.chapter, name) for one in _CHAPTERS for name in one.pictures)

HEADLINES = (
    Headline(
        "PMI in July-August 2021, distance from other months",
        *("03_pmi_impact", "pmi.ppkm_2021.mean", 1),
        "In July and August 2021 the PMI stood {} points from what other months predict",
    ),
    Headline(
        "the same, from its own past",
        *("04_counterfactual", "counterfactual.ucm.ppkm_2021.mean", 1),
        "In July and August 2021 the PMI stood {} points from what its own past predicts",
    ),
    Headline(
        "the same, from other countries",
        *("04_counterfactual", "counterfactual.synthetic.ppkm_2021.mean", 1),
        "In July and August 2021 the PMI stood {} points from a twin made of other countries",
    ),
    Headline(
        "the same, less a wave like it elsewhere: lowest end of all forms",
        *("05_cross_country", "wave.rest_envelope.low", 1),
        "Less what a wave like it goes with in other countries, the distance may be as large as "
        "{} points",
    ),
    Headline(
        "the same: highest end of all forms",
        *("05_cross_country", "wave.rest_envelope.high", 1),
        "Less what a wave like it goes with in other countries, it may be as small as {} points",
    ),
    Headline(
        "change of the rules, June to July 2021, PMI points",
        *("03_pmi_impact", "pmi.dose.june_to_july_2021", 1),
        "A change of the rules like that of June to July 2021 goes with {} PMI points",
    ),
    Headline(
        "+10 stringency, PMI points, panel",
        *("05_cross_country", "panel.change", 2),
        "Across countries, ten points more stringency go with {} PMI points in the same month",
    ),
    Headline(
        "PMI-BI, change to the quarter of PPKM 2021",
        *("10_other_yardsticks", "survey.pmi_bi.change", 1),
        "Bank Indonesia's own survey of factories moved by {} points in the quarter of PPKM 2021",
    ),
    Headline(
        "the same, less the forecast of its firms",
        *("10_other_yardsticks", "survey.pmi_bi.miss", 1),
        "In the quarter of PPKM 2021 it stood {} points from what its firms had forecast",
    ),
    Headline(
        "share of the coded closure that shows, at most",
        *("10_other_yardsticks", "industries.shows_at_most", 1),
        "Of what the rules shut, a share of at most {} shows in the output of sixteen industries",
    ),
    Headline(
        "IKM workers, % per 1% output",
        *("06_ikm_elasticity", "elasticity.twfe", 2),
        "One percent more IKM output goes with {} percent more IKM workers",
    ),
    Headline(
        "the same, without two flagged cells",
        *("06_ikm_elasticity", "elasticity.without_flagged", 2),
        "Without two cells that cannot be right it goes with {} percent",
    ),
    Headline(
        "the same, year on year",
        *("06_ikm_elasticity", "elasticity.first_difference", 2),
        "From one year to the next, one percent more IKM output goes with {} percent more "
        "IKM workers",
    ),
    Headline(
        "lower bound, weights shared",
        *("06_ikm_elasticity", "elasticity.shared_weights_bound", 2),
        "If output and workers share the errors of the survey's weights, the elasticity may be as "
        "low as {}",
    ),
    Headline(
        "IKM workers at the end of September 2021, against the expected path",
        *("07_jobs_and_supply_chain", "chain.workers", -3),
        "By way of the PMI's distance from its expected path, IKM workers at the end of September "
        "2021 stood {} from theirs",
    ),
    Headline(
        "IKM workers, pilot order (scenario, lower bound)",
        *("07_jobs_and_supply_chain", "bumn.pilot.workers", 0),
        "The BUMN order of the pilot stands for {} IKM workers while it lasts, as a scenario and "
        "not an estimate",
    ),
    Headline(
        "Workers in micro and small industry, counted by BPS",
        *("00_the_claims", "claim.workers", 0),
        "BPS counts {} workers in micro and small industry",
    ),
)

#: Hypotheses whose verdict stands below the answers: chapter and test.
HYPOTHESES = (
    ("06_ikm_elasticity", "elasticity.is_zero"),
    ("06_ikm_elasticity", "elasticity.is_one"),
)

#: The three questions of the first screen: question, number, and the words that follow it. A slot
#: takes a field of the estimates that a pattern finds: value, size (without its sign), interval,
#: least, most, or the p of a test.
LANDING = (
    Question(
        "How far did the PMI fall?",
        "{} to {}",
        "points below what was to be expected in July and August 2021, by three methods (95% "
        "intervals {}, {} and {})",
        (
            ("03_pmi_impact", "pmi.ppkm_2021.mean", "size"),
            ("04_counterfactual", "counterfactual.synthetic.ppkm_2021.mean", "size"),
            ("03_pmi_impact", "pmi.ppkm_2021.mean", "interval"),
            ("04_counterfactual", "counterfactual.ucm.ppkm_2021.mean", "interval"),
            ("04_counterfactual", "counterfactual.synthetic.ppkm_2021.mean", "interval"),
        ),
    ),
    Question(
        "How much would a wave like it explain?",
        "{} to {}",
        "points, by the form in which the wave is measured in other countries (all 95% intervals "
        "together {} to {}); of the fall {} to {} are left",
        (
            ("05_cross_country", "wave.*.wave", "least"),
            ("05_cross_country", "wave.*.wave", "most"),
            ("05_cross_country", "wave.envelope.low", "value"),
            ("05_cross_country", "wave.envelope.high", "value"),
            ("05_cross_country", "wave.rest_envelope.low", "value"),
            ("05_cross_country", "wave.rest_envelope.high", "value"),
        ),
    ),
    Question(
        "Does another survey agree?",
        "{}",
        "points in Bank Indonesia's survey of factories, where the PMI's quarterly mean moved by "
        "{}; its firms had missed their forecasts by as much in other quarters (p = {})",
        (
            ("10_other_yardsticks", "survey.pmi_bi.change", "value"),
            ("10_other_yardsticks", "survey.pmi.change", "value"),
            ("10_other_yardsticks", "survey.pmi_bi.miss", "p"),
        ),
    ),
)
#: Estimates that answer the questions on workers and orders.
SHORT = (
    ("elasticity.twfe", "elasticity.shared_weights_bound"),
    ("chain.workers", "bumn.pilot.workers"),
)


def differing(chapter: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a result that are not the chapter's defaults; empty for the study's own.

    Parameters
    ----------
    chapter : str
        Whole name of a chapter; of one that is not known here, every value differs.
    values : mapping of str to JSON-safe value
        ``parameters`` of a ``result.json``.
    """
    model = CHAPTERS.get(chapter)
    defaults = model.parse({}).model_dump(mode="json") if model else {}
    names = [*values, *(name for name in defaults if name not in values)]
    absent = object()
    return {
        name: values.get(name)
        for name in names
        if values.get(name, absent) != defaults.get(name, absent)
    }


def parameters_for(chapter: str) -> type[ChapterParameters]:
    """The parameter model of a chapter, by its name or a unique beginning (``03``).

    Raises
    ------
    ParameterError
        When no chapter, or more than one, begins so.
    """
    hits = [name for name in CHAPTERS if name == chapter or name.startswith(chapter)]
    if len(hits) == 1:
        return CHAPTERS[hits[0]]
    near = [name for name in CHAPTERS if name.lstrip("0").startswith(f"{chapter.lstrip('0')}_")]
    near = near or difflib.get_close_matches(chapter, CHAPTERS, n=1, cutoff=0.3)
    raise ParameterError(
        f"{shown(chapter)} fits several chapters"
        if hits
        else f"no chapter is called {shown(chapter)}",
        expected="one of " + ", ".join(CHAPTERS),
        found=shown(chapter),
        where="chapter",
        todo=f"did you mean {near[0][:2]} ({near[0]})?" if near else "see: ikm-pmi parameters",
    )


def defaults(chapter: str) -> Any:
    """The parameters of a chapter as the study has them.

    Parameters
    ----------
    chapter : str
        Name or unique beginning (``06``).

    Raises
    ------
    ParameterError
        For an unknown chapter.

    Examples
    --------
    >>> defaults("06").first_year
    2018
    """
    return parameters_for(chapter).parse({})


def settings(chapter: str) -> Any:
    """The parameters that the parameters cell of the notebook sets, checked by the chapter's model.

    From here on texts are in the language of the parameters.

    Parameters
    ----------
    chapter : str
        Name or unique beginning (``06``).

    Returns
    -------
    ChapterParameters
        Of the chapter's own model, frozen.

    Raises
    ------
    ParameterError
        For an unknown chapter, a slip in the cell, a value out of range, or a parameter that
        something else hides.

    Examples
    --------
    >>> exposure = "calendar"  # in a notebook, the parameters cell sets it
    >>> settings("02").exposure
    'calendar'
    """
    model, names = parameters_for(chapter), sys._getframe(1).f_globals
    shell = sys.modules.get("IPython")
    if shell and "In" not in names and not set(names) & set(model.model_fields):
        names = getattr(shell.get_ipython(), "user_ns", names)  # called from a helper module
    return model.from_notebook(names)
