from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.data import package
from ikm_pmi.errors import EstimationError, ParameterError
from ikm_pmi.inference.har import slope
from ikm_pmi.jobs import bridge, chain, links, orders, surveys
from ikm_pmi.parameters import CrossCountryParameters, JobsParameters
from ikm_pmi.pmi import sample, wave
from ikm_pmi.pmi.event_study import evaluate
from ikm_pmi.results import Estimate, number, significant

DEFAULT = JobsParameters()


@pytest.fixture(scope="module")
def raw():
    return package.load_many({*chain.TABLES, *orders.TABLES, *surveys.TABLES})


@pytest.fixture(scope="module")
def found(raw):
    return chain.links(raw, DEFAULT)


def link(value, half=None, name="x"):
    ends = {} if half is None else {"ci_low": value - half, "ci_high": value + half}
    level = None if half is None else 0.95
    return Estimate(name=name, value=value, unit="", method="", ci_level=level, **ends)


def test_with_nothing_drawn_the_chain_is_the_product_of_its_links(found):
    own = DEFAULT.model_copy(update={"uncertain": [], "pass_through": 0.8})
    e = chain.chain_rows(found, own)["chain.workers"]
    parts = (found.gaps["event_study"], found.bridges["all"], found.elasticities["twfe"])
    product = found.workers * 0.8 / 1200 * np.prod([part.value for part in parts])
    assert e.value == pytest.approx(product, rel=1e-10)
    assert (e.ci_low, e.ci_high) == pytest.approx((product, product), rel=1e-10)


def test_the_first_link_adds_up_what_chapter_03_finds(raw, found):
    """July and August are of its episode, September is a month after it."""
    impact = DEFAULT.impact()
    effects = evaluate(sample.assemble(raw, impact), impact.episodes, impact)
    names = ("2021-07", "2021-08", "after.2021-09")
    total = sum(effects[f"pmi.ppkm_2021.{name}"].value for name in names)
    assert found.gaps["event_study"].value == pytest.approx(total, rel=1e-12)


def test_months_without_an_effect_in_chapter_03_get_an_episode_of_their_own(raw):
    frame = sample.assemble(raw, DEFAULT.impact())
    own = DEFAULT.model_copy(update={"last_month": "2022-03"})
    gap, _ = chain.event_gap(frame, own)
    assert gap.ci_low < gap.value < gap.ci_high


def test_what_a_wave_leaves_is_the_gap_less_the_waves_of_chapter_05(raw, found):
    """By the forms with the smallest and largest wave; months beyond its panel have no row."""
    own = CrossCountryParameters(episode="chain:2021-07:2021-09", draws=99)
    forks = wave.wave(wave.country_months(raw), wave.country_gap(raw, own), own).forks
    ends = [found.gaps["event_study"].value - 3 * forks["value"].agg(end) for end in ("max", "min")]
    assert [found.gaps[f"rest_{end}"].value for end in ("most", "least")] == pytest.approx(ends)
    early = DEFAULT.model_copy(
        update={"first_month": "2016-02", "last_month": "2016-03", "reference_month": "2016-01"}
    )
    frame = sample.assemble(raw, DEFAULT.impact())
    assert set(chain.gaps(raw, frame, early)) == {"event_study", "dose_low", "dose_high"}


def test_a_dose_without_asymmetry_is_the_symmetric_one(raw):
    """A path that only tightens adds up to tightening times its rise, and the level before."""
    frame = sample.assemble(raw, DEFAULT.impact())
    stay = float(frame["level"]["2021-06"])
    own = JobsParameters(path=[f"2021-07:{stay + 0.2}", f"2021-08:{stay + 0.5}"])
    fit = chain.dose_fit(frame, own)
    expected = 0.5 * fit.params["tightening"] + 0.2 * fit.params["before"]
    assert chain.dose_gap(frame, own).value == pytest.approx(expected, rel=1e-12)


def test_a_path_that_stays_at_the_reference_goes_with_nothing(raw):
    frame = sample.assemble(raw, DEFAULT.impact())
    stay = float(frame["level"]["2021-06"])
    gap = chain.dose_gap(frame, JobsParameters(path=[f"2021-07:{stay}", f"2021-08:{stay}"]))
    e = chain.chain(gap, link(1, 0.5), link(0.3, 0.1), 1e6)["chain.workers"]
    assert (e.value, e.ci_low, e.ci_high) == (0, 0, 0)


def test_one_link_a_row(found):
    rows = chain.chain_rows(found, DEFAULT).rows.set_index("choice")
    lead = rows.iloc[0]
    seen = {rows.index[0]}
    for name in ("gaps", "bridges", "elasticities"):
        (used, first), *others = getattr(found, name).items()
        for other, e in others:
            own = rows.loc[chain.LABELS[other]]
            assert own["workers"] / lead["workers"] == pytest.approx(e.value / first.value), used
            seen.add(chain.LABELS[other])
    assert seen == set(rows.index)
    assert len(rows) <= 9
    assert (rows["low"] <= rows["workers"]).all()
    assert (rows["workers"] <= rows["high"]).all()


