"""Create .venv and install what requirements.lock says: `python tools/setup.py`.

Runs on a bare Python 3.11 or newer. The stamp .venv/.ready is written last, so a set-up that was
interrupted is taken up again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
READY = VENV / ".ready"
OLDEST = (3, 11)
PIP = ["-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]


def newer_python() -> str | None:
    """Another interpreter on the path that is new enough, or None."""
    for minor in (14, 13, 12, 11):
        found = shutil.which(f"python3.{minor}")
        runs = [found, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST!r})"]
        if found and subprocess.run(runs, capture_output=True).returncode == 0:
            return found
    return None


def install(python: str, what: list[str], total: int) -> None:
    """Run pip, showing one line that counts packages, and its last lines if it fails."""
    count, lines, show = 0, [], sys.stdout.isatty()
    with subprocess.Popen(
        [python, *PIP, *what], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            lines.append(line)
            count += line.startswith(("Collecting ", "Requirement already satisfied"))
            if show and total and count <= total:
                print(f"\r  {count} of {total} packages", end="", flush=True)
    if show and total:
        print()
    if process.returncode:
        print("".join(lines[-25:]))
        sys.exit("The installation failed (see above). Run the same command again to go on.")


def main() -> None:
    """Set up the environment."""
    if sys.version_info < OLDEST:
        python = newer_python()
        if python is None:
            found = "{}.{}".format(*sys.version_info[:2])
            sys.exit(
                f"Python 3.11 or newer is needed; this is {found} and the path has no newer one.\n"
                "Install one, or name it: make PYTHON=/path/to/python3 reproduce"
            )
        sys.exit(subprocess.run([python, __file__]).returncode)
    python = str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    READY.unlink(missing_ok=True)
    works = Path(python).exists() and subprocess.run(
        [python, "-m", "pip", "--version"], capture_output=True
    )
    version = ".".join(map(str, sys.version_info[:3]))
    if not works or works.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        print(f"Creating .venv with Python {version}", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", str(VENV)]).returncode:
            sys.exit(
                "Python cannot create a virtual environment; on Debian: apt install python3-venv"
            )
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    total = sum("==" in line and not line.startswith((" ", "#")) for line in lock.splitlines())
    print(f"Installing the {total} locked packages; the first time takes some minutes", flush=True)
    # The lock is whole, so pip has nothing to resolve: before 23.3 it fails on extras when it does.
    install(python, ["--no-deps", "--require-hashes", "-r", "requirements.lock"], total)
    install(python, ["--no-deps", "--no-build-isolation", "-e", "."], 0)
    READY.write_text(version + "\n", encoding="utf-8")
    print("The environment is ready in .venv", flush=True)


if __name__ == "__main__":
    main()
