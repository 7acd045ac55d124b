"""The options of a table."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ptm.delimited_source import DelimitedSource
from ptm.kinds.table.checks import problems_of, readable
from ptm.source import (
    GIB,
    MOST_CLASSES,
    MOST_COLUMNS,
    Measure,
    Number,
)

DatePart = Literal["year", "month", "day", "weekday", "hour", "minute", "day_of_year"]


def _targets(names: object) -> object:
    """One name as a text, several as a tuple."""
    if not isinstance(names, (list, tuple)):
        return names
    if not names:
        return None
    return names[0] if len(names) == 1 else tuple(names)


class Options(DelimitedSource):
    """A delimited file with a header, or rows that stand in the catalog itself.

    Attributes:
        columns: the columns to use, in this order; all of the file's where empty.
        exclude: columns that are no features; they stay in the table as they are, as texts.
            So do the columns of `group` and `time`.
        rows: the rows themselves, instead of a path.
        target: the column to predict, kept out of the features, or several. One whose measure is
            "categorical" or "boolean" becomes int64, its classes have names: all of its values,
            sorted, or as `order` has them; others are float32. Of several, those of numbers are
            `target` [row, target], each of classes is a `target_NAME` of its own.
        classes: number of classes of a target of numbers from 0 on; it becomes int64 and one-hot.
        standardize: whether continuous features are scaled to mean 0, standard deviation 1.
        measures: a word on each column that is not continuous. Ordinal columns are kept as they
            are, categorical ones become one 0/1 feature for each category, boolean ones (true and
            false, yes and no, t and f, y and n, on and off, 1 and 0) become 0 or 1, of a date see
            `dates`.
        order: of columns of texts with an order what they may be, { size = ["S", "M", "L"] }: they
            become 0, 1, 2.
        dates: of columns of dates (ISO 8601, or `date_format`; UTC where they name no zone) what
            becomes of them, { signup = "days" }: the days since 1970-01-01, as is usual; or one
            feature for each part, { signup = ["year", "month", "day", "weekday", "hour", "minute",
            "day_of_year"] }; the weekday is 0 on Mondays.
        date_format: of dates that are not ISO 8601, as of strptime: "%d.%m.%Y".
        missing: for each column whose values may be missing what stands for one in the features,
            { age = "median" }: the "mean", "median" or "mode" of train (see `statistics`), a number
            or text; "category", a category of its own; or "drop", then the row is left out. In all
            other columns a missing value is an error.
        indicator: columns of `missing` that have one more feature, NAME.missing, 0 or 1.
        codes: categorical columns that become int64 `codes` [row, column], not one-hot: the place
            among the categories; of one that train has not, how many there are.
        min_count: rows of train that a category has at least; those with fewer are joined in one,
            "(rare)", the last, and so is what train has not.
        units: the unit of each column that has one.
        precision: "float32" rounds the numbers before they are scaled; without
            it they are scaled as the file has them, and rounded once.
        max_columns, max_bytes: of one encoding: of a categorical column, of the target.
    """

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes", "max_columns"})
    needs_path: ClassVar[bool] = False
    takes_folders: ClassVar[bool] = False
    seldom: ClassVar[frozenset[str]] = DelimitedSource.seldom | {
        *("order", "dates", "date_format", "missing", "indicator", "codes", "min_count")
    }
    learns: ClassVar[frozenset[str]] = frozenset(
        [
            *("columns", "target", "classes", "standardize", "precision", "measures"),
            *("order", "dates", "missing", "indicator", "codes", "min_count"),
        ]
    )
    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rows: tuple[tuple[Number, ...], ...] = ()
    target: Annotated[str | tuple[str, ...] | None, BeforeValidator(_targets)] = None
    classes: int | None = Field(default=None, ge=2, le=MOST_CLASSES)
    standardize: bool = True
    measures: dict[str, Measure] = Field(default_factory=dict)
    order: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    dates: dict[str, Literal["days"] | tuple[DatePart, ...]] = Field(default_factory=dict)
    date_format: Annotated[str | None, BeforeValidator(readable)] = None
    missing: dict[str, bool | Number | str] = Field(default_factory=dict)
    indicator: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    min_count: int | None = Field(default=None, ge=1)
    units: dict[str, str] = Field(default_factory=dict)
    precision: Literal["float32"] | None = None
    max_columns: int = Field(default=MOST_COLUMNS, ge=1)
    max_bytes: int = Field(default=GIB, ge=1)

    @model_validator(mode="after")
    def _has_rows(self) -> Options:
        if bool(self.path or self.sql) == bool(self.rows):
            raise ValueError("either 'path' or 'rows', not both and not neither")
        if self.pattern and "file" in self.columns:
            raise ValueError("no 'file' in 'columns' of several files: their names come first")
        if self.rows and self.header is not None:
            raise ValueError("'header' with a 'path', not with 'rows'")
        if self.rows and not self.columns:
            raise ValueError("'columns' to name the values in 'rows'")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("each column once in 'columns'")
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} to have {len(self.columns)} values, got {len(row)}")
        if self.columns:
            for name in sorted(self.named - self.asides - set(self.columns)):
                raise ValueError(f"'{name}' to be one of the columns {', '.join(self.columns)}")
        return self

    @model_validator(mode="after")
    def _target_stays(self) -> Options:
        for name in self.targets:
            if name in self.asides:
                raise ValueError(f"a 'target' that is not left out, got '{name}'")
        if self.rows and (out := sorted(self.asides)):
            raise ValueError(f"'rows' of numbers without 'exclude', 'group' and 'time', got {out}")
        return self

    @model_validator(mode="after")
    def _is_sound(self) -> Options:
        if wrong := list(dict.fromkeys(problems_of(self))):
            raise ValueError("; ".join(wrong))
        return self

    @property
    def asides(self) -> frozenset[str]:
        """The columns that are no features, and stay as they are."""
        named = {*self.exclude, self.group, self.time}
        if self.pattern:
            named.add("file")
            # the group may be looked for in the names of the files
            named -= {self.group} if self.group == "folder" or "(" in (self.group or "") else set()
        return frozenset(filter(None, named))

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        names = self.target or ()
        return (names,) if isinstance(names, str) else names

    @property
    def named(self) -> frozenset[str]:
        """The columns that options say something of, beside those that are left out."""
        tables = (self.measures, self.units, self.order, self.dates, self.missing)
        names = (name for table in tables for name in table)
        return frozenset((*names, *self.indicator, *self.codes, *self.targets))
