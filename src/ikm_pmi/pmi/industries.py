"""Sixteen industries: how much of what the rules shut shows in their output.

    growth_i = a + b shut_i + e_i,

with the growth of industry i in percent since the same quarter of a year without rules, and the
share of its staff, 0 to 1, that the rules kept away in the mean of the quarter's days. A rule that
bites fully costs a percent of output for each percent of staff: b = -100. One that does nothing:
b = 0. The coding of the rules is read from texts and the industries differ in more than it, so that
the interval bounds how much shows; it is no effect of the rule, and no difference in differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from ikm_pmi.errors import DataError, EstimationError
from ikm_pmi.inference.few_clusters import FewClusters, few_clusters, without_each
from ikm_pmi.language import say, translated
from ikm_pmi.parameters import IntensityParameters, YardsticksParameters
from ikm_pmi.pmi.cross_country import detectable
from ikm_pmi.restrictions import AREAS, READINGS, daily_closure, shares_by_subsector
from ikm_pmi.results import (
    Estimate,
    Findings,
    TestResult,
    number,
    p_said,
    percent,
    span,
)

#: Tables that :func:`industries` reads.
TABLES = (
    *("industry_classes", "industry_exports_2023", "industry_rules", "province_industry_va_2016"),
    *("provinces", "regime_spells", "subsector_gdp_quarterly"),
)
#: The slope if each percent of staff shut cost a percent of output.
FULL_BITE = -100.0
FORMULA = "growth ~ shut"
_UNIT = "percent of output per full closure"
_NULLS = {
    "none": "industries that were shut more did not grow less, or more",
    "full_bite": "each percent of staff shut cost one percent of output",
}

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class IndustriesResult(Findings):
    """The slope, both nulls, and the bound.

    ``frame`` (index subsector): ``shut`` (0-1), ``growth`` and ``year_on_year`` (percent).
    ``forms``: the slope under every form, with its set and the p-value of no slope; a set without
    -100 rejects full bite. ``left_out``: the slope without each industry.
    """

    quarter: str
    frame: pd.DataFrame
    forms: pd.DataFrame
    left_out: pd.DataFrame

    @translated
    def sentence(self) -> str:
        """The slope with its set and both p-values, and the bound over all forms."""
        e, full = self["industries.slope"], self.test("industries.full_bite.wild").p_value
        text = say("Across {} industries a full closure in {} goes with {} percent of output ({} "
                   "set {}); p {} of no slope, p {} of full bite (−100)", e.n, self.quarter,
                   number(e.value, 0), percent(e.ci_level), span(e.ci_low, e.ci_high, 0),
                   p_said(e.p_value or 0.0), p_said(full))  # fmt: skip
        most = self.most
        if most is None:
            return say("{}; the sets of {} forms do not exclude that all of it shows.",
                       text, len(self.forms))  # fmt: skip
        return say("{}; over {} forms at most {} of the closure shows.",
                   text, len(self.forms), number(most, 1))  # fmt: skip

    @property
    def most(self) -> float | None:
        """The largest share of the coded closure in the sets of all forms; None if that is all."""
        e = next((e for e in self.estimates if e.name == "industries.shows_at_most"), None)
        return None if e is None or e.value >= 1 else e.value


def share_shut(tables: Tables, reading: IntensityParameters, quarter: str) -> pd.DataFrame:
    """Share of each industry's staff that the rules kept away in the mean of a quarter's days.

    Parameters
    ----------
    tables : mapping
        Those named in ``TABLES``.
    reading : IntensityParameters
        How the rules are read.
    quarter : str
        ``2021Q3``.

    Returns
    -------
    DataFrame, index subsector
        0 to 1 by what puts an industry into the export class: ``as coded``, or ``by trade``
        (:func:`ikm_pmi.restrictions.shares_by_subsector`). The rules of Java-Bali count by the
        share of the industry's value added there.

    Raises
    ------
    EstimationError
        When the calendar does not reach the quarter, or nothing was shut in it.
    """
    daily = daily_closure(tables["regime_spells"], tables["industry_rules"], reading)
    mean = daily[pd.DatetimeIndex(daily.index).to_period("Q") == pd.Period(quarter, "Q")].mean()
    if not mean.max() > 0:
        raise EstimationError(
            "no industry was shut in the quarter",
            expected="a rule for factories in some area and class, under this reading",
            found=f"nothing shut in {quarter}, reading {reading.rules.reading}",
            where=f"the calendar of rules, {daily.index[0]:%Y-%m-%d} to {daily.index[-1]:%Y-%m-%d}",
            todo='coding = ["reading=low"], or another quarter',
        )
    value = tables["province_industry_va_2016"].merge(tables["provinces"], on="province")
    by_area = value.pivot_table(
        index="subsector", columns="java_bali", values="value_added_mn_idr", aggfunc="sum"
    )
    java = by_area[True] / by_area.sum(axis=1)
    shut = {}
    for name, exports in (("as coded", None), ("by trade", tables["industry_exports_2023"])):
        classes = shares_by_subsector(tables["industry_classes"], reading, exports)
        inside, outside = (classes @ mean[area] for area in AREAS)
        shut[name] = java * inside + (1 - java) * outside
    return pd.DataFrame(shut)


def growth_since(gdp: pd.DataFrame, quarter: str, base_year: int) -> pd.Series[float]:
    """Growth of each industry since the same quarter of another year, in percent.

    Parameters
    ----------
    gdp : DataFrame
        ``subsector_gdp_quarterly``: growth on the year before is chained.

    Raises
    ------
    DataError
        When a quarter between is missing.
    """
    last = pd.Period(quarter, "Q")
    wanted = [last - 4 * years for years in range(last.year - base_year)]
    rows = gdp[(gdp["measure"] == "yoy_growth_pct") & (gdp["code"] != "C")]
    wide = rows.pivot_table(index="quarter", columns="subsector", values="value").reindex(wanted)
    if wide.isna().any(axis=None):
        raise DataError(
            "the growth of an industry is missing",
            expected="growth of every industry in " + ", ".join(map(str, wanted)),
            found=f"{int(wide.isna().to_numpy().sum())} of {wide.size} cells empty",
            where="subsector_gdp_quarterly.csv",
            todo="choose another quarter or base_year",
        )
    return 100 * ((1 + wide / 100).prod() - 1)


def permutation_test(
    frame: pd.DataFrame, null: float, *, draws: int, seed: int, name: str, words: str
) -> TestResult:
    """The slope of ``growth ~ shut`` among those of reshuffled industries, under a null slope.

    Growth less what the null explains is held against shares shut that are dealt anew: exact
    if the industries could change places (Fisher 1935; Lehmann & Romano 2005, chapter 15).

    Parameters
    ----------
    frame : DataFrame
        Columns growth and shut.
    null : float
        The slope under the null.
    """
    shut = frame["shut"].to_numpy() - frame["shut"].mean()
    rest = (frame["growth"] - null * frame["shut"]).to_numpy()
    dealt = np.random.default_rng(seed).permuted(np.tile(shut, (draws, 1)), axis=1)
    slopes, own = dealt @ rest, shut @ rest
    least = abs(own) * (1 - 1e-9)  # a tie counts against the effect
    return TestResult(
        name=name,
        null=words,
        statistic=float(own / (shut @ shut)) + null,
        p_value=float((1 + (np.abs(slopes) >= least).sum()) / (1 + draws)),
        distribution=say("the slope among {:,} permutations of the industries", draws),
        n=len(frame),
        minimum_p=1 / (1 + draws),
    )


def slope(
    frame: pd.DataFrame, parameters: YardsticksParameters, hypothesis: str = "shut", **how: Any
) -> FewClusters:
    """The slope of ``growth ~ shut``, each industry a cluster of its own; CRV3 is then HC3's."""
    fit = smf.ols(FORMULA, frame).fit()
    own = pd.Series(frame.index, frame.index, name="industry")
    settings: dict[str, Any] = {"level": parameters.confidence_level, "draws": parameters.draws}
    return few_clusters(fit, hypothesis, groups=own, seed=parameters.seed, **settings, **how)


