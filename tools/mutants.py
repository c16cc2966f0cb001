"""Mutation testing of the estimators: do the tests notice a wrong program.

A seeded random sample of the mutants that mutmut makes of the rooms of PACKAGES,
drawn module by module. pytest collects the tests once; every mutant is then a forked process in
which one function has other code, and the tests that reach this function run, cheapest file first,
up to the first failure. What survives some seconds of them meets a minute of them. A mutant that
uses up its processor time counts as caught. Of a module whose mutants are all caught, the unchanged
program must pass.

Left out: docstrings, the text of error messages (strings and arguments of ``...Error(...)``,
``where=`` and the like, but not the arithmetic there), other prose (a string with a blank in it),
and ``strict=`` of zip. mutmut itself leaves out decorated functions, annotations, and what is
outside functions.

    python tools/mutants.py --sample 1000 --seed 1        # writes reference/mutation.json
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.metadata
import json
import math
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("restrictions", "inference", "pmi", "jobs", "trust")
TESTS = (
    *(
        "tests/test_restrictions.py",
        "tests/inference",
        "tests/pmi",
        "tests/jobs",
        "tests/trust",
        "tests/published",
    ),
    "tests/reliability/test_numbers.py",
)
#: Seconds of tests in the first round, and in the second for what survives it.
BUDGET, WHOLE = 10.0, 60.0
OPTIONS = ("-q", "-p", "no:cacheprovider", "--no-header", "--tb=no")
SURVIVED, CAUGHT, BROKEN = range(3)
STATUS = {SURVIVED: "survived", CAUGHT: "caught", BROKEN: "not importable"}
WORDING = {"expected", "found", "where", "todo"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one expression: its place, the lines before and after, the module's new text."""

    module: str
    function: str
    line: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it, whatever moves above it."""
        return self.module, self.before, self.after


def modules() -> dict[str, Path]:
    """The modules mutated, by their dotted names."""
    source = ROOT / "src"
    found = [p for name in PACKAGES for p in sorted((source / "ikm_pmi" / name).rglob("*.py"))]
    return {".".join(p.relative_to(source).with_suffix("").parts): p for p in found}


def wording(call: Any, argument: Any) -> bool:
    """Whether an argument of a call is only said, or only asserts (``strict`` of zip)."""
    name = getattr(call.func, "attr", call.func)
    called = getattr(name, "value", "")
    keyword = argument.keyword.value if argument.keyword else ""
    error = isinstance(called, str) and called.endswith("Error")
    return error or keyword in WORDING or (called, keyword) == ("zip", "strict")


def silent(tree: Any) -> set[int]:
    """Identities of the syntax nodes whose mutants would only change what is said."""
    import libcst as cst

    nodes: set[int] = set()

    class Said(cst.CSTVisitor):
        def on_visit(self, node: cst.CSTNode) -> bool:
            if isinstance(node, cst.SimpleString) or getattr(node, "value", "") == "True":
                nodes.add(id(node))
            return True

    class Visitor(cst.CSTVisitor):
        def on_visit(self, node: cst.CSTNode) -> bool:
            if isinstance(node, cst.SimpleString) and " " in node.value.strip():
                nodes.add(id(node))
            for argument in node.args if isinstance(node, cst.Call) else ():
                if wording(node, argument):
                    argument.visit(Said())
            return True

    tree.visit(Visitor())
    return nodes


def candidates(path: Path) -> tuple[Any, list[Any]]:
    """The module's syntax tree and the mutations of it that are tried."""
    import libcst as cst
    from mutmut.mutation.file_mutation import create_mutations

    tree, mutations, *_ = create_mutations(str(path), path.read_text(encoding="utf-8"))
    only_said = silent(tree)

    def tells(old: Any, new: Any) -> bool:
        if not (isinstance(old, cst.Call) and isinstance(new, cst.Call) and old.func is new.func):
            return id(old) not in only_said
        kept = [[id(a) for a in call.args if not wording(call, a)] for call in (old, new)]
        return kept[0] != kept[1]

    return tree, [
        m
        for m in mutations
        if isinstance(m.contained_by_top_level_function, cst.FunctionDef)
        and tells(m.original_node, m.mutated_node)
    ]


