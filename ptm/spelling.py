"""What texts of a column spell: true or false, a place in an order, a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

TRUTHS = {
    **dict.fromkeys(("true", "yes", "t", "y", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "f", "n", "off", "0", "0.0"), False),
}
EPOCH = datetime(1970, 1, 1)
SECOND, DAY = 1_000_000, 86_400_000_000  # microseconds
FIRST = -719_162 * DAY  # 0001-01-01
CLOCK = r"(?:[01][0-9]|2[0-3])(?::?[0-5][0-9](?::?[0-5][0-9](?:[.,][0-9]+)?)?)?"
ZONE = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
ISO = re.compile(
    rf"[0-9]{{4}}(?:-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{4}})(?:[T ]{CLOCK} ?{ZONE}?)?", re.ASCII
)


def truths(texts: pa.Array) -> pa.Array:
    """Flags that texts spell, bool; null where one spells none, or is missing."""
    import pyarrow as pa

    return _each(texts, lambda text: TRUTHS.get(text.lower()), pa.bool_())


def ranks(texts: pa.Array, order: Sequence[str]) -> pa.Array:
    """The place of each text in an order, int32; null where it has none, or is missing."""
    import pyarrow as pa

    places = {text.strip(): place for place, text in enumerate(order)}
    return _each(texts, places.get, pa.int32())


def times(texts: pa.Array, form: str | None = None) -> pa.Array:
    """Times that texts spell, timestamp[us] in UTC; null where one spells none, or is missing.

    Args:
        texts: dates, or dates with a time; of a time without a zone it is UTC.
        form: as of `datetime.strptime`; ISO 8601 where it is None.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.timestamp("us")
    if form is None:
        try:
            found = texts.cast(kind)
            first = pc.min(found.cast(pa.int64())).as_py()
            if first is None or first >= FIRST:
                return found
        except pa.ArrowInvalid:
            pass  # they are not all spelled as Arrow knows them
    return _each(texts, lambda text: _microseconds(text, form), pa.int64()).cast(kind)


def _each(texts: pa.Array, spelled: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """What each text spells, of those that are alike at once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = texts.dictionary_encode()
    found = [spelled(text.strip()) for text in coded.dictionary.to_pylist()]
    return pc.take(pa.array(found, kind), coded.indices)


def _microseconds(text: str, form: str | None) -> int | None:
    try:
        if form is not None:
            found = datetime.strptime(text, form)
        elif ISO.fullmatch(text):
            joined = text if "T" in text else text.replace(" ", "T", 1)
            found = datetime.fromisoformat(joined.replace(" ", ""))
        else:
            return None
        return microseconds_of(found)
    except (ValueError, OverflowError):
        return None


def microseconds_of(time: datetime) -> int:
    """Microseconds since 1970 UTC.

    Raises:
        OverflowError: it is before the year 1 there, or behind 9999.
    """
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return (time - EPOCH) // timedelta(microseconds=1)


def days_of(times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Days since 1970-01-01 of microseconds, with their fraction, float64 of the same shape."""
    days: NDArray[np.float64] = times // DAY + (times % DAY) / DAY
    return days


def times_of(days: float) -> int:
    """Microseconds since 1970 of days."""
    return round(days * DAY)


def part_of(times: NDArray[np.int64], part: str) -> NDArray[np.int64]:
    """A part of the date, or of the time, of microseconds since 1970 UTC, int64 of the same shape.

    Args:
        times: microseconds.
        part: "year", "month" and "day" from 1, "weekday" from 0 for Monday, "hour", "minute", or
            "day_of_year" from 1.
    """
    import numpy as np

    days = times // DAY
    if part == "weekday":
        return (days + 3) % 7  # 1970-01-01 was a Thursday
    if part in ("hour", "minute"):
        minutes = times % DAY // (60 * SECOND)
        return minutes // 60 if part == "hour" else minutes % 60
    dates = days.astype("datetime64[D]")
    years, months = dates.astype("datetime64[Y]"), dates.astype("datetime64[M]")
    if part == "year":
        return years.astype(np.int64) + 1970
    if part == "month":
        return months.astype(np.int64) % 12 + 1
    first = months if part == "day" else years
    found: NDArray[np.int64] = (dates - first.astype("datetime64[D]")).astype(np.int64) + 1
    return found
