"""Whether parts can be joined: all that is wrong with them is told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from ptm.errors import BadInput, Faults, InputError, PtmError
from ptm.model import PartRef

T = TypeVar("T")
MOST_VALUES = 6  # that are counted in a message


def agreed(name: str, found: Sequence[T | BadInput]) -> list[T]:
    """What was made of all parts, where none is bad.

    Args:
        name: of the entry.
        found: of each part what was made, or what is wrong with it.

    Raises:
        InputError: a part is bad, or they have not in common what all samples must.
    """
    faults = Faults()
    for fault in _uneven(name, found):
        faults.add(fault)
    good = []
    for one in found:
        if isinstance(one, BadInput):
            faults.add(one)
        else:
            good.append(one)
    try:
        faults.check()
    except BadInput as bad:
        raise (bad if isinstance(bad, InputError) else bad.of_source(name)) from bad
    return good


def check_joinable(name: str, refs: Sequence[PartRef]) -> None:
    """Looks whether tensors can be joined along their first axis, and rows below each other.

    Raises:
        PtmError: they cannot.
    """
    for ref in refs[1:]:
        for said, first, other in (
            ("tensors", _forms(refs[0]), _forms(ref)),
            ("columns", refs[0].columns, ref.columns),
        ):
            if first != other:
                raise PtmError(
                    f"{name}: expected the same {said} of each part, got {first} and {other} "
                    "(`parts` of a kind can keep files together)"
                )


def _uneven(name: str, found: Sequence[Any]) -> Iterator[InputError]:
    """What samples do not have in common though they must: how many have which."""
    counts: dict[str, Counter[str]] = {}
    told = False
    for one in found:
        is_bad = isinstance(one, BadInput)
        told |= is_bad and bool(one.counted)
        for what, counted in (one.counted if is_bad else one.uniform).items():
            counts.setdefault(what, Counter()).update(counted)
    for what, counter in counts.items():
        odd = counter.total() - max(counter.values(), default=0)
        if odd > 1 or (odd and not told):
            values = [f"{count} of {value}" for value, count in counter.most_common(MOST_VALUES)]
            more = len(counter) - MOST_VALUES
            got = ", ".join(values + [f"{more} more {what}"] * (more > 0))
            yield InputError(name, where=what, expected="one of all samples", got=got)


def _forms(ref: PartRef) -> dict[str, Any]:
    return {name: [one["dtype"], *one["shape"][1:]] for name, one in ref.tensors.items()}