def drawn(name: str, tree: Any, mutations: Sequence[Any], share: float, seed: int) -> list[Mutant]:
    """A random share of a module's mutants, at least five."""
    from mutmut.mutation.file_mutation import deep_replace

    rng = random.Random(f"{seed}:{name}")  # noqa: S311 (a sample, not a secret)
    size = min(len(mutations), max(5, round(share * len(mutations))))
    lines, spans, chosen = tree.code.splitlines(), functions(tree.code), []
    for mutation in rng.sample(mutations, size):
        code = deep_replace(tree, mutation.original_node, mutation.mutated_node).code
        new = code.splitlines()
        at = next((i for i, (a, b) in enumerate(zip(lines, new, strict=False)) if a != b), 0)
        tail = 1
        while lines[-tail] == new[-tail] and len(lines) - tail > at and len(new) - tail > at:
            tail += 1
        before, after = (
            " ".join(line.strip() for line in text[at : len(text) - tail + 1])
            for text in (lines, new)
        )
        own = next(name for name, first, _, last in spans if first <= at + 1 <= last)
        chosen.append(Mutant(name, own, at + 1, before, after, code))
    return sorted(chosen, key=lambda m: (m.line, m.after))


class Watch:
    """How much processor time each test takes, its set-up included."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.before = 0.0

    def pytest_runtest_logstart(self) -> None:
        """Remember when a test begins."""
        self.before = time.process_time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note what it took."""
        self.seconds[nodeid] = time.process_time() - self.before


def functions(text: str) -> list[tuple[str, int, int, int]]:
    """Each top-level function and method: name, its first line, that of its body, the last line."""
    found = []
    for outer in ast.parse(text).body:
        prefix = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
        for one in outer.body if isinstance(outer, ast.ClassDef) else [outer]:
            if isinstance(one, ast.FunctionDef):
                lines = (one.lineno, one.body[0].lineno, one.end_lineno or 0)
                found.append((prefix + one.name, *lines))
    return found


def observe(state: Path, tests: Sequence[str]) -> int:
    """Run tests with coverage by test; keep their times and the functions that they reach.

    What a fixture reaches counts for every test of its file: they share it.
    """
    import pytest
    from coverage import CoverageData

    watch = Watch()
    options = ["--cov=ikm_pmi", "--cov-context=test", "--cov-report=", "--cov-fail-under=0"]
    code = pytest.main([*OPTIONS, *options, *tests], plugins=[watch])
    data = CoverageData(os.environ["COVERAGE_FILE"])
    data.read()
    content = {"seconds": {}, "reach": {}}
    if state.exists():
        content = json.loads(state.read_text(encoding="utf-8"))
    content["seconds"] |= watch.seconds
    for name, path in modules().items():
        contexts = data.contexts_by_lineno(str(path))
        for own, _, first, last in functions(path.read_text(encoding="utf-8")):
            hit = {c for n in range(first, last + 1) for c in contexts.get(n, ()) if c}
            reached = {test for c in hit for test, phase in [c.rsplit("|", 1)] if phase == "run"}
            files = tuple({c.split("::")[0] + "::" for c in hit if c.endswith("|setup")})
            reached |= {test for test in watch.seconds if test.startswith(files)}
            known = content["reach"].setdefault(name, {}).get(own, [])
            content["reach"][name][own] = sorted({*known, *reached})
    state.write_text(json.dumps(content), encoding="utf-8")
    return int(code)


class Reach:
    """Which tests reach a function, and what they cost."""

    def __init__(self, state: Path) -> None:
        content = json.loads(state.read_text(encoding="utf-8"))
        self.seconds: dict[str, float] = content["seconds"]
        self.known: dict[str, dict[str, list[str]]] = content["reach"]

    def tests(self, mutant: Mutant, budget: float) -> list[str]:
        """Tests by file, the cheapest file first, up to a number of seconds."""
        found = self.known.get(mutant.module, {}).get(mutant.function, [])
        files: dict[str, list[str]] = {}
        for test in sorted(found, key=lambda t: (self.seconds[t], t)):
            files.setdefault(test.split("::")[0], []).append(test)
        chosen: list[str] = []
        spent = 0.0
        for own in sorted(files.values(), key=lambda own: sum(self.seconds[t] for t in own)):
            for test in own:
                if spent + self.seconds[test] <= budget:
                    spent += self.seconds[test]
                    chosen.append(test)
        return chosen


