"""`ptm run --force`, and a disk on which not everything fits: what is told before work begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.pipeline import pipeline
from ptm.explain import FORCED
from tests.support.commands import call_ptm
from tests.support.machine import part_file
from tests.support.servers import Recorded
from tests.support.small_disk import SmallDisk

pytestmark = [pytest.mark.operate, pytest.mark.usefixtures("server")]


def current(store: Path) -> dict[str, tuple[str, str]]:
    """The publication and the digest of the tensors of each name."""
    found = {}
    for pointer in store.glob("*/current.json"):
        publication = json.loads(pointer.read_text())["publication"]
        raw = part_file(pointer.parent / publication).read_bytes()
        found[pointer.parent.name] = publication, hashlib.sha256(raw).hexdigest()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "named", [["temperature_fits"], ["temperature", "temperature_fits"]], ids=" ".join
)
def test_force(sample: Path, tmp_path: Path, named: list[str]) -> None:
    """What is named is made again, to the same bytes, and not what it is of."""
    options = ("--data", sample, "--artifacts", tmp_path / "store")
    assert call_ptm("run", "dog", "temperature_fits", *options).code == 0
    before = current(tmp_path / "store")
    planned = call_ptm("run", "--force", "--dry-run", *named, *options)
    counted = f"A run would make {len(named)} of 2"
    assert planned.code == 0 and counted in planned.out and FORCED in planned.words
    done = call_ptm("run", "--force", *named, *options)
    assert done.code == 0 and "dog" not in done.out
    after = current(tmp_path / "store")
    changed = {name for name in after if after[name][0] != before[name][0]}
    assert changed == {*named}
    if "temperature" not in named:
        assert "\ntemperature: cached" in f"\n{done.out}"
    assert {name: bytes_ for name, (_, bytes_) in before.items()} == {
        name: bytes_ for name, (_, bytes_) in after.items()
    }
    for name in changed:
        assert f"({FORCED})" in next(
            line for line in done.out.splitlines() if line.startswith(f"{name}: made in")
        )
        told = call_ptm("explain", name, "--artifacts", tmp_path / "store")
        assert told.words.startswith(f"{name}: made") and f"Why: {FORCED}" in told.words
    again = call_ptm("run", "temperature_fits", *options)
    assert "temperature: cached" in again.out and "temperature_fits: cached" in again.out


def test_force_needs_names(sample: Path, tmp_path: Path) -> None:
    """Without a name it is wrong usage: code 2, and nothing is made."""
    done = call_ptm("run", "--force", "--data", sample, "--artifacts", tmp_path / "store")
    assert done.code == 2 and "expected the names of entries with --force, got none" in done.words
    assert not (tmp_path / "store").exists()


def test_force_in_python(sample: Path, book_catalog: Path, tmp_path: Path) -> None:
    """The flow has it too: with no names, of all."""
    options = {"catalog": book_catalog, "data": sample, "artifacts": tmp_path / "store"}
    pipeline(**options, sources=["dog", "cats"])
    refs = pipeline(**options, sources=["dog", "cats"], force=True)
    assert {ref.why for ref in refs.values()} == {FORCED}


def test_too_full(
    small_disk: SmallDisk, tmp_path: Path, history: Callable[[object], Recorded]
) -> None:
    """A note says before work begins that not all fit; each that does not fit fails, once."""
    root, store = tmp_path / "data", small_disk.folder / "store"
    root.mkdir()
    text = "one line of some words and no more\n"
    entries = []
    for name, size in (("small", 20_000), ("large", 400_000), ("larger", 500_000)):
        (root / f"{name}.txt").write_text((text * size)[:size])
        entries.append(f'[{name}]\nkind = "text"\npath = "{name}.txt"\nline = 1\n')
    (root / "catalog.toml").write_text("\n".join(entries))
    small_disk.fill(300 << 10)
    where = ("--catalog", root / "catalog.toml", "--data", root, "--artifacts", store)
    done = call_ptm("run", *where)
    lines = done.out.splitlines()
    note = next(number for number, line in enumerate(lines) if line.startswith("note: "))
    assert note < next(number for number, line in enumerate(lines) if line.startswith("small: "))
    assert (
        f"note: expected about 0.9 MB free in {store} for 3 sources (the size of their inputs, as "
        "an estimate), got 0.3 MB: not all of them may fit"
    ) in done.words
    assert done.code == 1 and (store / "small/current.json").exists()
    for name, size in (("large", "0.4 MB"), ("larger", "0.5 MB")):
        assert f"{name}: expected about {size} free in {store} (the size" in done.words
        assert not (store / name).exists()
    tasks = history(done.out.rpartition("flow-run/")[2].split()[0]).tasks
    assert {tasks[name]["run_count"] for name in ("large", "larger")} == {1}
