"""The rows of a table as they are read: how its file is cut into parts, the columns of a part."""

from __future__ import annotations

from functools import partial
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING

from ptm import arrow
from ptm.errors import Faults
from ptm.kinds.table.meaning import expected_of, is_text, remedy, treatment_of
from ptm.kinds.table.options import Options
from ptm.limits import FLOAT32
from ptm.model import Bad, File, Part
from ptm.readers.delimited.columns import not_valid, read_delimited
from ptm.readers.tabular.opening import Place, cut_table, row_bytes
from ptm.readers.tabular.together import FILE, other_orders

if TYPE_CHECKING:
    import pyarrow as pa

DECODED = 4  # bytes in memory for each byte of text, about


def names_matter(options: Options) -> bool:
    """Whether rows have the names of their files."""
    return options.pattern is not None


def parts(options: Options, files: tuple[File, ...], target_bytes: int) -> list[Part]:
    """Parts of each file, cut at row ends; one of all of it where it is small."""
    if not files:
        return [Part(0, files)]
    orders = {}
    if names_matter(options):
        places = {file.name: options.place(file) for file in files}
        orders = other_orders(places, options.dialect, _columns(options), True)
    found = []
    for file in files:
        part = Part(0, (file,), columns=orders.get(file.name, ()))
        place = options.place(file)
        size = max(int(target_bytes / _decoded(options, place)), 1)
        cut = cut_table(place, options.dialect, size)
        if cut is None:
            found.append(part)
            continue
        part = part._replace(head=cut.head, total=cut.total)
        for one in cut.pieces:
            span = one.start, one.end
            found.append(part._replace(span=span, before=one.before, digest=one.digest))
    return found


def _decoded(options: Options, path: Place) -> float:
    """Bytes in memory for each byte of text, about: with the one-hot encoding of the target."""
    if not options.classes:
        return DECODED
    # of a power of two: another row at the begin of the file moves no cut
    row = 2.0 ** round(log2(row_bytes(path, options.dialect)))
    return DECODED + options.classes * FLOAT32 / row


def read_columns(
    options: Options, path: Path | None, part: Part, aside: list[Bad] | None = None
) -> pa.Table:
    """The columns: string where they are categories, or what `typed` makes something else of; else
    float64, or int64 of large integers. Null where a value of a column of `missing` is missing.
    """
    texts = {name for name in options.named - options.asides if is_text(options, name)}
    categories = frozenset(texts)
    kept = {c for c, m in options.measures.items() if m == "ordinal"}
    is_exact = options.standardize and not options.precision
    unscaled = frozenset({*kept, *options.targets}) if is_exact else None
    if path:
        table = read_delimited(
            options.place(part.files[0]),
            options.dialect,
            _columns(options),
            options.asides - {FILE} if names_matter(options) else options.asides,
            categories,
            unscaled,
            part.span,
            part.head,
            part.before,
            aside,
            frozenset(options.missing),
            partial(remedy, options),
            {name: expected_of(treatment_of(options, name), True) for name in categories},
        )
        if part.columns:
            table = table.select(part.columns)
        return _with_file(table, part.files[0]) if names_matter(options) else table
    return _inline(options, categories, unscaled)


def _with_file(table: pa.Table, file: File) -> pa.Table:
    """The same with the name of its file as the first column."""
    import pyarrow as pa

    names = pa.array([file.name]).take(pa.array([0] * table.num_rows, pa.int64()))
    return table.add_column(0, FILE, names)


def _columns(options: Options) -> tuple[str, ...]:
    """The columns to read; all where empty."""
    if not options.columns:
        return ()
    aside = options.asides - {*options.columns} - ({FILE} if names_matter(options) else set())
    return (*options.columns, *sorted(aside))


def _inline(
    options: Options, categories: frozenset[str], unscaled: frozenset[str] | None
) -> pa.Table:
    """The rows that stand in the catalog."""
    import numpy as np

    columns, faults = {}, Faults()
    for name, values in zip(options.columns, zip(*options.rows, strict=True), strict=True):
        if name in categories:
            columns[name] = arrow.texts([_spelled(value) for value in values])
            continue
        numbers = np.array(values, dtype=np.float64)
        largest = np.finfo(np.float32 if unscaled is None or name in unscaled else np.float64).max
        bad = np.flatnonzero(np.abs(numbers) > largest).tolist()
        if bad:
            got, others = numbers[bad[0]], len(bad) - 1
            expected = "a finite number (float32)"
            faults.add(not_valid(None, bad[0], name, expected, got, others))
        columns[name] = arrow.column(numbers)
    faults.check()
    return arrow.table(columns)


def _spelled(value: float) -> str:
    """A number as a file would have it."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
