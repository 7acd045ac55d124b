"""Tables: rows with named columns into features, a target and its one-hot encoding."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptm.distinct import Distinct
from ptm.errors import BadInput, Faults
from ptm.featuring import numbers_of, parts_of
from ptm.kinds.table import targets
from ptm.kinds.table.categories import Rare, categories_of, check_rare, counted, filled
from ptm.kinds.table.features import (
    FEATURES,
    check_columns,
    columns_of,
    features_of,
    fit,
    merging,
)
from ptm.kinds.table.integers import as_alone, as_learned, integers_of, integral
from ptm.kinds.table.likeness import check_taught
from ptm.kinds.table.likeness import like as like
from ptm.kinds.table.meaning import (
    CATEGORICAL,
    is_category,
    is_feature,
    measure_of,
    treatment_of,
)
from ptm.kinds.table.missing import is_counted, treatments
from ptm.kinds.table.options import Options as Options
from ptm.kinds.table.reading import names_matter as names_matter
from ptm.kinds.table.reading import parts as parts
from ptm.kinds.table.targets import (
    as_classes,
    check_classes,
    check_named,
    classes_in,
    classes_of,
    refuse_no_class,
)
from ptm.kinds.table.telling import whole as whole
from ptm.kinds.table.typed import Rows, rows_of, typed
from ptm.learned import CODES, Learned
from ptm.model import FEATURE, ROW_OF_FILE, SAMPLE, Artifact, Block, Part, View
from ptm.readers.delimited.columns import check_names
from ptm.readers.delimited.faults import some
from ptm.readers.tabular.together import FILE
from ptm.source import file_name
from ptm.spelling import days_of
from ptm.stats import Moments, Stats
from ptm.treatment import PLAIN

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess

ASKED = 2  # when a folder is looked at: behind kinds that take tables of a certain form
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
    path = part.files[0].path if part.files else None
    rows, file = rows_of(options, path, part), str(path or "")
    _check_options(options, file, rows.table, rows.faults)
    typed(options, rows)
    if options.classes:
        refuse_no_class(options, rows, f"a class from 0 to {options.classes - 1}")
    _check_size(options, file, rows)
    rows.faults.check()
    bad = [one._replace(file=part.files[0].name if path else "") for one in rows.aside or ()]
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
    for name in (name for name in table.column_names if is_feature(options, name)):
        if measure_of(options, name) == CATEGORICAL:
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
    count = sum(one["rows"] for one in carried)
    check_columns(options, file, count, columns, faults)
    check_classes(options, file, count, faults)
    check_named(classes, file, faults)
    scaler = fit(options, file, columns, stats, faults)
    exact = integers_of(carried, file, faults)
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
    exact = integers_of(carried, file_name(options), faults)
    faults.check()
    return replace(learned, integers=exact)


def encode(options: Options, block: Block, learned: Learned) -> Block:
    """Features and targets of rows."""
    import torch

    table = as_learned(block.rows, learned)
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
    return {"columns": columns, "rows": rows, **integral(options, table), **said}


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
        if field.name == FILE:
            metadata |= ROW_OF_FILE
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
    options, named = artifact.manifest["options"], artifact.manifest["facts"].get("classes")
    said = options["target"]
    names = [said] if isinstance(said, str) else said or []
    for name in names:
        known = named.get(name) if isinstance(named, dict) else named
        if known or options["classes"]:
            yield _balance(artifact, name, known, len(names) == 1)


def _balance(artifact: Artifact, target: str, names: list[str] | None, is_alone: bool) -> View:
    """How many rows each class of a target has."""
    from ptm import draw

    counts = artifact.columns[target].value_counts().sort_index()
    if names:
        texts = counts.index.astype(str)
        texts = texts.str.lower() if counts.index.dtype == bool else texts.str.strip()
        counts = counts.groupby(texts).sum().reindex(names, fill_value=0)
    classes = len(names) if names else artifact.manifest["options"]["classes"]
    plain = re.sub("[^a-z0-9]+", "-", target.lower()).strip("-")
    return View(
        "classes" if is_alone else f"classes-{plain}",
        f"How many rows each class of {target} has; of {classes} classes "
        f"{int((counts > 0).sum())} occur.",
        picture=draw.bars(counts, f"{artifact.name}: rows of each {target}", "rows"),
        title=f"{artifact.name}: class balance",
    )
