"""How often loaders have opened a split that is not train: counted beside the store, and shown."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm.errors import PtmError
from ptm.store import openings, verify
from ptm.store.openings import OPENED, note_opening
from tests.support.commands import call_ptm
from tests.support.splits import SHARES, table

pytestmark = pytest.mark.usefixtures("unsynced")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """An artifact of 90 rows in three splits."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 3)), columns=[*"abc"])
    table(tmp_path, frame, SHARES)
    return tmp_path / "store" / "x"


def test_each_loader_is_counted(shelf: Path) -> None:
    """Those of train are not, nor is a split that there is none of; datasets are not loaders."""
    found = ptm.load("x", shelf.parent)
    found.loader("train", 8)
    assert openings(shelf) == {}
    for split in ("test", "val", "test"):
        found.loader(split, 8)
    found.dataset("test")
    with pytest.raises(PtmError):
        found.loader("tset", 8)
    assert {name: one.times for name, one in openings(shelf).items()} == {"test": 2, "val": 1}
    assert not [one for one in verify(shelf.parent) if one.error]
    assert ptm.load("x", shelf.parent).split("test").numel()


def test_it_is_shown(shelf: Path) -> None:
    """`ptm show` tells how often, and when last."""
    found = ptm.load("x", shelf.parent)
    found.loader("test", 8)
    assert (
        "opened by loaders: test once, the last time 20"
        in call_ptm("show", "x", "--artifacts", shelf.parent).words
    )
    found.loader("test", 8)
    assert "test 2 times" in call_ptm("show", "x", "--artifacts", shelf.parent).words


def test_many_at_once(tmp_path: Path) -> None:
    """Lines of several processes and threads stay whole."""
    code = (
        "from pathlib import Path; import sys; from ptm.store.openings import note_opening\n"
        "for _ in range(200): note_opening(Path(sys.argv[1]), 'p', 'test')"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    others = [subprocess.Popen(command) for _ in range(2)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: note_opening(tmp_path, "p", "test"), range(200)))
    assert [other.wait() for other in others] == [0, 0]
    assert openings(tmp_path)["test"].times == 600


def test_what_is_no_line(shelf: Path) -> None:
    """Is not counted, and harms nothing; nor does a store that cannot be written."""
    (shelf / OPENED).write_text('{"when": "2026-01-01T00:00:00", "split": "test"}\nx\n[]\n{}\n')
    assert openings(shelf) == {"test": (1, "2026-01-01T00:00:00")}
    (shelf / OPENED).unlink()
    (shelf / OPENED).mkdir()
    ptm.load("x", shelf.parent).loader("test", 8)
    assert openings(shelf) == {}
