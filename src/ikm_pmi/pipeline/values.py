"""Parameter values as they come from a command line or a TOML file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_origin

from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import ChapterParameters

__all__ = ["collect"]


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
