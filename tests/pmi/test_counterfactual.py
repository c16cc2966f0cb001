"""Counterfactual models on series whose effect is known, and their refusals."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.errors import EstimationError, ParameterError
from ikm_pmi.parameters import CounterfactualParameters
from ikm_pmi.pmi.counterfactual import compare, counterfactual, estimate
from ikm_pmi.pmi.sample import in_spells, select_sample, wide_frame
from ikm_pmi.pmi.state_space import fit, forecast, placebo_errors, regressors, simultaneous

MONTHS = pd.period_range("2012-05", "2023-05", freq="M", name="month")
FIRST, SECOND = "psbb_2020:2020-04:2020-06", "ppkm_2021:2021-07:2021-08"
GAPS = ["2012-07", "2012-11", "2017-09"]
PARAMETERS = CounterfactualParameters(
    peers=["AAA", "BBB"], episodes=[FIRST, SECOND], masked=[FIRST]
)


def evaluate(frame, episodes, parameters):
    """The estimates of other episodes."""
    return estimate(frame, type(parameters).parse(parameters.model_dump() | {"episodes": episodes}))


def ar1(rng, length, rho=0.67, sd=1.34, burn=60):
    shocks = rng.normal(size=length + burn) * sd
    series = np.zeros(length + burn)
    for t in range(1, length + burn):
        series[t] = rho * series[t - 1] + shocks[t]
    return series[burn:]


def make_frame(seed=1, effects=(-15.0, -10.0)):
    """PMI and two peers with a common shock, the gaps of the real series, known effects."""
    rng = np.random.default_rng(seed)
    common = ar1(rng, len(MONTHS), sd=1.0)
    frame = pd.DataFrame(
        {
            "pmi": 50 + 0.5 * common + ar1(rng, len(MONTHS)),
            "AAA": 51 + common + rng.normal(size=len(MONTHS)),
            "BBB": 52 + common + rng.normal(size=len(MONTHS)),
        },
        index=MONTHS,
    )
    for text, effect in zip((FIRST, SECOND), effects, strict=True):
        frame.loc[in_spells(MONTHS, [text]), "pmi"] += effect
    frame.loc[GAPS, "pmi"] = np.nan
    return frame


@pytest.fixture(scope="module")
def result():
    return estimate(make_frame(), PARAMETERS)


def values(result):
    return {e.name: e for e in result.estimates}


def test_the_names_others_rely_on(result):
    names = set(values(result)) | {t.name for t in result.tests}
    for episode, months in (("psbb_2020", 3), ("ppkm_2021", 2)):
        assert f"counterfactual.conformal.{episode}.mean" in names
        for model in ("ucm", "sarimax"):
            head = f"counterfactual.{model}.{episode}."
            assert head + "mean" in names
            assert sum(n.startswith(head + "20") for n in names) == months
        tests = {f"{test}.{episode}" for test in ("conformal", "end_of_sample", "placebo_time")}
        assert tests | {f"placebo_time.{episode}.sarimax"} <= names
    assert all(0 < t.minimum_p <= t.p_value for t in result.tests)
    assert all(len(t.null.split()) > 5 for t in result.tests)
    json.dumps(result.to_dict(), allow_nan=False)


def test_effects_are_observed_minus_counterfactual_and_add_up(result):
    found = values(result)
    for (episode, model), path in result.paths.groupby(["episode", "model"]):
        head = f"counterfactual.{model}.{episode}"
        effect = path.observed - path.counterfactual
        for month, value in zip(path.month, effect, strict=True):
            assert found[f"{head}.{month}"].value == pytest.approx(value)
        assert found[f"{head}.mean"].value == pytest.approx(effect.mean())
        assert (path.simultaneous_low < path.low).all()
        assert (path.simultaneous_high > path.high).all()


@pytest.mark.truth
def test_known_effects_lie_in_the_intervals_and_are_found(result):
    found = values(result)
    for episode, truth in (("psbb_2020", -15.0), ("ppkm_2021", -10.0)):
        for method in ("ucm", "sarimax", "conformal"):
            mean = found[f"counterfactual.{method}.{episode}.mean"]
            assert mean.ci_low < truth < mean.ci_high < 0
    assert all(t.p_value == t.minimum_p for t in result.tests if "placebo" in t.name)


@pytest.mark.truth
def test_placebo_windows_keep_their_level():
    runs, rejected, covered = 50, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng([3, seed])
        y = pd.Series(50 + ar1(rng, 112), MONTHS[:112])
        ahead = forecast(
            "sarimax", y[:110], pd.DataFrame(index=MONTHS), MONTHS[110:112], min_training=36
        )
        miss = abs((y[110:].to_numpy() - ahead.expected).mean())
        placebos = np.abs(ahead.placebos.mean(axis=1))
        rejected += (1 + (placebos >= miss).sum()) / (1 + len(placebos)) <= 0.05
        covered += miss <= 1.96 * np.sqrt(ahead.cov.mean())
    error = 3 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected / runs < 0.05 + error
    assert covered / runs > 0.95 - error


def test_the_numbers_are_the_same_whatever_else_is_asked(result):
    alone = evaluate(make_frame(), [SECOND], PARAMETERS)
    both = values(result)
    models = [e for e in alone.estimates if ".conformal." not in e.name]
    assert models
    for record in models:
        assert record.to_dict() == both[record.name].to_dict()
    assert evaluate(make_frame(), [FIRST, SECOND], PARAMETERS).to_dict() == result.to_dict()


def test_peers_beyond_their_past_are_named():
    frame = make_frame()
    frame.loc["2021-08", "AAA"] = 20.0
    quick = PARAMETERS.model_copy(update={"models": ["sarimax"], "peers_as": "each"})
    notes = evaluate(frame, [SECOND], quick).notes
    assert next(n for n in notes if "extrapolates" in n).startswith("ppkm_2021: in 2021-08 a peer")
    assert not [n for n in evaluate(make_frame(), [SECOND], quick).notes if "extrapolates" in n]


def test_masked_months_do_not_touch_a_later_episode():
    frame = make_frame()
    frame.loc[in_spells(MONTHS, [FIRST]), "pmi"] = 20.0
    one = PARAMETERS.model_copy(update={"models": ["ucm"]})
    changed = evaluate(frame, [SECOND], one)
    same = evaluate(make_frame(), [SECOND], one)
    assert (changed.estimates, changed.tests) == (same.estimates, same.tests)
    unmasked = one.model_copy(update={"masked": []})
    wide = evaluate(frame, [SECOND], unmasked).estimates[0]
    assert wide.std_error > 1.5 * changed.estimates[0].std_error


def test_gaps_and_peers_are_named(result):
    assert result.missing_months == tuple(GAPS)
    frame = make_frame()
    frame.loc["2015-02", "BBB"] = np.nan
    quick = PARAMETERS.model_copy(update={"models": ["sarimax"], "peers": ["AAA", "BBB", "ZZZ"]})
    partial = evaluate(frame, [SECOND], quick)
    assert partial.excluded_peers == {
        "BBB": "no value in 1 of 133 months, first 2015-02",
        "ZZZ": "not in the frame",
    }
    assert any("2015-02" in note for note in partial.notes)
    assert any("2012-11" in note for note in partial.notes)
    with pytest.raises(EstimationError, match="no peer"):
        select_sample(frame, quick.model_copy(update={"peers": ["BBB"]}))


@pytest.mark.second
@pytest.mark.parametrize("model", ["ucm", "sarimax"])
@pytest.mark.parametrize("with_peer", [False, True])
def test_placebo_forecasts_equal_refiltering_from_each_origin(model, with_peer):
    frame = make_frame().iloc[:90]
    y = frame.pmi
    X = regressors(model, frame[["AAA"]] if with_peer else frame[[]], y.index)
    results = fit(model, y, X)
    errors = placebo_errors(results, 2, 36)
    observed = y.notna().to_numpy()
    origins = [s for s in range(89) if observed[:s].sum() >= 36 and observed[s] and observed[s + 1]]
    assert len(errors) == len(origins)
    for i in (0, len(origins) // 2, len(origins) - 1):
        s = origins[i]
        past, ahead = ({}, {}) if X is None else ({"exog": X[:s]}, {"exog": X[s : s + 2]})
        expected = results.apply(y[:s], **past).get_forecast(2, **ahead).predicted_mean
        assert errors[i] == pytest.approx((y[s : s + 2] - expected).to_numpy(), abs=1e-4)


@pytest.mark.second
@pytest.mark.parametrize("model", ["ucm", "sarimax"])
def test_forecast_errors_are_jointly_those_of_statsmodels(model):
    frame = make_frame()
    y, peers, months = frame.pmi[:110], frame[["AAA"]], MONTHS[110:113]
    ahead = forecast(model, y, peers, months, min_training=36)
    X = regressors(model, peers, y.index)
    results = fit(model, y, X.loc[y.index])
    exact = results.get_forecast(3, exog=X.loc[months])
    np.testing.assert_allclose(ahead.expected, exact.predicted_mean, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(ahead.cov)), exact.se_mean, rtol=1e-9)
    paths = results.simulate(
        3, anchor="end", repetitions=4000, rng=np.random.default_rng(1), exog=X.loc[months]
    )
    np.testing.assert_allclose(np.cov(paths), ahead.cov, atol=0.1 * ahead.cov.max())


def test_the_band_of_independent_months_is_sidaks_and_of_one_month_the_interval():
    from scipy import stats

    apart = simultaneous(np.diag([1.0, 4.0]), 0.95)
    assert apart == pytest.approx(np.array([1, 2]) * stats.norm.ppf((1 + 0.95**0.5) / 2), abs=1e-4)
    assert simultaneous(np.array([[9.0]]), 0.9) == pytest.approx(3 * stats.norm.ppf(0.95), abs=1e-4)
    together = simultaneous(np.array([[1.0, 0.999], [0.999, 1.0]]), 0.95)
    assert 1.96 < together[0] < 2.0


@pytest.mark.property
@pytest.mark.parametrize("model", ["ucm", "sarimax"])
def test_a_constant_added_to_the_pmi_shifts_the_forecast_alone(model):
    frame = make_frame()
    y, months = frame.pmi[:110], MONTHS[110:112]
    a = forecast(model, y, frame[["AAA"]], months, min_training=36)
    b = forecast(model, y + 7, frame[["AAA"]], months, min_training=36)
    # The optimiser stops within about 1e-3 of the maximum, from another starting value.
    assert b.expected - a.expected == pytest.approx(7.0, abs=0.01)
    assert b.placebos == pytest.approx(a.placebos, abs=0.05)


def test_comparison_has_every_variant():
    quick = PARAMETERS.model_copy(update={"models": ["sarimax"], "episodes": [SECOND]})
    table = compare(make_frame(), quick)
    models = table[table["name"] == "counterfactual.sarimax.ppkm_2021.mean"]
    assert len(models) == 4
    assert models.groupby("masked").n.first().to_dict() == {False: 107, True: 104}


@pytest.mark.parametrize(
    ("episodes", "message"),
    [
        (["late:2023-05:2023-06"], "late is not wholly observed"),
        (["early:2012-03:2012-05"], "early is not wholly observed"),
        (["gap:2017-08:2017-10"], "2017-09"),
        (["young:2013-06:2013-07"], "too few months"),
    ],
)
def test_episodes_that_cannot_be_studied(episodes, message):
    with pytest.raises(EstimationError, match=r"(?s)" + message) as caught:
        evaluate(make_frame(), episodes, PARAMETERS)
    assert caught.value.todo


def test_frames_and_values_that_cannot_be_used():
    with pytest.raises(EstimationError, match="does not hold the sample"):
        select_sample(make_frame().rename(columns={"pmi": "IDN"}), PARAMETERS)
    with pytest.raises(EstimationError, match="does not hold the sample"):
        select_sample(make_frame().iloc[5:], PARAMETERS)
    with pytest.raises(ParameterError, match="episodes"):
        evaluate(make_frame(), ["ppkm"], PARAMETERS)


def test_a_model_that_does_not_converge_says_so(monkeypatch):
    from statsmodels.tsa.statespace.mlemodel import MLEModel

    real = MLEModel.fit

    def stopped(self, *args, **kwargs):
        return real(self, *args, **kwargs | {"maxiter": 1})

    monkeypatch.setattr(MLEModel, "fit", stopped)
    with pytest.raises(EstimationError, match="does not converge") as caught:
        fit("sarimax", make_frame().pmi, None)
    assert "130 months" in caught.value.found


def test_the_data_package_as_it_is():
    table = pd.read_csv(Path(__file__).parents[2] / "data" / "raw" / "pmi_headline.csv")
    table["month"] = pd.PeriodIndex(table["month"], freq="M")
    sample = select_sample(wide_frame(table), CounterfactualParameters(peers_as="each"))
    assert list(sample.pmi.index[sample.pmi.isna()].astype(str)) == GAPS
    assert list(sample.peers) == ["CHN", "DEU", "FRA", "ITA", "ESP", "GBR", "USA"]
    assert "2013-12" in sample.excluded["JPN"]


def seasonal(T=96, season=8.0):
    rng = np.random.default_rng(7)
    months = pd.period_range("2012-01", periods=T, freq="M")
    level = 100 + np.cumsum(0.2 * rng.normal(size=T)) + 0.6 * rng.normal(size=T)
    frame = pd.DataFrame({"sales": level + season * np.sin(np.arange(T) * np.pi / 6)}, months)
    frame.loc["2018-03":"2018-04", "sales"] -= 6
    return frame


def test_own_data_with_a_season():
    episode = {"flood": ("Mar 2018", "Apr 2018")}
    found = counterfactual(seasonal(), "sales", episode, season=12, unit="percent")
    mean = found["flood"]
    assert mean.ci_low < -6 < mean.ci_high < 0
    assert mean.unit == "percent"
    blind = counterfactual(seasonal(), "sales", episode)["flood"]
    assert blind.std_error > 3 * mean.std_error  # a season that the model must take for noise
    assert found["counterfactual.conformal.flood.mean"].value == pytest.approx(-6, abs=2)
    assert len(found.reading()) == 2


def test_own_data_is_the_studys_model():
    months = make_frame()
    chapter = estimate(months, PARAMETERS.model_copy(update={"masked": [], "peers": []}))
    own = counterfactual(months, "pmi", PARAMETERS.episodes, min_training=PARAMETERS.min_training)
    name = "counterfactual.ucm." + PARAMETERS.episodes[0].split(":")[0] + ".mean"
    assert own[name].value == pytest.approx(chapter[name].value, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"episodes": {"late": ("2030-01", "2030-02")}}, "not wholly observed"),
        ({"controls": ["gap"]}, "a control has months without a value"),
        ({"controls": ["salse"]}, "there is no column"),
        ({"min_training": 90}, "too few months"),
    ],
)
def test_own_data_that_cannot_be_forecast(change, words):
    frame = seasonal()
    frame["gap"] = np.where(frame.index == "2015-05", np.nan, 1.0)
    given = {"outcome": "sales", "episodes": {"flood": ("2018-03", "2018-04")}}
    with pytest.raises(EstimationError, match=words) as caught:
        counterfactual(frame, **given | change)
    assert all((caught.value.expected, caught.value.found, caught.value.todo))
