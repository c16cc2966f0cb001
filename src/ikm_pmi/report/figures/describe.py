"""Pictures of the describing chapters: the claims, the data, the restrictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ikm_pmi.language import months_said, say
from ikm_pmi.report.figures.canvas import COLOURS, canvas, styled
from ikm_pmi.report.figures.marks import dots, line, middle, series, shade
from ikm_pmi.results import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLOSURE = "industry closure (1 − allowed on-site share)"
_PRINTED = "percent of the\nlargest month printed"
SIZE_COLOURS = {
    "micro": COLOURS["main"],
    "small": "#56B4E9",
    "medium and large": COLOURS["shade"],
}


@styled
def workers_by_size(
    workers: pd.DataFrame, said: float, year: int, source: str, *,
    title: str | None = None, label: str | None = None,
) -> Figure:  # fmt: skip
    """Workers by size of establishment as one stacked bar, under the number that was said.

    Parameters
    ----------
    workers : DataFrame, columns size, persons
    said : float
        Persons, as announced.
    year : int
    source : str
    title, label : str, optional
        Another message, and what the axis is in.
    """
    parts = dict(zip(workers["size"].astype(str), workers["persons"].astype(float), strict=True))
    title = title or say("{:.2f} million IKM workers were announced; the establishment surveys, "
                         "large firms included, had {:.2f} million in {}",
                         said / 1e6, sum(parts.values()) / 1e6, year)  # fmt: skip
    picture = canvas(title, source, size=(7.6, 2.9))
    ax, left = picture.ax, 0.0
    for size, persons in parts.items():
        width = persons / 1e6
        ax.barh("BPS counts", width, left=left, color=SIZE_COLOURS[size], height=0.55)
        ax.text(
            left + width / 2, 0, say("{}\n{:.2f}", size, width), ha="center", va="center",
            fontsize=9, color="white" if size == "micro" else COLOURS["ink"],
        )  # fmt: skip
        left += width
    ax.barh("announced", said / 1e6, color="white", edgecolor=COLOURS["second"], hatch="///",
            height=0.55)  # fmt: skip
    ax.text(
        said / 2e6, 1, say("IKM, {:.2f}", said / 1e6), ha="center", va="center", fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
    )  # fmt: skip
    ax.set_xlabel(label or "million workers")
    ax.grid(visible=False, axis="y")
    return picture.figure


@styled
def coverage(
    countries: pd.DataFrame, names: Mapping[str, str], source: str, *,
    title: str | None = None, label: str | None = None,
) -> Figure:  # fmt: skip
    """Months with a PMI by country, gaps visible.

    Parameters
    ----------
    countries : DataFrame, columns country_iso3, month (period[M]), pmi
    names : mapping of str to str
        ISO code to the name shown.
    source : str
    title, label : str, optional
        Another message, and what the horizontal axis is in.
    """
    have = countries.dropna(subset=["pmi"])
    counts = have["country_iso3"].value_counts()
    order = list(counts.index[::-1])
    title = title or say("Of Indonesia's PMI {} months are public; beside it {} countries and "
                         "aggregates, many with gaps",
                         counts.get("IDN", 0), len(order) - 1)  # fmt: skip
    picture = canvas(title, source, size=(7.6, 5.6))
    ax = picture.ax
    rows = have["country_iso3"].map({code: y for y, code in enumerate(order)})
    for here, colour in ((False, "main"), (True, "second")):
        part = have[(have["country_iso3"] == "IDN") == here]
        dots(ax, part["month"].dt.to_timestamp(), rows[part.index], colour, size=42,
             marker="|", linewidth=1.1)  # fmt: skip
    labels = [say("{} ({})", names.get(code, code), counts[code]) for code in order]
    ax.set_yticks(range(len(order)), labels, fontsize=8)
    ax.set_ylim(-1, len(order) + 0.4)
    shade(ax, [(months_said("2019-07", "2022-06"), "2019-07-01", "2022-06-30")])
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(label or "month (in brackets: months with a value)")
    return picture.figure


@styled
def intensity(
    monthly: pd.DataFrame, source: str, *,
    readings: pd.DataFrame | None = None, industry: pd.DataFrame | None = None,
    title: str | None = None, label: Sequence[str] | None = None,
) -> Figure:  # fmt: skip
    """The measures of restriction by month beside the world, all scaled so that up is stricter.

    Parameters
    ----------
    monthly : DataFrame
        Index month (period[M]); columns level, industry_cap (0-1), oxcgrt (0-100),
        workplaces_mobility (percent change from baseline); missing stays missing. A column deaths
        (0-1, of the worst month) is drawn where there is one.
    source : str
    readings : DataFrame, optional
        Index month; closure_low and closure_high (0-1), drawn as a band.
    industry : DataFrame, optional
        Index month; cars (thousand), java and elsewhere (cement, thousand tonnes): a third panel,
        each in percent of its largest month printed.
    title : str, optional
        Another message.
    label : sequence of str, optional
        What the axes are in, from above.
    """
    rows = 2 + (industry is not None)
    size = (7.6, 2.7 * rows)
    picture = canvas(title or _jump(monthly), source, panels=(rows, 1), size=size, share_x=True)
    top, bottom = picture.axes[:2]
    series(top, monthly["level"], "PPKM level", color=COLOURS["main"], drawstyle="steps-mid")
    series(top, 1 - monthly["industry_cap"], _CLOSURE, color=COLOURS["second"], linestyle="--",
           drawstyle="steps-mid")  # fmt: skip
    if readings is not None:
        ends = readings["closure_high"], readings["closure_low"]
        top.fill_between(
            middle(readings.index), *ends, step="mid", color=COLOURS["second"], alpha=0.2,
            linewidth=0, label="closure, loosest to strictest reading",
        )  # fmt: skip
    series(bottom, monthly["oxcgrt"], "Oxford stringency (0–100)", color=COLOURS["main"])
    series(bottom, -monthly["workplaces_mobility"], "fall of workplace mobility (percent)",
           color=COLOURS["soft"], linestyle="--")  # fmt: skip
    if "deaths" in monthly:
        series(bottom, 100 * monthly["deaths"], "deaths (percent of the worst month)",
               color=COLOURS["second"], linestyle=":")  # fmt: skip
    if industry is not None:
        _printed(picture.axes[2], industry)
    units = label or ("share of full\nrestriction (0–1)", "index points,\npercent", _PRINTED)
    for ax, unit in zip(picture.axes, units, strict=False):
        ax.set_ylabel(unit)
        shade(ax, [("Darurat,\nLevel 4", "2021-07-03", "2021-08-31")])
        ax.legend(loc="upper left")
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]), top=ax.get_ylim()[1] * 1.3)
    return picture.figure


def _printed(ax: Axes, industry: pd.DataFrame) -> None:
    """Single months as dots: between them nothing was printed."""
    names = {"cars": ("cars built", "main"), "java": ("cement, Java", "second"),
             "elsewhere": ("cement, elsewhere", "soft")}  # fmt: skip
    for column, (name, colour) in names.items():
        have = industry[column].dropna()
        dots(ax, middle(have.index), 100 * have / have.max(), colour, label=name)


def _jump(monthly: pd.DataFrame) -> str:
    """The largest step of the level, and what the other index does in that month."""
    jump = int(monthly["level"].diff().fillna(0).to_numpy().argmax())
    before, after = monthly["level"].iloc[jump - 1], monthly["level"].iloc[jump]
    moved = float(monthly["oxcgrt"].diff().iloc[jump])
    return say("In {:%B %Y} the PPKM level goes from {:.2f} to {:.2f}, while the Oxford index "
               "moves by {} points",
               monthly.index[jump], before, after, number(moved, 1))  # fmt: skip


@styled
def rules(
    daily: pd.DataFrame, source: str, *, title: str | None = None, label: str | None = None
) -> Figure:
    """Level and closure of industry by day, as the dated rules give them; up is stricter.

    Parameters
    ----------
    daily : DataFrame
        Index date; columns level and industry_cap (the allowed share), both 0-1.
    source : str
    title, label : str, optional
        Another message, and what the axis is in.
    """
    picture = canvas(title or _reopened(daily), source, size=(7.6, 3.6))
    ax, window = picture.ax, daily.loc["2021-06-01":"2021-11-30"]
    for values, name, colour, style in (
        (window["level"], "PPKM level (1 = all at level 4)", "main", "-"),
        (1 - window["industry_cap"], _CLOSURE, "second", "--"),
    ):
        line(ax, window.index, values, name, drawstyle="steps-post", color=COLOURS[colour],
             linestyle=style)  # fmt: skip
    for month in range(6, 12):
        shade(ax, [("survey", f"2021-{month:02d}-12", f"2021-{month:02d}-23")])
    ax.set_ylim(-0.02, 1.12)
    ax.set_ylabel(label or "share of full\nrestriction (0–1)")
    ax.legend(loc="upper right", bbox_to_anchor=(1.0, 0.93))
    return picture.figure


def _reopened(daily: pd.DataFrame) -> str:
    day = daily.loc["2021-09-20"]
    return say("On 20 September 2021 the rules allowed {:.0%} of factory staff on site, while the "
               "PPKM level still stood at {:.2f}",
               day["industry_cap"], day["level"])  # fmt: skip
