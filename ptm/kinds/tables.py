"""Tables: rows with named columns into features, a target and its one-hot encoding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ptm.content import CLASS, FEATURE, ROWS, SAMPLE, Content
from ptm.encoding import one_hot
from ptm.errors import InputError
from ptm.kinds.delimited import not_valid, read_delimited
from ptm.scaling import Moments, Scaler

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
        `features` float32 [sample, feature], continuous columns standardised (n - 1) where the
        source says so; `target` int64 [sample] and `target_onehot` float32 [sample, class] for a
        target with classes, `target` float32 [sample] otherwise, in the unit of its column. The
        table holds the columns as they are in the file.

    Raises:
        InputError: see `read_delimited`; or a target that is no class; names row and column.
    """
    import torch

    path = paths[0] if paths else None
    table = _read(source, path)
    _check_options(source, path, table)
    features, names, scaler, constant = _features(source, table)
    tensors = {"features": torch.from_numpy(features)}
    axes: dict[str, tuple[str, ...]] = {"features": (SAMPLE, FEATURE)}
    if source.target and source.classes:
        target = _classes(source, path, table)
        tensors["target"] = torch.from_numpy(target)
        tensors["target_onehot"] = one_hot(tensors["target"], source.classes)
        axes |= {"target": (SAMPLE,), "target_onehot": (SAMPLE, CLASS)}
        column = table.column_names.index(source.target)
        table = table.set_column(column, source.target, [target])
    elif source.target:
        tensors["target"] = torch.from_numpy(table[source.target].to_numpy().astype("float32"))
        axes["target"] = (SAMPLE,)
    return Content(
        tensors,
        axes,
        {ROWS: _described(source, table)},
        scaler,
        {
            "features": names,
            "measures": {c: source.measures.get(c, "continuous") for c in table.column_names},
        },
        tuple(f"column '{name}' never varies: it is 0 throughout" for name in constant),
    )


def _read(source: TableSource, path: Path | None) -> pa.Table:
    import pyarrow as pa

    if path is None:
        columns = zip(*source.rows, strict=True)
        return pa.table(
            {n: pa.array(c, pa.float64()) for n, c in zip(source.columns, columns, strict=True)}
        )
    text = frozenset(c for c, measure in source.measures.items() if measure == "categorical")
    return read_delimited(source, path, source.columns, text)


def _check_options(source: TableSource, path: Path | None, table: pa.Table) -> None:
    named = {*source.measures, *source.units, *([source.target] if source.target else [])}
    for column in sorted(named - set(table.column_names)):
        raise InputError(
            source.name,
            where="header",
            expected=f"a column '{column}'",
            got=", ".join(table.column_names),
            file=source.path,
        )
    if set(table.column_names) <= {source.target}:
        raise InputError(
            source.name,
            where="header",
            expected="at least one column beside the target",
            got=", ".join(table.column_names),
            file=source.path,
        )
    if source.target and source.measures.get(source.target) == "categorical":
        raise InputError(
            source.name,
            where=f"column '{source.target}'",
            expected="a target of numbers",
            got="the measure 'categorical'",
            file=source.path,
        )


def _features(
    source: TableSource, table: pa.Table
) -> tuple[NDArray[np.float32], list[str], Scaler | None, list[str]]:
    """Feature matrix float32 [sample, feature], its names, its scaler and the constant columns."""
    import numpy as np
    import torch

    values: list[NDArray[np.float64]] = []
    names: list[str] = []
    scaled: list[int] = []
    for column in table.column_names:
        measure = source.measures.get(column, "continuous")
        if column == source.target:
            continue
        if measure == "categorical":
            text = table[column].to_numpy()
            for category in sorted(set(text)):
                values.append((text == category).astype(np.float64))
                names.append(f"{column}={category}")
            continue
        if measure == "continuous" and source.standardize:
            scaled.append(len(values))
        values.append(table[column].to_numpy())
        names.append(column)
    matrix = np.stack([column.astype(np.float32) for column in values], axis=1)
    if not scaled:
        return matrix, names, None, []
    moments = Moments.of(matrix[:, scaled])
    scaler = Scaler.fit(moments, tuple(names[i] for i in scaled))
    matrix[:, scaled] = scaler.apply(torch.from_numpy(matrix[:, scaled])).numpy()
    constant = [names[n] for i, n in enumerate(scaled) if moments.max[i] == moments.min[i]]
    return matrix, names, scaler, constant


def _classes(source: TableSource, path: Path | None, table: pa.Table) -> NDArray[np.int64]:
    import numpy as np

    assert source.target is not None and source.classes is not None
    values = table[source.target].to_numpy()
    valid = (values == np.floor(values)) & (values >= 0) & (values < source.classes)
    if not valid.all():
        row = int(valid.argmin())
        expected = f"a class from 0 to {source.classes - 1}"
        raise not_valid(source, path, row, source.target, expected, values[row])
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
