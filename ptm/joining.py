"""What is published beside the parts of an entry, from what is said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ptm import defaults, quarantine
from ptm.blocks import whole
from ptm.certifying import Checked
from ptm.described import STATISTICS, summary_of, table_of
from ptm.errors import PtmError
from ptm.learned import Learned
from ptm.model import QUARANTINE, ROWS, Bad, Block, PartRef, Whole
from ptm.profile import OF_ROWS, BySplit
from ptm.profiling import of_rows
from ptm.registry import kind_of
from ptm.split import NOWHERE, TRAIN
from ptm.stats import Stats
from ptm.work import Job, Measured


class Measures(NamedTuple):
    """What was measured and found of the samples of an entry.

    Attributes:
        by_split: statistics.
        profiles: of columns and channels, by split.
        aside: the samples that were set aside; None where none can be.
        checked: what was found of their split; None where they have none.
        left_out: rows of the source that are none of them, as their entry says, by column.
    """

    by_split: Mapping[str, Stats]
    profiles: BySplit
    aside: Sequence[Bad] | None = None
    checked: Checked | None = None
    left_out: Mapping[str, Sequence[int]] = MappingProxyType({})


def finished(
    job: Job, learned: Learned, stats: Stats, carried: Sequence[Mapping[str, Any]]
) -> Block:
    """What belongs to the entry as a whole, as its kind says."""
    kind = kind_of(job.source)
    hook = getattr(kind.code, "whole", None)
    if hook is None:
        return Block()
    return whole(hook(job.source, learned, stats, carried), f"kind '{kind.name}'", part=False)


def joined(
    said: Sequence[Block | Measured],
    axes: Mapping[str, tuple[str, ...]],
    beside: Block,
    learned: Learned,
    measures: Measures,
) -> Whole:
    """What is published beside the parts.

    Args:
        said: of each part.
        axes: of the tensors that are published.
        beside: what belongs to all parts together.
        learned: from them.
        measures: of them.

    Raises:
        PtmError: parts say different facts.
    """
    facts: dict[str, Any] = {}
    for one in said:
        for name, value in one.facts.items():
            if facts.setdefault(name, value) != value:
                raise PtmError(
                    f"facts['{name}']: expected the same of each part, got {facts[name]!r} and "
                    f"{value!r} (`whole` of a kind says what is of all parts, and `parts` can keep "
                    "them together)"
                )
    notes = dict.fromkeys(note for one in said for note in one.notes)
    tables = {} if beside.rows is None else {ROWS: beside.rows}
    of_one = said[0].tables if isinstance(said[0], Block) else {}
    profiles, checked, aside = measures.profiles, measures.checked, measures.aside
    found, of_split = (dict(checked.tables), checked.notes) if checked else ({}, ())
    counts, of_bad = _counts(measures.by_split), tuple[str, ...]()
    if measures.left_out:
        facts["left_out"] = {name: len(rows) for name, rows in measures.left_out.items()}
    if aside is not None:
        found[QUARANTINE] = quarantine.table(aside)
        of_bad = quarantine.notes(aside, good_in(said))
        counts["bad"] = len(aside)
    if beside.rows is not None:
        profiles = {**profiles, TRAIN: {**profiles.get(TRAIN, {}), OF_ROWS: of_rows(beside.rows)}}
    if any(profiles.values()):
        found[STATISTICS] = table_of(profiles)
    return Whole(
        {**axes, **beside.axes},
        beside.tensors,
        {**tables, **of_one, **beside.tables, **found},
        learned.to_json(),
        counts | {"columns": summary_of(profiles)},
        {**facts, **beside.facts},
        (*of_bad, *_of_left_out(measures), *notes, *beside.notes, *of_split),
        checked.said if checked else {},
        sorted(number for numbers in measures.left_out.values() for number in numbers),
    )


def left_out_of(parts: Sequence[Measured]) -> dict[str, list[int]]:
    """The rows that were left out of parts, by column, in their order."""
    found: dict[str, list[int]] = {}
    for part in parts:
        for column, numbers in part.left_out.items():
            found.setdefault(column, []).extend(numbers)
    return found


def _of_left_out(measures: Measures) -> tuple[str, ...]:
    """A sentence about the rows that were left out, if any were."""
    counts = {name: len(numbers) for name, numbers in measures.left_out.items()}
    if not counts:
        return ()
    left = sum(counts.values())
    total = left + sum(sum(s.samples.values()) for s in measures.by_split.values())
    total += len(measures.aside or ())
    each = ", ".join(f"'{name}' ({count:,})" for name, count in counts.items())
    rows = f"{left:,} of {total:,} rows {'is' if left == 1 else 'are'} left out"
    return (f"{rows}, as a value is missing in column {each}",)


def good_in(said: Sequence[Block | Measured]) -> int:
    """How many samples parts have, whatever is measured of them."""
    return sum(
        defaults.samples_of(one) if isinstance(one, Block) else _samples_of(one.ref) for one in said
    )


def _samples_of(ref: PartRef) -> int:
    if ref.rows is not None:
        return ref.rows
    return next((one["shape"][0] for one in ref.tensors.values() if one["shape"]), 0)


def _counts(by_split: Mapping[str, Stats]) -> dict[str, Any]:
    return {
        "samples": {split: sum(one.samples.values()) for split, one in by_split.items()},
        "moments": {
            split: {name: moments.to_json() for name, moments in one.moments.items()}
            for split, one in by_split.items()
            if split != NOWHERE
        },
    }
