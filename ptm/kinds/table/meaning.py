"""What options say of a column: its measure, what becomes of it, what a missing value is then."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ptm import arrow
from ptm.source import Measure
from ptm.spelling import days_of, times, truths
from ptm.treatment import DAYS, Treatment

if TYPE_CHECKING:
    from ptm.kinds.table.options import Options

CATEGORICAL, ORDINAL, BOOLEAN, DATE = "categorical", "ordinal", "boolean", "date"
MEAN, MEDIAN, MODE, DROP, CATEGORY = "mean", "median", "mode", "drop", "category"
LEARNED = (MEAN, MEDIAN, MODE)  # of train
CLASSES = ("false", "true")  # of a boolean target
BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key of TOML without quotes
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")  # of tensors


def measure_of(options: Options, name: str) -> Measure:
    """The measure of a column."""
    if name in options.measures:
        return options.measures[name]
    if name in options.order:
        return "ordinal"
    if name in options.dates:
        return "date"
    return "categorical" if name in options.codes else "continuous"


def is_text(options: Options, name: str) -> bool:
    """Whether a column is read as texts, though it is not left out."""
    measure = measure_of(options, name)
    return measure in (CATEGORICAL, BOOLEAN, DATE) or name in options.order


def has_class_names(options: Options, target: str) -> bool:
    """Whether the classes of a target have names."""
    return measure_of(options, target) in (CATEGORICAL, BOOLEAN) or target in options.order


def is_feature(options: Options, name: str) -> bool:
    """Whether features are made of a column."""
    return name not in options.targets and name not in options.asides


def is_category(options: Options, name: str) -> bool:
    """Whether a column is a feature of categories."""
    return is_feature(options, name) and measure_of(options, name) == CATEGORICAL


def treatment_of(options: Options, name: str) -> Treatment:
    """What becomes of a column, but for what is learned."""
    measure, parts = measure_of(options, name), options.dates.get(name, DAYS)
    is_date = measure == DATE
    return Treatment(
        indicator=name in options.indicator,
        boolean=measure == BOOLEAN,
        order=options.order.get(name, ()),
        parts=((parts,) if isinstance(parts, str) else parts) if is_date else (),
        date_format=options.date_format if is_date else None,
        codes=name in options.codes,
    )


def expected_of(how: Treatment, is_category: bool = False) -> str:
    """What is expected of a value of a column, in words."""
    if how.order:
        return f"one of {', '.join(how.order)}"
    if how.parts:
        return "a date" + (f" as {how.date_format}" if how.date_format else " as 2012-06-30")
    if how.boolean:
        return "true or false"
    return "a category" if is_category else "a number"


def value_of(how: Treatment, value: bool | float | str) -> float | None:
    """A value of a column of numbers as its feature has it; None where it is none of it.

    Args:
        how: it becomes a feature.
        value: as an entry says it.
    """
    import numpy as np
    import pyarrow as pa

    if how.boolean:
        text = value if isinstance(value, str) else f"{value:g}" if value in (0, 1) else "2"
        flag = truths(arrow.texts([str(text)]))[0].as_py()
        return None if flag is None else float(flag)
    if isinstance(value, str):
        if how.parts:
            found = times(arrow.texts([value]), how.date_format).cast(pa.int64())[0].as_py()
            return None if found is None else float(days_of(np.array([found]))[0])
        places = {text.strip(): float(place) for place, text in enumerate(how.order)}
        return places.get(value.strip())
    return None if how.parts or how.order or isinstance(value, bool) else float(value)


def remedy(options: Options, name: str) -> str:
    """What an entry can say of a column, for its values to be missing."""
    usual = CATEGORY if measure_of(options, name) == CATEGORICAL else MEDIAN
    if measure_of(options, name) == BOOLEAN or name in options.order:
        usual = MODE
    where = f" in [{options.learn_from}]" if options.learn_from else ""
    return f'missing.{key(name)} = "{DROP if name in options.targets else usual}"{where}'


def key(name: str) -> str:
    """A name as a key of TOML."""
    return name if BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def tensor_of(options: Options, target: str) -> str:
    """The name of the tensor of a target."""
    if len(options.targets) < 2 or not has_class_names(options, target):
        return "target"
    return f"target_{NOT_IN_NAMES.sub('_', target)}"[:100]
