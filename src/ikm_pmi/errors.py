"""Failures a user can act on.

Every error has four parts: what was expected, what was found, where, and what to do. The
command line prints them as they are and leaves with ``exit_status``. A check that looks for all of
what is wrong lists problems of the same parts instead of raising the first.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Entry = TypeVar("Entry")
Severity = Literal["error", "warning"]
_LISTED = 8  # names an error shows of many
_WRITE = "the right to write there, or another folder (--out)"
_NEXT = {
    errno.ENOSPC: "free some space, then run the same command again",
    errno.EDQUOT: "free some space of your quota, then run the same command again",
    errno.EFBIG: "allow larger files (ulimit -f), then run the same command again",
    errno.EROFS: _WRITE,
    errno.EACCES: _WRITE,
    errno.EPERM: _WRITE,
}
_NO_LOCKS = (
    "this file system cannot lock files",
    "a folder whose files can be locked, so that two commands do not mix their results",
    "copy the project to a local disk, or write there (--out); or have the disk mounted with locks",
)
_NO_PROCESS = (
    "the system gives no further process or memory",
    "room for one more process",
    "take fewer --jobs, close other programs, or allow more (ulimit -u, ulimit -v)",
)
_TOO_MANY = (
    "too many files are open",
    "fewer open files than this session may have",
    "allow more open files (ulimit -n 4096), or take fewer --jobs",
)
#: What the system says of other things than one file: summary, what was expected, what to do.
_SYSTEM = {
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOSYS: _NO_LOCKS,
    errno.EAGAIN: _NO_PROCESS,
    errno.ENOMEM: _NO_PROCESS,
    errno.EADDRINUSE: (
        "the port is taken by another program",
        "a port of this machine that nothing listens on",
        "name another one (--port 8001), or let the system choose: --port 0",
    ),
}

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200
_SHORT.maxlist = _SHORT.maxdict = 8
_SHORT.maxlevel = 3


def shown(value: object) -> str:
    """A value as an error shows it: on one line, and short however long or deep it is."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # a number of more digits than Python prints
        return f"a number too long to show ({type(value).__name__})"


def _cut(text: str) -> str:
    """A part of an error, of which the middle is left out where it is longer than a screen."""
    return text if len(text) <= 1200 else f"{text[:800]} … {text[-200:]}"


