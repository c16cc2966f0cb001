import json

import pytest

from ikm_pmi.engine import build, manifest
from ikm_pmi.engine.folders import swap
from ikm_pmi.errors import ChapterError

CHAPTER = "01_data"


def fail(*_):
    raise ChapterError("fell over", expected="a", found="b", where="c", todo="d")


def nothing(*_):
    return None


@pytest.fixture
def study(project, monkeypatch):
    """A project whose steps write small files; `ran` lists the chapters executed."""
    root, ran = project("study"), []

    def check(_, report):
        manifest.write_whole(report, "fine\n")

    def make(root):
        manifest.write_whole(root / "data/processed/a.csv", "x\n1\n")

    def chapter(name, _, results_dir):
        ran.append(name)
        work = results_dir / ".staging" / name
        manifest.write_whole(work / "result.json", json.dumps({"data": {}, "chapter": name}))
        swap(work, results_dir, name)

    monkeypatch.setattr(build, "_check_data", check)
    monkeypatch.setattr(build, "_build_data", make)
    monkeypatch.setattr(build, "_run_chapter", chapter)

    def run(**options):
        ran.clear()
        return build.build(root, chapters=[CHAPTER], jobs=1, **options)

    return root, ran, run


def test_unchanged_study_runs_nothing(study):
    _, ran, run = study
    assert run().ran == ("data check", "data build", CHAPTER)
    again = run()
    assert (again.ran, len(again.unchanged), ran) == ((), 3, [])


def edit(path):
    path.write_text(path.read_text() + "\n")


@pytest.mark.parametrize(
    ("touch", "again"),
    [
        (lambda root: edit(root / "results/01_data/result.json"), [CHAPTER]),
        (lambda root: (root / "results/01_data/result.json").unlink(), [CHAPTER]),
        (lambda root: edit(root / "notebooks/01_data.ipynb"), [CHAPTER]),
        (lambda root: edit(root / "data/processed/a.csv"), []),  # built again, same bytes
        (lambda root: edit(root / "data/raw/table.csv"), [CHAPTER]),
        (lambda root: (root / "results/.build/pytask.lock").write_text("]["), None),
    ],
    ids=["edited", "deleted", "notebook", "processed", "raw", "state"],
)
def test_what_changed_is_made_again(study, touch, again):
    root, ran, run = study
    run()
    touch(root)
    done = run()
    assert not done.failed
    if again is not None:
        assert ran == again
    assert run().ran == ()


def test_force_runs_everything(study):
    _, ran, run = study
    run()
    assert len(run(force=True).ran) == 3
    assert ran == [CHAPTER]


def test_failed_data_check_stops_what_needs_it(study, monkeypatch):
    _, ran, run = study
    monkeypatch.setattr(build, "_check_data", fail)
    done = run()
    assert [name for name, _ in done.failed] == ["data check"]
    assert set(done.not_reached) == {"data build", CHAPTER}
    assert ran == []


def test_events_are_told(study):
    events = []
    study[2](tell=lambda event, name: events.append((event, name)))
    assert ("start", CHAPTER) in events
    assert ("success", CHAPTER) in events


def test_manifest_ties_results_to_their_inputs(study):
    root, _, run = study
    run()
    content = manifest.read(root / "results")["results"][CHAPTER]
    assert set(content["inputs"]) == {"code", "data", "notebook", "parameters", "versions"}
    assert content["files"] == manifest.file_hashes(root / "results" / CHAPTER)


def test_a_failure_beside_another_step_keeps_its_four_parts(tmp_path):
    made = build.Files(name="b", folder=tmp_path, patterns=("conftest.py",))
    todo = [
        build.Step(name="bad", function=fail),
        build.Step(name="good", function=nothing, produces={"made": made}),
    ]
    (tmp_path / "conftest.py").write_text("")
    done = build._outcomes(build._session(todo, tmp_path / "state", {"n_workers": 2}))
    assert done.ran == ("good",)
    name, error = done.failed[0]
    assert (name, error.todo) == ("bad", "d")


def test_missing_notebook_is_a_failed_step(study, monkeypatch):
    root, _, run = study
    monkeypatch.undo()
    monkeypatch.setattr(build, "_check_data", lambda _, report: manifest.write_whole(report, "x"))
    monkeypatch.setattr(build, "_build_data", nothing)
    (root / "data/processed/a.csv").write_text("x\n")
    (root / "notebooks/01_data.ipynb").unlink()
    done = run()
    assert "cannot be read as a notebook" in done.failed[0][1].summary
