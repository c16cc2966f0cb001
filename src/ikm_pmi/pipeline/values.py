"""Parameter values as they come from a command line, a TOML file or the grid of a sweep."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_origin

from ikm_pmi.errors import ParameterError, shown
from ikm_pmi.parameters import ChapterParameters, parameters_for

__all__ = ["collect", "load_yaml", "read_grid"]

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
        model = parameters_for(str(content["chapter"]))
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

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for place, key in enumerate(keys):
                if key in keys[:place] or key == "<<":
                    raise ValueError(f"the key {shown(key)} twice, or a merge{node.start_mark}")
            return dict(super().construct_mapping(node, deep=deep))

    def plain(loader: yaml.SafeLoader, node: Any) -> Any:
        text = loader.construct_scalar(node)
        try:
            return json.loads(text)
        except ValueError:
            return text

    for tag in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{tag}", plain)
    Loader.yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in rules if not tag.endswith((":timestamp", ":merge"))]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 (a safe loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
