"""What failed is told once, with all that is wrong, and every path in one piece."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Done, call_ptm

PHOTO = "holidays 2024/a photo with a long name, taken at the beach (copy 2).png"


@pytest.fixture
def failed(server: str, tmp_path: Path) -> Done:
    """A run of three sources, all bad, on a terminal of 80 columns."""
    root = tmp_path / "data"
    (root / PHOTO).parent.mkdir(parents=True)
    (root / PHOTO).write_bytes(b"no picture")
    rows = "".join(f"{n},x{n},1\n" for n in range(30))
    (root / "t.csv").write_text(f"a,b,c\n{rows}")
    (root / "days.csv").write_text("date,hour,v\n2011-13-01,0,1\n2011-01-01,24,1\n2011-01-01,1,x\n")
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(
        '[photos]\nkind = "images"\npath = "."\npattern = "**/*.png"\n'
        '[rows]\nkind = "table"\npath = "t.csv"\n'
        '[days]\nkind = "timeseries"\npath = "days.csv"\n'
    )
    return call_ptm(
        "run", "--catalog", catalog, "--data", root, "--artifacts", tmp_path / "artifacts"
    )


def test_each_failure_is_printed_once(failed: Done) -> None:
    """Progress says that a source failed; why stands below the table, once."""
    assert failed.code == 1 and "Traceback" not in failed.out + failed.err
    for name in ("photos", "rows", "days"):
        assert failed.out.count(f"{name}: failed") == 1
        assert failed.out.count(f"failed {name}: ") == 1
    assert failed.out.count(PHOTO) == 1, "a path with blanks and parentheses is in one piece"
    assert failed.out.count("'x0'") == 1
    assert failed.err == ""
