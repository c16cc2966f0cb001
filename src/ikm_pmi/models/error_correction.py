"""An error-correction model with its bounds statistics and long-run coefficients.

    dy_t = a + phi y_(t-1) + b'x_(t-1) + sum g_i dy_(t-i) + sum d_i'dx_(t-i) + c'f_t + e_t

If y and x have a level relationship, its coefficients are ``-b / phi``; f are dummies.

References
----------
Pesaran, Shin & Smith (2001), Bounds testing approaches to the analysis of level relationships,
Journal of Applied Econometrics 16. Natsiopoulos & Tzeremes (2022), same journal 37.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.bounds_test import Case, f_and_t
from ikm_pmi.inference.ratio import RatioSet, ratio_set
from ikm_pmi.inference.regression import check_design, size

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ErrorCorrection", "error_correction"]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ErrorCorrection:
    """An unrestricted error-correction model.

    ``long_run`` maps each regressor to its long-run coefficient, delta-method standard error and
    Fieller set; ``adjustment`` is (value, standard error) of phi, ``autocorrelation`` that of the
    residuals at lag one.
    """

    long_run: Mapping[str, RatioSet]
    adjustment: tuple[float, float]
    f: float
    t: float
    order: tuple[int, ...]
    case: Case
    nobs: int
    df_resid: int
    bic: float
    autocorrelation: float


def error_correction(
    frame: pd.DataFrame,
    outcome: str,
    order: Mapping[str, int],
    *,
    case: Case = 3,
    fixed: Sequence[str] = (),
    hold_back: int | None = None,
    level: float = 0.95,
) -> ErrorCorrection:
    """Estimate an ARDL model in error-correction form by least squares.

    Parameters
    ----------
    frame : DataFrame, shape (T, .)
        In order of time, without gaps.
    outcome : str
    order : mapping
        Lags by column, the outcome's among them, each at least 1.
    case : {1, 2, 3, 4, 5}
        Deterministic terms of the bounds test.
    fixed : sequence of str
        Dummies.
    hold_back : int, optional
        Rows kept for lags, to compare orders on one sample.
    level : float
        Coverage of the Fieller sets.

    Raises
    ------
    EstimationError
        When an order is below 1, too few rows are left, a value is not finite, the regressors are
        collinear or the fit is perfect.
    """
    from pandas import DataFrame
    from scipy.stats import t as student
    from statsmodels.tsa.ardl import UECM

    lags = {name: order[name] for name in order if name != outcome}
    where = f"{outcome}: {', '.join(lags)}"
    first = max(order.values()) if hold_back is None else hold_back
    trend: Literal["n", "c", "ct"] = "n" if case == 1 else "c" if case < 4 else "ct"
    terms = len(trend.strip("n")) + sum(order.values()) + len(order) - 1 + len(fixed)
    if min(order.values()) < 1 or len(frame) - first <= terms:
        raise EstimationError(
            "the error-correction model cannot be estimated",
            expected="orders of at least 1 and more rows than coefficients",
            found=f"order {dict(order)}, {len(frame) - first} rows, {terms} coefficients",
            where=where,
            todo="take other lags",
        )
    rows, unit = _in_one_size(frame[[*order, *fixed]], where)
    dummies = rows[list(fixed)] if fixed else None
    model = UECM(
        rows[outcome], order[outcome], rows[list(lags)], lags,
        trend=trend, fixed=dummies, hold_back=first,
    )  # fmt: skip
    design = DataFrame(model._x, columns=model.exog_names)
    check_design(design, where=where)
    fit = model.fit()
    b, cov = fit.params, fit.cov_params()
    own, inside = f"{outcome}.L1", {2: ["const"], 4: ["trend"]}.get(case, [])
    tested = [*inside, *(f"{name}.L1" for name in lags), own]
    stacked = [design.drop(columns=tested), design[tested], model._y]
    # Not from the covariance, which squares the condition number.
    f, t = f_and_t(np.column_stack(stacked), len(tested))
    critical = float(student.ppf(0.5 + level / 2, fit.df_resid))
    flip = np.outer([1.0, -1.0], [1.0, -1.0])
    errors = fit.bse
    resid = fit.resid.to_numpy()
    times = {name: unit[outcome] / unit[name] for name in lags}
    return ErrorCorrection(
        long_run={
            name: ratio_set(
                b[f"{name}.L1"] * times[name],
                -b[own],
                flip
                * np.outer([times[name], 1.0], [times[name], 1.0])
                * cov.loc[[f"{name}.L1", own], [f"{name}.L1", own]].to_numpy(),
                critical,
            )
            for name in lags
        },
        adjustment=(float(b[own]), float(errors[own])),
        f=float(f),
        t=float(t),
        order=(order[outcome], *lags.values()),
        case=case,
        nobs=int(fit.nobs),
        df_resid=int(fit.df_resid),
        bic=float(fit.bic + 2 * fit.nobs * np.log(unit[outcome])),
        autocorrelation=float(resid[1:] @ resid[:-1] / (resid @ resid)),
    )


def _in_one_size(frame: pd.DataFrame, where: str) -> tuple[pd.DataFrame, dict[str, float]]:
    """Finite columns divided by powers of two near their largest values, and these powers."""
    rows = frame.reset_index(drop=True).astype(float)
    bad = [str(name) for name in rows if not np.isfinite(rows[name]).all()]
    if bad:
        raise EstimationError(
            "the error-correction model cannot be estimated",
            expected="finite values in every row",
            found="not finite in " + ", ".join(bad),
            where=where,
            todo="fill no gap: take the rows between gaps",
        )
    # Least squares by a pseudo-inverse takes a column of small numbers for nothing.
    unit = dict(zip(rows.columns, size(rows.to_numpy()).tolist(), strict=True))
    return rows.div(list(unit.values())), unit
