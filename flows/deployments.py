"""What `ptm serve` offers: deployments of the flows, named after the catalog that they are of."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.running import crashed_runs
from flows.running.engine import FLOWS, OF_AN_ENTRY, flow_named
from flows.serving.ownership import expect_free, is_there
from flows.serving.roots import Places
from flows.serving.schedules import Schedule
from ptm.catalog import Catalog, load_catalog


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
        gone = [name for name, known in self.registered.items() if not is_there(client, known)]
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
        names = [name for name in FLOWS if name not in OF_AN_ENTRY or OF_AN_ENTRY[name] in catalog]
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
            tags=[crashed_runs.TAG],
            version=version("ptm"),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        assert isinstance(deployment, RunnerDeployment)
        return deployment


def _apply(deployment: RunnerDeployment) -> UUID:
    known = deployment.apply()
    assert isinstance(known, UUID)
    return known
