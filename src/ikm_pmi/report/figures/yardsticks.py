"""Pictures of the chapter on other yardsticks: two surveys, words of orders, sixteen industries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from ikm_pmi.language import changed, joined, say
from ikm_pmi.report.figures import marks
from ikm_pmi.report.figures.canvas import COLOURS, canvas, styled
from ikm_pmi.results import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ikm_pmi.pmi.industries import IndustriesResult
    from ikm_pmi.pmi.surveys import SurveysResult


@styled
def two_surveys(found: SurveysResult, source: str, *, title: str | None = None) -> Figure:
    """Both surveys by quarter with the firms' forecasts; beside it all misses, the lowest on top.

    Parameters
    ----------
    found : SurveysResult
    source : str
    title : str, optional
        Another message.
    """
    own, other = (_moved(found[f"survey.{name}.change"].value) for name in ("pmi", "pmi_bi"))
    misses = found.misses["miss"].abs()
    further = int((misses > abs(found["survey.pmi_bi.miss"].value)).sum())
    title = title or say("In {} the PMI {}, Bank Indonesia's own survey of factories {}; its "
                         "firms were further off in {} of {} quarters",
                         found.quarter, own, other, further, len(found.misses))  # fmt: skip
    picture = canvas(title, source, panels=(1, 2), size=(7.6, 4.0))
    left, right = picture.axes
    if (layout := left.get_gridspec()) is not None:
        layout.set_width_ratios([1.7, 1.0])
    _levels(left, found)
    chosen = pd.Period(found.quarter, "Q")
    colours = ["second" if quarter == chosen else "soft" for quarter in found.misses.index]
    marks.bars(right, map(str, found.misses.index), found.misses["miss"], colours)
    for place, miss in enumerate(found.misses["miss"]):
        marks.labelled(right, number(miss, 1), (max(miss, 0), place), size=7)
    right.margins(x=0.12)
    right.tick_params(axis="y", labelsize=7.5)
    right.set_title("outcome less forecast")
    right.set_xlabel("index points")
    return picture.figure


def _moved(points: float) -> str:
    far = number(abs(points), 1)
    return say("fell by {} points", far) if points < 0 else say("rose by {} points", far)


def _levels(ax: Axes, found: SurveysResult) -> None:
    """The quarters up to the last without a gap, at the middle of each."""
    levels = found.levels
    gaps = levels.index[
        levels["pmi_bi"].isna() & (levels.index > levels["pmi_bi"].first_valid_index())
    ]
    shown = (
        levels.loc[: gaps[0] - 1] if len(gaps) and gaps[0] > pd.Period(found.quarter) else levels
    )
    quarters = pd.PeriodIndex(shown.index)
    at = quarters.to_timestamp() + pd.Timedelta(days=45)
    marks.line(ax, at, shown["pmi"], "PMI, mean of the months", color=COLOURS["main"])
    marks.line(ax, at, shown["pmi_bi"], "PMI-BI", color=COLOURS["second"], linestyle="--")
    marks.dots(ax, at, shown["forecast"], "second", facecolor="white", label="its firms' forecast")
    marks.reference_line(ax, 50.0)
    quarter = pd.Period(found.quarter, "Q")
    marks.shade(ax, [(found.quarter, quarter.start_time, quarter.end_time)], upright=True)
    years = quarters[quarters.quarter == 1]
    ticks: Any = years.to_timestamp()  # matplotlib converts dates itself
    ax.set_xticks(ticks, list(years.year.astype(str)))
    ax.set_title("50 = no change")
    ax.set_ylabel("index points")
    ax.legend(loc="lower right")


@styled
def in_words(words: pd.DataFrame, source: str, *, title: str | None = None) -> Figure:
    """What was printed of the components by month, in words and colour; empty where nothing was.

    Parameters
    ----------
    words : DataFrame
        From :func:`ikm_pmi.pmi.surveys.wording`.
    source : str
    title : str, optional
        Another message.
    """
    import seaborn as sns
    from matplotlib.colors import ListedColormap

    direction = pd.DataFrame(words["direction"]).astype(float)
    picture = canvas(title or _fell(direction), source, size=(7.6, 3.4))
    ax = picture.ax
    texts = (
        words["words"]
        .fillna("")
        .map(lambda text: changed(text, lambda one: one.replace(" ", "\n")))
    )
    shades = ListedColormap(["#EFB28A", "#EDEDED", "#9CC9E6"])  # fell, unchanged, rose
    sns.heatmap(
        direction, annot=texts, fmt="", cmap=shades, vmin=-1, vmax=1, cbar=False, linewidths=1.5,
        linecolor="white", annot_kws={"fontsize": 6.8, "color": COLOURS["ink"]}, ax=ax,
    )  # fmt: skip
    marks.month_ticks(ax, [place + 0.5 for place in range(direction.shape[1])], direction.columns)
    ax.set_yticks(
        [place + 0.5 for place in range(len(direction))], list(direction.index), rotation=0
    )
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    ax.grid(visible=False)
    return picture.figure


def _fell(direction: pd.DataFrame) -> str:
    """The month in which most components fell, and which."""
    month = (direction < 0).sum().idxmax()
    fell = list(direction.index[direction[month] < 0])
    if not fell:
        return "No component is said to have fallen in these months"
    return say("What fell in {:%B %Y}, in the words of the release: {}", month, joined(", ", fell))


@styled
def industries(found: IndustriesResult, source: str, *, title: str | None = None) -> Figure:
    """The share shut against output, an industry a dot, with the slopes of both nulls.

    Parameters
    ----------
    found : IndustriesResult
    source : str
    title : str, optional
        Another message.
    """
    most = found.most
    if most is None:
        title = title or say("Output of {} industries does not say how much of the rules of {} bit",
                             len(found.frame), found.quarter)  # fmt: skip
    title = title or say("Of what the rules shut in factories in {}, a share of at most {} shows "
                         "in the output of {} industries", found.quarter, number(most, 1),
                         len(found.frame))  # fmt: skip
    picture = canvas(title, source, size=(7.6, 5.2))
    ax, frame = picture.ax, found.frame
    shut, growth = frame["shut"], frame["growth"]
    slope = found["industries.slope"].value
    for b, name, colour, style in (
        (0.0, "nothing shows", "soft", ":"),
        (-100.0, "each percent of staff costs one of output", "second", "--"),
        (slope, "least squares", "main", "-"),
    ):
        ends = [shut.min(), shut.max()]
        # Through the industries that were shut least: what differs is what closure adds.
        start = growth.mean() - slope * shut.mean()
        marks.line(ax, ends, [start + b * x for x in ends], name, color=COLOURS[colour],
                   linestyle=style)  # fmt: skip
    marks.dots(ax, shut, growth, "ink")
    for name, x, y in zip(frame.index, shut, growth, strict=True):
        near = frame[((shut - x).abs() < 0.15) & ((growth - y).abs() < 3.2)]
        under = ((near["shut"] - x).abs() < 0.02) & (near["growth"] > y)
        left = bool((near["shut"] > x).any())
        marks.labelled(ax, _short(name), (x, y - bool(under.any())), left=left, size=6.8)
    ax.set_xlabel("share of staff that the rules kept away, mean of the quarter")
    ax.set_ylabel(say("output since {}, percent", found.forms["since"].iloc[0]))
    ax.margins(x=0.12)
    ax.legend(loc="lower left")
    return picture.figure


@styled
def industries_left_out(
    found: IndustriesResult, source: str, *, title: str | None = None
) -> Figure:
    """The slope with each industry left out.

    Parameters
    ----------
    found : IndustriesResult
    source : str
    title : str, optional
        Another message.
    """
    order, full = found.left_out.sort_values("change"), found["industries.slope"].value
    low, high = order["change"].min(), order["change"].max()
    title = title or say("Without one industry the slope lies between {} and {} (all: {})",
                         number(low, 0), number(high, 0), number(full, 0))  # fmt: skip
    picture = canvas(title, source, size=(7.6, 4.2))
    marks.left_out(picture.ax, list(order["left_out"]), order["change"], full, "all industries")
    marks.reference_line(picture.ax, 0.0, vertical=True)
    picture.ax.set_xlabel("percent of output per full closure, without the industry named")
    return picture.figure


def _short(subsector: str) -> str:
    first = re.split(r" & |, |;", subsector)[0]
    return first.removesuffix(" Products").replace("Other Non-Metallic Mineral", "Minerals")
