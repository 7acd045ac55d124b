"""What `ptm serve` offers: deployments of the flows, named after the catalog that they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.types.entrypoint import EntrypointType

from flows import deaths
from flows.engine import FLOWS, flow_named
from flows.schedules import Schedule
from flows.server import ServerError
from ptm.catalog import Catalog, load_catalog

ASKED = timedelta(seconds=60)  # who asked for work within this time is alive, as Prefect counts
OF_A_SOURCE = ("wine", "temperature")  # flows that read the source of that name


@dataclass(frozen=True)
class Places:
    """Where a catalog, its data and its artifacts are; absolute.

    Attributes:
        catalog: the TOML file.
        data: the data root.
        artifacts: the store.
        roots: folders below which runs may name others; their own where there are none.
    """

    catalog: Path
    data: Path
    artifacts: Path
    roots: tuple[Path, ...] = ()

    @classmethod
    def resolved(
        cls, catalog: Path, data: Path, artifacts: Path, roots: tuple[Path, ...] = ()
    ) -> Places:
        """The same, absolute and without links."""
        own = (catalog.parent, data, artifacts)
        return cls(
            catalog.resolve(),
            data.resolve(),
            artifacts.resolve(),
            tuple(dict.fromkeys(root.resolve() for root in roots or own)),
        )

    def parameters(self) -> dict[str, str]:
        """As parameters of a flow."""
        return {name: str(getattr(self, name)) for name in ("catalog", "data", "artifacts")}

    def outside(self, parameters: Mapping[str, Any]) -> Iterator[str]:
        """What of a run's parameters lies below none of the roots, in words."""
        for name in self.parameters():
            given = parameters.get(name)
            if isinstance(given, str) and not any(
                Path(given).resolve().is_relative_to(root) for root in self.roots
            ):
                below = " or ".join(map(str, self.roots))
                yield f"{name}: expected a path below {below}, got '{given}'"


@dataclass
class Offer:
    """The deployments of one catalog, and what the server has of them.

    Args:
        places: where it is.
        schedule: of the pipeline.
        collected: when the store is collected; never where left out.
        registered: the ids of the deployments, by the names of their flows.
        sources: the names of those that can be asked for.
    """

    places: Places
    schedule: Schedule | None = None
    collected: Schedule | None = None
    registered: dict[str, UUID] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.catalog = load_catalog(self.places.catalog, self.places.data)
        self.sources = list(self.catalog)

    def flow_of(self, deployment: UUID | None) -> str | None:
        """The name of the flow of a deployment."""
        return next((name for name, known in self.registered.items() if known == deployment), None)

    def register(self, client: SyncPrefectClient) -> None:
        """Makes them known to the server.

        Raises:
            ServerError: a work pool, or a program that is not ptm, has one of the names.
        """
        wanted = self._deployments(self.catalog)
        for deployment in wanted.values():
            expect_free(client, deployment)
        self.registered = {name: _apply(each) for name, each in wanted.items()}

    def follow(self, client: SyncPrefectClient) -> bool:
        """Reads the catalog again: what it has is what is offered; whether that is something else.

        Raises:
            CatalogError: it is not valid; all stays as it was.
            ServerError: as `register`.
        """
        catalog = load_catalog(self.places.catalog, self.places.data)
        if list(catalog) == self.sources:
            return False
        wanted = self._deployments(catalog)
        for name in self.registered.keys() - wanted.keys():
            client.delete_deployment(self.registered.pop(name))
        for name, deployment in wanted.items():
            if name in self.registered:  # its schedule, and what waits, stay as they are
                schema = deployment._parameter_openapi_schema.model_dump()
                change = DeploymentUpdate(parameter_openapi_schema=schema)
                client.update_deployment(self.registered[name], change)
            else:
                expect_free(client, deployment)
                self.registered[name] = _apply(deployment)
        self.sources = list(catalog)
        return True

    def keep(self, client: SyncPrefectClient) -> list[str]:
        """Makes known again what somebody has deleted.

        Returns:
            the names of the flows whose deployments were gone.

        Raises:
            ServerError: a work pool has taken one over.
        """
        gone = [name for name, known in self.registered.items() if not _is_there(client, known)]
        if gone:
            self.register(client)
        return gone

    def pause(self, client: SyncPrefectClient) -> None:
        """Has the server schedule nothing more."""
        for deployment in self.registered.values():
            client.pause_deployment(deployment)

    def described(self) -> dict[str, str]:
        """What each deployment is for, by its full name."""
        found = self._deployments(self.catalog).values()
        return {each.full_name: each.description or "" for each in found}

    def _deployments(self, catalog: Catalog) -> dict[str, RunnerDeployment]:
        """By the name of the flow; forms offer the sources of the catalog by name."""
        names = [name for name in FLOWS if name not in OF_A_SOURCE or name in catalog]
        if self.collected is None:
            names.remove("gc")
        schedules = {"pipeline": self.schedule, "gc": self.collected}
        offered = {name: self._deployment(name, schedules.get(name)) for name in names}
        # Prefect makes the schema from the code, which knows no catalog
        of_source = offered["source"]._parameter_openapi_schema.properties
        of_source["source"]["enum"] = list(catalog)
        of_pipeline = offered["pipeline"]._parameter_openapi_schema.properties
        of_pipeline["sources"]["items"]["enum"] = list(catalog)
        return offered

    def _deployment(self, name: str, schedule: Schedule | None) -> RunnerDeployment:
        flow: Flow[Any, Any] = flow_named(name)
        deployment = flow.to_deployment(
            name=self.catalog.name,
            schedules=[schedule] if schedule else None,
            paused=False,
            parameters={
                name: place
                for name, place in self.places.parameters().items()
                if name in flow.parameters.properties
            },
            description=flow.description,
            tags=[deaths.TAG],
            version=version("ptm"),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        assert isinstance(deployment, RunnerDeployment)
        return deployment


def _apply(deployment: RunnerDeployment) -> UUID:
    known = deployment.apply()
    assert isinstance(known, UUID)
    return known


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
    for flow in ("pipeline", "source", *OF_A_SOURCE):
        known = _read(client, f"{flow}/{flow}")
        # a catalog of such a name has others beside it
        other = f"source/{flow}" if flow == "pipeline" else f"pipeline/{flow}"
        if known is None or known.work_pool_name or deaths.TAG not in known.tags:
            continue
        if _read(client, other):
            continue
        if _is_asked_for(known):
            served.append(f"{flow}/{flow}")
        else:
            client.delete_deployment(known.id)
    return served


def _is_there(client: SyncPrefectClient, deployment: UUID) -> bool:
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
