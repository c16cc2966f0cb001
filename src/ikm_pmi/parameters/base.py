"""One frozen parameter model a chapter.

The notebook's ``parameters`` cell, the command line, TOML files and the documentation all derive
from these. Only scalars and lists: papermill turns a tuple into a string. A field's ``description``
is the comment in the notebook and the row in the docs; ``assumed`` marks a judgement call that no
source settles, varied in the robustness chapter.

Which names a notebook's parameters cells set is read from the cells that were run: a kernel is not
told which of them carry the tag ``parameters``, but it keeps what it ran. So a parameters cell also
says what it is in its first line, a comment; papermill's injected cell does so too. Of each such
cell the latest run counts: a corrected slip is forgotten.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ikm_pmi.errors import ParameterError, shown
from ikm_pmi.language import Language, choose
from ikm_pmi.results import percent

_MONTH = re.compile(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?")
_UNWRITABLE = re.compile("[\ud800-\udfff]")


def _month(value: str) -> str:
    if not _MONTH.fullmatch(value):
        raise ValueError("a month is written YYYY-MM, such as 2021-07")
    return value


Month = Annotated[str, AfterValidator(_month)]
Share = Annotated[float, Field(ge=0, le=1)]
Country = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Exposure = Annotated[
    Literal["fieldwork", "calendar", "since_last"],
    Field(description="days a month is exposed to: fieldwork, calendar, or since_last fieldwork"),
]
Intensity = Literal["level", "industry_closure", "oxcgrt", "mobility"]


def assumed(default: Any, description: str, **allowed: Any) -> Any:
    """A judgement call: no source settles it."""
    mark: Any = {"assumed": True}
    return Field(default, description=description, json_schema_extra=mark, **allowed)


class Episode(BaseModel):
    """A named spell of months, written ``name:first:last`` (``ppkm_2021:2021-07:2021-08``)."""

    model_config = ConfigDict(frozen=True)

    name: str
    first: str
    last: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name:first:last``.

        Raises
        ------
        ValueError
            When the text has another form, or the spell ends before it begins.
        """
        parts = text.split(":")
        if len(parts) != 3 or not re.fullmatch(r"[a-z][a-z0-9_]*", parts[0]):
            raise ValueError(
                f"an episode is written name:first:last, such as ppkm_2021:2021-07:2021-08, "
                f"not {shown(text)}"
            )
        if _month(parts[1]) > _month(parts[2]):
            raise ValueError(f"episode {parts[0]} ends before it begins: {shown(text)}")
        return cls(name=parts[0], first=parts[1], last=parts[2])


def _episodes(values: list[str]) -> list[str]:
    check_apart([Episode.parse(value) for value in values])
    return values


def check_apart(episodes: Sequence[Episode]) -> None:
    """Refuse episodes of one name, and episodes that overlap.

    Raises
    ------
    ValueError
        Naming them.
    """
    names = [episode.name for episode in episodes]
    if len(set(names)) < len(names):
        raise ValueError("two episodes have the same name")
    ordered = sorted(episodes, key=lambda episode: episode.first)
    for before, after in pairwise(ordered):
        if after.first <= before.last:
            raise ValueError(f"episodes {before.name} and {after.name} overlap")


EpisodeList = Annotated[list[str], AfterValidator(_episodes)]
OneEpisode = Annotated[str, AfterValidator(lambda text: _episodes([text])[0])]


def fewest_draws(level: float) -> int:
    """How many random draws can tell an error of ``1 - level``: their smallest p is at most that.

    Examples
    --------
    >>> fewest_draws(0.95), fewest_draws(0.999)
    (19, 999)
    """
    return math.ceil(1 / (1 - level) - 1 - 1e-6)


