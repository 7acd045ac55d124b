"""Prints the peak resident memory, above the imports, of making the six data parts, in MB."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

PARTS = ("dog", "cats", "ct", "wine", "bikes", "austen")


def main(side: str, data: Path, notebook: Path) -> None:
    """Runs one side once; `side` is "ptm" or "notebook"."""
    import imageio.plugins.pillow
    import imageio.v2
    import imageio.v3
    import numpy as np
    import pyarrow.csv
    import pyarrow.parquet
    import pydicom
    import torch

    import ptm
    import ptm.prepare

    assert all((imageio, np, pyarrow, pydicom, torch, ptm))
    catalog = ptm.load_catalog(Path(__file__).parents[2] / "data" / "catalog.toml", data=data)
    code = notebook.read_text().split("for part in")[0] if side == "notebook" else ""
    sys.argv = ["notebook.py", str(data / "p1ch4")]
    scope: dict[str, object] = {}
    exec(compile(code, "notebook", "exec"), scope)
    before = _peak()
    with tempfile.TemporaryDirectory() as store:
        kept = []
        for part in PARTS:
            if side == "ptm":
                ptm.tensorize(catalog[part], artifacts=store)
            else:
                kept.append(scope[part]())  # type: ignore[operator]
    print(_peak() - before)


def _peak() -> float:
    """VmHWM in MB: unlike ru_maxrss it does not begin with that of the parent process."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
