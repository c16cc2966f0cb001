"""What the chapters publish, computed in this process and without pictures, is in ``reference/``.

`make verify` does the same with kernels and pictures; here a wrong estimator is named in seconds.
Chapter 09 has the published studies and the experiments as tests of their own.
"""

import json
from pathlib import Path
from unittest.mock import MagicMock

import nbformat
import pytest

from ikm_pmi import report
from ikm_pmi.parameters import CHAPTERS
from ikm_pmi.pipeline.refresh import moved, rounded
from ikm_pmi.pipeline.verify import TOLERANCE

ROOT = Path(__file__).parents[2]
VERBS = ("table", "sentence", "to_dict")


def executed(chapter):
    """The names that the chapter's cells leave behind."""
    space = {"display": lambda *_: None, "print": lambda *_, **__: None}
    for cell in nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", 4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, chapter, "exec"), space)  # noqa: S102 (a chapter of ours)
    return space


@pytest.mark.notebooks
@pytest.mark.parametrize("chapter", [name for name in CHAPTERS if name != "09_validation"])
def test_a_chapter_publishes_its_reference(chapter, monkeypatch, tmp_path):
    monkeypatch.setattr(report, "figures", MagicMock(), raising=False)
    monkeypatch.setattr("ikm_pmi.report.tables.print_whole", lambda: None)
    monkeypatch.setattr("ikm_pmi.pipeline.publish._write_figures", lambda *_: None)
    monkeypatch.setenv("IKM_PMI_RESULTS", str(tmp_path))
    space = executed(chapter)
    fresh = json.loads((tmp_path / chapter / "result.json").read_text(encoding="utf-8"))
    fresh.pop("versions")
    known = json.loads((ROOT / "reference" / f"{chapter}.json").read_text(encoding="utf-8"))
    assert not moved(known, rounded(fresh), TOLERANCE)

    own = [value for value in space.values() if type(value).__module__.startswith("ikm_pmi.")]
    results = [value for value in own if all(hasattr(value, verb) for verb in VERBS)]
    assert results or chapter == "08_robustness"
    for result in results:
        content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
        assert content
        assert len(result.table())
        assert result.sentence().strip()
