"""Values of a column as people give them, as a column of the rows: for `Learned.transform`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.errors import PtmError
from ptm.featuring import Column, Featured, featured
from ptm.spelling import microseconds_of, ranks, times, truths
from ptm.treatment import Treatment

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.scaling import Scaler


def featured_of(
    raw: Mapping[str, Any],
    columns: Mapping[str, tuple[Sequence[str] | None, Treatment]],
    scaler: Scaler,
) -> Featured:
    """Raw values of columns as features, as it was learned.

    Args:
        raw: a sequence of values for each column.
        columns: in the order of their features, the categories of each, and what else becomes of
            it.
        scaler: of all features.

    Raises:
        PtmError: as `column_of`; columns have not as many values.
    """
    import pyarrow as pa

    found = {
        name: column_of(name, raw[name], categories is not None, how)
        for name, (categories, how) in columns.items()
    }
    count = len(next(iter(found.values())))
    for name, values in found.items():
        if len(values) != count:
            got = f"{len(values)} for '{name}'"
            raise PtmError(f"expected {count} values for each column, got {got}")
    of = [Column(name, categories, True, how) for name, (categories, how) in columns.items()]
    return featured(pa.table(found), of, scaler)


def column_of(name: str, values: Any, is_category: bool, how: Treatment) -> pa.ChunkedArray:
    """A column of values, null where one is missing: None, NaN, or a text of nothing.

    Args:
        name: of the column.
        values: a sequence; of dates also those of Python, NumPy or pandas.
        is_category: whether they are categories.
        how: they become features.

    Raises:
        PtmError: they are no sequence; a value is not what the column has, or is missing where none
            may be.
    """
    import pyarrow as pa

    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
        raise PtmError(f"column '{name}': expected a sequence of values, got {values!r}")
    if is_category or how.order or how.boolean or how.parts:
        found = _spelled(name, values, is_category, how)
    else:
        found = _numbers(name, values)
    if found.null_count and how.fill is None:
        place = found.is_valid().index(False).as_py()
        expected = "numbers" if pa.types.is_floating(found.type) else "values"
        got = f"none at {place}, and nothing was learned that stands for one"
        raise PtmError(f"column '{name}': expected {expected}, got {got}")
    return pa.chunked_array([found])


def _spelled(name: str, values: Any, is_category: bool, how: Treatment) -> pa.Array:
    """Categories, texts with an order, flags or dates."""
    given = [None if _is_missing(value) else value for value in values]
    if how.parts:
        return _dates(name, given, how)
    texts = _texts(name, given)
    if how.order:
        _expect_all(name, given, ranks(texts, how.order), f"one of {', '.join(how.order)}")
    if not how.boolean:
        return texts
    found = truths(texts)
    _expect_all(name, given, found, "true or false")
    return found


def _dates(name: str, given: list[Any], how: Treatment) -> pa.Array:
    import pyarrow as pa

    plain = [
        datetime(value.year, value.month, value.day)
        if isinstance(value, date) and not isinstance(value, datetime)
        else value.astype("datetime64[us]").item()
        if type(value).__name__ == "datetime64"
        else value
        for value in given
    ]
    known = [microseconds_of(value) if isinstance(value, datetime) else None for value in plain]
    others = [None if isinstance(value, datetime) else value for value in plain]
    spelled = times(_texts(name, others), how.date_format).cast(pa.int64()).to_pylist()
    found = [one if one is not None else other for one, other in zip(known, spelled, strict=True)]
    column = pa.array(found, pa.int64()).cast(pa.timestamp("us"))
    form = f" as {how.date_format}" if how.date_format else ""
    _expect_all(name, given, column, f"a date{form}")
    return column


def _texts(name: str, given: Sequence[Any]) -> pa.Array:
    """Texts; numbers as a file would have them."""
    import pyarrow as pa

    return pa.array([None if one is None else _text(name, one) for one in given], pa.string())


def _text(name: str, value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    raise PtmError(f"column '{name}': expected texts, got {value!r}")


def _numbers(name: str, values: Any) -> pa.Array:
    """Numbers, float64."""
    import numpy as np

    try:
        given = np.asarray(values)
        if given.dtype.kind == "O":
            given = np.array([np.nan if _is_missing(value) else value for value in values])
    except (TypeError, ValueError, RuntimeError) as error:
        raise PtmError(f"column '{name}': expected numbers, got {error}") from error
    if given.dtype.kind not in "biuf":
        got = f"{type(values).__name__} of {given.dtype}"
        raise PtmError(f"column '{name}': expected numbers, got {got}")
    if given.ndim != 1:
        raise PtmError(f"column '{name}': expected one axis, got shape {list(given.shape)}")
    numbers: NDArray[np.float64] = given.astype(np.float64)
    there = ~np.isnan(numbers)
    wrong = np.flatnonzero(np.isinf(numbers))
    if len(wrong):
        got = f"{numbers[wrong[0]]} at {wrong[0]}"
        raise PtmError(f"column '{name}': expected finite numbers, got {got}")
    return (
        arrow.column(numbers) if there.all() else arrow.masked(np.where(there, numbers, 0), there)
    )


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    try:
        return bool(value != value)  # NaN, and of dates NaT
    except TypeError:  # that of pandas
        return True
    except ValueError:  # an array
        return False


def _expect_all(name: str, given: Sequence[Any], found: pa.Array, expected: str) -> None:
    """Looks whether each value that is there is what it should be.

    Raises:
        PtmError: the first one that is not.
    """
    if found.null_count == sum(value is None for value in given):
        return
    for place, (value, one) in enumerate(zip(given, found.to_pylist(), strict=True)):
        if value is not None and one is None:
            got = f"{value!r} at {place}"
            raise PtmError(f"column '{name}': expected {expected}, got {got}")
