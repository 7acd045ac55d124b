"""The task that makes one entry of a catalog, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State

from ptm.model import ArtifactRef
from ptm.prepare import tensorize
from ptm.source import Source
from tasks.outcome import RETRY, cancelled, done, skipped, stopping, was_made
from tasks.parts import Cancelled, Spread
from tasks.terms import Terms, carry_out


class Sealed:
    """A source as an argument of a task, into which Prefect does not look.

    It takes equal empty options of two sources for a dependency of one task on the other, and its
    own `quote` does not reach Ray.

    Args:
        source: the entry.
        spread: makes it by tasks over its parts; None where it is made by this one.
    """

    def __init__(self, source: Source, spread: Spread | None = None) -> None:
        self.source, self.name, self.spread = source, source.name, spread


@task(
    name="prepare",
    task_run_name="{source.name}",
    description="One entry of a catalog to verified tensors and tables in the store.",
    **RETRY,
)
def prepare(
    source: Sealed,
    artifacts: str,
    upstream: Sequence[Any] = (),
    rehash: bool = False,
    force: bool = False,
    terms: Terms | None = None,
) -> ArtifactRef | State[ArtifactRef] | State[None]:
    """Makes one entry, unless the store has it; `upstream` is what came of those that it is of.

    Without them, those that are in the store are taken.
    """
    if stopping():
        return cancelled()
    for name, came in zip(source.source.upstream, upstream, strict=False):
        if not was_made(came):
            return skipped(name)
    get_run_logger().info("%s: started", source.name, extra={"ptm_started": source.name})
    if source.spread:
        try:
            return done(source.spread.make(artifacts, rehash, force))
        except Cancelled:
            return cancelled()
    call = partial(tensorize, source.source, artifacts, rehash=rehash, force=force)
    return carry_out(terms or Terms(), source.name, call, source.source.timeout)
