"""What the surveys of workers counted from one year to the next, beside an effect of the chain."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ikm_pmi.language import say, translated
from ikm_pmi.results import Estimate, Findings, significant

#: Tables that :func:`counted` reads.
TABLES = ("imk_panel", "manufacturing_employment")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CountedResult(Findings):
    """Yearly changes of Sakernas and IMK, and the size of an effect beside their usual movement.

    ``changes`` has one row a year: ``year, sakernas_year`` (August on August), ``sakernas_half``
    (February to August), ``imk``: persons, missing where a round is.
    """

    changes: pd.DataFrame
    effect: float

    @translated
    def sentence(self) -> str:
        """Whether a survey could have seen the effect."""
        usual = self["surveys.usual_movement"].value
        seen = "large enough to be seen" if abs(self.effect) > 2 * usual else "too small to be seen"
        return say("Manufacturing employment usually moves by {} persons from August to August: "
                   "{} IKM workers are {} in a survey.",
                   significant(usual), significant(abs(self.effect)), seen)  # fmt: skip


def counted(employment: pd.DataFrame, panel: pd.DataFrame, effect: float) -> CountedResult:
    """Changes of workers in Sakernas (all manufacturing) and in IMK (micro and small industry).

    Parameters
    ----------
    employment : DataFrame
        ``manufacturing_employment``: year, period (February, August), sector, workers_mn.
    panel : DataFrame
        ``imk_panel``; its years without a survey give no change.
    effect : float
        Persons, from :func:`ikm_pmi.jobs.chain.chain`.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> raw = ikm.load_many(TABLES)
    >>> found = counted(raw["manufacturing_employment"], raw["imk_panel"], effect=-30_000)
    >>> float(found.changes.set_index("year")["sakernas_year"].round(-4)[2021])
    1220000.0
    """
    rows = employment[employment["sector"] == "manufacturing"]
    wide = 1e6 * rows.pivot_table(index="year", columns="period", values="workers_mn")
    years = range(int(wide.index.min()), int(wide.index.max()) + 1)
    wide = wide.reindex(years)
    imk = panel[panel["scale"] == "total"].groupby("year")["workers"].sum().reindex(years)
    changes = pd.DataFrame(
        {
            "sakernas_year": wide["August"].diff(),
            "sakernas_half": wide["August"] - wide["February"],
            "imk": imk.astype(float).diff(),
        }
    ).dropna(how="all")
    usual = Estimate(
        name="surveys.usual_movement",
        value=float(changes["sakernas_year"].std()),
        unit="persons",
        n=int(changes["sakernas_year"].count()),
        method="standard deviation of the change from August to August, all manufacturing",
    )
    return CountedResult(
        estimates=(usual,), changes=changes.reset_index(names="year"), effect=effect
    )
