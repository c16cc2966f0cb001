"""Pictures of the chapter from a restriction, or an order, to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ikm_pmi.report.figures.canvas import COLOURS, canvas, intervals, styled, zero_line
from ikm_pmi.results import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from ikm_pmi.results import Estimate

__all__ = ["bridge", "drivers", "fan", "orders"]

_PANELS = {
    "pmi_points": "PMI, index points",
    "output_pct": "IKM output, percent",
    "workers": "IKM workers, thousand",
}
_INPUTS = {
    "pmi": "dose-response",
    "bridge": "bridge to growth",
    "pass_through": "pass-through to IKM",
    "elasticity": "elasticity",
    "additional": "share that is additional",
    "share_manufacturing": "share reaching IKM manufacturing",
    "import_leakage": "import leakage",
    "indirect_share": "indirect output in IKM",
    "multiplier": "output multiplier",
    "jointly": "several together",
}


@styled
def fan(paths: pd.DataFrame, last_month: pd.Period, source: str) -> Figure:
    """PMI, output and workers by month as fans: point, central half, interval.

    Parameters
    ----------
    paths : DataFrame
        ``ChainResult.fan``.
    last_month : Period
        End of the path in the headline; what follows is the path followed further.
    source : str
    """
    rows = paths.set_index("month")
    at = paths[(paths["month"] == last_month) & (paths["quantity"] == "workers")].iloc[0]
    width = "across" if at["low"] < 0 < at["high"] else "away from"
    picture = canvas(
        f"By {last_month:%B %Y} the chain gives {number(at['point'] / 1e3, 0)} thousand IKM "
        f"workers, its interval {width} zero",
        source,
        panels=(1, 3),
        size=(7.6, 3.4),
    )
    for ax, (name, title) in zip(picture.axes, _PANELS.items(), strict=True):
        part = rows[rows["quantity"] == name].drop(columns="quantity")
        part = part / 1e3 if name == "workers" else part
        x = range(len(part))
        zero_line(ax)
        ax.fill_between(x, part["low"], part["high"], color=COLOURS["main"], alpha=0.16, lw=0)
        ax.fill_between(x, part["q25"], part["q75"], color=COLOURS["main"], alpha=0.3, lw=0)
        ax.plot(x, part["point"], "o-", color=COLOURS["main"], markersize=3, linewidth=1.5)
        end = list(part.index).index(last_month)
        ax.axvline(end, color=COLOURS["second"], linewidth=1, linestyle=":")
        ax.set_title(title)
        ax.set_xticks(list(x)[::3], [f"{m:%b\n%Y}" for m in part.index[::3]])
    return picture.figure


@styled
def bridge(rows: pd.DataFrame, slope: Estimate, source: str) -> Figure:
    """Growth of manufacturing against the four-quarter mean of PMI-50, the pandemic apart.

    Parameters
    ----------
    rows : DataFrame
        ``ChainResult.bridge``: growth, pmi, pandemic.
    slope : Estimate
        ``chain.bridge.slope``, with what is left without 2020 and 2021 in its detail.
    source : str
    """
    calm = slope.detail["slope_without_pandemic"]
    picture = canvas(
        f"A point of PMI goes with {number(slope.value)} points of growth, and with "
        f"{number(calm)} outside 2020 and 2021",
        source,
        size=(7.6, 4.0),
    )
    ax = picture.ax
    groups = ((False, "main", "other quarters"), (True, "second", "2020 and 2021"))
    for flag, colour, label in groups:
        part = rows[rows["pandemic"] == flag]
        ax.plot(
            part["pmi"], part["growth"], "o", color=COLOURS[colour], markersize=4.5, label=label
        )
    for value, part, style in ((slope.value, rows, "-"), (calm, rows[~rows["pandemic"]], "--")):
        ends = part["pmi"].agg(["min", "max"])
        ax.plot(ends, part["growth"].mean() + value * (ends - part["pmi"].mean()), style,
                color=COLOURS["ink"], linewidth=1.3)  # fmt: skip
    ax.set_xlabel("PMI less 50, mean of four quarters, index points")
    ax.set_ylabel("manufacturing, year on year, percent")
    ax.legend(loc="lower right")
    return picture.figure


@styled
def orders(scenarios: pd.DataFrame, estimates: Sequence[Estimate], source: str) -> Figure:
    """Workers of every scenario with intervals.

    Parameters
    ----------
    scenarios : DataFrame
        ``OrderBookResult.scenarios``.
    estimates : sequence of Estimate
        Those named ``bumn.<scenario>.workers``, in the same order.
    source : str
    """
    first = scenarios.iloc[0]
    most = scenarios.sort_values("workers_pct").iloc[-1]
    picture = canvas(
        f"The pilot of 2021 stands for {number(first['workers'], 0)} IKM workers; the largest "
        f"scenario for {number(most['workers_pct'], 1)} percent of them",
        source,
        size=(7.6, 1.7 + 0.36 * len(scenarios)),
    )
    labels = [
        f"{what}\n{number(order / 1e6, 2 if order < 1e6 else 1)} trillion IDR"
        for what, order in zip(scenarios["what"], scenarios["order_idr_mn"], strict=True)
    ]
    rows = [
        (label, e.value / 1e3, (e.ci_low or 0) / 1e3, (e.ci_high or 0) / 1e3)
        for label, e in zip(labels, estimates, strict=True)
    ]
    zero_line(picture.ax, vertical=True)
    intervals(picture.ax, rows, digits=1)
    picture.ax.tick_params(axis="y", labelsize=7.5)
    picture.ax.set_xlabel("IKM workers while the order lasts, thousand")
    return picture.figure


@styled
def drivers(tornado: pd.DataFrame, shares: pd.Series, what: str, source: str) -> Figure:
    """What moves the answer: one input at a time over its range, and shares of variance.

    Parameters
    ----------
    tornado, shares
        Of ``OrderBookResult``; shares may be empty.
    what : str
        The scenario in words.
    source : str
    """
    title = f"Over its range the {_INPUTS[tornado['input'].iloc[0]]} moves the workers most"
    if len(shares):
        main = str(shares.drop("jointly").idxmax())
        title += f"; of the variance {100 * shares[main]:.0f} percent is the {_INPUTS[main]}"
    picture = canvas(
        title,
        source,
        panels=(2, 1),
        size=(7.6, 4.8),
    )
    upper, lower = picture.axes
    bars = tornado.iloc[::-1]
    ends = bars[["at_low", "at_high"]].to_numpy(float) / 1e3
    upper.barh(range(len(bars)), ends[:, 1] - ends[:, 0], left=ends[:, 0], height=0.6,
              color=COLOURS["main"])  # fmt: skip
    for place, (values, xs) in enumerate(zip(bars[["low", "high"]].to_numpy(), ends, strict=True)):
        for value, x in zip(values, xs, strict=True):
            sign = 1 if x == max(xs) else -1
            upper.annotate(
                number(value, 2), (x, place), xytext=(3 * sign, 0), textcoords="offset points",
                ha="left" if sign > 0 else "right", va="center", fontsize=7,
            )  # fmt: skip
    upper.set_yticks(range(len(bars)), [_INPUTS[name] for name in bars["input"]])
    reach = 0.1 * (ends.max() - ends.min())
    upper.set_xlim(ends.min() - reach, ends.max() + reach)
    upper.set_title(f"Workers, thousand: {what}")
    shown = shares[shares > 0.005][::-1]
    lower.barh(range(len(shown)), 100 * shown.to_numpy(), height=0.6, color=COLOURS["third"])
    lower.set_yticks(range(len(shown)), [_INPUTS[str(name)] for name in shown.index])
    lower.set_title("Share of the variance, percent")
    for ax in picture.axes:
        ax.grid(visible=False, axis="y")
    return picture.figure
