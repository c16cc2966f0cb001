"""Run the console blocks of docs/ in copies of the project, and compare what they print.

    python tools/docs.py [PAGE ...]    compare; leaves with 1 where something differs
    python tools/docs.py --write       write the pages that are generated, run nothing

A block is fenced as ``console``. A line that begins with ``$ `` is a command (a backslash at its
end continues it), the lines after it are what it prints, ``...`` stands for any lines, and a
command with no lines after it has to succeed. Seconds, paths and digests are masked. A command
fails exactly where it shows an error. A block under a comment ``file: PATH`` is first put into
that file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^(?:<!-- file: (\S+) -->\n```\w+|```console)\n(.*?)^```$", re.M | re.S)
# Of results/ the defaults' stay, so that what is up to date is not computed again.
LEFT_OUT = ("__pycache__", "failed", "[01][0-9]_*-????????", ".*_cache")
LEFT_OUT_ABOVE = {".git", ".venv", ".staging", ".hypothesis", ".mutants", "site", "dist"}
MASKS = (
    (re.compile(r"\b\d+(\.\d+)? s\b"), "<seconds>"),
    (re.compile(r"\b[0-9a-f]{8,64}\b"), "<digest>"),
)

HEAD = """# Commands

Generated from the commands themselves; `ikm-pmi COMMAND --help` says the same. Exit status: 0 when
all that was asked for is there, 1 after a failed run, 2 for wrong usage or bad input, 130 after
Ctrl-C, 143 after SIGTERM.
"""


@dataclass(frozen=True)
class Step:
    """A command with the lines shown after it."""

    command: str
    shown: tuple[str, ...]


def steps(text: str) -> list[Step]:
    """The commands of a page in order."""
    found: list[tuple[list[str], list[str]]] = []
    for file, block in FENCE.findall(text):
        if file:
            found.append(([f"cat > {file} <<'END_OF_FILE'", block + "END_OF_FILE"], []))
            continue
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(([line[2:]], []))
            elif found[-1][0][-1].endswith("\\"):
                found[-1][0].append(line)
            else:
                found[-1][1].append(line)
    return [Step("\n".join(command), tuple(shown)) for command, shown in found]


def copy_of_project(target: Path) -> Path:
    """A copy to work in; its .venv is this one."""
    everywhere = shutil.ignore_patterns(*LEFT_OUT)

    def left_out(folder: str, names: list[str]) -> set[str]:
        above = LEFT_OUT_ABOVE if Path(folder) == ROOT else set()
        return everywhere(folder, names) | (above & set(names))

    shutil.copytree(ROOT, target, ignore=left_out)
    (target / ".venv").symlink_to(Path(sys.executable).parents[1])
    return target


def run(step: Step, folder: Path) -> tuple[int, list[str]]:
    """Exit status and printed lines of a command, with this checkout's path as a dot."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IKM_PMI_")} | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    # An environment that is there is not set up again.
    command = re.sub(r"^make ", "make -s -o ready -o ready-test ", step.command, flags=re.M)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],  # noqa: S607 (bash of the path, as a reader has it)
        cwd=folder, env=environment, text=True, timeout=900, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    text = done.stdout.replace(f"{folder}/", "").replace(str(folder), ".")
    return done.returncode, [line.rstrip() for line in text.splitlines()]


def masked(lines: list[str] | tuple[str, ...]) -> str:
    """Lines without what differs from run to run."""
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text


def difference(step: Step, status: int, printed: list[str]) -> str:
    """What is wrong with a command that was run; empty when nothing is."""
    fails = any(line.startswith("error: ") for line in step.shown)
    if (status != 0) != fails:
        return f"$ {step.command}\nleft with {status} and printed:\n" + "\n".join(printed[-30:])
    parts = re.split(r"^\.\.\.$\n?", masked(step.shown) + "\n", flags=re.M)
    pattern = r"(?:.*\n)*?".join(re.escape(part) for part in parts)
    if not step.shown or re.fullmatch(pattern, masked(printed) + "\n"):
        return ""
    return f"$ {step.command}\nprinted:\n" + "\n".join(printed)


def try_page(page: Path, folder: Path, but: str = "$^") -> list[str]:
    """Run a page's commands, one after the other, but for those of a pattern; what differs."""
    found = []
    for step in steps(page.read_text(encoding="utf-8")):
        if re.search(but, step.command):
            continue
        if different := difference(step, *run(step, folder)):
            found.append(different)
    return found


def commands_page() -> str:
    """The text of ``docs/commands.md``, from the application itself."""
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from ikm_pmi.cli import app

    whole = get_command(app)
    with whole.make_context("ikm-pmi", [], resilient_parsing=True) as context:
        text = get_docs_for_click(obj=whole, ctx=context, name="ikm-pmi")
    _, _, commands = text.partition("\n## ")  # what stands before it, the application says anyway
    commands = re.sub(r"```console\n\$ ", "```text\n", f"## {commands}")
    # Examples stand one a paragraph under their word: one block for a reader.
    commands = re.sub(
        r"^Examples:\n\n((?:ikm-pmi .*\n+)+)",
        lambda found: "**Examples**:\n\n```sh\n" + re.sub(r"\n+", "\n", found[1]) + "```\n\n",
        commands + "\n",
        flags=re.M,
    )
    return f"{HEAD}\n{commands.rstrip()}\n"


def main(arguments: list[str]) -> int:
    """Try pages, or write those that are generated."""
    if arguments == ["--write"]:
        from ikm_pmi.engine import headlines

        headlines.write_documents(ROOT)
        (ROOT / "docs/commands.md").write_text(commands_page(), encoding="utf-8")
        return 0
    failed = 0
    for page in [Path(name) for name in arguments] or sorted((ROOT / "docs").glob("*.md")):
        if not steps(page.read_text(encoding="utf-8")):
            continue
        with tempfile.TemporaryDirectory() as folder:
            different = try_page(page, copy_of_project(Path(folder) / "ikm_pmi"))
        sys.stdout.write("\n".join([f"{page.name}: {len(different)} differ", *different, ""]))
        failed += len(different)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
