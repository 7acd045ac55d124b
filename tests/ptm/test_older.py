"""An artifact of an older version of ptm is made again once, and that is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt
from ptm.kinds.table import Options
from ptm.prepare import plan
from tests.support.stores import make, repoint, table


@pytest.fixture
def older(tmp_path: Path) -> Options:
    """A source whose artifact has a manifest, and a key, of format 1."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    source = table(tmp_path)
    folder = Path(make(source).path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    repoint(folder, json.dumps({**manifest, "format": 1, "scaler": None}).encode())
    for key in (folder.parent / "keys").iterdir():
        key.rename(key.with_name(f"{'1' * 64}.json"))
    return source


def test_it_is_made_again_and_said(older: Options) -> None:
    """What it would do, what it does and what `explain` says afterwards name the older version."""
    root, said = older.root / "store", "an older version of ptm made the one that is there"
    with pytest.raises(ArtifactCorrupt, match="an older version of ptm made it"):
        ptm.load(older.name, root)
    [planned] = plan([older], root)
    assert (planned.action, planned.why) == ("make", said)
    ref = make(older)
    assert (ref.cached, ref.why) == (False, said)
    assert make(older).cached
    assert ptm.load(older.name, root).tensors["features"].shape[0] > 0


def test_the_rest_of_the_store_goes_on(older: Options) -> None:
    """Status, verify and gc live with it; once the new one is there, gc takes the old one."""
    root = older.root / "store"
    assert "older version" in store.status(root)[0]["error"]
    assert [f for f in store.verify(root) if "older version" in f.error]
    pointer = store.read_pointer(root / older.name / "current.json")
    assert pointer
    before = root / older.name / pointer["publication"]
    make(older)
    store.gc(root)
    assert not before.exists() and make(older).cached
    shutil.rmtree(root)
