"""What a wave of infections like the studied country's goes with elsewhere, and what is left.

The gap is the observed PMI minus what other months predict (chapter 03). The wave is estimated on
the other countries: ``PMI_it = a_i + m_t + b change_it + c level_it + g'd_it + e_it`` with deaths d
in one of the declared forms, and then ``g'(d of the studied country in the episode)``. The rest is
gap minus wave: a residual, and no effect of anything. No form leads; what holds is what all of
them say together.

The two are taken as independent: the gap's errors come from the country's own other months, the
wave's from other countries. The 95% set of the rest is every value that the placebo errors of the
gap and a t(G-1) error of the wave together do not reject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.inference.windows import joint_half_width, joint_p_value
from ikm_pmi.language import joined, say, translated
from ikm_pmi.parameters import CrossCountryParameters, Episode, ImpactParameters
from ikm_pmi.parameters.pmi import FEWEST_COUNTRIES
from ikm_pmi.pmi import sample
from ikm_pmi.pmi.country_panel import (
    FORKS,
    FORMS,
    CountryPanel,
    Fork,
    assemble,
    combination,
    negative_weights,
    regress,
)
from ikm_pmi.pmi.cross_country import by_country
from ikm_pmi.pmi.event_study import POINTS, EventStudyResult, evaluate
from ikm_pmi.pmi.local_projections import UNIT
from ikm_pmi.pmi.spells import with_episode
from ikm_pmi.results import Estimate, Findings, number, percent, span

#: Raw tables of :func:`country_gap` and :func:`wave`.
TABLES = (*sample.TABLES, "population")


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class WaveResult(Findings):
    """Gap, wave and rest by fork, and what the forks say together.

    Parameters
    ----------
    estimates, notes : tuple
        ``wave.gap``; ``wave.<fork>.wave``, ``.rest`` and ``.change`` (of stringency, in the same
        regression); ``wave.envelope.low|high`` and ``wave.rest_envelope.low|high``, the ends of
        all 95% sets together.
    rows : DataFrame
        The other countries' rows, on which every formula is estimated.
    forks : DataFrame
        One row a fork: name, words, formula, the dose (deaths of the episode in that form),
        value, std_error, ci_low, ci_high of the wave (CRV3), wild_low, wild_high, wild_p;
        rest, rest_low, rest_high, rest_p (that the wave is the whole gap); change,
        change_std_error; moves_most and without_it (the country whose absence moves the wave
        most, and the wave without it); n.
    checks : DataFrame
        Lowest and highest wave and the envelopes, with all countries and without those that had
        a lockdown of their own in the same months.
    weights : DataFrame
        By regressor the country-months with a negative weight, in percent, and their sum; see
        :func:`~ikm_pmi.pmi.country_panel.negative_weights`.
    """

    country: str
    episode: Episode
    rows: pd.DataFrame
    forks: pd.DataFrame
    checks: pd.DataFrame
    weights: pd.DataFrame

    @property
    def gap(self) -> Estimate:
        """Observed minus expected, mean of the episode."""
        return self["wave.gap"]

    @property
    def verdict(self) -> str:
        """Whether the envelope of the rest tells zero and the whole gap apart."""
        low, high = self["wave.rest_envelope.low"].value, self["wave.rest_envelope.high"].value
        zero, whole = (low <= value <= high for value in (0.0, self.gap.value))
        if zero and whole:
            return "not separated (zero and the whole gap lie within)"
        if whole:
            return "not separated (the whole gap lies within)"
        return "not separated (zero lies within)" if zero else "separated from zero and the gap"

    def headline(self) -> str:
        """Wave and rest over all forks in a sentence for a title."""
        wave, rest = (span(self.forks[name].min(), self.forks[name].max(), 1) for name in _MIDDLES)
        return say("In other countries a wave like this goes with {} points; of a gap of {} "
                   "points {} are left: {}",
                   wave, number(self.gap.value, 1), rest, self.verdict)  # fmt: skip

    @translated
    def sentence(self, digits: int = 1) -> str:
        """Gap, wave and rest over all forks, with the verdict."""
        g, f = self.gap, self.forks
        wave, rest = (span(f[name].min(), f[name].max(), digits) for name in _MIDDLES)
        low, high, below, above = (self[f"wave.{end}"].value for end in _ENVELOPES)
        together, left = span(low, high, digits), span(below, above, digits)
        return joined(" ", (
            say("{}, {} to {}: the PMI stood {} points from its expected path ({}).",
                self.country, self.episode.first, self.episode.last, number(g.value, digits),
                span(g.ci_low, g.ci_high, digits)),
            say("By {} forms of the epidemic, a wave like this goes with {} points in other "
                "countries; all {} sets together: {}.",
                len(f), wave, percent(g.ci_level), together),
            say("The rest is {}; all sets together: {}: {}.", rest, left, self.verdict),
        ))  # fmt: skip

    def reading(self) -> pd.DataFrame:
        """Wave and rest of each form with its interval, a column without and with the lag."""
        rows = {}
        for _, pair in self.forks.groupby(["form", "era"], sort=False):
            rows[pair["words"].iloc[0]] = {
                f"{what}{head}": _cell(pair.iloc[place], *names)
                for place, head in enumerate(("", ", with lag"))
                for what, names in _CELLS.items()
            }
        return pd.DataFrame.from_dict(rows, orient="index")

    def robustness(self) -> pd.DataFrame:
        """The checks for reading: waves, and the sets of wave and rest over all forms."""
        heads = {
            "wave": ("wave_low", "wave_high"),
            "all sets of the wave": ("envelope_low", "envelope_high"),
            "all sets of the rest": ("rest_envelope_low", "rest_envelope_high"),
        }
        return pd.DataFrame(
            {
                head: [span(low, high, 1) for low, high in self.checks[list(names)].to_numpy()]
                for head, names in heads.items()
            },
            index=self.checks.index.rename("countries"),
        )


_ENVELOPES = ("envelope.low", "envelope.high", "rest_envelope.low", "rest_envelope.high")
_MIDDLES = ("value", "rest")
_CELLS = {"wave": ("value", "ci_low", "ci_high"), "rest": ("rest", "rest_low", "rest_high")}


def _cell(fork: pd.Series, value: str, low: str, high: str) -> str:
    return say("{} ({})", number(fork[value], 1), span(fork[low], fork[high], 1))


def country_months(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The frame of :func:`wave`: every country and month, with the country's population."""
    return tables["country_monthly"].merge(tables["population"], on="country_iso3", how="left")


