"""Tables: rows with named columns into features, a target and its one-hot encoding."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.distinct import Distinct
from ptm.errors import BadInput, Faults
from ptm.featuring import PLAIN, numbers_of, parts_of
from ptm.kinds.table import targets
from ptm.kinds.table.categories import (
    Rare,
    categories_of,
    check_rare,
    counted,
    filled,
    rare_notes,
)
from ptm.kinds.table.features import (
    FEATURES,
    check_columns,
    columns_of,
    features_of,
    fit,
    merging,
    scaled_moments,
    warnings_of,
)
from ptm.kinds.table.likeness import check_taught
from ptm.kinds.table.likeness import like as like
from ptm.kinds.table.meaning import (
    CATEGORICAL,
    has_class_names,
    is_category,
    is_feature,
    is_text,
    measure_of,
    treatment_of,
)
from ptm.kinds.table.missing import is_counted, missing_counts, missing_note, treatments
from ptm.kinds.table.options import Options as Options
from ptm.kinds.table.reading import parts as parts
from ptm.kinds.table.targets import (
    as_classes,
    check_classes,
    check_named,
    classes_in,
    classes_of,
    refuse_no_class,
)
from ptm.kinds.table.typed import Rows, as_alone, rows_of, typed
from ptm.learned import CODES, Learned
from ptm.model import FEATURE, SAMPLE, Artifact, Block, Part, View
from ptm.readers.delimited.columns import check_names
from ptm.readers.delimited.faults import shown, some
from ptm.source import file_name
from ptm.spelling import days_of
from ptm.stats import Moments, Stats

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess

NAMES_MATTER = False  # of files: no row has them
ASKED = 2  # when a folder is looked at: behind kinds that take tables of a certain form
FEW = 1000  # numbers that show of most columns that they are no integers
# what is carried of columns of numbers: those that are int64, and that have integers only
EXACT, WHOLE = "exact", "whole"
COLUMN = "column"  # the axis of codes


def read(options: Options, part: Part) -> Block:
    """The rows of a table, as they are in the file; null where a value is missing.

    Flags are bool, dates timestamps in UTC, a target with classes of numbers is its class.

    `encode` makes of them `features` float32 [sample, feature], continuous columns standardised
    (n - 1) in float64 where the source says so, what is missing filled before; `codes` int64
    [sample, column] of categories that are codes; `target` int64 [sample] and `target_onehot`
    float32 [sample, class] for a target with classes of numbers, `target` int64 for one of names,
    `target` float32 [sample] otherwise, in the unit of its column. Of several targets those of
    numbers are `target` float32 [sample, target], each other one is `target_NAME` int64. The
    scaler is one of all features. Stored raw, `features` is float64 and not scaled.

    Raises:
        BadInput: see `read_delimited`; or values that are no flag, no date, none of an order, no
            class, or missing where none may be; an encoding that is too large, two features of one
            name. All of it is told together; or rows that are wrong are set aside, where the entry
            says so.
    """
    rows = rows_of(options, part)
    file = str(rows.path or "")
    _check_options(options, file, rows.table, rows.faults)
    typed(options, rows)
    refuse_no_class(options, rows)
    _check_size(options, file, rows)
    rows.faults.check()
    bad = [one._replace(file=part.files[0].name if rows.path else "") for one in rows.aside or ()]
    if not rows.table.num_rows:
        return Block(bad=tuple(bad), left_out=rows.left_out)
    names = rows.table.column_names
    table = as_classes(options, as_alone(options, rows.table) if rows.are_fewer else rows.table)
    return Block(
        rows=_described(options, table),
        facts={
            "target": options.target if len(options.targets) < 2 else list(options.targets),
            "measures": {
                name: measure_of(options, name) for name in names if name not in options.asides
            },
        },
        carried=_carried(options, table),
        bad=tuple(bad),
        left_out=rows.left_out,
    )


def _check_size(options: Options, file: str, rows: Rows) -> None:
    """Adds that an encoding would be too large, or that two features would have one name."""
    names, count, faults = rows.table.column_names, rows.table.num_rows, rows.faults
    found = {n: categories_of(options, of)[0] for n, of in counted(options, rows.table).items()}
    hows = {name: treatment_of(options, name) for name in names if is_feature(options, name)}
    check_columns(options, file, count, columns_of(options, names, found, hows), faults)
    check_classes(options, file, count, faults)
    check_named(classes_in(options, rows.table), file, faults)


def without_bad(options: Options, block: Block, left: NDArray[np.bool_]) -> Block:
    """A block of those of its rows that are marked, as of a file without the others."""
    import pyarrow as pa

    rows = as_alone(options, block.rows.filter(pa.array(left)))
    return replace(block, rows=rows, carried=_carried(options, rows))


def measure(options: Options, block: Block) -> Stats:
    """Moments of each column of numbers but the targets, of what is there; counts of categories,
    of classes, and of numbers of which the median or the most frequent one is to be learned.
    """
    import numpy as np

    table, moments, distinct = block.rows, dict[str, Moments](), dict[str, Distinct]()
    for name in _of_numbers(options, table):
        if name in options.targets:
            continue
        how = treatment_of(options, name)
        numbers, there = numbers_of(table[name], how)
        numbers = numbers if there is None else numbers[there]
        if how.parts:
            features = parts_of(numbers, None, how)
            names = how.features(name, None)
            moments |= {one: _moments(f) for one, f in zip(names, features, strict=False)}
            numbers = days_of(numbers)
        with np.errstate(all="ignore"):  # what leaves float64 is refused by `learn`
            moments[name] = _moments(numbers.astype(options.precision or numbers.dtype))
        if is_counted(options, name):
            distinct[name] = Distinct.of(numbers)
    counts = counted(options, table) | targets.counted(options, table)
    return Stats({"train": table.num_rows}, moments, counts, distinct)


def _moments(numbers: NDArray[Any]) -> Moments:
    return Moments.of(numbers[:, None])


def learn(options: Options, stats: Stats, carried: Sequence[Mapping[str, Any]]) -> Learned:
    """Categories, what stands for missing values, classes, and the scaler of all features.

    Raises:
        BadInput: nothing can be learned of what is missing; an encoding would be too large, two
            features of one name, numbers of which float64 can hold no standard deviation, or
            integers beside fractions that it rounds.
    """
    file, faults = file_name(options), Faults()
    names, rows = carried[0]["columns"], sum(stats.samples.values())
    hows = treatments(options, names, stats, file, faults)
    faults.check()
    categories, rare = dict[str, tuple[str, ...]](), dict[str, Rare]()
    for name, how in hows.items():
        if is_category(options, name):
            known = filled(stats.counts.get(name, Counter()), how.fill, rows)
            categories[name], rare[name] = categories_of(options, known)
            hows[name] = replace(how, rare=bool(rare[name].categories))
    check_rare(categories, file, faults)
    columns = columns_of(options, names, categories, hows)
    classes = classes_of(options, [one.get("classes", {}) for one in carried])
    if len(carried) > 1:  # else `read` has looked
        count = sum(one["rows"] for one in carried)
        check_columns(options, file, count, columns, faults)
        check_classes(options, file, count, faults)
        check_named(classes, file, faults)
    scaler = fit(options, file, columns, stats, faults)
    exact = _integers(carried, file, faults)
    faults.check()
    special = {name: how for name, how in hows.items() if how != PLAIN}
    scalers = {FEATURES: scaler} if scaler.names else {}
    return Learned(scalers, categories, exact, columns=special, classes=classes)


def relearn(options: Options, learned: Learned, carried: Sequence[Mapping[str, Any]]) -> Learned:
    """What another table learned, with the integers of this one that float64 would round.

    Raises:
        BadInput: there are such integers beside fractions; a class that was not learned.
    """
    faults = Faults()
    check_taught(options, learned, carried, faults)
    exact = _integers(carried, file_name(options), faults)
    faults.check()
    return replace(learned, integers=exact)


def encode(options: Options, block: Block, learned: Learned) -> Block:
    """Features and targets of rows."""
    import torch

    table = _cast(block.rows, learned)
    found, merged = features_of(options, table, learned)
    tensors: dict[str, torch.Tensor] = {}
    axes: dict[str, tuple[str, ...]] = {}
    if found.features.shape[1]:
        tensors[FEATURES], axes[FEATURES] = torch.from_numpy(found.features), (SAMPLE, FEATURE)
    codes = found.codes(learned.coded)
    if codes is not None:
        tensors[CODES], axes[CODES] = torch.from_numpy(codes), (SAMPLE, COLUMN)
    of_targets, more, rounded = targets.tensors_of(options, table, learned.classes)
    for name, (values, stored) in rounded.items():
        merged |= merging(name, values, stored)
    carried = {
        "merged": {name: list(counts) for name, counts in merged.items()},
        "unseen": found.unseen,
    }
    return Block(tensors | of_targets, axes | more, table, carried=carried)


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
        *(targets.class_notes(options, known_classes, stats.counts) if learns_itself else ()),
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


def _are_whole(numbers: NDArray[Any]) -> bool:
    """Whether all numbers are integers that int64 has."""
    import numpy as np

    if numbers.dtype == np.int64:
        return True
    few = numbers[:FEW]
    if not ((few == np.rint(few)).all() and (numbers == np.rint(numbers)).all()):
        return False
    return bool(numbers.min(initial=0.0) >= -(2.0**63) and numbers.max(initial=0.0) < 2.0**63)


def _carried(options: Options, table: pa.Table) -> dict[str, Any]:
    """What the functions of all parts have to know of one."""
    more = {
        "classes": classes_in(options, table),
        "missing": {
            name: count
            for name in options.missing
            if name in table.column_names and (count := table[name].null_count)
        },
    }
    columns, rows = table.column_names, table.num_rows
    said = {name: value for name, value in more.items() if value}
    return {"columns": columns, "rows": rows, **_integral(options, table), **said}


def _of_numbers(options: Options, table: pa.Table) -> list[str]:
    """The columns that are numbers, or become some, targets without named classes among them."""
    return [
        name
        for name in table.column_names
        if name not in options.asides
        and measure_of(options, name) != CATEGORICAL
        and not (name in options.targets and has_class_names(options, name))
    ]


def _integral(options: Options, table: pa.Table) -> dict[str, list[str]]:
    """Which columns are int64 here, since float64 would round them; which have integers only."""
    import numpy as np

    found: dict[str, list[str]] = {EXACT: [], WHOLE: []}
    for name in _of_numbers(options, table):
        if is_text(options, name):
            continue
        numbers, _ = arrow.observed(table[name])
        found[EXACT] += [name] if numbers.dtype == np.int64 else []
        found[WHOLE] += [name] if _are_whole(numbers) else []
    return found


def _integers(carried: Sequence[Mapping[str, Any]], file: str, faults: Faults) -> tuple[str, ...]:
    """Columns of integers that float64 would round, and which so are int64 in every part."""
    exact = [name for name in carried[0]["columns"] if any(name in one[EXACT] for one in carried)]
    for name in exact:
        if not all(name in one[WHOLE] for one in carried):
            expected = "numbers that float64 can hold, or integers that int64 can"
            got = "integers that float64 rounds, and others that int64 cannot hold"
            faults.add(BadInput(f"column '{shown(name)}'", expected, got, file))
    return tuple(exact)


def _cast(table: pa.Table, learned: Learned) -> pa.Table:
    """The same table, with int64 where another part needs it."""
    import pyarrow as pa

    fields = [
        field.with_type(pa.int64()) if field.name in learned.integers else field
        for field in table.schema
    ]
    schema = pa.schema(fields)
    return table if schema.equals(table.schema) else table.cast(schema)


def _check_options(options: Options, file: str, table: pa.Table, faults: Faults) -> None:
    """Looks whether there are the columns that options name.

    Raises:
        BadInput: there are not; it is told with the other faults.
    """
    before = faults.count
    try:
        check_names(sorted(options.named), table.column_names, file)
    except BadInput as error:
        faults.add(error)
    if set(table.column_names) <= {*options.targets, *options.asides}:
        beside = "the target" if len(options.targets) < 2 else "the targets"
        beside += " and what is left out" if options.asides else ""
        faults.add(
            BadInput(
                where="header",
                expected=f"at least one column beside {beside}",
                got=some(table.column_names),
                file=file,
            )
        )
    if faults.count > before:
        faults.check()


def _described(options: Options, table: pa.Table) -> pa.Table:
    """The same table with unit and measure in the metadata of each column."""
    import pyarrow as pa

    fields = []
    for field in table.schema:
        metadata: dict[str, str] = {}
        if field.name not in options.asides:
            metadata["measure"] = measure_of(options, field.name)
        if field.name in options.units:
            metadata["unit"] = options.units[field.name]
        fields.append(field.with_metadata(metadata))
    return table.cast(pa.schema(fields))


def inspect(folder: Folder) -> Guess | None:
    """The tables of a folder, for `ptm init`."""
    from ptm.inspecting.table_entries import inspect as look

    return look(folder)


def views(artifact: Artifact) -> Iterator[View]:
    """What each column holds, and how many rows each class has."""
    from ptm.summaries import columns_view, histograms_view

    yield columns_view(artifact)
    yield histograms_view(artifact)
    options, facts = artifact.manifest["options"], artifact.manifest["facts"]
    targets = [options["target"]] if isinstance(options["target"], str) else options["target"]
    for target in targets or ():
        named = facts.get("classes")
        named = named.get(target) if isinstance(named, dict) else named
        if options["classes"] or named:
            yield _balance(artifact, target, named, options["classes"], len(targets) > 1)


def _balance(
    artifact: Artifact, target: str, named: list[str] | None, classes: int | None, is_one: bool
) -> View:
    """How many rows each class of a target has."""
    from ptm import draw

    counts = artifact.columns[target].value_counts().sort_index()
    if named:
        texts = counts.index.astype(str)
        texts = texts.str.lower() if counts.index.dtype == bool else texts.str.strip()
        counts = counts.groupby(texts).sum().reindex(named, fill_value=0)
    occur = int((counts > 0).sum())
    plain = re.sub("[^a-z0-9]+", "-", target.lower()).strip("-")
    return View(
        f"classes-{plain}" if is_one else "classes",
        f"How many rows each class of {target} has; of {classes or len(counts)} classes "
        f"{occur} occur.",
        picture=draw.bars(counts, f"{artifact.name}: rows of each {target}", "rows"),
        title=f"{artifact.name}: class balance",
    )
