"""Processes that others start for ptm, with ptm's own modules in them.

To import a flow or a task, Prefect and Ray put the working folder first on Python's path, where
another `flows` or `tasks` may stand. What is imported already is not looked for again.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from flows.running.served import ServedFlow

FLOWS = {  # what `ptm serve` may run, and in which module it is
    "pipeline": "flows.pipeline",
    "source": "flows.pipeline",
    "wine": "flows.wine",
    "temperature": "flows.temperature",
    "gc": "flows.collection",
}
# flows of one entry, and its name
OF_AN_ENTRY = {"wine": "wine_threshold", "temperature": "temperature_fits"}


def flow_named(name: str) -> ServedFlow:
    """One of the flows that `ptm serve` offers."""
    flow: ServedFlow = getattr(importlib.import_module(FLOWS[name]), name)
    return flow


def claim() -> None:
    """Imports the packages of ptm: what is in them is then found there, and nowhere else."""
    importlib.import_module("tasks")  # flows and ptm came with this module


def main() -> None:
    """One run of `ptm serve`: the flow that it names, with the flow run that the server has.

    The code comes from here, whatever the server says of it.
    """
    from flows.running.ending import ends_with_its_run

    name, flow_run = sys.argv[1], UUID(sys.argv[2])
    with ends_with_its_run(os.getppid()):
        try:
            flow_named(name).run(flow_run)
        except Exception as error:  # the server has it already: this is for the terminal
            sys.exit(f"{name}, run {flow_run}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
