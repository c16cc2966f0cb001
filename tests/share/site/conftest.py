"""One site for all tests of it, from what is committed, with hostile texts put in on purpose."""

import base64
import io
import json
import re
import shutil
import threading
from pathlib import Path

import pytest
from nbformat.v4 import new_output

from ikm_pmi.engine import chapters, manifest
from ikm_pmi.share import site as site_build
from ikm_pmi.share import site_pages
from ikm_pmi.share.exhibits import places
from ikm_pmi.study import CHAPTERS

ROOT = Path(__file__).parents[3]
HOSTILE = '<script>window.hacked = 1</script><img src="x" onerror="window.hacked = 2">'


def committed_results(root, folder):
    """Results as a run would leave them: notebooks and numbers as committed, pictures from them."""
    for chapter in CHAPTERS:
        place = folder / chapter
        notebook = chapters.read_notebook(root / "notebooks" / f"{chapter}.ipynb")
        chapters.write_notebook(notebook, place / "notebook.ipynb")
        result = json.loads((root / "reference" / f"{chapter}.json").read_text(encoding="utf-8"))
        result["versions"] = manifest.versions()
        manifest.write_whole(place / "result.json", manifest.to_json(result))
        where = places(notebook)
        for cell, names in where.shown.items():
            outputs = [one.get("data", {}) for one in notebook.cells[cell].outputs]
            pictures = [data["image/png"] for data in outputs if "image/png" in data]
            for name, picture in zip(names, pictures, strict=True):
                _picture(place / "figures", name, base64.b64decode(picture))
        for kind, name in where.cells:
            if kind == "tables":
                manifest.write_whole(place / "tables" / f"{name}.csv", "x,y\n1,2\n")
    _record(root, folder)
    return folder


def _record(root, folder):
    made = {
        name: manifest.inputs(
            root / "notebooks" / f"{name}.ipynb", model.parse({}).model_dump(mode="json")
        )
        for name, model in CHAPTERS.items()
    }
    manifest.record(folder, made)


def _picture(folder, name, content, title=None):
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    with Image.open(io.BytesIO(content)) as image:
        text, drawn, (width, height) = PngInfo(), io.BytesIO(), image.size
        text.add_text("Title", title or f"What {name} says")
        text.add_text("Description", "Across: month. Upward: points")
        image.save(drawn, "png", pnginfo=text)
    inside = base64.b64encode(drawn.getvalue()).decode()
    manifest.write_whole(folder / f"{name}.png", drawn.getvalue())
    manifest.write_whole(
        folder / f"{name}.svg",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{inside}"/></svg>',
    )


@pytest.fixture(scope="session")
def hostile():
    """A text that must be shown and not run."""
    return HOSTILE


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of what the site is made from, hostile texts in a description and a source."""
    root = tmp_path_factory.mktemp("a project")
    for name in ("data", "docs", "notebooks", "reference"):
        shutil.copytree(ROOT / name, root / name)
    for path in (*ROOT.glob("*.md"), ROOT / "CITATION.cff"):
        shutil.copy(path, root)
    descriptor = root / "data/raw/datapackage.json"
    content = json.loads(descriptor.read_text(encoding="utf-8"))
    content["resources"][0]["origin"] = HOSTILE
    content["resources"][0]["schema"]["fields"][0]["description"] = HOSTILE
    descriptor.write_text(json.dumps(content), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def results(project):
    """Results of that project, hostile texts in a title, a parameter and what a cell printed."""
    folder = committed_results(project, project / "results")
    place = folder / "01_data"
    _picture(place / "figures", "coverage", (place / "figures/coverage.png").read_bytes(), HOSTILE)
    notebook = chapters.read_notebook(place / "notebook.ipynb")
    cell = chapters.parameters_cell(notebook, "01_data")
    cell.source = re.sub(r'country = "IDN"', f"country = {HOSTILE!r}", cell.source)
    cell.outputs = [new_output("stream", text=HOSTILE)]
    chapters.write_notebook(notebook, place / "notebook.ipynb")
    _record(project, folder)
    return folder


@pytest.fixture(scope="session")
def site(project, results, tries):
    """The built site; in a sample the reference has two rooms, which are of one template."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_pages, "_LAYERS", tries(site_pages._LAYERS, ("errors", "pmi")))
        return site_build.build(project, project / "public", results_dir=results)


@pytest.fixture(scope="session")
def address(site):
    """Where the site is served."""
    with site_build.server(site.folder) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


@pytest.fixture(scope="session")
def page_names(site):
    """Every page, as its path below the site."""
    paths = (path.relative_to(site.folder).as_posix() for path in site.folder.rglob("*.html"))
    return sorted(path for path in paths if not path.startswith("_static"))
