"""Whether the first row of a table names its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ptm.readers.sniffing.cells import is_missing, is_number, is_typed

YEAR = re.compile(r"(?:1[89]|20|21)[0-9]{2}")
LOOKED_AT = 200


def has_header(rows: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Whether the first of some rows names the columns, and why it is not sure; "" where it is."""
    first, below = rows[0], rows[1 : LOOKED_AT + 1]
    cells = [cell.strip() for cell in first]
    if not below:
        return not any(map(is_typed, cells)), "there is one row only"
    if _are_counted(cells):
        return True, ""
    if all(is_typed(cell) or is_missing(cell) for cell in cells):
        return _are_years(cells, below), ""
    votes = [_vote(cell, [row[n].strip() for row in below]) for n, cell in enumerate(cells)]
    if any(is_number(cell) and not YEAR.fullmatch(cell) for cell in cells):
        return sum(votes) > 1, "" if sum(votes) < 0 else "some of its names are numbers"
    if sum(votes) > 0:
        return True, ""
    if sum(votes) < 0:
        return False, "" if sum(votes) < -1 else "the first row looks as the others do"
    is_new = len(set(cells)) == len(cells)
    return is_new, "all columns are texts"


def _vote(cell: str, below: Sequence[str]) -> int:
    """What one column says: 1 for a name above its values, -1 for a value, 0 for nothing."""
    there = [value for value in below if not is_missing(value)]
    if not there:
        return 0
    typed = sum(map(is_typed, there)) / len(there)
    if typed > 0.8:
        return -1 if is_typed(cell) else 0 if is_missing(cell) else 1
    if cell in there:
        return -1 if there.count(cell) > len(there) // 50 else 0
    few = len(set(there)) <= max(len(there) // 4, 1)
    return 1 if few and len(there) > 3 and cell else 0


def _are_counted(cells: Sequence[str]) -> bool:
    """Whether the cells are 0, 1, 2, …, as programs name columns that have no names."""
    bare = cells[1:] if cells and not cells[0] else cells
    return len(bare) > 2 and list(bare) == [str(number) for number in range(len(bare))]


def _are_years(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the cells are years, one behind the other, and the values below are not."""
    years = [int(cell) for cell in cells if YEAR.fullmatch(cell)]
    if len(years) < 3 or len(years) < len(cells) - 1 or years != sorted(set(years)):
        return False
    values = [value.strip() for row in below for value in row[-2:]]
    return sum(bool(YEAR.fullmatch(value)) for value in values) < len(values) // 2


def is_title(record: Sequence[str], following: Sequence[str]) -> bool:
    """Whether a record is a title, filled up with blanks as spreadsheets do, above a header."""
    filled, below = (sum(bool(cell.strip()) for cell in one) for one in (record, following))
    return len(record) > 2 and filled * 3 <= len(record) < below * 2
