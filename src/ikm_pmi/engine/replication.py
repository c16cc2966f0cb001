"""The headline numbers once more, by the project's R script and the R of the npm package webr."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ikm_pmi.errors import IkmPmiError

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
        content = json.loads(path.read_text(encoding="utf-8"))
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
