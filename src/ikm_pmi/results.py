"""What a study hands on: estimates, tests, and the ``result.json`` of a chapter.

Every result object has the same three verbs: ``table()`` (a frame), ``sentence()`` (number, unit,
interval, sample) and ``to_dict()`` (JSON-safe; what does not apply is ``None``, never NaN). Its
estimates, where it has some, are the tuple ``estimates``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ikm_pmi.errors import EstimationError, named
from ikm_pmi.language import english, joined, say, translated

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
_LONG = 1200  # characters of a result in a line
_LETTERS = ("pmi", "ppkm", "psbb", "ikm", "imk", "bumn", "lp", "twfe", "ucm", "sarimax", "iv")


def number(value: float | None, digits: int = 2) -> str:
    """A number as a reader expects it: thousands separated, a true minus, no negative zero.

    Negative digits round to tens, hundreds, thousands. Written the English way;
    :func:`ikm_pmi.language.tr` gives the reader's separators.
    """
    if value is None:
        return "n/a"
    text = f"{value if digits >= 0 else round(value, digits):,.{max(digits, 0)}f}"
    if text.startswith("-"):
        text = "−" + text[1:] if float(text.replace(",", "")) != 0 else text[1:]
    return text


def significant(value: float | None, figures: int = 2) -> str:
    """A number to so many significant digits: 33,190 as 33,000."""
    if value is None or not value:
        return number(value, 0)
    rounded = float(f"{value:.{figures - 1}e}")
    return number(rounded, max(figures - 1 - math.floor(math.log10(abs(rounded))), 0))


def span(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval as a reader writes it; an end that is missing is open."""
    bottom = "−∞" if low is None else number(low, digits)
    top = "∞" if high is None else number(high, digits)
    return say("{} to {}", bottom, top)


def percent(level: float | None) -> str:
    """A level as a reader writes it, no digit lost: ``95%``, ``99.5%``, ``99.95%``."""
    return "n/a" if level is None else f"{100 * level:.10g}%"


def probability(value: float) -> str:
    """A p-value as printed: three digits, or the bound below which it lies."""
    return "< 0.001" if value < 0.001 else number(value, 3)


def p_said(value: float) -> str:
    """A p-value behind the letter p: ``= 0.042``, ``< 0.001``."""
    return probability(value) if value < 0.001 else say("= {}", probability(value))


def in_words(name: str, unit: str | None = None) -> str:
    """``pmi.ppkm_2021.mean`` as "PMI, PPKM 2021, mean", with the unit in brackets."""
    parts = [part.replace("_", " ").split() for part in name.split(".")]
    words = (" ".join(w.upper() if w in _LETTERS else w for w in part) for part in parts)
    said = joined(", ", words)
    return say("{} ({})", said, unit) if unit else said


def _finite(name: str, label: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise EstimationError(
            f"{name}: {label} is not a finite number",
            expected="a finite number, or None where the quantity does not apply",
            found=repr(value),
            todo="raise an EstimationError with the reason where it is computed",
        )


def _plain(value: Any) -> Any:
    """A value as JSON knows it; ``pandas.DataFrame(**content)`` takes a frame back."""
    if hasattr(value, "to_dict"):  # a frame, a series or a result
        value = value.to_dict("split") if getattr(value, "ndim", 0) == 2 else value.to_dict()
    elif is_dataclass(value):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    elif hasattr(value, "tolist"):  # numpy's
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


class JsonSafe:
    """A dataclass that says all it holds in JSON-safe values."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Every field and the estimates; a frame in parts: index, columns, data."""
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]
        if hasattr(self, "estimates") and "estimates" not in names:
            names.append("estimates")
        own: dict[str, Any] = {name: _plain(getattr(self, name)) for name in names}
        own |= own.pop("detail", {})
        return own


