"""Small valid projects, one for each raw table, whose files can be spoilt and put back."""

from dataclasses import dataclass, field
from pathlib import Path

from corruptions import rewritten, rows_of

from ikm_pmi.data.package import DESCRIPTOR, RAW, find_root, read_descriptor, sealed

ROOT = find_root(Path(__file__))
PACKAGE = read_descriptor(ROOT / RAW)
ENTRIES = {entry["name"]: entry for entry in PACKAGE["resources"]}
KEPT = 16  # rows from either end of a long table
TOGETHER = {"regime_spells": ("industry_rules",), "industry_rules": ("regime_spells",)}


@dataclass
class Project:
    """A project of one table and those it refers to."""

    root: Path
    table: str
    good: dict[str, bytes] = field(default_factory=dict)

    @property
    def fields(self):
        return ENTRIES[self.table]["schema"]["fields"]

    @property
    def content(self):
        return self.good[f"{self.table}.csv"]

    def spoil(self, content, file=""):
        (self.root / RAW / (file or f"{self.table}.csv")).write_bytes(content)

    def restore(self):
        for path in (self.root / RAW).iterdir():
            if path.name not in self.good:
                path.unlink()
        for name, content in self.good.items():
            path = self.root / RAW / name
            if not path.is_file() or path.read_bytes() != content:
                path.write_bytes(content)

    def files(self):
        return {path.name: path.read_bytes() for path in (self.root / RAW).iterdir()}


def project(table, folder):
    names = {table, *TOGETHER.get(table, ())}
    for key in ENTRIES[table]["schema"].get("foreignKeys", []):
        names.add(key["reference"]["resource"] or table)
    for name in list(names):
        for key in ENTRIES[name]["schema"].get("foreignKeys", []):
            names.add(key["reference"]["resource"] or name)
    entries = [entry for entry in PACKAGE["resources"] if entry["name"] in names]
    contents = {}
    for entry in entries:
        content = (ROOT / RAW / entry["path"]).read_bytes()
        if entry["name"] == table and table not in TOGETHER:
            header, *body = rows_of(content)
            if table == "subsector_gdp_quarterly":  # quarters of one series: none may be missing
                body = [row for row in body if "contribution_to_gdp_pp" in row][: 2 * KEPT]
                content = rewritten(content, [header, *body])
            if len(body) > 2 * KEPT and table != "provinces":
                body = [*body[:KEPT], *body[-KEPT:]]
                content = rewritten(content, [header, *body])
        contents[entry["name"]] = content
    good = {f"{name}.csv": content for name, content in contents.items()}
    good[DESCRIPTOR] = sealed({**PACKAGE, "resources": entries}, contents)
    made = Project(folder, table, good)
    (folder / RAW).mkdir(parents=True)
    made.restore()
    return made


def in_four_parts(error):
    """A refusal says what was expected, what was found, where, and what to do, and is short."""
    for part in ("expected", "found", "where", "todo"):
        assert getattr(error, part), (part, str(error))
    assert len(str(error)) < 3000
    assert error.exit_status == 2


def left(case, before):
    """Nothing was written, not even beside."""
    assert case.files() == before
