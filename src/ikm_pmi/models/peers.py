"""The sample of the counterfactual models: contiguous months, complete peers, gaps by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikm_pmi.errors import EstimationError
from ikm_pmi.parameters import CounterfactualParameters, Episode

__all__ = ["PeerSample", "select_sample", "wide_frame", "within"]


@dataclass(frozen=True, slots=True, eq=False)
class PeerSample:
    """PMI and peers over the same contiguous months.

    Parameters
    ----------
    pmi : Series, shape (T,)
        Index points; missing where no value was found.
    peers : DataFrame, shape (T, k)
        Complete columns, none without peers.
    excluded : dict
        Peer to the reason why it is left out.
    """

    pmi: pd.Series
    peers: pd.DataFrame
    excluded: dict[str, str]


def wide_frame(countries: pd.DataFrame, *, country: str = "IDN") -> pd.DataFrame:
    """One column a country from the long table; the studied country's column is ``pmi``.

    Parameters
    ----------
    countries : DataFrame
        ``country_iso3``, ``month`` (period), ``pmi`` (index points).
    """
    wide = countries.pivot_table(index="month", columns="country_iso3", values="pmi")
    months = pd.period_range(wide.index.min(), wide.index.max(), freq="M", name="month")
    return wide.reindex(months).rename(columns={country: "pmi"}).rename_axis(columns=None)


def select_sample(frame: pd.DataFrame, parameters: CounterfactualParameters) -> PeerSample:
    """The months of the parameters, gaps kept as missing; peers complete or left out by name."""
    months = pd.period_range(parameters.start_month, parameters.end_month, freq="M")
    if "pmi" not in frame or not frame.index.is_unique or months[0] < frame.index.min():
        raise EstimationError(
            "the frame does not hold the sample",
            expected=f"a column pmi by unique months from {months[0]}",
            found=f"columns {', '.join(map(str, frame.columns[:6]))}; first {frame.index.min()}",
            todo="start later, or use wide_frame on the country table",
        )
    data = frame.reindex(months)
    for text in parameters.episodes:
        episode = Episode.parse(text)
        spell = data["pmi"].loc[episode.first : episode.last]
        length = len(pd.period_range(episode.first, episode.last, freq="M"))
        if len(spell) < length or spell.isna().any():
            lacking = ", ".join(spell.index[spell.isna()].astype(str)) or "outside the sample"
            raise EstimationError(
                f"episode {episode.name} is not wholly observed",
                expected=f"a PMI in each of its {length} months, within {months[0]}..{months[-1]}",
                found=f"{int(spell.notna().sum())} observed; {lacking}",
                where=f"{episode.first}..{episode.last}",
                todo="shorten the episode or lengthen the sample",
            )
    excluded = {}
    for peer in parameters.peers:
        if peer not in data:
            excluded[peer] = "not in the frame"
        elif data[peer].isna().any():
            gaps = data.index[data[peer].isna()].astype(str)
            excluded[peer] = f"no value in {len(gaps)} of {len(data)} months, first {gaps[0]}"
    kept = [peer for peer in parameters.peers if peer not in excluded]
    if parameters.peers and not kept:
        raise EstimationError(
            "no peer has a PMI in every month of the sample",
            expected="at least one complete peer, or an empty list of peers",
            found="; ".join(f"{peer}: {why}" for peer, why in excluded.items()),
            todo="start the sample later or name other peers",
        )
    peers = data[kept]
    if kept and parameters.peers_as == "mean":
        peers = peers.mean(axis=1).to_frame("peers")
    return PeerSample(data["pmi"], peers, excluded)


def within(index: pd.Index, spells: Sequence[str]) -> NDArray[np.bool_]:
    """Which months lie in one of the spells."""
    inside = np.zeros(len(index), bool)
    for episode in map(Episode.parse, spells):
        first, last = pd.Period(episode.first, "M"), pd.Period(episode.last, "M")
        inside |= np.asarray((index >= first) & (index <= last))
    return inside