def industries(tables: Tables, parameters: YardsticksParameters) -> IndustriesResult:
    """The share shut by the rules against output, across industries, with both nulls and a bound.

    Parameters
    ----------
    tables : mapping
        Those named in ``TABLES``.
    parameters : YardsticksParameters
        Quarter, base year, reading of the rules, draws, power, coverage.

    Returns
    -------
    IndustriesResult
        Estimates ``industries.slope`` (wild bootstrap set and p; ``minimum_detectable`` in its
        detail) and ``industries.shows_at_most``, the largest share of the coded closure in the sets
        of all forms (none where a set is open); tests of both nulls, by permutation and by wild
        bootstrap.

    Raises
    ------
    EstimationError, DataError
        When no industry was shut in the quarter under the reading, or a table lacks the quarter.

    Examples
    --------
    >>> from ikm_pmi.data import package
    >>> found = industries(package.load_many(TABLES), YardsticksParameters.parse({"draws": 999}))
    >>> found["industries.slope"].n, len(found.forms)
    (16, 8)
    """
    quarter, gdp = parameters.quarter, tables["subsector_gdp_quarterly"]
    years = dict.fromkeys((parameters.base_year, int(quarter[:4]) - 1))
    growth = {year: growth_since(gdp, quarter, year) for year in years}
    own = str(parameters.intensity.rules.reading)
    shut = {own: share_shut(tables, parameters.intensity, quarter)}
    with suppress(EstimationError):  # the other reading may shut nothing
        (other,) = set(READINGS) - {own}
        shut[other] = share_shut(tables, parameters.intensity.read(other), quarter)
    frame = pd.DataFrame({"shut": shut[own]["as coded"], "growth": growth[parameters.base_year]})
    found = slope(frame, parameters)
    full = slope(frame, parameters, f"shut={FULL_BITE:g}", interval=False)
    size = {"draws": parameters.draws, "seed": parameters.seed}
    tests = (
        *(permutation_test(frame, null, name=f"industries.{name}", words=_NULLS[name], **size)
          for name, null in (("none", 0.0), ("full_bite", FULL_BITE))),
        found.test("industries.none.wild", _NULLS["none"]),
        full.test("industries.full_bite.wild", _NULLS["full_bite"]),
    )  # fmt: skip
    forms = _forms(shut, growth, parameters)
    without, _ = without_each(
        smf.ols(FORMULA, frame).fit(), "shut", groups=pd.Series(frame.index, frame.index)
    )
    frame = frame.assign(year_on_year=growth[list(years)[-1]]).rename_axis("subsector")
    return IndustriesResult(
        quarter=quarter,
        frame=frame.sort_values("shut", ascending=False),
        forms=forms,
        left_out=without.rename_axis("left_out").rename("change").reset_index(),
        estimates=(_estimate(found, parameters), *_bound(forms, parameters)),
        tests=tests,
    )


