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
from ikm_pmi.inference.bounds_test import Case
from ikm_pmi.inference.ratio import RatioSet, ratio_set

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
        When an order is below 1, or too few rows are left.
    """
    from scipy.stats import t as student
    from statsmodels.tsa.ardl import UECM

    lags = {name: order[name] for name in order if name != outcome}
    first = max(order.values()) if hold_back is None else hold_back
    trend: Literal["n", "c", "ct"] = "n" if case == 1 else "c" if case < 4 else "ct"
    size = len(trend.strip("n")) + sum(order.values()) + len(order) - 1 + len(fixed)
    if min(order.values()) < 1 or len(frame) - first <= size:
        raise EstimationError(
            "the error-correction model cannot be estimated",
            expected="orders of at least 1 and more rows than coefficients",
            found=f"order {dict(order)}, {len(frame) - first} rows, {size} coefficients",
            todo="take other lags",
        )
    rows = frame.reset_index(drop=True)
    dummies = rows[list(fixed)] if fixed else None
    fit = UECM(
        rows[outcome], order[outcome], rows[list(lags)], lags,
        trend=trend, fixed=dummies, hold_back=first,
    ).fit()  # fmt: skip
    b, cov = fit.params, fit.cov_params()
    own, inside = f"{outcome}.L1", {2: ["const"], 4: ["trend"]}.get(case, [])
    tested = [*inside, *(f"{name}.L1" for name in lags), own]
    critical = float(student.ppf(0.5 + level / 2, fit.df_resid))
    flip = np.outer([1.0, -1.0], [1.0, -1.0])
    errors = fit.bse
    resid = fit.resid.to_numpy()
    return ErrorCorrection(
        long_run={
            name: ratio_set(
                b[f"{name}.L1"],
                -b[own],
                flip * cov.loc[[f"{name}.L1", own], [f"{name}.L1", own]].to_numpy(),
                critical,
            )
            for name in lags
        },
        adjustment=(float(b[own]), float(errors[own])),
        f=float(b[tested] @ np.linalg.solve(cov.loc[tested, tested], b[tested]) / len(tested)),
        t=float(b[own] / errors[own]),
        order=(order[outcome], *lags.values()),
        case=case,
        nobs=int(fit.nobs),
        df_resid=int(fit.df_resid),
        bic=float(fit.bic),
        autocorrelation=float(resid[1:] @ resid[:-1] / (resid @ resid)),
    )
