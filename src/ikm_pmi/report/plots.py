"""What a result draws of itself: ``result.plot()``, by the kind of the result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from ikm_pmi.errors import EstimationError
from ikm_pmi.jobs.chain import ChainResult
from ikm_pmi.jobs.elasticity import LABELS, ElasticityResult
from ikm_pmi.jobs.orders import OrderBookResult
from ikm_pmi.language import changed, say
from ikm_pmi.pmi.counterfactual import CounterfactualResult
from ikm_pmi.pmi.cross_country import CrossCountryResult
from ikm_pmi.pmi.dose import DoseResult
from ikm_pmi.pmi.event_study import POINTS, EventStudyResult
from ikm_pmi.pmi.sample import around
from ikm_pmi.pmi.wave import WaveResult
from ikm_pmi.report import figures
from ikm_pmi.results import Estimate, in_words, number, percent
from ikm_pmi.trust.multiverse import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@singledispatch
def plot(result: Any, *, title: str | None = None, source: str = "", **look: Any) -> Figure:
    """The picture of a result; of any that has no own one, its estimates with their intervals.

    Parameters
    ----------
    result : a result of this package
    title, source : str, optional
        What the picture says, and the line at its foot.
    **look
        Further arguments of the function in :mod:`ikm_pmi.report.figures` that draws it:
        ``label`` of the axis, ``reference`` for the quiet line.

    Raises
    ------
    EstimationError
        For a result without estimates.
    """
    one = isinstance(result, Estimate)
    estimates: Sequence[Estimate] = [result] if one else getattr(result, "estimates", ())
    if not estimates:
        raise EstimationError(
            "this result has no estimates to draw",
            expected="estimates, with or without intervals",
            found=type(result).__name__,
            where="plot",
            todo="see its table()",
        )
    rows = [(in_words(e.name, e.unit), e.value, e.ci_low, e.ci_high) for e in estimates[:12]]
    level = estimates[0].ci_level
    said = getattr(result, "term", "Estimates")
    said = said if level is None else say("{}, with {} intervals", said, percent(level))
    return figures.forest(rows, title or said, source, **look)


@plot.register(EventStudyResult)
def _event(
    result: EventStudyResult, *, title: str | None = None, source: str = "", **look: Any
) -> Figure:
    own = {} if result.unit == POINTS else {"label": result.unit}
    title = title or result.headline()
    return figures.episode_effects(result.by_month(), title, source, **own | look)


@plot.register(DoseResult)
def _dose(result: DoseResult, *, title: str | None = None, source: str = "", **look: Any) -> Figure:
    words = ("the change", "tightening alone", "an easing as large")
    parts = result.estimates[:3]
    rows = [(w, e.value, e.ci_low, e.ci_high) for w, e in zip(words, parts, strict=True)]
    title = title or say("With a tightening as in July 2021 the PMI moved by {} points, with an "
                         "easing as large by {}",
                         number(parts[1].value, 1), number(parts[2].value, 1))  # fmt: skip
    own = {"label": "PMI points for the change of the rules from June to July 2021"}
    return figures.forest(rows, title, source, digits=1, **own | look)


@plot.register(CounterfactualResult)
def _forecast(
    result: CounterfactualResult, *, title: str | None = None, source: str = "", **look: Any
) -> Figure:
    main = result.paths[result.paths["model"] == result.paths["model"].iloc[0]]
    shown, other = result.observed, {}
    if result.outcome == "PMI":
        shown = around(shown, result.episodes)
    else:
        last = result[result.episodes[-1].name]
        beside = "below" if last.value < 0 else "above"
        words = say(
            "stood {} {} {} its expected path", number(abs(last.value), 1), result.unit, beside
        )
        other = {"label": result.unit, "reference": None}
        title = title or say("{} {}, {}", result.outcome, words, result.episodes[-1].name)
    return figures.observed_and_counterfactual(
        shown, main, result.episodes, source, title=title, **other | look
    )


@plot.register(CrossCountryResult)
def _countries(
    result: CrossCountryResult, *, title: str | None = None, source: str = "", **look: Any
) -> Figure:
    path = [e for e in result.projections.estimates if e.name.rpartition(".")[2].isdigit()]
    title = title or result.projections.headline()
    return figures.local_projections(path, title, source, **look)


@plot.register(WaveResult)
def _wave(result: WaveResult, *, title: str | None = None, source: str = "", **look: Any) -> Figure:
    return figures.wave_and_rest(
        result.forks, result.gap, title or result.headline(), source, **look
    )


@plot.register(ElasticityResult)
def _elasticity(
    result: ElasticityResult, *, title: str | None = None, source: str = "", **look: Any
) -> Figure:
    names = [f"elasticity.{name}" for name in LABELS if f"elasticity.{name}" in result]
    if len(names) < 2:  # some rows only
        return plot.dispatch(object)(result, title=title, source=source, **look)
    rows = [(LABELS[name.partition(".")[2]], result[name]) for name in names]
    drawn = [(label, e.value, e.ci_low, e.ci_high) for label, e in rows]
    own = {"label": "percent more workers for one percent more output"}
    return figures.forest(drawn, title or result.headline(), source, **own | look)


@plot.register(ChainResult)
def _chain(
    result: ChainResult, *, title: str | None = None, source: str = "", **look: Any
) -> Figure:
    rows = [(changed(r["choice"], lambda text: text.replace("; ", ";\n")), r["workers"] / 1e3,
             r["low"] / 1e3, r["high"] / 1e3)
            for r in result.rows.to_dict("records")]  # fmt: skip
    own: dict[str, Any] = {"label": "IKM workers against the expected path, thousand", "digits": 0}
    return figures.forest(rows, title or result.headline(), source, **own | look)


@plot.register(OrderBookResult)
def _orders(result: OrderBookResult, *, source: str = "", **look: Any) -> Figure:
    return figures.orders(result.scenarios, source, **look)


@plot.register(Curve)
def _curve(result: Curve, *, title: str | None = None, source: str = "", **look: Any) -> Figure:
    return figures.specification_curve(result, title or result.headline(), source, **look)
