"""The replication package: whole, the same bytes each time, runs where it is unpacked."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import rocrate

from ikm_pmi.engine import manifest
from ikm_pmi.errors import ChapterError
from ikm_pmi.share import package as package_module
from ikm_pmi.share.package import citation, files, package
from ikm_pmi.share.package_about import CRATE, README
from ikm_pmi.study import CHAPTERS

ROOT = Path(__file__).parents[2]
WORDS = (ROOT / "src/ikm_pmi/share/paper.typ").read_text(encoding="utf-8")
BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"/>'
SECONDS = 61.26  # of every chapter, as if measured


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results as a run leaves them, of the committed chapters and numbers."""
    folder = tmp_path_factory.mktemp("results")
    made = {}
    for chapter, model in CHAPTERS.items():
        notebook, own = ROOT / "notebooks" / f"{chapter}.ipynb", folder / chapter
        (own / "tables").mkdir(parents=True)
        (own / "figures").mkdir()
        text = (ROOT / "reference" / f"{chapter}.json").read_text(encoding="utf-8")
        content = {**json.loads(text), "versions": manifest.versions()}
        (own / "result.json").write_text(manifest.to_json(content), encoding="utf-8")
        shutil.copy(notebook, own / "notebook.ipynb")
        for picture in re.findall(rf'picture\("{chapter[:2]}", "(\w+)"', WORDS):
            (own / f"figures/{picture}.svg").write_text(BLANK)
            shutil.copy(
                ROOT / "docs/observed_and_counterfactual.png", own / f"figures/{picture}.png"
            )
        pd.DataFrame({"x": [1.5]}).to_csv(own / "tables/steps.csv", index=False)
        made[chapter] = manifest.inputs(notebook, model.parse({}).model_dump(mode="json"))
        manifest.record_costs(folder, chapter, SECONDS, 512)
    manifest.record(folder, made)
    return folder


@pytest.fixture(scope="module")
def archive(results, tmp_path_factory):
    return package(ROOT, tmp_path_factory.mktemp("out") / "p.zip", results_dir=results)


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a folder with space")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return folder


