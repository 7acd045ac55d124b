"""Tables as an independent reader has them, and what may become of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# what a column is, and so what it may become
OUT = "out"  # a name of the row, a constant, free text, a group: never a feature
NUMBER = "number"  # a feature, never categories
CODE = "code"  # few whole numbers: a feature of any measure
NAME = "name"  # few texts: a feature, as categories
PLACE = "place"  # digits that are no number: categories, or left out
DATE = "date"  # days, parts of a date, or left out
SPARSE = "sparse"  # mostly missing, or very many texts: whatever the catalog says, or left out
CLASSES = "classes"  # the target, a class
AMOUNT = "amount"  # the target, a number
TARGETS = (CLASSES, AMOUNT)
MEASURES = {
    NUMBER: ("continuous", "ordinal"),
    CODE: ("continuous", "ordinal", "categorical", "boolean"),
    NAME: ("categorical", "boolean", "ordinal"),
    PLACE: ("categorical",),
    DATE: ("date",),
    SPARSE: ("continuous", "ordinal", "categorical", "boolean", "date"),
}
LEFT_OUT = (OUT, PLACE, DATE, SPARSE)  # what may be left out of the features
TRUE, FALSE = {"true", "yes", "t", "y", "on", "1"}, {"false", "no", "f", "n", "off", "0"}


@dataclass(frozen=True)
class Truth:
    """A table as the file has it.

    Attributes:
        texts: each value as it is spelled, without its quotes; None where there is none.
        roles: what each column is.
        decimal, thousands: of its numbers.
        dates: how its dates are spelled; ISO 8601 where nothing is said.
        group: the column whose equal values may not be in two splits.
        targets: columns that may be the target beside the one whose role says so.
        brings_split: whether the data says what is train.
        padded: whether blanks around texts are none of theirs.
    """

    texts: pd.DataFrame
    roles: Mapping[str, str]
    decimal: str = "."
    thousands: str = ""
    dates: str = ""
    group: str = ""
    targets: Sequence[str | None] = field(default=())
    brings_split: bool = False
    padded: bool = False

    def __post_init__(self) -> None:
        assert list(self.texts) == list(self.roles), (list(self.texts), list(self.roles))

    @property
    def target(self) -> str | None:
        """The column to predict, where there is no doubt."""
        return next((name for name, role in self.roles.items() if role in TARGETS), None)

    def number(self, text: str | None) -> float:
        """A number as it is meant; not a number where there is none."""
        if text is None:
            return nan
        plain = text.strip()
        if self.thousands:
            plain = plain.replace(self.thousands, "")
        return float(plain.replace(self.decimal, "."))

    def numbers(self, name: str, gaps: frozenset[str] = frozenset()) -> NDArray[np.float64]:
        """A column of them; texts that stand for nothing are told."""
        return np.array([self.number(one) for one in self.present(name, gaps)])

    def date(self, text: str | None) -> pd.Timestamp:
        """A date as it is meant; not a time where there is none."""
        if text is None:
            return pd.NaT
        spelled = self.dates and datetime.strptime(text, self.dates)
        return pd.Timestamp(spelled or datetime.fromisoformat(text))

    def present(self, name: str, gaps: frozenset[str] = frozenset()) -> list[str | None]:
        """A column as it is spelled; None where there is nothing, or what stands for that."""
        texts = self.texts[name].tolist()
        blank = {"", *(gap.strip() for gap in gaps)}
        return [None if one is None or one.strip() in blank else one for one in texts]

    def of(self, rows: NDArray[np.bool_]) -> Truth:
        """Some of its rows."""
        kept = self.texts[rows].reset_index(drop=True)
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Truth(**{**values, "texts": kept})


def texts_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Typed values as a text file would have them; None where one is missing."""
    return pd.DataFrame(
        {name: [_spelled(one) for one in frame[name]] for name in frame}, dtype=object
    )


def _spelled(value: object) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)
