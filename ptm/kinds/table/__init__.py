"""Tables: rows with named columns into features, a target and its one-hot encoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

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
from ptm.learned import Learned
from ptm.limits import FLOAT32, check_size
from ptm.model import (
    CLASS,
    FEATURE,
    SAMPLE,
    Artifact,
    Bad,
    Block,
    File,
    Part,
    View,
)
from ptm.readers.cutting import cut_rows
from ptm.readers.delimited.columns import check_names, head_of, not_valid, read_delimited
from ptm.readers.delimited.faults import shown, some
from ptm.readers.text import read_begin
from ptm.source import (
    GIB,
    MOST_CLASSES,
    MOST_COLUMNS,
    Delimiter,
    Measure,
    Number,
    Source,
    file_name,
)
from ptm.stats import Moments, Stats

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


NAMES_MATTER = False  # of files: no row has them
BEGIN = 1 << 16  # bytes that show how long a row is
DECODED = 4  # bytes in memory for each byte of text, about
FEW = 1000  # numbers that show of most columns that they are no integers
# what is carried of columns of numbers: those that are int64, and that have integers only
EXACT, WHOLE = "exact", "whole"


class Options(Source):
    """A delimited file with a header, or rows that stand in the catalog itself.

    Attributes:
        columns: the columns to use, in this order; all of the file's where empty.
        exclude: columns that are no features; they stay in the table as they are, as texts.
            So do the columns of `group` and `time`.
        rows: the rows themselves, instead of a path.
        target: the column to predict, kept out of the features.
        classes: number of classes of the target; it becomes int64 and one-hot. Without it, float32.
        standardize: whether continuous features are scaled to mean 0, standard deviation 1.
        measures: a word on each column that is not continuous. Ordinal columns are kept as they
            are, categorical ones become one 0/1 feature for each category.
        units: the unit of each column that has one.
        header: whether the first line names the columns. Without a word it does, and one of
            numbers only is refused; where it is false, the columns are c0, c1, …
        precision: "float32" rounds the numbers before they are scaled; without
            it they are scaled as the file has them, and rounded once.
        max_columns, max_bytes: of one encoding: of a categorical column, of the target.
    """

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes", "max_columns"})
    needs_path: ClassVar[bool] = False
    takes_folders: ClassVar[bool] = False
    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rows: tuple[tuple[Number, ...], ...] = ()
    delimiter: Delimiter = ","
    encoding: str = "utf-8"
    target: str | None = None
    classes: int | None = Field(default=None, ge=2, le=MOST_CLASSES)
    standardize: bool = True
    measures: dict[str, Measure] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    header: bool | None = None
    precision: Literal["float32"] | None = None
    max_columns: int = Field(default=MOST_COLUMNS, ge=1)
    max_bytes: int = Field(default=GIB, ge=1)

    @model_validator(mode="after")
    def _has_rows(self) -> Options:
        if bool(self.path) == bool(self.rows):
            raise ValueError("either 'path' or 'rows', not both and not neither")
        if self.rows and self.header is not None:
            raise ValueError("'header' with a 'path', not with 'rows'")
        if self.rows and not self.columns:
            raise ValueError("'columns' to name the values in 'rows'")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("each column once in 'columns'")
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} to have {len(self.columns)} values, got {len(row)}")
        if self.classes and not self.target:
            raise ValueError("a 'target' where there are 'classes'")
        if self.columns:
            named = {*self.measures, *self.units, *([self.target] if self.target else [])}
            named -= self.asides
            for name in sorted(named - set(self.columns)):
                raise ValueError(f"'{name}' to be one of the columns {', '.join(self.columns)}")
        return self

    @model_validator(mode="after")
    def _target_stays(self) -> Options:
        if self.target and self.target in self.asides:
            raise ValueError(f"a 'target' that is not left out, got '{self.target}'")
        if self.rows and (out := sorted(self.asides)):
            raise ValueError(f"'rows' of numbers without 'exclude', 'group' and 'time', got {out}")
        return self

    @property
    def asides(self) -> frozenset[str]:
        """The columns that are no features, and stay as they are."""
        named = (*self.exclude, self.group, self.time)
        return frozenset(name for name in named if name is not None)


def parts(options: Options, files: tuple[File, ...], target_bytes: int) -> list[Part]:
    """Parts of a file, cut at row ends; one of all where it is small."""
    if not files:
        return [Part(0, files)]
    size = max(int(target_bytes / _decoded(options, files[0].path)), 1)
    if files[0].bytes <= size:
        return [Part(0, files)]
    path, delimiter, encoding = files[0].path, options.delimiter, options.encoding
    head = head_of(path, delimiter, encoding, options.header)
    pieces = cut_rows(path, encoding, delimiter, head, size)
    if len(pieces) == 1:
        return [Part(0, files)]
    return [
        Part(0, files, (one.start, one.end), "", head, one.before, one.digest) for one in pieces
    ]


def _decoded(options: Options, path: Path) -> float:
    """Bytes in memory for each byte of text, about: with the one-hot encoding of the target."""
    if not options.classes:
        return DECODED
    begin, _, _ = read_begin(path, options.encoding, BEGIN)
    # of a power of two: another row at the begin of the file moves no cut
    row = 2.0 ** round(log2(len(begin) / max(begin.count(b"\n"), 1)))
    return DECODED + options.classes * FLOAT32 / row


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
    table = _read(options, path, part, aside)
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


def _read(
    options: Options, path: Path | None, part: Part, aside: list[Bad] | None = None
) -> pa.Table:
    """The columns: string where they are categories, else float64, or int64 of large integers."""
    categories = frozenset(c for c, m in options.measures.items() if m == "categorical")
    categories -= options.asides
    kept = {c for c, m in options.measures.items() if m == "ordinal"}
    is_exact = options.standardize and not options.precision
    unscaled = frozenset(kept | {options.target or ""}) if is_exact else None
    if path:
        return read_delimited(
            path,
            options.delimiter,
            options.encoding,
            options.header,
            _columns(options),
            options.asides,
            categories,
            unscaled,
            part.span,
            part.head,
            part.before,
            aside,
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
