"""Tables: rows with named columns into features, a target and its one-hot encoding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ptm.content import CLASS, FEATURE, ROWS, SAMPLE, Content
from ptm.encoding import one_hot
from ptm.errors import Faults, InputError
from ptm.kinds.delimited import check_names, not_valid, read_delimited
from ptm.kinds.delimited_faults import shown, some
from ptm.kinds.table_features import columns_of, features_of, merging, warnings_of
from ptm.limits import check_size

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.catalog import TableSource

PACKAGES = ("torch", "numpy", "pyarrow")
NAMES_MATTER = False


def tensorize(source: TableSource, paths: list[Path]) -> Content:
    """Features, target and one-hot target of a table.

    Returns:
        `features` float32 [sample, feature], continuous columns standardised (n - 1) in float64
        where the source says so; `target` int64 [sample] and `target_onehot` float32
        [sample, class] for a target with classes, `target` float32 [sample] otherwise, in the unit
        of its column. The table holds the columns as they are in the file; the scaler is one of all
        features.

    Raises:
        InputError: see `read_delimited`; or a target that is no class, an encoding that is too
            large, two features of one name, numbers out of the range of float32 that are not
            scaled, or of which float64 can hold no standard deviation. All of it is told together.
    """
    import torch

    path = paths[0] if paths else None
    table = _read(source, path)
    _check_options(source, table)
    faults = Faults()
    columns = columns_of(source, source.path, table, faults)
    target = _classes(source, path, table, faults) if source.target and source.classes else None
    faults.check()
    features = features_of(source, source.path, table.num_rows, columns, faults)
    faults.check()
    merged = features.merged
    tensors = {"features": torch.from_numpy(features.matrix)}
    axes: dict[str, tuple[str, ...]] = {"features": (SAMPLE, FEATURE)}
    if source.target and target is not None and source.classes:
        tensors["target"] = torch.from_numpy(target)
        tensors["target_onehot"] = one_hot(tensors["target"], source.classes)
        axes |= {"target": (SAMPLE,), "target_onehot": (SAMPLE, CLASS)}
        column = table.column_names.index(source.target)
        table = table.set_column(column, source.target, [target])
    elif source.target:
        values = table[source.target].to_numpy()
        stored = values.astype("float32")
        merged |= merging(source.target, values, stored)
        tensors["target"] = torch.from_numpy(stored)
        axes["target"] = (SAMPLE,)
    return Content(
        tensors,
        axes,
        {ROWS: _described(source, table)},
        features.scaler,
        {
            "features": features.names,
            "measures": {c: source.measures.get(c, "continuous") for c in table.column_names},
        },
        warnings_of(features.constant, merged),
    )


def _read(source: TableSource, path: Path | None) -> pa.Table:
    """The columns: string where they are categories, else float64, or int64 of large integers."""
    categories = frozenset(c for c, m in source.measures.items() if m == "categorical")
    kept = {c for c, m in source.measures.items() if m == "ordinal"}
    is_exact = source.standardize and not source.precision
    unscaled = frozenset(kept | {source.target or ""}) if is_exact else None
    if path:
        return read_delimited(source, path, source.columns, frozenset(), categories, unscaled)
    return _inline(source, categories, unscaled)


def _inline(
    source: TableSource, categories: frozenset[str], unscaled: frozenset[str] | None
) -> pa.Table:
    """The rows that stand in the catalog."""
    import numpy as np
    import pyarrow as pa

    columns, faults = {}, Faults()
    for name, values in zip(source.columns, zip(*source.rows, strict=True), strict=True):
        if name in categories:
            columns[name] = pa.array([_spelled(value) for value in values])
            continue
        numbers = np.array(values, dtype=np.float64)
        largest = np.finfo(np.float32 if unscaled is None or name in unscaled else np.float64).max
        bad = np.flatnonzero(np.abs(numbers) > largest).tolist()
        if bad:
            got, others = numbers[bad[0]], len(bad) - 1
            expected = "a finite number (float32)"
            faults.add(not_valid(source, None, bad[0], name, expected, got, others))
        columns[name] = pa.array(numbers)
    faults.check()
    return pa.table(columns)


def _spelled(value: float) -> str:
    """A number as a file would have it."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)


def _check_options(source: TableSource, table: pa.Table) -> None:
    faults = Faults()
    named = {*source.measures, *source.units, *([source.target] if source.target else [])}
    try:
        check_names(source, sorted(named), table.column_names, source.path)
    except InputError as error:
        faults.add(error)
    if set(table.column_names) <= {source.target}:
        faults.add(
            InputError(
                source.name,
                where="header",
                expected="at least one column beside the target",
                got=some(table.column_names),
                file=source.path,
            )
        )
    if source.target and source.measures.get(source.target) == "categorical":
        faults.add(
            InputError(
                source.name,
                where=f"column '{shown(source.target)}'",
                expected="a target of numbers",
                got="the measure 'categorical'",
                file=source.path,
            )
        )
    faults.check()


def _classes(
    source: TableSource, path: Path | None, table: pa.Table, faults: Faults
) -> NDArray[np.int64] | None:
    """The class of each row; None where there is something wrong, which is added to the faults."""
    import numpy as np

    assert source.target is not None and source.classes is not None
    where = f"column '{shown(source.target)}'"
    try:
        check_size(source, table.num_rows, source.classes, where, source.path)
    except InputError as error:
        faults.add(error)
    values = table[source.target].to_numpy()
    valid = (values == np.floor(values)) & (values >= 0) & (values < source.classes)
    if not valid.all():
        row, bad = int(valid.argmin()), int((~valid).sum())
        expected = f"a class from 0 to {source.classes - 1}"
        faults.add(not_valid(source, path, row, source.target, expected, values[row], bad - 1))
        return None
    codes: NDArray[np.int64] = values.astype(np.int64)
    return codes


def _described(source: TableSource, table: pa.Table) -> pa.Table:
    """The same table with unit and measure in the metadata of each column."""
    import pyarrow as pa

    fields = []
    for field in table.schema:
        metadata: dict[str, str] = {"measure": source.measures.get(field.name, "continuous")}
        if field.name in source.units:
            metadata["unit"] = source.units[field.name]
        fields.append(field.with_metadata(metadata))
    return table.cast(pa.schema(fields))
