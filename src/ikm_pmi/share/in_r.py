"""The headline numbers once more, by the project's R script and the R of the npm package webr.

Here on the command line, and for the page "Check it yourself", where R runs in the reader's browser
with the script, its tables and Python's numbers.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from ikm_pmi.data.atomic import write_files
from ikm_pmi.engine.manifest import read_object, to_json
from ikm_pmi.errors import IkmPmiError
from ikm_pmi.share.exports import chosen

#: Largest relative difference, by how the script says that it computed a number.
TOLERANCES = {"closed form": 1e-8, "quadratic programme": 1e-6, "likelihood": 1e-5}
#: What brings webr, and what it needs in node, to where it is looked for.
INSTALL = "npm install --ignore-scripts --no-save --prefix .cache/webr webr@0.6.0 ws@8.18.3"


def webr_folder(root: Path) -> Path:
    """Where webr is: the folder WEBR of the environment, or what :data:`INSTALL` makes.

    Raises
    ------
    IkmPmiError
        When node or webr is missing, with the command that installs it.
    """
    folder = Path(os.environ.get("WEBR", root / ".cache/webr/node_modules/webr/dist")).resolve()
    parts = {"node": shutil.which("node"), "webr": (folder / "webr.mjs").is_file()}
    if not all(parts.values()):
        raise IkmPmiError(
            "the R script cannot be run",
            expected=f"node (17 or newer), and webr in {folder}",
            found="no " + " and no ".join(name for name, there in parts.items() if not there),
            todo=f"install node, then run in the project's folder: {INSTALL}",
        )
    return folder


def run_r(root: Path) -> pd.DataFrame:
    """What ``replication/headlines.R`` finds: a row an estimate, its cells named as in a result.

    Raises
    ------
    IkmPmiError
        When node or webr is missing, or R ends with an error or a warning.
    """
    command = ["node", "replication/run.mjs", str(webr_folder(root))]
    done = subprocess.run(  # noqa: S603 (the project's own script)
        command, cwd=root, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise IkmPmiError(
            "the R script failed",
            expected="its table, and no warning",
            found=next((s for s in done.stderr.splitlines() if "Error" in s), "no message"),
            where="replication/headlines.R",
            todo=f"mend the script; all it said: {' '.join(command)}",
        )
    return pd.read_csv(io.StringIO(done.stdout)).set_index("name")


def known_numbers(results: Iterable[Path]) -> dict[str, dict[str, float]]:
    """The numbers of every estimate and test of result files; a test's statistic is its value."""
    known: dict[str, dict[str, float]] = {}
    for path in results:
        content = read_object(path)
        for entry in [*content["tests"], *content["estimates"]]:
            own = {"value": entry.get("statistic")} | entry
            numbers = {cell: x for cell, x in own.items() if isinstance(x, int | float)}
            known[entry["name"]] = known.get(entry["name"], {}) | numbers
    return known


def compare(root: Path, found: pd.DataFrame) -> pd.DataFrame:
    """Every cell of R beside the committed number of ``reference/``.

    Returns
    -------
    DataFrame
        ``name, cell, r, python, difference`` (relative), ``tolerance``; ``python`` and
        ``difference`` are missing where the study has no such number.
    """
    known = known_numbers(sorted((root / "reference").glob("??_*.json")))
    rows = found.reset_index().melt(["name", "how"], var_name="cell", value_name="r")
    rows = rows.dropna(subset="r", ignore_index=True)
    cells = zip(rows["name"], rows["cell"], strict=True)
    rows["python"] = pd.Series([known.get(n, {}).get(c) for n, c in cells], dtype=float)
    rows["difference"] = (rows["r"] - rows["python"]).abs() / rows["python"].abs()
    return rows.assign(tolerance=rows.pop("how").map(TOLERANCES))


SCRIPT = Path("replication", "headlines.R")
#: Of webr: what runs R in a browser. Help, manuals, fonts and maps are not needed by the script.
_R = ("webr.js", "webr-worker.js", "R.js", "R.wasm", "libRblas.so", "libRlapack.so", "vfs")
_NOT_NEEDED = ("help.data.gz", "doc.data.gz", "translations.data.gz", "fonts", "proj.*", "gdal.*")
_NOTICE = """\
The folder webr holds R and the libraries it needs, compiled for browsers by the project webR
(package webr of npm), unchanged but without help and fonts. R is under the GNU General Public
License, version 2 or 3, webR's binaries under version 3; webr/LICENSE.md names every part, its
licence and where its source is: https://www.r-project.org and https://github.com/r-wasm/webr.
headlines.R and check.js are under the MIT licence.
"""


def page_files(root: Path, results_dir: Path, without: Sequence[str] = ()) -> dict[str, bytes]:
    """Paths below the page's folder, and what they hold: script, tables, numbers of Python.

    Parameters
    ----------
    root, results_dir : Path
        The project, and results of the whole study.
    without : sequence of str
        Values to leave out, of ``study.WITHHELD``: no table that has them, and the script computes
        what needs none.
    """
    script = (root / SCRIPT).read_text(encoding="utf-8")
    used = re.findall(r'read_table\("(\w+)"(?:, "(\w+)")?\)', script)
    columns = {column for one in chosen(without) for column in one.columns}
    made: dict[str, bytes] = {}
    for name, folder in sorted(set(used)):
        path = f"data/{folder or 'processed'}/{name}.csv"
        content = (root / path).read_bytes()
        if not columns & set(content.partition(b"\n")[0].decode().strip().split(",")):
            made[path] = content
    if columns:
        script = script.replace("write.csv(headlines()", "write.csv(elasticities()")
    known = known_numbers(sorted(results_dir.glob("??_*/result.json")))
    study = {"files": sorted(made), "known": known, "tolerances": TOLERANCES}
    made["check.json"] = to_json(study).encode()
    return made | {"headlines.R": script.encode(), "NOTICE": _NOTICE.encode()}


def place_page(root: Path, results_dir: Path, folder: Path, without: Sequence[str] = ()) -> float:
    """Put everything into the page's folder; the size of R in MB.

    Raises
    ------
    IkmPmiError
        When webr is not there.
    """
    dist, webr = webr_folder(root), folder / "webr"
    webr.mkdir(parents=True)
    for name in _R:
        if (dist / name).is_dir():
            shutil.copytree(dist / name, webr / name, ignore=shutil.ignore_patterns(*_NOT_NEEDED))
        else:
            shutil.copyfile(dist / name, webr / name)
    shutil.copyfile(dist.parent / "LICENSE.md", webr / "LICENSE.md")
    shutil.copyfile(root / "docs/site/check.js", folder / "check.js")
    made = page_files(root, results_dir, without)
    write_files({folder / name: content for name, content in made.items()})
    return sum(path.stat().st_size for path in webr.rglob("*") if path.is_file()) / 1e6
