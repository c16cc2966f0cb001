import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.parameters import SyntheticParameters
from ikm_pmi.pmi import synthetic
from ikm_pmi.pmi.synthetic_fit import VARIANTS, fit, solve
from ikm_pmi.pmi.synthetic_placebo import (
    conformal_p,
    conformal_set,
    leave_one_out,
    placebo_space,
    rank_p,
)
from sample import sampled

MONTHS = pd.period_range("2019-01", "2021-08", freq="M")
POST = list(MONTHS[-2:])
DONORS = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"]


def world(seed, *, effect=0.0, donors=DONORS, months=MONTHS):
    """Two AR(1) factors, donors that load on them, a treated unit inside their hull."""
    rng = np.random.default_rng(seed)

    def smooth(columns, sd):
        shocks = rng.normal(0, sd * np.sqrt(1 - 0.67**2), (len(months) + 30, columns))
        path = np.zeros_like(shocks)
        for t in range(1, len(path)):
            path[t] = 0.67 * path[t - 1] + shocks[t]
        return path[30:]

    factors, loadings = smooth(2, 4.0), rng.uniform(0, 1.5, (2, len(donors)))
    share = rng.dirichlet(np.full(len(donors), 0.5))
    own = 50 + factors @ loadings @ share + smooth(1, 1.5)[:, 0]
    own[-2:] += effect
    table = pd.DataFrame(50 + factors @ loadings + smooth(len(donors), 1.5), months, donors)
    return table.assign(IDN=own)


def panel(table, **stringency):
    """The long frame of `estimate`; countries named in ``stringency`` rise by that much in POST."""
    long = table.rename_axis("month").melt(
        var_name="country_iso3", value_name="pmi", ignore_index=False
    )
    long = long.reset_index().assign(stringency=50.0)
    for country, rise in stringency.items():
        long.loc[(long["country_iso3"] == country) & long["month"].isin(POST), "stringency"] += rise
    return long


def parsed(**values):
    return SyntheticParameters.parse(values)


def rmspe(y0, y1, weights):
    return np.sqrt(np.mean((y1 - y0 @ weights) ** 2))


def exhaustive(y0, y1):
    """The same programme by trying every set of donors: least squares with weights summing to 1."""
    best = (np.inf, None)
    for size in range(1, y0.shape[1] + 1):
        for chosen in map(list, itertools.combinations(range(y0.shape[1]), size)):
            kept = y0[:, chosen]
            system = np.block([[kept.T @ kept, np.ones((size, 1))], [np.ones(size), 0]])
            right = np.append(kept.T @ y1, 1)
            weights = np.zeros(y0.shape[1])
            weights[chosen] = np.linalg.solve(system, right)[:-1]
            loss = ((y1 - y0 @ weights) ** 2).sum()
            if weights.min() >= 0 and loss < best[0]:
                best = (loss, weights)
    return best[1]


@pytest.mark.second
@pytest.mark.parametrize("seed", range(5))
def test_fit_agrees_with_two_other_quadratic_programmes(seed):
    from pysyncon.penalized import PenalizedOptimMixin

    table = world(seed) - 50
    y0, y1 = table[DONORS].to_numpy(), table["IDN"].to_numpy()
    ours, _ = solve(y0, y1)
    theirs, _ = PenalizedOptimMixin.w_optimize(
        np.eye(len(y1)), y0, y1, 0.0, qp_options={"maxiter": 2000, "ftol": 1e-12}
    )
    assert rmspe(y0, y1, ours) == pytest.approx(rmspe(y0, y1, theirs), abs=1e-4)
    np.testing.assert_allclose(ours, exhaustive(y0, y1), atol=1e-6)


@pytest.mark.second
@pytest.mark.parametrize(("periods", "donors"), sampled([(3, 2), (30, 9), (6, 9), (12, 3)], 2))
def test_the_ridge_penalty_is_pysyncons(periods, donors):
    from pysyncon import AugSynth

    rng = np.random.default_rng(periods)
    names = [*DONORS, "XXX", "YYY", "ZZZ"]
    y0 = rng.normal(50, 5, (periods, donors))
    y1 = y0[:, :2].mean(axis=1) + rng.normal(0, 2, periods)
    table = pd.DataFrame(np.column_stack([y0, y1]), columns=[*names[:donors], "IDN"])
    table.loc["after"] = 50.0
    level = y0.mean(axis=1)
    x0, x1 = pd.DataFrame(y0 - level[:, None]), pd.Series(y1 - level)
    theirs = AugSynth().cross_validate(x0, x1, AugSynth().generate_lambdas(x0), periods)
    ours = fit(table, "IDN", ["after"], variant="augmented")
    assert ours.penalty == pytest.approx(theirs.best_lambda(), rel=1e-9)