def put(mutant: Mutant, path: Path) -> None:
    """Give the function of the running program the code and the defaults of the mutant."""
    module = importlib.import_module(mutant.module)
    space = dict(vars(module))
    exec(compile(mutant.source, str(path), "exec"), space)  # noqa: S102 (our own source)
    first, *rest = mutant.function.split(".")
    old, new = vars(module)[first], space[first]
    for name in rest:
        old, new = (vars(one)[name] for one in (old, new))
    old, new = (getattr(one, "__func__", one) for one in (old, new))
    old.__code__, old.__defaults__ = new.__code__, new.__defaults__
    old.__kwdefaults__ = new.__kwdefaults__


class Trial:
    """In place of pytest's own loop over the tests: a forked process for each mutant."""

    def __init__(self, mutants: Sequence[Mutant], reach: Reach, at_once: int) -> None:
        self.mutants, self.reach, self.at_once = mutants, reach, at_once
        self.paths = modules()
        self.outcome: dict[Mutant, str] = {}

    def pytest_runtestloop(self, session: Any) -> bool:
        """Try all mutants; where all of a module are caught, the module itself must pass."""
        items = {item.nodeid: item for item in session.items}
        self.run(session, items, self.mutants, BUDGET)
        left = [mutant for mutant, o in self.outcome.items() if o == "survived"]
        passed = {mutant.module for mutant in left}
        self.run(session, items, left, WHOLE)
        first = {m.module: m for m in reversed(self.mutants) if m.module not in passed}
        controls = [
            replace(m, before="", after="", source=self.paths[name].read_text(encoding="utf-8"))
            for name, m in first.items()
        ]
        self.run(session, items, controls, WHOLE)
        failed = [m.module for m in controls if self.outcome.pop(m) != "survived"]
        if failed:
            raise RuntimeError(f"the tests fail without a mutant: {', '.join(failed)}")
        return True

    def run(
        self, session: Any, items: dict[str, Any], mutants: Sequence[Mutant], budget: float
    ) -> None:
        """A forked process for each mutant, some at once."""
        waiting, running = list(reversed(mutants)), {}
        begun = time.monotonic()
        while waiting or running:
            while waiting and len(running) < self.at_once:
                mutant = waiting.pop()
                tests = [items[test] for test in self.reach.tests(mutant, budget)]
                sys.stdout.flush()
                pid = os.fork()
                if pid == 0:
                    self.attempt(session, mutant, tests)
                running[pid] = mutant
            pid, status = os.wait()
            self.note(running.pop(pid), os.waitstatus_to_exitcode(status), begun)

    def attempt(self, session: Any, mutant: Mutant, tests: Sequence[Any]) -> None:
        """Run the tests on the mutant and leave: 0 when all pass."""
        limit = math.ceil(20 + 5 * sum(self.reach.seconds[test.nodeid] for test in tests))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        status = BROKEN
        with contextlib.suppress(BaseException):
            put(mutant, self.paths[mutant.module])
            status = CAUGHT
            for test, following in zip_longest(tests, tests[1:]):
                test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
                if session.testsfailed:
                    os._exit(CAUGHT)
            status = SURVIVED
        os._exit(status)

    def note(self, mutant: Mutant, status: int, begun: float) -> None:
        """Keep and tell what became of a mutant."""
        self.outcome[mutant] = STATUS.get(status, "time-out")
        survived = sum(o == "survived" for o in self.outcome.values())
        print(
            f"{len(self.outcome)}/{len(self.mutants)} {time.monotonic() - begun:.0f} s,"
            f" {survived} survived; {self.outcome[mutant]}"
            f" {mutant.module.removeprefix('ikm_pmi.')}:{mutant.line}",
            *([f"\n  - {mutant.before}\n  + {mutant.after}"] * (status == SURVIVED)),
            flush=True,
        )


