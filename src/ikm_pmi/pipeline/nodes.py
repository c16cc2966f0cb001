"""What pytask's graph is made of: files below a folder, plain values, and steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytask import PNode, TaskWithoutPath

from ikm_pmi.pipeline import manifest

__all__ = ["Files", "Step", "Value"]


@dataclass(kw_only=True)
class Files(PNode):
    """Some files below a folder; their state is one hash over all of them."""

    name: str
    folder: Path
    patterns: tuple[str, ...] = ("**/*",)
    attributes: dict[Any, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """What makes this node the same in two steps."""
        return manifest.digest([self.folder.as_posix(), *self.patterns])

    def state(self) -> str | None:
        """Hash of names and contents, or None when there are no such files."""
        found = manifest.file_hashes(self.folder, self.patterns)
        return manifest.digest(found) if found else None

    def load(self, is_product: bool = False) -> None:
        """Nothing is handed to a step: it reads its files itself."""

    def save(self, value: Any) -> None:
        """Nothing to do: a step writes its files itself."""


@dataclass(kw_only=True)
class Value(Files):
    """A plain value a step depends on, such as the hash of the code."""

    folder: Path = Path()
    value: Any = None

    @property
    def signature(self) -> str:
        """What makes this node the same in two steps."""
        return manifest.digest([self.name, self.value])

    def state(self) -> str:
        """Hash of the value."""
        return manifest.digest(self.value)


@dataclass(kw_only=True)
class Step(TaskWithoutPath):
    """A step whose work is a plain function of plain arguments."""

    arguments: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        """Leave the nodes that pytask hands on aside: a step reads and writes its files itself."""
        work, arguments = self.function, self.arguments
        self.function = lambda **_: work(*arguments)

    def state(self) -> str:
        """Constant: the code is one of the step's dependencies."""
        return self.name

    def execute(self, **_: Any) -> None:
        """Do the work."""
        self.function()
