"""The declared multiverse: choices, their options with reasons, and every combination of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, TypeVar

import pandas as pd

from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import ChapterParameters, is_assumed

__all__ = ["Grid", "Option", "parse_grid"]

MOST = 1_000_000
P = TypeVar("P", bound=ChapterParameters)


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One way to decide a choice: the parameters it sets, and what speaks for it."""

    name: str
    reason: str
    sets: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid(Generic[P]):
    """Choices in the order declared; the first option of each is the chapters' own."""

    name: str
    model: type[P]
    choices: Mapping[str, tuple[Option, ...]]

    def table(self) -> pd.DataFrame:
        """Choice, option and reason, one row an option."""
        rows = [(c, o.name, o.reason) for c, options in self.choices.items() for o in options]
        return pd.DataFrame(rows, columns=["choice", "option", "reason"])

    def specifications(self) -> Iterator[tuple[tuple[int, ...], P]]:
        """Every combination: the place of each choice's option, and the parameters."""
        base = self.model.parse({})
        places = [range(len(options)) for options in self.choices.values()]
        options = list(self.choices.values())
        for combination in product(*places):
            update: dict[str, Any] = {}
            for own, place in zip(options, combination, strict=True):
                update.update(own[place].sets)
            yield combination, base.model_copy(update=update)

    def labels(self, combinations: list[tuple[int, ...]]) -> pd.DataFrame:
        """The options of some combinations by name, one categorical column a choice."""
        columns = zip(*combinations, strict=True)
        return pd.DataFrame(
            {
                choice: pd.Categorical.from_codes(list(codes), pd.Index([o.name for o in options]))
                for (choice, options), codes in zip(self.choices.items(), columns, strict=True)
            }
        )


def parse_grid(name: str, content: Mapping[str, Any], model: type[P]) -> Grid[P]:
    """A grid from the content of its file, every option checked by the parameter model.

    Parameters
    ----------
    name : str
        The grid's key in the file.
    content : mapping
        ``choices``: choice to a list of ``name``, ``reason`` and, for all options but the first,
        ``set`` (parameter to value). ``assumed``: parameter marked as assumed to ``values`` and
        ``reason``; they become options of the choice ``coding``, one at a time and all together.
    model : type
        What ``set`` may name, and the values it allows.

    Raises
    ------
    ParameterError
        Naming the option: no reason, a first option that is not the default, a value refused, a
        parameter set by two choices, or an assumed number left out of ``assumed``.
    """
    choices = {
        choice: tuple(_option(f"{name}.{choice}", entry, model) for entry in entries)
        for choice, entries in content["choices"].items()
    }
    if ranges := content.get("assumed"):
        choices["coding"] += tuple(_codings(f"{name}.assumed", ranges, model))
    owner: dict[str, str] = {}
    for choice, options in choices.items():
        where = f"{name}.{choice}"
        names = [option.name for option in options]
        if options[0].sets:
            raise _refused(where, "a first option that sets nothing", str(dict(options[0].sets)))
        if len(set(names)) < len(names):
            raise _refused(where, "options with different names", ", ".join(names))
        for key in {key for option in options for key in option.sets}:
            if owner.setdefault(key, choice) != choice:
                raise _refused(where, f"{key} to be set by one choice", f"also by {owner[key]}")
    count = math.prod(map(len, choices.values()))
    if count > MOST:
        raise _refused(name, f"at most {MOST:,} combinations", f"{count:,}")
    return Grid(name=name, model=model, choices=choices)


def _option(where: str, entry: Mapping[str, Any], model: type[ChapterParameters]) -> Option:
    for key in ("name", "reason"):
        if not entry.get(key):
            raise _refused(where, f"a {key} for each option", str(dict(entry)))
    given = entry.get("set", {})
    checked = model.parse(given, where=f"{where}, option {entry['name']}")
    values = {key: getattr(checked, key) for key in given}
    return Option(name=entry["name"], reason=entry["reason"], sets=values)


def _codings(
    where: str, ranges: Mapping[str, Any], model: type[ChapterParameters]
) -> Iterator[Option]:
    assumed = {key for key, info in model.model_fields.items() if is_assumed(info)}
    if assumed != set(ranges):
        odd = ", ".join(sorted(assumed ^ set(ranges)))
        raise _refused(where, "a range for each number marked assumed, and no other", odd)
    for key, entry in ranges.items():
        for value in entry["values"]:
            own = {"name": f"{key} {value:g}", "reason": entry.get("reason"), "set": {key: value}}
            yield _option(where, own, model)
    for words, end in (("lower", min), ("upper", max)):
        default = model.parse({})
        together = {k: end([getattr(default, k), *e["values"]]) for k, e in ranges.items()}
        entry = {"name": f"all {words}", "reason": f"every number at its {words} end"}
        yield _option(where, entry | {"set": together}, model)


def _refused(where: str, expected: str, found: str) -> ParameterError:
    return ParameterError(
        "the grid of specifications is refused",
        expected=expected,
        found=found,
        where=where,
        todo="correct params/multiverse.yaml",
    )
