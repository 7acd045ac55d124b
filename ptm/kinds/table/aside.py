"""Rows of a table that are set aside once its columns are read; the others as without them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.model import Bad, row_numbers
from ptm.readers.delimited.faults import not_valid

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.kinds.table.options import Options


def are_classes(options: Options, table: pa.Table) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The values of the target, [row]; which of them are classes, bool [row]."""
    import numpy as np

    assert options.target is not None and options.classes is not None
    values = arrow.numbers(table[options.target])
    valid = (values == np.floor(values)) & (values >= 0) & (values < options.classes)
    return values, valid


def with_classes(
    options: Options,
    path: Path | None,
    before: int,
    table: pa.Table,
    aside: list[Bad],
    expected: str,
) -> pa.Table:
    """The rows whose target is a class, as it is expected; the others are set aside."""
    import numpy as np
    import pyarrow as pa

    assert options.target is not None
    values, valid = are_classes(options, table)
    if valid.all():
        return table
    numbers = row_numbers(before, table.num_rows, aside)
    for place in np.flatnonzero(~valid).tolist():
        row = int(numbers[place])
        one = not_valid(path, row - 1, options.target, expected, values[place])
        aside.append(Bad(one.file, one.where, one.expected, one.got, row))
    return as_alone(options, table.filter(pa.array(valid)))


def as_alone(options: Options, table: pa.Table) -> pa.Table:
    """Some rows as they are where there are no others: int64 only where float64 rounds one."""
    import numpy as np
    import pyarrow as pa

    for place, name in enumerate(table.column_names):
        field = table.schema.field(place)
        is_class = bool(options.classes) and name == options.target
        if name in options.asides or field.type != pa.int64() or is_class:
            continue
        integers = arrow.numbers(table[name])
        numbers = integers.astype(np.float64)
        with np.errstate(invalid="ignore"):  # 2^63 is beyond int64
            are_exact = (numbers < 2.0**63) & (numbers.astype(np.int64) == integers)
        if are_exact.all():
            column = arrow.column(numbers)
            table = table.set_column(place, field.with_type(pa.float64()), column)
    return table