def _estimate(found: FewClusters, parameters: YardsticksParameters) -> Estimate:
    e = found.estimate("industries.slope", _UNIT)
    least = detectable(np.array([[found.crv3**2]]), found.n, parameters)
    return replace(e, detail={**e.detail, "minimum_detectable": least, "power": parameters.power})


def _forms(
    shut: Mapping[str, pd.DataFrame],
    growth: Mapping[int, pd.Series[float]],
    parameters: YardsticksParameters,
) -> pd.DataFrame:
    """The slope under each outcome, reading of the rules and coding of the export class."""
    rows = []
    for (year, grown), (reading, shares) in product(growth.items(), shut.items()):
        for exporters, share in shares.items():
            found = slope(pd.DataFrame({"shut": share, "growth": grown}), parameters)
            row: dict[str, Any] = {"since": f"{year}{parameters.quarter[4:]}", "reading": reading}
            row |= {"exporters": str(exporters), "slope": found.value, "p": found.wild.p_value}
            rows.append(row | {"low": found.wild.ci_low, "high": found.wild.ci_high})
    columns = ["since", "reading", "exporters", "slope", "low", "high", "p"]
    return pd.DataFrame(rows)[columns].astype({"low": float, "high": float})


def _bound(forms: pd.DataFrame, parameters: YardsticksParameters) -> tuple[Estimate, ...]:
    if forms["low"].isna().any():
        return ()
    return (
        Estimate(
            name="industries.shows_at_most",
            value=max(0.0, float((forms["low"] / FULL_BITE).max())),
            unit="share of the coded closure",
            method=say("largest share in the {} sets of {} forms, wild bootstrap",
                       percent(parameters.confidence_level), len(forms)),
            n=len(forms),
        ),
    )  # fmt: skip
