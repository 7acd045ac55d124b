"""A server that refuses what a run tells it beside its tasks is not asked for ever."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from flows.running import crashed_runs, progress
from flows.running.progress import Progress
from ptm.book import entry


class Client:
    """Stands for Prefect's: it has task runs that do not end, and automations that are gone.

    Attributes:
        asked: how often it was asked for task runs.
        set: the task runs whose states were to be set.
        created: the automations that were made.
    """

    def __init__(self, left: int, status: int = 404) -> None:
        self._left = [SimpleNamespace(id=uuid4()) for _ in range(left)]
        self._status = status
        self.asked, self.set, self.created = 0, list[UUID](), list[Any]()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read_task_runs(self, *, limit: int, **_: Any) -> list[Any]:
        self.asked += 1
        if self.asked > 20:
            raise AssertionError("asked again and again")
        return self._left[:limit]

    def set_task_run_state(self, task_run: UUID, state: object, force: bool) -> None:
        self.set.append(task_run)

    def read_automations_by_name(self, name: str) -> list[Any]:
        return [SimpleNamespace(id=uuid4(), trigger=None, actions=None)]

    def delete_automation(self, automation: UUID) -> None:
        answer = httpx.Response(self._status, request=httpx.Request("DELETE", "http://server"))
        answer.raise_for_status()

    def create_automation(self, automation: object) -> None:
        self.created.append(automation)


def use(monkeypatch: pytest.MonkeyPatch, client: Client) -> Client:
    """Has the module of crashed runs talk to it."""
    monkeypatch.setattr(crashed_runs, "get_client", lambda **_: client)
    return client


def test_task_runs_that_do_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full page of task runs that stay unfinished is looked at once more, and left alone."""
    monkeypatch.setattr(crashed_runs, "PAGE", 3)
    client = use(monkeypatch, Client(left=3))
    crashed_runs.close_task_runs()
    assert len(set(client.set)) == 3 and client.asked <= 4


def test_another_has_replaced_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older automation that another run has just deleted is as good as deleted here."""
    client = use(monkeypatch, Client(left=0))
    crashed_runs.watch()
    assert len(client.created) == 1


def test_a_watch_that_may_not_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the older one may not be deleted, none is made beside it; the run goes on."""
    client = use(monkeypatch, Client(left=0, status=403))
    assert not crashed_runs.watch_if_possible()
    assert client.created == []


def test_progress_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress that the server does not take is offered as rarely as signs of life are given."""
    offered = []

    def refuse(**_: Any) -> None:
        offered.append(time.monotonic())
        raise httpx.HTTPError("no")

    monkeypatch.setattr(progress, "create_progress_artifact", refuse)
    monkeypatch.setattr(progress, "LONG", 0.0)
    monkeypatch.setattr(progress, "STEP", 0.01)
    monkeypatch.setattr(progress, "BEAT", 0.4)
    told = Progress([entry("dog"), entry("wine")], "book")
    thread = threading.Thread(target=told._progress)
    thread.start()
    time.sleep(1)
    told._over.set()
    thread.join(5)
    assert not thread.is_alive()
    assert 2 <= len(offered) <= 3
