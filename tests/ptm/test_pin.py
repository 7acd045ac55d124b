"""A pinned publication stays, whatever is made after it, until another is pinned, or none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptm import store
from ptm.errors import ArtifactMissing
from tests.support.commands import run_ptm
from tests.support.parts import about, key_of, publish

pytestmark = pytest.mark.usefixtures("unsynced")


def test_gc_never_takes_a_pinned_one(tmp_path: Path) -> None:
    """Of ten publications the pinned one is kept with the last, its parts too; then it goes."""
    first = publish(tmp_path, about(0), size=10)
    held = store.pin("planted", tmp_path)
    assert held.folder.name == first.publication
    del held
    for number in range(1, 10):
        publish(tmp_path, about(number), size=10 + number)
    taken = {one.what for one in store.gc(tmp_path, keep=1)}
    assert first.publication not in taken
    assert len([what for what in taken if "-" in what]) == 8
    there = store.pinned("planted", tmp_path)
    assert there and there.folder.name == first.publication == store.pinned_of("planted", tmp_path)
    assert store.opened(there, store.Memory(tmp_path / "planted").parts).tensors["floats"].shape[0]
    assert [one.error for one in store.verify(tmp_path) if one.error] == []
    del there
    assert store.unpin("planted", tmp_path) == first.publication
    assert store.unpin("planted", tmp_path) == ""
    assert store.pinned("planted", tmp_path) is None
    assert first.publication in {one.what for one in store.gc(tmp_path, keep=1)}


def test_a_forced_one_takes_its_key(tmp_path: Path) -> None:
    """A pinned one whose key another has taken over is named by the pin alone, and stays."""
    first = publish(tmp_path, about(0))
    store.pin("planted", tmp_path)
    publish(tmp_path, about(0), forced=True)
    assert store.gc(tmp_path, keep=1) == []
    assert (tmp_path / "planted" / first.publication).is_dir()
    assert first.publication in store.publications(tmp_path / "planted")


def test_pinned_once_more(tmp_path: Path) -> None:
    """Another pin takes the place of the one before; the file is a pointer with its digest."""
    publish(tmp_path, about(0))
    store.pin("planted", tmp_path)
    second = publish(tmp_path, about(1))
    store.pin("planted", tmp_path)
    said = json.loads((tmp_path / "planted" / "pinned.json").read_bytes())
    assert said["publication"] == second.publication == store.pinned_of("planted", tmp_path)
    assert said["publication"].startswith(key_of(1)[:12]) and said["since"] and said["check"]


def test_nothing_to_pin(tmp_path: Path) -> None:
    """What is not there cannot be pinned; it is said what there is."""
    publish(tmp_path, about(0))
    with pytest.raises(ArtifactMissing, match="planted"):
        store.pin("other", tmp_path)


def test_a_damaged_pin(tmp_path: Path) -> None:
    """A pointer of which a byte differs is none; verify says so, gc leaves it to be looked at."""
    publish(tmp_path, about(0))
    store.pin("planted", tmp_path)
    place = tmp_path / "planted" / "pinned.json"
    place.write_bytes(place.read_bytes().replace(b'"made"', b'"Made"'))
    assert store.pinned("planted", tmp_path) is None
    assert any("pinned.json" in one.error for one in store.verify(tmp_path))
    store.gc(tmp_path)
    assert place.is_file()
    store.unpin("planted", tmp_path)
    assert not place.is_file()


@pytest.mark.slow
def test_status_and_the_command(tmp_path: Path) -> None:
    """`ptm pin` pins, `ptm status` and `ptm show` say so, `--off` lets go."""
    ref = publish(tmp_path, about(0))
    assert store.status(tmp_path)[0]["pinned"] is None
    here = ["--artifacts", str(tmp_path)]
    assert f"Pinned planted: {ref.publication}" in run_ptm("pin", "planted", *here).words
    assert store.status(tmp_path)[0]["pinned"] == ref.publication
    assert "pinned is this one" in run_ptm("status", *here).words
    assert "Pinned: this one" in run_ptm("show", "planted", *here).words
    assert "is pinned no more" in run_ptm("pin", "planted", "--off", *here).words
    assert "none was pinned" in run_ptm("pin", "planted", "--off", *here).words
