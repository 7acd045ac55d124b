"""The task that makes one source."""

from __future__ import annotations

from functools import partial

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State

from ptm.catalog import Source
from ptm.content import ArtifactRef
from ptm.prepare import tensorize as make
from tasks.states import RETRY, cancelled, stopping
from tasks.terms import Terms, carry_out


class Sealed:
    """A source as an argument of a task, into which Prefect does not look.

    It takes equal empty options of two sources for a dependency of one task on the other, and its
    own `quote` does not reach Ray.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.name = source, source.name


@task(
    name="tensorize",
    task_run_name="{source.name}",
    description="Files of one source to verified tensors and tables in the store.",
    **RETRY,
)
def tensorize(
    source: Sealed,
    artifacts: str,
    rehash: bool = False,
    force: bool = False,
    terms: Terms | None = None,
) -> ArtifactRef | State[ArtifactRef] | State[None]:
    """Makes the tensors of one source, unless the store has them."""
    if stopping():
        return cancelled()
    get_run_logger().info("%s: started", source.name, extra={"ptm_started": source.name})
    call = partial(make, source.source, artifacts, rehash=rehash, force=force)
    return carry_out(terms or Terms(), source.name, call, source.source.timeout)
