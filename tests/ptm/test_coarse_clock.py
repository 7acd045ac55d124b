"""The stat index under a clock that is coarse: whatever happens, what it believes is so."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ptm import index
from ptm.index import FileDigest, StatIndex, _hash, signature
from tests.ptm.coarse_clock import MS, World
from tests.support.stores import FAULTS

CHECKS = 120_000 if FAULTS >= 1000 else 20_000
DAY = 86_400_000 * MS
WORLDS: list[dict[str, Any]] = [
    {"tick": 1},
    {"tick": MS},
    {"tick": 4 * MS, "apart": 3 * DAY},
    {"tick": 10 * MS, "apart": -3 * DAY},
    {"tick": 2000 * MS},  # longer than the index waits
    {"tick": 4 * MS, "clock": False, "apart": DAY // 2},
    {"tick": 2000 * MS, "clock": False, "apart": -DAY // 2},
]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Rule:
    """A rule that does not hold: to believe all, or, like git, what is older than the index."""

    def __init__(self, believe_all: bool) -> None:
        self._all = believe_all
        self._known: dict[str, tuple[FileDigest, int]] = {}

    def digest(self, world: World, name: str) -> str:
        now = index.os.stat(name)
        entry, saved = self._known.get(name, (None, 0))
        if entry and entry.signature == signature(now) and (index.older(now, saved) or self._all):
            return entry.sha256
        entry = _hash(name, name, 0)
        world.happen()
        world.time += world.random.randrange(world.tick)
        self._known[name] = entry, world.now()  # the index is written a little later
        return entry.sha256


def run_world(world: World, checks: int) -> dict[str, int]:
    """Edits and checks at random; how often each rule believed what was no longer so."""
    count = dict.fromkeys(("naive", "git", "ptm", "from memory", "changed unseen"), 0)
    naive, git, raw = Rule(believe_all=True), Rule(believe_all=False), b""
    before: list[FileDigest] = []
    for _ in range(checks):
        if world.random.random() < 0.1:
            world.change_pace()
        for _ in range(world.random.randrange(6)):
            world.happen()
        if world.random.random() < 0.01:
            world.time += 2 * DAY
        name = world.random.choice([*sorted(world.files), *[world.watched] * 5])

        for rule, title in ((naive, "naive"), (git, "git")):
            reads = world.reads
            told = rule.digest(world, name)
            count[title] += world.reads == reads and told != sha256(world.files[name].data)

        reads, remembered = world.reads, StatIndex(raw)
        [entry] = remembered.digests([(name, name)])
        if world.reads == reads:
            count["from memory"] += 1
            count["ptm"] += entry.sha256 != sha256(world.files[name].data)
        raw = remembered.to_bytes()

        before = [*before[-20:], entry]
        old = world.random.choice(before)
        world.look_away()
        if old.unchanged():
            during = {sha256(data) for data in world.seen[old.name]}
            count["changed unseen"] += old.sha256 not in during
    return count


@pytest.mark.slow
def test_a_coarse_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """However edits, ticks and checks fall, what is believed is so; simpler rules do go wrong."""
    total: dict[str, int] = {}
    for seed, options in enumerate(WORLDS):
        world = World(seed, **options)
        with monkeypatch.context() as patch:
            world.enter(patch)
            count = run_world(world, -(-CHECKS // len(WORLDS)))
        print(options, count)
        assert count["ptm"] == count["changed unseen"] == 0
        assert count["from memory"] > 0
        total = {title: total.get(title, 0) + number for title, number in count.items()}
    print(f"of {CHECKS} checks wrong: {total}")
    assert total["naive"] > total["git"] > 0
    assert total["from memory"] > CHECKS // 10


@pytest.mark.parametrize(
    "rule",
    [
        lambda stat, clock: max(stat.st_mtime_ns, stat.st_ctime_ns) <= clock,
        lambda stat, clock: stat.st_mtime_ns < clock,
    ],
    ids=["as old as the clock", "mtime alone"],
)
def test_a_rule_that_is_a_little_weaker(monkeypatch: pytest.MonkeyPatch, rule: Any) -> None:
    """To trust files as old as the clock, or those with an old mtime, would go wrong."""
    world = World(1, tick=10 * MS)
    world.enter(monkeypatch)
    monkeypatch.setattr(index, "older", rule)
    assert run_world(world, 4000)["ptm"] > 0
