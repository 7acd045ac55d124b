"""Readings of one feature and a target, and entries of the kind "fits" that are of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from ptm.catalog import load_catalog, with_options
from ptm.kinds import table
from ptm.kinds.fits import Options
from ptm.model import Artifact, Block
from tests.support.kinds import analysis_of, artifact_of, block_of
from tests.support.stores import BOOK

T_C = [0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0]
T_U = [35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4]
DIVERGING = {
    "name": "manual_diverging", "gradient": "hand-written", "learning_rate": 1e-2, "epochs": 100,
}  # fmt: skip


@cache
def of_the_book() -> Options:
    """The entry of the book's catalog."""
    return cast(Options, load_catalog(BOOK)["temperature_fits"])


def bare(**options: Any) -> Options:
    """An entry that says no more than it must, but for these options."""
    return Options(**{"name": "lines", "root": Path(), "kind": "fits", "of": "plane", **options})


def readings(x: Any, y: Any, names: tuple[str, str] = ("x", "y"), **options: Any) -> Artifact:
    """The artifact of a table of one column and a target, as the kind "table" makes it."""
    rows = tuple(zip(map(float, x), map(float, y), strict=True))
    given = {"columns": names, "rows": rows, "target": names[1], "standardize": False, **options}
    source = table.Options(name="plane", root=Path(), kind="table", **given)
    return artifact_of(block_of(source, []), "plane", "table")


def analysed(t_u: list[float] = T_U, t_c: list[float] = T_C, **options: Any) -> Block:
    """The book's entry with other options, of the book's table with other readings."""
    units = {"t_u": "unknown unit", "t_c": "°C"}
    artifact = readings(t_u, t_c, ("t_u", "t_c"), units=units)
    return analysis_of(with_options(of_the_book(), options), artifact)
