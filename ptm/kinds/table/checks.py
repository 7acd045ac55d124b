"""What is wrong with the options of a table, by themselves: no file is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from ptm.kinds.table.meaning import (
    CATEGORICAL,
    CATEGORY,
    DATE,
    DROP,
    MEAN,
    MEDIAN,
    MODE,
    ORDINAL,
    expected_of,
    has_class_names,
    is_category,
    key,
    measure_of,
    tensor_of,
    treatment_of,
    value_of,
)

if TYPE_CHECKING:
    from ptm.kinds.table.options import Options

SHOWN = datetime(2012, 6, 30)
FLOAT32 = 3.4028234663852886e38  # the largest


def readable(form: object) -> object:
    """A format as strptime has it, by which a date can be read."""
    if not isinstance(form, str):
        return form
    try:
        is_date = datetime.strptime(SHOWN.strftime(form), form).date() == SHOWN.date()
    except ValueError:
        is_date = False
    if not is_date:
        raise ValueError(f"a format with year, month and day, as '%d.%m.%Y', got '{form}'")
    return form


def problems_of(options: Options) -> Iterator[str]:
    """What is expected of options, and what they are, each in a few words."""
    yield from _of_targets(options)
    yield from _of_measures(options)
    yield from _of_asides(options)
    for name, how in options.missing.items():
        if name not in options.asides:
            yield from _of_missing(options, name, how)
    for name in options.indicator:
        if options.missing.get(name, DROP) == DROP:
            yield f"a column of 'missing' that is filled in 'indicator', got '{name}'"


def _of_targets(options: Options) -> Iterator[str]:
    targets = options.targets
    if options.classes and not targets:
        yield "a 'target' where there are 'classes'"
    elif options.classes and len(targets) > 1:
        yield f"one target where there are 'classes', got {len(targets)}"
    elif options.classes and has_class_names(options, targets[0]):
        yield f"no 'classes' of '{targets[0]}': its values say them"
    if len(set(targets)) < len(targets):
        yield f"each 'target' once, got {', '.join(targets)}"
    named = [tensor_of(options, name) for name in targets if has_class_names(options, name)]
    if len(set(named)) < len(named):
        yield f"targets whose tensors have different names, got {', '.join(sorted(named))}"
    for name in targets:
        if measure_of(options, name) == DATE or name in options.codes:
            yield f"a 'target' of numbers, categories or flags, got '{name}'"


def _of_measures(options: Options) -> Iterator[str]:
    implied: dict[str, tuple[str, Iterable[str]]] = {
        "order": (ORDINAL, options.order),
        "dates": (DATE, options.dates),
        "codes": (CATEGORICAL, options.codes),
    }
    for option, (measure, names) in implied.items():
        for name in names:
            said = options.measures.get(name, measure)
            of_target = name in options.targets and said == CATEGORICAL
            if said != measure and not of_target:
                yield f"'{name}' in '{option}' to be {measure}, got the measure '{said}'"
    yield from _of_lists(options)
    if options.min_count and not any(is_category(options, name) for name in options.named):
        yield "a categorical column where there is 'min_count'"


def _of_lists(options: Options) -> Iterator[str]:
    for name, order in options.order.items():
        texts = {text.strip() for text in order}
        if len(texts) < len(order) or not texts or "" in texts:
            yield f"texts, each once, in 'order' of '{name}', got {list(order)}"
        elif absent := texts & {text.strip() for text in options.na_values}:
            yield f"no '{min(absent)}' in 'order' of '{name}', as it is in 'na_values'"
    for name, parts in options.dates.items():
        if not isinstance(parts, str) and (not parts or len(set(parts)) < len(parts)):
            yield f"parts, each once, in 'dates' of '{name}', got {list(parts)}"
    for option, names in {"indicator": options.indicator, "codes": options.codes}.items():
        if len(set(names)) < len(names):
            yield f"each column once in '{option}'"


def _of_asides(options: Options) -> Iterator[str]:
    for option in ("missing", "order", "dates", "indicator", "codes"):
        for name in getattr(options, option):
            if name in options.asides:
                yield f"columns in '{option}' that are not left out, got '{name}'"


def _of_missing(options: Options, name: str, how: bool | float | str) -> Iterator[str]:
    if how == DROP:
        return
    expected = f'"{DROP}", as it is a target'
    if name not in options.targets:
        expected = _expected_fill(options, name, how)
    if expected:
        yield f"missing.{key(name)} to be {expected}, got {how!r}"


def _expected_fill(options: Options, name: str, how: bool | float | str) -> str:
    """What should stand for a missing value of a column; "" where what does is right."""
    if how == MODE:
        return ""
    if measure_of(options, name) == CATEGORICAL:
        if isinstance(how, str) and how.strip() and how not in (MEAN, MEDIAN):
            return ""
        return f'"{MODE}", "{CATEGORY}", "{DROP}" or a text'
    if how in (MEAN, MEDIAN):
        return ""
    treatment = treatment_of(options, name)
    value = None if how == CATEGORY else value_of(treatment, how)
    if value is None:
        what = expected_of(treatment)
        return f'"{MEAN}", "{MEDIAN}", "{MODE}", "{DROP}" or {what}'
    is_scaled = options.standardize and not options.precision
    if abs(value) > FLOAT32 and not (is_scaled and measure_of(options, name) == "continuous"):
        return "a finite number (float32)"
    return ""
