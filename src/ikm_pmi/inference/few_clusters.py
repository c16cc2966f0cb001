"""Inference with few clusters, as a function of a statsmodels result.

CRV1, the jackknife CRV3 and the restricted wild cluster bootstrap beside each other, for one
coefficient or one linear hypothesis of an OLS or WLS fit, whatever its formula.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ikm_pmi.errors import EstimationError, shown
from ikm_pmi.inference.clusters import critical_t, crv1, crv3, leave_one_out, p_t
from ikm_pmi.inference.fits import FittedRows, Hypothesis, cluster_codes, fitted_rows, hypothesis_of
from ikm_pmi.inference.nesting import reduced
from ikm_pmi.inference.two_way import two_way
from ikm_pmi.inference.wild_blocks import wild_blocks
from ikm_pmi.inference.wild_bootstrap import Kind, WildBootstrap, wild_bootstrap
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters.base import fewest_draws
from ikm_pmi.results import (
    Estimate,
    Readable,
    TestResult,
    number,
    p_said,
    percent,
    probability,
    span,
)

if TYPE_CHECKING:
    import pandas as pd

#: Up to this many clusters the bootstrap is that of a G x G product.
ONE_PRODUCT = 400
SEED = 20210903
FEWEST_DRAWS = 99
#: Effects of more levels than this are better absorbed than written as ``C(unit)``.
MANY_COLUMNS = 400


@dataclass(frozen=True, kw_only=True, eq=False, repr=False, slots=True)
class FewClusters(Readable):
    """One hypothesis under three kinds of cluster-robust inference.

    Parameters
    ----------
    hypothesis : str
        As it was written.
    term : str
        What ``value`` is the estimate of: a column, or a combination of columns.
    null : float
        The value under the null.
    groups : tuple of str
        What the rows are clustered by; two names for two-way clusters.
    n_clusters : tuple of int
        Clusters of each; t-ratios are compared with t(min - 1).
    parameters : int
        K of the small-sample factor.
    crv1, crv3 : float
        Standard errors.
    wild : WildBootstrap
        Restricted wild cluster bootstrap: p, set and distribution.
    inverted : bool
        Whether the bootstrap's set was asked for.
    repaired : bool
        Whether a negative two-way variance was repaired.
    """

    hypothesis: str
    term: str
    null: float
    value: float
    n: int
    level: float
    groups: tuple[str, ...]
    n_clusters: tuple[int, ...]
    parameters: int
    crv1: float
    crv3: float
    wild: WildBootstrap
    inverted: bool = True
    repaired: bool = False

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """CRV1, CRV3 and wild bootstrap; ``method`` is what the t-ratio is compared with."""
        smallest, wild = min(self.n_clusters), self.wild
        plain = Estimate(
            name="wild bootstrap",
            value=self.value,
            unit="",
            n=self.n,
            std_error=self.crv1,  # by which it studentises
            ci_low=wild.ci_low,
            ci_high=wild.ci_high,
            ci_level=self.level if self.inverted else None,
            p_value=wild.p_value,
            method=wild.distribution,
        )
        reach = critical_t(self.level, smallest)
        by_t = (
            replace(
                plain,
                name=kind,
                std_error=error,
                ci_low=self.value - reach * error,
                ci_high=self.value + reach * error,
                ci_level=self.level,
                p_value=p_t((self.value - self.null) / error, smallest),
                method=say("t({})", smallest - 1),
            )
            for kind, error in (("CRV1", self.crv1), ("CRV3", self.crv3))
        )
        return (*by_t, plain)

    def _rows(self) -> tuple[Estimate, ...]:
        return (self.estimate(self.term, ""),)

    def table(self) -> pd.DataFrame:
        """Rows CRV1, CRV3 and wild bootstrap, numbers unrounded.

        Returns
        -------
        DataFrame
            Index of kinds; ``value, std_error, ci_low, ci_high, p_value, reference``. The standard
            error of the bootstrap's row is CRV1, by which it studentises.
        """
        import pandas as pd

        columns = ["value", "std_error", "ci_low", "ci_high", "p_value", "method"]
        rows = {e.name: [getattr(e, name) for name in columns] for e in self.estimates}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=[*columns[:-1], "reference"])
        return table.astype({"ci_low": float, "ci_high": float})

    def reading(self) -> pd.DataFrame:
        """Value, set, p and reference as texts, a row for each kind of inference."""
        import pandas as pd

        heads = ["value", say("{} set", percent(self.level)), "p", "reference"]
        rows = {}
        for e in self.estimates:
            ends, p = span(e.ci_low, e.ci_high, 3), probability(e.p_value or 0.0)
            rows[e.name] = [number(e.value, 3), ends, p, e.method]
        return pd.DataFrame.from_dict(rows, orient="index", columns=heads)

    @translated
    def sentence(self) -> str:
        """Value, set, p, rows and clusters of the bootstrap in one sentence."""
        found = number(self.value, 3)
        if self.inverted:
            ends = span(self.wild.ci_low, self.wild.ci_high, 3)
            found = say("{} ({} set {})", found, percent(self.level), ends)
        pairs = zip(self.n_clusters, self.groups, strict=True)
        clusters = joined(" and ", (say("{:,} clusters of {}", *pair) for pair in pairs))
        return say("{}: {}, p {} of the null that it is {:g}, by the wild bootstrap; {:,} rows, "
                   "{}.", self.term, found, p_said(self.wild.p_value), self.null, self.n,
                   clusters)  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: the hypothesis, both standard errors, and the bootstrap."""
        own = ("hypothesis", "term", "null", "value", "n", "level", "parameters", "repaired")
        return {name: getattr(self, name) for name in own} | {
            "groups": list(self.groups),
            "n_clusters": list(self.n_clusters),
            "crv1_std_error": self.crv1,
            "crv3_std_error": self.crv3,
            "wild": asdict(self.wild),
        }

    def estimate(self, name: str, unit: str) -> Estimate:
        """The bootstrap's row as an :class:`~ikm_pmi.results.Estimate`, CRV3 in its detail.

        Parameters
        ----------
        name : str
            Lower-case, dotted (``elasticity.twfe``).
        unit : str
            Of the value.
        """
        by = say("by {}", joined(" and ", self.groups))
        return Estimate(
            name=name,
            value=self.value,
            unit=unit,
            n=self.n,
            std_error=self.crv1,
            ci_low=self.wild.ci_low,
            ci_high=self.wild.ci_high,
            ci_level=self.level if self.inverted else None,
            p_value=self.wild.p_value,
            method=say("standard error CRV1 {}, interval and p: {}", by, self.wild.distribution),
            detail={
                "n_clusters": min(self.n_clusters),
                **self._jackknife(),
                "wild_p_value": self.wild.p_value,
                "minimum_p": self.wild.minimum_p,
            },
        )

    def test(self, name: str, null: str = "") -> TestResult:
        """The bootstrap's test as a :class:`~ikm_pmi.results.TestResult`.

        Parameters
        ----------
        null : str, optional
            The hypothesis as a sentence; by default in the columns' names.
        """
        return TestResult(
            name=name,
            null=null or say("{} is {:g}", self.term, self.null),
            statistic=self.wild.statistic,
            p_value=self.wild.p_value,
            distribution=self.wild.distribution,
            n=self.n,
            minimum_p=self.wild.minimum_p,
            detail={"value": self.value, "std_error": self.crv1, **self._jackknife()},
        )

    def _jackknife(self) -> dict[str, float]:
        t, smallest = (self.value - self.null) / self.crv3, min(self.n_clusters)
        p = p_t(t, smallest)
        return {"crv3_std_error": self.crv3, "crv3_t": t, "crv3_p_value": p}


