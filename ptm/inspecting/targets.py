"""Which column of a table is the one to predict, by its name, its place and what it holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ptm.inspecting import words
from ptm.inspecting.columns import DATE, NUMBER, Column
from ptm.inspecting.uses import BOOLEAN, CATEGORICAL, OWN_SPLIT, Use, Uses

SURE, LIKELY = 45, 10  # points of a target; that the next one has to be behind
MOST_CLASSES, FEW_CLASSES = 20, 5
CLASSES_NAMED = 1000
ROWS_EACH = 5


LACKED = "the test table lacks it"
AMOUNTS_OF_LABELS = words.AMOUNTS - {"quality", "rating", "score", "stars"}


class Target(NamedTuple):
    """A column that may be the target.

    Attributes:
        name: of it.
        points: how likely it is.
        measure: "categorical" or "boolean" of classes with names; "" of numbers.
        classes: how many there are of those that are numbers from 0; 0 of others.
        why: it is taken for one.
    """

    name: str
    points: int
    measure: str
    classes: int
    why: str


def targets_of(
    columns: Sequence[Column],
    uses: Uses,
    lacking: Collection[str] = (),
    has_names: bool = True,
) -> list[Target]:
    """Columns that may be the target, the most likely first.

    Args:
        columns: what they hold.
        uses: what becomes of them.
        lacking: those that a table for tests has not.
        has_names: whether the columns have names.
    """
    alone = _only_classes(columns, uses)
    found = []
    for place, column in enumerate(columns):
        points, why = _points(column, place, columns, uses.by_name[column.name], has_names, alone)
        if column.name in lacking and points > -100:
            points, why = points + 200, LACKED
        if points > 0:
            found.append(_target(column, uses.by_name[column.name], points, why, has_names))
    order = {column.name: place for place, column in enumerate(columns)}
    return sorted(found, key=lambda target: (-target.points, -order[target.name]))


def is_sure(targets: Sequence[Target]) -> bool:
    """Whether the first of them is the target without a doubt that has to be asked about."""
    if not targets or targets[0].points < SURE:
        return False
    if targets[0].why == LACKED:
        return True
    return len(targets) == 1 or targets[0].points - targets[1].points >= LIKELY


def _points(
    column: Column,
    place: int,
    columns: Sequence[Column],
    use: Use,
    has_names: bool,
    alone: str,
) -> tuple[int, str]:
    if column.holds == DATE or use.is_group or not column.there or column.distinct < 2:
        return -100, ""
    is_class = is_class_like(column)
    is_text = column.holds != NUMBER
    if is_text and (column.is_many or (column.is_unique and column.there > 2)):
        return -100, ""
    if use.why in ("counts the rows", "tells the rows apart") or use.why.startswith(OWN_SPLIT):
        return -100, ""
    points, why = _by_name(column.called) if has_names else (0, "")
    is_last = place == len(columns) - 1
    if is_last:
        points += 15 if points else 0
        if is_text and is_class and not points:
            points, why = (50 if alone == column.name else 46), "the last column, of few classes"
        elif is_class and not points:
            is_two = column.distinct == 2
            # many whole numbers with another name may be an amount: of degrees, per cent
            few = not has_names or column.distinct <= FEW_CLASSES
            sure = (alone == column.name and few) or (is_two and not has_names)
            points, why = (50 if sure else 25), "the last column, of few whole numbers"
        elif not points and has_names and not is_text:
            points, why = 5, "the last column"
    elif place == 0 and not has_names and is_class and alone == column.name:
        points, why = 45, "the first column, the only one of few classes"
    return points, why


def _by_name(name: str) -> tuple[int, str]:
    if words.words_of(name)[-1:] == ["y"]:  # which may be a place, too
        return (80, "its name") if len(name.strip()) == 1 else (0, "")
    if words.is_one_of(name, words.OUTCOMES):  # before a class, which may be that of a ticket
        return 110, "its name"
    if words.is_one_of(name, words.SURE):
        return 100, "its name"
    if words.ends_in(name, words.SURE):
        return 70, "its name"
    if words.is_one_of(name, words.LIKELY):
        return 60, "its name"
    if words.ends_in(name, words.LIKELY):
        return 35 if words.words_of(name)[-1] in words.VAGUE else 50, "its name"
    return (35, "its name") if words.has_one_of(name, words.SURE | words.LIKELY) else (0, "")


def _only_classes(columns: Sequence[Column], uses: Uses) -> str:
    """The only column that may be classes, where all others are numbers of many values; or ""."""
    used = [c for c in columns if uses.by_name[c.name].measure]
    like = [column.name for column in used if is_class_like(column)]
    others = [column for column in used if column.name not in like]
    numbers = all(column.holds in (NUMBER, DATE) for column in others)
    return like[0] if len(like) == 1 and numbers and others else ""


def is_class_like(column: Column) -> bool:
    """Whether a column has few values, each of several rows."""
    few = not column.is_many and 2 <= column.distinct <= min(MOST_CLASSES, column.there // 2)
    return few and column.is_integer and column.distinct * ROWS_EACH <= max(column.there, 10)


def _target(column: Column, use: Use, points: int, why: str, has_names: bool) -> Target:
    if column.holds != NUMBER:
        measure = BOOLEAN if use.measure == BOOLEAN else CATEGORICAL
        return Target(column.name, points, measure, 0, why)
    if column.zeros and use.measure == CATEGORICAL:
        return Target(column.name, points, CATEGORICAL, 0, why)
    values = sorted(float(value) for value in column.counts) if _are_whole(column) else []
    is_amount = has_names and words.ends_in(column.called, words.AMOUNTS)
    if not values or not is_class_like(column) or (is_amount and values != [0.0, 1.0]):
        return Target(column.name, points, "", 0, why)
    from_zero = values == [float(number) for number in range(len(values))]
    if from_zero:
        return Target(column.name, points, "", len(values), why)
    if values[0] >= 0 and len(values) <= MOST_CLASSES:
        return Target(column.name, points, CATEGORICAL, 0, why)
    return Target(column.name, points, CATEGORICAL if values == [-1.0, 1.0] else "", 0, why)


def _are_whole(column: Column) -> bool:
    return column.is_integer and not column.is_many and all(_is_int(v) for v in column.counts)


def _is_int(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()