class Readable(JsonSafe):
    """What a notebook shows of a result: its sentence and a small table.

    A class needs ``sentence()`` and ``table()``; where its table is not for reading, ``reading()``
    gives at most twelve rows and six columns with words for names.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Keep a dataclass from writing a ``__repr__`` of every field."""
        super().__init_subclass__()
        if "__repr__" not in cls.__dict__:
            setattr(cls, "__repr__", Readable.__repr__)  # noqa: B010 (mypy: a method)

    def sentence(self) -> str:
        """The result in one sentence."""
        raise NotImplementedError

    def table(self) -> pd.DataFrame:
        """Everything, for programs."""
        raise NotImplementedError

    def reading(self) -> pd.DataFrame:
        """A small table of texts for reading."""
        return self.table().iloc[:12, :6]

    def plot(self, *, title: str | None = None, source: str = "", **look: Any) -> Any:
        """The picture of this result, a matplotlib Figure; see :mod:`ikm_pmi.report.plots`.

        Parameters
        ----------
        title, source : str, optional
            What the picture says, and the line at its foot.
        **look
            ``label`` of the axis, ``reference`` for the quiet line, where the picture has them.
        """
        import ikm_pmi

        door: Any = ikm_pmi  # it knows who draws
        return door._plot(self, title=title, source=source, **look)

    def _rows(self) -> Sequence[Estimate]:
        """The estimates of a table of regressions."""
        return tuple(getattr(self, "estimates", ()))

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        """The protocol of the package maketables: ``b, se, p`` and the ends of the interval."""
        import pandas as pd

        names = {"b": "value", "se": "std_error", "p": "p_value"}
        names |= {"ci95l": "ci_low", "ci95u": "ci_high"}
        rows = {e.name: [getattr(e, name) for name in names.values()] for e in self._rows()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(names)).astype(float)

    def __maketables_stat__(self, key: str) -> Any:
        """Observations for ``N``, the method for ``se_type``; None for what does not apply."""
        first = next(iter(self._rows()), None)
        return getattr(first, {"N": "n", "se_type": "method"}.get(key, ""), None)

    @property
    def __maketables_depvar__(self) -> str:
        """The outcome, where the result knows it."""
        return str(getattr(self, "outcome", ""))

    def __repr__(self) -> str:
        """The sentence, cut where it is long."""
        text = self.sentence()
        return text if len(text) < _LONG else f"{text[: _LONG - 1]}…"

    def _repr_html_(self) -> str:
        import ikm_pmi

        door: Any = ikm_pmi
        return str(door._of_result(english(self.sentence()).split("\n")[0], self.reading()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate(Readable):
    """One number with its uncertainty.

    Parameters
    ----------
    name : str
        Lower-case, dotted, stable (``pmi.ppkm_2021.mean``).
    value : float
        In ``unit``.
    std_error, ci_low, ci_high, p_value : float or None
        None where the quantity does not apply. An interval may be one-sided.
    ci_level : float or None
        Coverage the interval claims, between 0 and 1.
    n : int or None
        Observations used.
    method : str
        Estimator and inference in a few words.
    detail : mapping, optional
        Further JSON-safe fields of this estimate (``verdict``, ``minimum_p``).

    Raises
    ------
    EstimationError
        When a number is NaN or infinite.

    Examples
    --------
    >>> Estimate(name="a.mean", value=-9.04, unit="points", method="mean", n=2).sentence(1)
    'a.mean: −9.0 points, n = 2; mean.'
    """

    name: str
    value: float
    unit: str
    method: str
    n: int | None = None
    std_error: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float | None = None
    p_value: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for label in ("value", "std_error", "ci_low", "ci_high", "p_value"):
            _finite(self.name, label, getattr(self, label))

    def _rows(self) -> Sequence[Estimate]:
        return (self,)

    def table(self) -> pd.DataFrame:
        """The estimate as a frame of one row."""
        return records_table([self])

    def reading(self) -> pd.DataFrame:
        """Value, interval, p and observations as texts."""
        return _texts([self])

    @translated
    def sentence(self, digits: int = 2) -> str:
        """Number, unit, interval, sample size and method in one sentence."""
        text = joined(" ", filter(None, (number(self.value, digits), self.unit)))
        low, high = self.ci_low, self.ci_high
        if low is not None and high is not None and self.ci_level is not None:
            ends = span(low, high, digits)
            text = say("{} ({} interval {})", text, percent(self.ci_level), ends)
        if self.n is not None:
            text = say("{}, n = {:,}", text, self.n)
        return say("{}: {}; {}.", self.name, text, self.method)


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult(Readable):
    """A test with its null hypothesis in words.

    Parameters
    ----------
    null : str
        The hypothesis that a small ``p_value`` speaks against, as a sentence.
    distribution : str
        What the statistic was compared with (``t(31)``, ``wild bootstrap, Webb, 9,999 draws``).
    minimum_p : float or None
        The smallest p the procedure can attain, where it ranks or enumerates.

    Examples
    --------
    >>> rank = "rank among 24 windows"
    >>> null = "a is zero"
    >>> test = TestResult(name="a", null=null, statistic=2.0, p_value=0.04, distribution=rank)
    >>> print(test.sentence())
    H0 “a is zero”: p = 0.040, rank among 24 windows.
    """

    __test__ = False  # not for pytest to collect

    name: str
    null: str
    statistic: float
    p_value: float
    distribution: str
    n: int | None = None
    minimum_p: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for label in ("statistic", "p_value", "minimum_p"):
            _finite(self.name, label, getattr(self, label))

    def table(self) -> pd.DataFrame:
        """The test as a frame of one row."""
        return records_table([self])

    def reading(self) -> pd.DataFrame:
        """Statistic, p and what it was compared with, as texts."""
        import pandas as pd

        statistic, p = number(self.statistic), probability(self.p_value)
        row = {"statistic": statistic, "p": p, "compared with": self.distribution}
        return pd.DataFrame([row], index=[in_words(self.name)])

    @translated
    def sentence(self) -> str:
        """Null, p and reference distribution in one sentence."""
        p = p_said(self.p_value)
        if self.minimum_p is not None:
            p = say("{} (smallest attainable {:.3g})", p, self.minimum_p)
        return say("H0 “{}”: p {}, {}.", self.null, p, self.distribution)


Record = TypeVar("Record", Estimate, TestResult)


def _from_dict(kind: type[Record], content: Mapping[str, Any]) -> Record:
    own = {f.name for f in fields(kind)} - {"detail"}
    known = {key: value for key, value in content.items() if key in own}
    return kind(**known, detail={k: v for k, v in content.items() if k not in own})


def records_table(records: Sequence[Estimate | TestResult]) -> pd.DataFrame:
    """Estimates or tests as a frame, one row each, in the order given."""
    import pandas as pd

    return pd.DataFrame([record.to_dict() for record in records])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Findings(Readable):
    """What a method hands on: estimates by name, tests by name, and notes for the reader."""

    estimates: tuple[Estimate, ...]
    tests: tuple[TestResult, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of this name; :class:`EstimationError` with the nearest where none is."""
        return named({e.name: e for e in self.estimates}, name, what="estimate")

    def __contains__(self, name: object) -> bool:
        """Whether there is an estimate of this name."""
        return any(e.name == name for e in self.estimates)

    def test(self, name: str) -> TestResult:
        """The test of this name; :class:`EstimationError` with the nearest where none is."""
        return named({t.name: t for t in self.tests}, name, what="test")

    def table(self) -> pd.DataFrame:
        """The estimates, one row each."""
        return records_table(self.estimates)

    @translated
    def sentence(self) -> str:
        """The first estimates, a sentence each."""
        return joined("\n", (estimate.sentence() for estimate in self.estimates[:3]))

    def reading(self) -> pd.DataFrame:
        """The first estimates as texts: value, interval, p and observations."""
        return _texts(self.estimates[:12])


def _texts(estimates: Sequence[Estimate]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame.from_dict({in_words(e.name, e.unit): _cells(e) for e in estimates}, "index")


def _cells(e: Estimate) -> dict[str, str]:
    """An estimate as texts: value, interval, p and observations."""
    return {
        "value": number(e.value),
        "interval": "" if e.ci_low is None and e.ci_high is None else span(e.ci_low, e.ci_high),
        "p": "" if e.p_value is None else probability(e.p_value),
        "n": "" if e.n is None else number(e.n, 0),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class ChapterResult(JsonSafe):
    """All that a chapter found: the content of its ``result.json`` (schema 1)."""

    chapter: str
    parameters: Mapping[str, Any]
    estimates: tuple[Estimate, ...]
    tests: tuple[TestResult, ...] = ()
    notes: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seed: int

    def __post_init__(self) -> None:
        # An estimate and the test beside it may share a name.
        counts = [Counter(one.name for one in group) for group in (self.estimates, self.tests)]
        twice = sorted({name for count in counts for name, times in count.items() if times > 1})
        if twice:
            raise EstimationError(
                f"{self.chapter}: a result name is used twice",
                expected="each estimate, and each test, to have a name of its own",
                found=", ".join(twice),
                todo="rename one of the two; others rely on the names",
            )

    def to_dict(self) -> dict[str, Any]:
        """The content of ``result.json``."""
        return {"schema": SCHEMA, **JsonSafe.to_dict(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ChapterResult:
        """The result that :meth:`to_dict` wrote.

        Raises
        ------
        EstimationError
            When a number is not finite or a name is used twice.
        """
        own = {key: value for key, value in content.items() if key != "schema"}
        return cls(
            **own
            | {
                "estimates": tuple(_from_dict(Estimate, one) for one in content["estimates"]),
                "tests": tuple(_from_dict(TestResult, one) for one in content["tests"]),
                "notes": tuple(content["notes"]),
            }
        )

    def table(self) -> pd.DataFrame:
        """The estimates, one row each."""
        return records_table(self.estimates)

    @translated
    def sentence(self) -> str:
        """The estimates, a sentence each, on lines of their own."""
        return joined("\n", (estimate.sentence() for estimate in self.estimates))
