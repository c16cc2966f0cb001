"""What the tests tried to break, and what happened: docs/reliability.md.

    python tools/reliability.py --jobs 2              # runs them (an hour or two), then writes
    python tools/reliability.py --tried FILE          # writes from what pytest --reliability left

The counts come from the tests themselves (``record_property("reliability", ...)``), the shares of
mutants and of lines from reference/mutation.json. Nothing in the page is of a date or a machine, so
the same counts are the same page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
MUTATION = ROOT / "reference" / "mutation.json"
PARTS: Mapping[str, str] = {
    "faults": """
The real thing is done to a copy of the project: commands are killed with SIGKILL at random moments,
disks run full, kernels die or hang, two commands work in one folder. Afterwards no half file is
taken for a whole one, and the next run ends with the same numbers.""",
    "everyday": """
What happens on any machine on a bad day, by kind of fault: settings of the user, folders of other
people, narrow terminals, limits of the system, spreadsheets, sources that answer oddly.""",
    "parameters": """
Each parameter of each chapter is changed alone, to every kind of value it may take, and the chapter
is run. The value arrives in `result.json`, or is refused by name before a kernel starts, or, where
only the data can tell, by an error in a cell that says what would do instead.""",
    "bad input": """
Tables, descriptions, parameter files, grids and settings are spoilt. A table is met as it stands
and as `ikm-pmi data seal` would meet it, with the hash renewed. It is refused with expected, found,
where and what to do, or read exactly as its cells say, by a second reader; nothing is written
beside. What was changed and is read is named by `data seal`, and what is odd in it is shown. A
whole column a thousand times too small goes unseen where values may be near zero (cases, growth,
changes of mobility, stringency, elasticities); the hash shows that the table is another one.""",
    "numbers": """
Estimators on hard arithmetic, against 50-digit references (mpmath) and the certified values of the
NIST Statistical Reference Datasets. Double precision cannot do Filip, which is refused; of
Wampler 4 and 5, whose residuals are 1e5 and 1e7 times the coefficients, fewer than eight digits are
left, and of most Wampler sets six or seven from cluster moments.""",
    "security": "\nParameters, grids, file names and tables are data, never code.",
}
COUNTS = ("lines", "lines reached", "branches", "branches taken")
HEAD = """# Reliability

What the tests try to break, how often, and what happened. Written by `make reliability` from a run
of the tests.
"""


def cell(text: object) -> str:
    """Text that stays in its cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def section(part: str, tried: Iterable[Mapping[str, Any]]) -> list[str]:
    """One part: what it is about, a table, and the sum."""
    times = Counter[tuple[str, str]]()
    for one in tried:
        times[cell(one["what"]), cell(one["outcome"])] += int(one["times"])
    total = sum(times.values())
    lines = [f"## {part.capitalize()}: {total:,} tried", ""]
    lines += [PARTS[part].strip(), ""] if part in PARTS else []
    lines += ["| what | times | what happened |", "|---|---:|---|"]
    lines += [f"| {what} | {n:,} | {outcome} |" for (what, outcome), n in sorted(times.items())]
    return [*lines, ""]


def everyday(tried: Iterable[Mapping[str, Any]]) -> list[str]:
    """Everyday cases: by kind of fault, what was tried and what happens now."""
    kinds: dict[tuple[str, str], set[str]] = {}
    for one in tried:
        kinds.setdefault((cell(one["what"]), cell(one["outcome"])), set()).add(cell(one["case"]))
    total = sum(map(len, kinds.values()))
    lines = [f"## Everyday: {total:,} tried", "", PARTS["everyday"].strip(), ""]
    lines += ["| kind | cases | tried | what happens now |", "|---|---:|---|---|"]
    for (kind, outcome), cases in sorted(kinds.items()):
        lines.append(f"| {kind} | {len(cases)} | {'; '.join(sorted(cases))} | {outcome} |")
    return [*lines, ""]


def mutation(content: Mapping[str, Any]) -> list[str]:
    """Mutants noticed and lines reached, and the mutants that were not noticed."""
    lines = ["## Wrong programs", ""]
    drawn = f"A sample drawn with seed {content['seed']}"
    drawn += f" from the program at commit {content['program']}." if "program" in content else "."
    lines += ["One expression at a time is changed (mutmut); do the tests notice? " + drawn, ""]
    lines += [
        "| part | mutants | sampled | caught | share | 95% interval |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, own in [*content.get("packages", {}).items(), ("all", content["all"])]:
        interval = f"{own['ci_low']:.1%} to {own['ci_high']:.1%}"
        counts = f"{own['mutants']:,} | {own['sampled']:,} | {own['caught']:,} | {own['share']:.1%}"
        lines.append(f"| {name} | {counts} | {interval} |")
    lines += ["", "Mutants that survived, and why:", ""]
    lines += ["| where | was | became | reason |", "|---|---|---|---|"]
    for module, entry in content.get("modules", {}).items():
        for one in entry["survived"]:
            where = f"{module.removeprefix('ikm_pmi.')}, line {one['line']}"
            change = f"`{cell(one['before'])}` | `{cell(one['after'])}`"
            lines.append(f"| {where} | {change} | {cell(one['reason'] or 'not yet looked at')} |")
    return [*lines, ""]


def coverage(content: Mapping[str, Any]) -> list[str]:
    """Lines and branches that the tests reach."""
    lines = ["## Lines and branches reached", ""]
    lines += ["By the tests and the chapters, in every process that they start.", ""]
    lines += ["| part | lines | reached | branches | taken | share of both |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for name, own in [("all", content["all"]), *content.get("packages", {}).items()]:
        counts = " | ".join(f"{own[key]:,}" for key in COUNTS)
        lines.append(f"| {name} | {counts} | {own['share']:.1%} |")
    return [*lines, ""]


def page(tried: list[dict[str, Any]], mutants: Mapping[str, Any] | None) -> str:
    """The whole page."""
    failed = sorted({str(one["test"]) for one in tried if not one["passed"]})
    lines = [HEAD]
    if failed:
        lines += ["**Tests that failed in this run:** " + ", ".join(failed), ""]
    parts = {str(one["part"]) for one in tried}
    for part in [*(p for p in PARTS if p in parts), *sorted(parts - PARTS.keys())]:
        own = [one for one in tried if one["part"] == part]
        lines += everyday(own) if part == "everyday" else section(part, own)
    if mutants:
        lines += mutation(mutants) if "all" in mutants else []
        if mutants.get("coverage"):
            lines += coverage(mutants["coverage"])
    return "\n".join(lines).rstrip("\n") + "\n"


def run(jobs: int) -> list[dict[str, Any]]:
    """Run every test in full, and give what they tried."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tried.json"
        command = [sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "--dist", "loadscope"]
        subprocess.run([*command, "--reliability", str(file), "tests"], cwd=ROOT, check=False)
        tried: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return tried


def main() -> None:
    """Run or read, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tried", type=Path, nargs="*", help="files of runs with --reliability")
    given = parser.parse_args()
    if given.tried:
        tried = [
            one for file in given.tried for one in json.loads(file.read_text(encoding="utf-8"))
        ]
    else:
        tried = run(given.jobs)
    mutants = json.loads(MUTATION.read_text(encoding="utf-8")) if MUTATION.is_file() else None
    PAGE.write_text(page(tried, mutants), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {sum(int(one['times']) for one in tried):,} tried")
    if any(not one["passed"] for one in tried):
        sys.exit(1)


if __name__ == "__main__":
    main()
