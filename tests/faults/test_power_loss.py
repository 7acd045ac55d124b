"""The power fails after every operation: what a pointer names is whole, and the next run heals."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import chain, repeat, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ptm import index, store
from ptm.errors import ArtifactCorrupt, ArtifactMissing
from ptm.model import ArtifactRef, PartRef, Whole
from ptm.store import disk, posix
from ptm.store.pointers import pointed
from ptm.store.runs import RUNS
from tests.faults.power import Disk, Operation, State, read_state, recorded, write_state
from tests.support.parts import ABOUT, needed, objects
from tests.support.sampling import sampled

pytestmark = pytest.mark.faults
FAULTS = int(os.environ.get("PTM_FAULTS", "0"))
# states after each operation; all of them where there are fewer, as there are with 1,000 faults
BOUND = max(10 * FAULTS, 4)
NAME, ROOT = "planted", "a/store"  # the store's parent is missing at first
OLD, NEW = "0" * 64, "1" * 64  # keys
SIZE = 100  # numbers of the tensor
DONE = Operation("promise")


def run(root: Path, key: str, promise: Callable[[], None] = lambda: None) -> ArtifactRef:
    """What a run does about one source; `promise` is called where the store says: it is done."""
    memory = store.Memory(root / NAME)
    store.sweep(root / NAME)
    ref, damage = store.find(root, NAME, key, memory)
    ref = ref or publish(root, key, memory, damage)
    promise()
    memory.save()
    store.record_run(root, {NAME: {"when": "now", "state": "made"}})
    return ref


def publish(root: Path, key: str, memory: store.Memory, damage: str = "") -> ArtifactRef:
    """Two parts, of which one is the same whatever the key; they are read before they are made."""
    with store.writing(root, NAME) as writer:
        raw = part(root, "a" * 64, -1, memory)
        refs = [part(root, "b" * 64, 7, memory), part(root, key, int(key[0]), memory)]
        content = Whole(
            {"x": ("sample",), "all": ("sample",)},
            {"all": torch.full((SIZE,), int(key[0]))},
            {"more": more(key)},
        )
        head = {**ABOUT, "name": NAME, "key": key}
        ref = store.publish(root, head, refs, content, 0.5, memory=memory, healed=damage)
        writer.forget([raw])
    return ref


def part(root: Path, key: str, value: int, memory: store.Memory) -> PartRef:
    """The part of a key, found or made."""
    found = store.find_part(root, NAME, key, memory.parts)
    if found:
        return found[0]
    return store.write_part(root, NAME, key, {"x": torch.full((SIZE,), value)}, None, {})


def more(key: str) -> pa.Table:
    """A table that tells the key."""
    return pa.table({"key": [key]})


@cache
def parquet(key: str) -> bytes:
    """The bytes of its file."""
    file = BytesIO()
    pq.write_table(more(key), file)
    return file.getvalue()


class Scenario(NamedTuple):
    """Something that the store does, and what may be seen when it is cut off.

    Attributes:
        before: what was done before, and is on the disk.
        work: what is cut off; it is given the root, and what to call where it is done.
        seen: what a reader may see meanwhile: "old", "new", "missing" or "damaged".
        promised: what has to be found where it is done: "new", or the key of a part.
    """

    before: Callable[[Path], Any]
    work: Callable[[Path, Callable[[], None]], Any]
    seen: set[str]
    promised: str = "new"


def nothing(root: Path) -> None:
    """The folder above the store's parent is there, that is all."""


def damaged(root: Path) -> None:
    (Path(run(root, NEW).path) / "more.parquet").write_bytes(b"damaged")


def damaged_part(root: Path) -> None:
    run(root, NEW)
    [ref] = [ref for ref in store.load(NAME, root).parts if ref.ref.key == NEW]
    (root / NAME / ref.ref.files["tensors"].file).write_bytes(b"damaged")