def few_clusters(
    fit: Any,
    hypothesis: str,
    *,
    groups: Any,
    level: float = 0.95,
    draws: int = 9999,
    weights: Kind = "auto",
    seed: int = SEED,
    interval: bool = True,
) -> FewClusters:
    """CRV1, CRV3 and the restricted wild cluster bootstrap of one hypothesis on a fit.

    Effects that are nested in the clusters (``C(unit)`` when clustered by unit) are found and
    demeaned away; they count as one intercept in K. That is pyfixest's and reghdfe's rule.
    statsmodels' ``cov_type="cluster"`` and Stata's ``regress, vce(cluster)`` count every dummy:
    with 32 units, 8 years and one regressor their standard error is larger by
    sqrt((256-9)/(256-40)).
    CRV3 is the jackknife ``(G-1)/G sum (b_(g) - b)^2``, centred at b; Stata's ``vce(jackknife)``
    centres at the mean of the b_(g) by default. t-ratios are compared with t(G-1), with two-way
    clusters (:func:`~ikm_pmi.inference.two_way.two_way`) with t(min(G, H)-1).

    Parameters
    ----------
    fit : RegressionResults
        OLS or WLS of statsmodels, from a formula or arrays, or of
        :func:`~ikm_pmi.inference.absorbed.absorb`.
    hypothesis : str
        A name of ``fit.model.exog_names`` (that it is zero), or one linear restriction as
        statsmodels writes it: ``"log_output = 1"``, ``"x1 + x2 = 1"``.
    groups : Series or array of shape (n,), or DataFrame of two columns
        Clusters of the rows, matched by label; two columns for two-way clusters.
    level : float
        Coverage of the intervals.
    draws : int
        Of the bootstrap; all 2^G sign patterns are taken instead where they are fewer.
    weights : {"auto", "rademacher", "webb"}
        Of the draws; see :func:`~ikm_pmi.inference.wild_bootstrap.draw_weights`.
    seed : int
        Each call draws from ``np.random.default_rng(seed)``, with the clusters in sorted order.
    interval : bool
        False leaves the inverted set out: p alone is four times as fast.

    Raises
    ------
    EstimationError
        When the fit, the hypothesis or the groups cannot be taken as they are; in four parts.

    References
    ----------
    MacKinnon, Nielsen & Webb (2023), Journal of Econometrics 232 (CRV1, CRV3). Cameron, Gelbach &
    Miller (2008), Review of Economics and Statistics 90 (restricted wild cluster bootstrap).
    Cameron, Gelbach & Miller (2011), Journal of Business & Economic Statistics 29 (two ways).

    Examples
    --------
    >>> import numpy as np, pandas as pd, statsmodels.formula.api as smf
    >>> rng = np.random.default_rng(0)
    >>> f = pd.DataFrame({"firm": np.repeat(list("abcdefgh"), 5), "sales": rng.normal(size=40)})
    >>> f["workers"] = 0.5 * f["sales"] + rng.normal(size=40)
    >>> fit = smf.ols("workers ~ sales + C(firm)", f).fit()
    >>> found = few_clusters(fit, "sales = 1", groups=f["firm"])
    >>> found.table().index.tolist(), found.n_clusters
    (['CRV1', 'CRV3', 'wild bootstrap'], (8,))
    """
    _check_options(level, draws, weights)
    rows = fitted_rows(fit)
    if rows.X.shape[1] > MANY_COLUMNS:
        warnings.warn(
            f"the fit has {rows.X.shape[1]:,} columns; with effects of so many levels, "
            "absorb('y ~ x | unit + year', data) gives the same numbers far sooner",
            stacklevel=2,
        )
    wanted = hypothesis_of(fit, hypothesis)
    how = {
        "draws": draws,
        "kind": weights,
        "rng": np.random.default_rng(seed),
        "level": level,
        "interval": interval,
    }
    if getattr(groups, "ndim", 1) == 2:
        return _two_ways(rows, wanted, groups, how)
    return _one_way(rows, wanted, groups, how)


