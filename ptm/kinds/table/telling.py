"""What is said of a table as a whole: facts, and sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ptm.kinds.table.categories import Rare, categories_of, filled, rare_notes
from ptm.kinds.table.features import columns_of, scaled_moments, warnings_of
from ptm.kinds.table.missing import missing_counts, missing_note
from ptm.kinds.table.targets import class_notes
from ptm.learned import Learned
from ptm.model import Block
from ptm.readers.delimited.faults import shown
from ptm.stats import Stats
from ptm.treatment import PLAIN

if TYPE_CHECKING:
    from ptm.kinds.table.options import Options


def whole(
    options: Options, learned: Learned, stats: Stats, carried: Sequence[Mapping[str, Any]]
) -> Block:
    """The names of features, categories and classes; what was missing, rare or new; which columns
    never vary, or lose values in float32.
    """
    names, learns_itself = carried[0]["columns"], not options.learn_from
    columns = columns_of(options, names, learned.categories, learned.columns)
    merged = _merged(carried)
    constant = [
        feature
        for feature, one in scaled_moments(columns, stats).items()
        if one.min[0] == one.max[0] and feature not in merged and learns_itself
    ]
    missing, unseen = missing_counts(options, carried), _unseen(carried)
    rows, rare = sum(stats.samples.values()), dict[str, Rare]()
    for name in learned.categories if learns_itself else ():
        fill = learned.columns.get(name, PLAIN).fill
        known = filled(stats.counts.get(name, Counter()), fill, rows)
        rare[name] = categories_of(options, known)[1]
    known_classes = {n: one for n, one in learned.classes.items() if n in options.targets}
    classes = {name: list(one) for name, one in known_classes.items()}
    is_one = len(options.targets) == 1
    facts = {
        "features": [feature for column in columns for feature in column.features],
        "missing": missing,
        "unseen": unseen,
        "rare": {name: found.categories for name, found in rare.items() if found.categories},
        "codes": {name: list(learned.categories[name]) for name in learned.coded},
        "classes": next(iter(classes.values()), None) if is_one else classes,
    }
    notes = (
        *warnings_of(options, constant, merged, len(carried)),
        *missing_note(options, missing, learned.columns),
        *rare_notes(options, rare),
        *_unseen_notes(unseen, learned),
        *(class_notes(options, known_classes, stats.counts) if learns_itself else ()),
    )
    return Block(facts={n: f for n, f in facts.items() if f or n == "features"}, notes=notes)


def _merged(carried: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Of which columns distinct values became one: in the part that lost most."""
    merged: dict[str, tuple[int, int]] = {}
    for one in carried:
        for name, (before, after) in one["merged"].items():
            known = merged.get(name, (0, 0))
            merged[name] = max(known, (before, after), key=lambda counts: counts[0] - counts[1])
    order = {name: place for place, name in enumerate(carried[0]["columns"])}
    return dict(sorted(merged.items(), key=lambda pair: order[pair[0]]))


def _unseen(carried: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows have a category that train has not, by column."""
    counts: Counter[str] = Counter()
    for one in carried:
        counts.update(one["unseen"])
    return dict(counts)


def _unseen_notes(unseen: Mapping[str, int], learned: Learned) -> Iterator[str]:
    for name, count in unseen.items():
        rows = "1 row has" if count == 1 else f"{count} rows have"
        there = "all of it is 0 there"
        if name in learned.coded:
            there = f"its code is {len(learned.categories[name])} there"
        yield f"column '{shown(name)}': {rows} a category that train has not; {there}"
