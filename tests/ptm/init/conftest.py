"""What the tests of `ptm init` share: folders with planted files, and the catalog of one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ptm.init import Found, catalog_text, inspect

Catalog = dict[str, dict[str, Any]]


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Catalog]:
    """The catalog that `ptm init` makes of files: look({"a.csv": text or bytes, …})."""

    def look(files: dict[str, str | bytes] | None = None, lone: str = "") -> Catalog:
        plant(tmp_path, files or {})
        return catalog_of(inspect(tmp_path / lone))

    return look


@pytest.fixture
def left_out(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """What `ptm init` leaves out of files, with the reasons."""

    def left_out(files: dict[str, str | bytes] | None = None) -> dict[str, str]:
        plant(tmp_path, files or {})
        return dict(inspect(tmp_path).left_out)

    return left_out


def plant(folder: Path, files: dict[str, str | bytes]) -> None:
    """Files with their contents."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def catalog_of(found: Found) -> Catalog:
    """The entries of the catalog, as TOML is read."""
    catalog: Catalog = tomllib.loads(catalog_text(found, found.root / "catalog.toml"))
    return {name: entry for name, entry in catalog.items() if name != "catalog"}
