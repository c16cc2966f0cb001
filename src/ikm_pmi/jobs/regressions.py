"""The panel behind the elasticity, and the table of formulas: each regression of it, once.

Chapter, chain, multiverse and validation take their rows from :func:`sample`; all that fit one
regression at a time take it from ``FORMULAS`` through :func:`fit`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikm_pmi.errors import DataError, named
from ikm_pmi.inference.absorb import within
from ikm_pmi.inference.absorbed import absorb
from ikm_pmi.inference.few_clusters import FewClusters, few_clusters
from ikm_pmi.jobs.panel import controls_of
from ikm_pmi.language import say

if TYPE_CHECKING:
    from ikm_pmi.parameters import ElasticityParameters

SCALES = ("total", "micro", "small")
#: A cell this many times above or below the unit's median is an error of unit, not an outlier: a
#: slip from persons to thousands is 1,000; the widest swing of the published panel is 25.
IMPLAUSIBLE = 100.0
COUNTS = ("establishments", "workers", "output_idr_mn")
KEY = ["unit", "year", "scale"]


def check_panel(frame: pd.DataFrame, units: Collection[str] | None = None) -> None:
    """Refuse a panel that cannot be what it says.

    Parameters
    ----------
    frame : DataFrame
        ``unit``, ``year``, ``scale``, ``establishments``, ``workers`` (persons),
        ``output_idr_mn`` (million rupiah, or any other unit throughout), ``java``.
    units : collection of str, optional
        The units known; others are refused.

    Raises
    ------
    DataError
        For a missing column, an unknown unit, a year twice, a number that is not positive, or a
        jump that only an error of unit explains, with the row.
    """
    absent = [name for name in (*KEY, *COUNTS, "java") if name not in frame.columns]
    if absent:
        raise DataError(
            "the panel lacks a column",
            expected=", ".join((*KEY, *COUNTS, "java")),
            found=", ".join(map(str, frame.columns)),
            todo=f"add {', '.join(absent)}",
        )
    for summary, bad, expected, todo in _checks(frame, units):
        if bad.any():
            place = int(np.argmax(bad))
            row = frame.iloc[place]
            raise DataError(
                summary,
                expected=expected,
                found=", ".join(f"{name} {row[name]}" for name in COUNTS),
                where=f"row {frame.index[place]}: {row['unit']}, {row['year']}, {row['scale']}"
                f" ({int(bad.sum())} such rows)",
                todo=todo,
            )


def _checks(
    frame: pd.DataFrame, units: Collection[str] | None
) -> Iterator[tuple[str, np.ndarray, str, str]]:
    if units is not None:
        unknown = ~frame["unit"].isin(list(units)).to_numpy()
        yield "unknown unit", unknown, f"one of {len(units)} units", "use the table of provinces"
    twice = frame.duplicated(KEY).to_numpy()
    yield "a year is present twice", twice, "one row per unit, year and scale", "keep one of them"
    for name in COUNTS:
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        todo = "correct the cell, or leave the unit out and say so"
        yield f"{name} is not positive", ~(values > 0), "a number above zero", todo
        middle = frame.groupby(["unit", "scale"])[name].transform("median").to_numpy(float)
        far = np.abs(np.log(values / middle)) > np.log(IMPLAUSIBLE)
        expected = f"{name} within a factor of {IMPLAUSIBLE:.0f} of the unit's median"
        yield f"{name} jumps implausibly", far, expected, "check the unit: persons or thousands?"


def sample(
    frame: pd.DataFrame, parameters: ElasticityParameters, deflator: pd.Series | None = None
) -> pd.DataFrame:
    """The rows and columns of the regressions.

    Returns
    -------
    DataFrame
        Sorted by scale, unit, year, with ``log_workers``, ``log_output`` (nominal),
        ``log_establishments``, ``log_workers_per`` and ``log_output_per`` (per establishment),
        ``log_real_output`` (missing in years without a deflator), ``frame``
        (unit and sampling frame) and ``weight``: one number per unit and scale, since a weight that
        moved with the year's own count would stand on both sides of the equation.
    """
    kept = frame["year"].between(parameters.first_year, parameters.last_year)
    if parameters.drop_flagged:
        column = named(dict(frame.items()), "flagged", what="column", where="drop_flagged")
        kept &= ~column
    out = frame[kept].sort_values(["scale", "unit", "year"]).reset_index(drop=True)
    for name in ("workers", "establishments"):
        out[f"log_{name}"] = np.log(out[name].astype(float))
    out["log_output"] = np.log(out["output_idr_mn"].astype(float))
    for name in ("workers", "output"):
        out[f"log_{name}_per"] = out[f"log_{name}"] - out["log_establishments"]
    out["log_real_output"] = out["log_output"]
    if deflator is not None:
        out["log_real_output"] -= np.log(out["year"].map(deflator).astype(float) / 100)
    number = np.searchsorted(parameters.frames, out["year"].to_numpy(), side="right")
    out["frame"] = out["unit"].astype(str) + "|" + number.astype(str)
    group = out.groupby(["scale", "unit"])
    if parameters.weighting == "none":
        out["weight"] = 1.0
    else:
        source = "establishments" if parameters.weighting == "establishments" else "weight"
        if source not in out:
            raise DataError(
                "there is no column of weights",
                expected="a column called weight, positive",
                found=", ".join(map(str, frame.columns)),
                todo='add it, or set weighting = "none"',
            )
        out["weight"] = group[source].transform("mean")
    return out


def residuals(frame: pd.DataFrame, parameters: ElasticityParameters) -> pd.DataFrame:
    """Log output and log workers of the total, less unit and year effects.

    Returns
    -------
    DataFrame
        ``unit``, ``year``, ``log_output``, ``log_workers``: the slope of the second on the first
        is ``elasticity.twfe`` (Frisch & Waugh 1933) when no weights are asked for.
    """
    rows = sample(frame, parameters)
    total = rows[rows["scale"] == "total"].reset_index(drop=True)
    columns = ["log_output", "log_workers"]
    effects = [pd.factorize(total[name])[0] for name in ("unit", "year")]
    return total[["unit", "year"]].join(
        pd.DataFrame(within(total[columns].to_numpy(float), effects), columns=columns)
    )


def differences(frame: pd.DataFrame, columns: Collection[str], lag: int = 1) -> pd.DataFrame:
    """Changes over exactly ``lag`` years within a unit, named ``d_<column>``.

    A gap in the years (no survey in 2016) gives no change: it is not bridged.
    """
    group = frame.groupby("unit")
    out = frame.assign(
        **{f"d_{name}": frame[name] - group[name].shift(lag) for name in columns},
    )
    return out[frame["year"] - group["year"].shift(lag) == lag]


def deflator_index(table: pd.DataFrame, measure: str) -> pd.Series | None:
    """The national price index of a deflator table by year (2010 = 100).

    Parameters
    ----------
    table : DataFrame
        ``year``, ``measure``, ``value``; the index rows are ``cpi_index`` and
        ``gdp_deflator_index``.
    measure : {"cpi", "gdp", "none"}
        None is returned for ``none``.

    Raises
    ------
    DataError
        When the table has no such index.
    """
    if measure == "none":
        return None
    name = {"cpi": "cpi_index", "gdp": "gdp_deflator_index"}[measure]
    rows = table[table["measure"] == name]
    if rows.empty:
        raise DataError(
            "the deflator table has no such index",
            expected=f"rows of measure {name}",
            found=", ".join(sorted(set(table["measure"]))),
            todo="add the index, or choose another deflator",
        )
    return rows.set_index("year")["value"].sort_index()


UNIT = "percent of workers per percent of output"
_MARGIN = "two-way fixed effects; adds up to the elasticity with the other margin"


def _moved(frame: pd.DataFrame) -> list[str]:
    """The columns that move over the years: workers, output, further regressors."""
    return ["log_workers", "log_output", *controls_of(frame)]


def _same(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def _means(frame: pd.DataFrame) -> pd.DataFrame:
    means: pd.DataFrame = frame.groupby("unit", as_index=False)[[*_moved(frame), "weight"]].mean()
    return means


def _priced(frame: pd.DataFrame) -> pd.DataFrame:
    priced: pd.DataFrame = frame[np.isfinite(frame["log_real_output"])]
    return priced


def _unflagged(frame: pd.DataFrame) -> pd.DataFrame:
    kept: pd.DataFrame = frame[~frame["flagged"].astype(bool)]
    return kept


def _changes(frame: pd.DataFrame) -> pd.DataFrame:
    return differences(frame, _moved(frame))


def _around(frame: pd.DataFrame) -> pd.DataFrame:
    """Years with a survey the year before and the year after, and output in both."""
    group, year = frame.groupby("unit"), frame["year"]
    columns = {
        f"log_output_{name}": group["log_output"].shift(lag).where(group["year"].shift(lag) == at)
        for name, lag, at in (("before", 1, year - 1), ("after", -1, year + 1))
    }
    return frame.assign(**columns).dropna(subset=[*columns])


def _changes_around(frame: pd.DataFrame) -> pd.DataFrame:
    """Changes with those of output in the year before and in the year after."""
    changed = differences(frame, _moved(frame))
    around = _around(changed.assign(log_output=changed["d_log_output"]))
    names = {f"log_output_{end}": f"d_log_output_{end}" for end in ("before", "after")}
    return around.rename(columns=names)


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    """Unit means of the last two survey years less those of the first two, if it has all four."""
    years = sorted(set(frame["year"]))
    columns = _moved(frame)
    group = [frame[frame["year"].isin(span)].groupby("unit") for span in (years[:2], years[-2:])]
    first, last = (g[columns].mean()[g.size() == 2] for g in group)
    weight = frame.groupby("unit")["weight"].first()
    change: pd.DataFrame = last - first
    return change.dropna().join(weight).reset_index()


@dataclass(frozen=True, slots=True)
class Formula:
    """One regression: what is fitted, on which rows, and how it is called in a table.

    Parameters
    ----------
    formula : str
        As statsmodels reads it; effects to be removed stand behind a bar
        (:func:`~ikm_pmi.inference.absorbed.absorb`). The first regressor is the elasticity.
    words : str
        For the column ``method``.
    rows : callable
        From the rows of one scale in :func:`sample` to those of the regression.
    """

    formula: str
    words: str
    rows: Callable[[pd.DataFrame], pd.DataFrame] = _same

    @property
    def term(self) -> str:
        """The first regressor."""
        return self.formula.split("~")[1].split("|")[0].split("+")[0].strip()

    def beside(self, controls: Sequence[str]) -> Formula:
        """The same regression with further regressors, differenced where the others are."""
        left, bar, effects = self.formula.partition(" |")
        change = "d_" if left.startswith("d_") else ""
        more = "".join(f" + {change}{name}" for name in controls)
        return replace(self, formula=f"{left}{more}{bar}{effects}")


#: The regressions in the order they are shown.
FORMULAS: Mapping[str, Formula] = {
    "pooled": Formula("log_workers ~ log_output | year", "pooled with year effects"),
    "between": Formula("log_workers ~ log_output", "between units (means over the years)", _means),
    "fe": Formula(
        "log_workers ~ log_real_output | unit",
        "unit effects, output at constant prices where a deflator is given",
        _priced,
    ),
    "twfe": Formula("log_workers ~ log_output | unit + year", "two-way fixed effects"),
    "without_flagged": Formula(
        "log_workers ~ log_output | unit + year",
        "two-way fixed effects, without the cells flagged in the source",
        _unflagged,
    ),
    "first_difference": Formula(
        "d_log_workers ~ d_log_output | year",
        "changes between consecutive years, year effects",
        _changes,
    ),
    "long_difference": Formula(
        "log_workers ~ log_output",
        "mean of the last two years less mean of the first two",
        _ends,
    ),
    "intensive": Formula(
        "log_workers ~ log_output + log_establishments | unit + year",
        "two-way fixed effects, log establishments held constant",
    ),
    "margin.extensive": Formula(
        "log_establishments ~ log_output | unit + year", say("log establishments, {}", _MARGIN)
    ),
    "margin.intensive": Formula(
        "log_workers_per ~ log_output | unit + year",
        say("log workers per establishment, {}", _MARGIN),
    ),
    "twfe.within_frames": Formula(
        "log_workers ~ log_output | frame + year",
        "two-way fixed effects, unit effects anew in each sampling frame",
    ),
}
_OF_MARGINS = ("intensive", "margin.extensive", "margin.intensive")
_ONE_ROW_A_UNIT = ("between", "long_difference")


def _timing() -> Iterator[tuple[str, Formula]]:
    """Output of the year before and of the year after beside the year's own, each term first."""
    forms = (("levels", "", "unit + year", _around), ("changes", "d_", "year", _changes_around))
    for form, d, effects, rows in forms:
        terms = {name: f"{d}log_output{end}" for name, end in
                 (("own", ""), ("before", "_before"), ("after", "_after"))}  # fmt: skip
        for name, term in terms.items():
            others = " + ".join(other for other in terms.values() if other != term)
            formula = f"{d}log_workers ~ {term} + {others} | {effects}"
            words = say("{}, output of the year, the year before and the year after together", form)
            yield f"timing.{form}.{name}", Formula(formula, words, rows)