def unfinished(root: Path) -> None:
    """A driver that was killed after it had made a part, and read another."""
    memory = store.Memory(root / NAME)
    part(root, "a" * 64, -1, memory)
    part(root, NEW, int(NEW[0]), memory)


def both(root: Path, first: str, second: str) -> None:
    run(root, first)
    run(root, second)


def without_links(root: Path, promise: Callable[[], None]) -> None:
    def link(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "no hard links on this file system")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "link", link)
        run(root, NEW, promise)


def in_slices(root: Path, promise: Callable[[], None]) -> None:
    """The way of large tensors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posix, "LARGE", 512)
        patch.setattr(posix, "SLICE", 512)
        run(root, NEW, promise)


def second(root: Path, promise: Callable[[], None]) -> None:
    """A writer finds at the last moment that another was first."""
    assert publish(root, NEW, store.Memory(root / NAME)).cached
    promise()


def collect(root: Path, promise: Callable[[], None]) -> None:
    gone, _ = store.gc(root, keep=1)
    assert gone.reason == "old"
    promise()


def one_part(root: Path, promise: Callable[[], None]) -> None:
    """A part alone, of the first driver that ever was."""
    with store.writing(root, NAME):
        part(root, NEW, 1, store.Memory(root / NAME))
        promise()


def failed_before(root: Path, promise: Callable[[], None]) -> None:
    """A run that made nothing but the store's folder, and then one that makes an artifact."""
    store.record_run(root, {NAME: {"when": "now", "state": "failed"}})
    run(root, NEW, promise)


def new(root: Path, promise: Callable[[], None]) -> None:
    run(root, NEW, promise)


SCENARIOS = {
    "first": Scenario(nothing, new, {"missing", "new"}),
    "over an older one": Scenario(lambda root: run(root, OLD), new, {"old", "new"}),
    "put back": Scenario(lambda root: both(root, NEW, OLD), new, {"old", "new"}),
    "heal": Scenario(damaged, new, {"damaged", "new"}),
    "in slices": Scenario(nothing, in_slices, {"missing", "new"}),
    "without hard links": Scenario(nothing, without_links, {"missing", "new"}),
    "second": Scenario(lambda root: run(root, NEW), second, {"new"}),
    "collect": Scenario(lambda root: both(root, OLD, NEW), collect, {"new"}),
    "heal a part": Scenario(damaged_part, new, {"damaged", "new"}),
    "resume": Scenario(unfinished, new, {"missing", "new"}),
    "part": Scenario(nothing, one_part, {"missing"}, NEW),
    "after a failed run": Scenario(nothing, failed_before, {"missing", "new"}),
}


QUICK = ("resume",)  # of what is read, and healed, after it
EACH = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SCENARIOS]


class Recording(NamedTuple):
    """What was on the disk before, what was done to it, and what may be seen of it."""

    before: State
    operations: list[Operation]
    damaged: set[str]
    seen: set[str]
    promised: str

    def states(
        self, bound: int, first: int = 0, without: Collection[int] = ()
    ) -> Iterator[tuple[State, bool]]:
        """What may be left when the power fails, and whether the store had said: it is done.

        Args:
            bound: how many states after each operation.
            first: the power fails after this many operations, or later.
            without: the numbers of operations that are left out.
        """
        found: set[tuple[State, bool]] = set()
        # the last first: that is where most shows when a sync is left out
        for length in range(len(self.operations), first - 1, -1):
            done = self.operations[:length]
            model = Disk(self.before)
            for number, operation in enumerate(done):
                if number not in without:
                    model.make(operation)
            for state in model.states(bound, seed=length):
                if (state, DONE in done) not in found:
                    found.add((state, DONE in done))
                    yield state, DONE in done


@contextmanager
def folder(state: State = ()) -> Iterator[Path]:
    """A folder in memory, if there is such a thing, that holds a state of the disk."""
    shared = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    try:
        write_state(place / "disk", state)
        yield place / "disk"
    finally:
        shutil.rmtree(place)