def country_gap(
    tables: Mapping[str, pd.DataFrame], parameters: CrossCountryParameters
) -> EventStudyResult:
    """The gap of the studied country in the episode, by the event design of chapter 03.

    Indonesia keeps chapter 03's other episodes and its season; any other country has the episode
    alone, and the same peers without itself.

    Parameters
    ----------
    tables : mapping
        Those of :data:`ikm_pmi.pmi.sample.TABLES`; for another country ``country_monthly``.

    Raises
    ------
    EstimationError
        When the country's PMI does not reach over the episode, or leaves no placebo window.
    """
    design, episode = ImpactParameters.parse({}), Episode.parse(parameters.episode)
    if parameters.treated_country == "IDN":
        frame = sample.assemble(tables, design)
        return evaluate(frame, with_episode(design.episodes, episode), design)
    frame = sample.wide_frame(tables["country_monthly"], country=parameters.treated_country)
    peers = [peer for peer in design.peers if peer != parameters.treated_country]
    frame["peers_pmi"] = frame[peers].mean(axis=1, skipna=False)
    known = frame.dropna(subset=["pmi", "peers_pmi"]).index
    own = {
        "controls": ["peers_pmi"],
        "start_month": max(design.start_month, str(known.min())),
        "end_month": min(design.end_month, str(known.max())),
    }
    return evaluate(frame, [episode], design.model_copy(update=own))


