"""Folders with tables: what was planted, the independent reader, and the check of one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.own_folders.made import Folder, Made
from tests.support.own_folders.tabular import check_table
from tests.support.own_folders.truth import Truth

Frames = Mapping[str, pd.DataFrame]
Read = Callable[[Path], Truth]


def agrees(truth: Truth, planted: pd.DataFrame) -> None:
    """The independent reader reads what was planted: numbers as such, all else as it is spelled."""
    assert list(truth.texts) == list(planted)
    for name in planted:
        column = planted[name]
        lacks = column.isna().to_numpy()
        texts = truth.present(name, frozenset({"NA", "?"}))
        assert [one is None for one in texts] == lacks.tolist(), name
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            numbers = truth.numbers(name, frozenset({"NA", "?"}))
            assert np.array_equal(numbers, column.to_numpy(float), equal_nan=True), name
        else:
            there = [one.strip() for one in texts if one is not None]
            assert there == [str(one) for one in column[~lacks]], name


def of_tables(
    name: str,
    write: Callable[[Path], Frames],
    read: Mapping[str, Read],
    check: Callable[[Made, Mapping[str, Truth]], None] | None = None,
    quick: bool = False,
) -> Folder:
    """A folder of tables.

    Args:
        name: of it.
        write: makes it; what was planted, by file.
        read: the independent reader of each file.
        check: of what was made; of each table by itself where it is left out.
        quick: see `Folder`.
    """

    def agree(root: Path, planted: Frames) -> None:
        assert planted.keys() == read.keys()
        for file, frame in planted.items():
            agrees(read[file](root / file), frame)

    def look(made: Made) -> None:
        truths = {file: reader(made.folder / file) for file, reader in read.items()}
        if check:
            check(made, truths)
            return
        for file, truth in truths.items():
            check_table(made, truth, file)

    return Folder(name, write, agree, look, quick)
