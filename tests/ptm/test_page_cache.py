"""What stays in the page cache of what was written: all of what is small, nothing of the rest."""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

import pytest

import ptm
from ptm import memory
from tests.support.photos import STORES, Photos, write_photos

SIDE = 64  # pixels
RAW = 120 * SIDE * SIDE * 3  # bytes of pixels of a part: more than 1 MiB

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux can be told what to keep"
)


def cached(path: Path) -> float:
    """Which share of the pages of a file is in the page cache."""
    size, page = path.stat().st_size, mmap.PAGESIZE
    told = (ctypes.c_ubyte * -(-size // page))()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        start = ctypes.c_char.from_buffer(mapped)
        failed = ctypes.CDLL(None).mincore(ctypes.byref(start), ctypes.c_size_t(size), told)
        del start
    assert not failed
    return sum(one & 1 for one in told) / len(told)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    """Some parts of them."""
    return write_photos(tmp_path_factory.mktemp("photos") / "data", 500, SIDE, RAW)


@pytest.mark.parametrize("share", [1 << 40, 0], ids=["much", "little"])
@pytest.mark.parametrize("stored", STORES)
def test_what_stays(
    photos: Photos, stored: str, share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more than a share of the memory nothing that is published stays; of less, all."""
    written = tmp_path / "probe"
    written.write_bytes(bytes(RAW))
    if cached(written) < 1:
        pytest.skip("here nothing stays in the page cache")
    monkeypatch.setattr(memory, "SHARE", share)
    store = tmp_path / "store"
    ptm.tensorize(photos.source(stored), store)
    files = list((store / stored / "parts").glob("*.pt"))
    assert len(files) == len(ptm.load(stored, store).parts) > 3
    large = [path for path in files if path.stat().st_size > 1 << 20]
    assert large
    found = [cached(path) for path in large]
    assert max(found) < 0.1 if share else min(found) > 0.9, found


def test_how_much_may_stay() -> None:
    """A sixteenth of the memory that the system says it has may stay."""
    text = Path("/proc/meminfo").read_text()
    size = int(text.split("MemTotal:")[1].split()[0]) * 1024
    assert memory.fits_page_cache(size // 17) and not memory.fits_page_cache(size // 15)
