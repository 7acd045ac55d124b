"""Processes that others start for ptm, with ptm's own modules in them.

To import a flow or a task, Prefect and Ray put the working folder first on Python's path, where
another `flows` or `tasks` may stand. What is imported already is not looked for again.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from flows.served import ServedFlow

FLOWS = {  # what `ptm serve` may run, and in which module it is
    "pipeline": "flows.pipeline",
    "source": "flows.pipeline",
    "wine": "flows.wine",
    "temperature": "flows.temperature",
    "gc": "flows.collection",
}
END = signal.SIGUSR1  # what `ptm serve` sends to a run that is to end now


def flow_named(name: str) -> ServedFlow:
    """One of the flows that `ptm serve` offers."""
    flow: ServedFlow = getattr(importlib.import_module(FLOWS[name]), name)
    return flow


def claim() -> None:
    """Imports the packages of ptm: what is in them is then found there, and nowhere else."""
    importlib.import_module("tasks")  # flows and ptm came with this module


def main() -> None:
    """One run of `ptm serve`: the flow that it names, with the flow run that the server has.

    The code comes from here, whatever the server says of it. A terminal and systemd send their
    signals to every process of a service: as long as `ptm serve` lives, it decides what they mean.
    """
    name, flow_run = sys.argv[1], UUID(sys.argv[2])
    parent = os.getppid()

    def end(number: int, _: FrameType | None) -> None:
        if number == END or os.getppid() != parent:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (END, signal.SIGTERM):
        signal.signal(number, end)
    flow_named(name).run(flow_run)


if __name__ == "__main__":
    main()
