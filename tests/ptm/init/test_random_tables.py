"""Random tables in random dialects: `ptm init` finds which, and the kind then reads the values."""

from __future__ import annotations

import csv
import io
import random
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm.init import catalog_text, inspect

EPOCH = date(1970, 1, 1)
QUICK = range(6)
SLOW = range(6, 150)
NUMBERS = ("float", "int", "big")


@dataclass
class Written:
    """A table as it is written, and what is in it.

    Attributes:
        raw: the file.
        said: the options that tell how it is written.
        columns: the values of each column, None where there is none; numbers, texts or dates.
        kinds: what each column holds.
    """

    raw: bytes
    said: dict[str, Any]
    columns: dict[str, list[Any]]
    kinds: dict[str, str]


def written(seed: int) -> Written:
    """A table of three to six columns."""
    rng = random.Random(seed)
    delimiter = rng.choice([",", ";", "\t", "|", "whitespace"])
    decimal = "." if delimiter == "," else rng.choice(".,")
    groups = ["", {".": ",", ",": "."}[decimal], "'"]
    thousands = rng.choice([*groups, " "] if delimiter != "whitespace" else groups)
    header, gap = rng.random() < 0.7, rng.choice(["NA", "N/A", "null", "?", "-", "NaN"])
    encoding = rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"])
    form = rng.choice(["%Y-%m-%d", "%d.%m.%Y"])
    kinds = ["float", "big", *rng.choices(["int", "cat", "bool", "date"], k=rng.randint(1, 4))]
    rng.shuffle(kinds)

    def spelled(value: float) -> str:
        plain = f"{value:,.2f}" if thousands else f"{value:.2f}"
        return plain.replace(",", "\0").replace(".", decimal).replace("\0", thousands)

    makers: dict[str, Callable[[], tuple[Any, str]]] = {
        "float": lambda: both(round(rng.uniform(-90, 900), 2), spelled),
        "big": lambda: both(round(rng.uniform(1000, 9e6), 2), spelled),
        "int": lambda: both(rng.randint(0, 400), str),
        "cat": lambda: both(rng.choice(["Köln", "Süd", "Straße"]), str),
        "bool": lambda: both(rng.choice(["yes", "no"]), str),
        "date": lambda: both(
            date(2000, 1, 1) + timedelta(days=rng.randint(0, 9000)), lambda day: day.strftime(form)
        ),
    }
    names = [f"{kind}_{n}" if header else f"c{n}" for n, kind in enumerate(kinds)]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    lines = [names] if header else []
    for _ in range(120):
        cells = []
        for name, kind in zip(names, kinds, strict=True):
            value, text = makers[kind]()
            if kind in ("float", "big") and rng.random() < 0.06:
                value, text = None, gap
            columns[name].append(value)
            cells.append(text)
        lines.append(cells)
    out = io.StringIO()
    sign = " " if delimiter == "whitespace" else delimiter
    csv.writer(out, delimiter=sign, lineterminator=rng.choice(["\n", "\r\n"])).writerows(lines)
    text = out.getvalue().replace(" ", "   ") if sign == " " else out.getvalue()
    said = {"delimiter": delimiter, "decimal": decimal, "thousands": thousands, "header": header}
    kinds_of = dict(zip(names, kinds, strict=True))
    return Written(text.encode(encoding), said, columns, kinds_of)


def both(value: Any, spell: Callable[[Any], str]) -> tuple[Any, str]:
    """A value and its text."""
    return value, spell(value)


def check(seed: int, folder: Path) -> None:
    """Plants a table, has it looked at and made, and compares what is told and stored."""
    planted = written(seed)
    (folder / "t.csv").write_bytes(planted.raw)
    text = catalog_text(inspect(folder), folder / "catalog.toml")
    (folder / "catalog.toml").write_text(text, encoding="utf-8")
    entry = tomllib.loads(text)["t"]
    usual = {"delimiter": ",", "decimal": ".", "thousands": "", "header": True}
    assert {name: entry.get(name, value) for name, value in usual.items()} == planted.said, text
    ptm.tensorize(ptm.load_catalog(folder / "catalog.toml")["t"], folder / "artifacts")
    table = ptm.load("t", folder / "artifacts").table
    dropped = [n for n, how in entry.get("missing", {}).items() if how == "drop"]
    kept = [n for n in range(120) if all(planted.columns[d][n] is not None for d in dropped)]
    for name, kind in planted.kinds.items():
        truth, stored = [planted.columns[name][n] for n in kept], table[name].tolist()
        measure = {"cat": "categorical", "bool": "boolean", "date": "date"}.get(kind)
        assert measure in (None, entry.get("measures", {}).get(name)), f"{name}\n{text}"
        assert len(truth) == len(stored)
        if kind in NUMBERS and entry.get("measures", {}).get(name) is None:
            assert name not in entry.get("exclude", ()), text
            assert all(map(is_same, truth, map(float, stored))), f"{name}\n{text}"


def is_same(truth: float | None, stored: float) -> bool:
    """Whether a number is stored as it was written; one that is missing as NaN."""
    return stored != stored if truth is None else abs(stored - truth) <= 1e-9 * max(1, abs(truth))


@pytest.mark.parametrize("seed", QUICK)
def test_random_tables(seed: int, tmp_path: Path) -> None:
    """Delimiter, decimal sign, thousands, header, words for nothing; then the values."""
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW)
def test_more_random_tables(seed: int, tmp_path: Path) -> None:
    """The same of many more."""
    check(seed, tmp_path)
