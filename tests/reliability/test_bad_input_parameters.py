"""Parameters from command lines, TOML files and grids: taken as written, or refused."""

import re
from collections import Counter
from fractions import Fraction
from typing import get_args, get_origin

import pytest
from corruptions import LONG, MARKUP, NOT_NUMBERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import ROOT, in_four_parts

from ikm_pmi.engine.values import collect, load_yaml, read_grid, read_grids
from ikm_pmi.errors import ParameterError
from ikm_pmi.parameters import ImpactParameters
from ikm_pmi.study import CHAPTERS, GRID

TEXTS = (
    *(text for texts in NOT_NUMBERS.values() for text in texts),
    *(
        "-1",
        "0",
        "0.0",
        "-0",
        "2.0",
        "2.5",
        "007",
        "1e2",
        "1e308",
        "1e-320",
        LONG,
        "9" * 20,
        "2021",
    ),
    *("yes", "on", "True", "", "[]", "{}", "[1]", "[null]", "[NaN]", "[1e999]", '["a"', "[" * 9999),
    *("2021-07", "2021-13", "2021-7", "２０２１-07", "2021-07-01", "CHN", "CHN,CHN", "chn", ",,,"),
    *("a:2021-07:2021-08", "a:2021-08:2021-07", "a:2021-07:2021-08,a:2020-01:2020-02", "a::"),
    *("pass_through:0.5:1.5", "pass_through:nan:inf", "2021-07:0.5,2021-09:0.5", '["\\ud800"]'),
    *(MARKUP, "\udcff", "../../etc", "id", "en", "de", '{"a": 1}', "a\nb", "x" * 100_000, "=1+1"),
)


def told(found, times, record, what):
    counted = ", ".join(f"{count} {end}" for end, count in sorted(found.items()))
    record("reliability", {"part": "bad input", "what": what, "times": times, "outcome": counted})


def taken(model, name, text, value):
    """Whether a value is what the text says, by another reading of it."""
    kind = model.model_fields[name].annotation
    if kind in (int, float):
        assert re.fullmatch(r"[-+]?[0-9]+\.?[0-9]*([eE][-+]?[0-9]+)?", text.strip())
        assert value == kind(Fraction(text.strip().rstrip(".")))
        assert not isinstance(value, bool)
    elif kind is bool:
        no, yes = ("false", "0", "no", "off", "f", "n"), ("true", "1", "yes", "on", "t", "y")
        assert text.strip().lower() in (yes if value else no)
    elif get_origin(kind) is list:
        item = get_args(kind)[0]
        if not text.startswith("["):
            parts = [part.strip() for part in text.split(",") if part.strip()]
            assert value == ([Fraction(part) for part in parts] if item is int else parts)
        for one in value:
            str(one).encode()
    else:
        assert value == text.strip()


@pytest.mark.parametrize("chapter", list(CHAPTERS))
def test_a_setting_is_taken_as_written_or_refused(chapter, tries, record_property):
    model, every, seen, found = CHAPTERS[chapter], tries(1, 5), set(), Counter()
    names = (*model.model_fields, "end_moth", "__class__", "model_config", "", "seed ", "π")
    for turn, name in enumerate(names):
        for text in list(dict.fromkeys(TEXTS))[turn % every :: every]:
            seen.add((name, text))
            try:
                chosen = collect(model, [f"{name}={text}"])
            except ParameterError as error:
                in_four_parts(error)
                found["refused"] += 1
                continue
            taken(model, name.strip(), text, getattr(chosen, name.strip()))
            found["taken as written"] += 1
    told(found, len(seen), record_property, f"settings of chapter {chapter[:2]}")


@pytest.mark.parametrize("text", ["seed", "", "=", "=1", "seed:1", "-p", "seed 1", "\x00"])
def test_what_is_no_setting_is_refused(text):
    with pytest.raises(ParameterError) as caught:
        collect(ImpactParameters, [text])
    in_four_parts(caught.value)


def test_a_setting_given_twice_is_refused():
    with pytest.raises(ParameterError, match="twice"):
        collect(ImpactParameters, ["leads=1", "leads=2"])


