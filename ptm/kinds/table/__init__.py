"""Tables: rows with named columns into features, a target and its one-hot encoding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from ptm.encoding import one_hot
from ptm.errors import BadInput, Faults
from ptm.kinds.table.features import columns_of, features_of, merging, warnings_of
from ptm.limits import check_size
from ptm.model import CLASS, FEATURE, SAMPLE, Artifact, Block, Part, View
from ptm.readers.delimited.columns import check_names, not_valid, read_delimited
from ptm.readers.delimited.faults import shown, some
from ptm.source import (
    GIB,
    MOST_CLASSES,
    MOST_COLUMNS,
    Delimiter,
    Measure,
    Number,
    Source,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


NAMES_MATTER = False  # of files: no row has them


class Options(Source):
    """A delimited file with a header, or rows that stand in the catalog itself.

    Attributes:
        columns: the columns to use, in this order; all of the file's where empty.
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
            for name in sorted(named - set(self.columns)):
                raise ValueError(f"'{name}' to be one of the columns {', '.join(self.columns)}")
        return self


def read(options: Options, part: Part) -> Block:
    """Features, target and one-hot target of a table.

    Returns:
        `features` float32 [sample, feature], continuous columns standardised (n - 1) in float64
        where the source says so; `target` int64 [sample] and `target_onehot` float32
        [sample, class] for a target with classes, `target` float32 [sample] otherwise, in the unit
        of its column. The table holds the columns as they are in the file; the scaler is one of all
        features.

    Raises:
        BadInput: see `read_delimited`; or a target that is no class, an encoding that is too
            large, two features of one name, numbers out of the range of float32 that are not
            scaled, or of which float64 can hold no standard deviation. All of it is told together.
    """
    import torch

    path = part.files[0].path if part.files else None
    file = str(path or "")
    table = _read(options, path)
    _check_options(options, file, table)
    faults = Faults()
    columns = columns_of(options, file, table, faults)
    target = _classes(options, path, table, faults) if options.target and options.classes else None
    faults.check()
    features = features_of(options, file, table.num_rows, columns, faults)
    faults.check()
    merged = features.merged
    tensors = {"features": torch.from_numpy(features.matrix)}
    axes: dict[str, tuple[str, ...]] = {"features": (SAMPLE, FEATURE)}
    if options.target and target is not None and options.classes:
        tensors["target"] = torch.from_numpy(target)
        tensors["target_onehot"] = one_hot(tensors["target"], options.classes)
        axes |= {"target": (SAMPLE,), "target_onehot": (SAMPLE, CLASS)}
        column = table.column_names.index(options.target)
        table = table.set_column(column, options.target, [target])
    elif options.target:
        values = table[options.target].to_numpy()
        stored = values.astype("float32")
        merged |= merging(options.target, values, stored)
        tensors["target"] = torch.from_numpy(stored)
        axes["target"] = (SAMPLE,)
    return Block(
        tensors,
        axes,
        _described(options, table),
        scaler=features.scaler,
        facts={
            "features": features.names,
            "target": options.target,
            "measures": {c: options.measures.get(c, "continuous") for c in table.column_names},
        },
        notes=warnings_of(features.constant, merged),
    )


def _read(options: Options, path: Path | None) -> pa.Table:
    """The columns: string where they are categories, else float64, or int64 of large integers."""
    categories = frozenset(c for c, m in options.measures.items() if m == "categorical")
    kept = {c for c, m in options.measures.items() if m == "ordinal"}
    is_exact = options.standardize and not options.precision
    unscaled = frozenset(kept | {options.target or ""}) if is_exact else None
    if path:
        of_file = (options.delimiter, options.encoding, options.header)
        return read_delimited(path, *of_file, options.columns, frozenset(), categories, unscaled)
    return _inline(options, categories, unscaled)


def _inline(
    options: Options, categories: frozenset[str], unscaled: frozenset[str] | None
) -> pa.Table:
    """The rows that stand in the catalog."""
    import numpy as np
    import pyarrow as pa

    columns, faults = {}, Faults()
    for name, values in zip(options.columns, zip(*options.rows, strict=True), strict=True):
        if name in categories:
            columns[name] = pa.array([_spelled(value) for value in values])
            continue
        numbers = np.array(values, dtype=np.float64)
        largest = np.finfo(np.float32 if unscaled is None or name in unscaled else np.float64).max
        bad = np.flatnonzero(np.abs(numbers) > largest).tolist()
        if bad:
            got, others = numbers[bad[0]], len(bad) - 1
            expected = "a finite number (float32)"
            faults.add(not_valid(None, bad[0], name, expected, got, others))
        columns[name] = pa.array(numbers)
    faults.check()
    return pa.table(columns)


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
    if set(table.column_names) <= {options.target}:
        faults.add(
            BadInput(
                where="header",
                expected="at least one column beside the target",
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


def _classes(
    options: Options, path: Path | None, table: pa.Table, faults: Faults
) -> NDArray[np.int64] | None:
    """The class of each row; None where there is something wrong, which is added to the faults."""
    import numpy as np

    assert options.target is not None and options.classes is not None
    where = f"column '{shown(options.target)}'"
    try:
        check_size(options, table.num_rows, options.classes, where, str(path or ""))
    except BadInput as error:
        faults.add(error)
    values = table[options.target].to_numpy()
    valid = (values == np.floor(values)) & (values >= 0) & (values < options.classes)
    if not valid.all():
        row, bad = int(valid.argmin()), int((~valid).sum())
        expected = f"a class from 0 to {options.classes - 1}"
        faults.add(not_valid(path, row, options.target, expected, values[row], bad - 1))
        return None
    codes: NDArray[np.int64] = values.astype(np.int64)
    return codes


def _described(options: Options, table: pa.Table) -> pa.Table:
    """The same table with unit and measure in the metadata of each column."""
    import pyarrow as pa

    fields = []
    for field in table.schema:
        metadata: dict[str, str] = {"measure": options.measures.get(field.name, "continuous")}
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
        counts = artifact.table[target].value_counts().sort_index()
        yield View(
            "classes",
            f"How many rows each class of {target} has; of {options['classes']} classes "
            f"{len(counts)} occur.",
            picture=draw.bars(counts, f"{artifact.name}: rows of each {target}", "rows"),
            title=f"{artifact.name}: class balance",
        )
