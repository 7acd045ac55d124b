"""Data with names of many letters, and commands whose bytes and streams matter."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ptm.catalog import load_catalog
from ptm.prepare import tensorize
from tests.support.commands import PTM

C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LONG = "a_source_whose_name_has_forty_letters_xx"
FILE = "b[red] höhe 😀.png"
NOTE = "a text of many words, which is a value of a table and not a short one, 이것은 긴 글이다"
CATALOG = f"""
[{LONG}]
kind = "table"
path = "집 Häuser.csv"
target = "가격"
measures = {{ Farbe = "categorical" }}
units = {{ "größe" = "m²", "[bold]x[/]" = "[/]" }}
[many]
kind = "table"
path = "many.csv"
[photos]
kind = "images"
path = "사진"
pattern = "*.png"
"""
COLUMNS = ["가격", "größe", "[bold]x[/]", ">y", ":smile:", "Farbe", "a" * 40]


def lay_out_letters(place: Path) -> None:
    """Data of many letters below a folder, `data/catalog.toml`, and their `artifacts/`."""
    root = place / "data"
    (root / "사진").mkdir(parents=True)
    Image.fromarray(np.full((70, 80, 3), 90, np.uint8)).save(root / "사진" / FILE)
    rows = [
        ",".join([f"{n}.5", *f"{n}" * 4, "빨강 😀" if n % 2 else "grün", "1000.123"])
        for n in range(8)
    ]
    text = "\n".join([",".join(COLUMNS), *rows, ""])
    (root / "집 Häuser.csv").write_text(text, encoding="utf-8")
    many = [
        ",".join(f"column number {n}" for n in range(30)),
        *[",".join(["1234.5", *["7"] * 29])] * 3,
    ]
    (root / "many.csv").write_text("\n".join([*many, ""]))
    (root / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    for source in load_catalog(root / "catalog.toml", root).values():
        tensorize(source, place / "artifacts")


def process(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, with bytes as it wrote them."""
    environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"} | options.pop("env", {})
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run([PTM, *map(str, arguments)], env=environment, timeout=120, **streams)


def in_shell(redirection: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The command with its streams redirected by a shell."""
    line = ["sh", "-c", f'exec "$@" {redirection}', "sh", PTM, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, timeout=120)
