"""Tables of many parts: their values are those of the file, wherever it is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ptm
from ptm.errors import InputError
from ptm.model import Artifact

pytestmark = pytest.mark.usefixtures("unsynced")


BIG = 2**53
COLUMNS = {
    "a target of large integers in one part": (
        [n if n < 20 else BIG + 2 * n + 1 for n in range(40)],
        "",
    ),
    "integers beyond int64 beside large ones": (
        [BIG + 1 if n < 20 else 10**19 for n in range(40)],
        "that int64 cannot hold",
    ),
    "fractions beside large integers": (
        [BIG + 1 if n < 20 else 0.5 for n in range(40)],
        "that int64 cannot hold",
    ),
}


@pytest.mark.parametrize("role", ["target", "ordinal"])
@pytest.mark.parametrize("sort", COLUMNS)
def test_large_integers(tmp_path: Path, sort: str, role: str) -> None:
    """Whether some part has none of them or all have: the same values, or the same fault."""
    values, expected = COLUMNS[sort]
    lines = ["x,big", *(f"{number},{value}" for number, value in enumerate(values))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    option = 'target = "big"' if role == "target" else 'measures = { big = "ordinal" }'
    source = f'[rows]\nkind = "table"\npath = "rows.csv"\n{option}\n'
    for size in (1 << 20, 1):  # one part, or one of each row
        catalog = tmp_path / "catalog.toml"
        catalog.write_text(f"{source}part_bytes = {size}\n")
        [one] = ptm.load_catalog(catalog, data=tmp_path).values()
        root = tmp_path / f"{size}"
        if expected:
            with pytest.raises(InputError) as raised:
                ptm.tensorize(one, root)
            assert "column 'big'" in str(raised.value)
            continue
        ptm.tensorize(one, root)
        made = ptm.load("rows", root)
        assert made.table["big"].tolist() == values
        stored = made.tensors["target"] if role == "target" else made.tensors["features"][:, 1]
        assert stored.tolist() == np.array(values, dtype=np.int64).astype(np.float32).tolist()
    if expected:
        assert expected in str(raised.value)


def test_raw_integers_that_float64_merges(tmp_path: Path) -> None:
    """Stored raw, features are float64; which values that merges is told, as it is of float32."""
    lines = ["x,big", *(f"{number},{BIG + number}" for number in range(40))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    for stored, dtype in (("raw", "float64"), ("scaled", "float32")):
        (tmp_path / "catalog.toml").write_text(
            f'[rows]\nkind = "table"\npath = "rows.csv"\nstore = "{stored}"\n'
            'measures = { big = "ordinal" }\n'
        )
        [one] = ptm.load_catalog(tmp_path / "catalog.toml", data=tmp_path).values()
        warnings = ptm.tensorize(one, tmp_path / stored).warnings
        assert [w for w in warnings if f"{dtype} merges distinct values of column 'big'" in w]
    raw, scaled = (ptm.load("rows", tmp_path / stored) for stored in ("raw", "scaled"))
    there = raw.transform({"features": raw.tensors["features"]})["features"]
    assert torch.equal(there, scaled.tensors["features"])


def table_of(root: Path, text: str, more: str, store_in: str) -> Artifact:
    """The artifact of a table of that text."""
    (root / "rows.csv").write_text(text)
    (root / "catalog.toml").write_text(f'[rows]\nkind = "table"\npath = "rows.csv"\n{more}\n')
    ptm.tensorize(ptm.load_catalog(root / "catalog.toml", data=root)["rows"], root / store_in)
    return ptm.load("rows", root / store_in)


@pytest.mark.parametrize("columns", ["", 'columns = ["c0", "c1"]'])
def test_the_first_row_stands_for_a_header(tmp_path: Path, columns: str) -> None:
    """Where it has other fields than before, later parts are no longer what they were."""
    rows = "".join(f"{n},{2 * n},{3 * n}\n" for n in range(30))
    more = f"header = false\npart_bytes = 64\n{columns}"
    table_of(tmp_path, f"1.00000000000000,2,3\n{rows}", more, "store")
    told = []
    for store_in in ("store", "fresh"):
        with pytest.raises(InputError) as raised:
            table_of(tmp_path, f"1.00000000000000,2,3,4\n{rows}", more, store_in)
        told.append(str(raised.value))
    assert told[0] == told[1] and "expected 4 fields, got 3" in told[0]


@pytest.mark.parametrize("other", ["1.0", "1e3", "1e18", "-0.0"])
def test_integers_however_they_are_spelled(tmp_path: Path, other: str) -> None:
    """Beside large integers what has another spelling is one too: in one part, and in many."""
    values = [f"{BIG + 1}"] * 3 + [other] * 8
    text = "x,big\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values))
    for size in (1, 1 << 20):
        more = f'measures = {{ big = "ordinal" }}\npart_bytes = {size}'
        made = table_of(tmp_path, text, more, f"{size}")
        expected = [BIG + 1] * 3 + [int(float(other))] * 8
        assert made.table["big"].tolist() == expected


def test_one_hot_targets_count(tmp_path: Path) -> None:
    """A part has about the bytes that it may have, with the encoding of its target."""
    text = "x,class\n" + "".join(f"{n},{n % 1000}\n" for n in range(3000))
    more = 'target = "class"\nclasses = 1000\npart_bytes = 1048576'
    made = table_of(tmp_path, text, more, "store")
    sizes = [part.ref.files["tensors"].bytes for part in made.parts]
    assert max(sizes) < 3 << 20 and len(sizes) > 4
