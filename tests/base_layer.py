"""Runs a script as if nothing were installed but what ``pip install .`` brings.

    python tests/base_layer.py SCRIPT [PACKAGE ...]

With packages named, they and what they need are there, too. ``BASE`` in the script's names is what
is taken for installed.
"""

import importlib.metadata as metadata
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(*names):
    """Distributions that these need, directly or not, themselves included, without extras."""
    todo, found = [*names], set()
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in found:
            found.add(name)
            asked = map(Requirement, metadata.requires(name) or ())
            todo += [one.name for one in asked if not one.marker or one.marker.evaluate()]
    return found


class Finder:
    """What is on the path, but for other distributions and their modules."""

    def __init__(self, base):
        owners = metadata.packages_distributions().items()
        self.base = base
        self.missing = {one for one, by in owners if not base & set(map(canonicalize_name, by))}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.missing:
            return None
        return PathFinder.find_spec(name, path, target)

    def find_distributions(self, *context):
        found = PathFinder.find_distributions(*context)
        return (one for one in found if canonicalize_name(one.name) in self.base)


if __name__ == "__main__":
    script, *more = sys.argv[1:]
    BASE = needed("ikm-pmi", *more)
    sys.meta_path[sys.meta_path.index(PathFinder)] = Finder(BASE)
    sys.argv = [script]
    exec(compile(Path(script).read_text(encoding="utf-8"), script, "exec"))  # noqa: S102 (a script of the test)