def without_each(fit: Any, term: str, *, groups: Any) -> tuple[pd.Series, float]:
    """A coefficient with one cluster left out at a time, by cluster, and its CRV1 standard error.

    Raises
    ------
    EstimationError
        As :func:`few_clusters`; naming the cluster without which it is not identified.
    """
    import pandas as pd

    rows = fitted_rows(fit)
    codes, names = cluster_codes(rows, groups)
    moments, r = reduced(rows, codes, names, hypothesis_of(fit, term))
    error = float(np.sqrt(r @ crv1(moments) @ r))
    return pd.Series(leave_one_out(moments) @ r, list(moments.labels), name=term), error


def _one_way(rows: FittedRows, wanted: Hypothesis, groups: Any, how: dict[str, Any]) -> FewClusters:
    codes, names = cluster_codes(rows, groups)
    moments, r = reduced(rows, codes, names, wanted)
    engine = wild_bootstrap if moments.n_clusters <= ONE_PRODUCT else wild_blocks
    wild = engine(moments, r, wanted.value, **how)
    return FewClusters(
        hypothesis=wanted.words,
        term=wanted.term,
        null=wanted.value,
        value=wild.value,
        n=moments.nobs,
        level=how["level"],
        groups=(str(getattr(groups, "name", None) or "groups"),),
        n_clusters=(moments.n_clusters,),
        parameters=moments.gram.shape[1] + moments.absorbed,
        crv1=wild.std_error,
        crv3=float(np.sqrt(r @ crv3(moments) @ r)),
        wild=wild,
        inverted=how["interval"],
    )


def _two_ways(
    rows: FittedRows, wanted: Hypothesis, groups: Any, how: dict[str, Any]
) -> FewClusters:
    names = list(map(str, getattr(groups, "columns", ())))
    if len(names) != 2:
        raise EstimationError(
            "clusters go one way or two",
            expected="a Series, or a DataFrame of two columns",
            found=f"{type(groups).__name__} of {groups.shape[1]} columns",
            where="groups",
            todo="choose one or two columns, such as groups=frame[['unit', 'year']]",
        )
    (first, one), (second, other) = (cluster_codes(rows, groups.iloc[:, i]) for i in range(2))
    found = two_way(rows, (first, second), wanted, how)
    return FewClusters(
        hypothesis=wanted.words,
        term=wanted.term,
        null=wanted.value,
        value=found.wild.value,
        n=len(rows.y),
        level=how["level"],
        groups=(names[0], names[1]),
        n_clusters=(len(one), len(other)),
        parameters=found.parameters,
        crv1=found.wild.std_error,
        crv3=found.crv3,
        wild=found.wild,
        inverted=how["interval"],
        repaired=found.repaired,
    )


def _check_options(level: float, draws: int, weights: str) -> None:
    if not (isinstance(level, float) and 0 < level < 1):
        raise _out_of_range("level", "a share between 0 and 1, such as 0.95", level)
    if not (isinstance(draws, int) and draws >= FEWEST_DRAWS):
        raise _out_of_range("draws", f"a whole number from {FEWEST_DRAWS}", draws)
    if draws < fewest_draws(level):
        raise _out_of_range("draws", f"{fewest_draws(level):,} or more, by the level", draws)
    if weights not in get_args(Kind):
        raise _out_of_range("weights", "one of " + ", ".join(get_args(Kind)), weights)


def _out_of_range(name: str, expected: str, found: object) -> EstimationError:
    return EstimationError(
        f"{name} is out of range",
        expected=expected,
        found=shown(found),
        where=name,
        todo=f"give {name} a value in this range",
    )
