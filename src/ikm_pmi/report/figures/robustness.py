"""Pictures of the chapters on trust: every specification, and samples whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.language import joined, say
from ikm_pmi.report.figures.canvas import COLOURS, canvas, facets, styled
from ikm_pmi.report.figures.marks import bars, dots, labelled, reference_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ikm_pmi.trust.multiverse import Curve


@styled
def specification_curve(
    curve: Curve, title: str, source: str, *,
    shown: int = 300, axis: str = "", most: int = 6, reference: float | None = 0.0,
) -> Figure:  # fmt: skip
    """Estimates in order above, the options behind each below.

    Parameters
    ----------
    curve : Curve
    title, source : str
    shown : int
        Specifications drawn, evenly from the order; lowest, highest and headline always are.
    axis : str
        What the estimate is in.
    most : int
        Choices with more options than this are left to the tables.
    reference : float, optional
        Where a quiet line stands; None draws none.
    """
    table = curve.specifications
    order = np.argsort(table["estimate"].to_numpy(), kind="stable")
    headline = int(np.flatnonzero(order == 0)[0])
    places = np.unique([*np.linspace(0, len(order) - 1, shown).astype(int), headline])
    part = table.iloc[order[places]]
    choices = [c for c in curve.choices if 1 < part[c].nunique() <= most]
    rows = [(c, o) for c in choices for o in part[c].cat.categories if (part[c] == o).any()]
    picture = canvas(
        title, source, panels=(2, 1), size=(7.6, 3.6 + 0.145 * (len(rows) + len(choices))),
        share_x=True,
    )  # fmt: skip
    top, below = picture.axes
    if (layout := top.get_gridspec()) is not None:
        layout.set_height_ratios([2.2, 0.145 * (len(rows) + len(choices))])
    found = part["significant"].to_numpy(bool)
    low, high = curve.envelope[:, places]
    top.fill_between(places, low, high, color=COLOURS["soft"], alpha=0.25, linewidth=0,
                     label="the sorted curve if nothing had an effect")  # fmt: skip
    values = part["estimate"].to_numpy()
    for flag, colour, label in (
        (True, "main", "significant"),
        (False, "second", "not significant"),
    ):
        if (found == flag).any():
            dots(top, places[found == flag], values[found == flag], colour, 5, label=label)
    dots(top, headline, table["estimate"].iloc[0], "ink", 42, marker="D", facecolor="white",
         zorder=4, label="the chapters' own")  # fmt: skip
    reference_line(top, reference)
    top.set_ylabel(axis)
    top.legend(loc="upper left", ncols=2, fontsize=7.5)
    _matrix(below, part[choices], rows, places, found)
    below.set_xlabel(say("{:,} specifications in the order of their estimates", len(table)))
    below.axvline(headline, color=COLOURS["ink"], linewidth=0.7)
    return picture.figure


def _matrix(
    ax: Axes,
    part: pd.DataFrame,
    rows: list[tuple[str, str]],
    places: NDArray[np.int64],
    found: NDArray[np.bool_],
) -> None:
    """A tick wherever a specification takes the option of the row; a gap between choices."""
    height, last, heights, names = 0.0, rows[0][0], [], []
    for choice, option in rows:
        height -= 1.8 if choice != last else 1.0
        last = choice
        heights.append(height)
        names.append(say("{}: {}", choice.replace("_", " "), option))
        on = (part[choice] == option).to_numpy()
        for flag, colour in ((True, "main"), (False, "second")):
            at = places[on & (found == flag)]
            dots(ax, at, np.full(len(at), height), colour, 18, marker="|", linewidth=0.7)
    ax.set_yticks(heights, names, fontsize=6.8)
    ax.set_ylim(height - 0.8, -0.2)
    ax.grid(visible=False)


@styled
def explained_variance(
    parts: dict[str, pd.DataFrame], source: str, *,
    title: str | None = None, label: str | None = None,
) -> Figure:  # fmt: skip
    """How much of the spread of each curve each choice explains, one panel a curve.

    Parameters
    ----------
    parts : dict of str to DataFrame
        Heading to :func:`ikm_pmi.trust.specification_curve.explained`.
    source : str
    title, label : str, optional
        Another message, and what the horizontal axes are in.
    """
    leads = [str(frame.iloc[0]["choice"]).replace("_", " ") for frame in parts.values()]
    title = title or say("The choices that matter most: {}", joined(", ", leads))
    rows = pd.concat(parts, names=["panel"]).reset_index("panel")
    picture = facets(title, source, rows, share_y=False, size=(7.6, 3.2))
    for ax, frame in zip(picture.axes, parts.values(), strict=True):
        choices, shares = frame["choice"].astype(str), 100 * frame["alone"]
        colours = ["soft" if choice == "all choices" else "main" for choice in choices]
        bars(ax, choices.str.replace("_", " "), shares, colours)
        for place, share in enumerate(shares):
            labelled(ax, f"{share:.0f}", (share, place), size=7)
        ax.set_xlim(0, 118)
        ax.tick_params(axis="y", labelsize=7)
        ax.set_xlabel(label or "percent of variance")
    return picture.figure


@styled
def size_and_coverage(table: pd.DataFrame, title: str, source: str) -> Figure:
    """Size against its nominal value and coverage against its own, one row a method.

    Whiskers are 1.96 Monte-Carlo standard errors. A dot beyond the panel is drawn at its edge with
    its value; what is off has another colour and an open dot.

    Parameters
    ----------
    table : DataFrame
        From :func:`ikm_pmi.trust.monte_carlo.summarise`.
    """
    rows = table.reset_index(drop=True)
    picture = canvas(title, source, panels=(1, 2), size=(7.6, 1.3 + 0.185 * len(rows)))
    sizes, covers = picture.axes
    _rates(sizes, rows, "size", nominal=0.05, shown=(0.0, 0.3))
    _rates(covers, rows, "coverage", nominal=0.95, shown=(0.6, 1.0))
    sizes.set_xlabel("true null rejected, share\n(line: 0.05, as claimed)")
    covers.set_xlabel("truth inside the interval, share\n(line: 0.95, as claimed)")
    names = [
        say("{}: {}", one.experiment, joined(", ", filter(None, (one.method, one.get("world")))))
        for _, one in rows.iterrows()
    ]
    sizes.set_yticks(list(range(len(rows))), names, fontsize=7)
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
        colour = "second" if off else "main"
        at = min(max(value, low), high)
        ends = [max(value - error, low), min(value + error, high)]
        if at == value:
            ax.plot(ends, [place, place], color=COLOURS[colour], linewidth=1.4, zorder=2)
        face = "white" if off else COLOURS[colour]
        dots(ax, at, place, colour, 16, facecolor=face, clip_on=False)
        if at != value:
            labelled(ax, f"{value:.2f}", (at, place), colour, left=value > high, size=7)
    reference_line(ax, nominal, vertical=True)
    ax.set_xlim(low, high)
