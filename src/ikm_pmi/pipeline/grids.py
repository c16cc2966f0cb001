"""The grid of specifications of chapter 08, read from its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ikm_pmi.errors import ParameterError
from ikm_pmi.models.specifications import Grid, parse_grid
from ikm_pmi.parameters import ChapterParameters, ElasticitySpecification, PmiSpecification
from ikm_pmi.pipeline.values import load_yaml

__all__ = ["GRID", "read_grids"]

GRID = Path("params", "multiverse.yaml")
_ODD = (AttributeError, IndexError, KeyError, TypeError, ValueError)  # of another structure
_MODELS: Mapping[str, type[ChapterParameters]] = {
    "event": PmiSpecification,
    "dose": PmiSpecification,
    "elasticity": ElasticitySpecification,
}


def read_grids(root: Path | None = None) -> dict[str, Grid[Any]]:
    """The declared grids by estimand: ``event``, ``dose``, ``elasticity``.

    Parameters
    ----------
    root : Path, optional
        The project folder; found from the working directory if not given.

    Raises
    ------
    ParameterError
        When the file is missing, no YAML, lacks a grid, or an option is refused.
    """
    from ikm_pmi.data.package import find_root

    path = find_root(root) / GRID
    try:
        content = load_yaml(path)
        return {name: parse_grid(name, content[name], model) for name, model in _MODELS.items()}
    except (*_ODD, OSError, RecursionError) as error:
        raise ParameterError(
            f"{GRID.name} cannot be read",
            expected="YAML with the grids " + ", ".join(_MODELS),
            found=f"{type(error).__name__}: {error!s:.300}",
            where=str(path),
            todo="restore the file, or correct it at the place named",
        ) from None
