"""What the page "Check it yourself" computes from: R, the script, its tables, Python's numbers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ikm_pmi.data.atomic import write_files
from ikm_pmi.engine.manifest import to_json
from ikm_pmi.engine.replication import TOLERANCES, known_numbers, webr_folder
from ikm_pmi.share.exports import chosen

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


def files(root: Path, results_dir: Path, without: Sequence[str] = ()) -> dict[str, bytes]:
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


def place(root: Path, results_dir: Path, folder: Path, without: Sequence[str] = ()) -> float:
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
    made = files(root, results_dir, without)
    write_files({folder / name: content for name, content in made.items()})
    return sum(path.stat().st_size for path in webr.rglob("*") if path.is_file()) / 1e6
