"""Pictures of the chapter on robustness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.report.figures.canvas import COLOURS, canvas, styled, zero_line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ikm_pmi.models.multiverse import Curve

__all__ = ["explained_variance", "specification_curve"]


@styled
def specification_curve(
    curve: Curve, title: str, source: str, *, shown: int = 300, axis: str = "", most: int = 6
) -> Figure:
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
            top.scatter(places[found == flag], values[found == flag], s=5, color=COLOURS[colour],
                        label=label, zorder=3)  # fmt: skip
    top.scatter([headline], [table["estimate"].iloc[0]], s=42, marker="D", zorder=4,
                color="white", edgecolor=COLOURS["ink"], label="the chapters' own")  # fmt: skip
    zero_line(top)
    top.set_ylabel(axis)
    top.legend(loc="upper left", ncols=2, fontsize=7.5)
    _matrix(below, part[choices], rows, places, found)
    below.set_xlabel(f"{len(table):,} specifications in the order of their estimates")
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
        names.append(f"{choice.replace('_', ' ')}: {option}")
        on = (part[choice] == option).to_numpy()
        for flag, colour in ((True, "main"), (False, "second")):
            at = places[on & (found == flag)]
            ax.plot(at, np.full(len(at), height), "|", color=COLOURS[colour], markersize=4.2,
                    markeredgewidth=0.7)  # fmt: skip
    ax.set_yticks(heights, names, fontsize=6.8)
    ax.set_ylim(height - 0.8, -0.2)
    ax.grid(visible=False)


@styled
def explained_variance(parts: dict[str, pd.DataFrame], source: str) -> Figure:
    """How much of the spread of each curve each choice explains, one panel a curve.

    Parameters
    ----------
    parts : dict of str to DataFrame
        Heading to :func:`ikm_pmi.inference.curve.explained`.
    source : str
    """
    leads = [str(frame.iloc[0]["choice"]).replace("_", " ") for frame in parts.values()]
    title = "The choices that matter most: " + ", ".join(leads)
    picture = canvas(title, source, panels=(1, len(parts)), size=(7.6, 3.2))
    for ax, (heading, frame) in zip(picture.axes, parts.items(), strict=True):
        rows = frame.iloc[::-1]
        colours = [COLOURS["soft" if c == "all choices" else "main"] for c in rows["choice"]]
        ax.barh(
            rows["choice"].str.replace("_", " "), 100 * rows["alone"], color=colours, height=0.7
        )
        for place, share in enumerate(rows["alone"]):
            ax.annotate(f"{100 * share:.0f}", (100 * share, place), xytext=(3, 0),
                        textcoords="offset points", va="center", fontsize=7)  # fmt: skip
        ax.set_title(heading)
        ax.set_xlim(0, 118)
        ax.tick_params(axis="y", labelsize=7)
        ax.set_xlabel("percent of variance")
        ax.grid(visible=False, axis="y")
    return picture.figure
