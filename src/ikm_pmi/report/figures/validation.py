"""Pictures of chapter 09: how often the tests reject a true null, how often the intervals hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ikm_pmi.report.figures.canvas import COLOURS, canvas, styled, zero_line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["size_and_coverage"]


@styled
def size_and_coverage(table: pd.DataFrame, title: str, source: str) -> Figure:
    """Size against its nominal value and coverage against its own, one row a method.

    Whiskers are 1.96 Monte-Carlo standard errors. A dot beyond the panel is drawn at its edge with
    its value; what is off has another colour and an open dot.

    Parameters
    ----------
    table : DataFrame
        From :func:`ikm_pmi.inference.simulate.summarise`.
    """
    rows = table.reset_index(drop=True)
    picture = canvas(title, source, panels=(1, 2), size=(7.6, 1.3 + 0.185 * len(rows)))
    sizes, covers = picture.axes
    _rates(sizes, rows, "size", nominal=0.05, shown=(0.0, 0.3))
    _rates(covers, rows, "coverage", nominal=0.95, shown=(0.7, 1.0))
    sizes.set_xlabel("true null rejected, share")
    covers.set_xlabel("truth inside the interval, share")
    sizes.set_yticks(list(range(len(rows))), rows["experiment"] + ": " + rows["method"], fontsize=7)
    covers.set_yticks(list(range(len(rows))), [""] * len(rows))
    for ax in picture.axes:
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.grid(visible=False, axis="y")
        for place in rows.index[rows["experiment"] != rows["experiment"].shift()][1:]:
            ax.axhline(place - 0.5, color="#CCCCCC", linewidth=0.7)
    return picture.figure


def _rates(
    ax: Axes, rows: pd.DataFrame, rate: str, *, nominal: float, shown: tuple[float, float]
) -> None:
    low, high = shown
    for place, row in enumerate(rows.to_dict("records")):
        value, error = row[rate], 1.96 * row[f"{rate}_mc"]
        if not value >= 0:  # the question does not apply
            continue
        off = {"size": "reject", "coverage": "covers"}[rate] in row["verdict"]
        colour = COLOURS["second" if off else "main"]
        at = min(max(value, low), high)
        ends = [max(value - error, low), min(value + error, high)]
        if at == value:
            ax.plot(ends, [place, place], color=colour, linewidth=1.4, zorder=2)
        face = "white" if off else colour
        ax.plot(at, place, "o", color=colour, markerfacecolor=face, markersize=4, clip_on=False)
        if at != value:
            side = -1 if value > high else 1
            ax.annotate(
                f"{value:.2f}",
                (at, place),
                xytext=(6 * side, 0),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=7,
                color=colour,
            )
    zero_line(ax, nominal, vertical=True)
    ax.set_xlim(low, high)
