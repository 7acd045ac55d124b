"""Tables: rows with named columns into features, a target and its one-hot encoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.encoding import one_hot
from ptm.errors import BadInput, Faults
from ptm.kinds.table.aside import are_classes, as_alone, with_classes
from ptm.kinds.table.features import (
    FEATURES,
    check_columns,
    columns_of,
    features_of,
    fit,
    merging,
    warnings_of,
)
from ptm.kinds.table.options import Options as Options
from ptm.kinds.table.reading import parts as parts
from ptm.kinds.table.reading import read_columns
from ptm.learned import Learned
from ptm.limits import check_size
from ptm.model import CLASS, FEATURE, SAMPLE, Artifact, Bad, Block, Part, View
from ptm.readers.delimited.columns import check_names, not_valid
from ptm.readers.delimited.faults import shown, some
from ptm.source import file_name
from ptm.stats import Moments, Stats

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess

NAMES_MATTER = False  # of files: no row has them
ASKED = 2  # when a folder is looked at: behind kinds that take tables of a certain form
FEW = 1000  # numbers that show of most columns that they are no integers
# what is carried of columns of numbers: those that are int64, and that have integers only
EXACT, WHOLE = "exact", "whole"


def read(options: Options, part: Part) -> Block:
    """The rows of a table, as they are in the file; the target as its class where it has classes.

    `encode` makes of them `features` float32 [sample, feature], continuous columns standardised
    (n - 1) in float64 where the source says so; `target` int64 [sample] and `target_onehot` float32
    [sample, class] for a target with classes, `target` float32 [sample] otherwise, in the unit of
    its column. The scaler is one of all features. Stored raw, `features` is float64 and not scaled.

    Raises:
        BadInput: see `read_delimited`; or a target that is no class, an encoding that is too
            large, two features of one name. All of it is told together; or rows that are wrong are
            set aside, where the entry says so.
    """
    path = part.files[0].path if part.files else None
    file = str(path or "")
    aside: list[Bad] | None = None if options.on_bad == "fail" else []
    table = read_columns(options, path, part, aside)
    _check_options(options, file, table)
    if aside is not None and options.target and options.classes:
        expected = _expected_class(options)
        table = with_classes(options, path, part.before, table, aside, expected)
    bad = tuple(one._replace(file=part.files[0].name if path else "") for one in aside or ())
    if bad and not table.num_rows:
        return Block(bad=bad)
    faults = Faults()
    found = {name: sorted(counted) for name, counted in _counted(options, table).items()}
    columns = columns_of(options, table.column_names, found)
    check_columns(options, file, table.num_rows, columns, faults)
    if options.target and options.classes:
        target = _classes(options, path, part.before, table, faults)
        column = table.column_names.index(options.target)
        if target is not None:
            table = table.set_column(column, options.target, arrow.column(target))
    faults.check()
    return Block(
        rows=_described(options, table),
        facts={
            "target": options.target,
            "measures": {
                name: options.measures.get(name, "continuous")
                for name in table.column_names
                if name not in options.asides
            },
        },
        carried=_carried(options, table),
        bad=bad,
    )


def without_bad(options: Options, block: Block, left: NDArray[np.bool_]) -> Block:
    """A block of those of its rows that are marked, as of a file without the others."""
    import pyarrow as pa

    rows = as_alone(options, block.rows.filter(pa.array(left)))
    return replace(block, rows=rows, carried=_carried(options, rows))


def measure(options: Options, block: Block) -> Stats:
    """Moments of each column of numbers but the target; counts of categories."""
    import numpy as np

    table, moments = block.rows, {}
    for name in _of_numbers(options, table):
        if name == options.target:
            continue
        numbers = arrow.numbers(table[name])
        with np.errstate(all="ignore"):  # what leaves float64 is refused by `learn`
            rounded = numbers.astype(options.precision) if options.precision else numbers
            moments[name] = Moments.of(rounded[:, None])
    return Stats({"train": table.num_rows}, moments, _counted(options, table))


def learn(options: Options, stats: Stats, carried: Sequence[Mapping[str, Any]]) -> Learned:
    """Categories, and the scaler of all features.

    Raises:
        BadInput: an encoding would be too large, two features of one name, numbers of which float64
            can hold no standard deviation, or integers beside fractions that it rounds.
    """
    file, faults = file_name(options), Faults()
    categories = {name: tuple(sorted(counted)) for name, counted in stats.counts.items()}
    columns = columns_of(options, carried[0]["columns"], categories)
    if len(carried) > 1:  # else `read` has looked
        rows = sum(one["rows"] for one in carried)
        check_columns(options, file, rows, columns, faults)
        if options.target and options.classes:
            _check_classes(options, file, rows, faults)
    scaler = fit(options, file, columns, stats.moments, faults)
    exact = _integers(carried, file, faults)
    faults.check()
    return Learned({FEATURES: scaler}, categories, exact)


def encode(options: Options, block: Block, learned: Learned) -> Block:
    """Features, a target and its one-hot encoding, of rows."""
    import torch

    table = _cast(block.rows, learned)
    matrix, merged, unseen = features_of(options, table, learned)
    tensors = {FEATURES: torch.from_numpy(matrix)}
    axes: dict[str, tuple[str, ...]] = {FEATURES: (SAMPLE, FEATURE)}
    if options.target:
        values = arrow.numbers(table[options.target])
        axes["target"] = (SAMPLE,)
        if options.classes:
            tensors["target"] = torch.from_numpy(values.copy())  # Arrow's cannot be written to
            tensors["target_onehot"] = one_hot(tensors["target"], options.classes)
            axes["target_onehot"] = (SAMPLE, CLASS)
        else:
            stored = values.astype("float32")
            merged |= merging(options.target, values, stored)
            tensors["target"] = torch.from_numpy(stored)
    carried = {
        "merged": {name: list(counts) for name, counts in merged.items()},
        "unseen": unseen,
    }
    return Block(tensors, axes, table, carried=carried)


def whole(
    options: Options, learned: Learned, stats: Stats, carried: Sequence[Mapping[str, Any]]
) -> Block:
    """The names of the features; which columns never vary, or lose values in float32."""
    merged: dict[str, tuple[int, int]] = {}
    for one in carried:
        for name, (before, after) in one["merged"].items():
            known = merged.get(name, (0, 0))
            merged[name] = max(known, (before, after), key=lambda counts: counts[0] - counts[1])
    order = {name: place for place, name in enumerate(carried[0]["columns"])}
    merged = dict(sorted(merged.items(), key=lambda pair: order[pair[0]]))
    constant = [
        name
        for name, one in stats.moments.items()
        if options.standardize
        and options.measures.get(name, "continuous") == "continuous"
        and one.min[0] == one.max[0]
        and name not in merged
    ]
    names = list(learned.scalers[FEATURES].names)
    notes = (*warnings_of(options, constant, merged, len(carried)), *_unseen(carried))
    return Block(facts={"features": names}, notes=notes)


def _unseen(carried: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Of which columns there are categories that train has not."""
    counts: Counter[str] = Counter()
    for one in carried:
        counts.update(one["unseen"])
    for name, count in counts.items():
        rows = "1 row has" if count == 1 else f"{count} rows have"
        yield f"column '{shown(name)}': {rows} a category that train has not; all of it is 0 there"


