"""The names that the parameters cells of a notebook set, read from the cells that were run.

A kernel is not told which cells carry the tag ``parameters``, but it keeps what it ran. So a
parameters cell also says what it is in its first line, a comment; papermill's injected cell does so
too. Of each such cell the latest run counts: a corrected slip is forgotten.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ikm_pmi.errors import ParameterError, shown

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
