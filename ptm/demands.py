"""What an entry may demand of its samples: options of every entry, checked before it is published.

They decide whether something is published, and what is said of it, but no tensor and no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.functional_serializers import model_serializer

Level = Literal["error", "warning"]
MOST_EXACT = 1 << 53  # up to here every integer is a float64
LARGEST = 1 << 1023
LETTERS = 80  # of a value in a message


def short(value: object) -> str:
    """A value in a message, as a catalog has it."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= LETTERS else f"{text[:LETTERS]} …"


def exact(value: object) -> object:
    """An integer becomes float64 without a word only where that holds it."""
    if (
        isinstance(value, int)
        and abs(value) > MOST_EXACT
        and (abs(value) > LARGEST or int(float(value)) != value)
    ):
        raise ValueError(f"a number that float64 can hold, got {short(value)}")
    return value


Number = Annotated[float, BeforeValidator(exact), Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Value = str | bool | int | float
LIMIT, MISSING = 0.1, 0.01  # of what has drifted, where an entry says no other


class Demand(BaseModel):
    """A table of a catalog whose JSON has what is given, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _given(self, usual: Any) -> dict[str, Any]:
        fields = type(self).model_fields
        named = {name for name, field in fields.items() if getattr(self, name) != field.default}
        return {name: value for name, value in usual(self).items() if name in named}


def _check_order(low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        low_, high_ = (str(end).removesuffix(".0") for end in (low, high))
        raise ValueError(f"a 'min' up to 'max', got {low_} and {high_}")


class Between(Demand):
    """A least and a largest number, both allowed; at least one of them.

    Attributes:
        min, max: the ends; any number where one is left out.
    """

    min: Number | None = None
    max: Number | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Between:
        if self.min is None and self.max is None:
            raise ValueError("'min', 'max', or both")
        _check_order(self.min, self.max)
        return self


class OfRows(Demand):
    """How many rows an entry may have.

    Attributes:
        min, max: the least and the largest number of rows.
        level: of this alone; else that of all.
    """

    min: Count | None = None
    max: Count | None = None
    level: Level | None = None

    @model_validator(mode="after")
    def _in_order(self) -> OfRows:
        _check_order(self.min, self.max)
        return self


class OfColumn(Demand):
    """What is expected of a column of the rows.

    Attributes:
        min, max: the least and the largest number that may come.
        unique: whether no value may come twice; missing ones may.
        missing: the largest share of rows that may have no value: null, NaN, or a text in which
            there is nothing, or blanks alone.
        mean, median: where the mean, and the median, of the numbers has to be.
        values: the only ones that may come, beside missing ones; texts, or numbers.
        level: of this column alone; else that of all.
    """

    min: Number | None = None
    max: Number | None = None
    unique: bool = False
    missing: Share | None = None
    mean: Between | None = None
    median: Between | None = None
    values: tuple[Value, ...] | None = None
    level: Level | None = None

    @model_validator(mode="after")
    def _can_be(self) -> OfColumn:
        _check_order(self.min, self.max)
        if self.values is not None and not self.values:
            raise ValueError("values that may come in 'values', got none")
        return self


class Expect(Demand):
    """What is expected of the rows of an entry.

    Attributes:
        columns: what is expected of single columns, by name.
        rows: how many there may be.
        missing: the largest share of rows without a value, of each column that says no other.
        classes: how many classes of the target have to come.
        level: "error" keeps what is not so from being published, "warning" only tells.
    """

    columns: dict[str, OfColumn] = Field(default_factory=dict)
    rows: OfRows | None = None
    missing: Share | None = None
    classes: Annotated[int, Field(ge=1)] | None = None
    level: Level = "error"


def _short(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"limit": value}
    if isinstance(value, (Mapping, BaseModel)):
        return value
    expected = "a limit from 0 to 1, as 0.1, or a table with a 'limit'"
    raise ValueError(f"{expected}, got {short(value)}")


class OfDrift(Demand):
    """How far one column may drift.

    Attributes:
        limit, missing, level: as those of all columns, for this one; else those of all.
    """

    limit: Share | None = None
    missing: Share | None = None
    level: Level | None = None


class Drift(Demand):
    """How far the samples of an entry may drift from those of an artifact before.

    It is looked at when an artifact is made: against the one that is current then, or that is
    pinned (`ptm pin`). Which one that is, is no part of the key: what is up to date is not compared
    again, and what was found stands in the manifest as it was when it was made.

    Attributes:
        limit: the largest Jensen-Shannon distance, from 0 (the same) to 1, beyond what chance
            gives.
        missing: the largest difference of the shares of missing values, likewise.
        level: "warning" only tells, "error" keeps it from being published.
        against: what is compared with: the artifact "before", or the "pinned" one.
        columns: limits of single columns, by name: { limit, missing, level }, or a limit.
    """

    limit: Share = LIMIT
    missing: Share = MISSING
    level: Level = "warning"
    against: Literal["before", "pinned"] = "before"
    columns: dict[
        str, Annotated[OfDrift, BeforeValidator(_short, json_schema_input_type=Share | OfDrift)]
    ] = Field(default_factory=dict)


DriftOption = Annotated[Drift, BeforeValidator(_short, json_schema_input_type=Share | Drift)]
