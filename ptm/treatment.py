"""What becomes of a column of a table on its way to features: in JSON, as it was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

DAYS = "days"  # the part of a date that is a number of all of it
MISSING, RARE = "", "(rare)"  # categories of what is missing, and of what is not frequent


@dataclass(frozen=True)
class Treatment:
    """What becomes of a column, beside that its numbers may be scaled, or its categories one-hot.

    Attributes:
        fill: what stands where a value is missing: a number, of texts with an order the place in
            it, of a date the days since 1970-01-01; a category; None where none may be missing.
        indicator: whether a feature says where it is missing.
        boolean: whether it is true or false.
        order: what its texts may be, from 0 on.
        parts: of a date, those that are features; "days" for all of it.
        date_format: of texts that are dates; None for ISO 8601.
        codes: whether its categories are codes, not one-hot.
        rare: whether the last category is that of all that are not frequent.
    """

    fill: float | str | None = None
    indicator: bool = False
    boolean: bool = False
    order: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    date_format: str | None = None
    codes: bool = False
    rare: bool = False

    def features(self, name: str, categories: Sequence[str] | None) -> list[str]:
        """The names of the features of a column.

        Args:
            name: of the column.
            categories: those that were learned; None of a column of numbers.
        """
        found = [name]
        if categories is not None:
            found = [] if self.codes else [f"{name}={category}" for category in categories]
        elif self.parts and self.parts != (DAYS,):
            found = [f"{name}.{part}" for part in self.parts]
        return found + [f"{name}.missing"] * self.indicator

    def to_json(self) -> dict[str, Any]:
        """JSON values of what is not as usual, from which `from_json` makes an equal one."""
        usual = asdict(PLAIN)
        said = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in said.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Treatment:
        """The one that `to_json` described."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"unknown: {', '.join(unknown)}")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**plain)


PLAIN = Treatment()