def record(scenario: Scenario) -> Recording:
    with folder() as base:
        scenario.before(base / ROOT)
        before = read_state(base)
        damaged = {found.publication for found in store.verify(base / ROOT) if found.error}
        with recorded(base) as operations:
            scenario.work(base / ROOT, lambda: operations.append(DONE))
        assert replayed(before, operations).now() == read_state(base)
    return Recording(before, operations, damaged, scenario.seen, scenario.promised)


def replayed(before: State, operations: list[Operation]) -> Disk:
    model = Disk(before)
    for operation in operations:
        model.make(operation)
    return model


def after_a_kill(recording: Recording, length: int) -> Recording:
    """The work is killed after so many operations, and another run follows."""
    done = recording.operations[:length]
    with folder(replayed(recording.before, done).now()) as base, recorded(base) as operations:
        run(base / ROOT, NEW, lambda: operations.append(DONE))
    return recording._replace(
        operations=[*done, *operations], seen=recording.seen | {"new"}, promised="new"
    )


@pytest.fixture(scope="module", autouse=True)
def _no_clock() -> Iterator[None]:
    """Nobody waits until a file is old enough to be remembered: no state has a memory of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "_clocks", lambda paths, scratch: {})
        yield


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    return {name: record(scenario) for name, scenario in SCENARIOS.items()}


def read(root: Path) -> str:
    """What a reader sees of the artifact, all of it."""
    try:
        loaded = store.load(NAME, root)
    except ArtifactMissing:
        return "missing"
    except ArtifactCorrupt:
        return "damaged"
    key = loaded.manifest["key"]
    assert loaded.tensors["x"].tolist() == [7] * SIZE + [int(key[0])] * SIZE
    assert loaded.tensors["all"].tolist() == [int(key[0])] * SIZE
    assert loaded.file("more.parquet").read_bytes() == parquet(key)
    return "new" if key == NEW else "old"


def wrong(recording: Recording, state: State, promised: bool) -> str:
    """What a reader sees that it should not; "" where all is well."""
    with folder(state) as base:
        root = base / ROOT
        for finding in store.verify(root):
            if finding.error and finding.publication not in recording.damaged:
                return f"verify: {finding.error}"
        memory, seen = store.Memory(root / NAME), read(root)
        if promised and recording.promised != "new":
            found_part = store.find_part(root, NAME, recording.promised, memory.parts)
            return "" if found_part else "not found again: a part"
        found, damage = store.look(root, NAME, NEW, memory)
        if promised and not found:
            return f"not found again: {damage or 'missing'}"
        return "" if seen in ({"new"} if promised else recording.seen) else f"load: {seen}"


def left(root: Path) -> list[str]:
    """What is in a store that neither a reader nor the next run has a use for."""
    known = {"current.json", "keys", "parts", "stat", *pointed(root / NAME)}
    return [name for name in os.listdir(root / NAME) if name not in known] + [
        name for name in os.listdir(root) if name not in (NAME, RUNS)
    ]


def not_healed(state: State) -> str:
    """What is wrong after the next run, and after collecting; "" where all is well."""
    with folder(state) as base:
        root = base / ROOT
        made = run(root, NEW).path
        # a folder whose lease was lost is not known for a leftover; collecting takes it
        if any(name[0] == "." for name in left(root)):
            return f"left behind: {left(root)}"
        if run(root, NEW).path != made:
            return "not found again"
        store.gc(root)
        if left(root) or objects(root / NAME) != needed(root / NAME):
            return f"not collected: {left(root)}"
        if read(root) != "new" or any(finding.error for finding in store.verify(root)):
            return "damaged"
        return ""


@pytest.mark.parametrize("name", EACH)
def test_a_reader_after_power_loss(recordings: dict[str, Recording], name: str) -> None:
    """A reader sees the old artifact or the new one, whole; the new one once it was promised."""
    recording = recordings[name]
    states = list(recording.states(BOUND))
    print(f"{name}: {len(states)} states after {len(recording.operations)} operations")
    found = [problem for state in states if (problem := wrong(recording, *state))]
    assert not found, f"{len(found)} states, {found[0]}"


@pytest.mark.parametrize("name", EACH)
def test_the_next_run_heals(recordings: dict[str, Recording], name: str) -> None:
    """From every state the next run makes or finds the artifact; it and gc leave nothing behind."""
    states = {state for state, _ in recordings[name].states(BOUND)}
    found = [problem for state in states if (problem := not_healed(state))]
    assert not found, f"{len(found)} states, {found[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_power_loss_after_a_kill(recordings: dict[str, Recording], name: str) -> None:
    """A run that builds on what a killed one left, synced or not, promises no less."""
    recording = recordings[name]
    count = 0
    for length in range(1, recording.operations.index(DONE), 1 if FAULTS else 8):
        last = recording.operations[length - 1]
        if last.what == "make_folder" and NAME not in last.places[0]:
            continue  # a folder above the shelves, made and not synced: nobody looks at it again
        killed = after_a_kill(recording, length)
        for state in killed.states(max(FAULTS // 100, 2), first=length + 1):
            count += 1
            problem = wrong(killed, *state)
            assert not problem, f"killed after {last.label}: {problem}"
    print(f"{name}: {count} states after a kill")


SYNCS = [
    "sync_folder . in make_folders",
    "sync_folder a in make_folders",
    "sync_folder a/store in make_folders",
    "sync_folder a/store/planted in make_folders",
    "sync a/store/planted/.part-* in write_file",
    "sync_folder a/store/planted/parts in sync",
    "sync a/store/planted/.pointer-* in write_file",
    "sync_folder a/store/planted/parts in swap",
    "sync a/store/planted/*-*/more.parquet in write_file",
    "sync a/store/planted/*-*/whole.pt in write_file",
    "sync a/store/planted/*-*/manifest.json in write_file",
    "sync_folder a/store/planted/*-* in sync",
    "sync_folder a/store/planted in sync",
    "sync_folder a/store/planted/keys in swap",
    "sync_folder a/store/planted in swap",
    "sync_folder a/store/planted/keys in _unpoint",
    "sync_folder a/store/planted/keys in _reclaim",
    "sync_folder a/store/planted in _reclaim",
]


@pytest.fixture(scope="module")
def with_kills(recordings: dict[str, Recording]) -> list[Recording]:
    """All that was recorded, and what follows when the work is killed before a folder is synced."""
    over = recordings["over an older one"]
    kills = [
        after_a_kill(over, number)
        for number, operation in enumerate(over.operations)
        if operation.what == "sync_folder"
    ]
    return [*recordings.values(), *reversed(kills)]  # the last kills leave most


def test_every_sync_is_listed(with_kills: list[Recording]) -> None:
    """The syncs that the store makes are those that the next test leaves out."""
    made = {one.label for recording in with_kills for one in recording.operations if one.is_sync}
    assert made == set(SYNCS)


@pytest.mark.parametrize("label", sampled(SYNCS))
def test_a_sync_left_out(with_kills: list[Recording], label: str) -> None:
    """Whichever sync is left out, there is a state in which something is torn or lost."""
    searches = [
        zip(repeat(recording), recording.states(min(BOUND, 100), without=left_out), strict=False)
        for recording in with_kills
        for left_out in ways(recording, label)
    ]
    # in turn: where it shows at all, it does so in one of the first states
    found = chain.from_iterable(zip_longest(*searches))
    assert any(wrong(recording, *state) for recording, state in filter(None, found))


def ways(recording: Recording, label: str) -> list[list[int]]:
    """Each sync of that label; and all, since what two dead writers left is synced twice."""
    numbers = [n for n, one in enumerate(recording.operations) if one.label == label]
    return [[number] for number in numbers] + ([numbers] if len(numbers) > 1 else [])
