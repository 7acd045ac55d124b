"""Rows of a query: those that the database has, and nowhere its address."""

from __future__ import annotations

import logging
import pickle
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm.errors import CatalogError, InputError
from ptm.readers.tabular.database import Query, digest_of

SECRET = "s3cret-word"


@pytest.fixture
def database(tmp_path: Path) -> sqlite3.Connection:
    """With a table of 60 rows."""
    found = sqlite3.connect(tmp_path / f"{SECRET}.db")
    found.execute("create table wines (id integer, acid real, kind text, large integer, y integer)")
    rows = [(row, row / 8, "abc"[row % 3] + ":x %s", 2**60 + row, row % 2) for row in range(60)]
    found.executemany("insert into wines values (?, ?, ?, ?, ?)", rows)
    found.commit()
    return found


@pytest.fixture
def entry(tmp_path: Path) -> Callable[..., ptm.Source]:
    """An entry of a query; its options as TOML."""

    def entry(sql: str, more: str = "", databases: Any = None) -> ptm.Source:
        said = f'[w]\nkind = "table"\nsql = """{sql}"""\ndatabase = "WINES"\n{more}\n'
        (tmp_path / "catalog.toml").write_text(said)
        given = {"WINES": f"sqlite:///{tmp_path / SECRET}.db"} if databases is None else databases
        return ptm.load_catalog(tmp_path / "catalog.toml", tmp_path, given)["w"]

    return entry


QUERY = (
    "select id, acid, kind, large, y from wines where kind <> 'a:b' and kind like '%' order by id"
)
MORE = 'target = "y"\nclasses = 2\nmeasures = { kind = "categorical" }\n'


def test_the_same_as_of_a_file(
    tmp_path: Path, database: sqlite3.Connection, entry: Callable[..., ptm.Source]
) -> None:
    """Tensors, rows and what was learned are those of the same rows in a CSV file."""
    pd.read_sql_query(QUERY, database).to_csv(tmp_path / "w.csv", index=False)
    ptm.tensorize(entry(QUERY, MORE), tmp_path / "store")
    (tmp_path / "csv.toml").write_text(f'[c]\nkind = "table"\npath = "w.csv"\n{MORE}')
    ptm.tensorize(ptm.load_catalog(tmp_path / "csv.toml", tmp_path)["c"], tmp_path / "store")
    one, other = (ptm.load(name, tmp_path / "store") for name in "wc")
    assert one.tensors.keys() == other.tensors.keys()
    assert all((tensor == other.tensors[name]).all() for name, tensor in one.tensors.items())
    assert one.learned == other.learned
    pd.testing.assert_frame_equal(one.table, other.table)
    assert one.table["large"].tolist() == [2**60 + row for row in range(60)]


def test_up_to_date(
    tmp_path: Path, database: sqlite3.Connection, entry: Callable[..., ptm.Source]
) -> None:
    """It is made again where its rows have changed, and told why."""
    source, store = entry(QUERY, MORE), tmp_path / "store"
    key = ptm.tensorize(source, store).key
    assert ptm.tensorize(source, store).cached
    database.execute("insert into wines values (60, 1.0, 'd', 1, 1)")
    database.commit()
    made = ptm.tensorize(source, store)
    assert (made.cached, made.key == key, made.why) == (False, False, "file query changed")
    database.execute("delete from wines where id = 60")
    database.commit()
    assert ptm.tensorize(source, store).key == key


