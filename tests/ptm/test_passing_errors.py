"""An error that may pass says nothing of the bytes: it is no bad input and no damage."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ptm
from ptm.errors import PtmError
from ptm.kinds.table import Options as TableSource
from ptm.model import Block, File, Part
from ptm.registry import kind_named
from ptm.system_errors import NO_USE_TO_RETRY
from tests.support.stores import python

# a regular file whose bytes cannot be read: address 0 of any process is not there
UNREADABLE = Path("/proc/self/mem")
ENTRIES = {
    "images": ("images", "f/x.png"),
    "volume": ("volume", "f"),
    "table": ("table", "f/x.csv"),
    "timeseries": ("timeseries", "f/x.csv"),
    "text": ("text", "f/x.txt"),
}
# prints what reading comes to when a limit is so near that it cannot be done
AT_A_LIMIT = """
import os, re, resource, sys
import pandas, pyarrow.parquet
import ptm

root, limited, what = sys.argv[1:]
read = {
    "load": lambda artifact: ptm.load("x", root),
    "tensors": lambda artifact: artifact.tensors["features"],
    "table": lambda artifact: artifact.table,
}
for one in read.values():
    one(ptm.load("x", root))  # all that is imported, is
artifact = ptm.load("x", root)
if limited == "files":
    limit, used = resource.RLIMIT_NOFILE, len(os.listdir("/proc/self/fd")) - 1
else:
    limit = resource.RLIMIT_AS
    size = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
    used = size + 2**18  # a thread that begins now, without any, would end the process
before = resource.getrlimit(limit)
resource.setrlimit(limit, (used, before[1]))
try:
    read[what](artifact)
    came = "read"
except Exception as error:
    came = f"{type(error).__name__} {getattr(error, 'errno', None)}"
resource.setrlimit(limit, before)
print(came)
for one in read.values():
    one(artifact)
"""


@pytest.mark.parametrize(("kind", "path"), ENTRIES.values(), ids=ENTRIES.keys())
def test_a_disk_that_cannot_be_read(tmp_path: Path, kind: str, path: str) -> None:
    """A reading that fails is an OSError, which is tried again, of every kind of source."""
    name = "f/1.dcm" if path == "f" else path
    (tmp_path / "f").mkdir()
    (tmp_path / name).symlink_to(UNREADABLE)
    source = kind_named(kind).options(name="s", root=tmp_path, kind=kind, path=path)
    part = Part(0, (File(Path(name).name, str(tmp_path / name)),))
    with pytest.raises(OSError) as caught:
        kind_named(kind).code.read(source, part)
    assert caught.value.errno == errno.EIO and caught.value.errno not in NO_USE_TO_RETRY
    with pytest.raises(OSError):
        ptm.tensorize(source, tmp_path / "store")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a table."""
    (tmp_path / "x.csv").write_text("a,b\n" + "1,2\n3,5\n" * 50_000)
    source = TableSource(name="x", root=tmp_path, kind="table", path="x.csv")
    ptm.tensorize(source, tmp_path / "store")
    return tmp_path / "store"


@pytest.mark.parametrize(
    ("limit", "what", "came"),
    [
        pytest.param("files", "load", f"OSError {errno.EMFILE}", marks=pytest.mark.slow),
        pytest.param("files", "tensors", f"OSError {errno.EMFILE}", marks=pytest.mark.slow),
        ("files", "table", f"OSError {errno.EMFILE}"),
        pytest.param("memory", "tensors", f"OSError {errno.ENOMEM}", marks=pytest.mark.slow),
    ],
)
def test_reading_at_a_limit(store: Path, limit: str, what: str, came: str) -> None:
    """Too many open files, or no memory, while reading: the artifact is not called corrupt."""
    assert python(AT_A_LIMIT, store, limit, what).strip() == came
    assert not [finding for finding in ptm.store.verify(store) if finding.error]


@pytest.mark.parametrize(
    "fault",
    [
        lambda: np.empty(1 << 60, np.uint8),
        lambda: torch.empty(1 << 60, dtype=torch.uint8),
        lambda: (_ for _ in ()).throw(MemoryError),
    ],
    ids=["numpy", "torch", "Python"],
)
def test_no_memory_to_make_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], object]
) -> None:
    """Where memory runs out, that is said with the name; the input is not blamed."""

    def read(options: TableSource, part: Part) -> Block:
        result = fault()
        next(iter(result)) if not isinstance(result, np.ndarray | torch.Tensor) else None
        raise AssertionError

    (tmp_path / "x.csv").write_text("a\n1\n")
    source = TableSource(name="x", root=tmp_path, kind="table", path="x.csv")
    monkeypatch.setattr("ptm.kinds.table.read", read)
    with pytest.raises(PtmError, match="x: expected memory to make it in, got none left") as caught:
        ptm.tensorize(source, tmp_path / "store")
    assert type(caught.value) is PtmError
