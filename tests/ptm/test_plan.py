"""What a run would do, and why, is told before it does it; asking changes nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ptm import store
from ptm.catalog import load_catalog
from ptm.kinds.table import Options as TableSource
from ptm.prepare import plan, tensorize
from ptm.wanted import Plan
from tests.support.kinds import analyze
from tests.support.machine import part_file
from tests.support.stores import BOOK, flip, listing, make, shelf, table


def outcome(plans: list[Plan]) -> dict[str, str]:
    return {one.name: one.action for one in plans}


def planned(source: TableSource, rehash: bool = False) -> Plan:
    """What a run would do; and not one file of the store is touched by asking."""
    before = listing(source.root / "store")
    [one] = plan([source], source.root / "store", rehash=rehash)
    assert listing(source.root / "store") == before
    return one


def removed(source: TableSource) -> None:
    (source.root / "t.csv").unlink()


def damaged(source: TableSource) -> None:
    flip(part_file(store.current("t", source.root / "store").folder), 9, 1)


def one_byte(source: TableSource) -> None:
    (source.root / "t.csv").write_text("a,b\n1,2\n3,5\n")


def collected(source: TableSource) -> None:
    shutil.rmtree(shelf(source) / "keys")


def option(source: TableSource) -> None:
    make(table(source.root, standardize=True))


PLANS: dict[str, tuple[Callable[[TableSource], object], str, str]] = {
    "all there": (lambda _: None, "cached", "up to date"),
    "one byte changed": (one_byte, "make", "file t.csv changed"),
    "an option put back": (option, "cached", ""),
    "input missing": (removed, "fail", r"t: expected a file .*\(t\.csv\)"),
    "damaged": (damaged, "make", r"damaged: [0-9a-f]{12}…\.pt: expected sha256 "),
    "pointer gone": (collected, "make", "the store had none for its key any more"),
}


@pytest.mark.parametrize("rehash", [False, True], ids=["", "rehash"])
@pytest.mark.parametrize(("change", "action", "text"), PLANS.values(), ids=PLANS.keys())
def test_plan(
    source: TableSource,
    change: Callable[[TableSource], object],
    action: str,
    text: str,
    rehash: bool,
) -> None:
    """A plan tells what the run then does, and why, and touches nothing in the store."""
    make(source)
    change(source)
    one = planned(source, rehash)
    assert one.action == action
    assert re.match(text, one.why)
    if action != "fail":
        ref = make(source)
        assert ref.cached == (action == "cached")
        assert ref.why == one.why or action == "cached"


def test_plan_of_nothing(source: TableSource) -> None:
    """Where there is no store, all would be made, and asking makes none."""
    one = planned(source)
    assert (one.action, one.why) == ("make", "new")
    assert not (source.root / "store").exists()


def test_plan_of_analyses(tmp_path: Path, sample: Path) -> None:
    """An analysis may be made where its source would be; fails with it; else is known as well."""
    catalog, root = load_catalog(BOOK, sample), tmp_path / "store"
    wine, threshold = catalog["wine"], catalog["wine_threshold"]
    assert outcome(plan([wine, threshold], root)) == {"wine": "make", "wine_threshold": "maybe"}
    tensorize(wine, root)
    assert outcome(plan([wine, threshold], root)) == {"wine": "cached", "wine_threshold": "make"}
    analyze("wine_threshold", root)
    assert outcome(plan([wine, threshold], root)) == {"wine": "cached", "wine_threshold": "cached"}
    nowhere = wine.model_copy(update={"root": tmp_path / "nowhere"})
    assert outcome(plan([nowhere, threshold], root)) == {"wine": "fail", "wine_threshold": "fail"}
    assert outcome(plan(catalog.values(), root))["temperature_fits"] == "maybe"
    assert "temperature_fits" not in outcome(plan([catalog["dog"]], root))
