"""Categories of columns: counted, learned from train, those that are not frequent joined in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ptm.errors import BadInput, Faults
from ptm.kinds.table.meaning import is_category
from ptm.readers.delimited.faults import shown
from ptm.treatment import RARE

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.kinds.table.options import Options

Counts = Mapping[str, "Counter[str]"]


class Rare(NamedTuple):
    """What is joined of a column.

    Attributes:
        categories: how many.
        rows: of train that have one of them.
    """

    categories: int
    rows: int


def counted(options: Options, table: pa.Table) -> dict[str, Counter[str]]:
    """How often each category of each categorical column comes; missing ones are not counted."""
    names = [name for name in table.column_names if is_category(options, name)]
    return {name: count(table[name]) for name in names}


def count(values: pa.ChunkedArray) -> Counter[str]:
    """How often each text comes; missing ones are not counted."""
    found = values.value_counts()
    texts, counts = (found.field(place).to_pylist() for place in (0, 1))
    known = zip(texts, counts, strict=True)
    return Counter({text: many for text, many in known if text is not None})


def filled(counts: Counter[str], fill: float | str | None, rows: int) -> Counter[str]:
    """The same where the rows without a value have one; that is one of them in any case."""
    if not isinstance(fill, str):
        return counts
    return Counter({**counts, fill: counts[fill] + rows - counts.total()})


def categories_of(options: Options, counts: Mapping[str, int]) -> tuple[tuple[str, ...], Rare]:
    """The categories of a column, sorted, that of the rare ones last; and what those are."""
    least = options.min_count or 0
    kept = sorted(category for category, many in counts.items() if many >= least)
    rare = [many for many in counts.values() if many < least]
    return (*kept, *([RARE] if rare else [])), Rare(len(rare), sum(rare))


def check_rare(categories: Mapping[str, Sequence[str]], file: str, faults: Faults) -> None:
    """Looks whether no category is called as that of the rare ones."""
    for name, known in categories.items():
        if known.count(RARE) > 1:
            expected = f"no category '{RARE}', which 'min_count' makes"
            faults.add(BadInput(f"column '{shown(name)}'", expected, "one", file))


def rare_notes(options: Options, rare: Mapping[str, Rare]) -> Iterable[str]:
    """Sentences about what is joined."""
    for name, (many, rows) in rare.items():
        if many:
            ones = "1 category" if many == 1 else f"{many:,} categories"
            have = "1 row" if rows == 1 else f"{rows:,} rows"
            yield (
                f"column '{shown(name)}': {ones} with fewer than {options.min_count} rows of "
                f"{options.statistics} ({have} together) became one, {RARE}"
            )
