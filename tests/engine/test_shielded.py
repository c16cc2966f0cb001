"""Kernels that a run starts do not see the user's own IPython and matplotlib settings."""

import sys

import pytest

from ikm_pmi.engine import kernel_server
from ikm_pmi.engine.chapters import run
from ikm_pmi.engine.manifest import file_hashes
from sample import sampled

RC = "lines.linewidth: 6\ntext.usetex: True\naxes.facecolor: black\nsavefig.facecolor: black\n"

OTHER = {
    "PYTHONWARNINGS": "error",
    "PYTHONHASHSEED": "77",
    "MPLBACKEND": "no_such_backend",
    "OMP_NUM_THREADS": "7",
    "OPENBLAS_NUM_THREADS": "7",
}


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Settings as a user may have them: a start-up file and a matplotlibrc."""
    profile = tmp_path / "ipython/profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup/00.py").write_text(
        'country = "BAD"\nDATA = "mine"\nimport no_such_module\n'
    )
    (profile / "ipython_config.py").write_text(
        'get_config().InteractiveShellApp.exec_lines = ["p = 1 / 0"]\n'
    )
    (tmp_path / "start.py").write_text('country = "BAD"\n')
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib/matplotlibrc").write_text(RC)

    def use():
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
        monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "matplotlib/matplotlibrc"))
        for name, value in OTHER.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))

    return use


@pytest.mark.parametrize("forked", sampled([False, True], 2))
def test_a_run_is_the_same_bytes_under_any_settings(
    forked, hostile, project, monkeypatch, record_property
):
    if forked and sys.platform != "linux":
        pytest.skip("kernels are forked on Linux only")
    root = project("shielded")
    monkeypatch.delenv(kernel_server.ADDRESS, raising=False)
    monkeypatch.setenv(kernel_server.SWITCH, str(int(forked)))
    before = file_hashes(run("01", root=root))
    hostile()
    if forked:
        kernel_server.start(root)
    try:
        after = file_hashes(run("01", root=root))
    finally:
        kernel_server.stop()
    assert after == before
    if not forked:
        for case in ("IPYTHONDIR, exec_lines", "matplotlibrc", "PYTHONSTARTUP", *OTHER):
            kind, outcome = "the user's settings reach kernels", "the same bytes"
            entry = {"part": "everyday", "what": kind, "case": case, "outcome": outcome}
            record_property("reliability", entry | {"times": 1})


def test_no_home_leaves_nothing_behind(project, monkeypatch, tmp_path):
    root = project("homeless")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setenv("HOME", str(tmp_path / "no such home"))
    monkeypatch.delenv("IPYTHONDIR", raising=False)
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    monkeypatch.delenv(kernel_server.ADDRESS, raising=False)
    run("01", root=root)
    assert list(scratch.iterdir()) == []


def test_a_picture_is_the_same_in_a_readers_own_kernel():
    import matplotlib as mpl
    import pandas as pd

    from ikm_pmi.parameters import Episode
    from ikm_pmi.report import figures

    def drawn():
        pmi = pd.Series(range(40, 52), pd.period_range("2020-01", periods=12, freq="M"), float)
        spells = [Episode(name="calm", first="2020-03", last="2020-04")]
        return figures.pmi_with_spells(pmi, spells, "nowhere")._repr_png_()

    plain = drawn()
    assert plain.startswith(b"\x89PNG")
    settings = {"lines.linewidth": 6, "axes.facecolor": "black", "savefig.facecolor": "black"}
    with mpl.rc_context({**settings, "font.size": 20, "xtick.color": "red"}):
        assert drawn() == plain
