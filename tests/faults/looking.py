"""Folders of whole and of mutated files, and what `ptm init` makes of them.

Run as a program it looks at folders in a process of its own, whose memory and time are bounded:
`python -m tests.faults.looking FOLDER FIRST COUNT` prints a JSON object for each that came to
anything but a catalog that loads, and runs without an error but a PtmError.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.mutations import MEMORY, NUMBER, PIXELS, READERS, Reader, alarm, mutated

MOST_FILES = 6
RUN = 10  # one catalog of so many is run, too
FOLDERS = ("", "", "images", "masks", "train", "test", "train/cats", "train/dogs", "a b", "Ünïx")
NAMES = (
    *("labels.csv", "train.csv", "test.csv", "metadata.jsonl", "README.md", "data.csv", "x"),
    *("x.csv", "x.tsv", "x.json", "x.png", "x.jpg", "x.parquet", "0.png", "1.png", "IMG_1.JPG"),
    *(
        "[x].csv",
        "x*.csv",
        "{x}.png",
        "it's.csv",
        'a"b.csv',
        "-x.csv",
        "#x.csv",
        "ü.csv",
        "x.csv.gz",
    ),
)


def escapes(first: int, count: int, folder: Path) -> Iterator[dict[str, Any]]:
    """What folders come to, if it is no catalog that loads."""
    from ptm.errors import PtmError

    good = {name: build() for name, build in READERS.items()}
    for number in range(first, first + count):
        (folder / NUMBER).write_text(f"init {number}")
        place = folder / "data"
        shutil.rmtree(place, ignore_errors=True)
        try:
            with alarm():
                written = write(place, good, random.Random(f"init {number}"))
                _look(place, number % RUN == 0)
        except PtmError as error:
            yield {"number": number, "files": written, "error": f"no catalog: {error}"[:600]}
        except BaseException as error:
            where = "".join(traceback.format_exception(error)[-2:])
            told = f"{type(error).__name__}: {error}"[:300]
            yield {"number": number, "files": written, "error": told, "at": where}


def write(place: Path, good: dict[str, Reader], choose: random.Random) -> list[str]:
    """A few files, alike or not, whole or not; what they are."""
    kinds, written = choose.sample(sorted(good), choose.randint(1, 3)), []
    for number in range(choose.randint(1, MOST_FILES)):
        kind = choose.choice(kinds)
        one = good[kind]
        is_whole = choose.random() < 0.5
        raw = one.raw if is_whole else mutated(one.raw, choose, one.kind not in PIXELS)
        suffix = Path(one.name).suffix
        name = choose.choice([*NAMES, *[f"{number}{suffix}", one.name] * 10])
        path = place / choose.choice(FOLDERS) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        for beside, whole in one.others:
            (path.parent / beside).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / beside).write_bytes(whole)
        written.append(f"{kind} {'whole' if is_whole else 'mutated'} {path.relative_to(place)}")
    return written


def _look(place: Path, is_run: bool) -> None:
    import ptm
    from ptm.errors import CatalogError, PtmError
    from ptm.init import catalog_text, inspect

    found = inspect(place)
    catalog = place.parent / "catalog.toml"
    catalog.write_text(catalog_text(found, catalog), encoding="utf-8")
    if not found.entries:
        assert found.left_out, "nothing is found, and nothing is left out"
        return
    entries = ptm.load_catalog(catalog)
    assert sorted(entries) == sorted(entry.name for entry in found.entries)
    for source in entries.values() if is_run else ():
        try:
            ptm.tensorize(source, place.parent / "store")
        except CatalogError as error:
            raise ValueError(str(error)) from error
        except PtmError:
            pass
    shutil.rmtree(place.parent / "store", ignore_errors=True)


def main(folder: str, first: str, count: str) -> None:
    """See the module."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for escape in escapes(int(first), int(count), Path(folder)):
        print(json.dumps(escape), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
