"""The signs of life of a run: heartbeats for the server, progress for people."""

from __future__ import annotations

import threading
import time
from contextvars import copy_context
from types import TracebackType
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext
from prefect.events import emit_event

HEARTBEAT = "prefect.flow-run.heartbeat"  # the event, and its resource, that Prefect's have
BEAT_SECONDS = 20.0
PROGRESS_AFTER = 3.0  # s; shorter work needs no progress
STEP = 1.0  # s between looks


class Vitals:
    """Beats and tells progress from a thread of its own, as long as the `with` block lasts.

    Args:
        names: what is to be done.
    """

    def __init__(self, names: list[str]) -> None:
        context = FlowRunContext.get()
        self._run = context.flow_run if context else None
        self._names, self._left = names, dict.fromkeys(names)
        self._artifact: UUID | None = None
        self._told = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._live,), daemon=True)

    def __enter__(self) -> Vitals:
        if self._run:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._artifact:
            self._tell()

    def ended(self, name: str) -> None:
        """One more is done."""
        self._left.pop(name, None)

    def _live(self) -> None:
        start = beat = time.monotonic()
        while not self._over.wait(STEP):
            now = time.monotonic()
            if now - beat >= BEAT_SECONDS:
                beat = now
                self._beat()
            if now - start >= PROGRESS_AFTER:
                self._tell()

    def _beat(self) -> None:
        assert self._run
        emit_event(
            event=HEARTBEAT,
            resource={
                "prefect.resource.id": f"prefect.flow-run.{self._run.id}",
                "prefect.resource.name": self._run.name,
            },
        )

    def _tell(self) -> None:
        done = len(self._names) - len(self._left)
        try:
            if self._artifact is None:
                created = create_progress_artifact(
                    progress=100 * done / len(self._names),
                    key="progress",
                    description=f"Percent of the {len(self._names)} sources and analyses of the "
                    "run that are done.",
                )
                self._artifact = created if isinstance(created, UUID) else None
            elif done != self._told:
                update_progress_artifact(self._artifact, progress=100 * done / len(self._names))
            self._told = done
        except httpx.HTTPError:
            return  # of what does not answer the flow will tell
