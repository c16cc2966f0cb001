"""Parameter values as they come from a command line, a TOML file or the grid of a sweep."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_origin

from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import ChapterParameters, parameters_for

__all__ = ["collect", "read_grid"]


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
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(
                f"{text!r} is no parameter setting",
                expected="name=value, such as end_month=2022-12",
                found=text,
                where="-p",
                todo="write name, equals sign and value without spaces",
            )
        values[name.strip()] = _value(model, name.strip(), value.strip())
    return model.parse(values, where="-p and -f" if file else "-p")


def _value(model: type[ChapterParameters], name: str, text: str) -> Any:
    info = model.model_fields.get(name)
    if info is None or get_origin(info.annotation) is not list:
        return text  # pydantic reads numbers and truth values from text
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ParameterError(
                f"parameter {name} is no JSON list",
                expected='commas (a,b) or JSON (["a", "b"])',
                found=text,
                where=f"-p {name}, {error}",
                todo="quote the whole setting for your shell",
            ) from None
    return [part.strip() for part in text.split(",") if part.strip()]


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"{file.name} cannot be read",
            expected="a TOML file with one key a parameter",
            found=str(error),
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
    import yaml  # type: ignore[import-untyped]

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        model = parameters_for(str(content["chapter"]))
        given = list(_sets(content["parameters"]))
        if set(content) != {"chapter", "parameters"} or not given:
            raise ValueError(f"the keys {', '.join(map(str, content))}; {len(given)} sets")
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise ParameterError(
            f"{file.name} is no grid",
            expected="YAML: chapter, and parameters as name: [values] or as a list of sets",
            found=f"{type(error).__name__}: {error}",
            where=str(file),
            todo="see params/example_grid.yaml",
        ) from None
    found: list[ChapterParameters] = []
    for place, values in enumerate(given, 1):
        where = f"{file.name}, set {place} of {len(given)}"
        found.append(one := model.parse(values, where=where))
        if found.index(one) < place - 1:
            raise ParameterError(
                "two parameter sets are equal",
                expected="each set once",
                found=f"set {found.index(one) + 1} again: {values}",
                where=where,
                todo="remove one of them; a set without values is the chapter's defaults",
            )
    return tuple(found)


def _sets(declared: Any) -> Iterable[Mapping[str, Any]]:
    """Every combination of a mapping's lists, or the mappings of a list."""
    if isinstance(declared, list):
        return [{str(name): value for name, value in dict(one).items()} for one in declared]
    lists = {str(name): values for name, values in dict(declared).items()}
    if not all(isinstance(values, list) for values in lists.values()):
        raise TypeError("each name needs a list of values, also where there is one")
    return (dict(zip(lists, values, strict=True)) for values in product(*lists.values()))