def wave(
    frame: pd.DataFrame, gap: EventStudyResult, parameters: CrossCountryParameters
) -> WaveResult:
    """What a wave like the studied country's goes with elsewhere, by fork, and the rest of the gap.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`~ikm_pmi.pmi.cross_country.country_panel`, with ``population`` (persons)
        for the forms per head; without it they are left out, and a note says so.
    gap : EventStudyResult
        Of the studied country, with the episode of the parameters: :func:`country_gap`.
    parameters : CrossCountryParameters

    Raises
    ------
    EstimationError
        When the country has no deaths in the episode, no other form can be computed, or fewer
        than six countries are left beside it.

    Examples
    --------
    >>> import ikm_pmi as ikm
    >>> from ikm_pmi.pmi import sample
    >>> few = ikm.defaults("05").model_copy(update={"draws": 99})
    >>> tables = ikm.load_many(sample.TABLES)
    >>> found = ikm.wave(tables["country_monthly"], country_gap(tables, few), few)
    >>> round(found["wave.share_of_peak.wave"].value, 1), len(found.forks)
    (-2.7, 8)
    """
    panel, episode = assemble(frame, parameters), Episode.parse(parameters.episode)
    forks, notes = _usable(panel, parameters)
    total, misses = gap[episode.name], gap.placebos[episode.name].mean
    elsewhere = panel.sample(without=[parameters.treated_country])
    rows, estimates = [], [replace(total, name="wave.gap", detail={})]
    for fork, doses in forks.items():
        fit = regress(elsewhere, fork.formula)
        found = fit.clusters(combination(doses), parameters)
        one = by_country(f"wave.{fork.name}.wave", found, POINTS)
        rest = _rest(one, (total, misses), parameters)
        change = fit.jackknife(pd.Series({"change": 1.0}), parameters)
        change = replace(change, name=f"wave.{fork.name}.change", unit=UNIT)
        estimates += [one, rest, change]
        without = fit.without_each(combination(doses))
        moved = str((without - one.value).abs().idxmax())
        rows.append(
            {"fork": fork.name, "form": fork.form, "era": fork.era, "words": fork.words}
            | {"formula": fork.formula, "dose": float(doses[fork.form])}
            | {key: getattr(one, key) for key in ("value", "std_error", "ci_low", "ci_high")}
            | {"wild_low": found.wild.ci_low, "wild_high": found.wild.ci_high}
            | {"wild_p": found.wild.p_value, "rest": rest.value, "rest_low": rest.ci_low}
            | {"rest_high": rest.ci_high, "rest_p": rest.p_value, "change": change.value}
            | {"change_std_error": change.std_error, "moves_most": moved}
            | {"without_it": float(without[moved]), "n": found.n}
        )
    table = pd.DataFrame(rows)
    return WaveResult(
        estimates=(*estimates, *_envelopes(table, total)),
        notes=(*notes, *_notes(table)),
        country=parameters.treated_country,
        episode=episode,
        rows=elsewhere,
        forks=table,
        checks=_checks(panel, forks, (total, misses), table, parameters),
        weights=_weights(elsewhere),
    )


def rests(
    frame: pd.DataFrame, gap: EventStudyResult, parameters: CrossCountryParameters
) -> list[Estimate]:
    """The rest of the gap alone, fork by fork: those of :func:`wave`, which says what is taken."""
    panel, name = assemble(frame, parameters), Episode.parse(parameters.episode).name
    elsewhere = panel.sample(without=[parameters.treated_country])
    total = gap[name], gap.placebos[name].mean
    forks, _ = _usable(panel, parameters)
    return [rest for _, rest in _jackknifed(elsewhere, forks, total, parameters)]


def _notes(forks: pd.DataFrame) -> list[str]:
    """What a restriction goes with by fork, and what hangs on one country."""
    most = forks.iloc[int((forks["without_it"] - forks["value"]).abs().argmax())]
    low, high = forks["change"].min(), forks["change"].max()
    return [
        say("Beside the wave, ten points more stringency go with {} points in the same month, by "
            "form.", span(low, high)),
        say("Leaving one country out moves the wave most in the form {}: {} with all, {} without "
            "{}.", most["words"], number(most["value"], 1), number(most["without_it"], 1),
            most["moves_most"]),
    ]  # fmt: skip


def dose(panel: CountryPanel, fork: Fork, parameters: CrossCountryParameters) -> pd.Series:
    """The studied country's deaths in the episode, by term of the fork.

    With an era level they are counted from the country's other months of the sample since March
    2020, without one from zero.
    """
    rows, episode, terms = panel.rows, Episode.parse(parameters.episode), list(fork.terms)
    own = rows.loc[rows["country"] == parameters.treated_country, ["month", *terms]]
    own = own.set_index("month")
    inside = own.loc[episode.first : episode.last]
    around = own.loc[max(sample.PANDEMIC, panel.first) : panel.last]
    others = around.drop(index=inside.index, errors="ignore").mean()
    return inside.mean(skipna=False) - (others if fork.era else 0.0)


def _usable(
    panel: CountryPanel, parameters: CrossCountryParameters
) -> tuple[dict[Fork, pd.Series], list[str]]:
    """The forks that these data allow with their doses, and why the others are left out."""
    doses = {fork: dose(panel, fork, parameters) for fork in FORKS}
    forks = {fork: one for fork, one in doses.items() if one.notna().all()}
    lost = list(dict.fromkeys(FORMS[fork.form] for fork in FORKS if fork not in forks))
    notes = [
        say("{} is left out: no deaths or no population of the country.", form) for form in lost
    ]
    if not any(one.abs().sum() for fork, one in forks.items() if not fork.era):
        raise EstimationError(
            "there is no wave to compare",
            expected=f"recorded deaths of {parameters.treated_country} in the episode",
            found="none" if forks else "no figures",
            where=parameters.episode,
            todo="choose another episode, or a treated_country with deaths in it",
        )
    return forks, notes


