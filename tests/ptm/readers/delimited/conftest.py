"""A delimited file that is read, or refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ptm.errors import BadInput
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import Dialect
from tests.support.delimited import Read, Refuse


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The columns of a file with this content: read(content, categories, **other arguments)."""

    def read(
        content: str | bytes, text: frozenset[str] = frozenset(), **options: Any
    ) -> dict[str, list[Any]]:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "t.csv").write_bytes(raw)
        names = {field.name for field in fields(Dialect)}
        dialect = Dialect(**{name: options.pop(name) for name in names & options.keys()})
        given = {"categories": text, "unscaled": frozenset(), **options}
        table = read_delimited(tmp_path / "t.csv", dialect, **given)
        columns: dict[str, list[Any]] = table.to_pydict()
        return columns

    return read


@pytest.fixture
def refuse(tmp_path: Path, read: Read) -> Refuse:
    """What the error says of a file with this content, as a run of a source "s" tells it."""

    def refuse(content: str | bytes, text: frozenset[str] = frozenset(), **options: Any) -> str:
        with pytest.raises(BadInput) as caught:
            read(content, text, **options)
        assert {fault.file for fault in caught.value.faults} == {str(tmp_path / "t.csv")}
        told = str(caught.value.of_source("s", lambda file: Path(file).name))
        for line in told.splitlines():
            assert len(line) < 400 and line.isprintable()
        return told

    return refuse
