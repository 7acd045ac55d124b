"""Analyses of artifacts, each a module of this package; here they are named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Analysis:
    """An analysis: its room and the artifact that it reads unless told otherwise."""

    room: str
    source: str


ANALYSES = {
    "wine_threshold": Analysis("ptm.analyses.thresholds", "wine"),
    "temperature_fits": Analysis("ptm.analyses.temperature", "temperature"),
}