def _counted(options: Options, table: pa.Table) -> dict[str, Counter[str]]:
    """How often each category of each categorical column comes."""
    found = {}
    for name in table.column_names:
        is_category = options.measures.get(name) == "categorical"
        if is_category and name != options.target and name not in options.asides:
            counted = table[name].value_counts()
            values, counts = (counted.field(place).to_pylist() for place in (0, 1))
            found[name] = Counter(dict(zip(values, counts, strict=True)))
    return found


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
    columns, rows = table.column_names, table.num_rows
    return {"columns": columns, "rows": rows, **_integral(options, table)}


def _of_numbers(options: Options, table: pa.Table) -> list[str]:
    """The columns of numbers, the target among them."""
    return [
        name
        for name in table.column_names
        if name not in options.asides and options.measures.get(name) != "categorical"
    ]


def _integral(options: Options, table: pa.Table) -> dict[str, list[str]]:
    """Which columns are int64 here, since float64 would round them; which have integers only."""
    import numpy as np

    found: dict[str, list[str]] = {EXACT: [], WHOLE: []}
    for name in _of_numbers(options, table):
        numbers = arrow.numbers(table[name])
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


def _check_options(options: Options, file: str, table: pa.Table) -> None:
    faults = Faults()
    named = {*options.measures, *options.units, *([options.target] if options.target else [])}
    try:
        check_names(sorted(named), table.column_names, file)
    except BadInput as error:
        faults.add(error)
    if set(table.column_names) <= {options.target, *options.asides}:
        beside = "the target" + (" and what is left out" if options.asides else "")
        faults.add(
            BadInput(
                where="header",
                expected=f"at least one column beside {beside}",
                got=some(table.column_names),
                file=file,
            )
        )
    if options.target and options.measures.get(options.target) == "categorical":
        faults.add(
            BadInput(
                where=f"column '{shown(options.target)}'",
                expected="a target of numbers",
                got="the measure 'categorical'",
                file=file,
            )
        )
    faults.check()


def _check_classes(options: Options, file: str, rows: int, faults: Faults) -> None:
    """Adds that the target's encoding is too large."""
    assert options.target is not None and options.classes is not None
    try:
        check_size(options, rows, options.classes, f"column '{shown(options.target)}'", file)
    except BadInput as error:
        faults.add(error)


def _classes(
    options: Options, path: Path | None, before: int, table: pa.Table, faults: Faults
) -> NDArray[np.int64] | None:
    """The class of each row; None where there is something wrong, which is added to the faults."""
    import numpy as np

    assert options.target is not None and options.classes is not None
    _check_classes(options, str(path or ""), table.num_rows, faults)
    values, valid = are_classes(options, table)
    if not valid.all():
        row, bad = int(valid.argmin()), int((~valid).sum())
        expected = _expected_class(options)
        faults.add(not_valid(path, before + row, options.target, expected, values[row], bad - 1))
        return None
    codes: NDArray[np.int64] = values.astype(np.int64)
    return codes


def _expected_class(options: Options) -> str:
    assert options.classes is not None
    return f"a class from 0 to {options.classes - 1}"


def _described(options: Options, table: pa.Table) -> pa.Table:
    """The same table with unit and measure in the metadata of each column."""
    import pyarrow as pa

    fields = []
    for field in table.schema:
        measure = options.measures.get(field.name, "continuous")
        metadata: dict[str, str] = {}
        if field.name not in options.asides:
            metadata["measure"] = measure
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
    from ptm import draw
    from ptm.summaries import columns_view, histograms_view

    yield columns_view(artifact)
    yield histograms_view(artifact)
    options = artifact.manifest["options"]
    if options.get("classes"):
        target = options["target"]
        counts = artifact.columns[target].value_counts().sort_index()
        yield View(
            "classes",
            f"How many rows each class of {target} has; of {options['classes']} classes "
            f"{len(counts)} occur.",
            picture=draw.bars(counts, f"{artifact.name}: rows of each {target}", "rows"),
            title=f"{artifact.name}: class balance",
        )