TIMING: Mapping[str, Formula] = dict(_timing())


def margins_exist(frame: pd.DataFrame) -> bool:
    """Whether any unit has more than one count of establishments (firms are one each)."""
    counts = frame.groupby("unit")["establishments"]
    return bool((counts.max() > counts.min()).any())


def offered(frame: pd.DataFrame, clusters: Sequence[str] = ("unit",)) -> list[str]:
    """The names in ``FORMULAS`` that the rows of one scale and the clusters allow, in order."""
    out: set[str] = set() if margins_exist(frame) else set(_OF_MARGINS)
    out |= set(_ONE_ROW_A_UNIT if tuple(clusters) != ("unit",) else ())
    if frame["frame"].nunique() == frame["unit"].nunique():
        out.add("twfe.within_frames")
    if "flagged" not in frame or not frame["flagged"].any():
        out.add("without_flagged")
    return [name for name in FORMULAS if name not in out]


def fit(regression: str | Formula, frame: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
    """A regression of the tables, or another one, on rows of one scale.

    Further regressors among the columns (:func:`~ikm_pmi.jobs.panel.own_panel`) stand beside.

    Returns
    -------
    RegressionResults, DataFrame
        The fit of statsmodels, weighted where the weights differ, and the rows it rests on.

    Raises
    ------
    EstimationError
        For a name that is not in ``FORMULAS`` or ``TIMING``, and when the regression is not
        identified.
    """
    import statsmodels.formula.api as smf

    known = formula(regression).beside(controls_of(frame))
    rows = known.rows(frame)
    weighted = bool((rows["weight"] != 1).any())
    if "|" in known.formula:
        return absorb(known.formula, rows, weights="weight" if weighted else None), rows
    weights = rows["weight"] if weighted else 1.0
    return smf.wls(known.formula, rows, weights=weights).fit(), rows


def formula(regression: str | Formula) -> Formula:
    """A regression by its name in ``FORMULAS`` or ``TIMING``, or as it is."""
    if isinstance(regression, Formula):
        return regression
    return named({**FORMULAS, **TIMING}, regression, what="formula")


def by_unit(
    regression: str | Formula,
    frame: pd.DataFrame,
    parameters: ElasticityParameters,
    hypothesis: str = "",
    *,
    clusters: Sequence[str] = ("unit",),
    interval: bool = True,
) -> FewClusters:
    """A regression and one hypothesis on it (its first regressor), with clusters by unit.

    Parameters
    ----------
    clusters : sequence of str
        One column or two of the rows, for two-way clusters.
    interval : bool
        Whether the set is wanted beside the p-value.
    """
    found, rows = fit(regression, frame)
    for name in clusters:
        named(dict(rows.items()), name, what="column", where="clusters")
    return few_clusters(
        found,
        hypothesis or formula(regression).term,
        groups=rows[clusters[0]] if len(clusters) == 1 else rows[list(clusters)],
        level=parameters.confidence_level,
        draws=parameters.draws,
        weights=parameters.weights,
        seed=parameters.seed,
        interval=interval,
    )
