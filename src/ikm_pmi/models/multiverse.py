"""The multiverse of both headline estimates: every declared specification, and what it adds up to.

Three curves: the mean effect of an episode on the PMI (``event``), its immediate response to the
intensity (``dose``), and the employment elasticity of IKM output (``elasticity``). The first two
are judged by circular shifts in time, the third by wild draws of whole units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.inference.curve import explained, joint_tests
from ikm_pmi.language import spoken
from ikm_pmi.parameters import RobustnessParameters
from ikm_pmi.results import Estimate, Findings, number, probability

__all__ = ["Curve", "summarise"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve(Findings):
    """All specifications of one estimand, and what they say together.

    Parameters
    ----------
    specifications : DataFrame
        One row a specification, the headline first: one column a choice, ``estimate``,
        ``std_error``, ``p_value``, ``significant``, ``n``; for the PMI ``at_onset``, the effect of
        what the measure of restriction did in the first month of the episode.
    shares : DataFrame
        By option: specifications, median estimate, share with the sign of the overall median, share
        significant with it, percentile of the headline among them, median of ``at_onset``.
    explained : DataFrame
        See :func:`ikm_pmi.inference.curve.explained`.
    envelope : ndarray of shape (2, N)
        The middle of the sorted curve under the null, lower and upper end.
    by_error : mapping of str to float
        Share significant by each kind of standard error.
    """

    name: str
    choices: tuple[str, ...]
    specifications: pd.DataFrame
    shares: pd.DataFrame
    explained: pd.DataFrame
    envelope: Floats
    by_error: Mapping[str, float]
    duplicates: int

    def __getitem__(self, name: str) -> Estimate:
        """The estimate of this last part of its name (``median``)."""
        return {e.name.rpartition(".")[2]: e for e in self.estimates}[name]

    def headline(self) -> str:
        """The finding in a sentence for a title: sign, significance, and what the size hangs on."""
        same, found = self["same_sign"].value, self["significant"].value
        lead = str(self.explained.iloc[0]["choice"]).replace("_", " ")
        signs = "All specifications agree" if same == 1 else f"{same:.1%} of specifications agree"
        found_so = "all significant" if found == 1 else f"{found:.1%} significant with it"
        return f"{signs} in sign, {found_so}; the size hangs most on: {lead}"

    @spoken
    def sentence(self) -> str:
        """Range, signs, significance, the headline's place, and the choice that matters most."""
        n, unit = len(self.specifications), self["median"].unit
        lead, whole = self.explained.iloc[0], self.explained.iloc[-1]
        p = max(test.p_value for test in self.tests)
        return (
            f"{self.name}: {n:,} specifications, median {number(self['median'].value)} {unit}, "
            f"from {number(self['lowest'].value)} to {number(self['highest'].value)}; "
            f"{self['same_sign'].value:.1%} have the sign of the median, "
            f"{self['significant'].value:.1%} are significant with it. The headline "
            f"{number(self['headline'].value)} is at percentile "
            f"{self['headline_percentile'].value:.0f}. {lead['choice']} alone explains "
            f"{lead['alone']:.0%} of the variance, all choices {whole['alone']:.0%}; "
            f"joint tests of no effect: p at most {probability(p)}."
        )


def summarise(
    name: str,
    table: pd.DataFrame,
    null: Floats,
    parameters: RobustnessParameters,
    *,
    unit: str,
    distribution: str,
    by_error: Mapping[str, float],
    duplicates: int,
) -> Curve:
    """What a curve adds up to.

    Parameters
    ----------
    table : DataFrame
        ``specifications`` as in :class:`Curve`, the headline in the first row.
    null : ndarray of shape (R, N)
        Estimates under the null, the actual ones first.
    """
    choices = list(table.columns[: list(table.columns).index("estimate")])
    values = table["estimate"].to_numpy(float)
    sign = np.sign(np.median(values))
    same, found = values * sign > 0, table["significant"].to_numpy(bool)
    alpha, N = 1 - parameters.confidence_level, len(values)
    decomposition = explained(table, choices)
    headline = table.iloc[0]
    shown: dict[str, tuple[float, str, str]] = {
        "median": (float(np.median(values)), unit, "median over specifications"),
        "lowest": (float(values.min()), unit, "smallest estimate of a specification"),
        "highest": (float(values.max()), unit, "largest estimate of a specification"),
        "percentile_5": (float(np.quantile(values, 0.05)), unit, "5th percentile"),
        "percentile_95": (float(np.quantile(values, 0.95)), unit, "95th percentile"),
        "same_sign": (float(same.mean()), "share of specifications", "sign of the median"),
        "significant": (
            float((same & found).mean()),
            "share of specifications",
            f"significant at {alpha:.0%} with the sign of the median",
        ),
        "headline": (float(headline["estimate"]), unit, "the chapters' own specification"),
        "headline_percentile": (
            100 * float(np.mean(values <= values[0])),
            "percentile",
            "share of specifications not above the headline",
        ),
        "explained": (
            float(decomposition.iloc[-1]["alone"]),
            "share of variance",
            "main effects of all choices",
        ),
    }
    ends = np.quantile(np.sort(null[1:], axis=1), [alpha / 2, 1 - alpha / 2], axis=0)
    return Curve(
        name=f"multiverse.{name}",
        estimates=tuple(
            Estimate(name=f"multiverse.{name}.{key}", value=v, unit=u, n=N, method=method)
            for key, (v, u, method) in shown.items()
        ),
        tests=tuple(
            joint_tests(null, f"multiverse.{name}", distribution, parameters.confidence_level)
        ),
        choices=tuple(choices),
        specifications=table,
        shares=_shares(table, choices, sign),
        explained=decomposition,
        envelope=ends,
        by_error=by_error,
        duplicates=duplicates,
    )


def _shares(table: pd.DataFrame, choices: Sequence[str], sign: float) -> pd.DataFrame:
    same = table["estimate"] * sign > 0
    below = table["estimate"] <= table["estimate"].iloc[0]
    flags = table.assign(same=same, both=same & table["significant"], below=below)
    parts = []
    for choice in choices:
        group = flags.groupby(choice, observed=True)
        part = pd.DataFrame(
            {
                "specifications": group.size(),
                "median": group["estimate"].median(),
                "same_sign": group["same"].mean(),
                "significant": group["both"].mean(),
                "headline_percentile": 100 * group["below"].mean(),
            }
        )
        if "at_onset" in table:
            part["at_onset"] = group["at_onset"].median()
        parts.append(part.rename_axis("option").reset_index().assign(choice=choice))
    return pd.concat(parts).set_index(["choice", "option"])
