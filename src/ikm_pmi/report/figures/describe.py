"""Pictures of the describing chapters: the claims, the data, the restrictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ikm_pmi.report.figures.canvas import COLOURS, canvas, shade, styled
from ikm_pmi.results import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["coverage", "intensity", "rules", "workers_by_size"]

SIZE_COLOURS = {
    "micro": COLOURS["main"],
    "small": "#56B4E9",
    "medium and large": COLOURS["shade"],
}


@styled
def workers_by_size(workers: pd.DataFrame, said: float, year: int, source: str) -> Figure:
    """Workers by size of establishment as one stacked bar, under the number that was said.

    Parameters
    ----------
    workers : DataFrame, columns size, persons
    said : float
        Persons, as announced.
    year : int
    source : str
    """
    parts = dict(zip(workers["size"].astype(str), workers["persons"].astype(float), strict=True))
    picture = canvas(
        f"{said / 1e6:.2f} million IKM workers were announced; the establishment surveys, large "
        f"firms included, had {sum(parts.values()) / 1e6:.2f} million in {year}",
        source,
        size=(7.6, 2.9),
    )
    ax, left = picture.ax, 0.0
    for size, persons in parts.items():
        width = persons / 1e6
        ax.barh("BPS counts", width, left=left, color=SIZE_COLOURS[size], height=0.55)
        ax.text(
            left + width / 2, 0, f"{size}\n{width:.2f}", ha="center", va="center", fontsize=9,
            color="white" if size == "micro" else COLOURS["ink"],
        )  # fmt: skip
        left += width
    ax.barh("announced", said / 1e6, color="white", edgecolor=COLOURS["second"], hatch="///",
            height=0.55)  # fmt: skip
    ax.text(
        said / 2e6, 1, f"IKM, {said / 1e6:.2f}", ha="center", va="center", fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
    )  # fmt: skip
    ax.set_xlabel("million workers")
    ax.grid(visible=False, axis="y")
    return picture.figure


@styled
def coverage(countries: pd.DataFrame, names: Mapping[str, str], source: str) -> Figure:
    """Months with a PMI by country, gaps visible.

    Parameters
    ----------
    countries : DataFrame, columns country_iso3, month (period[M]), pmi
    names : mapping of str to str
        ISO code to the name shown.
    source : str
    """
    have = countries.dropna(subset=["pmi"])
    counts = have["country_iso3"].value_counts()
    order = list(counts.index[::-1])
    picture = canvas(
        f"{len(have):,} country-months of the manufacturing PMI from {len(order)} countries and "
        f"aggregates; Indonesia (orange) has {counts.get('IDN', 0)}",
        source,
        size=(7.6, 5.6),
    )
    ax = picture.ax
    for y, code in enumerate(order):
        months = have.loc[have["country_iso3"] == code, "month"].dt.to_timestamp()
        colour = COLOURS["second"] if code == "IDN" else COLOURS["main"]
        ax.plot(months, [y] * len(months), "|", color=colour, markersize=6.5, markeredgewidth=1.1)
    labels = [f"{names.get(code, code)} ({counts[code]})" for code in order]
    ax.set_yticks(range(len(order)), labels, fontsize=8)
    ax.set_ylim(-1, len(order) + 0.4)
    shade(ax, [("2019-07 to 2022-06", "2019-07-01", "2022-06-30")])
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("month (in brackets: months with a value)")
    return picture.figure


@styled
def intensity(monthly: pd.DataFrame, source: str) -> Figure:
    """The four measures of restriction by month, all scaled so that up is stricter.

    Parameters
    ----------
    monthly : DataFrame
        Index month (period[M]); columns level, industry_cap (0-1), oxcgrt (0-100),
        workplaces_mobility (percent change from baseline); missing stays missing.
    source : str
    """
    import pandas as pd

    months = pd.PeriodIndex(monthly.index)
    jump = int(monthly["level"].diff().fillna(0).to_numpy().argmax())
    before, after = monthly["level"].iloc[jump - 1], monthly["level"].iloc[jump]
    moved = float(monthly["oxcgrt"].diff().iloc[jump])
    picture = canvas(
        f"In {months[jump]:%B %Y} the PPKM level goes from {before:.2f} to {after:.2f}, while the "
        f"Oxford index moves by {number(moved, 1)} points",
        source,
        panels=(2, 1),
        size=(7.6, 5.4),
        share_x=True,
    )
    top, bottom = picture.axes
    when = months.to_timestamp() + pd.Timedelta(days=14)  # a month stands at its middle
    top.step(when, monthly["level"], where="mid", color=COLOURS["main"], label="PPKM level")
    top.step(
        when, 1 - monthly["industry_cap"], where="mid", color=COLOURS["second"], linestyle="--",
        label="industry closure (1 − allowed on-site share)",
    )  # fmt: skip
    top.set_ylabel("share of full\nrestriction (0–1)")
    bottom.plot(when, monthly["oxcgrt"], color=COLOURS["third"], label="Oxford stringency (0–100)")
    bottom.plot(
        when, -monthly["workplaces_mobility"], color=COLOURS["fourth"], linestyle="--",
        label="fall of workplace mobility (percent)",
    )  # fmt: skip
    bottom.set_ylabel("index points,\npercent")
    for ax in picture.axes:
        shade(ax, [("Darurat,\nLevel 4", "2021-07-03", "2021-08-31")])
        ax.legend(loc="upper left")
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]), top=ax.get_ylim()[1] * 1.2)
    return picture.figure


@styled
def rules(daily: pd.DataFrame, source: str) -> Figure:
    """Level and industry cap by day, as the dated rules give them.

    Parameters
    ----------
    daily : DataFrame
        Index date; columns level and industry_cap, both 0-1.
    source : str
    """
    window = daily.loc["2021-06-01":"2021-11-30"]
    day = daily.loc["2021-09-20"]
    picture = canvas(
        f"On 20 September 2021 the rules allowed {day['industry_cap']:.0%} of factory staff on "
        f"site, while the PPKM level still stood at {day['level']:.2f}",
        source,
        size=(7.6, 3.6),
    )
    ax = picture.ax
    ax.plot(window.index, window["level"], drawstyle="steps-post", color=COLOURS["main"],
            label="PPKM level (1 = all at level 4)")  # fmt: skip
    ax.plot(window.index, window["industry_cap"], drawstyle="steps-post", linestyle="--",
            color=COLOURS["second"], label="industry cap (allowed on-site share)")  # fmt: skip
    for month in range(6, 12):
        shade(ax, [("survey", f"2021-{month:02d}-12", f"2021-{month:02d}-23")])
    ax.set_ylim(0, 1.12)
    ax.set_ylabel("share (0–1)")
    ax.legend(loc="lower left", fontsize=8)
    return picture.figure
