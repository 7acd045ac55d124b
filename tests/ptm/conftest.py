"""What the tests of the store share: a planted artifact, and looks at what is on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptm import store
from ptm.catalog import TableSource
from ptm.content import ArtifactRef
from tests.support.stores import ABOUT, planted, table


@pytest.fixture
def ref(tmp_path: Path) -> ArtifactRef:
    """The planted artifact, published in `tmp_path`."""
    return store.publish(tmp_path, ABOUT, planted(), 0.5)


@pytest.fixture
def source(tmp_path: Path) -> TableSource:
    """A table of two rows; its store is `tmp_path / "store"`."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    return table(tmp_path)
