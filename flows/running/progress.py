"""The signs of life of a run: heartbeats for the server, progress for people."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from types import TracebackType
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext

from flows.running import crashed_runs, ending
from flows.running.settings import BEAT
from ptm.names import catalog_key
from ptm.source import Source

LONG = 3.0  # s; shorter runs need neither progress nor beats
STEP = 0.5  # s between looks; a beat where the server did not take what was told
JOIN_SECONDS = 5.0
LEAST_PATIENCE = 10.0  # s with a server that is asked to take a beat


class Progress:
    """Beats and tells progress from threads of their own, as long as the `with` block lasts.

    Args:
        sources: what is to be made.
        catalog: the name of the catalog, with which the keys of the dashboard begin.

    Attributes:
        sources: by name.
        catalog: likewise.
        cancelled: whether the run was cancelled in the dashboard.
    """

    def __init__(self, sources: Sequence[Source], catalog: str) -> None:
        context = FlowRunContext.get()
        self._run = context.flow_run if context else None
        self.sources = {source.name: source for source in sources}
        self._names, self._left = list(self.sources), dict.fromkeys(self.sources, 0.0)
        self.catalog, self._key = catalog, f"{catalog_key(catalog)}-progress"
        self._artifact: UUID | None = None
        self._told, self.cancelled = 0.0, False
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=copy_context().run, args=(live,), daemon=True)
            for live in (self._beat, self._progress)  # progress may have to wait for the server
        ]

    def __enter__(self) -> Progress:
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

    def part(self, name: str, share: float) -> None:
        """Which share of an entry of many parts is done, from 0 to 1."""
        if name in self._left:
            self._left[name] = share

    def _beat(self) -> None:
        run = self._run
        assert run
        settings = {"timeout": max(BEAT, LEAST_PATIENCE)}
        with get_client(sync_client=True, httpx_settings=settings) as client:
            wait = LONG
            while not self._over.wait(wait):
                _try_to(lambda: crashed_runs.send(client, crashed_runs.HEARTBEAT, run.id, run.name))
                _try_to(lambda: self._heed_cancellation(client, run))
                wait = BEAT

    def _heed_cancellation(self, client: SyncPrefectClient, run: FlowRun) -> None:
        """Cancelled in the dashboard, a run ends as it does by one Ctrl-C."""
        state = client.read_flow_run(run.id).state
        if state and state.type == StateType.CANCELLING and not self.cancelled:
            self.cancelled = True
            ending.cancel()

    def _progress(self) -> None:
        wait = LONG
        while not self._over.wait(wait):
            wait = STEP if _try_to(self._tell) else BEAT

    def _tell(self) -> None:
        done = len(self._names) - len(self._left) + sum([*self._left.values()])
        percent = 100 * done / len(self._names)
        if self._artifact is None:
            created = create_progress_artifact(
                progress=percent,
                key=self._key,
                description=f"Percent of the {len(self._names)} entries of the run that are done.",
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
