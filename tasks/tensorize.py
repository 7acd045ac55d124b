"""The task that makes one source."""

from __future__ import annotations

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State

from ptm.catalog import Source
from ptm.content import ArtifactRef
from ptm.prepare import tensorize as make
from tasks.states import RETRY, cancelled, done, stopping


@task(
    name="tensorize",
    task_run_name="{source.name}",
    description="Files of one source to verified tensors and tables in the store.",
    **RETRY,
)
def tensorize(
    source: Source, artifacts: str, rehash: bool = False
) -> ArtifactRef | State[ArtifactRef] | State[None]:
    """Makes the tensors of one source, unless the store has them."""
    if stopping():
        return cancelled()
    get_run_logger().info("%s: started", source.name, extra={"ptm_started": source.name})
    return done(make(source, artifacts, rehash=rehash))
