"""Whether a published split still is what its certificate says: all of it is computed again.

The rows of the store say the content, group, time and folder of each sample, and its split; of
files the list of the inputs has the digests. What a list said, which samples are near, and content
that is in tensors, is not computed again: there only what crosses is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ptm import store
from ptm.assigning import (
    FILE,
    Splits,
    are_files,
    assigned,
    content_of,
    groups_of,
    times_of,
    without_column,
)
from ptm.errors import PtmError
from ptm.leaks.crossings import Crossing, Marks, crossings, later, spans
from ptm.model import Block, File, Part
from ptm.split import COLUMN, INHERITED, NOWHERE, TRAIN, Rule, rule_of

if TYPE_CHECKING:
    import pyarrow as pa

SAID = ("seed", "group", "near", "time", "embargo")


def problem_of_split(publication: store.Publication) -> str:
    """What is wrong with the split of a published artifact; "" where nothing is, or it has none.

    Args:
        publication: held, whose files are whole.
    """
    certificate = publication.manifest.get("split") or {}
    if not certificate or certificate["by"] == INHERITED:  # what it was is looked at there
        return ""
    try:
        return next(_problems(publication, certificate), "")
    except (PtmError, LookupError, TypeError, ValueError) as error:
        return f"expected a split that can be computed again, got {type(error).__name__}: {error}"


def _problems(publication: store.Publication, certificate: Mapping[str, Any]) -> Iterator[str]:
    options, names = publication.manifest["options"], tuple(certificate["names"])
    rule = _rule(options, certificate)
    source: Any = SimpleNamespace(
        rule=rule,
        split=options["split"],
        **({"target": options["target"]} if "target" in options else {}),
        exclude=options.get("exclude", ()),
        group=rule.group,
        time=rule.time,
    )
    files = _files(publication)
    marks, first = list[Marks](), 0
    artifact = store.opened(publication, store.Memory(publication.folder.parent).parts)
    for rows in (part.arrow for part in artifact.parts):
        if rows is None:
            continue
        block, splits = Block(rows=without_column(rows)), Splits.of_column(names, rows[COLUMN])
        part = _part(files, rows)
        again = None
        if certificate["content"] != "tensors" or rule.by != "content":
            again = None if rule.by == "file" else assigned(source, part, block)
        if again is not None and (wrong := (again.codes != splits.codes).nonzero()[0]).size:
            place = int(wrong[0])
            expected, got = again.column[place].as_py(), rows[COLUMN][place].as_py()
            yield f"sample {first + place}: expected split {expected}, by {rule.by}, got {got}"
        marks.append(
            Marks(
                splits.codes,
                content_of(source, part, block),
                groups_of(rule, part, block) if rule.group else None,
                times_of(rule, part, block)[0] if rule.time else None,
            )
        )
        first += rows.num_rows
    yield from _other_counts(names, marks, certificate)
    if certificate["content"] != "tensors":
        yield from _other_crossings(rule, names, marks, certificate)


def _rule(options: Mapping[str, Any], certificate: Mapping[str, Any]) -> Rule:
    said = dict(options["split"])
    said.pop("sha256", None)
    rule = rule_of(said, **{name: options[name] for name in SAID if name in options})
    if rule is None or rule.by != certificate["by"]:
        raise ValueError(f"a split by {certificate['by']}, and options that say another")
    return rule


def _files(publication: store.Publication) -> dict[str, str]:
    """The digest of each input file, by its path below the data root."""
    inputs = store.inputs_of(publication)
    listed = isinstance(inputs, list)
    return {one["path"]: one["sha256"] for one in inputs} if listed else {}


def _part(files: Mapping[str, str], rows: pa.Table) -> Part:
    """A part of the files that rows name, by their paths below the source."""
    if not are_files(rows) or not files:
        return Part(0, ())
    names = dict.fromkeys(rows[FILE].to_pylist())
    first = next(iter(names))
    ends = [path for path in files if path == first or path.endswith(f"/{first}")]
    above = next(
        (
            path.removesuffix(first)
            for path in ends
            if all(f"{path.removesuffix(first)}{name}" in files for name in names)
        ),
        None,
    )
    if above is None:
        raise ValueError(f"rows of files that are among the inputs, and {first}")
    return Part(0, tuple(File(name, name, 0, files[f"{above}{name}"]) for name in names))


def _other_counts(
    names: Sequence[str], marks: Sequence[Marks], certificate: Mapping[str, Any]
) -> Iterator[str]:
    counts = {n: sum(int((m.codes == c).sum()) for m in marks) for c, n in enumerate(names)}
    counts[NOWHERE] = sum(len(one.codes) for one in marks) - sum(counts.values())
    for name, count in counts.items():
        if count != (said := certificate["samples"].get(name, 0)):
            yield f"expected {said} samples in {name}, got {count}"


def _other_crossings(
    rule: Rule, names: Sequence[str], marks: Sequence[Marks], certificate: Mapping[str, Any]
) -> Iterator[str]:
    said = certificate["crossings"]
    found: dict[str, Crossing] = {"duplicates": crossings(marks, "content")}
    if rule.group:
        found["groups"] = crossings(marks, "group")
    if "later" in said:
        begins = [low for name, (low, _) in spans(marks, names).items() if name != TRAIN]
        found["later"] = later(marks, names, TRAIN, min(begins))
    for name, crossing in found.items():
        expected = said.get(name, {"samples": 0, "sets": 0})
        if crossing.samples != expected["samples"]:
            got = crossing.samples
            yield f"expected {expected['samples']} samples that cross by {name}, got {got}"
