"""The monthly intensities beside two outside measures, and under the three exposure windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ikm_pmi.language import spoken
from ikm_pmi.parameters import IntensityParameters
from ikm_pmi.restrictions import monthly_intensity
from ikm_pmi.results import Estimate, number

__all__ = ["IntensityComparison", "by_exposure", "compare"]

MEASURES = ("level", "industry_cap", "oxcgrt", "workplaces_mobility")


@dataclass(frozen=True, slots=True, eq=False)
class IntensityComparison:
    """Four measures of restriction by month.

    ``monthly`` (index month): level and industry_cap (0-1), oxcgrt (0-100), workplaces_mobility
    (percent change from baseline; missing where Google published nothing). ``correlations`` holds
    levels and changes with the number of months of each pair.
    """

    monthly: pd.DataFrame
    correlations: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Month and the four measures, as in ``tables/intensity_monthly.csv``."""
        return self.monthly.reset_index(names="month")

    def estimates(self) -> tuple[Estimate, ...]:
        """Correlation of the level with each outside measure, and the strictest months."""
        found = [
            Estimate(
                name=f"intensity.correlation.{row['outside']}",
                value=float(row["in_levels"]),
                unit="correlation",
                n=int(row["months"]),
                method=f"PPKM level and {row['outside']}, monthly, in levels",
            )
            for row in self.correlations.to_dict("records")
        ]
        for column, name in (("level", "level"), ("industry_cap", "industry_cap")):
            for month in ("2021-06", "2021-07", "2021-08", "2021-09"):
                if month in self.monthly.index:
                    found.append(
                        Estimate(
                            name=f"intensity.{name}.{month}",
                            value=float(self.monthly[column][month]),
                            unit="share, 0-1",
                            method="own coding of dated rules",
                        )
                    )
        return tuple(found)

    @spoken
    def sentence(self) -> str:
        """The strictest month of each own measure and the correlations with the outside ones."""
        strict = self.monthly["level"].idxmax()
        closed = self.monthly["industry_cap"].idxmin()
        parts = [
            f"the PPKM level is highest in {strict} ({number(self.monthly['level'].max())}), the "
            f"industry cap lowest in {closed} ({number(self.monthly['industry_cap'].min())})"
        ]
        parts += [
            f"the level's correlation with {row['outside']} is "
            f"{number(float(row['in_levels']))} in levels and "
            f"{number(float(row['in_changes']))} in changes (n = {row['months']})"
            for row in self.correlations.to_dict("records")
        ]
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe content."""
        return {"estimates": [e.to_dict() for e in self.estimates()]}


def compare(
    monthly: pd.DataFrame, outside: pd.DataFrame, parameters: IntensityParameters
) -> IntensityComparison:
    """Put level and cap beside the Oxford index and workplace mobility.

    Parameters
    ----------
    monthly : DataFrame
        ``restrictions.monthly_intensity``: level, industry_cap.
    outside : DataFrame
        Index month; stringency (0-100) and workplaces (percent change from baseline).
    parameters : IntensityParameters
        ``start_month`` and ``end_month`` bound the comparison.
    """
    months = pd.period_range(parameters.start_month, parameters.end_month, freq="M", name="month")
    own = monthly.reindex(months)[["level", "industry_cap"]]
    # Outside its calendar no rule was in force.
    own = own.fillna({"level": 0.0, "industry_cap": 1.0})
    both = own.join(
        outside[["stringency", "workplaces"]].rename(
            columns={"stringency": "oxcgrt", "workplaces": "workplaces_mobility"}
        )
    ).astype(float)
    rows = []
    for column in MEASURES[2:]:
        pair = both[["level", column]].dropna()
        moves = pair.diff().dropna()
        rows.append(
            {
                "outside": column,
                "in_levels": pair["level"].corr(pair[column]),
                "in_changes": moves["level"].corr(moves[column]),
                "months": len(pair),
            }
        )
    return IntensityComparison(both, pd.DataFrame(rows))


def by_exposure(daily: pd.DataFrame, parameters: IntensityParameters) -> pd.DataFrame:
    """Level and cap by month under each exposure window; columns ``<measure>.<window>``."""
    parts = {}
    for window in ("fieldwork", "calendar", "since_last"):
        monthly = monthly_intensity(daily, parameters.model_copy(update={"exposure": window}))
        for measure in ("level", "industry_cap"):
            parts[f"{measure}.{window}"] = monthly[measure]
    table = pd.DataFrame(parts)
    return table[sorted(parts, reverse=True)]
