"""Targets: classes by number or by name, and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.encoding import one_hot
from ptm.errors import BadInput, Faults
from ptm.kinds.table.categories import count
from ptm.kinds.table.meaning import BOOLEAN, CLASSES, has_class_names, measure_of, tensor_of
from ptm.limits import check_size
from ptm.model import CLASS, SAMPLE
from ptm.readers.delimited.faults import shown, some
from ptm.source import MOST_CLASSES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.kinds.table.options import Options
    from ptm.kinds.table.typed import Rows

TARGET = "target"  # the axis of several
Classes = Mapping[str, Sequence[str]]


def number_target(options: Options) -> str | None:
    """The target whose classes are numbers."""
    return options.targets[0] if options.classes and options.targets else None


def named_targets(options: Options) -> list[str]:
    """The targets whose classes have names."""
    return [name for name in options.targets if has_class_names(options, name)]


def check_classes(options: Options, file: str, rows: int, faults: Faults) -> None:
    """Adds that the encoding of a target is too large."""
    name = number_target(options)
    if name is None or options.classes is None:
        return
    try:
        check_size(options, rows, options.classes, f"column '{shown(name)}'", file)
    except BadInput as error:
        faults.add(error)


def refuse_no_class(options: Options, rows: Rows, expected: str) -> None:
    """Refuses what is no class of a target whose classes are numbers, or sets it aside."""
    import numpy as np

    name = number_target(options)
    if name is None or options.classes is None:
        return
    values, there = arrow.observed(rows.table[name])
    valid = (values == np.floor(values)) & (values >= 0) & (values < options.classes)
    if there is not None:
        valid |= ~there  # that is told already
    rows.refuse(name, ~valid, expected, values)


def as_classes(options: Options, table: pa.Table) -> pa.Table:
    """The rows with classes that are numbers as int64."""
    import numpy as np

    name = number_target(options)
    if name is None:
        return table
    codes = arrow.column(arrow.numbers(table[name]).astype(np.int64))
    return table.set_column(table.column_names.index(name), name, codes)


def classes_in(options: Options, table: pa.Table) -> dict[str, list[str]]:
    """The classes of rows, by target whose classes come from them."""
    names = [name for name in named_targets(options) if _are_found(options, name)]
    return {name: sorted(count(table[name])) for name in names}


def check_named(found: Classes, file: str, faults: Faults) -> None:
    """Adds targets of more classes than a model can have."""
    for name, classes in found.items():
        if len(classes) > MOST_CLASSES:
            expected, got = f"at most {MOST_CLASSES:,} classes", f"{len(classes):,}"
            faults.add(BadInput(f"column '{shown(name)}'", expected, got, file))


def classes_of(options: Options, parts: Sequence[Classes]) -> dict[str, tuple[str, ...]]:
    """The classes of each target that has names for them, of all rows.

    Args:
        options: say which.
        parts: those of each part.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in named_targets(options):
        if measure_of(options, name) == BOOLEAN:
            found[name] = CLASSES
        elif name in options.order:
            found[name] = tuple(text.strip() for text in options.order[name])
        else:
            found[name] = tuple(sorted({one for part in parts for one in part[name]}))
    return found


def counted(options: Options, table: pa.Table) -> dict[str, Counter[str]]:
    """How many rows each named class of each target has."""
    found = {}
    for name in named_targets(options):
        values = table[name]
        if measure_of(options, name) == BOOLEAN:
            values = values.cast("string")
        found[name] = Counter[str]()
        for text, many in count(values).items():
            found[name][text.strip() if name in options.order else text] += many
    return found


def class_notes(options: Options, classes: Classes, counts: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about targets of one class, and about classes that train has not."""
    for name, known in classes.items():
        if len(known) == 1:
            yield f"target '{shown(name)}' has one class only: '{shown(known[0])}'"
        absent = [one for one in known if not counts.get(name, {}).get(one)]
        if absent:
            ones = "a class" if len(absent) == 1 else f"{len(absent)} classes"
            where = options.statistics if options.statistics == "train" else "all rows"
            yield f"target '{shown(name)}': {where} has no row of {ones}: {some(absent)}"


def tensors_of(
    options: Options, table: pa.Table, classes: Classes
) -> tuple[dict[str, torch.Tensor], dict[str, tuple[str, ...]], dict[str, tuple[Any, Any]]]:
    """The tensors of the targets, and their axes; and by column numbers before and after rounding.

    Raises:
        BadInput: a class is not among those that were learned.
    """
    import numpy as np
    import torch

    tensors: dict[str, torch.Tensor] = {}
    axes: dict[str, tuple[str, ...]] = {}
    rounded: dict[str, tuple[Any, Any]] = {}
    for name in options.targets:
        values = table[name]
        if has_class_names(options, name):
            codes = _codes(name, values, classes[name], name in options.order)
            tensors[tensor_of(options, name)] = torch.from_numpy(codes)
            axes[tensor_of(options, name)] = (SAMPLE,)
        elif options.classes:
            # Arrow's cannot be written to
            tensors["target"] = torch.from_numpy(arrow.numbers(values).copy())
            tensors["target_onehot"] = one_hot(tensors["target"], options.classes)
            axes |= {"target": (SAMPLE,), "target_onehot": (SAMPLE, CLASS)}
        else:
            numbers = arrow.numbers(values)
            rounded[name] = numbers, numbers.astype("float32")
    if rounded:
        stored = [after for _, after in rounded.values()]
        is_alone = len(options.targets) == 1
        values = stored[0] if is_alone else np.stack(stored, axis=1)
        tensors["target"] = torch.from_numpy(values)
        axes["target"] = (SAMPLE,) if is_alone else (SAMPLE, TARGET)
    return tensors, axes, rounded


def _codes(
    name: str, values: pa.ChunkedArray, classes: Sequence[str], is_ordered: bool
) -> NDArray[np.int64]:
    """The place of each class, int64 [row]."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = values.cast(pa.string())
    texts = pc.utf8_trim_whitespace(texts) if is_ordered else texts
    places = pc.index_in(texts, arrow.texts(classes))
    if places.null_count:
        place = places.is_null().index(True).as_py()
        expected = f"one of the {len(classes)} classes that were learned"
        raise BadInput(f"column '{shown(name)}'", expected, f"'{shown(texts[place].as_py())}'")
    return arrow.numbers(places).astype(np.int64)


def _are_found(options: Options, name: str) -> bool:
    return measure_of(options, name) != BOOLEAN and name not in options.order
