"""Values that a parameter may take beside its default, derived from its field."""

import re
from types import MappingProxyType
from typing import Literal, get_args, get_origin

from annotated_types import MinLen

from ikm_pmi.parameters.base import EpisodeList, Month

COUNTRY, COUNTRIES = "^[A-Z]{3}$", ("MYS", "VNM", "USA")
#: Where a field alone does not tell what it takes.
TABLE = MappingProxyType(
    {
        "coding": [["reading=low"], ["severity_psbb=0.8", "coverage_mikro=0.25"]],
        "episode": ["ppkm_2021:2021-07:2021-09", "january:2021-01:2021-01"],
        "industries": [["14"], ["10", "13", "31"]],
        "quarter": ["2020Q2", "2021Q2"],
        "path": [["2021-07:0.5", "2021-08:0.7"], ["2021-07:0"]],
        "ranges": [
            [
                *("pass_through:0.5:2", "additional:0.5:1", "share_manufacturing:0.2:0.4"),
                *("import_leakage:0:0.2", "indirect_share:0:0.5"),
            ]
        ],
    }
)
#: Settings that make a chapter quick and leave all of it to be run.
CHEAP = MappingProxyType(
    {
        "05_cross_country": {"draws": 99},
        "06_ikm_elasticity": {"draws": 99},
        "08_robustness": {"draws": 99},
        "09_validation": {"draws": 99},
        "10_other_yardsticks": {"draws": 99},
    }
)
#: Parameters whose upper bound takes hours.
COSTLY = ("draws",)


def others(model, name):
    """Values of one parameter that its field allows and that are not its default, plain ones first.

    They may contradict other parameters. A field that none can be derived for is an error, so that
    a new parameter is varied or entered in ``TABLE``.
    """
    field = model.model_fields[name]
    found = TABLE[name] if name in TABLE else _derived(name, field)
    default = model.parse({}).model_dump()[name]
    kept = [value for place, value in enumerate(found) if value not in (default, *found[:place])]
    if not kept:
        raise NotImplementedError(
            f"{model.__name__}.{name} cannot be varied: teach or enter it in tests/variations.py"
        )
    return kept


def every(models):
    """Chapter and name of every parameter."""
    return [(chapter, name) for chapter, model in models.items() for name in model.model_fields]


def written(source, values):
    """A parameters cell in which a reader has changed some values."""
    for name, value in values.items():
        line = re.compile(rf"^{name} = .*?(?=  # )", re.MULTILINE)
        source, times = line.subn(lambda _, n=name, v=value: f"{n} = {v!r}", source)
        assert times == 1, name
    return source


def _derived(name, field):
    kind, default, limits = field.annotation, field.default, field.metadata
    if kind is bool:
        return [not default]
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if kind in (int, float):
        return _numbers(name, kind(default), limits)
    if kind is str and _has(limits, Month):
        inward = 1 if re.search("start|first|from", name) else -1
        return [_later(default, by * inward) for by in (1, -1, 12, -12)]
    if kind is str and _pattern(limits) == COUNTRY:
        return list(COUNTRIES)
    if _has(limits, EpisodeList):
        return _shorter(default, limits) + _episodes(default)
    if get_origin(kind) is list:
        return _shorter(default, limits) + _longer(kind, default)
    return []


def _has(limits, annotated):
    return all(mark in limits for mark in annotated.__metadata__)


def _pattern(limits):
    return next((mark.pattern for mark in limits if hasattr(mark, "pattern")), None)


def _later(month, by):
    place = 12 * int(month[:4]) + int(month[5:]) - 1 + by
    return f"{place // 12}-{place % 12 + 1:02d}"


def _numbers(name, default, limits):
    """A step up (else half way to the bound, else down), and the bounds themselves."""
    marks = {
        kind: [getattr(mark, kind) for mark in limits if hasattr(mark, kind)]
        for kind in ("ge", "gt", "le", "lt")
    }
    step = 1 if isinstance(default, int) else max(abs(default) / 10, 0.01)
    near = [default + step, *((default + end) / 2 for end in marks["lt"]), default - step]
    bounds = [*marks["ge"], *(end for end in marks["le"] if name not in COSTLY)]

    def allowed(value):
        return (
            all(value >= end for end in marks["ge"])
            and all(value > end for end in marks["gt"])
            and all(value <= end for end in marks["le"])
            and all(value < end for end in marks["lt"])
        )

    one = next(value for value in near if allowed(value))
    return [type(default)(round(value, 4)) for value in (one, *filter(allowed, bounds))]


def _shorter(default, limits):
    """Without the last entry, the other way round, none."""
    least = max((mark.min_length for mark in limits if isinstance(mark, MinLen)), default=0)
    lists = (default[:-1], default[::-1], [])
    return [entries for entries in lists if len(entries) >= least]


def _longer(kind, default):
    """With an entry more, where it is known what entries there are."""
    (item,) = get_args(kind)
    entries = get_args(item) if get_origin(item) is Literal else ()
    patterns = [_pattern(mark.metadata) for mark in get_args(item)[1:] if hasattr(mark, "metadata")]
    if COUNTRY in patterns:
        entries = COUNTRIES
    if item is int:
        entries = (2020,)
    return [[*default, entry] for entry in entries if entry not in default][:1]


def _episodes(default):
    """One under another name, one a month longer; or one where there was none."""
    if not default:
        return [["summer:2020-04:2020-06"], ["summer:2020-04:2020-04", "winter:2021-01:2021-02"]]
    *before, last = default
    name, first, end = last.split(":")
    return [[*before, f"mine:{first}:{end}"], [*before, f"{name}:{first}:{_later(end, 1)}"]]
