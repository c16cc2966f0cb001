"""A miniature project: one chapter, no data."""

import pytest

from ikm_pmi.parameters import DataParameters

BODY = """from ikm_pmi.parameters import DataParameters
from ikm_pmi.results import Estimate
from ikm_pmi.engine.publish import publish
p = DataParameters.from_notebook(globals())
assert p.country != "BAD", "no such country"
"""
TABLES = """import pandas as pd
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
lines = axes.plot([1, 3, 2])
months = pd.period_range("2021-07", periods=2, freq="M", name="month")
tables = {"plain": pd.DataFrame({"x": [1 / 3]}), "dated": pd.DataFrame({"x": [1.0, 2.0]}, months)}
"""
PUBLISH = """found = [Estimate(name="a.b", value=1.5, unit="x", method="m", n=3)]
print(publish(p, estimates=found, tables=tables, figures={"line": figure}))
"""
SELF = """import os, sys
seen = [sys.executable, os.getcwd(), os.environ["OMP_NUM_THREADS"]]
tables["seen"] = pd.DataFrame({"seen": seen})
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """Make a project in a folder with a space in its name."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    def make(name):
        root = tmp_path_factory.mktemp(f"{name} with space")
        for folder in ("data/raw", "data/processed", "notebooks"):
            (root / folder).mkdir(parents=True)
        (root / "data/raw/table.csv").write_text("x\n1\n")
        (root / "data/raw/datapackage.json").write_text('{"name": "ikm-pmi-raw"}')
        cells = [
            new_markdown_cell("# What is seen?"),
            new_code_cell(DataParameters.cell(), metadata={"tags": ["parameters"]}),
            *(new_code_cell(source) for source in (BODY, TABLES, SELF, PUBLISH)),
        ]
        nbformat.write(new_notebook(cells=cells), root / "notebooks/01_data.ipynb")
        return root

    return make