@pytest.mark.second
def test_augmented_agrees_with_pysyncon():
    from pysyncon import AugSynth, Dataprep

    table = world(5)
    long = panel(table).assign(t=lambda x: x["month"].astype("int64"))
    times = sorted(long["t"].unique())
    prep = Dataprep(
        foo=long,
        predictors=["pmi"],
        predictors_op="mean",
        dependent="pmi",
        unit_variable="country_iso3",
        time_variable="t",
        treatment_identifier="IDN",
        controls_identifier=DONORS,
        time_predictors_prior=times[:-2],
        time_optimize_ssr=times[:-2],
    )
    theirs = AugSynth()
    theirs.fit(prep, use_covariates=False)
    ours = fit(table, "IDN", POST, variant="augmented")
    assert ours.penalty == pytest.approx(theirs.lambda_)
    np.testing.assert_allclose(ours.weights, theirs.W, atol=1e-4)


@pytest.mark.truth
def test_a_true_effect_is_found_without_bias(tries):
    seeds = range(tries(150, 60))
    errors = [fit(world(seed, effect=-10.0), "IDN", POST).mean + 10 for seed in seeds]
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(len(errors))
    assert np.std(errors) < 2.5


@pytest.mark.truth
def test_conformal_size_and_power(tries):
    # The attainable level is 1/32. Above 5% by three standard errors: 3.8 points of 300 samples.
    samples, true, none = tries(300, 100), [], []
    for seed in range(samples):
        table = world(seed, effect=-10.0)
        model = fit(table, "IDN", POST)
        true.append(conformal_p(model, table, -10.0) <= 0.05)
        none.append(conformal_p(model, table) <= 0.05)
    assert 0.0 < np.mean(true) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / samples)
    assert np.mean(none) > 0.9


@pytest.mark.truth
def test_placebo_rank_size(tries):
    samples, ranks = tries(150, 50), []
    for seed in range(samples):
        table = world(seed)
        ranks.append(rank_p(placebo_space(fit(table, "IDN", POST), table)))
    share = np.mean(np.asarray(ranks) <= 2 / 7 + 1e-9)  # seven units
    assert abs(share - 2 / 7) < 3 * np.sqrt(2 / 7 * 5 / 7 / samples)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_set_holds_the_estimate_and_ends_where_p_crosses(variant):
    table = world(8, effect=-10.0)
    model = fit(table, "IDN", POST, variant=variant)
    found = conformal_set(model, table, 0.95)
    assert found.shape in {"interval", "in pieces"}
    assert found.low < model.mean < found.high
    assert found.minimum_p == 1 / 32
    width = found.high - found.low
    assert conformal_p(model, table, found.low - width / 20) <= 0.05
    assert conformal_p(model, table, found.low) > 0.05
    assert conformal_set(model, table, 0.99).shape == "unbounded"  # 1/32 cannot reject at 1%


@pytest.mark.property
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    constant=st.floats(-40, 40),
    size=st.floats(0.01, 100),
    variant=st.sampled_from(["classic", "difference"]),
)
def test_simplex_order_constant_and_unit(seed, constant, size, variant):
    table, penalty = world(seed), 0.1
    base = fit(table, "IDN", POST, variant=variant, penalty=penalty)
    assert base.weights.sum() == pytest.approx(1)
    assert (base.weights >= 0).all()
    turned = fit(table[table.columns[::-1]], "IDN", POST, variant=variant, penalty=penalty)
    np.testing.assert_allclose(turned.gaps, base.gaps, atol=1e-5)
    moved = fit(table * size + constant, "IDN", POST, variant=variant, penalty=penalty)
    np.testing.assert_allclose(moved.gaps / size, base.gaps, atol=1e-5)


def test_a_copy_of_a_donor_is_matched_exactly_and_has_no_ratio():
    table = world(1).assign(IDN=lambda x: x["BBB"])
    model = fit(table, "IDN", POST)
    assert model.weights["BBB"] == pytest.approx(1)
    with pytest.raises(EstimationError, match="RMSPE ratio of IDN has no value"):
        _ = model.rmspe_ratio


def test_estimate_end_to_end():
    frame = panel(world(8, effect=-10.0).assign(EUZ=50.0, VNM=50.0, GGG=50.0), GGG=20.0, AAA=9.0)
    frame.loc[(frame["country_iso3"] == "FFF") & (frame["month"] == MONTHS[3]), "pmi"] = np.nan
    result = synthetic.synthetic_control(frame, parsed(max_change=10.0))
    reasons = result.screening["reason"]
    assert reasons["EUZ"].startswith("aggregate")
    assert "own_lockdown" in reasons["VNM"]
    assert reasons["FFF"] == "missing months: 1 (2019-04)"
    assert reasons["GGG"] == "tightened itself: stringency rose by 20.0 points"
    assert list(result.weights.index) == ["AAA", "BBB", "CCC", "DDD", "EEE"]
    estimates = {
        one.name.removeprefix("counterfactual.synthetic."): one for one in result.estimates
    }
    mean, july = estimates["ppkm_2021.mean"], estimates["ppkm_2021.2021-07"]
    assert mean.ci_low < -10 < mean.ci_high
    assert mean.value * 2 == pytest.approx(july.value + estimates["ppkm_2021.2021-08"].value)
    assert "ppkm_2021.mean.augmented" in estimates
    left_out = result.left_out["mean"]
    assert mean.detail["leave_one_out_low"] == left_out.min()
    assert mean.detail["leave_one_out_high"] == left_out.max()
    test = result.tests[0]
    assert test.name == "placebo_space.ppkm_2021"
    assert test.minimum_p == 1 / 6 <= test.p_value
    again = synthetic.synthetic_control(frame.sample(frac=1, random_state=1), parsed())
    assert again.to_dict() == result.to_dict()
    assert "smallest attainable 0.167" in result.sentence()


