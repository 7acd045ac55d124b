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
from ptm.readers.tabular.opening import cut_table, row_bytes

if TYPE_CHECKING:
    import pyarrow as pa

DECODED = 4  # bytes in memory for each byte of text, about


def parts(options: Options, files: tuple[File, ...], target_bytes: int) -> list[Part]:
    """Parts of a file, cut at row ends; one of all where it is small."""
    if not files:
        return [Part(0, files)]
    size = max(int(target_bytes / _decoded(options, files[0].path)), 1)
    cut = cut_table(files[0].path, options.dialect, size)
    if cut is None:
        return [Part(0, files)]
    part = Part(0, files, head=cut.head, total=cut.total)
    return [
        part._replace(span=(one.start, one.end), before=one.before, digest=one.digest)
        for one in cut.pieces
    ]


def _decoded(options: Options, path: Path) -> float:
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
        return read_delimited(
            path,
            options.dialect,
            _columns(options),
            options.asides,
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
    return _inline(options, categories, unscaled)


def _columns(options: Options) -> tuple[str, ...]:
    """The columns to read; all where empty."""
    if not options.columns:
        return ()
    return (*options.columns, *sorted(options.asides - {*options.columns}))


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
