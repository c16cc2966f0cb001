"""Parameter values as a command line, a TOML file or the grid of a sweep says them.

The declared grids of specifications, and the printed table of the Monte Carlo, are read here, too.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_origin

import pandas as pd

from ikm_pmi import study
from ikm_pmi.engine.manifest import write_whole
from ikm_pmi.errors import DataError, ParameterError, named, shown
from ikm_pmi.parameters import ChapterParameters
from ikm_pmi.trust.multiverse import Curve, Grid, parse_grid

MOST_SETS = 100_000


def collect(
    model: type[ChapterParameters], given: Sequence[str], file: Path | None = None
) -> ChapterParameters:
    """Check the values of a file and of ``name=value`` texts; the texts win.

    Parameters
    ----------
    model : type
        The chapter's parameter model.
    given : sequence of str
        ``name=value``; a list is written with commas or as JSON.
    file : Path, optional
        TOML with one key a parameter.

    Raises
    ------
    ParameterError
        When a text has another form, the file cannot be read, or a value is refused.
    """
    values = _from_file(file) if file else {}
    settled = set[str]()
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(
                f"{shown(text)} is no parameter setting",
                expected="name=value, such as end_month=2022-12",
                found=shown(text),
                where="-p",
                todo="write name, equals sign and value without spaces",
            )
        if name.strip() in settled:
            raise ParameterError(
                f"parameter {shown(name.strip())} is set twice",
                expected="each name once",
                found=shown(text),
                where="-p",
                todo="leave out one of the two; a list is written with commas",
            )
        settled.add(name.strip())
        values[name.strip()] = _value(model, name.strip(), value.strip())
    return model.parse(values, where="-p and -f" if file else "-p")


def _value(model: type[ChapterParameters], name: str, text: str) -> Any:
    info = model.model_fields.get(name)
    if info is None or get_origin(info.annotation) is not list:
        return text  # pydantic reads numbers and truth values from text
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ParameterError(
                f"parameter {name} is no JSON list",
                expected='commas (a,b) or JSON (["a", "b"])',
                found=shown(text),
                where=f"-p {name}, {error}",
                todo="quote the whole setting for your shell",
            ) from None
    return [part.strip() for part in text.split(",") if part.strip()]


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ParameterError(
            f"{file.name} cannot be read",
            expected="a TOML file with one key a parameter",
            found=f"{error!s:.300}",
            where=str(file),
            todo="see: ikm-pmi parameters",
        ) from None


def read_grid(file: Path) -> tuple[ChapterParameters, ...]:
    """The parameter sets that a grid file declares, every one of them checked.

    The file is YAML: ``chapter``, and ``parameters`` as a mapping of names to lists of values
    (every combination is a set) or as a list of mappings (each is a set).

    Raises
    ------
    ParameterError
        When the file cannot be read, a name or value is refused, or two sets are equal.
    """
    try:
        content = load_yaml(file)
        model = study.parameters_for(str(content["chapter"]))
        given = list(_sets(content["parameters"]))
        if set(content) != {"chapter", "parameters"} or not given:
            raise ValueError(f"the keys {', '.join(map(shown, content))}; {len(given)} sets")
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ParameterError(
            f"{file.name} is no grid",
            expected="YAML: chapter, and parameters as name: [values] or as a list of sets",
            found=f"{type(error).__name__}: {error!s:.300}",
            where=str(file),
            todo="see params/example_grid.yaml",
        ) from None
    found: dict[str, ChapterParameters] = {}
    for place, values in enumerate(given, 1):
        where = f"{file.name}, set {place} of {len(given)}"
        one = model.parse(values, where=where)
        if (key := one.model_dump_json()) in found:
            raise ParameterError(
                "two parameter sets are equal",
                expected="each set once",
                found=f"set {list(found).index(key) + 1} again: {shown(values)}",
                where=where,
                todo="remove one of them; a set without values is the chapter's defaults",
            )
        found[key] = one
    return tuple(found.values())


def _sets(declared: Any) -> Iterable[Mapping[str, Any]]:
    """Every combination of a mapping's lists, or the mappings of a list."""
    if isinstance(declared, list):
        _few(len(declared))
        return [{str(name): value for name, value in dict(one).items()} for one in declared]
    lists = {str(name): values for name, values in dict(declared).items()}
    if not all(isinstance(values, list) for values in lists.values()):
        raise TypeError("each name needs a list of values, also where there is one")
    _few(math.prod(map(len, lists.values())))
    return (dict(zip(lists, values, strict=True)) for values in product(*lists.values()))


