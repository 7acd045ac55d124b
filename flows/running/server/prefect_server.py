"""Prefect's own server, fit for SQLite; its arguments are those of `prefect`: server start ….

For each event of a run Prefect's server looks at the automations: two events at once, each in a
transaction that reads first and writes then. On SQLite such a transaction fails with "database is
locked" when another one has written in between, and then:

- the event is lost after some tries, and with it the end of a run, which is taken for dead;
- what the failure leaves behind may be collected while another thread waits for the database. In
  Python 3.11 the server stands still until that wait is over, a minute at most.

And where the end of a run overtakes its last sign of life, that is taken for a beginning.

Here the events are looked at one after the other, in transactions that take the lock before they
read, as Prefect does elsewhere (`with_for_update`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from prefect.server.database import provide_database_interface
from prefect.server.events import triggers

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


@asynccontextmanager
async def locked_session(begin_transaction: bool = False) -> AsyncGenerator[AsyncSession, None]:
    """A session for automations, whose transaction no other writer can overtake."""
    database = provide_database_interface()
    async with database.session_context(begin_transaction, with_for_update=True) as session:
        yield session


def one_by_one(evaluate: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Evaluates events in the order in which they come."""
    turn = asyncio.Lock()

    async def evaluate_in_turn(event: Any, depth: int = 0) -> None:
        if depth:  # it has waited for the event that holds the turn
            return await evaluate(event, depth)
        async with turn:
            return await evaluate(event)

    return evaluate_in_turn


def main() -> None:
    """The command line of Prefect."""
    from prefect.cli import app

    mended = {
        "automations_session": locked_session,
        "reactive_evaluation": one_by_one(triggers.reactive_evaluation),
    }
    for name, replacement in mended.items():
        assert hasattr(triggers, name), f"expected {name} in this version of Prefect"
        setattr(triggers, name, replacement)
    app()


if __name__ == "__main__":
    main()
