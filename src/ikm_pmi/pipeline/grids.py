"""The grid of specifications of chapter 08, read from its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ikm_pmi.errors import ParameterError
from ikm_pmi.models.specifications import Grid, parse_grid
from ikm_pmi.parameters import ChapterParameters, ElasticitySpecification, PmiSpecification

__all__ = ["GRID", "read_grids"]

GRID = Path("params", "multiverse.yaml")
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
    import yaml  # type: ignore[import-untyped]

    from ikm_pmi.data.package import find_root

    path = find_root(root) / GRID
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {name: content[name] for name in _MODELS}
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ParameterError(
            f"{GRID.name} cannot be read",
            expected="YAML with the grids " + ", ".join(_MODELS),
            found=str(error),
            where=str(path),
            todo="restore the file, or correct it at the place named",
        ) from None
    return {name: parse_grid(name, found[name], model) for name, model in _MODELS.items()}
