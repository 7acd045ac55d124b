"""Whose the deployments are that a server has: ours, a work pool's or another program's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound

from flows.running import crashed_runs
from flows.running.engine import OF_AN_ENTRY, flow_named
from flows.running.server import ServerError

ASKED = timedelta(seconds=60)  # who asked for work within this time is alive, as Prefect counts


def expect_free(client: SyncPrefectClient, wanted: RunnerDeployment) -> None:
    """That no work pool, and no other program, has the name of a deployment.

    Raises:
        ServerError: one has.
    """
    known = _read(client, wanted.full_name)
    if known is None:
        return
    if known.work_pool_name:
        raise ServerError(
            f"expected to serve {wanted.full_name}, got that the work pool "
            f"'{known.work_pool_name}' has this deployment; delete it there (`prefect deployment "
            f"delete {wanted.full_name}`), or give this catalog another name: [catalog] name = …"
        )
    if known.entrypoint != wanted.entrypoint and _is_asked_for(known):
        raise ServerError(
            f"expected to serve {wanted.full_name}, got that another program does, which asked for "
            f"work at {known.last_polled:%H:%M:%S} UTC (entrypoint {known.entrypoint}); stop it, "
            "or give this catalog another name: [catalog] name = …"
        )


def changed(client: SyncPrefectClient, deployment: UUID, flow: str) -> str:
    """What of a deployment is not as `ptm serve` made it, and would run other code; "" if nothing.

    Whoever may write to the server may edit it; a serve process runs its own flows only.

    Raises:
        ServerError: a work pool has taken it over: its runs are none of ours.
    """
    known = client.read_deployment(deployment)
    _expect_no_pool(known)
    own = flow_named(flow)
    expected = f"{own.fn.__module__}.{own.fn.__name__}"
    if known.entrypoint != expected:
        return f"entrypoint: expected '{expected}', got '{known.entrypoint}'"
    if known.pull_steps:
        return f"pull steps: expected none, got {len(known.pull_steps)}"
    return ""


def take_away_older(client: SyncPrefectClient) -> list[str]:
    """Deletes the deployments of versions that named them after their flows, unless one is served.

    Returns:
        the names of those that are still served.
    """
    served = []
    for flow in ("pipeline", "source", *OF_AN_ENTRY):
        known = _read(client, f"{flow}/{flow}")
        # a catalog of such a name has others beside it
        other = f"source/{flow}" if flow == "pipeline" else f"pipeline/{flow}"
        if known is None or known.work_pool_name or crashed_runs.TAG not in known.tags:
            continue
        if _read(client, other):
            continue
        if _is_asked_for(known):
            served.append(f"{flow}/{flow}")
        else:
            client.delete_deployment(known.id)
    return served


def is_there(client: SyncPrefectClient, deployment: UUID) -> bool:
    """Whether a deployment is known, and still that of `ptm serve`."""
    try:
        _expect_no_pool(client.read_deployment(deployment))
    except ObjectNotFound:
        return False
    return True


def _expect_no_pool(known: DeploymentResponse) -> None:
    if known.work_pool_name:
        raise ServerError(
            f"the work pool '{known.work_pool_name}' has taken over the deployment '{known.name}' "
            "that is served here: its runs are the workers' from now on"
        )


def _read(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _is_asked_for(known: DeploymentResponse) -> bool:
    return known.last_polled is not None and datetime.now(UTC) - known.last_polled < ASKED