def test_the_files_are_those_listed_with_their_hashes(unpacked):
    lines = (unpacked / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {name: sha for sha, name in (line.split("  ", 1) for line in lines)}
    there = {
        path.relative_to(unpacked).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in unpacked.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert there == listed
    for needed in ("Makefile", "requirements.lock", "LICENSE", "CITATION.cff", README, CRATE):
        assert needed in there
    for folder in ("src/ikm_pmi", "data/raw", "data/processed", "notebooks", "reference", "tests"):
        assert any(name.startswith(f"{folder}/") for name in there)


def test_the_results_are_those_of_its_own_manifest_and_code(unpacked):
    for chapter, model in CHAPTERS.items():
        entry = manifest.read(unpacked / "results")["results"][chapter]
        assert entry["files"] == manifest.file_hashes(unpacked / "results" / chapter)
        notebook = unpacked / "notebooks" / f"{chapter}.ipynb"
        now = manifest.inputs(notebook, model.parse({}).model_dump(mode="json"))
        assert {key: entry["inputs"][key] for key in now} == now
    code = manifest.file_hashes(unpacked / "src/ikm_pmi", manifest.CODE)
    assert manifest.digest(code) == manifest.code_digest()


def test_nothing_is_in_it_that_does_not_belong(archive, unpacked):
    names = zipfile.ZipFile(archive).namelist()
    assert names == sorted(names)
    junk = re.compile(r"(^|/)(\.git|\.venv|__pycache__|\.staging|dist|site-packages)(/|$)|\.pyc$")
    assert not [name for name in names if junk.search(name)]
    secret = re.compile(
        rb"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}"
    )
    for path in unpacked.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not secret.search(content), path
            assert str(ROOT).encode() not in content, path
    assert os.access(unpacked / ".ci/run", os.R_OK)
    assert zipfile.ZipFile(archive).getinfo(".ci/run").external_attr >> 16 & 0o111


def test_the_same_project_gives_the_same_bytes(archive, results, tmp_path):
    again = package(ROOT, tmp_path / "again.zip", results_dir=results)
    assert again.read_bytes() == archive.read_bytes()


def test_without_version_control_the_same_files_are_taken(unpacked):
    """What is unpacked packs itself again: there is no .git in it."""
    own = set(files(unpacked))
    with_git = files(ROOT)
    assert {name for name in own if not name.startswith("results/")} == set(with_git)
    (unpacked / ".env").write_text("KEY=1")
    (unpacked / "src/__pycache__").mkdir(exist_ok=True)
    (unpacked / "src/__pycache__/x.pyc").write_bytes(b"x")
    assert set(files(unpacked)) == own
    (unpacked / ".env").unlink()
    shutil.rmtree(unpacked / "src/__pycache__")


def test_readme_has_the_sections_and_the_measured_costs(unpacked):
    text = (unpacked / README).read_text(encoding="utf-8")
    heads = re.findall(r"^#{2,3} (.+)$", text, flags=re.MULTILINE)
    assert heads == [
        *("Overview", "Data availability and provenance statements", "Statement about rights"),
        *("Summary of availability", "Details on each data source", "Dataset list"),
        *("Computational requirements", "Software requirements", "Controlled randomness"),
        "Memory, run time and storage requirements",
        *("Description of programs", "Instructions to replicators", "List of tables and figures"),
        "References",
    ]
    assert f"add up to {len(CHAPTERS) * SECONDS / 60:.1f} minutes" in text
    assert "512 MB" in text
    raw = json.loads((ROOT / "data/raw/datapackage.json").read_text(encoding="utf-8"))
    for entry in raw["resources"]:
        assert f"`data/raw/{entry['path']}`" in text
        assert all(licence["title"] in text for licence in entry["licenses"])
    for chapter in CHAPTERS:
        assert f"`{chapter}/tables/steps.csv`" in text
    assert "    make reproduce\n    make test\n" in text
    assert "20210903" in text


@pytest.mark.reliability
def test_ro_crate_passes_its_validator(archive, tmp_path, monkeypatch):
    from rocrate_validator import models, services
    from rocrate_validator.utils.http import HttpRequester

    # The vocabulary that the validator would fetch comes with rocrate: no network is needed.
    text = (Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_text(encoding="utf-8")
    context = SimpleNamespace(
        **{"status_code": 200, "headers": {"Content-Type": "application/ld+json"}, "text": text},
        json=lambda: json.loads(text),
    )
    asked_for = []
    monkeypatch.setattr(
        *(HttpRequester, "get", lambda _, url, **__: asked_for.append(url) or context),
        raising=False,
    )
    with zipfile.ZipFile(archive) as file:  # into a path without a space: rdflib warns of those
        file.extractall(tmp_path)
    settings = services.ValidationSettings(
        rocrate_uri=models.URI(str(tmp_path)),
        profile_identifier="ro-crate-1.3",
        requirement_severity=models.Severity.REQUIRED,
        offline=True,
        cache_path=tmp_path / "cache",
    )
    found = services.validate(settings)
    assert set(asked_for) == {"https://w3id.org/ro/crate/1.3/context"}
    issues = [issue.message for issue in found.get_issues()]
    assert not issues, sorted(set(map(str, issues)))


def test_ro_crate_lists_every_file_with_its_hash(unpacked):
    graph = json.loads((unpacked / CRATE).read_text(encoding="utf-8"))["@graph"]
    about = {one["@id"]: one for one in graph}
    files = {name for name, one in about.items() if "File" in one["@type"]}
    folders = tuple(name for name, one in about.items() if one["@type"] == "Dataset")[1:]
    there = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}
    assert not {name for name in files if name.startswith(folders)}
    alone = {name for name in there if not name.startswith(folders)}
    assert files == alone - {CRATE, "SHA256SUMS"}
    for name in files:
        sha = hashlib.sha256((unpacked / name).read_bytes()).hexdigest()
        assert about[name]["sha256"] == sha
    assert {"src/", "tests/"} <= set(folders)
    run = about["#run-03_pmi_impact"]
    assert run["instrument"] == {"@id": "notebooks/03_pmi_impact.ipynb"}
    assert {"@id": "data/processed/indonesia_monthly.csv"} in run["object"]


@pytest.mark.notebooks
def test_a_chapter_runs_from_the_unpacked_package_and_gives_the_reference(unpacked):
    shutil.rmtree(unpacked / "results/00_the_claims")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IKM_PMI")}
    environment["PYTHONPATH"] = str(unpacked / "src")
    code = "import ikm_pmi.cli as c; print(c.__file__, flush=True); c.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "00"],
        **{"cwd": unpacked, "env": environment, "capture_output": True, "text": True},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(unpacked))
    new = json.loads((unpacked / "results/00_the_claims/result.json").read_text(encoding="utf-8"))
    old = json.loads((unpacked / "reference/00_the_claims.json").read_text(encoding="utf-8"))
    values = {one["name"]: one["value"] for one in old["estimates"]}
    assert {one["name"]: one["value"] for one in new["estimates"]} == pytest.approx(values)
    cost = manifest.costs(unpacked / "results")["00_the_claims"]
    assert cost["seconds"] > 0
    assert cost["peak_memory_mb"] > 50 or sys.platform == "win32"


def edited(folder):
    path = folder / "06_ikm_elasticity/result.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")


def removed(folder):
    shutil.rmtree(folder / "09_validation")


def older(folder):
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["results"]["01_data"]["inputs"]["code"] = "sha256:0"
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("spoil", [edited, removed, older])
def test_results_that_are_missing_edited_or_older_are_refused(spoil, results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    spoil(copy)
    out = tmp_path / "p.zip"
    with pytest.raises(ChapterError, match="not those of the present"):
        package(ROOT, out, results_dir=copy)
    assert not out.exists()


@pytest.mark.parametrize("name", ["src/ikm_pmi/errors.py", "data/raw/lebaran.csv"])
def test_what_git_does_not_list_but_the_results_need_is_refused(name, results, monkeypatch):
    listed = [one for one in files(ROOT) if one != name]
    monkeypatch.setattr(package_module, "_tracked", lambda _: listed)
    with pytest.raises(ChapterError, match="not under version control") as error:
        package(ROOT, results_dir=results)
    assert error.value.found == name


def test_a_file_that_names_a_folder_of_the_machine_is_refused():
    root = Path("/home/somebody/study")
    with pytest.raises(ChapterError, match="names a folder of this machine"):
        package_module._refuse_paths({"results/a.json": b"made in /home/somebody/study/x"}, root)
    package_module._refuse_paths({"results/a.json": b"made in /home/else"}, root)


def test_citation_and_pyproject_agree():
    cite = citation(ROOT)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert str(cite["version"]) == project["version"]
    assert cite["license"] == project["license"]
    assert cite["title"].startswith(f"{project['name'].replace('-', '_')}: ")
    assert [one["name"] for one in cite["authors"]] == [one["name"] for one in project["authors"]]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {cite['version']} ({cite['date-released']})" in changes
