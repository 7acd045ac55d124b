"""Making again what is up to date: the same bytes in a new publication, and it is said why."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm import store
from ptm.catalog import load_catalog
from ptm.explain import FORCED, explain
from ptm.kinds.table import Options as TableSource
from ptm.prepare import plan, tensorize
from tests.support.kinds import analyze
from tests.support.machine import part_file
from tests.support.stores import BOOK, heal, make


def manifest(source: TableSource) -> dict[str, Any]:
    """Of the current artifact."""
    return store.current(source.name, source.root / "store").manifest


def test_forced(source: TableSource) -> None:
    """The same bytes come out, in a new publication that readers get; runs find it up to date."""
    first, before = make(source), manifest(source)
    ref = make(source, force=True)
    assert not ref.cached and ref.why == FORCED and ref.path != first.path
    assert manifest(source) == before and ref.digests == first.digests
    assert Path(ref.path).name == store.current("t", source.root / "store").folder.name
    told = explain("t", source.root / "store")
    assert (told.decision, told.why) == ("made", FORCED)
    assert {cause.state for cause in told.causes} == {"unchanged"}
    assert make(source).cached and make(source).path == ref.path
    assert [finding.error for finding in store.verify(source.root / "store")] == [""]


def test_forced_where_something_changed(source: TableSource) -> None:
    """What is made for a reason of its own says that reason; the first is new."""
    assert make(source, force=True).why == "new"
    (source.root / "t.csv").write_text("a,b\n1,2\n3,5\n")
    assert make(source, force=True).why == "file t.csv changed"
    assert explain("t", source.root / "store").why == "file t.csv changed"


def test_forced_by_two_at_once(source: TableSource) -> None:
    """Two that force the same at once both make it; what is current is whole."""
    make(source)
    barrier = threading.Barrier(2)

    def force(_: int) -> ptm.ArtifactRef:
        barrier.wait()
        return make(source, force=True)

    with ThreadPoolExecutor(2) as pool:
        refs = list(pool.map(force, range(2)))
    assert len({ref.path for ref in refs}) == 2 and not any(ref.cached for ref in refs)
    now = store.current("t", source.root / "store").folder
    assert now.name in {Path(ref.path).name for ref in refs}
    assert heal(source).cached and [f.error for f in store.verify(source.root / "store")] == [""]


def test_the_one_before_is_collected(source: TableSource) -> None:
    """What was forced out is named by nothing any more, and `gc` takes it."""
    first = make(source)
    make(source, force=True)
    taken = store.gc(source.root / "store")
    assert [thing.what for thing in taken] == [Path(first.path).name]


def test_forced_analysis(sample: Path, tmp_path: Path) -> None:
    """An analysis is made again too: the same bytes, pictures among them."""
    wine = load_catalog(BOOK, sample)["wine"]
    tensorize(wine, tmp_path)
    first = analyze("wine_threshold", tmp_path)
    ref = analyze("wine_threshold", tmp_path, force=True)
    assert not ref.cached and ref.why == FORCED and ref.digests == first.digests


def test_plan(sample: Path, tmp_path: Path) -> None:
    """A plan says what forcing would make again, and why; nothing is written."""
    catalog = load_catalog(BOOK, sample)
    both = [catalog["wine"], catalog["wine_threshold"]]
    for one in both:
        tensorize(one, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    plans = plan(both, tmp_path, force=[one.name for one in both])
    assert [(one.action, one.why) for one in plans] == [("make", FORCED)] * 2
    assert [one.action for one in plan(both, tmp_path)] == ["cached"] * 2
    assert sorted(tmp_path.rglob("*")) == before


def test_damage_is_told_first(source: TableSource) -> None:
    """What is damaged is healed, forced or not, and says so."""
    part = part_file(make(source).path)
    part.write_bytes(b"x")
    assert make(source, force=True).why.startswith(f"damaged: {part.name[:12]}….pt: expected ")
    with pytest.raises(ptm.PtmError):
        ptm.load("nothing", source.root / "store")
