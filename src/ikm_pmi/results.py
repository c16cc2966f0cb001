"""What a study hands on: estimates, tests, and the ``result.json`` of a chapter.

Every result object has the same three verbs: ``table()`` (a frame), ``sentence()`` (number, unit,
interval, sample) and ``to_dict()`` (JSON-safe; what does not apply is ``None``, never NaN).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from ikm_pmi.errors import EstimationError
from ikm_pmi.language import spoken

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SCHEMA",
    "ChapterResult",
    "Estimate",
    "Findings",
    "TestResult",
    "number",
    "probability",
    "records_table",
]

SCHEMA = 1


def number(value: float | None, digits: int = 2) -> str:
    """A number as a reader expects it: thousands separated, a true minus, no negative zero.

    Written the English way; :func:`ikm_pmi.language.tr` gives the reader's separators.
    """
    if value is None:
        return "n/a"
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        text = "−" + text[1:] if float(text.replace(",", "")) != 0 else text[1:]
    return text


def probability(value: float) -> str:
    """A p-value as printed: three digits, or the bound below which it lies."""
    return "< 0.001" if value < 0.001 else number(value, 3)


def _finite(name: str, label: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise EstimationError(
            f"{name}: {label} is not a finite number",
            expected="a finite number, or None where the quantity does not apply",
            found=repr(value),
            todo="raise an EstimationError with the reason where it is computed",
        )


def _plain(value: Any) -> Any:
    """Numpy scalars as Python's own, so that json writes them."""
    return value.item() if hasattr(value, "item") else value


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
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

    def to_dict(self) -> dict[str, Any]:
        """The estimate as JSON-safe plain values."""
        return _to_dict(self)

    def table(self) -> pd.DataFrame:
        """The estimate as a frame of one row."""
        return records_table([self])

    @spoken
    def sentence(self, digits: int = 2) -> str:
        """Number, unit, interval, sample size and method in one sentence."""
        text = f"{self.name}: {number(self.value, digits)} {self.unit}".rstrip()
        if self.ci_low is not None and self.ci_high is not None and self.ci_level is not None:
            low, high = number(self.ci_low, digits), number(self.ci_high, digits)
            text += f" ({self.ci_level:.0%} interval {low} to {high})"
        if self.n is not None:
            text += f", n = {self.n:,}"
        return f"{text}; {self.method}."


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult:
    """A test with its null hypothesis in words.

    Parameters
    ----------
    null : str
        The hypothesis that a small ``p_value`` speaks against, as a sentence.
    distribution : str
        What the statistic was compared with (``t(31)``, ``wild bootstrap, Webb, 9,999 draws``).
    minimum_p : float or None
        The smallest p the procedure can attain, where it ranks or enumerates.
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

    def to_dict(self) -> dict[str, Any]:
        """The test as JSON-safe plain values."""
        return _to_dict(self)

    def table(self) -> pd.DataFrame:
        """The test as a frame of one row."""
        return records_table([self])

    @spoken
    def sentence(self) -> str:
        """Null, p and reference distribution in one sentence."""
        small = self.p_value < 0.001
        text = f"H0 “{self.null}”: p {'' if small else '= '}{probability(self.p_value)}"
        if self.minimum_p is not None:
            text += f" (smallest attainable {self.minimum_p:.3g})"
        return f"{text}, {self.distribution}."


Record = TypeVar("Record", Estimate, TestResult)


def _to_dict(record: Estimate | TestResult) -> dict[str, Any]:
    own = {f.name: _plain(getattr(record, f.name)) for f in fields(record) if f.name != "detail"}
    return own | {key: _plain(value) for key, value in record.detail.items()}


def _from_dict(kind: type[Record], content: Mapping[str, Any]) -> Record:
    own = {f.name for f in fields(kind)} - {"detail"}
    known = {key: value for key, value in content.items() if key in own}
    return kind(**known, detail={k: v for k, v in content.items() if k not in own})


def records_table(records: Sequence[Estimate | TestResult]) -> pd.DataFrame:
    """Estimates or tests as a frame, one row each, in the order given."""
    import pandas as pd

    return pd.DataFrame([record.to_dict() for record in records])


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Findings:
    """What a method hands on: estimates by name, tests by name, and notes for the reader."""

    estimates: tuple[Estimate, ...]
    tests: tuple[TestResult, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of this name."""
        return {e.name: e for e in self.estimates}[name]

    def test(self, name: str) -> TestResult:
        """The test of this name."""
        return {t.name: t for t in self.tests}[name]

    def table(self) -> pd.DataFrame:
        """The estimates, one row each."""
        return records_table(self.estimates)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: estimates, tests and notes."""
        return {
            "estimates": [e.to_dict() for e in self.estimates],
            "tests": [t.to_dict() for t in self.tests],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ChapterResult:
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
        # An estimate and the test beside it may share a name (elasticity.mundlak).
        twice = sorted(
            {
                name
                for names in ([e.name for e in self.estimates], [t.name for t in self.tests])
                for name in names
                if names.count(name) > 1
            }
        )
        if twice:
            raise EstimationError(
                f"{self.chapter}: a result name is used twice",
                expected="each estimate, and each test, to have a name of its own",
                found=", ".join(twice),
                todo="rename one of the two; others rely on the names",
            )

    def to_dict(self) -> dict[str, Any]:
        """The content of ``result.json``."""
        return {
            "schema": SCHEMA,
            "chapter": self.chapter,
            "parameters": dict(self.parameters),
            "estimates": [estimate.to_dict() for estimate in self.estimates],
            "tests": [test.to_dict() for test in self.tests],
            "notes": list(self.notes),
            "data": dict(self.data),
            "versions": dict(self.versions),
            "seed": self.seed,
        }

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

    @spoken
    def sentence(self) -> str:
        """The estimates, a sentence each, on lines of their own."""
        return "\n".join(estimate.sentence() for estimate in self.estimates)
