"""Where the tasks of the pipeline run: threads, processes, or a cluster of Dask or Ray."""

from __future__ import annotations

import importlib
from typing import Any
from uuid import uuid4

from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ThreadPoolTaskRunner

from flows.running import fence
from flows.running.runner_names import split
from flows.running.server import ServerError
from ptm.budget import ENTRIES
from ptm.errors import PtmError
from tasks.terms import Terms

PACKAGES = {
    "dask": ("prefect_dask", "DaskTaskRunner"),
    "ray": ("prefect_ray", "RayTaskRunner"),
}
ONE_EACH = {"n_workers": ENTRIES, "threads_per_worker": 1}
# a task whose worker was lost is tried once more; none waits at a worker that makes another
TRIED_TWICE = {
    "distributed.scheduler.allowed-failures": 1,
    "distributed.scheduler.worker-saturation": 1.0,
}
ON_RAY = {"runtime_env": {"worker_process_setup_hook": "flows.running.engine.claim"}}


class WorkerTaskRunner(ThreadPoolTaskRunner[Any]):
    """Tasks run in threads, as usual, and make their calls in worker processes."""


def task_runner(wanted: str) -> Any:
    """The task runner of that name.

    Args:
        wanted: as `flows.running.runner_names.split` takes it.

    Raises:
        PtmError: there is none of that name, or its package is not installed.
    """
    name, address = split(wanted)
    if name == "threads":
        return ThreadPoolTaskRunner(max_workers=ENTRIES)
    if name == "processes":
        return WorkerTaskRunner(max_workers=ENTRIES)
    package, kind = PACKAGES[name]
    try:
        runner = getattr(importlib.import_module(package), kind)
    except ImportError as error:
        raise PtmError(
            f"expected what the runner '{name}' needs, got: {error}; "
            f"install it with: pip install 'ptm[{name}]'"
        ) from error
    if name == "ray":
        here = {} if address else {"num_cpus": ENTRIES, "include_dashboard": False}
        return _tried_twice(runner)(address=address or None, init_kwargs={**here, **ON_RAY})
    if address:
        return runner(address=address)
    import dask

    dask.config.set(TRIED_TWICE)  # before its scheduler is there
    return runner(cluster_kwargs={**ONE_EACH, "dashboard_address": None})


def _tried_twice(runner: Any) -> Any:
    """The runner for Ray, with tasks whose worker was lost tried once more."""
    context = importlib.import_module("prefect_ray.context")

    class RayTaskRunner(runner):  # type: ignore[misc]
        def submit(self, *arguments: Any, **options: Any) -> Any:
            with context.remote_options(max_retries=1):
                return super().submit(*arguments, **options)

    return RayTaskRunner


def terms(span: float | None) -> Terms:
    """Inside a flow run: where its tasks make their calls, and until when.

    Args:
        span: seconds that the run may take; None where there is no limit.

    Raises:
        ServerError: tasks in other processes need a server that all of them can reach, and there
            is none. Each process would start one of its own on the same file.
    """
    context = FlowRunContext.get()
    runner = getattr(context, "task_runner", None)
    here = runner is None or isinstance(runner, ThreadPoolTaskRunner)
    if not here and not PREFECT_API_URL.value():
        raise ServerError(
            f"expected a Prefect server for tasks on a {type(runner).__name__}, got none; "
            "start one with `ptm server start` and call the flow, or set PREFECT_API_URL"
        )
    run = context.flow_run.id if context and context.flow_run else uuid4()
    arrive = None if here else fence.elsewhere(PREFECT_API_URL.value(), run)
    return Terms(not here or isinstance(runner, WorkerTaskRunner), span, str(run), arrive)