def test_gaps_in_training_and_windows():
    table = world(2)
    table.loc[MONTHS[5], "IDN"] = np.nan
    frame = panel(table)
    holed = synthetic.synthetic_control(frame, parsed(masked=[]))
    assert holed.notes[1] == "ppkm_2021: IDN has no PMI in 2019-06; left out."
    named = parsed(masked=["hole:2019-06:2019-06"])
    assert len(synthetic.synthetic_control(frame, named).paths) == len(MONTHS) - 1
    assert synthetic.synthetic_control(frame, named).estimates == holed.estimates
    others = synthetic.alternatives(frame, named, ["2019-07", "2020-01"])
    assert dict(zip(others["choice"], others["months"], strict=True)) == {
        "as in the parameters": 29,
        "masked spells in the training": 29,
        "donors that eased kept": 29,
        "from 2019-07": 24,  # from 2020-01 on there are too few
    }


def test_donors_that_ease_are_screened_like_those_that_tighten():
    frame = panel(world(3), AAA=-12.0, BBB=12.0)
    out = synthetic.synthetic_control(frame, parsed())
    assert out.screening.loc["AAA", "reason"] == "eased: stringency fell by 12.0 points"
    assert out.screening.loc["BBB", "reason"].startswith("tightened itself")
    kept = synthetic.synthetic_control(frame, parsed(keep_easers=True))
    assert kept.screening.loc["AAA", "role"] == "donor"
    assert kept.screening.loc["BBB", "role"] == "excluded"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"episodes": ["later:2022-01:2022-02"]}, "no PMI in 2022-01"),
        ({"synthetic_start_month": "2020-01"}, "14 months before 2021-07"),
        ({"treated_country": "XXX"}, "no country called 'XXX'"),
        ({"own_lockdown": DONORS[:4]}, "2 \\(EEE, FFF\\); excluded: 4 lockdown of its own"),
    ],
)
def test_what_cannot_be_studied_says_why(values, message):
    with pytest.raises(EstimationError, match=message):
        synthetic.synthetic_control(panel(world(1)), parsed(**values))


def test_fit_refuses_one_donor_and_missing_outcomes():
    table = world(1)
    with pytest.raises(EstimationError, match="1 donor"):
        fit(table[["AAA", "IDN"]], "IDN", POST)
    with pytest.raises(EstimationError, match=r"(?s)at least 3 period.*found +2"):
        fit(table, "IDN", MONTHS[2:], variant="augmented")
    table.loc[MONTHS[0], "AAA"] = np.nan
    with pytest.raises(EstimationError, match="missing periods in AAA"):
        fit(table, "IDN", POST)


def test_unknown_stringency_is_a_named_exclusion():
    frame = panel(world(1))
    frame.loc[frame["country_iso3"] == "AAA", "stringency"] = np.nan
    assert "unknown" in synthetic.synthetic_control(frame, parsed()).screening.loc["AAA", "reason"]
    free = synthetic.synthetic_control(frame, parsed(max_change=100))
    assert free.screening.loc["AAA", "role"] == "donor"


def test_bad_frames():
    frame = panel(world(1))
    with pytest.raises(DataError, match="no column stringency"):
        synthetic.synthetic_control(frame.drop(columns="stringency"), parsed())
    with pytest.raises(DataError, match="1 repeated rows"):
        synthetic.synthetic_control(pd.concat([frame, frame.tail(1)]), parsed())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_twin_without_a_donor_is_of_the_same_variant(variant):
    table = world(3)
    model = fit(table, "IDN", POST, variant=variant)
    without = leave_one_out(model, table)
    assert len(without) >= 1
    for donor, row in without.iterrows():
        again = fit(table.drop(columns=donor), "IDN", POST, variant=variant, penalty=model.penalty)
        assert row["mean"] == pytest.approx(again.gaps[again.post].mean(), rel=1e-9)
        assert row["pre_rmspe"] == pytest.approx(again.pre_rmspe, rel=1e-9)
        assert row["weight"] == model.weights[donor]
