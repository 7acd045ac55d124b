"""Rows as they are read become what their columns are: flags, times; what is wrong is set aside.

Rows in which the entry says that nothing may be missing are left out where something is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput, Faults
from ptm.kinds.table.meaning import (
    CATEGORICAL,
    DROP,
    expected_of,
    is_text,
    measure_of,
    remedy,
    treatment_of,
)
from ptm.kinds.table.reading import read_columns
from ptm.model import Bad, Part, row_numbers
from ptm.readers.delimited.faults import not_valid
from ptm.spelling import ranks, times, truths
from ptm.treatment import Treatment

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.kinds.table.options import Options


@dataclass
class Rows:
    """Rows of a part while they are looked at.

    Attributes:
        path: of the file; None of rows that stand in the catalog.
        table: those that are left.
        numbers: of each in the file, from 1, int64 [row].
        faults: what is wrong, where that fails the entry.
        aside: what is wrong with rows that are set aside instead; None where it fails the entry.
        left_out: numbers of rows that are left out as a value is missing, by column.
        are_fewer: whether some that were read are not left.
    """

    path: Path | None
    table: pa.Table
    numbers: NDArray[np.int64]
    faults: Faults = field(default_factory=Faults)
    aside: list[Bad] | None = None
    left_out: dict[str, list[int]] = field(default_factory=dict)
    are_fewer: bool = False

    def refuse(self, column: str, wrong: NDArray[np.bool_], expected: str, values: Any) -> None:
        """Tells values that are wrong, or sets their rows aside.

        Args:
            column: that has them.
            wrong: which are, bool [row].
            expected: of a value.
            values: of the column, by place; None where one is missing.
        """
        places = wrong.nonzero()[0].tolist()
        if not places:
            return

        def told(place: int, others: int = 0) -> BadInput:
            got, row = values[place], int(self.numbers[place]) - 1
            got = got.as_py() if hasattr(got, "as_py") else got
            return not_valid(self.path, row, column, expected, "" if got is None else got, others)

        if self.aside is None:
            self.faults.add(told(places[0], len(places) - 1))
            return
        for place in places:
            one = told(place)
            row = int(self.numbers[place])
            self.aside.append(Bad(one.file, one.where, one.expected, one.got, row))
        self.keep(~wrong)

    def keep(self, left: NDArray[np.bool_]) -> None:
        """Leaves only the rows that are marked."""
        import pyarrow as pa

        self.table, self.numbers = self.table.filter(pa.array(left)), self.numbers[left]
        self.are_fewer = True


def rows_of(options: Options, path: Path | None, part: Part) -> Rows:
    """The rows of a part as its file has them; of what is wrong with them all is gathered.

    Args:
        options: of the table.
        path: of the file; None of rows that stand in the catalog.
        part: of it.

    Raises:
        BadInput: they cannot be read at all.
    """
    aside: list[Bad] | None = None if options.on_bad == "fail" else []
    faults = Faults()
    try:
        table = read_columns(options, path, part, aside)
        known = aside or []
    except BadInput as error:
        if aside is not None or not _has_more_to_tell(options):
            raise
        faults.add(error)
        table, known = _others(options, path, part, faults)
    return Rows(path, table, row_numbers(part.before, table.num_rows, known), faults, aside)


def _has_more_to_tell(options: Options) -> bool:
    """Whether values are looked at that a reader takes as they are."""
    converted = (*options.order, *options.dates, *options.measures)
    return bool(options.classes) or any(is_text(options, name) for name in converted)


def _others(
    options: Options, path: Path | None, part: Part, faults: Faults
) -> tuple[pa.Table, list[Bad]]:
    """The rows in which nothing is wrong as a reader sees it, so that the rest can be told too."""
    bad: list[Bad] = []
    try:
        table = read_columns(options, path, part, bad)
    except BadInput:
        faults.check()
        raise  # not reached: there is a fault
    if not table.num_rows:
        faults.check()
    return table, bad


def typed(options: Options, rows: Rows) -> None:
    """Flags and times in place of texts; what is none of them, and what is missing, is refused."""
    for name in rows.table.column_names:
        if name in options.asides:
            continue
        how = treatment_of(options, name)
        if name not in options.missing and rows.table[name].null_count:
            what = expected_of(how, measure_of(options, name) == CATEGORICAL)
            what += f" (or {remedy(options, name)})" if rows.aside is None else ""
            rows.refuse(name, rows.table[name].is_null().to_numpy(), what, rows.table[name])
        if is_text(options, name):
            _convert(rows, name, how)
    for name, word in options.missing.items():
        if word == DROP and rows.table[name].null_count:
            there = rows.table[name].is_valid().to_numpy()
            rows.left_out[name] = rows.numbers[~there].tolist()
            rows.keep(there)


def _convert(rows: Rows, name: str, how: Treatment) -> None:
    """A column of texts as what they spell; an order stays as it is."""
    spelled: Callable[[pa.Array], pa.Array]
    if how.boolean:
        spelled = truths
    elif how.parts:
        spelled = lambda texts: times(texts, how.date_format)  # noqa: E731
    elif how.order:
        spelled = lambda texts: ranks(texts, how.order)  # noqa: E731
    else:
        return
    texts = rows.table[name].combine_chunks()
    found = spelled(texts)
    if not how.order:
        rows.table = rows.table.set_column(rows.table.column_names.index(name), name, found)
    if found.null_count > texts.null_count:
        wrong = (texts.is_valid().to_numpy(False)) & found.is_null().to_numpy(False)
        rows.refuse(name, wrong, expected_of(how), texts)
