"""The explorer page from the project's tables, in each language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ikm_pmi.language import LANGUAGES, Language

if TYPE_CHECKING:
    import pandas as pd

    from ikm_pmi.models.elasticity import ElasticityResult

__all__ = ["explorer", "explorer_tables"]


def explorer(root: Path, *, whole: bool = True) -> dict[Language, str]:
    """The explorer by language: whole documents, or sections to be put into another page.

    Computed from the data with the chapters' default parameters, not from ``results/``: no chapter
    needs to have run. Both forms are self-contained, about 1.9 MB each.

    Parameters
    ----------
    root : Path
        The project.
    whole : bool
        A document by itself, or one ``<section>``.

    Raises
    ------
    DataError, EstimationError
        Where chapter 07 itself could not be computed.
    """
    from ikm_pmi.models.explorer import explorer_inputs
    from ikm_pmi.report.explorer import fragment, page

    inputs = explorer_inputs(*explorer_tables(root))
    make = page if whole else fragment
    return {language: make(inputs, language) for language in LANGUAGES}


def explorer_tables(root: Path) -> tuple[dict[str, pd.DataFrame], ElasticityResult]:
    """The tables of chapter 07 and the elasticities of chapter 06, as that chapter takes them."""
    from ikm_pmi.data import package
    from ikm_pmi.models import elasticity, elasticity_sample
    from ikm_pmi.models.explorer import TABLES
    from ikm_pmi.parameters import ElasticityParameters, JobsParameters

    raw = package.load_many([*TABLES, "deflators"], root)
    cpi = elasticity_sample.deflator_index(raw["deflators"], "cpi")
    parameters = ElasticityParameters.parse({"seed": JobsParameters.parse({}).seed})
    return raw, elasticity.estimate(raw["imk_panel"], parameters, deflator=cpi)
