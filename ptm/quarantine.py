"""Samples that were set aside since they could not be read: how many there may be, what is told.

A bad sample is a fault of its bytes alone: what may pass is raised where it comes up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ptm.errors import BadInput, Faults
from ptm.model import QUARANTINE, Bad

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.source import Source

COLUMNS = ("path", "where", "expected", "got")


def check(source: Source, bad: Sequence[Bad], good: int) -> None:
    """Looks whether so many samples may be set aside.

    Args:
        source: the entry, with its limit.
        bad: all that were, in their order.
        good: how many samples are left.

    Raises:
        BadInput: more than the limit, or all; the first of them are told.
    """
    total, most, head = len(bad) + good, source.max_bad, ""
    if bad and not good:
        ones = "1 bad one" if total == 1 else f"{total:,} bad ones"
        head = f"expected a sample that is good, got {ones}"
    elif most is not None and (len(bad) if isinstance(most, int) else len(bad) / total) > most:
        limit = f"{most:,}" if isinstance(most, int) else f"{most * 100:.10g} %"
        samples = "sample" if most == 1 and isinstance(most, int) else "samples"
        head = f"expected at most {limit} bad {samples} (max_bad), got {len(bad):,} of {total:,}"
    if head:
        faults = Faults()
        for one in bad:
            faults.add(BadInput(one.where, one.expected, one.got, one.file))
        faults.check(head=head)


def table(bad: Sequence[Bad]) -> pa.Table:
    """Bad samples as a table: path, where, expected and got, each string."""
    import pyarrow as pa

    columns = zip(*(one[: len(COLUMNS)] for one in bad), strict=True) if bad else [()] * 4
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, names=list(COLUMNS))


def notes(bad: Sequence[Bad], good: int) -> tuple[str, ...]:
    """A sentence that says how many there are, where there are any."""
    if not bad:
        return ()
    are = "is" if len(bad) == 1 else "are"
    total = len(bad) + good
    return (f"{len(bad):,} of {total:,} samples {are} in quarantine (tables['{QUARANTINE}'])",)


def in_order(bad: Sequence[Bad], files: Sequence[str]) -> tuple[Bad, ...]:
    """Bad samples in the order of the files of their part, and of their rows."""
    places = {name: place for place, name in enumerate(files)}
    return tuple(sorted(bad, key=lambda one: (places.get(one.file, len(places)), one.row)))
