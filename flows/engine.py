"""Processes that others start for ptm, with ptm's own modules in them.

To import a flow or a task, Prefect and Ray put the working folder first on Python's path, where
another `flows` or `tasks` may stand. What is imported already is not looked for again.
"""

from __future__ import annotations

import contextlib
import importlib
import runpy

MODULES = ("flows.pipeline", "flows.wine", "flows.temperature")


def claim() -> None:
    """Imports the packages of ptm: what is in them is then found there, and nowhere else."""
    importlib.import_module("tasks")  # flows and ptm came with this module


def main() -> None:
    """One run of `ptm serve`: Prefect's engine, with the flow run that the environment names."""
    for module in MODULES:
        with contextlib.suppress(Exception):  # Prefect's own import fails too, and is told
            importlib.import_module(module)
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
