"""Runs of the pipeline in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State

from flows.pipeline import pipeline

SOURCES = ["dog", "cats", "ct", "wine", "bikes", "austen", "temperature"]
ANALYSES = ["wine_threshold", "temperature_fits"]


@dataclass(frozen=True)
class Run:
    """A run of the pipeline in this process: its final state, its id and its store."""

    state: State[Any]
    store: Path

    @property
    def id(self) -> object:
        """Of the flow run."""
        return self.state.state_details.flow_run_id


def run(catalog: Path, data: Path, store: Path, sources: list[str] | None = None) -> Run:
    """Runs the pipeline to its end, whatever that is."""
    state = pipeline(
        catalog=str(catalog),
        data=str(data),
        artifacts=str(store),
        sources=sources,
        return_state=True,
    )
    return Run(state, store)


def strict(text: str) -> Any:
    """JSON without the words that are none, as a browser reads it."""

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)
