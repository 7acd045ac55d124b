"""Whether parts can be joined: all that is wrong with them is told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from ptm.errors import BadInput, Faults, InputError, PtmError
from ptm.model import PartRef

T = TypeVar("T")
NOTHING: Mapping[str, str] = MappingProxyType({})
MOST_VALUES = 6  # that are counted in a message


def agreed(
    name: str,
    found: Sequence[T | BadInput],
    files: Sequence[str] = (),
    way_out: Mapping[str, str] = NOTHING,
) -> list[T]:
    """What was made of all parts, where none is bad.

    Args:
        name: of the entry.
        found: of each part what was made, or what is wrong with it.
        files: of each part, for messages.
        way_out: by what samples must have the same: the option that helps where they have not.

    Raises:
        InputError: a part is bad, or they have not in common what all samples must.
    """
    for one in found:
        if isinstance(one, InputError) and one.head:
            raise one  # it says what all faults come to
    faults, good, seen = Faults(), [], set[str]()
    for fault in _uneven(name, found, files, way_out):
        faults.add(fault)
    for one in found:
        if not isinstance(one, BadInput):
            good.append(one)
            continue
        for each in one.faults:
            if each.fault not in seen:  # what is wrong with the whole source each part tells
                faults.add(each)
            seen.add(each.fault)
        faults.count += one.count - len(one.faults)  # those that are not told
    try:
        faults.check()
    except BadInput as bad:
        raise (bad if isinstance(bad, InputError) else bad.of_source(name)) from bad
    return good


def unlike(found: Sequence[Any]) -> dict[int, dict[str, str]]:
    """What most samples of all parts have of that which all must have the same, by the places of
    those parts that have another.

    Args:
        found: as of `agreed`.
    """
    counts: dict[str, Counter[str]] = {}
    for one in found:
        if not isinstance(one, BadInput):
            for what, counted in one.uniform.items():
                counts.setdefault(what, Counter()).update(counted)
    usual = {what: counter.most_common(1)[0][0] for what, counter in counts.items()}
    return {
        place: usual
        for place, one in enumerate(found)
        if not isinstance(one, BadInput)
        and any({*counted} - {usual[what]} for what, counted in one.uniform.items())
    }


def check_alike(name: str, what: str, said: Sequence[object]) -> None:
    """Looks whether all parts say the same.

    Raises:
        PtmError: two of them do not.
    """
    for one in said:
        if one != said[0]:
            raise PtmError(
                f"{name}: expected the same {what} of each part, got {said[0]} and {one} "
                "(`parts` of a kind can keep files together)"
            )


def check_joinable(name: str, refs: Sequence[PartRef]) -> None:
    """Looks whether tensors can be joined along their first axis, and rows below each other.

    Those without any file do not count: all their samples are bad.

    Raises:
        PtmError: they cannot.
    """
    refs = [ref for ref in refs if ref.files]
    check_alike(name, "tensors", [_forms(ref) for ref in refs])
    check_alike(name, "columns", [ref.columns for ref in refs])


def _uneven(
    name: str, found: Sequence[Any], files: Sequence[str], way_out: Mapping[str, str]
) -> Iterator[InputError]:
    """What samples do not have in common though they must: how many have which."""
    counts: dict[str, Counter[str]] = {}
    only: dict[tuple[str, str], str] = {}  # files of a part that has no other value
    told = False
    for place, one in enumerate(found):
        is_bad = isinstance(one, BadInput)
        told |= is_bad and any(len(counted) > 1 for counted in one.counted.values())
        for what, counted in (one.counted if is_bad else one.uniform).items():
            counts.setdefault(what, Counter()).update(counted)
            if len(counted) == 1 and files:
                only.setdefault((what, *counted), files[place])
    for what, counter in counts.items():
        odd = counter.total() - max(counter.values(), default=0)
        if odd > 1 or (odd and not told):
            most = counter.most_common(MOST_VALUES)
            values = [f"{count:,} of {value}" for value, count in most]
            more = len(counter) - MOST_VALUES
            got = ", ".join(values + [f"{more} more {what}"] * (more > 0))
            odd_files = (only[what, value] for value, _ in most[1:] if (what, value) in only)
            file = next(odd_files, "")
            expected = "one of all samples"
            if what in way_out:
                expected += f" (or {way_out[what]}; on_bad = 'quarantine' leaves out the others)"
                got = f"{len(counter):,} {what}: {got}"
            yield InputError(name, where=what, expected=expected, got=got, file=file)


def _forms(ref: PartRef) -> dict[str, Any]:
    return {name: [one["dtype"], *one["shape"][1:]] for name, one in ref.tensors.items()}
