"""What is known of a split: who is where by which rule, what crosses, and which leaks are left.

The kinds of leaks are the eight of Kapoor and Narayanan, "Leakage and the reproducibility crisis in
machine-learning-based science", Patterns 4 (9), 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ptm.leaks.crossings import MOST, Crossing, Marks, Pair, crossings, later, spans
from ptm.leaks.suspects import LEAST_ROWS, Nearest, Suspect, nearest, suspects
from ptm.split import NOWHERE, TRAIN, Rule

if TYPE_CHECKING:
    import pyarrow as pa

PREVENTED, NONE_FOUND, FOUND = "prevented", "looked for, none found", "found"
OUT_OF_REACH = "out of reach"
ROWS_LOOKED_AT = 20_000  # of all parts, for columns that give the target away


@dataclass(frozen=True)
class Certificate:
    """What is known of the split of an entry.

    Attributes:
        said: JSON for the manifest.
        notes: sentences for people: what was found.
        findings: what was found, by name; of samples that cross pairs of them.
    """

    said: dict[str, Any]
    notes: tuple[str, ...]
    findings: Mapping[str, tuple[Pair, ...] | str]


@dataclass
class _Looked:
    """What was looked for, and what was found."""

    crossings: dict[str, Crossing] = field(default_factory=dict)
    rows: int = 0  # of train
    columns: tuple[str, ...] = ()
    targets: Sequence[str] = ()
    suspects: list[Suspect] = field(default_factory=list)
    nearest: Nearest | None = None


def certified(
    rule: Rule,
    names: Sequence[str],
    samples: Mapping[str, int],
    marks: Sequence[Marks],
    statistics: str,
    rows: pa.Table | None,
    codes: Any,
    targets: Sequence[str],
    features: Sequence[str],
    near: Crossing | None,
    content: str,
) -> Certificate:
    """Looks at a split before it is published.

    Args:
        rule: what made it.
        names: of the splits.
        samples: how many each has.
        marks: of all parts, in their order; none where the rule needs none.
        statistics: of which samples they were learned.
        rows: some rows of all parts.
        codes: the split of each of those, uint8 [row].
        targets: the columns of the rows to predict, if there are any.
        features: the columns that it is predicted from.
        near: the near-duplicates of several splits; None where nobody looked for them.
        content: what that of a sample is: "files", "rows" or "tensors".
    """
    looked = _Looked()
    if near is not None:
        looked.crossings["near-duplicates"] = near
    if marks:
        _cross(rule, names, marks, looked)
    if rows is not None and rows.num_rows:
        train = names.index(TRAIN) if TRAIN in names else -1
        of_train = rows.filter(_mask(codes == train))
        looked.rows, looked.columns, looked.targets = of_train.num_rows, tuple(features), targets
        looked.suspects = _suspects(of_train, targets, features)
        near_ones = (nearest(rows, codes, train, target, features) for target in targets)
        looked.nearest = next((one for one in near_ones if one is not None), None)
    leaks = [
        {"kind": kind, "state": state, "how": how}
        for kind, (state, how) in _leaks(rule, names, samples, statistics, looked).items()
    ]
    said = {
        "by": rule.by,
        "names": list(names),
        "seed": rule.seed,
        "group": rule.group,
        "time": rule.time,
        "content": content,
        "samples": dict.fromkeys(names, 0) | dict(samples),
        "crossings": {
            name: {"samples": one.samples, "sets": one.sets}
            for name, one in looked.crossings.items()
        },
        "suspects": [one._asdict() for one in looked.suspects],
        "nearest": looked.nearest and looked.nearest._asdict(),
        "leaks": leaks,
    }
    findings: dict[str, tuple[Pair, ...] | str] = {
        name: one.pairs for name, one in looked.crossings.items() if one.samples
    }
    findings |= {f"column {one.column}": one.why for one in looked.suspects}
    return Certificate(said, tuple(_notes(rule, names, samples, looked)), findings)


def _suspects(rows: pa.Table, targets: Sequence[str], features: Sequence[str]) -> list[Suspect]:
    """Columns to look at, each once, of whichever target they say something."""
    found: dict[str, Suspect] = {}
    asked: list[str | None] = [*targets] or [None]
    for target in asked:
        for one in suspects(rows, target, features):
            found.setdefault(one.column, one)
    return [*found.values()]


def _mask(values: Any) -> Any:
    import pyarrow as pa

    return pa.array(values)


def _cross(rule: Rule, names: Sequence[str], marks: Sequence[Marks], looked: _Looked) -> None:
    if rule.by not in ("content", "near"):
        looked.crossings["duplicates"] = crossings(marks, "content")
    if marks[0].group is not None and rule.by != "group":
        looked.crossings["groups"] = crossings(marks, "group")
    if marks[0].time is not None and rule.by != "time" and TRAIN in names:
        first = spans(marks, names)
        begins = [low for name, (low, _) in first.items() if name != TRAIN]
        if begins:
            looked.crossings["later"] = later(marks, names, TRAIN, min(begins))


def _notes(
    rule: Rule, names: Sequence[str], samples: Mapping[str, int], looked: _Looked
) -> Iterator[str]:
    for name in names:
        if not samples.get(name):
            yield f"the split '{name}' has no samples"
    if left := samples.get(NOWHERE, 0):
        yield f"{_count(left)} in no split: between the cuts, or within the embargo"
    told: dict[str, Callable[[Crossing], str]] = {
        "duplicates": lambda one: f"{_count(one.samples)} equal to one of another split",
        "near-duplicates": lambda one: (
            f"{_count(one.samples)} nearly the same as one of another split (near = 'group' keeps "
            "them together)"
        ),
        "groups": lambda one: (
            f"{_count(one.samples)} of a '{rule.group}' that is in several splits ({one.sets} are)"
        ),
        "later": lambda one: f"{_count(one.samples)} of train not before all of the other splits",
    }
    for name, crossing in looked.crossings.items():
        if crossing.samples:
            yield f"{told[name](crossing)} (tables['findings'])"
    for suspect in looked.suspects:
        yield f"column '{suspect.column}': {suspect.why} (look at it, or leave it out by 'exclude')"


def _count(samples: int) -> str:
    return "1 sample is" if samples == 1 else f"{samples:,} samples are"


def _leaks(
    rule: Rule,
    names: Sequence[str],
    samples: Mapping[str, int],
    statistics: str,
    looked: _Looked,
) -> dict[str, tuple[str, str]]:
    """Of each of the eight kinds whether it is prevented, found or out of reach, and how."""
    others = [name for name in names if name != TRAIN and samples.get(name)]
    return {
        "L1.1 no test set": (PREVENTED, f"samples of {', '.join(others)} are in no training")
        if others
        else (FOUND, "there is no split beside train"),
        "L1.2 preprocessing on training and test set": (
            PREVENTED,
            "scalers, categories and vocabularies are learned from train alone",
        )
        if statistics == "train"
        else (FOUND, "statistics = 'all': they are learned from all samples"),
        "L1.3 feature selection on training and test set": (
            OUT_OF_REACH,
            "no features are selected here; what is selected later has to look at train alone",
        ),
        "L1.4 duplicates": _duplicates(rule, looked),
        "L2 features that are not legitimate": _illegitimate(looked),
        "L3.1 temporal leakage": _temporal(rule, looked),
        "L3.2 samples that depend on each other": _dependent(rule, looked),
        "L3.3 sampling bias in the test distribution": (
            OUT_OF_REACH,
            "whether test is such as will be predicted, only people know; see statistics and drift",
        ),
    }


def _illegitimate(looked: _Looked) -> tuple[str, str]:
    if not looked.columns:
        return OUT_OF_REACH, "the rows have no columns that may be looked at"
    if looked.rows < LEAST_ROWS:
        few = f"{looked.rows} rows of train are too few to look for them ({LEAST_ROWS})"
        return OUT_OF_REACH, few
    what = "columns that name the rows; no column to predict is named"
    if looked.targets:
        what = "columns that say the target alone or together, or name the rows"
    known = "what is known when one predicts, only people know"
    return (FOUND if looked.suspects else NONE_FOUND), f"{what}; {known}"


def _duplicates(rule: Rule, looked: _Looked) -> tuple[str, str]:
    if rule.by in ("content", "near"):
        return PREVENTED, "equal samples are in one split"
    crossing = looked.crossings.get("duplicates")
    found = crossing is not None and crossing.samples > 0
    return (FOUND if found else NONE_FOUND), "equal samples of different splits"


def _temporal(rule: Rule, looked: _Looked) -> tuple[str, str]:
    if rule.by == "time":
        return PREVENTED, f"the splits are cut by '{rule.time}'"
    if "later" not in looked.crossings:
        return OUT_OF_REACH, "no column of times is named ('time')"
    found = looked.crossings["later"].samples > 0
    return (FOUND if found else NONE_FOUND), f"train later than other splits, by '{rule.time}'"


def _dependent(rule: Rule, looked: _Looked) -> tuple[str, str]:
    if rule.by == "group":
        return PREVENTED, f"samples of one '{rule.group}' are in one split"
    if rule.by == "near":
        return PREVENTED, "near-duplicates are in one split"
    crossing, near = (looked.crossings.get(name) for name in ("groups", "near-duplicates"))
    if (crossing and crossing.samples) or (near and near.samples):
        return FOUND, "near-duplicates, or samples of one group, in several splits"
    if near is None and crossing is None:
        return OUT_OF_REACH, "no group is named ('group'), and near-duplicates were not looked for"
    group = f" and samples of one '{rule.group}'" if crossing else "; no group is named ('group')"
    return NONE_FOUND, f"near-duplicates{group}"


def table_of(
    certificate: Certificate,
    split_of: Mapping[int, str],
    file_of: Mapping[int, str],
) -> pa.Table:
    """The findings, a row for each pair of samples or column.

    Args:
        certificate: has them.
        split_of, file_of: of samples by their places among all; files where they have any.
    """
    import pyarrow as pa

    found: dict[str, list[Any]] = {name: [] for name, _ in FINDING}
    for finding, of in certificate.findings.items():
        pairs = of if not isinstance(of, str) else [None]
        for pair in pairs[:MOST]:
            ends = (pair.first, pair.second) if pair else (-1, -1)
            row: list[Any] = [finding]
            for end in ends:
                row += [end, split_of.get(end), file_of.get(end)] if end >= 0 else [None] * 3
            row.append(of if isinstance(of, str) else "")
            for column, value in zip(found.values(), row, strict=True):
                column.append(value)
    return pa.table({name: pa.array(found[name], kind()) for name, kind in FINDING})


def _text() -> Any:
    import pyarrow as pa

    return pa.string()


def _place() -> Any:
    import pyarrow as pa

    return pa.int64()


FINDING: tuple[tuple[str, Callable[[], Any]], ...] = (
    ("finding", _text),
    ("position", _place),
    ("split", _text),
    ("file", _text),
    ("other_position", _place),
    ("other_split", _text),
    ("other_file", _text),
    ("why", _text),
)