def test_its_address_is_nowhere(
    tmp_path: Path,
    database: sqlite3.Connection,
    entry: Callable[..., ptm.Source],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither in what is shown of the entry, nor in its key, nor in the store, nor in the log."""
    caplog.set_level(logging.DEBUG)
    source = entry(QUERY, MORE)
    ptm.tensorize(source, tmp_path / "store")
    assert source.options()["database"] == "WINES"
    told = [repr(source), str(source), str(source.model_dump()), str(source.options())]
    told += [repr(source.query), str(source.query), caplog.text]  # type: ignore[attr-defined]
    assert not [text for text in told if SECRET in text]
    files = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert len(files) > 3
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_it_travels_along(
    tmp_path: Path, database: sqlite3.Connection, entry: Callable[..., ptm.Source]
) -> None:
    """In what is sent to another process, and to an entry with other options."""
    source = entry(QUERY, MORE)
    assert ptm.tensorize(pickle.loads(pickle.dumps(source)), tmp_path / "store").key
    from ptm.catalog import with_options

    other = with_options(source, {"standardize": False})
    assert ptm.tensorize(other, tmp_path / "store").key


WRONG = {
    "select nope from wines": "sql: expected a query that the database can answer, got no such col",
    "selec": 'sql: expected a query that the database can answer, got near "selec": syntax error',
    "select id from wines where id < 0": "expected rows below the header, got none (query)",
    "select id, id from wines": "header: expected a name for each column, each once, got 'i",
    "update wines set id = 1": "sql: expected a query of rows, got a statement without any",
    "select random() as r from wines": "expected the rows that the query gave before (ORDER BY ma",
    "select kind, id from wines": "row 1, column 'kind': expected a number, got 'a:x %s', and 5",
    "select x'ff' as b, 1 as a": "column 'b': expected numbers, texts, flags, dates or times (or",
}


@pytest.mark.parametrize("sql", WRONG)
def test_wrong_queries(
    tmp_path: Path, database: sqlite3.Connection, entry: Callable[..., ptm.Source], sql: str
) -> None:
    """Each is told, with the name of the entry; the database stays as it was."""
    with pytest.raises(InputError) as caught:
        ptm.tensorize(entry(sql, "exclude = ['b']" if " b," in sql else ""), tmp_path / "store")
    assert str(caught.value).startswith(f"w: {WRONG[sql]}")
    assert database.execute("select count(*), max(id) from wines").fetchone() == (60, 59)


ADDRESSES = {
    "": "database: expected the environment variable 'WINES', with the address of a database, got",
    "wines": "database: expected an address as SQLAlchemy has it, postgresql://user:password@host",
    f"sqlite:///{SECRET}/none.db": "database: expected a file of SQLite, got none at its address",
    f"nosuch://me:{SECRET}@host/x": "database: expected a database that can be read, got Can't",
    f"mssql+nosuch://me:{SECRET}@host/x": "database: expected a database that can be read, got",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_wrong_addresses(tmp_path: Path, entry: Callable[..., ptm.Source], address: str) -> None:
    """They are told without what stands in them; SQLite makes no file."""
    databases = {"WINES": address} if address else {}
    with pytest.raises(InputError) as caught:
        ptm.tensorize(entry(QUERY, databases=databases), tmp_path / "store")
    assert str(caught.value).startswith(f"w: {ADDRESSES[address]}")
    assert SECRET not in str(caught.value)
    assert not Path(SECRET).exists()


def test_a_database_that_cannot_be_reached_may_pass(
    tmp_path: Path, database: sqlite3.Connection, entry: Callable[..., ptm.Source]
) -> None:
    """It is an error that is tried again: a file without permission of the folder, here."""
    import sqlalchemy

    real = sqlalchemy.create_engine

    class Engine:
        def connect(self) -> None:
            error = sqlite3.OperationalError(f"no answer of me:{SECRET}")
            raise sqlalchemy.exc.OperationalError(None, None, error)

        def dispose(self) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlalchemy, "create_engine", lambda *_, **__: Engine())
        address = f"postgresql://me:{SECRET}@host/x"
        with pytest.raises(ConnectionError, match=r"cannot be reached: no answer of me:\*\*\*$"):
            ptm.tensorize(entry(QUERY, databases={"WINES": address}), tmp_path / "store")
    assert sqlalchemy.create_engine is real


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('sql = "select 1"', "'sql' and 'database' together"),
        ('database = "X"\npath = "a.csv"', "'sql' and 'database' together"),
        ('sql = "select 1"\ndatabase = "X"\npath = "a.csv"', "either 'path' or 'sql', not both"),
        ('sql = "select 1"\ndatabase = "X"\npattern = "*.csv"', "either 'path' or 'sql', not both"),
    ],
)
def test_options(tmp_path: Path, options: str, said: str) -> None:
    """A query has a database, and no file."""
    (tmp_path / "catalog.toml").write_text(f'[w]\nkind = "table"\n{options}\n')
    with pytest.raises(CatalogError, match=said):
        ptm.load_catalog(tmp_path / "catalog.toml", tmp_path)


def test_hours(tmp_path: Path) -> None:
    """A series is read by a query as well."""
    hours = pd.date_range("2020-01-01", periods=72, freq="h")
    frame = pd.DataFrame(
        {"date": hours.strftime("%Y-%m-%d"), "hour": hours.hour, "x": np.arange(72)}
    )
    with sqlite3.connect(tmp_path / "h.db") as database:
        frame.to_sql("h", database, index=False)
    said = '[h]\nkind = "timeseries"\nsql = "select * from h order by date, hour"\ndatabase = "H"\n'
    (tmp_path / "catalog.toml").write_text(said)
    given = {"H": f"sqlite:///{tmp_path}/h.db"}
    ptm.tensorize(
        ptm.load_catalog(tmp_path / "catalog.toml", tmp_path, given)["h"], tmp_path / "store"
    )
    assert ptm.load("h", tmp_path / "store").tensors["hourly"][:, -1].tolist() == list(range(72))


def test_digests(tmp_path: Path, database: sqlite3.Connection) -> None:
    """Each value, its type, its place and each name counts; how they were fetched does not."""
    address = f"sqlite:///{tmp_path / SECRET}.db"
    queries = [
        *("select 1 as a, 2 as b", "select 1 as a, '2' as b", "select 1 as b, 2 as a"),
        *("select 1 as a, 2.0 as b", "select 1 as a, null as b", "select 1 as a, '' as b"),
        *("select 12 as a, 3 as b", "select 1 as a, 23 as b", "select 'a' as a, '' as b"),
    ]
    found = {digest_of(Query(address, sql).rows).sha256 for sql in queries}
    assert len(found) == len(queries)
    rows = Query(address, QUERY).rows
    assert digest_of(rows) == digest_of(rows.combine_chunks()) == digest_of(rows.slice(0))