def _few(count: int) -> None:
    if count > MOST_SETS:
        raise ValueError(f"{count:,} parameter sets; a grid has {MOST_SETS:,} at most")


def load_yaml(file: Path) -> Any:
    """The content of a YAML file, nothing in it read as another value than is written.

    YAML 1.1 takes ``010`` for eight, ``10:00`` for 600 and the last of two equal keys for both:
    such numbers stay text, which no number parameter takes, and such keys are refused.

    Raises
    ------
    ValueError
        When the file is no YAML, repeats a key or merges mappings (``<<``).
    OSError
        When it cannot be read.
    """
    import yaml  # type: ignore[import-untyped]

    class Loader(yaml.BaseLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for place, key in enumerate(keys):
                if key in keys[:place] or key == "<<":
                    raise ValueError(f"the key {shown(key)} twice, or a merge{node.start_mark}")
            return dict(super().construct_mapping(node, deep=deep))

        def construct_scalar(self, node: Any) -> Any:
            text = super().construct_scalar(node)
            with suppress(ValueError):  # a plain number, true, false or null is what JSON says
                return text if node.style else json.loads(text)
            return text

    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 (texts only)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


_ODD = (AttributeError, IndexError, KeyError, TypeError, ValueError)  # of another structure


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

    path = find_root(root) / study.GRID
    try:
        content = load_yaml(path)
        return {
            name: parse_grid(name, content[name], model)
            for name, model in study.GRID_MODELS.items()
        }
    except (*_ODD, OSError, RecursionError) as error:
        raise ParameterError(
            f"{study.GRID.name} cannot be read",
            expected="YAML with the grids " + ", ".join(study.GRID_MODELS),
            found=f"{type(error).__name__}: {error!s:.300}",
            where=str(path),
            todo="restore the file, or correct it at the place named",
        ) from None


def multiverse(name: str, parameters: ChapterParameters, root: Path | None = None) -> Curve:
    """One estimand in every specification of its declared grid.

    Parameters
    ----------
    name : str
        Of the grid, such as ``event``.
    parameters : of the chapter on robustness
        Draws, coverage.
    root : Path, optional
        The project folder; found from the working directory if not given.

    Raises
    ------
    ParameterError, EstimationError
        As :func:`read_grids`; for a name that is no grid; when a specification cannot be estimated.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> few = ikm.defaults("08").model_copy(update={"draws": 99})
    >>> curve = ikm.multiverse("elasticity", few)
    >>> len(curve.specifications) > 1000, round(curve["headline"].value, 2)
    (True, 0.27)
    """
    grid = named(read_grids(root), name, what="grid", where=study.GRID.as_posix())
    found: Curve = study.curve_of(name, grid, parameters, root)
    return replace(found, options=grid.table())


def write_full(root: Path, tell: Callable[[str], None]) -> tuple[pd.DataFrame, int]:
    """Run :func:`ikm_pmi.trust.known_truth.full_table` and write it; the table and its seed."""
    from ikm_pmi.data import package
    from ikm_pmi.trust import known_truth

    parameters = study.MONTE_CARLO_PARAMETERS.parse({})
    table = known_truth.full_table(package.load_many(known_truth.TABLES, root), parameters, tell)
    write_whole(
        root / study.MONTE_CARLO,
        table.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
    )
    return table, parameters.seed


def validation_table(root: Path | None = None) -> pd.DataFrame:
    """The printed table of the Monte Carlo, as committed: size, power and coverage of each method.

    Raises
    ------
    DataError
        When it is not there.

    Examples
    --------
    >>> {"experiment", "method", "size", "coverage"} <= set(validation_table().columns)
    True
    """
    from ikm_pmi.data.package import find_root

    path = (root or find_root()) / study.MONTE_CARLO
    if not path.is_file():
        raise DataError(
            "the printed Monte-Carlo table is missing",
            expected=study.MONTE_CARLO.name,
            found="no such file",
            where=str(path),
            todo="ikm-pmi replicate --full",
        )
    kinds = {"data": "str"} | {f"{rate}_first": "Int64" for rate in ("size", "power", "coverage")}
    return pd.read_csv(path, dtype=kinds).fillna({"verdict": "", "world": ""})
