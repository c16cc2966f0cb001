"""Create .venv and install what the locks say: `python tools/setup.py [run | test | dev]`.

Runs on a bare Python 3.11 or newer; `make` calls it before each command. Where the stamp
.venv/.ready is of this folder, interpreter and lock, and no package lacks a file, there is nothing
to do. The stamp is written last, so a set-up that was interrupted is taken up again.

uv installs, seconds where pip takes minutes; pip brings it, and stands in for it where it cannot be
had. No bytecode is compiled beforehand: the first run compiles the few modules that it imports in
three seconds, all of them take twenty.
"""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
OLDEST = (3, 11)
# Of each layer what it adds to those before it: for the study, its tests, and who develops it.
LOCKS = {
    "run": "requirements.lock",
    "test": "requirements-test.lock",
    "dev": "requirements-dev.lock",
}
HASHED = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
OWN = ["--no-deps", "--no-build-isolation", "-e", "."]
PACKAGES = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
# Of pip's and Python's settings, those that would install elsewhere.
ELSEWHERE = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONHOME", "PYTHONPATH")


def newer_python() -> "str | None":
    """Another interpreter on the path that is new enough, or None."""
    for minor in (14, 13, 12, 11):
        found = shutil.which(f"python3.{minor}")
        runs = [found, "-c", f"import sys; sys.exit(sys.version_info < {OLDEST!r})"]
        if found and subprocess.run(runs, stderr=subprocess.DEVNULL).returncode == 0:
            return found
    return None


def program(venv: Path, name: str) -> str:
    """A program of the environment."""
    return str(venv / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}"))


def printed(command: "list[str]") -> str:
    """What a command prints; nothing where it cannot be run or fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.decode("utf-8", "replace").strip()


def interpreter(venv: Path) -> str:
    """Version and origin of the environment's Python as it is today; empty if it does not start."""
    code = "import sys, pip; print(sys.version.split()[0], 'in', sys.base_prefix)"
    return printed([program(venv, "python"), "-c", code])


def damaged(venv: Path) -> "list[Path]":
    """The dist-info folders of packages with a file that is gone or not as long as recorded."""
    found = []
    for record in venv.glob(f"{PACKAGES}/*.dist-info/RECORD"):
        place = str(record.parents[1])
        with record.open(encoding="utf-8", newline="") as lines:
            # 50,000 files: as texts they take half as long.
            for name, _, size in csv.reader(lines):
                try:
                    there = os.stat(f"{place}/{name}").st_size  # noqa: PTH116
                    # Ours, which find_by_plain_path writes, is not as long as recorded.
                    whole = not size or there == int(size) or name.endswith("ikm_pmi.pth")
                except OSError:
                    whole = False
                if not whole:
                    found.append(record.parent)
                    break
    return found


def stamp(root: Path, venv: Path, layer: str) -> "dict[str, str]":
    """What the environment of a layer is made from and where it is."""
    made_from = [root / LOCKS[one] for one in layers(layer)] + [root / "pyproject.toml"]
    texts = b"\0".join(path.read_bytes() for path in made_from)
    return {
        "folder": str(venv.resolve()),
        "python": interpreter(venv),
        "layer": layer,
        "locks": hashlib.sha256(texts).hexdigest(),
    }


def layers(last: str) -> "list[str]":
    """A layer and those below it."""
    names = list(LOCKS)
    return names[: names.index(last) + 1]


def known(venv: Path) -> "dict[str, str]":
    """The stamp of the last set-up; empty if there is none that can be read."""
    try:
        found = json.loads((venv / ".ready").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def why(root: Path, venv: Path, layer: str) -> str:
    """Why the environment has to be set up, in a few words; empty where it is ready."""
    before, now = known(venv), stamp(root, venv, layer)
    if not before:
        return "there is none that was made here"
    if not now["python"] or before.get("python") != now["python"]:
        return f"its Python was {before.get('python')} and is {now['python'] or 'gone'}"
    if before.get("folder") != now["folder"]:
        return "the project's folder was moved"
    if before.get("layer") != layer or before.get("locks") != now["locks"]:
        return "packages are to be installed"
    gone = [one.name[: -len(".dist-info")] for one in damaged(venv)]
    return "files are missing of " + ", ".join(gone) if gone else ""


def run(command: "list[str]", shown: str, total: int = 0, **more: str) -> "list[str]":
    """Run an installer, print those of its lines that match; its last lines if it fails."""
    lines, count, counts = [], 0, bool(total) and sys.stdout.isatty()
    environment = {name: text for name, text in os.environ.items() if name not in ELSEWHERE}
    options = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "env": {**environment, **more},
    }
    try:
        process = subprocess.Popen(command, cwd=str(ROOT), **options)
    except OSError as error:
        return [str(error)]
    for content in process.stdout:
        lines.append(content.decode("utf-8", "replace").rstrip())
        if re.match(shown, lines[-1]):
            count += 1
            if counts:
                print(f"\r  {min(count, total)} of {total} packages", end="", flush=True)
            elif not total:
                print("  " + lines[-1].strip(), flush=True)
    if counts:
        print()
    return lines[-25:] if process.wait() else []


