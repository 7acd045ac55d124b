"""Views that were drawn of publications, kept so that each is drawn once.

artifacts/wine/views/PUBLICATION.json     tables and sentences, and which picture is where
artifacts/wine/views/PUBLICATION-NAME.png

They are no part of an artifact: nothing verifies them, and whoever takes them away loses nothing.
"""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from ptm.store import disk

VIEWS = "views"


def kept_views(root: Path, name: str, publication: str, stamp: str) -> list[dict[str, Any]] | None:
    """What was kept of a publication; None where nothing was, or another code drew it.

    Args:
        root: the store.
        name: of the artifact.
        publication: name of its folder.
        stamp: of the code that draws; "" takes what any has drawn.

    Returns:
        What `keep_views` was given; "file" of each picture is where it is.
    """
    folder = root / name / VIEWS
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads((folder / f"{publication}.json").read_bytes())
        if stamp not in ("", kept["stamp"]):
            return None
        views: list[dict[str, Any]] = kept["views"]
        for view in views:
            if view["file"]:
                view["file"] = folder / Path(view["file"]).name
                if not view["file"].is_file():
                    return None
        return views
    return None


def keep_views(
    root: Path, name: str, publication: str, stamp: str, views: list[tuple[dict[str, Any], bytes]]
) -> None:
    """Keeps what was drawn of a publication: JSON values, and the PNG of each, b"" for none.

    Where the store cannot be written nothing is kept, and nothing is said.
    """
    folder = root / name / VIEWS
    told = []
    with suppress(OSError):
        disk.make_folders(folder)
        for values, png in views:
            file = f"{publication}-{values['name']}.png" if png else ""
            if png:
                _replace(folder / file, png)
            told.append(values | {"file": file})
        index = {"stamp": stamp, "views": told}
        _replace(folder / f"{publication}.json", json.dumps(index, ensure_ascii=False).encode())


def drop_views(root: Path, name: str, publication: str) -> None:
    """Takes away what was kept of a publication."""
    with suppress(OSError):
        for place in list((root / name / VIEWS).glob(f"{publication}*")):
            disk.remove(place)


def _replace(place: Path, raw: bytes) -> None:
    """Writes a file whole or not at all, in place of the one that may be there and be read."""
    fresh = place.with_name(f".{place.name}-{uuid.uuid4().hex}")
    try:
        with disk.create(fresh) as file:
            disk.write(file, raw)
        disk.replace(fresh, place)
    except OSError:
        with suppress(OSError):
            disk.remove(fresh)
        raise
