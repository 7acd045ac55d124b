"""The task that runs one analysis."""

from __future__ import annotations

from functools import partial
from typing import Any

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State

from ptm.analyses import ANALYSES
from ptm.content import ArtifactRef
from ptm.prepare import analyze as run
from tasks.states import RETRY, cancelled, skipped, stopping, was_made
from tasks.terms import Terms, carry_out


@task(
    name="analyze",
    task_run_name="{name}",
    description="Artifacts of the store to what they tell: tensors, tables, pictures.",
    **RETRY,
)
def analyze(
    name: str,
    artifacts: str,
    upstream: Any,
    options: dict[str, Any] | None = None,
    rehash: bool = False,
    force: bool = False,
    terms: Terms | None = None,
) -> ArtifactRef | State[ArtifactRef] | State[None]:
    """Runs one analysis, unless the store has its result; `upstream` is the artifact it reads.

    None as `upstream` stands for whatever artifact is in the store.
    """
    if stopping():
        return cancelled()
    if upstream is not None and not was_made(upstream):
        return skipped(ANALYSES[name].source)
    get_run_logger().info("%s: started", name, extra={"ptm_started": name})
    call = partial(run, name, artifacts, options, rehash=rehash, force=force)
    return carry_out(terms or Terms(), name, call)
