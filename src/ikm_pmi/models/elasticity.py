"""By how many percent employment moves when output moves by one percent.

Log workers on log output in a panel of units and years, by seven estimators, for the total and for
micro and small establishments apart. A national deflator is absorbed by the year effects; only
``fe``, which has none, needs output in constant prices.

Two decompositions share a word and are kept apart by name:

``elasticity.intensive``
    the two-way elasticity **with log establishments held constant** as a regressor: how workers
    answer output when no establishment enters or leaves.
``elasticity.margin.extensive`` and ``elasticity.margin.intensive``
    log establishments and log workers per establishment, each on log output: they **add up** to
    ``elasticity.twfe``. ``elasticity.extensive`` is another name of the first.

Both sides come from one survey: an error in its weights moves workers and output together and
pushes the coefficient toward 1, an error in reported output pushes it toward 0. What follows is an
association in a panel, bounded in :mod:`ikm_pmi.models.elasticity_bounds`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.clusters import crv1, leave_one_out
from ikm_pmi.language import spoken
from ikm_pmi.models import elasticity_tests
from ikm_pmi.models.elasticity_sample import SCALES, check_panel, sample
from ikm_pmi.models.elasticity_specs import Spec, fit_spec, margins_exist, specs
from ikm_pmi.results import Estimate, Findings

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

__all__ = ["ESTIMATORS", "ElasticityResult", "all_years", "estimate"]

#: The estimators of one slope, from the widest comparison to the narrowest.
ESTIMATORS = (
    "pooled", "between", "fe", "twfe", "first_difference", "long_difference", "mundlak",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ElasticityResult(Findings):
    """Elasticities, tests, and how much each unit moves the two-way estimate.

    ``influence`` has one row per unit, the most influential first: ``unit``, ``without`` (the
    two-way elasticity of the total without the unit), ``change`` and ``change_in_std_errors``.
    """

    influence: pd.DataFrame

    def scale(self, scale: str, *, skip: Collection[str] = ("mundlak",)) -> tuple[Estimate, ...]:
        """The estimators of one scale, in order; Mundlak repeats the two-way slope."""
        suffix = "" if scale == "total" else f".{scale}"
        return tuple(self[f"elasticity.{name}{suffix}"] for name in ESTIMATORS if name not in skip)

    def headline(self) -> str:
        """The finding in a sentence for a title: between and within."""
        between, within = self["elasticity.between"].value, self["elasticity.twfe"].value
        return (
            f"Between provinces workers follow output by {between:.2f} percent per percent, "
            f"within them by {within:.2f}"
        )

    @spoken
    def sentence(self) -> str:
        """The two-way estimate (of whichever years), else the first, in one sentence."""
        two_way = (e for e in self.estimates if e.name.startswith("elasticity.twfe"))
        return next(two_way, self.estimates[0]).sentence()


def estimate(
    frame: pd.DataFrame,
    parameters: ElasticityParameters,
    *,
    deflator: pd.Series | None = None,
    units: Collection[str] | None = None,
    only: Collection[str] | None = None,
) -> ElasticityResult:
    """Estimate the employment elasticity of output.

    Parameters
    ----------
    frame : DataFrame
        Panel of units, years and scales; columns of
        :func:`~ikm_pmi.models.elasticity_sample.check_panel`. Any units will do (provinces,
        regencies, firms); scales other than ``total`` are estimated where present.
    parameters : ElasticityParameters
        Years, weighting, bootstrap, coverage.
    deflator : Series, optional
        Price index by year. ``elasticity.fe`` uses the years it covers; without it, nominal output.
    units : collection of str, optional
        Units known; others are refused.
    only : collection of str, optional
        Estimators wanted (``{"twfe"}``), without tests and influence: for microdata, where all
        of them take their time.

    Returns
    -------
    ElasticityResult
        Standard errors CRV1, intervals and p-values by the restricted wild cluster bootstrap;
        CRV3 (jackknife) in ``detail``.

    Raises
    ------
    DataError
        When the panel is refused.
    EstimationError
        With fewer than four survey years, or when a regression is not identified.

    References
    ----------
    Mundlak (1978), Econometrica 46. Wooldridge (2010), Econometric Analysis of Cross Section and
    Panel Data, chapter 10. MacKinnon, Nielsen & Webb (2023), Journal of Econometrics 232.
    """
    check_panel(frame, units)
    rows = sample(frame, parameters, deflator)
    years = sorted(set(rows["year"]))
    total = rows[rows["scale"] == "total"]
    if len(years) < 4 or total.empty:
        raise EstimationError(
            "the panel is too short",
            expected="scale total, at least 4 survey years",
            found=f"{len(total)} rows of the total, years {', '.join(map(str, years)) or 'none'}",
            where=f"{parameters.first_year}-{parameters.last_year}",
            todo="widen first_year and last_year",
        )
    estimates = []
    for scale in SCALES:
        part = rows[rows["scale"] == scale]
        if len(part):
            suffix = "" if scale == "total" else f".{scale}"
            estimates += [
                fit_spec(spec, parameters)
                for spec in specs(part, suffix)
                if only is None
                or spec.name.removeprefix("elasticity.").removesuffix(suffix) in only
            ]
    # An empty table where it was not asked for.
    influence = _influence(total if only is None else total.iloc[:0])
    return ElasticityResult(
        estimates=tuple(estimates),
        tests=() if only is not None else tuple(elasticity_tests.run(rows, parameters)),
        notes=tuple(_notes(frame, rows, influence, parameters, deflator)),
        influence=influence,
    )


def all_years(
    frame: pd.DataFrame, parameters: ElasticityParameters, *, deflator: pd.Series | None = None
) -> ElasticityResult:
    """The total over every survey year, breaks included: ``elasticity.<estimator>.all_years``.

    ``elasticity.twfe.within_frames.all_years`` gives each unit an effect of its own in each
    sampling frame (2013, 2014-15, 2017 on). The one test kept is ``elasticity.stable_2017``, which
    a panel that begins after the break cannot have.
    """
    span = {"first_year": int(frame["year"].min()), "last_year": int(frame["year"].max())}
    every = estimate(frame, parameters.model_copy(update=span), deflator=deflator)
    wanted = {f"elasticity.{name}" for name in (*ESTIMATORS, "intensive", "twfe.within_frames")}
    kept = (e for e in every.estimates if e.name in wanted)
    tests = (t for t in every.tests if t.name == "elasticity.stable_2017")
    return replace(
        every,
        estimates=tuple(replace(e, name=f"{e.name}.all_years") for e in kept),
        # A panel that spans the break itself has the test already.
        tests=() if parameters.first_year == span["first_year"] else tuple(tests),
    )


def _influence(total: pd.DataFrame) -> pd.DataFrame:
    if total.empty:
        return pd.DataFrame(columns=["unit", "without", "change", "change_in_std_errors"])
    m = Spec(name="elasticity.twfe", words="two-way fixed effects", frame=total).moments()
    without = leave_one_out(m)[:, 0]
    change = without - m.params[0]
    table = pd.DataFrame({"unit": m.labels, "without": without, "change": change})
    table["change_in_std_errors"] = change / float(np.sqrt(crv1(m)[0, 0]))
    order = table["change"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


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
        yield f"No survey in {', '.join(map(str, gaps))}: first differences do not bridge it."
    bare = sorted(set(rows.loc[~np.isfinite(rows["log_real_output"]), "year"]))
    if deflator is None:
        yield "elasticity.fe is on nominal output: no deflator was given."
    elif bare:
        yield f"elasticity.fe leaves out {', '.join(map(str, bare))}: the deflator has no value."
    if parameters.drop_flagged:
        span = frame[frame["year"].between(parameters.first_year, parameters.last_year)]
        yield f"{int(span['flagged'].sum())} flagged rows of {len(span)} are left out."
    if not margins_exist(rows[rows["scale"] == "total"]):
        yield "Every unit is one establishment: there is no extensive margin."
    full = rows["unit"].nunique() * len(years) * rows["scale"].nunique()
    if len(rows) < full:
        yield f"The panel is unbalanced: {len(rows)} rows of {full}."
    for first in influence.head(1).to_dict("records"):
        yield (
            f"The most influential unit is {first['unit']}: without it the two-way elasticity is "
            f"{first['without']:.2f} ({first['change']:+.2f})."
        )