@pytest.mark.parametrize("path", [["2021-07:0.8", "2021-09:0.6"], ["2021-08:0.8", "2021-07:0.8"]])
def test_a_path_with_a_gap_is_refused(raw, path):
    with pytest.raises(EstimationError, match="not whole"):
        chain.gaps(raw, sample.assemble(raw, DEFAULT.impact()), JobsParameters(path=path))


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ["July:0.8"]},
        {"last_month": "2021-06"},
        {"reference_month": "2021-07"},
        {"ranges": ["pass_through:0:1"]},
        {"pass_through": 3.0},
        {"uncertain": ["weather"]},
        {"estimator": "between"},
    ],
)
def test_parameters_out_of_range_are_refused(changes):
    with pytest.raises(ParameterError):
        JobsParameters.parse(changes)


def test_a_link_without_a_bounded_interval_is_refused():
    open_ = replace(link(1.0, 0.5), ci_high=None)
    with pytest.raises(EstimationError, match="no bounded interval"):
        chain.chain(link(-10, 2), link(1, 0.5), open_, 1e6)


def test_an_interval_that_does_not_hold_its_value_is_refused():
    with pytest.raises(EstimationError, match="does not hold its value"):
        links.with_interval(link(5.0), np.linspace(0, 1, 101), 0.95)


def test_an_input_at_the_end_of_its_range_is_held():
    e = chain.chain(link(-10), link(1), link(0.3), 1e6, pass_through_range=(0.2, 1.0))
    assert e["chain.workers"].ci_low == pytest.approx(e["chain.workers"].value)
    assert e["chain.workers"].ci_high > e["chain.workers"].value


def randomly(rng):
    """A parameter set of chapter 07, every value that moves its numbers drawn at random."""
    inside = {name: rng.uniform(*DEFAULT.span(name)) for name in
              ("pass_through", "additional", "share_manufacturing", "import_leakage",
               "indirect_share")}  # fmt: skip
    elasticities = ["twfe", "without_flagged", "intensive", "lower_bound"]
    return JobsParameters.parse(
        {
            **inside,
            "uncertain": [n for n in links.COLUMNS if rng.random() < 0.7],
            "estimator": str(rng.choice(elasticities)),
            "order_estimator": str(rng.choice(elasticities)),
            "bridge_sample": str(rng.choice(["all", "without_2020"])),
            "confidence_level": float(rng.uniform(0.6, 0.995)),
            "order_share": float(rng.random()),
            "horizon_years": float(rng.uniform(0.5, 5)),
            "industries": [] if rng.random() < 0.5 else [str(rng.choice(["10", "14", "24", "25"]))],
            "base_year": int(rng.integers(2018, 2022)),
        }
    )


def test_for_random_parameters_the_interval_holds_its_value_or_the_run_is_refused(
    raw, found, tries
):
    times = tries(200, 30)
    rng, causes, held = np.random.default_rng(7), [], 0
    for _ in range(times):
        own = randomly(rng)
        try:
            answers = chain.chain_rows(found, own).estimates[:3]
            answers += orders.order_book(raw, found.elasticities, own).estimates
        except EstimationError as error:
            causes.append(str(error).splitlines()[0])
            continue
        for e in answers:
            if e.ci_low is not None and e.ci_high is not None:
                slack = 1e-9 * abs(e.value)
                assert e.ci_low - slack <= e.value <= e.ci_high + slack, (e.name, own)
        held += 1
    assert held >= 0.9 * times, causes
    assert all("does not hold its value" in cause for cause in causes)


@pytest.mark.truth
@pytest.mark.parametrize(("stated", "least", "most"), [(None, 0.93, 0.97), ((0, 2.6), 0.95, 0.99)])
def test_the_interval_holds_a_known_product(found, tries, stated, least, most):
    """Links that miss by their own errors; a stated range beside them makes it hold more often."""
    parts = [found.gaps["event_study"], found.bridges["all"], found.elasticities["twfe"]]
    widths = [links.Link.estimated("gap", part).sd for part in parts]
    truth = found.workers * np.prod([part.value for part in parts]) / 1200
    rng, held, times = np.random.default_rng(20210903), 0, tries(2000, 100)
    for _ in range(times):
        own = [
            replace(
                part, **{key: getattr(part, key) + miss for key in ("value", "ci_low", "ci_high")}
            )
            for part, miss in zip(parts, rng.standard_normal(3) * widths, strict=True)
        ]
        e = chain.chain(*own, found.workers, pass_through_range=stated)["chain.workers"]
        held += e.ci_low <= truth <= e.ci_high
    slack = 0.0 if times >= 2000 else 0.05
    assert least - slack <= held / times <= most + slack


def test_the_defaults_are_never_refused(raw, found):
    assert chain.chain_rows(found, DEFAULT).estimates
    assert orders.order_book(raw, found.elasticities, DEFAULT).estimates


