"""What is wrong with samples that come to no split, each by its row or its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptm.errors import BadInput, Faults
from ptm.model import ROW_OF_FILE, Block, Part, row_numbers
from ptm.readers.delimited.faults import not_valid, shown, some

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FILE = "file"  # the column of rows that has the path of a file below the source


def are_files(rows: pa.Table) -> bool:
    """Whether each sample is the file that its row names, or a piece of it."""
    if FILE not in rows.column_names:
        return False
    said = rows.schema.field(FILE).metadata or {}
    return any(said.get(key.encode()) != value.encode() for key, value in ROW_OF_FILE.items())


def expect_all(
    part: Part, block: Block, column: str, wrong: NDArray[np.bool_], expected: str
) -> None:
    """Looks whether no sample is wrong.

    Raises:
        BadInput: the first one that is, by its row or its file, and how many more there are.
    """
    bad = wrong.nonzero()[0].tolist()
    if not bad:
        return
    rows, numbers = block.rows, numbers_of(part, block)

    def one(place: int, others: int = 0) -> BadInput:
        number = int(numbers[place])
        got = rows[column][place].as_py() if column in rows.column_names else number
        if not are_files(rows):
            path = part.files[0].path if part.files else None
            got = got if isinstance(got, str | float | int) else str(got)
            return not_valid(path, number - 1, column, expected, got, others)
        more = f", and {others} more" if others else ""
        where = "" if column == FILE else f"column '{shown(column)}'"
        file = url_of(part, rows[FILE][place].as_py())
        return BadInput(where, expected, f"'{shown(str(got))}'{more}", file)

    error = one(bad[0], len(bad) - 1)
    error.alone = lambda: {place: one(place) for place in bad}
    raise error


def check_all(faults: dict[int, BadInput]) -> None:
    """Raises what is wrong with samples, by their places, if anything is."""
    told = Faults()
    for fault in faults.values():
        told.add(fault)
    try:
        told.check()
    except BadInput as error:
        error.alone = lambda: faults
        raise


def numbers_of(part: Part, block: Block) -> NDArray[np.int64]:
    """The number in its file of each row, from 1."""
    return row_numbers(part.before, block.rows.num_rows, block.bad, block.left_out)


def url_of(part: Part, name: str) -> str:
    """Where a file of a part is, as readers tell it."""
    return next((file.url for file in part.files if file.name == name), name)


def columns_told(rows: pa.Table) -> str:
    """The first columns that rows have, for an error."""
    return f"the columns {some(rows.column_names)}"
