"""Published numbers, each computed again by the functions the study itself uses.

The data come from packages of the test extra and are imported where they are used. A number is
within tolerance when it rounds to what was printed: half the last printed digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.simulate import slug
from ikm_pmi.language import spoken
from ikm_pmi.models import published_studies as studies
from ikm_pmi.models.published_studies import Found
from ikm_pmi.results import Estimate

__all__ = ["STUDIES", "Study", "compare", "estimates", "sentence"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """What a study printed, and how it is computed here.

    Parameters
    ----------
    printed : str
        ``quantity value (standard error)``, separated by ``;``, each number as it was printed.
    compute : callable
        Returns a value, or a value and its standard error, by quantity.
    relative : float, optional
        Replaces half the last digit where more digits are certified than double precision holds.
    reasons : mapping
        Why a quantity is not within tolerance.
    """

    source: str
    printed: str
    compute: Callable[[], Found]
    relative: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)

    def targets(self) -> dict[str, str]:
        """The printed texts by quantity; ``s.e.`` follows the name of a standard error."""
        found: dict[str, str] = {}
        for entry in self.printed.split(";"):
            # "rho .293" is a value, "pe .073 (.126)" a value with its standard error
            name, value, error = re.findall(r"^(.+?) (\S+?)(?: \((.+)\))?$", entry.strip())[0]
            found |= {name: value} | ({f"{name}, s.e.": error} if error else {})
        return found

    def tolerance(self, text: str) -> float:
        """The largest difference from a printed text that still counts as within."""
        if self.relative is not None:
            return abs(float(text)) * self.relative
        return 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-12


def compare(names: Collection[str] = ()) -> pd.DataFrame:
    """Every published number beside the computed one.

    Parameters
    ----------
    names : collection of str
        Studies of ``STUDIES``; all when empty.

    Returns
    -------
    DataFrame
        study, quantity, published (text), computed, tolerance, within (bool), reason, source.

    Raises
    ------
    EstimationError
        When a package that holds the data is not installed.

    Examples
    --------
    >>> compare(["critical values"])["within"].all()
    np.True_
    """
    rows = []
    for name in names or STUDIES:
        study = STUDIES[name]
        try:
            computed = study.compute()
        except ModuleNotFoundError as error:
            raise EstimationError(
                f"the data of {name} are not installed",
                expected=f"the package {error.name}, part of the test extra",
                found="no such package",
                todo="make setup, or: pip install 'ikm-pmi[test]'",
            ) from None
        found: dict[str, float] = {}
        for quantity, value in computed.items():
            pair = value if isinstance(value, tuple) else (value,)
            found |= dict(zip((quantity, f"{quantity}, s.e."), pair, strict=False))
        for quantity, text in study.targets().items():
            tolerance = study.tolerance(text)
            within = abs(found[quantity] - float(text)) <= tolerance
            reason = "" if within else study.reasons.get(quantity, "unexplained")
            row = (name, quantity, text, float(found[quantity]), tolerance, within, reason)
            rows.append((*row, study.source))
    columns = ["study", "quantity", "published", "computed", "tolerance", "within", "reason"]
    return pd.DataFrame(rows, columns=[*columns, "source"])


def estimates(table: pd.DataFrame) -> list[Estimate]:
    """The computed numbers as ``replicate.<study>.<quantity>``, the printed ones in the detail."""
    return [
        Estimate(
            name=f"replicate.{slug(row['study'])}.{slug(row['quantity'])}",
            value=row["computed"],
            unit="as published",
            method=row["source"],
            detail={name: row[name] for name in ("published", "tolerance", "within", "reason")},
        )
        for row in table.to_dict("records")
    ]


@spoken
def sentence(table: pd.DataFrame) -> str:
    """How many numbers agree, and why each other one does not."""
    text = f"{int(table['within'].sum())} of {len(table)} published numbers are within tolerance"
    apart = [
        f"{r.study} ({r.quantity}) {r.computed:.4g} against {r.published}: {r.reason}"
        for r in table[~table["within"]].itertuples()
    ]
    return "; not within: ".join([text, *apart]) + "."


STUDIES: Mapping[str, Study] = {
    "Longley": Study(
        source="NIST StRD, Longley, certified values",
        printed="const -3482258.63459582; GNPDEFL 15.0618722713733; GNP -0.0358191792925910; "
        "UNEMP -2.02022980381683; ARMED -1.03322686717359; POP -0.0511041056535807; "
        "YEAR 1829.15146461355",
        compute=studies.longley,
        relative=5e-11,  # the condition number of the data leaves ten of the certified digits
    ),
    "Longley, fit": Study(
        source="NIST StRD, Longley, certified values",
        printed="R2 0.995479004577296",
        compute=studies.longley,
        relative=5e-15,
    ),
    "barium": Study(
        source="Wooldridge, Introductory Econometrics, Example 10.5 (10.22); Example 12.4",
        printed="befile6 .060 (.261); affile6 -.032 (.264); afdec6 -.565 (.286); n 131; R2 .305; "
        "rho .293; afdec6 with AR(1) errors -.577 (.342)",
        compute=studies.barium,
    ),
    "minimum wage": Study(
        source="Wooldridge, Examples 10.3 (10.17), 10.9 (10.38) and 12.7",
        printed="lmincov -.154 (.065); lmincov with trend -.169 (.044); "
        "lmincov by ols -.2123 (.0402); lmincov by newey_west -.2123 (.0426); "
        "lmincov by prais_winsten -.1477 (.0458)",
        compute=studies.minimum_wage,
    ),
    "fertility": Study(
        source="Wooldridge, Example 10.4 (10.19)",
        printed="pe .073 (.126); pe_1 -.0058 (.1557); pe_2 .034 (.126); long run .101 (.030); n 70",
        compute=studies.fertility,
    ),
    "difference in differences": Study(
        source="Wooldridge, Examples 13.3 and 13.4",
        printed="y81nrinc -11863.9 (7456.6); afhigh .191 (.069)",
        compute=studies.differences,
    ),
    "money demand": Study(
        source="R package ARDL, README (Natsiopoulos & Tzeremes 2022)",
        printed="F of case 2 5.1168; t of case 3 -4.547939; "
        "adjustment -0.41685 (0.09166); n 52; lry 0.9964676 (0.1239310); "
        "ibo -4.5381160 (0.5202961); ide 2.8915201 (0.9950853)",
        compute=studies.money_demand,
    ),
    "Grunfeld": Study(
        source="Baltagi, Econometric Analysis of Panel Data, Table 2.1",
        printed="FE value 0.110 (0.012); FE capital 0.310 (0.017); RE value 0.110 (0.010); "
        "RE capital 0.308 (0.017); pooled value 0.116 (0.006); pooled capital 0.231 (0.025)",
        compute=studies.grunfeld,
    ),
    "public capital": Study(
        source="Baltagi & Pinnoi, fixed effects",
        printed="P_CAP -0.0261 (0.0290); PC 0.2920 (0.0251); EMP 0.7682 (0.0301); "
        "UNEMP -0.0053 (0.0010)",
        compute=studies.public_capital,
    ),
    "labour demand": Study(
        source="Verbeek, A Guide to Modern Econometrics, chapter 4",
        printed="output 0.990 (0.026); wage -0.928 (0.071); capital -0.004 (0.019); R2 0.843",
        compute=studies.labour_demand,
    ),
    "Proposition 99": Study(
        source="Arkhangelsky et al. (2021), American Economic Review 111(12), Table 1",
        printed="classic -19.6; difference -27.3",
        compute=studies.proposition_99,
        reasons={
            "classic": "the paper's iteration stops early; this is the optimum of its programme"
        },
    ),
    "critical values": Study(
        source="Lazarus, Lewis, Stock & Watson (2018), 120 months",
        printed="truncation 15; cosine terms 9; fixed-b critical value 2.337; "
        "cosine critical value 2.262",
        compute=studies.critical_values,
    ),
    "Darfur": Study(
        source="Cinelli & Hazlett (2020), Table 1: robustness value in percent",
        printed="directlyharmed 13.9",
        compute=studies.darfur,
    ),
}