class IkmPmiError(Exception):
    """Base class of all errors this package raises on purpose.

    Parameters
    ----------
    summary : str
        One line, without a full stop, that says what went wrong.
    expected, found, where, todo : str, optional
        The four parts. ``where`` names file, row, column, month or cell; ``todo`` names the
        next step.

    Examples
    --------
    >>> print(IkmPmiError("no month", expected="2021-07", found="July", todo="add the year"))
    no month
      expected   2021-07
      found      July
      what to do add the year
    """

    exit_status = 1

    def __init__(
        self,
        summary: str,
        *,
        expected: str = "",
        found: str = "",
        where: str = "",
        todo: str = "",
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.expected = expected
        self.found = found
        self.where = where
        self.todo = todo

    def __str__(self) -> str:
        parts = (
            ("expected", self.expected),
            ("found", self.found),
            ("where", self.where),
            ("what to do", self.todo),
        )
        return "\n".join(
            [self.summary, *(f"  {head:<10} {_cut(text)}" for head, text in parts if text)]
        )

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the four parts under the cell, not the library's own lines."""
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only parts would be lost on the way back from a worker process.
        return (_rebuild, (type(self), self.summary, self.__dict__.copy()))


def _rebuild(kind: type[IkmPmiError], summary: str, state: dict[str, object]) -> IkmPmiError:
    error = kind(summary)
    error.__dict__.update(state)
    return error


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (error) or odd (warning), and what to do about it.

    Parameters
    ----------
    row : int or None
        Line of the file; the header is line 1.
    """

    file: str
    expected: str
    found: str
    todo: str
    row: int | None = None
    column: str = ""
    severity: Severity = "error"

    @classmethod
    def of(cls, error: IkmPmiError, file: str = "") -> Problem:
        """An error as one of several problems of a file."""
        return cls(file or error.where, error.expected, error.found, error.todo)

    @property
    def where(self) -> str:
        """File, row and column as far as they are known."""
        row = f", row {self.row}" if self.row is not None else ""
        return self.file + row + (f", column {self.column}" if self.column else "")

    def text(self) -> str:
        """The problem in four lines."""
        parts = {"expected": self.expected, "found": self.found, "todo": self.todo}
        return str(IkmPmiError(f"{self.severity}: {self.where}", **parts))


def not_installed(error: ModuleNotFoundError, extra: str, *, what: str) -> IkmPmiError:
    """What to install where a package is missing that ``pip install .`` alone does not bring.

    Examples
    --------
    >>> print(not_installed(ModuleNotFoundError(name="typer"), "study", what="the command line"))
    the command line needs a package that is not installed
      expected   typer, of the extra 'study'
      found      no such package
      what to do run in the project's folder: make setup (or: pip install '.[study]')
    """
    return IkmPmiError(
        f"{what} needs a package that is not installed",
        expected=f"{error.name}, of the extra {extra!r}",
        found="no such package",
        todo=f"run in the project's folder: make setup (or: pip install '.[{extra}]')",
    )


class DataError(IkmPmiError):
    """A table, a row or a hash is not what the data package says."""

    exit_status = 2


class SourceError(IkmPmiError):
    """A public source did not answer, or answered with something else than its figures."""


class ParameterError(IkmPmiError):
    """A parameter has an unknown name, a wrong type or a value out of range."""

    exit_status = 2


class EstimationError(IkmPmiError):
    """An estimate cannot be computed from these rows; the reason and the counts are given."""


def named(
    known: Mapping[Any, Entry],
    name: object,
    *,
    what: str,
    where: str = "",
    error: type[IkmPmiError] = EstimationError,
) -> Entry:
    """The entry of this name.

    Parameters
    ----------
    what : str
        What is looked for: ``estimate``.
    error : type, optional
        What is raised.

    Raises
    ------
    EstimationError
        When there is none of this name, with the nearest one.
    """
    with contextlib.suppress(KeyError, TypeError):  # TypeError: a list is no name
        return known[name]
    every = list(map(str, known))
    near = difflib.get_close_matches(str(name), every, n=_LISTED, cutoff=0.4)
    listed = every if len(every) <= _LISTED else (near or every[:_LISTED])
    more = f" (of {len(every)} in all)" if len(listed) < len(every) else ""
    raise error(
        f"there is no {what} called {shown(name)}",
        expected="one of " + (", ".join(listed) or "none: there is nothing here") + more,
        found=shown(name),
        where=where,
        todo=f"did you mean {near[0]!r}?" if near else "take one of the names that are there",
    )


class ChapterError(IkmPmiError):
    """A chapter did not run to its end, or its results are not whole."""


class FileError(IkmPmiError):
    """A file cannot be read or written, or the system lacks what a command needs."""

    @classmethod
    def of(cls, error: OSError) -> FileError:
        """The four parts of what the operating system said.

        Examples
        --------
        >>> print(FileError.of(OSError(errno.EADDRINUSE, "Address already in use")).todo)
        name another one (--port 8001), or let the system choose: --port 0
        """
        summary, expected, todo = _SYSTEM.get(error.errno or 0) or (
            "a file cannot be read or written",
            "a file that is there, permission, and room on the disk",
            _NEXT.get(error.errno or 0, "look at that place; --debug shows the whole path"),
        )
        known = error.errno in _SYSTEM
        where = "this machine" if known else "the system does not say which file"
        found = error.strerror or str(error) or type(error).__name__
        where = str(error.filename or where)
        return cls(summary, expected=expected, found=found, where=where, todo=todo)
