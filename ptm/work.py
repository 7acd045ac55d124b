"""What goes to the calls that make an entry, and comes back: small, so that it can be pickled."""

from __future__ import annotations

import hashlib
import json
import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.index import FileDigest
from ptm.learned import Learned
from ptm.model import Bad, Block, Part, PartRef, Whole
from ptm.profile import BySplit, as_json, from_json
from ptm.scaling import Scaling
from ptm.stats import Stats

if TYPE_CHECKING:
    from ptm.source import Source

SAID = ("axes", "facts", "notes", "uniform", "carried", "left_out")  # of a block, as it is


class Work(NamedTuple):
    """A part that is to be made, with what is known of its files packed: they may be many.

    Attributes:
        key: of the part.
        files: the first and the last, for messages.
        packed: the part, and its files as they were when they were hashed.
    """

    key: str
    files: str
    packed: bytes

    @classmethod
    def of(cls, part: Part, entries: Sequence[FileDigest]) -> Work:
        """That of a part, and of its files as they were hashed, those beside its samples last."""
        count = len(part.files)
        ends = dict.fromkeys(entry.name for entry in (*entries[:1], *entries[count - 1 : count]))
        files = " to ".join(ends)
        return cls(part.key, files, _packed((part, [*entries])))

    def with_usual(self, usual: Mapping[str, str]) -> Work:
        """The same, where it is known what most samples of the source have in common."""
        part, entries = self.unpacked()
        said = json.dumps([self.key, usual], sort_keys=True)
        key = hashlib.sha256(f"usual {said}".encode()).hexdigest()
        return Work.of(part._replace(key=key, usual=tuple(usual.items())), entries)

    def unpacked(self) -> tuple[Part, list[FileDigest]]:
        """The part, and its files."""
        found: tuple[Part, list[FileDigest]] = _unpacked(self.packed)
        return found


def files_of(works: Sequence[Work]) -> list[FileDigest]:
    """All files, each once, in their order; those beside the samples last, by their names."""
    samples, beside = dict[FileDigest, None](), dict[FileDigest, None]()
    for work in works:
        part, entries = work.unpacked()
        count = len(part.files)
        samples |= dict.fromkeys(entries[:count])
        beside |= dict.fromkeys(entries[count:])
    return [*samples, *sorted(beside, key=lambda entry: entry.name)]


def _aside(bad: Sequence[Bad]) -> bytes:
    return _packed(tuple(bad)) if bad else b""


def _packed(value: object) -> bytes:
    return zlib.compress(pickle.dumps(value), 1)


def _unpacked(raw: bytes) -> Any:
    return pickle.loads(zlib.decompress(raw))


@dataclass(frozen=True)
class Job:
    """What the calls of one entry have in common.

    Attributes:
        source: the entry.
        root: the store.
        above: what the names of its files begin with in messages.
        rehash: whether to distrust what is remembered of the files of the store.
        uncached: whether the page cache is not to keep what is published.
        before: the file that says the split before, where this one depends on it.
        learned: what it is encoded by, where another entry learned that.
    """

    source: Source
    root: Path
    above: str = ""
    rehash: bool = False
    uncached: bool = False
    before: Path | None = None
    learned: Learned | None = None

    @property
    def name(self) -> str:
        """Of the entry."""
        return self.source.name


@dataclass(frozen=True)
class Measured:
    """A part that was read: where its raw samples are, and what is said of them.

    Attributes:
        ref: of the raw samples in the store.
        packed: what was measured of them: of all words of a part it is large.
        profiled: profiles of their columns and channels, by split, as JSON, packed.
        kept: whether the store had it already.
        aside: its bad samples, packed.
        scaling: see `Block`, as the others.
    """

    ref: PartRef
    packed: bytes
    profiled: bytes = b""
    kept: bool = False
    aside: bytes = b""
    scaling: Mapping[str, Scaling] = field(default_factory=dict)
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    uniform: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    carried: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, ref: PartRef, stats: Mapping[str, Stats], block: Block, profiles: BySplit
    ) -> Measured:
        """What is said of a block that is in the store."""
        said = {name: getattr(block, name) for name in SAID}
        packed, aside = _packed(as_json(profiles)), _aside(block.bad)
        return cls(ref, _packed(stats), packed, aside=aside, scaling=block.scaling, **said)

    @property
    def bad(self) -> tuple[Bad, ...]:
        """The samples that were set aside, in the order of the part."""
        found: tuple[Bad, ...] = _unpacked(self.aside) if self.aside else ()
        return found

    @property
    def stats(self) -> dict[str, Stats]:
        """What was measured of the samples, by split."""
        found: dict[str, Stats] = _unpacked(self.packed)
        return found

    @property
    def profiles(self) -> BySplit:
        """Profiles of their columns and channels, by split."""
        return from_json(_unpacked(self.profiled))

    def settled(self, ref: PartRef, stats: Mapping[str, Stats], profiles: BySplit) -> Measured:
        """The same with its samples in splits: where it is now, and what was measured by split."""
        packed, profiled = _packed(dict(stats)), _packed(as_json(profiles))
        return replace(self, ref=ref, packed=packed, profiled=profiled)

    @staticmethod
    def record(
        stats: Mapping[str, Stats], block: Block, profiles: BySplit, files: Sequence[str]
    ) -> dict[str, Any]:
        """JSON of all but the reference; of bad samples it has the places of their files, as those
        may have other names when it is read.
        """
        places = {name: place for place, name in enumerate(files)}
        bad = [[places.get(one.file, one.file), *one[1:]] for one in block.bad]
        said = {name: getattr(block, name) for name in SAID}
        scaling = {name: [*one] for name, one in block.scaling.items()}
        return {**measures_json(stats, profiles), "scaling": scaling, "bad": bad, **said}

    @classmethod
    def from_record(cls, ref: PartRef, record: Mapping[str, Any], work: Work) -> Measured:
        """What a record of the store says of a part that is to be made."""
        bad = record.get("bad", [])
        names = [file.name for file in work.unpacked()[0].files] if bad else []
        named = (names[file] if isinstance(file, int) else file for file, *_ in bad)
        return cls(
            ref,
            _packed({split: Stats.from_json(one) for split, one in record["stats"].items()}),
            _packed(record["profiles"]),
            True,
            _aside([Bad(file, *one[1:]) for file, one in zip(named, bad, strict=True)]),
            {n: Scaling(tuple(one[0]), *one[1:]) for n, one in record["scaling"].items()},
            {name: tuple(axes) for name, axes in record["axes"].items()},
            record["facts"],
            tuple(record["notes"]),
            record["uniform"],
            record["carried"],
            record.get("left_out", {}),
        )


def measures_json(stats: Mapping[str, Stats], profiles: BySplit) -> dict[str, Any]:
    """JSON of what was measured of a part, by split."""
    by_split = {split: one.to_json() for split, one in stats.items()}
    return {"stats": by_split, "profiles": as_json(profiles)}


class Encoded(NamedTuple):
    """A part as it is published, its axes, and what it says of itself to the kind's `whole`;
    whether the store had it already.
    """

    ref: PartRef
    axes: Mapping[str, tuple[str, ...]]
    carried: Mapping[str, Any]
    kept: bool


class Made(NamedTuple):
    """All of an entry that is one part: where it is, and what belongs to it as a whole."""

    ref: PartRef | None
    whole: Whole
    uniform: Mapping[str, Mapping[str, int]]
