"""The rows that a query of a database gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from ptm.errors import BadInput
from ptm.readers.delimited.faults import shown
from ptm.readers.delimited.header import check_header
from ptm.readers.tabular.building import Building
from ptm.readers.tabular.typed import texts_of

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.engine import URL, Connection

NAME = "query"  # of the rows, in place of that of a file
AT_ONCE = 10_000  # rows that are fetched together
LETTERS = 300  # of what a database says
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


class Digest(NamedTuple):
    """What tells rows from others.

    Attributes:
        sha256: of their columns, hex.
        bytes: that their values have as texts.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Query:
    """A query of a database; stands for the path of a file of rows.

    Attributes:
        address: of the database, as SQLAlchemy writes it; it may have a password.
        sql: the query.
        sha256: the digest that its rows have to have; "" where that is not known.
    """

    address: str = field(repr=False)
    sql: str
    sha256: str = ""

    def __str__(self) -> str:
        return NAME

    @cached_property
    def rows(self) -> pa.Table:
        """All rows, as the query gives them.

        Raises:
            BadInput: there is no such database, or what it says is no rows, or has columns without
                a name or a type that is read; or they are not those that are wanted.
            ConnectionError: it cannot be reached, which may pass.
        """
        import pyarrow as pa

        with self._result() as result:
            names = list(result.keys())
            check_header(Path(NAME), names, False)
            columns = [Building() for _ in names]
            for some in result.partitions(AT_ONCE):
                for row in some:
                    for column, value in zip(columns, row, strict=True):
                        column.add(_plain(value))
        found = {}
        for name, column in zip(names, columns, strict=True):
            try:
                found[name] = column.column()
            except TypeError as error:
                expected = "numbers, texts, flags, dates or times"
                raise BadInput(f"column '{shown(name)}'", expected, str(error), NAME) from error
        table = pa.table(found)
        if self.sha256 and digest_of(table).sha256 != self.sha256:
            expected = "the rows that the query gave before (ORDER BY makes their order sure)"
            raise BadInput(expected=expected, got="others", file=NAME)
        return table

    @property
    def names(self) -> list[str]:
        """Of its columns.

        Raises:
            BadInput, ConnectionError: see `rows`.
        """
        return list(self.rows.column_names)

    def load(self, columns: list[str]) -> pa.Table:
        """Some of its columns.

        Raises:
            BadInput, ConnectionError: see `rows`.
        """
        return self.rows.select(columns)

    @contextmanager
    def _result(self) -> Iterator[Any]:
        from sqlalchemy import exc

        with self._connected() as connection:
            try:
                options = {"stream_results": True, "max_row_buffer": AT_ONCE}
                options["no_parameters"] = True  # else drivers take % for the place of one
                result = connection.execution_options(**options).exec_driver_sql(self.sql)
                if not result.returns_rows:
                    raise BadInput("sql", "a query of rows", "a statement without any", NAME)
                yield result
            except exc.DBAPIError as error:
                if error.connection_invalidated:
                    raise ConnectionError(self._told(error)) from None
                expected = "a query that the database can answer"
                raise BadInput("sql", expected, self._told(error), NAME) from None

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        from sqlalchemy import create_engine, exc
        from sqlalchemy.pool import NullPool

        url = self._url()
        try:
            engine = create_engine(url, poolclass=NullPool)
        except (exc.ArgumentError, ModuleNotFoundError) as error:
            name = getattr(error, "name", None)
            got = f"no package '{name}', which it needs" if name else self._told(error)
            raise BadInput("database", "a database that can be read", got, NAME) from None
        try:
            try:
                connection = engine.connect()
            except (exc.DBAPIError, OSError) as error:
                told = f"the database cannot be reached: {self._told(error)}"
                raise ConnectionError(told) from None
            with connection:
                yield connection
        finally:
            engine.dispose()

    def _url(self) -> URL:
        from sqlalchemy import exc, make_url

        try:
            url = make_url(self.address)
        except (exc.ArgumentError, ValueError):
            expected = "an address as SQLAlchemy has it, postgresql://user:password@host/name"
            raise BadInput("database", expected, "another text", NAME) from None
        url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
        is_file = url.drivername.startswith("sqlite") and "uri" not in url.query
        if is_file and url.database not in (None, "", ":memory:"):
            assert url.database
            if not Path(url.database).is_file():  # SQLite would make one
                raise BadInput("database", "a file of SQLite", "none at its address", NAME)
        return url

    def _told(self, error: Exception) -> str:
        """What an error says, without the address and its password."""
        lines = str(getattr(error, "orig", None) or error).splitlines()
        told = " ".join((lines or [type(error).__name__])[0].split())
        secrets = [self.address]
        with suppress(BadInput):
            secrets += [str(self._url().password or "")]
        for secret in filter(None, secrets):
            told = told.replace(secret, "***")
        return told[:LETTERS]


def digest_of(table: pa.Table) -> Digest:
    """The digest of the columns of a table: their names, types and values, in their order.

    Raises:
        BadInput: a column has values that are not read.
    """
    import numpy as np
    import pyarrow.compute as pc

    digest, count = hashlib.sha256(), 0
    for name, column in zip(table.column_names, table.columns, strict=True):
        texts = texts_of(Path(NAME), name, column).combine_chunks()
        lengths = np.asarray(pc.binary_length(texts)).astype("<i8")
        raw = "".join(texts.to_pylist()).encode()
        there = np.packbits(np.asarray(column.is_valid()))
        for part in (f"{name}\0{column.type}\0".encode(), there.tobytes(), lengths.tobytes(), raw):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        count += len(raw)
    return Digest(digest.hexdigest(), count)


def _plain(value: Any) -> Any:
    """A value of a database as one of a type that is read."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, Decimal) and value.is_nan():
        return None
    return value
