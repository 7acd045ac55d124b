"""The address of a database comes from the environment of a run, and is nowhere else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.support.commands import call_ptm

SECRET = "s3cret-word"


@pytest.fixture
def options(tmp_path: Path) -> tuple[str | Path, ...]:
    """Of a catalog with a query, and its store."""
    with sqlite3.connect(tmp_path / f"{SECRET}.db") as database:
        database.execute("create table t (a real, b real)")
        database.executemany("insert into t values (?, ?)", [(row, row % 3) for row in range(20)])
    said = 'kind = "table"\nsql = "select * from t order by a"\ndatabase = "ROWS_DB"\n'
    (tmp_path / "catalog.toml").write_text(f"[rows]\n{said}")
    return "--catalog", tmp_path / "catalog.toml", "--artifacts", tmp_path / "store"


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_run(tmp_path: Path, options: tuple[str | Path, ...]) -> None:
    """It makes the entry of its rows, and says no word of where they come from."""
    address = f"sqlite:///{tmp_path / SECRET}.db"
    done = call_ptm("run", *options, ROWS_DB=address)
    assert done.code == 0, done.out + done.err
    assert SECRET not in done.out + done.err
    assert call_ptm("run", "--dry-run", *options, ROWS_DB=address).code == 0
    files = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert files and not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_without_its_variable(options: tuple[str | Path, ...]) -> None:
    """It is named."""
    done = call_ptm("run", "--dry-run", *options)
    assert done.code == 1
    assert "the environment variable 'ROWS_DB', with the address of a database" in done.words