VALUES = (
    *("1", "-1", "0", "1.5", "1_000", "0x1F", "0o17", "0b1", "1e400", "nan", "inf", "-inf", "1e5"),
    *("true", "false", '"2021-07"', '"1_000"', '"x"', '""', "[]", "[1, 2]", '["CHN"]', "[[1]]"),
    *("2021-07-01", "2021-07-01T00:00:00Z", "07:30:00", "{a = 1}", "9" * 25, '"' + LONG + '"'),
    *('"a\\u0000b"', "[true]", '[""]', "[nan]", '["a:2021-07:2021-08"]', "0x" + "f" * 6000),
)
NAMES = ("leads", "after", "end_month", "episodes", "peers", "confidence_level", "seed", "nobody")
TOML = (
    b"",
    b"\xef\xbb\xbfleads = 0\n",
    "leads = 0\n".encode("utf-16"),
    b"leads = 0\r\n",
    b"leads\n",
    b"leads = 0\nleads = 1\n",
    b"leads = \x00\n",
    b"[leads]\na = 1\n",
    b"leads = 1,5\n",
    b"\xff\xfe",
    b"x = " + b"[" * 50_000,
    b"leads = 010\n",
    b"leads = '''\n",
    b"PK\x03\x04",
    b"= 1\n",
    b"a.b = 1\n",
    b"[[episodes]]\n",
    b'"leads" = 2\n',
    b"{}",
    b"leads = 1 leads = 2\n",
    b"x" * 200_000,
)


def test_a_toml_file_is_taken_as_written_or_refused(tmp_path, record_property):
    found, seen = Counter(), set()
    files = [*TOML, *(f"{name} = {value}\n".encode() for name in NAMES for value in VALUES)]
    path = tmp_path / "mine.toml"
    for content in files:
        path.write_bytes(content)
        seen.add(content)
        try:
            chosen = collect(ImpactParameters, [], path)
        except ParameterError as error:
            in_four_parts(error)
            found["refused"] += 1
            continue
        found["taken as written"] += 1
        default = ImpactParameters.parse({})
        changed = [
            n for n in ImpactParameters.model_fields if getattr(chosen, n) != getattr(default, n)
        ]
        assert len(changed) <= 1
        for name in changed:
            written = content.decode().split("=", 1)[1].strip().replace("_", "")
            value = getattr(chosen, name)
            assert str(value).replace("_", "") in (
                written.strip('"'),
                written.replace('"', "'"),
            ) or (
                value == (int(written, 0) if written[:2] in ("0x", "0o", "0b") else float(written))
            )
    for gone in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(ParameterError) as caught:
            collect(ImpactParameters, [], gone)
        in_four_parts(caught.value)
    told(found, len(seen), record_property, "TOML files of parameters")


BOMB = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
    for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 10)}]}}\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
WIDE = "".join(f"  s{k}: [{', '.join(map(str, range(10)))}]\n" for k in range(12))
GRIDS = (
    "",
    "[]",
    "null",
    "5",
    "x",
    "{}",
    "---\n---\n",
    "a: b: c",
    "\t",
    "%YAML 9.9\n---\n",
    "!!python/name:os",
    '!!python/object/apply:os.system ["true"]',
    "&a [*a]",
    "a: &a\n  b: *a\n",
    "chapter: 03\n",
    "{" * 5000,
    "[" * 50_000,
    BOMB,
    BOMB + 'chapter: "03"\nparameters: {leads: *j}\n',
    MERGES,
    'chapter: "03"\nparameters: {<<: {leads: [1]}}\n',
    'chapter: "03"\nparameters: []\n',
    'chapter: "03"\nparameters: {leads: []}\n',
    'chapter: "03"\nparameters: {leads: 1}\n',
    'chapter: "03"\nparameters: {leads: [0], leads: [1]}\n',
    'chapter: "03"\nchapter: "04"\nparameters: {}\n',
    'chapter: "03"\nparameters: [{leads: 1}, {leads: 1}]\n',
    'chapter: "03"\nparameters: [[1, 2], 3]\n',
    'chapter: "03"\nparameters: [null]\n',
    'chapter: "03"\nparameters: {}\nmore: 1\n',
    'chapter: "03"\n',
    'chapter: "99"\nparameters: {leads: [1]}\n',
    "chapter: []\nparameters: {leads: [1]}\n",
    'chapter: ""\nparameters: {leads: [1]}\n',
    "chapter: 3\nparameters: {leads: [1]}\n",
    f'chapter: "03"\nparameters:\n{WIDE}',
    'chapter: "03"\nparameters: {1: [2]}\n',
    "\x00",
    "\ufeff" + "[]",
    'chapter: "03"\nparameters: {? [a, b] : [1]}\n',
    'chapter: "03"\nparameters: {leads: [{a: 1}]}\n',
)
ITEMS = (
    *(
        "0",
        "1",
        "010",
        "0o10",
        "0x2",
        "1_0",
        "10:00",
        "1.5",
        "1,5",
        ".5",
        ".inf",
        ".nan",
        "yes",
        "on",
        "~",
    ),
    *(
        "true",
        "'1'",
        '"1_000"',
        "2021-07",
        "2021-07-01",
        "2021-13",
        "[CHN]",
        "[NO]",
        "{}",
        "!!int '7'",
    ),
    *(
        "!!float 3",
        "!!binary aGk=",
        "!!set {a}",
        "=1+1",
        "<<",
        "9" * 5000,
        "0x" + "f" * 5000,
        "- 1",
        "|",
    ),
)


