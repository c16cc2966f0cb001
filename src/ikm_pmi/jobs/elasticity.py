"""By how many percent employment moves when output moves by one percent.

Log workers on log output in a panel of units and years, by the rows of the table of formulas. A
national deflator is absorbed by the year effects; only ``fe``, which has none, needs output in
constant prices.

Two decompositions share a word and are kept apart by name:

``elasticity.intensive``
    the two-way elasticity **with log establishments held constant** as a regressor: how workers
    answer output when no establishment enters or leaves.
``elasticity.margin.extensive`` and ``elasticity.margin.intensive``
    log establishments and log workers per establishment, each on log output: they **add up** to
    ``elasticity.twfe``.

Both sides come from one survey: an error in its weights moves workers and output together and
pushes the coefficient toward 1, an error in reported output pushes it toward 0. Where the worker is
the workshop, more hands are more output: the coefficient is an association, bounded in
:mod:`ikm_pmi.jobs.bounds` only if output does not answer workers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError, named
from ikm_pmi.inference.few_clusters import without_each
from ikm_pmi.jobs.panel import own_panel, span_of
from ikm_pmi.jobs.regressions import (
    SCALES,
    TIMING,
    UNIT,
    Formula,
    by_unit,
    check_panel,
    fit,
    formula,
    margins_exist,
    offered,
    sample,
)
from ikm_pmi.language import joined, say, translated
from ikm_pmi.results import Estimate, Findings, TestResult, number, probability, span

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

#: What micro and small industry are asked for, each apart.
BY_SCALE = ("twfe", "first_difference", "intensive")
#: The rows of the answer, and how a reader meets them.
LABELS = {
    "twfe": "all cells",
    "without_flagged": "without the flagged cells",
    "first_difference": "first difference",
    "intensive": "establishments held constant",
    "shared_weights_bound": "lower bound: weights shared",
}
WHEN = {"own": "the year's own output", "before": "the year before", "after": "the year after"}


def run(
    rows: pd.DataFrame, parameters: ElasticityParameters, clusters: Sequence[str] = ("unit",)
) -> Iterator[TestResult]:
    """The tests that these rows allow.

    Parameters
    ----------
    rows : DataFrame
        From :func:`ikm_pmi.jobs.regressions.sample`.

    Notes
    -----
    Comparisons of groups (micro and small, Java and elsewhere) give each group effects of its own,
    so that the difference is that of two separate regressions. Stability over a year gives each
    unit an effect before and after it, and in each sampling frame: whether large units grew
    differently is not part of the null.
    """
    total = rows[rows["scale"] == "total"]

    def test(
        name: str,
        null: str,
        regression: str | Formula = "twfe",
        frame: pd.DataFrame = total,
        hypothesis: str = "",
    ) -> TestResult:
        how = {"clusters": clusters, "interval": False}
        found = by_unit(regression, frame, parameters, hypothesis, **how)  # type: ignore[arg-type]
        return found.test(f"elasticity.{name}", null)

    zero = "The two-way elasticity is zero: workers do not move with output."
    yield test("is_zero", zero, hypothesis="log_output = 0")
    one = "The two-way elasticity is one: workers move in proportion to output."
    yield test("is_one", one, hypothesis="log_output = 1")
    parts = rows[rows["scale"] != "total"]
    if set(parts["scale"]) == {"micro", "small"}:
        null = "The elasticity of micro equals that of small industry."
        yield test("micro_equals_small", null, *stacked(parts, parts["scale"] == "small"))
    if total["java"].nunique() == 2:
        null = "The elasticity is the same in Java and elsewhere."
        yield test("java_equals_elsewhere", null, *stacked(total, total["java"]))
    for year in parameters.stable_years:
        late = total["year"] >= year
        if total.loc[~late, "year"].nunique() >= 2 and total.loc[late, "year"].nunique() >= 2:
            period = total["frame"] + np.where(late, "|late", "|early")
            f = total.assign(difference=total["log_output"] * late, period=period)
            null = say("The elasticity before {} equals that from {} on.", year, year)
            changed = Formula("log_workers ~ difference + log_output | period + year", "")
            yield test(f"stable_{year}", null, changed, f)


def stacked(f: pd.DataFrame, second: pd.Series) -> tuple[Formula, pd.DataFrame]:
    """Two groups in one regression, each with effects of its own: the difference comes first."""
    g = second.astype(int).astype(str)
    both = f.assign(
        difference=f["log_output"] * second,
        unit_group=f["unit"].astype(str) + "|" + g,
        year_group=f["year"].astype(str) + "|" + g,
    )
    return Formula("log_workers ~ difference + log_output | unit_group + year_group", ""), both


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ElasticityResult(Findings):
    """Elasticities, tests, and how much each unit moves the two-way estimate.

    ``influence`` has one row per unit, the most influential first: ``unit``, ``without`` (the
    two-way elasticity of the total without the unit), ``change`` and ``change_in_std_errors``.
    """

    influence: pd.DataFrame

    def answers(self, *more: Estimate) -> pd.DataFrame:
        """The rows of the answer by :func:`side_by_side`, and ``more``: the lower bound."""
        own = [self[f"elasticity.{name}"] for name in LABELS if f"elasticity.{name}" in self]
        named_rows = {LABELS[e.name.removeprefix("elasticity.")]: e for e in (*own, *more)}
        return side_by_side(named_rows)

    def timing(self) -> pd.DataFrame:
        """Output of the year, the year before and the year after beside each other, as texts."""
        rows = {}
        for name in TIMING:
            if f"elasticity.{name}" in self:
                e, (_, form, when) = self[f"elasticity.{name}"], name.split(".")
                texts = [number(e.value, 3), span(e.ci_low, e.ci_high), probability(e.p_value or 0)]
                rows[say("{}: {}", form, WHEN[when])] = [*texts, number(e.n, 0)]
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "set", "p", "rows"])

    def hypotheses(self, *more: TestResult) -> pd.DataFrame:
        """Each null as a sentence, with the estimate of what it is about, its error, and p."""
        columns = ["estimate", "s.e. (CRV3)", "p (wild bootstrap)"]
        rows = {}
        for t in (*self.tests, *more):
            numbers = [number(t.detail[name]) for name in ("value", "crv3_std_error")]
            rows[t.null] = [*numbers, probability(t.p_value)]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def headline(self) -> str:
        """The finding in a sentence for a title."""
        value = number(self["elasticity.twfe"].value)
        if "elasticity.without_flagged" not in self:
            return say("One percent more output goes with {} percent more workers", value)
        other = number(self["elasticity.without_flagged"].value)
        return say("One percent more output goes with {} percent more workers, and with {} "
                   "without the flagged cells",
                   value, other)  # fmt: skip

    @translated
    def sentence(self) -> str:
        """The two-way estimate (of whichever years), else the first, in one sentence."""
        two_way = (e for e in self.estimates if e.name.startswith("elasticity.twfe"))
        return next(two_way, self.estimates[0]).sentence()


def side_by_side(rows: Mapping[str, Estimate]) -> pd.DataFrame:
    """Elasticities for reading: ``value, set, H0: zero, H0: one, rows``, as texts.

    A hypothesis is rejected where the set, at the level of the parameters, leaves it out.
    """

    def judged(e: Estimate, null: float) -> str:
        low = -np.inf if e.ci_low is None else e.ci_low
        high = np.inf if e.ci_high is None else e.ci_high
        return "not rejected" if low <= null <= high else "rejected"

    return pd.DataFrame.from_dict(
        {
            words: {
                "value": number(e.value),
                "set": span(e.ci_low, e.ci_high),
                "H0: zero": judged(e, 0),
                "H0: one": judged(e, 1),
                "rows": number(e.n, 0),
            }
            for words, e in rows.items()
        },
        orient="index",
    )


def elasticity(
    frame: pd.DataFrame,
    parameters: ElasticityParameters | None = None,
    *,
    deflator: pd.Series | None = None,
    units: Collection[str] | None = None,
    only: Collection[str] | None = None,
    controls: Sequence[str] = (),
    clusters: Sequence[str] = ("unit",),
    **columns: str,
) -> ElasticityResult:
    """Estimate the employment elasticity of output.

    Parameters
    ----------
    frame : DataFrame
        Panel of units (provinces, regencies, firms) and years.
    parameters : ElasticityParameters, optional
        Years, weighting, bootstrap, coverage; all years of the frame when not given.
    deflator : Series, optional
        Price index by year. ``elasticity.fe`` uses the years it covers; without it, nominal output.
    units : collection of str, optional
        Units known; others are refused.
    only : collection of str, optional
        Rows wanted (``{"twfe"}``), without tests and influence: for microdata, where all of them
        take their time.
    controls : sequence of str
        Numeric columns: further regressors, differenced or averaged as the others are.
    clusters : sequence of str
        One column, or two for two-way clusters.
    **columns : str
        The reader's names for ``unit, year, workers, output, establishments, weight``; see
        :func:`~ikm_pmi.jobs.panel.own_panel`.

    Returns
    -------
    ElasticityResult
        Standard errors CRV1, intervals and p-values by the restricted wild cluster bootstrap; CRV3
        (jackknife) in ``detail``: ``(G-1)/G sum (b_(g) - b)^2``. pyfixest without its corrections,
        and others that leave the factor out, print it larger by sqrt(G/(G-1)).

    Raises
    ------
    DataError
        When the panel is refused.
    EstimationError
        With fewer than four survey years, when a regression is not identified, or for a name that
        is no row, column or argument.

    References
    ----------
    Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, chapter 10. MacKinnon,
    Nielsen & Webb (2023), Journal of Econometrics 232.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> found = ikm.elasticity(ikm.load("imk_panel"), ikm.defaults("06"), only={"twfe"})
    >>> round(found["elasticity.twfe"].value, 2)
    0.27
    """
    frame = own_panel(frame, controls, **columns)
    check_panel(frame, units)
    parameters = parameters or span_of(frame)
    rows = sample(frame, parameters, deflator)
    total = rows[rows["scale"] == "total"]
    _long_enough(total, parameters)
    known, estimates = {name: name for name in TIMING}, list[Estimate]()
    for scale in SCALES:
        part = rows[rows["scale"] == scale]
        suffix = "" if scale == "total" else f".{scale}"
        names = offered(part, clusters) if len(part) else []
        known |= {name: name for name in names}
        if only is None and scale != "total":
            names = [name for name in names if name in BY_SCALE]
        wanted = [*names, *(() if suffix else TIMING)]
        estimates += [
            _estimate(name, suffix, part, parameters, clusters)
            for name in wanted
            if only is None or name in only
        ]
    for name in only or ():
        named(known, name, what="estimator", where="only")
    # An empty table where it was not asked for.
    influence = _influence(total if only is None else total.iloc[:0])
    return ElasticityResult(
        estimates=tuple(estimates),
        tests=() if only is not None else tuple(run(rows, parameters, clusters)),
        notes=tuple(_notes(frame, rows, influence, parameters, deflator)),
        influence=influence,
    )


def _long_enough(total: pd.DataFrame, parameters: ElasticityParameters) -> None:
    years = sorted(set(total["year"]))
    if len(years) < 4:
        raise EstimationError(
            "the panel is too short",
            expected="scale total, at least 4 survey years",
            found=f"{len(total)} rows of the total, years {', '.join(map(str, years)) or 'none'}",
            where=f"{parameters.first_year}-{parameters.last_year}",
            todo="widen first_year and last_year",
        )


def _estimate(
    name: str,
    suffix: str,
    frame: pd.DataFrame,
    parameters: ElasticityParameters,
    clusters: Sequence[str],
) -> Estimate:
    """A regression of the table as an estimate: CRV1, wild interval and p, CRV3 in detail."""
    row = formula(name)
    fitted = by_unit(name, frame, parameters, clusters=clusters)
    found, years = fitted.estimate(f"elasticity.{name}{suffix}", UNIT), row.rows(frame).get("year")
    detail = dict(found.detail)
    ends = {} if years is None else {"first_year": int(min(years)), "last_year": int(max(years))}
    return replace(
        found,
        method=joined("; ", (row.words, found.method)),
        detail={"n_units": detail.pop("n_clusters"), **ends, **detail},
    )


def all_years(frame: pd.DataFrame, parameters: ElasticityParameters) -> ElasticityResult:
    """The total over every survey year, breaks included: ``elasticity.<row>.all_years``.

    ``elasticity.twfe.within_frames.all_years`` gives each unit an effect of its own in each
    sampling frame. The tests kept are of stability over years that the panel of the parameters does
    not reach back to.
    """
    ends = {"first_year": int(frame["year"].min()), "last_year": int(frame["year"].max())}
    before = [year for year in parameters.stable_years if year <= parameters.first_year]
    whole = parameters.model_copy(update=ends | {"stable_years": before})
    total = frame[frame["scale"] == "total"]
    rows = sample(total, whole)
    wanted = {"twfe", "first_difference", "long_difference", "twfe.within_frames"}
    every = elasticity(total, whole, only=wanted & set(offered(rows)))
    return replace(
        every,
        estimates=tuple(replace(e, name=f"{e.name}.all_years") for e in every.estimates),
        tests=tuple(t for t in run(rows, whole) if ".stable_" in t.name),
    )


def _influence(total: pd.DataFrame) -> pd.DataFrame:
    if total.empty:
        return pd.DataFrame(columns=["unit", "without", "change", "change_in_std_errors"])
    found, rows = fit("twfe", total)
    left_out, error = without_each(found, "log_output", groups=rows["unit"])
    table = left_out.rename_axis("unit").reset_index(name="without")
    table["change"] = table["without"] - found.params["log_output"]
    table["change_in_std_errors"] = table["change"] / error
    order = table["change"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def movement(panel: pd.DataFrame, first_year: int) -> pd.DataFrame:
    """What the survey counted, year by year.

    Parameters
    ----------
    panel : DataFrame
        Table ``imk_panel``.
    first_year : int
        First year shown.

    Returns
    -------
    DataFrame
        Index ``year``; establishments of small industry (thousand), workers of small industry and
        of all (million), and the changes of workers and nominal output of all (percent).
    """
    sums = panel.groupby(["scale", "year"])[["establishments", "workers", "output_idr_mn"]].sum()
    small, total = sums.loc["small"], sums.loc["total"]
    change = 100 * (total / total.shift(1) - 1)
    table = pd.DataFrame(
        {
            "small establishments, thousand": small["establishments"] / 1e3,
            "small workers, million": small["workers"] / 1e6,
            "all workers, million": total["workers"] / 1e6,
            "all workers, change in %": change["workers"],
            "output, change in %": change["output_idr_mn"],
        }
    )
    return table.loc[first_year:]


def _notes(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    influence: pd.DataFrame,
    parameters: ElasticityParameters,
    deflator: pd.Series | None,
) -> Iterator[str]:
    years = sorted(set(rows["year"]))
    gaps = sorted(set(range(years[0], years[-1])) - set(years))
    if gaps:
        yield say("No survey in {}: first differences do not bridge it.", joined(", ", gaps))
    bare = sorted(set(rows.loc[~np.isfinite(rows["log_real_output"]), "year"]))
    if deflator is None:
        yield "elasticity.fe is on nominal output: no deflator was given."
    elif bare:
        yield say("elasticity.fe leaves out {}: the deflator has no value.", joined(", ", bare))
    if parameters.drop_flagged:
        inside = frame[frame["year"].between(parameters.first_year, parameters.last_year)]
        yield say("{} flagged rows of {} are left out.",
                  int(inside["flagged"].sum()), len(inside))  # fmt: skip
    if not margins_exist(rows[rows["scale"] == "total"]):
        yield "Every unit is one establishment: there is no extensive margin."
    full = rows["unit"].nunique() * len(years) * rows["scale"].nunique()
    if len(rows) < full:
        yield say("The panel is unbalanced: {} rows of {}.", len(rows), full)
    for first in influence.head(1).to_dict("records"):
        yield say("The most influential unit is {}: without it the two-way elasticity is {:.2f} "
                  "({:+.2f}).",
                  first["unit"], first["without"], first["change"])  # fmt: skip
