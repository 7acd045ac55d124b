"""Python values of columns, some rows at a time, into Arrow columns of the type that fits all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 1 << 14  # values that wait as Python has them
EXACT = 1 << 53  # up to here every integer is a float64
INT64 = range(-(1 << 63), 1 << 63)


class Building:
    """A column that grows: of one type where that fits all of its values, else of texts."""

    def __init__(self, missing: int = 0) -> None:
        """See the class.

        Args:
            missing: how many values are missing at its begin.
        """
        import pyarrow as pa

        self._waiting: list[Any] = []
        self._other: TypeError | None = None  # what one value is that is none of them
        self._chunks: list[pa.Array] = [pa.nulls(missing)] if missing else []

    def add(self, value: Any) -> None:
        """One more value; None where it is missing."""
        self._waiting.append(value)
        if len(self._waiting) == AT_ONCE:
            self._pack()

    def column(self) -> pa.ChunkedArray:
        """All values.

        Raises:
            TypeError: one is no number, text, flag, date or time.
        """
        import pyarrow as pa

        self._pack()
        if self._other:
            raise self._other
        kinds = {chunk.type for chunk in self._chunks} - {pa.null()}
        kind = kinds.pop() if len(kinds) == 1 else pa.string() if kinds else pa.null()
        if kinds == {pa.int64(), pa.float64()} and all(map(_is_exact, self._chunks)):
            kind = pa.float64()
        chunks = [chunk if chunk.type == kind else _as(chunk, kind) for chunk in self._chunks]
        return pa.chunked_array(chunks, kind)

    def _pack(self) -> None:
        try:
            self._chunks.append(packed(self._waiting))
        except TypeError as error:
            self._other = self._other or error
        self._waiting = []


def packed(values: Sequence[Any]) -> pa.Array:
    """Values of one or several types as an Arrow array, null where there is None.

    Raises:
        TypeError: one is no number, text, flag, date or time.
    """
    import pyarrow as pa

    types = {type(value) for value in values} - {type(None)}
    if types == {int} and all(value in INT64 for value in values if value is not None):
        return pa.array(values, pa.int64())
    if types == {float} or (
        types == {int, float}
        and all(-EXACT <= value <= EXACT for value in values if type(value) is int)
    ):
        return pa.array(values, pa.float64())
    for one, kind in (
        (bool, pa.bool_()),
        (str, pa.string()),
        (bytes, pa.binary()),
        (date, pa.date32()),
        (time, pa.time64("us")),
    ):
        if types == {one}:
            return pa.array(values, kind)
    if not types:
        return pa.nulls(len(values))
    if types == {datetime} and not any(value.tzinfo for value in values if value is not None):
        return pa.array(values, pa.timestamp("us"))
    return pa.array([None if value is None else text_of(value) for value in values], pa.string())


def text_of(value: Any) -> str:
    """A value as a text, as `ptm.readers.tabular.typed` has it.

    Raises:
        TypeError: it is no number, text, flag, date or time.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, (datetime, time)):
        return _time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _float_text(value: float) -> str:
    import pyarrow as pa

    text: str = pa.scalar(value).cast(pa.string()).as_py()
    return text


def _time_text(value: datetime | time) -> str:
    from datetime import UTC

    zone = ""
    if isinstance(value, datetime) and value.tzinfo:
        value, zone = value.astimezone(UTC).replace(tzinfo=None), "Z"
    text = value.isoformat()
    text = text.rstrip("0") if value.microsecond else text
    return text + zone if zone else text.removesuffix("T00:00:00")


def _is_exact(chunk: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if chunk.type != pa.int64():
        return True
    ends = pc.min_max(chunk)
    return all(end is None or -EXACT <= end <= EXACT for end in ends.as_py().values())


def _as(chunk: pa.Array, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    from ptm.readers.tabular.typed import texts_of

    if kind != pa.string() or chunk.type == pa.null():
        return chunk.cast(kind)
    return texts_of(None, "", pa.chunked_array([chunk])).combine_chunks()
