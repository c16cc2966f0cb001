"""Pictures of the chapters on jobs: the elasticity, the chain from a restriction, the orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ikm_pmi.language import say
from ikm_pmi.report.figures.canvas import COLOURS, canvas, styled
from ikm_pmi.report.figures.marks import (
    dots,
    intervals,
    labelled,
    left_out,
    line,
    reference_line,
)
from ikm_pmi.results import Estimate, number, significant

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def within_scatter(
    frame: pd.DataFrame, slope: float, source: str, *,
    labels: int = 5, title: str | None = None, label: tuple[str, str] | None = None,
) -> Figure:  # fmt: skip
    """Workers against output after unit and year effects are taken out.

    Parameters
    ----------
    frame : DataFrame
        Columns unit, year, log_output, log_workers: residuals from unit and year effects.
    slope : float
        The two-way elasticity.
    source : str
    labels : int
        How many of the points with the largest pull on the slope are named.
    title : str, optional
        Another message.
    label : (str, str), optional
        What the horizontal and the vertical axis are in.
    """
    title = title or say("Within provinces and years, one percent more output goes with {:.2f} "
                         "percent more workers", slope)  # fmt: skip
    picture = canvas(title, source, size=(7.6, 4.6))
    ax = picture.ax
    x, y = frame["log_output"], frame["log_workers"]
    dots(ax, x, y, size=14, alpha=0.6, linewidth=0)
    ends = [x.min(), x.max()]
    line(ax, ends, [slope * end for end in ends], color=COLOURS["second"], linewidth=1.6)
    pull = (x * (y - slope * x)).abs()
    for row in frame.loc[pull.nlargest(labels).index].itertuples():
        at = (row.log_output, row.log_workers)
        labelled(ax, say("{} {}", row.unit, row.year), at, left=at[0] > sum(ends) / 2)
    own = label or (None, None)
    ax.set_xlabel(own[0] or "log output, deviation from unit and year means")
    ax.set_ylabel(own[1] or "log workers, deviation")
    return picture.figure


@styled
def influence(
    frame: pd.DataFrame, full: float, source: str, *,
    title: str | None = None, label: str | None = None,
) -> Figure:  # fmt: skip
    """The estimate with each unit left out, sorted, beside the estimate with all.

    Parameters
    ----------
    frame : DataFrame
        Columns unit and without: the elasticity without that unit.
    full : float
        The elasticity with all units.
    source : str
    title, label : str, optional
        Another message, and what the axis is in.
    """
    order = frame.sort_values("without", ignore_index=True)
    far = order.iloc[int((order["without"] - full).abs().to_numpy().argmax())]
    title = title or say("Leaving out {} moves the elasticity most, from {:.2f} to {:.2f}",
                         far["unit"], full, far["without"])  # fmt: skip
    picture = canvas(title, source, size=(7.6, 5.2))
    left_out(picture.ax, list(order["unit"]), order["without"], full, "all provinces")
    picture.ax.set_xlabel(label or "elasticity without the province named")
    return picture.figure


@styled
def bridge(
    rows: pd.DataFrame, slopes: Sequence[Estimate], source: str, *,
    title: str | None = None, label: tuple[str, str] | None = None,
) -> Figure:  # fmt: skip
    """Growth of manufacturing against the four-quarter mean of PMI-50, 2020 apart.

    Parameters
    ----------
    rows : DataFrame
        ``BridgeResult.rows``: growth, pmi.
    slopes : sequence of Estimate
        With 2020 and without.
    source : str
    title : str, optional
        Another message.
    label : (str, str), optional
        What the horizontal and the vertical axis are in.
    """
    with_it, without = (e.value for e in slopes)
    title = title or say("A point of PMI goes with {} points of growth, and with {} outside 2020",
                         number(with_it), number(without))  # fmt: skip
    picture = canvas(title, source, size=(7.6, 4.0))
    ax = picture.ax
    then = pd.PeriodIndex(rows.index).year == 2020
    for part, colour, name in ((rows[~then], "main", "other quarters"),
                               (rows[then], "second", "2020")):  # fmt: skip
        dots(ax, part["pmi"], part["growth"], colour, label=name)
    calm = rows[~then]
    for value, part, style, name in ((with_it, rows, "-", "all quarters"),
                                     (without, calm, "--", "other quarters alone")):  # fmt: skip
        ends = part["pmi"].agg(["min", "max"])
        line(ax, ends, part["growth"].mean() + value * (ends - part["pmi"].mean()), name,
             color=COLOURS["ink"], linewidth=1.3, linestyle=style)  # fmt: skip
    own = label or (None, None)
    ax.set_xlabel(own[0] or "PMI less 50, mean of four quarters, index points")
    ax.set_ylabel(own[1] or "manufacturing, year on year, percent")
    ax.legend(loc="lower right")
    return picture.figure


@styled
def orders(
    scenarios: pd.DataFrame, source: str, *,
    title: str | None = None, label: str | None = None, reference: float | None = 0.0,
) -> Figure:  # fmt: skip
    """Workers of every scenario with intervals.

    Parameters
    ----------
    scenarios : DataFrame
        ``OrderBookResult.scenarios``.
    source : str
    title, label : str, optional
        Another message, and what the axis is in.
    reference : float, optional
        Where a quiet line stands; None draws none.
    """
    title = title or say("The pilot order of 2021 stands for {} IKM workers; the largest scenario "
                         "for {}", significant(scenarios["workers"].iloc[0]),
                         significant(scenarios["workers"].max()))  # fmt: skip
    picture = canvas(title, source, size=(7.6, 1.7 + 0.36 * len(scenarios)))
    rows = []
    for row in scenarios.to_dict("records"):
        order = row["order_idr_mn"] / 1e6
        said = say("{}\n{} trillion IDR", row["what"], number(order, 2 if order < 1 else 1))
        rows.append((said, *(row[name] / 1e3 for name in ("workers", "low", "high"))))
    reference_line(picture.ax, reference, vertical=True)
    intervals(picture.ax, rows, digits=None)
    picture.ax.tick_params(axis="y", labelsize=7.5)
    picture.ax.set_xlabel(label or "IKM workers while the order lasts, thousand")
    return picture.figure
