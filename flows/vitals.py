"""The signs of life of a run: heartbeats for the server, progress for people."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext

from flows import deaths, ending
from flows.settings import BEAT
from ptm.names import catalog_key

LONG = 3.0  # s; shorter runs need neither progress nor beats
STEP = 0.5  # s between looks
JOIN_SECONDS = 5.0
LEAST_PATIENCE = 10.0  # s with a server that is asked to take a beat


class Vitals:
    """Beats and tells progress from threads of their own, as long as the `with` block lasts.

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
        self._told, self._cancelled = 0, False
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=copy_context().run, args=(live,), daemon=True)
            for live in (self._beat, self._progress)  # progress may have to wait for the server
        ]

    def __enter__(self) -> Vitals:
        for thread in self._threads if self._run else []:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads if self._run else []:
            thread.join(JOIN_SECONDS)
        if self._artifact:
            _try_to(self._tell)

    def ended(self, name: str) -> None:
        """One more is done."""
        self._left.pop(name, None)

    def _beat(self) -> None:
        run = self._run
        assert run
        settings = {"timeout": max(BEAT, LEAST_PATIENCE)}
        with get_client(sync_client=True, httpx_settings=settings) as client:
            wait = LONG
            while not self._over.wait(wait):
                _try_to(lambda: deaths.send(client, deaths.HEARTBEAT, run.id, run.name))
                _try_to(lambda: self._heed_cancellation(client, run))
                wait = BEAT

    def _heed_cancellation(self, client: SyncPrefectClient, run: FlowRun) -> None:
        """Cancelled in the dashboard, a run ends as it does by one Ctrl-C."""
        state = client.read_flow_run(run.id).state
        if state and state.type == StateType.CANCELLING and not self._cancelled:
            self._cancelled = True
            ending.cancel()

    def _progress(self) -> None:
        self._over.wait(LONG)
        while not self._over.wait(STEP):
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


def _try_to(act: Callable[[], object]) -> bool:
    """Whether it worked; a server that does not answer is the flow's to tell of."""
    try:
        act()
    except Exception:
        return False
    return True
