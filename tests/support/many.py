"""Catalogs of many small sources."""

from __future__ import annotations

from pathlib import Path

TABLE, TEXT = "a,b\n1,2\n3,4\n", "one line\nand another\n"
ENTRIES = {
    "table": '[{name}]\nkind = "table"\npath = "{name}.csv"\n',
    "text": '[{name}]\nkind = "text"\npath = "{name}.txt"\nline = 1\n',
}


def write_many(root: Path, count: int, bad: frozenset[int] = frozenset()) -> Path:
    """A folder with the files of many sources, every other one a table or a text; its catalog.

    Args:
        root: the folder, which is made.
        count: how many: s000, s001, …
        bad: the numbers of those whose file is not there.
    """
    root.mkdir()
    entries = []
    for number in range(count):
        kind, name = ("text", "table")[number % 2], f"s{number:03}"
        entries.append(ENTRIES[kind].format(name=name))
        if number not in bad:
            file = f"{name}.csv" if kind == "table" else f"{name}.txt"
            (root / file).write_text(TABLE if kind == "table" else TEXT)
    catalog = root / "catalog.toml"
    catalog.write_text("\n".join(entries))
    return catalog