def pip(python: str, what: "list[str]", total: int = 0) -> "list[str]":
    """Install with pip."""
    options = ["--disable-pip-version-check", "install", "--progress-bar", "off"]
    shown = "Collecting |Requirement already satisfied"
    return run([python, "-m", "pip", *options, *what], shown if total else "$^", total)


def uv(venv: Path, locks: "list[str]") -> "list[str]":
    """Install the locked packages with uv, which pip brings first; its last lines if it fails."""
    texts = "".join((ROOT / one).read_text(encoding="utf-8") for one in LOCKS.values())
    pinned = re.search(r"^uv==([^\s;\\]+).*\n(?: .*\n)+", texts, re.MULTILINE)
    python, command = program(venv, "python"), program(venv, "uv")
    if pinned and printed([command, "--version"]).split()[:2] != ["uv", pinned.group(1)]:
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder) / "uv.lock"
            wanted.write_text(pinned.group(), encoding="utf-8")
            failed = pip(python, [*HASHED, "-r", str(wanted)])
        if failed:
            return failed
    # uv does not read pip's settings: the index that pip is set to is named to it.
    index = re.findall(r"\.index-url='(.+)'", printed([python, "-m", "pip", "config", "list"]))
    named = {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(os.environ) or not index
    more = {} if named else {"UV_DEFAULT_INDEX": index[-1]}
    cache = Path(printed([command, "cache", "dir"]) or ROOT)
    while not cache.exists():
        cache = cache.parent
    if not os.access(str(cache), os.W_OK):  # a home that may only be read
        more["UV_NO_CACHE"] = "1"
    install = [command, "pip", "install", "--no-progress", "--python", python]
    shown = r" *(Downloading|Prepared|Installed|warning) ?"
    return run([*install, *HASHED, *locks], shown, **more) or run([*install, *OWN], "$^", **more)


def install(venv: Path, layer: str) -> None:
    """Install a layer and those below it, by uv or by pip."""
    locks = [part for one in layers(layer) for part in ("-r", LOCKS[one])]
    failed = uv(venv, locks)
    if not failed:
        return
    print("uv cannot install here: " + (failed[-1] or "no reason given"))
    texts = "".join((ROOT / LOCKS[one]).read_text(encoding="utf-8") for one in layers(layer))
    total = len(re.findall(r"^\S+==", texts, re.MULTILINE))
    print(f"pip installs the {total} packages instead, which takes some minutes", flush=True)
    # The lock is whole, so pip has nothing to resolve: before 23.3 it fails on extras when it does.
    failed = pip(program(venv, "python"), [*HASHED, *locks], total)
    failed = failed or pip(program(venv, "python"), OWN)
    if failed:
        print("\n".join(failed))
        sys.exit("The installation failed (see above). Run the same command again to go on.")


def find_by_plain_path(venv: Path) -> None:
    """Have the environment find src/ by a relative path, which has no signs of the folder's name.

    Python before 3.13 reads the path in the encoding of the locale, and does not start where it
    cannot: a folder called "Ökonomie" under LC_ALL=C, or under a locale that is not installed.
    """
    for path in venv.glob(f"{PACKAGES}/*ikm_pmi.pth"):
        place = os.path.relpath(str(venv.parent / "src"), str(path.parent))
        path.write_text(place + "\n", encoding="ascii")


def create(venv: Path) -> None:
    """An environment without packages, its stamp of no layer."""
    shutil.rmtree(str(venv), ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", str(venv)]).returncode:
        sys.exit("Python cannot create a virtual environment; on Debian: apt install python3-venv")
    write(venv, {"folder": str(venv.resolve()), "python": interpreter(venv)})


def write(venv: Path, content: "dict[str, str]") -> None:
    """Write the stamp."""
    (venv / ".ready").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main(layer: str) -> None:
    """Set up the environment, unless it is ready."""
    before = known(VENV)
    if before.get("layer") in LOCKS and before["layer"] not in layers(layer):
        layer = before["layer"]  # more is there already, and stays
    reason = why(ROOT, VENV, layer)
    if not reason:
        return
    here = {"folder": str(VENV.resolve()), "python": interpreter(VENV)}
    print(f"Setting up .venv with Python {sys.version.split()[0]}: {reason}", flush=True)
    if {name: before.get(name) for name in here} == here:
        write(VENV, here)
    else:
        create(VENV)
    for place in damaged(VENV):
        shutil.rmtree(str(place))  # not installed any more, so it is installed anew
    install(VENV, layer)
    find_by_plain_path(VENV)
    write(VENV, stamp(ROOT, VENV, layer))
    print("The environment is ready in .venv", flush=True)


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        other = newer_python()
        if other is None:
            sys.exit(
                f"Python 3.11 or newer is needed; this is {sys.version.split()[0]} and the path "
                "has no newer one.\nInstall one, or name it: make PYTHON=/path/to/python3 reproduce"
            )
        sys.exit(subprocess.run([other, __file__, *sys.argv[1:]]).returncode)
    for stream in (sys.stdout, sys.stderr):  # a path may have signs that they cannot hold
        stream.reconfigure(errors="backslashreplace")
    main(sys.argv[1] if len(sys.argv) > 1 else "run")