def test_the_ends_are_settled_to_two_digits(found):
    """Against four million independent draws: the lattice is within one percent of the width."""
    e = chain.chain_rows(found, DEFAULT)["chain.workers"]
    rng, n = np.random.default_rng(1), 4_000_000
    parts = [found.gaps["event_study"], found.bridges["all"], found.elasticities["twfe"]]
    drawn = np.full(n, found.workers / 1200)
    for part in parts:
        own = links.Link.estimated("gap", part)
        drawn *= rng.normal(own.value, own.sd, n)
    low, high = DEFAULT.span("pass_through")
    drawn *= links.stated(rng.random(n), low, DEFAULT.pass_through, high)
    ends = np.quantile(drawn, [0.025, 0.975])
    assert [e.ci_low, e.ci_high] == pytest.approx(ends, abs=0.005 * (ends[1] - ends[0]))


@pytest.mark.truth
def test_coverage_of_a_product_where_the_truth_is_known(found):
    """The links of the study as the truth, 2,000 times estimated anew with their own errors."""
    rng, R, n = np.random.default_rng(3), 2000, 4096
    parts = {
        "gap": links.Link.estimated("gap", found.gaps["event_study"]),
        "bridge": links.Link.estimated("bridge", found.bridges["all"]),
        "elasticity": links.Link.estimated("elasticity", found.elasticities["twfe"]),
    }
    truth = float(np.prod([part.value for part in parts.values()]))
    drawn = np.ones((R, n))
    for name, part in parts.items():
        estimates = rng.normal(part.value, part.sd, (R, 1))
        drawn *= estimates + part.sd * links.normal(name)[:n]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    covered = np.mean((low <= truth) & (truth <= high))
    assert 0.93 <= covered <= 0.97, covered


@pytest.mark.truth
def test_the_bridge_moves_the_level_by_a_quarter_of_its_slope():
    """With h = a/4 + (g/4) P each quarter, yearly growth is a + g times the four-quarter mean."""
    rng = np.random.default_rng(1)
    months = pd.period_range("2010-01", "2020-12", freq="M")
    pmi = pd.Series(50 + rng.normal(size=len(months)), months)
    quarterly = (pmi - 50).groupby(months.asfreq("Q")).mean()
    growth = (0.5 + 0.9 / 4 * quarterly).rolling(4).sum() + rng.normal(0, 1e-4, len(quarterly))
    found = bridge.bridge(growth, pmi)
    assert found["chain.bridge.all"].value == pytest.approx(0.9, abs=1e-3)
    assert found.notes == ()


@pytest.mark.published
def test_the_bridge_as_a_referee_computed_it(found):
    """Slopes .993 and .383 (.282), quarterly coefficients .35/.26/.21/.18, HAC p .24."""
    slopes = found.bridges
    assert slopes["all"].value == pytest.approx(0.993, abs=5e-4)
    assert slopes["without_2020"].value == pytest.approx(0.383, abs=1e-3)
    assert slopes["without_2020"].std_error == pytest.approx(0.282, abs=5e-4)
    test = found.bridge.test("chain.bridge.equal_quarters")
    assert test.p_value == pytest.approx(0.24, abs=5e-3)
    assert [round(b, 2) for b in test.detail.values()] == [0.35, 0.26, 0.21, 0.18]


def test_the_bridge_names_what_is_thin_and_what_is_missing(found):
    rows, notes = found.bridge.rows, found.bridge.notes
    assert "2017Q3" in notes[0]
    assert "2024Q4" in notes[1]
    assert pd.Period("2024Q4") not in rows.index
    own = slope(rows["growth"], rows["pmi"]).linear("slope")[0]
    assert found.bridges["all"].value == pytest.approx(own)


def test_spring_2020_is_predicted_as_the_product_says(raw, found):
    table = chain.back_test(raw, DEFAULT, found)
    growth = raw["manufacturing_growth"].set_index("quarter")["growth_yoy_pct"]
    assert table["observed"].iloc[0] == pytest.approx(growth["2020Q2"] - growth["2020Q1"])
    ratio = table["predicted"].to_numpy().reshape(-1, 2)
    slopes = [e.value for e in found.bridges.values()]
    assert ratio[:, 0] / ratio[:, 1] == pytest.approx(slopes[0] / slopes[1])


@pytest.mark.published
def test_what_was_counted_is_what_the_offices_printed(raw):
    """Sakernas 17.48 and 18.70 mn in August 2020 and 2021; IMK 9,647,542 and 9,109,297."""
    found = surveys.counted(raw["manufacturing_employment"], raw["imk_panel"], -33_000.0)
    row = found.changes.set_index("year").loc[2021]
    assert row["sakernas_year"] == pytest.approx(1.22e6)
    assert row["sakernas_half"] == pytest.approx(0.88e6)
    assert row["imk"] == pytest.approx(9_109_297 - 9_647_542)
    assert "too small" in found.sentence()
    assert "large enough" in replace(found, effect=-5e6).sentence()


@pytest.mark.parametrize(
    ("value", "text"),
    [(-33_190, "−33,000"), (0.5195, "0.52"), (9.96, "10"), (0, "0"), (248, "250")],
)
def test_two_significant_digits(value, text):
    assert significant(value) == text
    assert number(33_190, -3) == "33,000"