def wilson(caught: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 percent interval of a share (Wilson 1927)."""
    share, square = caught / n, z**2 / n
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n))
    return (share + square / 2 - half) / (1 + square), (share + square / 2 + half) / (1 + square)


def summary(size: int, outcomes: Sequence[str]) -> dict[str, Any]:
    """Counts and share of some mutants."""
    n, caught = len(outcomes), sum(o != "survived" for o in outcomes)
    low, high = wilson(caught, n) if n else (0.0, 1.0)
    return {
        "mutants": size,
        "sampled": n,
        "caught": caught,
        "share": round(caught / n, 4) if n else None,
        "ci_low": round(low, 4),
        "ci_high": round(high, 4),
    }


def covered(given: argparse.Namespace) -> int:
    """Add lines and branches reached by the tests, by package, to what is written."""
    report = json.loads(given.coverage.read_text(encoding="utf-8"))
    packages: dict[str, Counter[str]] = {}
    for name, file in report["files"].items():
        package = Path(name).relative_to("src/ikm_pmi").parts[0]
        packages.setdefault(package, Counter()).update(file["summary"])
    content = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    content["coverage"] = {
        "all": share(report["totals"]),
        "packages": {name: share(packages[name]) for name in sorted(packages)},
    }
    given.out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def share(counts: Mapping[str, int]) -> dict[str, Any]:
    """Counts and shares of a coverage summary."""
    lines, branches = counts["num_statements"], counts["num_branches"]
    hit, taken = counts["covered_lines"], counts["covered_branches"]
    return {
        "lines": lines,
        "lines reached": hit,
        "branches": branches,
        "branches taken": taken,
        "share": round((hit + taken) / (lines + branches), 4) if lines else 1.0,
    }


def main() -> int:
    """Sample, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--observe", nargs="+", metavar="TESTS", help="only see what they reach")
    parser.add_argument("--coverage", type=Path, help="only take over this report of coverage.py")
    parser.add_argument("--state", type=Path, default=ROOT / ".mutants")
    parser.add_argument("--out", type=Path, default=ROOT / "reference/mutation.json")
    given = parser.parse_args()
    os.chdir(ROOT)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["COVERAGE_FILE"] = str(given.state / "coverage")
    given.state.mkdir(exist_ok=True)
    if given.coverage:
        return covered(given)
    state = given.state / "reach.json"
    if given.observe:
        return observe(state, given.observe)
    if not state.exists():
        subprocess.run([sys.executable, __file__, "--observe", *TESTS], check=True)
    import pytest
    from hypothesis import settings

    # The same examples for every mutant, and none remembered.
    settings.register_profile("mutants", database=None, derandomize=True)
    found = {name: candidates(path) for name, path in modules().items()}
    total = {name: len(mutations) for name, (_, mutations) in found.items()}
    part = given.sample / sum(total.values())
    mutants = [
        mutant
        for name, (tree, mutations) in found.items()
        for mutant in drawn(name, tree, mutations, part, given.seed)
    ]
    old = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    trial = Trial(mutants, Reach(state), given.jobs)
    options = ["-x", "-s", "--hypothesis-profile=mutants"]
    code = pytest.main([*OPTIONS, *options, *TESTS], plugins=[trial])
    if code not in (0, 5):  # 5: no test ran in this process
        return int(code)
    write(given, total, trial.outcome, old)
    return 0


def survivors(content: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    """The reason given for each mutant that survived before, by the mutant's key."""
    return {
        (name, one["before"], one["after"]): one["reason"]
        for name, entry in content.get("modules", {}).items()
        for one in entry["survived"]
    }


def write(
    given: argparse.Namespace,
    total: dict[str, int],
    outcome: dict[Mutant, str],
    old: dict[str, Any],
) -> None:
    """The outcome as JSON; the reasons given for a survivor before are kept."""
    reasons = survivors(old)
    entries: dict[str, dict[str, Any]] = {}
    for name in sorted({mutant.module for mutant in outcome}):
        own = {m: o for m, o in outcome.items() if m.module == name}
        entries[name] = summary(total[name], list(own.values())) | {
            "survived": [
                {
                    "line": m.line,
                    "before": m.before,
                    "after": m.after,
                    "reason": reasons.get(m.key, ""),
                }
                for m in sorted(own, key=lambda m: (m.line, m.after))
                if own[m] == "survived"
            ]
        }
    packages = {}
    for package in PACKAGES:
        names = [name for name in entries if f".{package}." in f"{name}."]
        results = [o for m, o in outcome.items() if m.module in names]
        packages[package] = summary(sum(total[name] for name in names), results)
    content = {
        "tool": f"mutmut {importlib.metadata.version('mutmut')}, tools/mutants.py",
        "seed": given.seed,
        "all": summary(sum(total[name] for name in entries), list(outcome.values())),
        "packages": packages,
        "modules": entries,
    } | {key: old[key] for key in ("coverage",) if key in old}
    given.out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(content["all"]))


if __name__ == "__main__":
    sys.exit(main())
