"""Where the tasks of the pipeline run: threads, processes, or a cluster of Dask or Ray."""

from __future__ import annotations

import importlib
from typing import Any

from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from flows.server import ServerError
from ptm.errors import PtmError

WORKERS = 4  # sources at once: enough to hide the disk, few enough to stay small in memory
CLUSTERS = {
    "dask": ("prefect_dask", "DaskTaskRunner"),
    "ray": ("prefect_ray", "RayTaskRunner"),
}
ONE_EACH = {"n_workers": WORKERS, "threads_per_worker": 1}
ON_RAY = {"runtime_env": {"worker_process_setup_hook": "flows.engine.claim"}}
RUNNERS = ("threads", "processes", *CLUSTERS)


def task_runner(wanted: str) -> Any:
    """The task runner of that name.

    Args:
        wanted: one of RUNNERS; "dask=ADDRESS" or "ray=ADDRESS" for a cluster that runs already.

    Raises:
        PtmError: there is none of that name, or its package is not installed.
    """
    name, _, address = wanted.partition("=")
    if name not in RUNNERS or (address and name not in CLUSTERS):
        raise PtmError(f"expected a runner, one of {', '.join(RUNNERS)}, got '{wanted}'")
    if name == "threads":
        return ThreadPoolTaskRunner(max_workers=WORKERS)
    if name == "processes":
        return ProcessPoolTaskRunner(max_workers=WORKERS)
    package, kind = CLUSTERS[name]
    try:
        runner = getattr(importlib.import_module(package), kind)
    except ImportError as error:
        raise PtmError(
            f"expected what the runner '{name}' needs, got: {error}; "
            f"install it with: pip install 'ptm[{name}]'"
        ) from error
    if name == "ray":
        here = {} if address else {"num_cpus": WORKERS, "include_dashboard": False}
        return runner(address=address or None, init_kwargs={**here, **ON_RAY})
    if address:
        return runner(address=address)
    return runner(cluster_kwargs={**ONE_EACH, "dashboard_address": None})


def expect_a_server() -> None:
    """Inside a flow run: tasks in other processes need a server that all of them can reach.

    Raises:
        ServerError: there is none. Each process would start one of its own on the same file.
    """
    context = FlowRunContext.get()
    runner = getattr(context, "task_runner", None)
    if runner and not isinstance(runner, ThreadPoolTaskRunner) and not PREFECT_API_URL.value():
        raise ServerError(
            f"expected a Prefect server for tasks on a {type(runner).__name__}, got none; "
            "start one with `ptm server start` and call the flow, or set PREFECT_API_URL"
        )
