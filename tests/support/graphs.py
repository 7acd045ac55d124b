"""Catalogs whose entries are of each other, with a kind of one's own that adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

SUM = '''
import torch
import ptm


def analyze(options, artifacts):
    """The sum of all first tensors, and how many they are."""
    firsts = [next(iter(one.tensors.values())) for one in artifacts.values()]
    total = torch.stack([tensor.double().sum() for tensor in firsts]).sum()
    return ptm.Block({"total": total.reshape(1)}, {"total": ("sample",)})
'''
HEAD = '[catalog]\nname = "graph"\nkinds = { sum = "sums.py" }\n'
TABLE = '[{name}]\nkind = "table"\npath = "{name}.csv"\nstandardize = false\n'
ROWS = "x\n1\n2\n"  # their sum is 3


def write_graph(root: Path, entries: Mapping[str, Sequence[str]], lost: Sequence[str] = ()) -> Path:
    """A folder with a catalog of tables, and of sums of them and of each other; the catalog.

    Args:
        root: the folder, which is made.
        entries: what each is of, in the order of the file; of nothing: a table that adds up to 3.
        lost: the tables whose file is not there.
    """
    root.mkdir(exist_ok=True)
    (root / "sums.py").write_text(SUM)
    said = [HEAD]
    for name, of in entries.items():
        if of:
            listed = ", ".join(f'"{one}"' for one in of)
            said.append(f'[{name}]\nkind = "sum"\nof = [{listed}]\n')
            continue
        said.append(TABLE.format(name=name))
        if name not in lost:
            (root / f"{name}.csv").write_text(ROWS)
    catalog = root / "catalog.toml"
    catalog.write_text("\n".join(said))
    return catalog


def place(catalog: Path) -> list[str | Path]:
    """Where a run of such a catalog finds it, its data and its store."""
    root = catalog.parent
    return ["--catalog", catalog, "--data", root, "--artifacts", root / "store"]
