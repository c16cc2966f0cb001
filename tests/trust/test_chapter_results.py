"""What the chapters publish and print, computed in this process and without pictures.

`make test` and `make verify` do the same with kernels and pictures; here, and without them, a wrong
estimator is named in seconds (`pytest tests/trust`, `make mutants`, `make coverage`).
Chapter 09 has the published studies and the experiments as tests of their own.
"""

import ast
import json
from pathlib import Path
from unittest.mock import MagicMock

import nbformat
import pandas as pd
import pytest

from ikm_pmi import report
from ikm_pmi.engine.reference import TOLERANCE, moved, rounded
from ikm_pmi.study import CHAPTERS

ROOT = Path(__file__).parents[2]
VERBS = ("table", "sentence", "to_dict")
# A chapter sets them; they are put back.
OPTIONS = [f"display.{name}" for name in ("max_colwidth", "max_columns", "max_rows", "width")]


def committed(cell):
    """What a cell printed and showed when it was committed, pictures aside."""
    printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
    shown = [o.data for o in cell.outputs if "data" in o and "image/png" not in o.data]
    return printed, [data["text/plain"] for data in shown]


def executed(cell, space):
    """What a cell prints and shows now."""
    printed, shown = [], []

    def keep(*values, sep=" ", end="\n"):
        printed.append(sep.join(map(str, values)) + end)

    space |= {"display": lambda *values: shown.extend(values), "print": keep}
    tree = ast.parse(cell.source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "chapter", "exec"), space)  # noqa: S102 (a chapter of ours)
    if last:
        shown.append(eval(compile(ast.Expression(last.value), "chapter", "eval"), space))  # noqa: S307 (a cell of a committed chapter)
    texts = [repr(value) for value in shown if not (value is None or isinstance(value, MagicMock))]
    return "".join(printed), texts


@pytest.mark.notebooks
@pytest.mark.without_nbval
@pytest.mark.parametrize("chapter", [name for name in CHAPTERS if name != "09_validation"])
def test_a_chapter_publishes_its_reference(chapter, monkeypatch, tmp_path):
    monkeypatch.setattr("ikm_pmi.report.plots.figures", MagicMock(), raising=False)
    monkeypatch.setattr(report, "figures", MagicMock(), raising=False)
    monkeypatch.setattr("ikm_pmi.engine.publish._write_figures", lambda *_: None)
    monkeypatch.setenv("IKM_PMI_RESULTS", str(tmp_path))
    space, different = {}, []
    with pd.option_context(*(part for name in OPTIONS for part in (name, pd.get_option(name)))):
        for cell in nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", 4).cells:
            if cell.cell_type == "code":
                now = executed(cell, space)
                if now != committed(cell):
                    different.append((cell.source, committed(cell), now))
    fresh = json.loads((tmp_path / chapter / "result.json").read_text(encoding="utf-8"))
    fresh.pop("versions")
    known = json.loads((ROOT / "reference" / f"{chapter}.json").read_text(encoding="utf-8"))
    assert not moved(known, rounded(fresh), TOLERANCE)
    assert not different

    own = [value for value in space.values() if type(value).__module__.startswith("ikm_pmi.")]
    results = [value for value in own if all(hasattr(value, verb) for verb in VERBS)]
    assert results or chapter == "08_robustness"
    for result in results:
        assert json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert len(result.table())
        assert result.sentence().strip()
