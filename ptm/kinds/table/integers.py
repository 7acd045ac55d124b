"""Columns of integers that float64 would round: int64 in every part, where some part needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.errors import BadInput, Faults
from ptm.kinds.table.meaning import is_text
from ptm.learned import Learned
from ptm.readers.delimited.faults import shown

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.kinds.table.options import Options

FEW = 1000  # numbers that show of most columns that they are no integers
# what is carried of columns of numbers: those that are int64, and that have integers only
EXACT, WHOLE = "exact", "whole"


def integral(options: Options, table: pa.Table) -> dict[str, list[str]]:
    """Which columns are int64 here, since float64 would round them; which have integers only."""
    import numpy as np

    found: dict[str, list[str]] = {EXACT: [], WHOLE: []}
    for name in table.column_names:
        if name in options.asides or is_text(options, name):
            continue
        numbers, _ = arrow.observed(table[name])
        found[EXACT] += [name] if numbers.dtype == np.int64 else []
        found[WHOLE] += [name] if _are_whole(numbers) else []
    return found


def _are_whole(numbers: NDArray[Any]) -> bool:
    """Whether all numbers are integers that int64 has."""
    import numpy as np

    if numbers.dtype == np.int64:
        return True
    few = numbers[:FEW]
    if not ((few == np.rint(few)).all() and (numbers == np.rint(numbers)).all()):
        return False
    return bool(numbers.min(initial=0.0) >= -(2.0**63) and numbers.max(initial=0.0) < 2.0**63)


def integers_of(carried: Sequence[Mapping[str, Any]], file: str, faults: Faults) -> tuple[str, ...]:
    """Columns of integers that float64 would round, and which so are int64 in every part.

    Args:
        carried: what `integral` said of each part.
        file: for messages.
        faults: columns are added that have integers which int64 cannot hold beside such.
    """
    exact = [name for name in carried[0]["columns"] if any(name in one[EXACT] for one in carried)]
    for name in exact:
        if not all(name in one[WHOLE] for one in carried):
            expected = "numbers that float64 can hold, or integers that int64 can"
            got = "integers that float64 rounds, and others that int64 cannot hold"
            faults.add(BadInput(f"column '{shown(name)}'", expected, got, file))
    return tuple(exact)


def as_learned(table: pa.Table, learned: Learned) -> pa.Table:
    """The same table, with int64 where another part needs it."""
    import pyarrow as pa

    fields = [
        field.with_type(pa.int64()) if field.name in learned.integers else field
        for field in table.schema
    ]
    schema = pa.schema(fields)
    return table if schema.equals(table.schema) else table.cast(schema)


def as_alone(options: Options, table: pa.Table) -> pa.Table:
    """Some rows as they are where there are no others: int64 only where float64 rounds one."""
    import numpy as np
    import pyarrow as pa

    for place, name in enumerate(table.column_names):
        field = table.schema.field(place)
        is_class = bool(options.classes) and name in options.targets
        if name in options.asides or field.type != pa.int64() or is_class:
            continue
        integers, there = arrow.observed(table[name])
        numbers = integers.astype(np.float64)
        with np.errstate(invalid="ignore"):  # 2^63 is beyond int64
            are_exact = (numbers < 2.0**63) & (numbers.astype(np.int64) == integers)
        if are_exact.all():
            column = arrow.column(numbers) if there is None else arrow.masked(numbers, there)
            table = table.set_column(place, field.with_type(pa.float64()), column)
    return table
