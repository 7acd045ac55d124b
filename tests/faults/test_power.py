"""The model of a disk that loses its power: what it forgets, and what it must not."""

from __future__ import annotations

from inspect import isfunction
from pathlib import Path

import pytest

from ptm.store import disk
from tests.faults.power import CHANGES, Disk, Operation, State, read_state, recorded, write_state

pytestmark = pytest.mark.faults
WRITE = [Operation("create", ("f",)), Operation("write", ("f",), b"abcd")]
SYNC, SYNC_NAMES = Operation("sync", ("f",)), Operation("sync_folder", (".",))


def states(*operations: Operation, before: State = ()) -> set[State]:
    """What may be there after these operations."""
    model = Disk(before)
    for operation in operations:
        model.make(operation)
    return set(model.states(bound=1000, seed=0))


def test_bytes_not_synced() -> None:
    """What was not synced may be there, cut, zeros or lost; a sync makes only the bytes last."""
    contents = {b"", b"ab", bytes(4), b"abcd"}
    assert states(*WRITE) == {(), *((("f", data),) for data in contents)}
    assert states(*WRITE, SYNC) == {(), (("f", b"abcd"),)}
    assert states(*WRITE, SYNC_NAMES) == {(("f", data),) for data in contents}
    assert states(*WRITE, SYNC, SYNC_NAMES) == {(("f", b"abcd"),)}


def test_bytes_written_after_a_sync() -> None:
    """Only what came after the sync is at risk."""
    more = Operation("write", ("f",), b"efgh")
    tails = (b"", b"ef", bytes(4), b"efgh")
    assert states(*WRITE, SYNC, SYNC_NAMES, more) == {(("f", b"abcd" + tail),) for tail in tails}


def test_changes_of_a_folder_in_any_order() -> None:
    """Of two changes the second may last without the first, as long as no sync is in between."""
    two = [Operation("make_folder", ("a",)), Operation("make_folder", ("b",))]
    a, b = ("a", ()), ("b", ())
    assert states(*two) == {(), (a,), (b,), (a, b)}
    assert states(two[0], SYNC_NAMES, two[1]) == {(a,), (a, b)}


def test_a_rename() -> None:
    """Within a folder it happened or not; between folders the file may have two names or none."""
    before = (("a", b"1"), ("b", b"2"), ("sub", ()))
    within = states(Operation("replace", ("a", "b")), before=before)
    assert within == {before, (("b", b"1"), ("sub", ()))}
    old, new = ("a", b"1"), ("sub", (("a", b"1"),))
    between = states(Operation("replace", ("a", "sub/a")), before=(old, ("sub", ())))
    assert between == {(old, ("sub", ())), (old, new), (("sub", ()),), (new,)}


def test_a_folder_does_not_bring_its_names() -> None:
    """A folder whose name lasts may be empty; syncing the one above does not change that."""
    inner = [Operation("make_folder", ("sub",)), Operation("create", ("sub/f",))]
    full = ("sub", (("f", b""),))
    assert states(*inner, SYNC_NAMES) == {(("sub", ()),), (full,)}
    assert states(*inner, SYNC_NAMES, Operation("sync_folder", ("sub",))) == {(full,)}


def test_what_was_removed() -> None:
    """What was removed may come back, until its folder is synced."""
    gone = Operation("remove", ("f",))
    assert states(gone, before=(("f", b"1"),)) == {(), (("f", b"1"),)}
    assert states(gone, SYNC_NAMES, before=(("f", b"1"),)) == {()}


def test_more_states_than_are_wanted() -> None:
    """Of too many states some are drawn, the same every time, all and nothing among them."""
    model = Disk()
    for number in range(10):
        model.make(Operation("make_folder", (f"{number}",)))
    drawn = list(model.states(bound=50, seed=7))
    assert len(drawn) == 52 and drawn == list(model.states(bound=50, seed=7))
    assert {(), model.now()} <= set(drawn)


def test_recording(tmp_path: Path) -> None:
    """Every function of the disk is recorded with its paths, and the model does what it did."""
    with recorded(tmp_path) as operations:
        disk.make_folders(tmp_path / "a/b")
        with disk.create(tmp_path / "a/b/f") as file:
            disk.write(file, b"1")
            disk.push_out(file)
            disk.sync(file)
        disk.link(tmp_path / "a/b/f", tmp_path / "a/f")
        disk.replace(tmp_path / "a/b/f", tmp_path / "a/g")
        disk.remove(tmp_path / "a/f")
        disk.rename(tmp_path / "a", tmp_path / "c")
        with pytest.raises(FileExistsError):
            disk.link(tmp_path / "c/g", tmp_path / "c/b")
        with disk.create(tmp_path / "c/b/f"):
            pass
        disk.remove_tree(tmp_path / "c/b")
    model = Disk()
    for operation in operations:
        model.make(operation)
    assert model.now() == read_state(tmp_path) == (("c", (("g", b"1"),)),)
    write_state(tmp_path / "again", model.now())
    assert read_state(tmp_path / "again") == model.now()


def test_nothing_is_missed() -> None:
    """Every function of the disk is recorded, but for those that consist of the others."""
    made = {name for name, function in vars(disk).items() if isfunction(function)}
    own = {name for name in made if vars(disk)[name].__module__ == disk.__name__}
    assert own == {*CHANGES, "make_folders", "remove_tree"}
