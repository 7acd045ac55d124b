"""The signs of life of a run: heartbeats for the server, progress for people."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.events import emit_event

from flows import deaths
from flows.settings import BEAT
from ptm.names import catalog_key

LONG = 3.0  # s; shorter runs need neither progress nor beats
STEP = 0.5  # s between looks
JOIN_SECONDS = 5.0


class Vitals:
    """Beats and tells progress from a thread of its own, as long as the `with` block lasts.

    Args:
        names: what is to be done.
        catalog: the name of the catalog, with which the keys of the dashboard begin.

    Attributes:
        catalog: likewise.
    """

    def __init__(self, names: list[str], catalog: str) -> None:
        context = FlowRunContext.get()
        self._run = context.flow_run if context else None
        self._names, self._left = names, dict.fromkeys(names)
        self.catalog, self._key = catalog, f"{catalog_key(catalog)}-progress"
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
        if self._run:
            self._thread.join(JOIN_SECONDS)
        if self._artifact:
            _try_to(self._tell)

    def ended(self, name: str) -> None:
        """One more is done."""
        self._left.pop(name, None)

    def _live(self) -> None:
        run = self._run
        assert run
        start, beats = time.monotonic(), 0
        while not self._over.wait(STEP):
            lived = time.monotonic() - start
            if lived >= LONG + beats * BEAT:
                beats += 1
                _try_to(lambda: _beat(run))
            if lived >= LONG:
                _try_to(self._tell)

    def _tell(self) -> None:
        done = len(self._names) - len(self._left)
        percent = 100 * done / len(self._names)
        if self._artifact is None:
            created = create_progress_artifact(
                progress=percent,
                key=self._key,
                description=f"Percent of the {len(self._names)} sources and analyses of the run "
                "that are done.",
            )
            self._artifact = created if isinstance(created, UUID) else None
        elif done != self._told:
            update_progress_artifact(self._artifact, progress=percent)
        self._told = done


def _beat(run: FlowRun) -> None:
    emit_event(
        event=deaths.HEARTBEAT,
        resource={
            "prefect.resource.id": f"prefect.flow-run.{run.id}",
            "prefect.resource.name": run.name,
        },
        related=[
            {"prefect.resource.id": f"prefect.tag.{deaths.TAG}", "prefect.resource.role": "tag"}
        ],
    )


def _try_to(act: Callable[[], object]) -> bool:
    """Whether it worked; a server that does not answer is the flow's to tell of."""
    try:
        act()
    except Exception:
        return False
    return True