FORM = r'chapter: "?0?3"?\nparameters: \{(\w+): \[(.*)\]\}\n'


def test_a_grid_is_taken_as_written_or_refused(tmp_path, record_property):
    made = [f'chapter: "03"\nparameters: {{{n}: [{item}]}}\n' for n in NAMES for item in ITEMS]
    path, found, seen = tmp_path / "grid.yaml", Counter(), set()
    for text in (*GRIDS, *made):
        seen.add(text)
        path.write_text(text, encoding="utf-8")
        try:
            runs = read_grid(path)
        except ParameterError as error:
            in_four_parts(error)
            found["refused"] += 1
            continue
        found["taken as written"] += 1
        name, item = re.fullmatch(FORM, text).groups()
        values = [getattr(run, name) for run in runs]
        if isinstance(values[0], int | float):
            numbers = re.fullmatch(r"(?:!!int |!!float )?['\"]?([0-9.,]+)['\"]?", item)[1]
            assert values == [float(number) for number in numbers.split(",")]  # YAML: two values
        else:
            assert item.split(" ")[-1].strip("[]{}'\"") in str(values[0])
    for content in (b"\xff\xfe[", "chapter: '03'\n".encode("utf-16"), b"\x80abc"):
        path.write_bytes(content)
        with pytest.raises(ParameterError):
            read_grid(path)
    told(found, len(seen) + 3, record_property, "grids of a sweep")


JUNK = (None, 5, "x", [], {}, [[]], [None], {"x": 1}, True, 1.5, "y" * 5000)


def places(content, path=()):
    """The path of every node of parsed YAML or JSON, one of each list's."""
    yield path
    if isinstance(content, dict):
        for key in content:
            yield from places(content[key], (*path, key))
    elif isinstance(content, list):
        for place in range(min(len(content), 1)):
            yield from places(content[place], (*path, place))


def replaced(content, path, new):
    """A copy in which one node is another; ``...`` leaves it out."""
    if not path:
        return new
    head, *rest = path
    copy = list(content) if isinstance(content, list) else dict(content)
    if not rest and new is ...:
        del copy[head]
    else:
        copy[head] = replaced(content[head], rest, new)
    return copy


def test_a_spoilt_multiverse_is_read_or_refused(tmp_path, tries, record_property):
    import yaml

    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "datapackage.json").write_text('{"name": "ikm-pmi-raw"}')
    (tmp_path / "params").mkdir()
    whole = load_yaml(ROOT / GRID)
    path, found, seen = tmp_path / GRID, Counter(), set()
    paths = list(dict.fromkeys(places(whole)))
    cases = [
        (p, junk)
        for k, p in enumerate(paths)
        for junk in (..., *JUNK[k % 5 :: 5])
        if p or junk is not ...
    ]
    every = tries(1, 10)
    for place, junk in cases[::every]:
        text = yaml.safe_dump(replaced(whole, place, junk))
        seen.add(text)
        path.write_text(text, encoding="utf-8")
        try:
            grids = read_grids(tmp_path)
        except ParameterError as error:
            in_four_parts(error)
            found["refused"] += 1
        else:
            assert set(grids) == {"event", "dose", "elasticity"}
            found["taken as written"] += 1
    assert len(seen) > 200 / every
    told(found, len(seen), record_property, "params/multiverse.yaml")


@pytest.mark.property
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.sampled_from(list(CHAPTERS)), st.data())
def test_any_values_of_a_mapping_are_taken_or_refused(chapter, data):
    model = CHAPTERS[chapter]
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.binary(max_size=3),
        st.dates(),
    )
    values = st.one_of(
        scalars, st.lists(scalars, max_size=3), st.dictionaries(st.text(max_size=3), scalars)
    )
    given_ = data.draw(
        st.dictionaries(st.sampled_from(list(model.model_fields)), values, max_size=3)
    )
    try:
        chosen = model.parse(given_)
    except ParameterError as error:
        in_four_parts(error)
    else:
        assert model.parse(chosen.model_dump(mode="json")) == chosen