def _rest(
    one: Estimate, gap: tuple[Estimate, NDArray[np.float64]], p: CrossCountryParameters
) -> Estimate:
    """Gap minus wave, with both uncertainties."""
    total, misses = gap
    value, df, error = total.value - one.value, one.detail["n_clusters"] - 1, one.std_error or 0.0
    half = joint_half_width(misses, error, df, p.confidence_level)
    if half is None:
        raise EstimationError(
            "the gap has too few placebo windows for an interval",
            expected=f"windows enough for {percent(p.confidence_level)}",
            found=f"{len(misses)} windows, smallest p {1 / (1 + len(misses)):.3g}",
            where=p.treated_country,
            todo="lower confidence_level, or study a country whose PMI begins earlier",
        )
    method = "gap minus wave; {} placebo windows and CRV3 t({}), independent"
    return Estimate(
        name=one.name.removesuffix(".wave") + ".rest",
        value=value,
        unit=POINTS,
        method=say(method, len(misses), df),
        n=one.n,
        ci_low=value - half,
        ci_high=value + half,
        ci_level=p.confidence_level,
        p_value=joint_p_value(value, misses, error, df),
    )


def _jackknifed(
    rows: pd.DataFrame,
    forks: Mapping[Fork, pd.Series],
    gap: tuple[Estimate, NDArray[np.float64]],
    p: CrossCountryParameters,
) -> list[tuple[Estimate, Estimate]]:
    """Wave and rest by fork, without bootstrap."""
    out = []
    for fork, doses in forks.items():
        one = regress(rows, fork.formula).jackknife(doses, p)
        one = replace(one, name=f"wave.{fork.name}.wave")
        out.append((one, _rest(one, gap, p)))
    return out


def _envelopes(forks: pd.DataFrame, total: Estimate) -> list[Estimate]:
    """The ends of all sets together."""
    ends = {
        "envelope.low": forks["ci_low"].min(),
        "envelope.high": forks["ci_high"].max(),
        "rest_envelope.low": forks["rest_low"].min(),
        "rest_envelope.high": forks["rest_high"].max(),
    }
    method = say("end of the {} sets of {} forms together", percent(total.ci_level), len(forks))
    return [
        Estimate(name=f"wave.{name}", value=float(value), unit=POINTS, method=method, n=total.n)
        for name, value in ends.items()
    ]


def _checks(
    panel: CountryPanel,
    forks: Mapping[Fork, pd.Series],
    gap: tuple[Estimate, NDArray[np.float64]],
    table: pd.DataFrame,
    p: CrossCountryParameters,
) -> pd.DataFrame:
    """The envelopes without the countries that locked down in the same months."""
    out = [c for c in p.own_lockdown if c in panel.countries and c != p.treated_country]
    rows = {"all other countries": table}
    if out and len(set(panel.countries) - {p.treated_country, *out}) >= FEWEST_COUNTRIES:
        rows[say("without {}", joined(" and ", out))] = pd.DataFrame(
            {"value": one.value, "ci_low": one.ci_low, "ci_high": one.ci_high}
            | {"rest": rest.value, "rest_low": rest.ci_low, "rest_high": rest.ci_high}
            for one, rest in _jackknifed(
                panel.sample(without=[p.treated_country, *out]), forks, gap, p
            )
        )
    return pd.DataFrame.from_dict(
        {
            name: {
                "wave_low": one["value"].min(),
                "wave_high": one["value"].max(),
                "envelope_low": one["ci_low"].min(),
                "envelope_high": one["ci_high"].max(),
                "rest_envelope_low": one["rest_low"].min(),
                "rest_envelope_high": one["rest_high"].max(),
            }
            for name, one in rows.items()
        },
        orient="index",
    )


def _weights(rows: pd.DataFrame) -> pd.DataFrame:
    """Negative weights by regressor: of the change beside the first form, and of every form."""
    first = next(iter(FORMS))
    found = {"change of stringency": negative_weights(rows, "change", ["level", first])}
    for form, words in FORMS.items():
        if rows[form].notna().any():
            found[words] = negative_weights(rows, form, ["change", "level"])
    heads = ["negative, percent", "sum of negative"]
    return pd.DataFrame.from_dict(found, orient="index", columns=heads).rename_axis("regressor")