class ChapterParameters(BaseModel):
    """Base of the chapters' parameters: frozen, no unknown names, a seed and a language."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    chapter: ClassVar[str] = ""
    #: Parameters of a second, folded cell.
    rarely: ClassVar[tuple[str, ...]] = ()

    seed: int = Field(
        20210903, ge=0, le=2**53, description="seed of every random draw in the chapter"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what pydantic reads as another number, and text that no file can hold."""
        kind = cls.model_fields[str(info.field_name)].annotation
        numeric = kind in (int, float) or get_args(kind) in ((int,), (float,))
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and _UNWRITABLE.search(one):
                raise ValueError("text without halves of characters")
            text = isinstance(one, str) and not _NUMBER.fullmatch(one.strip())
            if numeric and (isinstance(one, bool) or text):
                raise ValueError("digits, with a decimal point where needed")
        if isinstance(value, list) and len({repr(one) for one in value}) < len(value):
            raise ValueError("each entry once: the second of two would count double, or not at all")
        return value

    @model_validator(mode="after")
    def _enough_draws(self) -> Self:
        """The smallest p of the draws lies below the error that the interval allows."""
        draws, level = (getattr(self, name, None) for name in ("draws", "confidence_level"))
        if draws and level and draws < fewest_draws(level):
            needed = f"{fewest_draws(level):,}"
            raise ValueError(f"draws={needed} or more: fewer have no interval of {percent(level)}")
        return self

    language: Language = Field(
        "en", description="of figures, tables and sentences: en, or id (Indonesian)"
    )

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Validate values from a notebook, a file or the command line.

        Raises
        ------
        ParameterError
            Naming the first value refused, what is allowed and, for an unknown name, the nearest
            known one.
        """
        unknown = sorted(set(values) - set(cls.model_fields))
        if unknown:
            near = difflib.get_close_matches(unknown[0], cls.model_fields, n=1, cutoff=0.5)
            raise ParameterError(
                f"unknown parameter {shown(unknown[0])}",
                expected="one of " + ", ".join(cls.model_fields),
                found=shown(unknown[0]),
                where=where or f"chapter {cls.chapter}",
                todo=f"did you mean {near[0]!r}?" if near else "see: ikm-pmi parameters",
            )
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            expected = first["msg"].removeprefix("Value error, ")
            if "pattern" in (rule := first.get("ctx", {})):
                info = cls.model_fields[str(first["loc"][0])]
                like = info.default[:1] if isinstance(info.default, list) else [info.default]
                said = f"such as {shown(like[0])}" if like else info.description
                expected = f"{FORMS.get(rule['pattern'], 'another form')}, {said}"
            raise ParameterError(
                f"parameter {name} is refused" if name else "the parameters do not go together",
                expected=expected,
                found=shown(first["input"]) if name else "the values given",
                where=where or f"chapter {cls.chapter}",
                todo=f"correct {name or 'one of them'}; see: ikm-pmi parameters {cls.chapter}",
            ) from None

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """The parameters that a notebook's parameters cells set, those of the reader or papermill.

        A name set there that is no parameter is a slip (``end_moth = "2022-12"``) and is refused;
        all other variables are the reader's own. From here on texts are shown in the chapter's
        language.

        Parameters
        ----------
        namespace : mapping
            ``globals()`` of the notebook.

        Raises
        ------
        ParameterError
            As :meth:`parse` and :func:`values_set`.
        """
        where = f"the parameters cell of {cls.chapter}"
        given = values_set(namespace, list(cls.model_fields), where)
        parameters = cls.parse(given, where=where)
        choose(parameters.language)
        return parameters

    @classmethod
    def cell(cls, *, rarely: bool = False) -> str:
        """The source of the ``parameters`` cell, or of the folded one, a default a line."""
        lines = [RARELY if rarely else HEADING]
        for name, info in cls.model_fields.items():
            if (name in cls.rarely) != rarely:
                continue
            note = " (assumed)" if is_assumed(info) else ""
            value = repr(info.default).replace("'", '"')
            lines.append(f"{name} = {value}  # {info.description}{note}")
        return "\n".join(lines)


def is_assumed(info: Any) -> bool:
    """Whether a field is marked as a judgement call."""
    extra = info.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("assumed"))


#: What text must look like, in words, by the pattern that checks it.
FORMS = {
    "^[A-Z]{3}$": "a country by its three capital letters (ISO 3166)",
    "^[0-9]{2}$": "an industry by its two digits (KBLI)",
    "^20[0-9]{2}Q[1-4]$": "a year and a quarter",
    r"^[a-z][a-z0-9_]*(:[0-9]{1,2})?$": "a column of the monthly frame, with :1 for last month's",
    r"^\d{4}-(0[1-9]|1[0-2]):-?[0-9]+(\.[0-9]+)?$": "a month and its value, written YYYY-MM:value",
    r"^[a-z_]+:-?[0-9]+(\.[0-9]+)?:-?[0-9]+(\.[0-9]+)?$": "an input and its ends, name:low:high",
}
_BOUNDS = {
    "minimum": "from {:,}", "exclusiveMinimum": "above {:,}",
    "maximum": "to {:,}", "exclusiveMaximum": "below {:,}",
}  # fmt: skip


def allowed(model: type[ChapterParameters]) -> dict[str, str]:
    """What each parameter may be, in words; empty where its description says it."""
    found = {}
    for name, rule in model.model_json_schema()["properties"].items():
        one = rule.get("items", rule)
        if "enum" in one:
            words = "one of " if one is rule else "some of "
            found[name] = words + ", ".join(map(str, one["enum"]))
        else:
            known = (said.format(rule[end]) for end, said in _BOUNDS.items() if end in rule)
            found[name] = " ".join(known) or {"boolean": "True or False"}.get(rule.get("type"), "")
    return found


#: The first line of a chapter's parameters cell, and of a second one that is folded.
HEADING = "# Parameters of this chapter: change a value, then run all cells"
RARELY = "# Parameters that are rarely moved"
_HEADINGS = (HEADING, RARELY, "# Parameters")  # the last is papermill's
_COMPUTED = object()  # a value that only running the cell can tell
_INNER = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def values_set(namespace: Mapping[str, Any], known: Sequence[str], where: str) -> dict[str, Any]:
    """What the parameters cells set, by name.

    Parameters
    ----------
    namespace : mapping
        The notebook's names; with ``In``, the cells that were run. Where no cell is on record (a
        script, nbval) the known names that are there.
    known : sequence of str
        Names of the chapter's parameters.
    where : str
        What an error calls the place.

    Raises
    ------
    ParameterError
        When no parameters cell was run, or something else hides a name that one sets.
    """
    history = namespace.get("In")
    if not isinstance(history, list) or not any(history):
        assigned = dict.fromkeys((name for name in known if name in namespace), _COMPUTED)
    else:
        assigned = _assigned(history, where)
    for name, value in assigned.items():
        now = namespace.get(name)
        plain = isinstance(now, str | int | float | bool | list | tuple | None)
        same = (type(now) is type(value) and now == value) if value is not _COMPUTED else True
        if not same or not (plain or hasattr(now, "item")):  # numpy's numbers have it
            raise ParameterError(
                f"parameter {name} is hidden by something else of that name",
                expected="the value that the parameters cell sets"
                + ("" if value is _COMPUTED else f", {shown(value)}"),
                found=shown(now),
                where=f"an import, a loop or an assignment after {where}",
                todo=f"give that another name than {name}, then run the parameters cell again",
            )
    return {name: namespace.get(name) for name in assigned}


def _assigned(history: Sequence[str], where: str) -> dict[str, Any]:
    """Names with the values last written for them, from the latest run of each parameters cell."""
    cells: dict[str, ast.Module] = {}
    for source in map(_bare, history):
        heading = source.lstrip().partition("\n")[0].rstrip()
        if heading not in _HEADINGS:
            continue
        try:
            tree = ast.parse(source)
        except SyntaxError:  # it never ran
            continue
        cells.pop(heading, None)
        cells[heading] = tree
    if not cells:
        raise ParameterError(
            "no parameters cell was run",
            expected=f"a cell whose first line is {HEADING!r}",
            found=f"{sum(map(bool, history))} cells, none of which begins so",
            where=where,
            todo="run the chapter from its first cell (Run All), or put the line back",
        )
    return {
        name: value
        for tree in cells.values()
        for name, value in _assignments(tree)
        if not name.startswith("_")
    }


def _bare(source: str) -> str:
    """A cell without the magic above it (``%%time``), which IPython keeps as a call."""
    if source.startswith("get_ipython().run_cell_magic("):
        call = ast.parse(source).body[0]
        if isinstance(call, ast.Expr) and isinstance(call.value, ast.Call):
            return str(ast.literal_eval(call.value.args[-1]))
    return source


def _assignments(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Each name a cell sets, with the value written for it where nothing else can change it."""
    literal = all(isinstance(statement, ast.Assign) for statement in tree.body)
    for statement in tree.body:
        value: Any = _COMPUTED
        if (
            literal
            and isinstance(statement, ast.Assign)
            and all(isinstance(target, ast.Name) for target in statement.targets)
        ):
            with contextlib.suppress(ValueError, TypeError):
                value = ast.literal_eval(statement.value)
        for name in _names(statement):
            yield name, value


def _names(node: ast.AST) -> Iterator[str]:
    """Names that a statement sets in the notebook itself, not inside a function of it."""
    if isinstance(node, _INNER):
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    for inner in ast.iter_child_nodes(node):
        yield from _names(inner)
