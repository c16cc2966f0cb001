"""The explorer: chapter 07 on one page whose controls recompute it in the browser.

The page is one piece of HTML with its data, its script and Vega inside: it asks no server for
anything. Texts are English here and in the reader's language through the catalogue; those that the
script fills in have places in square brackets.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import pkgutil
from collections.abc import Mapping
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikm_pmi.language import Language, tr, using
from ikm_pmi.models.explorer import ExplorerInputs

__all__ = ["fragment", "page"]

#: Texts of the page.
TEXTS = {
    "heading": "How many jobs hang on a restriction, and how many on an order?",
    "noscript": "This page computes in your browser and needs JavaScript.",
    "lead": (
        "Move a control: the numbers are computed again in your browser, from the estimates and "
        "the joint draws of chapter 07. At the start they are those of the chapter."
    ),
    "the_restriction": "The restriction",
    "shape_real": "as it really was from July 2021",
    "shape_held": "held at one level",
    "from_pmi_to_jobs": "From the PMI to jobs",
    "the_order": "The order (BUMN)",
    "reset": "Back to chapter 07",
    "card_pmi": "PMI points, mean over the months",
    "card_jobs": "IKM jobs at the end of the restriction",
    "card_order": "IKM jobs while the order lasts (scenario)",
    "in_words": "The answer in words",
    "title_pmi": "PMI, points",
    "title_jobs": "IKM jobs, persons",
    "title_both": "The restriction and the order on one scale: IKM jobs, persons",
    "legend": (
        "Line: point value. Dark band: the central half of the draws. Light band: the 95% "
        "interval. Dotted: last month of the restriction; then it is back where it was in "
        "June 2021."
    ),
    "title_table": "The numbers, month by month",
    "caption": (
        "Differences from a country whose restriction stayed as in June 2021; the last month of "
        "the restriction in bold."
    ),
    "month": "Month",
    "col_restriction": "Restriction",
    "col_pmi": "PMI, points",
    "col_output": "IKM output, %",
    "col_jobs": "IKM jobs",
    "interval": "95% interval",
    "title_command": "The same in the chapter",
    "title_limits": "What these numbers are not",
    "limits": (
        "The links are estimated apart and multiplied. The bridge from the PMI to output stands on "
        "the pandemic years: without them it is close to nothing. The orders are a scenario, not "
        "an estimate: no public series says what state-owned enterprises bought from whom. An "
        "elasticity or a multiplier moved here keeps the error it has in the chapter."
    ),
}
#: Texts that the script fills in.
WORDS = {
    "range": "[low] to [high]",
    "answer_pmi": (
        "The PMI would be [change], on average over [months] of the restriction ([level] "
        "interval [interval])."
    ),
    "month_one": "the one month",
    "month_many": "the [number] months",
    "points_lower": "[number] points lower",
    "points_higher": "[number] points higher",
    "points_same": "where it was",
    "answer_jobs": (
        "At the end of [month] there would be [change] in small and medium industry ([level] "
        "interval [interval]), [percent] percent of its workers."
    ),
    "jobs_fewer": "[number] jobs fewer",
    "jobs_more": "[number] jobs more",
    "jobs_same": "as many jobs",
    "answer_order": (
        "Orders of [order] billion rupiah a year would stand for [jobs] jobs while they last "
        "([level] interval [interval])."
    ),
    "not_in_command": "Not a parameter of the chapter, so not in the command: [names].",
    "order": "the order",
    "restriction": "the restriction",
    "elasticity": "elasticity",
    "multiplier": "multiplier",
}
#: Sliders: name → label, hint, smallest, largest, step (None: from the numbers).
SLIDERS: Mapping[str, tuple[str, str, float | None, float | None, float]] = {
    "strength": (
        "Strength", "percent of the tightening since June 2021", 0, 120, 5),
    "held": ("Level", "0: no restriction; 1: the strictest, everywhere", 0, 1, 0.05),
    "length": ("Length, months", "after it the restriction is as in June 2021", 1, None, 1),
    "elasticity": (
        "Employment elasticity", "percent of IKM workers per percent of output", -0.1, 1.2, 0.01),
    "value": ("Order, billion rupiah a year", "ten billion to a hundred trillion", 1, 5, 0.01),
    "share": ("Share reaching IKM", "of the order, made by small and medium industry", 0, 1, 0.01),
    "multiplier": (
        "Output multiplier", "output in all industries per rupiah ordered", None, None, 0.01),
}  # fmt: skip
#: Choices: name → label and the texts of its values.
CHOICES = {
    "measure": ("Measured by", {
        "level": "the general level of restriction",
        "industry_closure": "the cap on factory staff",
        "oxcgrt": "the Oxford stringency index"}),
    "bridge": ("Bridge from PMI to output", {
        "all": "all quarters", "without_pandemic": "without 2020 and 2021"}),
}  # fmt: skip


def page(inputs: ExplorerInputs, language: Language = "en") -> str:
    """The explorer as a whole HTML document."""
    with using(language):
        title = html.escape(tr(TEXTS["heading"]))
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{title}</title>\n<style>body {{ font-family: system-ui, sans-serif; "
        "margin: 1rem; } main { max-width: 62rem; margin: auto; }</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n{fragment(inputs, language)}</main>\n</body>\n</html>\n"
    )


def fragment(inputs: ExplorerInputs, language: Language = "en") -> str:
    """The explorer as a section to be put into a page.

    Parameters
    ----------
    inputs : ExplorerInputs
        From :func:`ikm_pmi.models.explorer.explorer_inputs`.
    language : {"en", "id"}
    """
    values = inputs.values
    with using(language):
        texts = {name: html.escape(tr(text)) for name, text in TEXTS.items()}
        controls = {name: _slider(name, values) for name in SLIDERS}
        controls |= {name: _choice(name, *entry) for name, entry in CHOICES.items()}
        orders = {o["name"]: o["what"] for o in values["orders"]}
        controls["order"] = _choice("order", "Start from", orders)
        content = {
            "language": language,
            "values": {**values, "labels": _labels(values["months"], language)},
            "draws": {name: _packed(x) for name, x in inputs.draws.items()},
            "words": {name: tr(text) for name, text in WORDS.items()}
            | {"separators": _separators(language)},
        }
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Template(_asset("explorer.html")).substitute(
        texts, **controls, language=language, style=_asset("explorer.css"),
        data=data.replace("</", "<\\/"),
        library=_vega(),
        script=_asset("explorer.js"),
    )  # fmt: skip


def _asset(name: str) -> str:
    return (pkgutil.get_data(__package__ or "", name) or b"").decode()


@functools.cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # In a function: the page it is put into may have a script with the same short names.
    return f"(() => {{{bundle}}})();".replace("</script", "<\\/script")


def _packed(x: NDArray[np.float64]) -> dict[str, Any]:
    """Draws in 2^32 - 1 equal steps: an error of a few parts in ten thousand million."""
    low, step = float(x.min()), float(np.ptp(x)) / (2**32 - 1)
    codes = np.rint((x - low) / step) if step else np.zeros_like(x)
    data = base64.b64encode(codes.astype("<u4").tobytes()).decode()
    return {"low": low, "step": step, "data": data}


def _separators(language: Language) -> dict[str, str]:
    from babel import Locale

    symbols = Locale.parse(language).number_symbols["latn"]
    return {"decimal": symbols["decimal"], "thousands": symbols["group"], "minus": "−"}


def _labels(months: list[str], language: Language) -> list[str]:
    """Months as axis and table show them: Jul 2021, Agu 2021."""
    from babel import Locale

    names = Locale.parse(language).months["stand-alone"]["abbreviated"]
    return [f"{names[int(m[5:])]} {m[:4]}" for m in months]


def _slider(name: str, values: Mapping[str, Any]) -> str:
    label, hint, low, high, step = SLIDERS[name]
    if name == "multiplier":
        low, high = values["multiplier_range"]
    if name == "length":
        high = len(values["months"])
    label, hint = (html.escape(tr(text)) for text in (label, hint))
    return (
        f'<div class="control"><div><label for="explorer-{name}">{label}</label>'
        f'<output for="explorer-{name}" data-name="{name}-value"></output></div>'
        f'<input type="range" id="explorer-{name}" data-name="{name}" min="{low}" max="{high}" '
        f'step="{step}" aria-describedby="explorer-{name}-hint" autocomplete="off">'
        f'<small id="explorer-{name}-hint">{hint}</small></div>'
    )


def _choice(name: str, label: str, options: Mapping[str, str]) -> str:
    rows = "".join(
        f'<option value="{html.escape(value)}">{html.escape(tr(text))}</option>'
        for value, text in options.items()
    )
    return (
        f'<div class="control"><label for="explorer-{name}">{html.escape(tr(label))}</label>'
        f'<select id="explorer-{name}" data-name="{name}" autocomplete="off">{rows}</select></div>'
    )
