"""The multiverse of both headline estimates: every declared specification, and what it adds up to.

Choices and their options, each with its reason, come from a file; every combination is computed.
Three curves: the mean effect of an episode on the PMI (``event``), its immediate response to the
intensity (``dose``), and the employment elasticity of IKM output (``elasticity``). The first two
are judged by residuals moved in time, the third by wild draws of whole units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import ParameterError, named
from ikm_pmi.language import say, translated
from ikm_pmi.parameters import ChapterParameters, Coding, RobustnessParameters
from ikm_pmi.results import Estimate, Findings, number, probability
from ikm_pmi.trust.specification_curve import explained, joint_tests, searcher

MOST = 1_000_000
#: Tries after which a searcher is asked for luck.
TRIES = (1, 5, 20, 100)
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
        ``set`` (parameter to value). ``assumed``: number of `Coding` marked as assumed to
        ``values`` and ``reason``; they become options of the choice ``coding``, one at a time and
        all together.
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
    assumed = Coding.judged()
    if set(assumed) != set(ranges):
        odd = ", ".join(sorted(set(assumed) ^ set(ranges)))
        raise _refused(where, "a range for each number marked assumed, and no other", odd)
    for key, entry in ranges.items():
        for value in entry["values"]:
            entries = [f"{key}={value:g}"]
            own = {"name": say("{} {:g}", key, value), "reason": entry.get("reason")}
            yield _option(where, own | {"set": {"coding": entries}}, model)
    for words, end in (("lower", min), ("upper", max)):
        together = [f"{k}={end([assumed[k], *e['values']]):g}" for k, e in ranges.items()]
        entry = {"name": say("all {}", words), "reason": say("every number at its {} end", words)}
        yield _option(where, entry | {"set": {"coding": together}}, model)


def _refused(where: str, expected: str, found: str) -> ParameterError:
    return ParameterError(
        "the grid of specifications is refused",
        expected=expected,
        found=found,
        where=where,
        todo="correct params/multiverse.yaml",
    )


Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve(Findings):
    """All specifications of one estimand, and what they say together.

    Parameters
    ----------
    specifications : DataFrame
        One row a specification, the headline first: one column a choice, ``estimate``,
        ``std_error``, ``p_value``, ``significant``, ``n``; for the PMI ``at_onset``, the effect of
        what the measure of restriction did in the first month of the episode.
    shares : DataFrame
        By option: specifications, median estimate, share with the sign of the overall median, share
        significant with it, percentile of the headline among them, median of ``at_onset``.
    explained : DataFrame
        See :func:`ikm_pmi.trust.specification_curve.explained`.
    envelope : ndarray of shape (2, N)
        The middle of the sorted curve under the null, lower and upper end.
    by_error : mapping of str to float
        Share significant by each kind of standard error.
    options : DataFrame
        The declared grid, a row an option with its reason; empty where it was not read from a file.
    """

    name: str
    choices: tuple[str, ...]
    specifications: pd.DataFrame
    shares: pd.DataFrame
    explained: pd.DataFrame
    envelope: Floats
    by_error: Mapping[str, float]
    duplicates: int
    options: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def luck(self) -> dict[int, float]:
        """How often so many specifications, tried in random order, hold a significant one by luck.

        The share of null outcomes, by the number of tries.
        """
        return {tries: self[f"luck_{tries}"].value for tries in TRIES}

    def explained_where(self, **chosen: str) -> pd.DataFrame:
        """``explained`` among the specifications with these options (``measure="level"``)."""
        rows = self.specifications
        for choice, option in chosen.items():
            named({name: name for name in self.choices}, choice, what="choice", where=self.name)
            rows = rows[rows[choice] == option]
        return explained(rows, [choice for choice in self.choices if choice not in chosen])

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of this last part of its name (``median``)."""
        known = {e.name.rpartition(".")[2]: e for e in self.estimates}
        return named(known, name, what="estimate", where=self.name)

    def headline(self) -> str:
        """The finding in a sentence for a title: sign, significance, and what the size hangs on."""
        same, found = self["same_sign"].value, self["significant"].value
        lead = str(self.explained.iloc[0]["choice"]).replace("_", " ")
        signs = (
            "All specifications agree" if same == 1 else say("{:.1%} of specifications agree", same)
        )
        found_so = "all significant" if found == 1 else say("{:.1%} significant with it", found)
        return say("{} in sign, {}; the size hangs most on: {}", signs, found_so, lead)

    @translated
    def sentence(self) -> str:
        """Range, signs, significance, the headline's place, and the choice that matters most."""
        n, unit = len(self.specifications), self["median"].unit
        lead, whole = self.explained.iloc[0], self.explained.iloc[-1]
        p = max(test.p_value for test in self.tests)
        return say("{}: {:,} specifications, median {} {}, from {} to {}; {:.1%} have the sign of "
                   "the median, {:.1%} are significant with it. The headline {} is at percentile "
                   "{:.0f}. {} alone explains {:.0%} of the variance, all choices {:.0%}; joint "
                   "tests of no effect: p at most {}.", self.name, n, number(self["median"].value),
                   unit, number(self["lowest"].value), number(self["highest"].value),
                   self["same_sign"].value, self["significant"].value,
                   number(self["headline"].value), self["headline_percentile"].value,
                   lead["choice"], lead["alone"], whole["alone"], probability(p))  # fmt: skip


