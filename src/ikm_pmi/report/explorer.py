"""The explorer: chapter 07 on one page whose controls recompute it in the browser.

The page is one piece of HTML with its data and its script inside: it asks no server for anything.
Texts are English in ``explorer.html``, in double braces, and in ``explorer.json``, those that the
script fills in, with places in square brackets; the catalogue has the reader's language.
"""

from __future__ import annotations

import html
import json
import pkgutil
import re
from collections.abc import Mapping
from string import Template
from typing import Any

from ikm_pmi.language import Language, tr, using

_TEXT = re.compile(r"\{\{(.+?)\}\}")  # English in the template of the page


def _asset(name: str) -> str:
    return (pkgutil.get_data(__package__ or "", name) or b"").decode()


#: Texts that the script fills in.
WORDS: Mapping[str, str] = json.loads(_asset("explorer.json"))


def fragment(values: Mapping[str, Any], language: Language = "en") -> str:
    """The explorer as a section to be put into a page.

    Parameters
    ----------
    values : mapping
        From :func:`ikm_pmi.jobs.explorer.explorer_inputs`.
    language : {"en", "id"}
    """
    with using(language):
        page = _TEXT.sub(lambda found: html.escape(tr(found[1])), _asset("explorer.html"))
        orders = [
            f'<option value="{html.escape(o["name"])}">{html.escape(tr(o["what"]))}</option>'
            for o in values["orders"]
        ]
        content = {
            "language": language,
            "values": {**values, "labels": _labels(values["months"], language)},
            "words": {name: tr(text) for name, text in WORDS.items()},
        }
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Template(page).substitute(
        language=language,
        style=_asset("explorer.css"),
        orders="\n".join(orders),
        months=len(values["months"]),
        data=data.replace("</", "<\\/"),
        script=_asset("explorer.js"),
    )


def _labels(months: list[str], language: Language) -> list[str]:
    """Months as a sentence shows them: Jul 2021, Agu 2021."""
    from babel import Locale

    names = Locale.parse(language).months["stand-alone"]["abbreviated"]
    return [f"{names[int(m[5:])]} {m[:4]}" for m in months]
