"""Damaged files: they are left out with a reason, whatever their bytes are."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from tests.support.bad_inputs.formats import (
    COLUMNS,
    EXCEL,
    PARQUET,
    as_arrow,
    as_parquet,
    flipped,
    misnamed,
    misplaced,
)

HALF = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xe7"))
STREAM = as_arrow(COLUMNS, stream=True)
DAMAGED = {
    "text.parquet": as_parquet({"a": HALF}),
    "text.arrow": as_arrow({"a": HALF}),
    "head.arrows": flipped(STREAM, 12, 30),
    "name.arrow": misnamed(as_arrow({"misnamed": [1]})),
    "name.arrows": misnamed(as_arrow({"misnamed": [1]}, stream=True)),
    "name.parquet": misnamed(as_parquet({"misnamed": [1]})),
    "cut.arrows": STREAM[: len(STREAM) // 2],
    "cut.parquet": PARQUET[:-100],
    "page.parquet": flipped(PARQUET, 60, 400),
    "cut.xlsx": EXCEL[:-300],
    "places.xlsx": misplaced(EXCEL),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_left_out(left_out: Callable[..., dict[str, str]], name: str) -> None:
    """It is left out, and said why."""
    assert left_out({name: DAMAGED[name]})[name]
