"""Counterfactual models on series whose effect is known, and their refusals."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ikm_pmi.errors import EstimationError, ParameterError
from ikm_pmi.models.counterfactual import compare, estimate, evaluate
from ikm_pmi.models.peers import select_sample, wide_frame, within
from ikm_pmi.models.state_space import fit, forecast, placebo_errors, regressors
from ikm_pmi.parameters import CounterfactualParameters

MONTHS = pd.period_range("2012-05", "2023-05", freq="M", name="month")
FIRST, SECOND = "psbb_2020:2020-04:2020-06", "ppkm_2021:2021-07:2021-08"
GAPS = ["2012-07", "2012-11", "2017-09"]
PARAMETERS = CounterfactualParameters(peers=["AAA", "BBB"], draws=400)


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
        frame.loc[within(MONTHS, [text]), "pmi"] += effect
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
            assert {head + "mean", head + "cumulative"} <= names
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
        assert found[f"{head}.cumulative"].value == pytest.approx(effect.sum())
        assert found[f"{head}.cumulative"].ci_low == pytest.approx(
            len(path) * found[f"{head}.mean"].ci_low
        )
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
            "sarimax", y[:110], pd.DataFrame(index=MONTHS), MONTHS[110:112],
            draws=200, rng=rng, min_training=36,
        )  # fmt: skip
        miss = abs((y[110:].to_numpy() - ahead.expected).mean())
        placebos = np.abs(ahead.placebos.mean(axis=1))
        rejected += (1 + (placebos >= miss).sum()) / (1 + len(placebos)) <= 0.05
        covered += miss <= np.quantile(np.abs(ahead.errors.mean(axis=1)), 0.95)
    error = 3 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected / runs < 0.05 + error
    assert covered / runs > 0.95 - error


def test_the_same_seed_gives_the_same_numbers_whatever_else_is_asked(result):
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
    frame.loc[within(MONTHS, [FIRST]), "pmi"] = 20.0
    one = PARAMETERS.model_copy(update={"models": ["ucm"]})
    changed = evaluate(frame, [SECOND], one)
    assert changed.to_dict() == evaluate(make_frame(), [SECOND], one).to_dict()
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
def test_simulated_paths_have_the_forecasts_variance(model):
    frame = make_frame()
    y, peers, months = frame.pmi[:110], frame[["AAA"]], MONTHS[110:112]
    rng = np.random.default_rng(1)
    ahead = forecast(model, y, peers, months, draws=4000, rng=rng, min_training=36)
    X = regressors(model, peers, y.index)
    exact = fit(model, y, X.loc[y.index]).get_forecast(2, exog=X.loc[months]).se_mean
    assert ahead.errors.std(axis=0) == pytest.approx(exact.to_numpy(), rel=0.05)
    assert ahead.errors.mean(axis=0) == pytest.approx(0, abs=0.1)


@pytest.mark.property
@pytest.mark.parametrize("model", ["ucm", "sarimax"])
def test_a_constant_added_to_the_pmi_shifts_the_forecast_alone(model):
    frame = make_frame()
    y, months = frame.pmi[:110], MONTHS[110:112]
    kwargs = {"draws": 200, "min_training": 36}
    rngs = [np.random.default_rng(1) for _ in range(2)]
    a = forecast(model, y, frame[["AAA"]], months, rng=rngs[0], **kwargs)
    b = forecast(model, y + 7, frame[["AAA"]], months, rng=rngs[1], **kwargs)
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
