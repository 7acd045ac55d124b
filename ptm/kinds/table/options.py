"""The options of a table."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ptm.delimited_source import DelimitedSource
from ptm.source import (
    GIB,
    MOST_CLASSES,
    MOST_COLUMNS,
    Measure,
    Number,
)


class Options(DelimitedSource):
    """A delimited file with a header, or rows that stand in the catalog itself.

    Attributes:
        columns: the columns to use, in this order; all of the file's where empty.
        exclude: columns that are no features; they stay in the table as they are, as texts.
            So do the columns of `group` and `time`.
        rows: the rows themselves, instead of a path.
        delimiter: between the values of a row, one ASCII character.
        encoding: of the file, as Python names it.
        target: the column to predict, kept out of the features.
        classes: number of classes of the target; it becomes int64 and one-hot. Without it, float32.
        standardize: whether continuous features are scaled to mean 0, standard deviation 1.
        measures: a word on each column that is not continuous. Ordinal columns are kept as they
            are, categorical ones become one 0/1 feature for each category.
        units: the unit of each column that has one.
        precision: "float32" rounds the numbers before they are scaled; without
            it they are scaled as the file has them, and rounded once.
        max_columns, max_bytes: of one encoding: of a categorical column, of the target.
    """

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes", "max_columns"})
    needs_path: ClassVar[bool] = False
    takes_folders: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rows: tuple[tuple[Number, ...], ...] = ()
    target: str | None = None
    classes: int | None = Field(default=None, ge=2, le=MOST_CLASSES)
    standardize: bool = True
    measures: dict[str, Measure] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
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
