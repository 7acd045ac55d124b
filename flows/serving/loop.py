"""`ptm serve`: waits for runs, on a schedule or on demand, until it is told to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from flows.deployments import Offer
from flows.running import crashed_runs
from flows.running.server import ServerError, connected
from flows.serving.claims import RENEWED, Claim, user
from flows.serving.dispatch import END_SECONDS, Dispatcher
from flows.serving.ownership import take_away_older
from flows.serving.roots import Places
from flows.serving.schedules import Schedule, shown
from ptm.errors import CatalogError

LOOK = 1.0  # s between two looks at the catalog, at the runs, and for work
LOST = (httpx.TransportError, PrefectHTTPStatusError, ObjectNotFound)
Say = Callable[[str], None]


def serve(
    places: Places,
    schedule: Schedule | None = None,
    collected: Schedule | None = None,
    limit: int = 4,
    grace: float = 600.0,
    say: Say = print,
) -> None:
    """Serves the deployments of a catalog until SIGINT or SIGTERM; runs are processes of their own.

    Args:
        places: where the catalog, its data and its artifacts are.
        schedule: of the pipeline; the others run on demand.
        collected: when the store is collected.
        limit: how many runs may go at once; one of each source.
        grace: seconds that a run which goes on is given at the end, before it is cancelled.
        say: told what goes on.

    Raises:
        CatalogError: the catalog is not valid.
        ServerError: there is no server, or another serves the catalog there.
    """
    offer = Offer(places, schedule, collected)
    with connected(say) as api, get_client(sync_client=True) as client, _stops() as stops:
        claim = Claim(client, offer.catalog.name, places.catalog)
        try:
            crashed_runs.watch()
            claim.take()
            with _released_at_failure(claim):
                offer.register(client)
            older = take_away_older(client)
        except httpx.HTTPError as error:
            text = f"expected the server at {api} to take what is served, got {error}"
            raise ServerError(text) from error
        _introduce(offer, api, older, say)
        dispatcher = Dispatcher(client, offer, limit, say)
        # a server that does not answer is asked again here, and a signal is not kept waiting
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            try:
                _Loop(client, claim, offer, dispatcher, say).go_on(stops)
                with suppress(*LOST):
                    offer.pause(client)
            finally:  # also where another has what was served here
                _stop(claim, dispatcher, grace, stops, say)


class _Loop:
    """What is done again and again.

    Args:
        client, claim, offer, dispatcher, say: what it is done with.
    """

    def __init__(
        self,
        client: SyncPrefectClient,
        claim: Claim,
        offer: Offer,
        dispatcher: Dispatcher,
        say: Say,
    ) -> None:
        self._client, self._claim, self._offer = client, claim, offer
        self._dispatcher, self._say = dispatcher, say
        self._stamp, self._renewed = self._catalog_stamp(), time.monotonic()
        self._lost = False

    def go_on(self, stops: list[int]) -> None:
        """Until it is told to stop.

        Raises:
            ServerError: another serves the catalog, or a work pool.
        """
        while not stops:
            began = time.monotonic()
            try:
                self._once()
                self._answers(None)
            except LOST as error:
                self._answers(error)
            _sleep(began + LOOK, stops)

    def _once(self) -> None:
        self._follow()
        if time.monotonic() - self._renewed > RENEWED:
            self._claim.renew()
            for name in self._offer.keep(self._client):
                self._say(f"{name}/{self._offer.catalog.name} was deleted: it is there again.")
            take_away_older(self._client)
            self._renewed = time.monotonic()
        self._dispatcher.look_after()
        self._dispatcher.begin_what_is_due()

    def _follow(self) -> None:
        stamp = self._catalog_stamp()
        if stamp == self._stamp:
            return
        try:
            if self._offer.follow(self._client):
                self._say(f"The catalog has changed: {', '.join(self._offer.sources)}")
        except CatalogError as error:
            self._say(f"The catalog has changed, and is not valid: {error}")
            self._say("The deployments stay as they were.")
        self._stamp = stamp

    def _catalog_stamp(self) -> tuple[int, ...]:
        try:
            status = self._offer.places.catalog.stat()
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino

    def _answers(self, error: Exception | None) -> None:
        if error and not self._lost:
            self._say(f"The server does not answer ({error}); it is asked again and again.")
        if self._lost and not error:
            self._say("The server answers again.")
        self._lost = error is not None


@contextmanager
def _released_at_failure(claim: Claim) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(*LOST):
            claim.release()
        raise


def _stop(
    claim: Claim,
    dispatcher: Dispatcher,
    grace: float,
    stops: list[int],
    say: Say,
) -> None:
    """Lets end what goes on, within the grace time; what is asked for from here on waits."""
    known, end = len(stops), time.monotonic() + grace
    if dispatcher.names:
        say(
            f"Stopping: {', '.join(dispatcher.names)} may go on for {grace:g} s; "
            "another signal, as Ctrl-C, ends it now."
        )
    while dispatcher.names and len(stops) == known and time.monotonic() < end:
        with suppress(*LOST):
            dispatcher.look_after()
        _sleep(time.monotonic() + LOOK / 4, stops, known)
    dispatcher.end_all()
    end = time.monotonic() + 2 * END_SECONDS
    while dispatcher.names and time.monotonic() < end:
        with suppress(*LOST):
            dispatcher.reap()
        time.sleep(LOOK / 4)
    with suppress(*LOST):
        claim.release()
    say("Stopped.")


@contextmanager
def _stops() -> Iterator[list[int]]:
    """The signals that have come, SIGINT or SIGTERM; inside it they end nothing by themselves."""
    come: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        come.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield come
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _sleep(until: float, stops: list[int], known: int = 0) -> None:
    """Until a time of the monotonic clock, or the next signal."""
    while len(stops) == known and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))


def _introduce(offer: Offer, api: str, older: list[str], say: Say) -> None:
    """What is served, when, who may ask for it, and how."""
    for name, description in offer.described().items():
        say(f"  {name}: {description}")
    say(f"Schedule of the pipeline: {shown(offer.schedule)}")
    if offer.collected:
        say(f"Schedule of the collection: {shown(offer.collected)}")
    say(f"Dashboard: {api.removesuffix('/api')}/deployments")
    name = offer.catalog.name
    command = f"prefect deployment run source/{name} -p source={offer.sources[0]}"
    say(f"Run one now: PREFECT_API_URL={api} {command}")
    say(f"Runs may name paths below {' and '.join(map(str, offer.places.roots))}.")
    if not PREFECT_API_AUTH_STRING.value() and not PREFECT_API_KEY.value():
        say(
            "The server has no password: whoever reaches it can start these runs,\n"
            f"  which read and write there as {user()}. `ptm server start --password` makes one."
        )
    for served in older:
        say(f"An older ptm serve still offers {served}: stop it, its schedule goes on beside this.")
    say("Stop with Ctrl-C; the schedule then pauses.")