def summarise(
    name: str,
    table: pd.DataFrame,
    null: Floats,
    parameters: RobustnessParameters,
    *,
    unit: str,
    distribution: str,
    by_error: Mapping[str, float],
    duplicates: int,
) -> Curve:
    """What a curve adds up to.

    Parameters
    ----------
    table : DataFrame
        ``specifications`` as in :class:`Curve`, the headline in the first row.
    null : ndarray of shape (R, N)
        Estimates under the null, the actual ones first.
    """
    choices = list(table.columns[: list(table.columns).index("estimate")])
    sign, alpha = float(np.sign(table["estimate"].median())), 1 - parameters.confidence_level
    decomposition = explained(table, choices)
    ends = np.quantile(np.sort(null[1:], axis=1), [alpha / 2, 1 - alpha / 2], axis=0)
    shown = _shown(table, sign, unit, alpha)
    words = "at least one significant where there is nothing, tried in random order"
    luck = searcher(null[1:], parameters.confidence_level, TRIES)
    for tries, found in zip(TRIES, luck, strict=True):
        shown[f"luck_{tries}"] = (float(found), "share of searchers", words)
    share = float(decomposition.iloc[-1]["alone"])
    shown["explained"] = (share, "share of variance", "main effects of all choices")
    return Curve(
        name=f"multiverse.{name}",
        estimates=tuple(
            Estimate(name=f"multiverse.{name}.{key}", value=v, unit=u, n=len(table), method=method)
            for key, (v, u, method) in shown.items()
        ),
        tests=tuple(
            joint_tests(null, f"multiverse.{name}", distribution, parameters.confidence_level)
        ),
        choices=tuple(choices),
        specifications=table,
        shares=_shares(table, choices, sign),
        explained=decomposition,
        envelope=ends,
        by_error=by_error,
        duplicates=duplicates,
    )


def _shown(
    table: pd.DataFrame, sign: float, unit: str, alpha: float
) -> dict[str, tuple[float, str, str]]:
    """What a curve is summed up by: value, unit and meaning by name."""
    values, share = table["estimate"].to_numpy(float), "share of specifications"
    same, found = values * sign > 0, table["significant"].to_numpy(bool)
    below = 100 * float(np.mean(values <= values[0]))
    place = "share of specifications not above the headline"
    with_sign = say("significant at {:.0%} with the sign of the median", alpha)
    return {
        "median": (float(np.median(values)), unit, "median over specifications"),
        "lowest": (float(values.min()), unit, "smallest estimate of a specification"),
        "highest": (float(values.max()), unit, "largest estimate of a specification"),
        "percentile_5": (float(np.quantile(values, 0.05)), unit, "5th percentile"),
        "percentile_95": (float(np.quantile(values, 0.95)), unit, "95th percentile"),
        "same_sign": (float(same.mean()), share, "sign of the median"),
        "significant": (float((same & found).mean()), share, with_sign),
        "headline": (float(values[0]), unit, "the chapters' own specification"),
        "headline_percentile": (below, "percentile", place),
    }


def _shares(table: pd.DataFrame, choices: Sequence[str], sign: float) -> pd.DataFrame:
    same = table["estimate"] * sign > 0
    below = table["estimate"] <= table["estimate"].iloc[0]
    flags = table.assign(same=same, both=same & table["significant"], below=below)
    parts = []
    for choice in choices:
        group = flags.groupby(choice, observed=True)
        part = pd.DataFrame(
            {
                "specifications": group.size(),
                "median": group["estimate"].median(),
                "same_sign": group["same"].mean(),
                "significant": group["both"].mean(),
                "headline_percentile": 100 * group["below"].mean(),
            }
        )
        if "at_onset" in table:
            part["at_onset"] = group["at_onset"].median()
        parts.append(part.rename_axis("option").reset_index().assign(choice=choice))
    return pd.concat(parts).set_index(["choice", "option"])
