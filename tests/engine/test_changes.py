import json

import pytest

from ikm_pmi.engine import changes
from ikm_pmi.engine.manifest import to_json, write_whole
from ikm_pmi.study import CHAPTERS, HEADLINES

HEAD = HEADLINES[0]  # one digit is printed


def result(values, data=None, **parameters):
    estimates = [{"name": name, "value": value} for name, value in values.items()]
    given = CHAPTERS[HEAD.chapter]().model_dump(mode="json") | parameters
    return to_json({"estimates": estimates, "data": data or {}, "parameters": given})


@pytest.fixture
def study(tmp_path):
    """Write one chapter's result and compare: (values, tables, ran) → what moved."""
    results_dir = tmp_path / "results"

    def run(values, data=None, ran=True):
        before = changes.known(tmp_path, results_dir)
        write_whole(results_dir / HEAD.chapter / "result.json", result(values, data))
        return changes.record(before, results_dir, [HEAD.chapter] if ran else [])

    return tmp_path, run


def test_only_what_prints_differently_has_moved(study):
    _, run = study
    assert run({HEAD.name: -9.04, "a": 1234.4, "b": 0.012341, "c": 0.0}) == ()
    assert run({HEAD.name: -9.01, "a": 1234.0, "b": 0.012339, "c": 0.0}) == ()
    moved = run({HEAD.name: -9.16, "a": 1236.0, "b": 0.0125, "c": 0.0})
    assert [(one.old_text, one.new_text) for one in moved] == [
        ("−9.0", "−9.2"),  # the short answer comes first
        ("1,234", "1,236"),
        ("0.0123", "0.0125"),
    ]
    assert moved[0].question == HEAD.question


def test_tables_that_differ_are_the_cause(study):
    _, run = study
    run({"a": 1.0}, {"x.csv": "1", "y.csv": "1"})
    assert run({"a": 2.0}, {"x.csv": "2", "y.csv": "1"})[0].cause == "x.csv"
    assert run({"a": 3.0}, {"x.csv": "2", "y.csv": "1"})[0].cause.startswith("code")


def test_estimates_that_come_and_go(study):
    _, run = study
    run({"a": 1.0, "b": 2.0})
    moved = {one.name: (one.old_text, one.new_text) for one in run({"a": 1.0, "c": 3.0})}
    assert moved == {"b": ("2.00", "not there"), "c": ("not there", "3.00")}


def test_committed_numbers_are_the_old_ones_of_a_first_run(study):
    root, run = study
    write_whole(root / "reference" / f"{HEAD.chapter}.json", result({HEAD.name: -9.0}))
    assert [one.old_text for one in run({HEAD.name: -8.0})] == ["−9.0"]


def test_a_killed_run_does_not_lose_what_the_old_numbers_were(study):
    root, run = study
    run({HEAD.name: -9.0})
    # killed after the chapter, before the comparison
    write_whole(root / "results" / HEAD.chapter / "result.json", result({HEAD.name: -8.0}))
    moved = run({HEAD.name: -8.0})
    assert [(one.old_text, one.new_text) for one in moved] == [("−9.0", "−8.0")]


def test_the_file_says_what_moved_and_is_read_when_broken(study):
    root, run = study
    run({HEAD.name: -9.0})
    run({HEAD.name: -8.0})
    path = root / "results" / changes.FILE
    kept = json.loads(path.read_text())["changed"]
    assert (kept[0]["old"], kept[0]["new"], kept[0]["name"]) == (-9.0, -8.0, HEAD.name)
    path.write_text("{")
    assert [one.old_text for one in run({HEAD.name: -7.0})] == ["−8.0"]  # from the result itself


def test_a_run_with_other_parameters_stands_beside_the_defaults(study):
    root, _ = study
    fresh = json.loads(result({HEAD.name: -8.0}, leads=2)) | {"chapter": HEAD.chapter}
    assert changes.beside_defaults(root, fresh) is None
    assert "no results of the default parameters" in changes.changes_in_words(None)
    write_whole(root / "reference" / f"{HEAD.chapter}.json", result({HEAD.name: -9.0}))
    own = root / "results" / HEAD.chapter / "result.json"
    write_whole(own, result({HEAD.name: -1.0}, leads=3))  # not the study's own numbers
    moved = changes.beside_defaults(root, fresh)
    assert (moved[0].old_text, moved[0].cause) == ("−9.0", "leads")
    write_whole(own, result({HEAD.name: -7.0}))
    moved = changes.beside_defaults(root, fresh)
    assert [(one.old_text, one.new_text) for one in moved] == [("−7.0", "−8.0")]


def test_intervals_and_p_move_too_and_are_said():
    entry = {"name": "a", "value": 1.0, "ci_low": 0.5, "ci_high": 1.5, "p_value": 0.04}
    old, new = ({"a": entry}, {"a": entry | {"ci_high": None, "p_value": 0.0004}})
    states = [{HEAD.chapter: {"estimates": one}} for one in (old, new)]
    (moved,) = changes.compare(*states)
    assert moved.moved == ("interval", "p")
    text = changes.changes_in_words([moved])
    assert text.startswith("No value moved; these intervals and p did:")
    assert "1.00 (0.50 to 1.50), p 0.040 → 1.00 (0.50 to ∞), p < 0.001" in text
    assert changes.compare(states[0], states[0]) == ()
    assert changes.changes_in_words(()).startswith("No value moved, and no interval or p")
